"""Audiences: the list, and one with its numbers over time, who is in, who came and went, and why."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, now
from rapport.signin.operators import may
from rapport.web.audiences import Day
from rapport.web.console import charts
from rapport.web.console.audiences_desk import Looked, Members, Moves, StumbleRow
from rapport.web.console.editing import doubts
from rapport.web.console.session import Session
from rapport.web.console.visit import Visit
from rapport.web.forms import go

AREA = "/console/audiences"
PAGE = 25
MOST_NAME, MOST_CUSTOMER = 100, 512
SPANS = (30, 90, 365)
"""Days that a chart can show."""


class Chart(msgspec.Struct, frozen=True):
    """How many were in, day by day, as a line over an area; and the same in numbers."""

    drawn: charts.Line
    days: tuple[Day, ...]
    entered: int
    left: int

    @property
    def first(self) -> int:
        return self.days[0].day * DAY

    @property
    def last(self) -> int:
        return self.days[-1].day * DAY


def chart_of(days: Sequence[Day]) -> Chart:
    counts = [day.inside for day in days]
    # One day alone is a level line.
    drawn = charts.line(counts * 2 if len(counts) == 1 else counts)
    return Chart(drawn, tuple(days), sum(day.entered for day in days), sum(day.left for day in days))


async def page(visit: Visit) -> Response:
    after = visit.asked("after", MOST_NAME)
    found = await visit.desk.audiences.page(visit.session, after, PAGE + 1)
    rows = [(one, charts.line(one.counts * 2 if len(one.counts) == 1 else one.counts)) for one in found[:PAGE]]
    return visit.page(
        "audiences.html",
        section="audiences",
        rows=rows,
        first=not after,
        onward=f"{AREA}?{urlencode({'after': found[PAGE - 1].standing.audience.name})}" if len(found) > PAGE else "",
        deleted=visit.asked("done", 20) == "deleted",
    )


async def show(visit: Visit) -> Response:
    return await _show(visit)


async def _show(visit: Visit, status: int = 200, problem: str = "") -> Response:
    """One audience. Who watches it has the page look again by itself, while everybody is being asked."""
    asked = visit.asked("days", 4)
    span = next((days for days in SPANS if str(days) == asked), SPANS[0])
    looked = await _looked(visit, span)
    return visit.page(
        "audience.html",
        status,
        section="audiences",
        looked=looked,
        chart=chart_of(looked.days),
        span=span,
        spans=SPANS,
        sees=may(visit.session.role or "", "customers"),
        watched=visit.asked("watch", 5) == "yes",
        saved=visit.asked("saved", 5) == "yes",
        problem=problem,
        doubts=await doubts(visit, "audience", looked.standing.audience.expression),
        now=now(),
    )


async def delete(visit: Visit) -> Response:
    """What rests on it is said on its page."""
    try:
        await visit.desk.audiences.delete(visit.session, _name(visit))
    except Conflict as error:
        return await _show(visit, error.status, error.message)
    return go(f"{AREA}?done=deleted")


# -- whom it is about


async def people(visit: Visit) -> Response:
    desk = visit.desk.audiences
    return await _rows(visit, "people", desk.people, desk.stumbles)


async def moves(visit: Visit) -> Response:
    return await _rows(visit, "moves", visit.desk.audiences.moves)


async def _rows(
    visit: Visit,
    what: str,
    page: Callable[[Session, str, str | None], Awaitable[Members | Moves]],
    stumbles: Callable[[Session, str], Awaitable[tuple[StumbleRow, ...]]] | None = None,
) -> Response:
    """A page of customers; with `stumbles` also those on whom the expression fails."""
    looked = await _looked(visit, 1)
    if other := _other_purpose(visit, looked):
        return other
    cursor = visit.asked("cursor") or None
    found = await page(visit.session, _name(visit), cursor)
    return visit.page(
        f"audience_{what}.html",
        section="audiences",
        looked=looked,
        rows=found.rows,
        first=cursor is None,
        onward=_onward(visit, what, found.next),
        stumbles=await stumbles(visit.session, _name(visit)) if stumbles is not None and looked.reasons else (),
        now=now(),
    )


async def why(visit: Visit) -> Response:
    """Why a customer is in or out; without one, the form that asks."""
    looked = await _looked(visit, 1)
    if other := _other_purpose(visit, looked):
        return other
    customer, told, problem, status = visit.asked("customer", MOST_CUSTOMER), None, "", 200
    if customer:
        try:
            told = await visit.desk.audiences.why(visit.session, _name(visit), customer)
        except (BadInput, Conflict) as error:
            problem, status = error.message, 400
        except NotFound:
            problem = f"nobody is known by that, or nobody who may be looked at for {visit.session.purpose}"
            status = 404
    values = {"looked": looked, "customer": customer, "told": told, "problem": problem}
    return visit.page("audience_why.html", status, section="audiences", **values)


def _name(visit: Visit) -> str:
    name: str = visit.request.path_params["name"]
    return name


async def _looked(visit: Visit, days: int) -> Looked:
    return await visit.desk.audiences.named(visit.session, _name(visit), days)


def _other_purpose(visit: Visit, looked: Looked) -> Response | None:
    """A page that offers to look for the audience's own purpose, where the session looks for another."""
    if looked.standing.audience.purpose == visit.session.purpose:
        return None
    query = visit.request.url.query
    back = f"{visit.request.url.path}?{query}" if query else visit.request.url.path
    return visit.page("audience_purpose.html", section="audiences", looked=looked, back=back)


def _onward(visit: Visit, what: str, cursor: str | None) -> str:
    return f"{AREA}/{_name(visit)}/{what}?{urlencode({'cursor': cursor})}" if cursor else ""
