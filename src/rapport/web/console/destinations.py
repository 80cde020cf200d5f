"""Destinations: where what happens to customers is sent, how each fares, and what is to be done about it."""

from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.act import webhooks
from rapport.act.activation import MOST_AT_ONCE, MOST_PER_SECOND, Destination, Health, Tried, wish_of
from rapport.kernel.errors import BadInput, Busy, Conflict
from rapport.kernel.times import now
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms.declaration import recipients_of
from rapport.terms.exports import FORMATS
from rapport.web.console.destination_form import KINDS, filled, wished
from rapport.web.console.visit import Visit
from rapport.web.destinations import Placed
from rapport.web.forms import go

AREA: Final = "/console/destinations"
PAGE, FAILURES = 25, 20
DONE: Final = {
    "made": "Made. It is told from now on; who is in the audience already is told first.",
    "changed": "Changed. It holds for whatever is sent from now on.",
    "paused": "Paused. What happens meanwhile waits; deletions are sent all the same.",
    "resumed": "It is sent to again, beginning with what waited.",
    "replayed": "What was given up is tried again, first thing. Values are read anew.",
    "removed": "Removed. Who was handed over and withdraws later is still deleted there.",
}


class Row(msgspec.Struct, frozen=True):
    """A destination in a list, with how it is in one word."""

    one: Destination
    health: Health

    @property
    def state(self) -> str:
        return state_of(self.one, self.health)


class Renewed(msgspec.Struct, frozen=True):
    """A destination that was given another secret."""

    destination: Destination
    health: Health
    secret: str | None
    fresh: bool = False
    warnings: tuple[str, ...] = ()


def state_of(one: Destination, health: Health) -> str:
    if one.paused:
        return "stopped" if one.why else "paused"
    if health.error and (health.waiting or one.kind == "file") and (health.failed_at or 0) > (health.sent_at or 0):
        return "troubled"
    return "failed" if health.dead else "well"


async def page(visit: Visit) -> Response:
    after = visit.asked("after", 63)
    found = [Row(*pair) for pair in await visit.desk.destinations.listed(visit.session.org) if pair[0].name > after]
    return visit.page(
        "destinations.html",
        section="destinations",
        rows=found[:PAGE],
        kinds=KINDS,
        first=not after,
        onward=f"{AREA}?{urlencode({'after': found[PAGE - 1].one.name})}" if len(found) > PAGE else "",
        done=DONE.get(visit.asked("done", 20), ""),
        now=now(),
    )


async def show(visit: Visit) -> Response:
    return await _show(visit, _name(visit))


async def _show(visit: Visit, name: str, *, tried: Tried | None = None, placed: Placed | None = None) -> Response:
    """`tried`: what came of a test just now; `placed`: what was just made, whose secret is shown this once."""
    cursor = visit.asked("cursor", 60) or None
    one, health = await visit.desk.destinations.named(visit.session.org, name)
    failures, following = await visit.desk.destinations.failures(visit.session.org, one.name, cursor, FAILURES)
    return visit.page(
        "destination.html",
        section="destinations",
        row=Row(one, health),
        kinds=KINDS,
        failures=failures,
        first=cursor is None,
        onward=f"{AREA}/{one.name}?{urlencode({'cursor': following})}" if following else "",
        tried=tried,
        secret="" if placed is None else placed.secret or "",
        warnings=() if placed is None else placed.warnings,
        done="" if placed is not None else DONE.get(visit.asked("done", 20), ""),
        now=now(),
        here=f"{AREA}/{one.name}",
    )


# -- making and changing


async def making(visit: Visit) -> Response:
    return await _form(visit, {"audience": visit.asked("audience", 63)})


async def changing(visit: Visit) -> Response:
    one, _ = await visit.desk.destinations.named(visit.session.org, _name(visit))
    return await _form(visit, filled(one), one=one)


async def _form(
    visit: Visit, said: dict[str, str], *, one: Destination | None = None, error: BadInput | Conflict | None = None
) -> Response:
    declaration = (await visit.desk.promised(visit.session)).declaration
    return visit.page(
        "destination_form.html",
        200 if error is None else error.status,
        section="destinations",
        one=one,
        said=said,
        error=error,
        at_fault=(error.field or "").partition(".")[0] if error is not None else "",
        kinds=KINDS,
        formats=FORMATS,
        audiences=await visit.desk.destinations.audiences(visit.session.org),
        promised=[name for name in PURPOSES if name in declaration.purposes],
        recipients=sorted(recipients_of(declaration)),
        most_per_second=MOST_PER_SECOND,
        most_at_once=MOST_AT_ONCE,
        here=AREA if one is None else f"{AREA}/{one.name}/change",
    )


async def make(visit: Visit) -> Response:
    """Make one; what is wrong with it is said on the form."""
    desk, form = visit.desk.destinations, visit.form
    name = form.get("name", "").strip()
    if name in {one.name for one, _ in await desk.listed(visit.session.org)}:
        taken = Conflict(f"There is a destination “{name}” already.", code="exists", field="name")
        return await _form(visit, form, error=taken)
    await visit.desk.staff.note(visit.session, "put a destination", name[:63])
    try:
        placed = await desk.put(visit.session.org, name, wished(form, await desk.audiences(visit.session.org)))
    except (BadInput, Conflict) as error:
        return await _form(visit, form, error=error)
    return await _placed(visit, placed, "made")


async def change(visit: Visit) -> Response:
    """The same of one that is there."""
    desk = visit.desk.destinations
    one, _ = await desk.named(visit.session.org, _name(visit))
    try:
        wish = wished(visit.form, await desk.audiences(visit.session.org))
        placed = await desk.put(visit.session.org, one.name, wish)
    except (BadInput, Conflict) as error:
        return await _form(visit, visit.form, one=one, error=error)
    return await _placed(visit, placed, "changed")


async def renew(visit: Visit) -> Response:
    """Another secret for a webhook: the one before signs nothing any more."""
    one, _ = await visit.desk.destinations.named(visit.session.org, _name(visit))
    if one.kind != "webhook":
        raise Conflict("Only a webhook's secret is made by the node.", code="no_secret")
    secret = webhooks.fresh_secret()
    wish = msgspec.structs.replace(wish_of(one), secret=secret)
    placed = await visit.desk.destinations.put(visit.session.org, one.name, wish)
    return await _show(visit, one.name, placed=Renewed(placed.destination, placed.health, secret))


async def _placed(visit: Visit, placed: Placed, done: str) -> Response:
    """On to its page; a secret that was made is shown there, and nowhere else later."""
    if placed.secret is None and not placed.warnings:
        return go(f"{AREA}/{placed.destination.name}?{urlencode({'done': done})}")
    return await _show(visit, placed.destination.name, placed=placed)


# -- looking after one


async def pause(visit: Visit) -> Response:
    await visit.desk.destinations.pause(visit.session.org, _name(visit))
    return _back(visit, "paused")


async def resume(visit: Visit) -> Response:
    await visit.desk.destinations.resume(visit.session.org, _name(visit))
    return _back(visit, "resumed")


async def replay(visit: Visit) -> Response:
    """One that was given up, by its id; or all."""
    await visit.desk.destinations.replay(visit.session.org, _name(visit), visit.form.get("id") or None)
    return _back(visit, "replayed")


async def trial(visit: Visit) -> Response:
    name = _name(visit)
    return await _show(visit, name, tried=await visit.desk.destinations.trial(visit.session.org, name))


async def file(visit: Visit) -> Response:
    """Have its file made; on to where it can be watched."""
    try:
        asked = await visit.desk.destinations.make(visit.session.org, _name(visit))
    except Busy as error:
        raise Conflict(error.message, code="busy") from None
    return go(f"/console/exports/{asked.id}?watch=yes")


async def remove(visit: Visit) -> Response:
    await visit.desk.destinations.remove(visit.session.org, _name(visit))
    return go(f"{AREA}?done=removed")


def _name(visit: Visit) -> str:
    return str(visit.request.path_params["destination"])


def _back(visit: Visit, done: str) -> Response:
    return go(f"{AREA}/{_name(visit)}?{urlencode({'done': done})}")
