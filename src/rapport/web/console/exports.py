"""Exports: asked for by a small form, watched while the node makes them, fetched, deleted."""

from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.times import now
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms.declaration import Promise
from rapport.terms.exports import FORMATS, Wish
from rapport.web import words
from rapport.web.console.visit import Visit
from rapport.web.exports import metadata, streamed
from rapport.web.forms import go

AREA = "/console/exports"
PAGE = 20
LONGEST_LIMIT = 12


class Choice(msgspec.Struct, frozen=True):
    """A purpose that the organization may export for: what it promises, and to whom it may give it."""

    purpose: str
    meaning: str
    retention_days: int | None
    recipients: tuple[str, ...]


async def page(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Response:
    cursor = visit.asked("cursor", 60) or None
    try:
        found = await visit.desk.exports.page(visit.session.org, cursor, PAGE + 1)
    except NotFound:
        raise BadInput("This list has no such page.", code="bad_cursor", field="cursor") from None
    choices = await _choices(visit)
    chosen = visit.form.get("purpose") or visit.session.purpose
    return visit.page(
        "exports.html",
        status,
        section="exports",
        rows=found[:PAGE],
        choices=choices,
        chosen=chosen if chosen in [one.purpose for one in choices] else choices[0].purpose if choices else "",
        formats=FORMATS,
        filled=visit.form,
        problem=problem,
        first=cursor is None,
        onward=f"{AREA}?{urlencode({'cursor': found[PAGE - 1].id})}" if len(found) > PAGE else "",
        deleted=visit.asked("done", 20) == "deleted",
        now=now(),
    )


async def _choices(visit: Visit) -> list[Choice]:
    """In the order in which purposes are told everywhere; others after them."""
    promised = (await visit.desk.promised(visit.session)).declaration.purposes
    order = [*(name for name in PURPOSES if name in promised), *(name for name in promised if name not in PURPOSES)]
    return [_choice(name, promised[name]) for name in order]


def _choice(name: str, promise: Promise) -> Choice:
    return Choice(name, words.PURPOSES.get(name, ""), promise.retention_days, promise.recipients or ())


async def ask(visit: Visit) -> Response:
    """Ask for one; what is wrong with it is said on the form."""
    try:
        asked = await visit.desk.exports.ask(visit.session.org, await _wish(visit))
    except (BadInput, Busy, Conflict) as error:
        response = await _page(visit, error.status, error.message)
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(error.retry_after)
        return response
    return go(f"{AREA}/{asked.id}?watch=yes")


async def _wish(visit: Visit) -> Wish:
    """What the form says: the boxes of the chosen purpose count, those of others do not."""
    form = visit.form
    purpose = form.get("purpose", "")
    chosen = [one for one in await _choices(visit) if one.purpose == purpose]
    recipients = [name for one in chosen for n, name in enumerate(one.recipients) if form.get(f"to.{purpose}.{n}")]
    chosen_format = form.get("format", "")
    if chosen_format not in FORMATS:
        raise BadInput("Choose a format.", field="format")
    written = form.get("limit", "").strip().replace(",", "")
    if written and not (written.isascii() and written.isdigit() and len(written) <= LONGEST_LIMIT and int(written)):
        raise BadInput("How many at most must be a number from 1, or empty.", code="bad_limit", field="limit")
    return Wish(purpose, chosen_format, int(written) if written else None, tuple(recipients))  # type: ignore[arg-type]  # one of them


async def show(visit: Visit) -> Response:
    """One export. Who watches it has the page look again by itself, while there is something to wait for."""
    one = await visit.desk.exports.named(visit.session.org, visit.request.path_params["export"])
    watched = visit.asked("watch", 5) == "yes"
    moving = one.status in ("waiting", "running")
    return visit.page("export.html", section="exports", one=one, moving=moving, watched=watched, now=now())


async def file(visit: Visit) -> Response:
    one, pieces = await visit.desk.exports.file(visit.session.org, visit.request.path_params["export"])
    return streamed(one, pieces, AREA)


async def beside(visit: Visit) -> Response:
    """What the file rests on."""
    return metadata(await visit.desk.exports.named(visit.session.org, visit.request.path_params["export"]))


async def delete(visit: Visit) -> Response:
    await visit.desk.exports.delete(visit.session.org, visit.request.path_params["export"])
    return go(f"{AREA}?done=deleted")
