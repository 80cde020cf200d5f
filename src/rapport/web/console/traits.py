"""Computed traits: the list, those that are ready made, and one with what rests on it."""

from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import now
from rapport.web.audiences import TraitWish
from rapport.web.console.audiences_desk import Offers
from rapport.web.console.editing import doubts, purposes_of
from rapport.web.console.visit import Visit
from rapport.web.forms import go

AREA = "/console/traits"
PAGE = 25
MOST_NAME = 100
MOST_AMOUNTS = 4


async def page(visit: Visit) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "") -> Response:
    after = visit.asked("after", MOST_NAME)
    found = await visit.desk.audiences.traits(visit.session, after, PAGE + 1)
    return visit.page(
        "traits.html",
        status,
        section="traits",
        rows=found[:PAGE],
        offers=(offered := await visit.desk.audiences.offers(visit.session)).offers,
        purchases=purchases(offered),
        choices=await purposes_of(visit),
        filled=visit.form,
        problem=problem,
        first=not after,
        onward=f"{AREA}?{urlencode({'after': found[PAGE - 1].name})}" if len(found) > PAGE else "",
        deleted=visit.asked("done", 20) == "deleted",
        now=now(),
    )


async def take(visit: Visit) -> Response:
    """Make a ready-made trait, under the name of its model."""
    form = visit.form
    model, (event, value) = form.get("model", ""), bought(form)
    wish = TraitWish(form.get("purpose", ""), model=model, event=event, value=value or None)
    try:
        saved = await visit.desk.audiences.put_trait(visit.session, model, wish, 0)
    except (BadInput, Conflict) as error:
        return await _page(visit, error.status, error.message)
    return go(f"{AREA}/{saved.definition.name}?saved=yes")


def bought(form: dict[str, str]) -> tuple[str, str]:
    """The event that is a purchase, and what says for how much: typed, or one of those that were offered."""
    if form.get("event", "").strip():
        return form["event"].strip(), form.get("value", "").strip()
    try:
        return msgspec.json.decode(form.get("purchase", ""), type=tuple[str, str])
    except msgspec.DecodeError:
        return "", ""


def purchases(offered: Offers) -> list[tuple[str, str]]:
    """What can be chosen as a purchase: (the event and the property as a form sends them, in words)."""
    return [
        (
            msgspec.json.encode((event, value)).decode(),
            f"{event}, for its {value}" if value else f"{event}, whatever it was",
        )
        for event, properties in offered.purchases
        for value in (*properties[:MOST_AMOUNTS], "")
    ]


async def show(visit: Visit) -> Response:
    return await _show(visit)


async def _show(visit: Visit, status: int = 200, problem: str = "") -> Response:
    looked = await visit.desk.audiences.trait(visit.session, _name(visit))
    expression = looked.trait.expression
    return visit.page(
        "trait.html",
        status,
        section="traits",
        looked=looked,
        doubts=await doubts(visit, "trait", expression) if expression else (),
        saved=visit.asked("saved", 5) == "yes",
        problem=problem,
        now=now(),
    )


async def delete(visit: Visit) -> Response:
    """What rests on it is said on its page."""
    try:
        await visit.desk.audiences.delete_trait(visit.session, _name(visit))
    except Conflict as error:
        return await _show(visit, error.status, error.message)
    return go(f"{AREA}?done=deleted")


def _name(visit: Visit) -> str:
    name: str = visit.request.path_params["name"]
    return name
