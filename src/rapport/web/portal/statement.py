"""The statement: one page of what came of the person's data, to read, to print, or as JSON."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.kernel.times import now, rfc3339
from rapport.web.portal.visit import AREA, Visit

_TO_OCTOBER = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_MONTHS = (*_TO_OCTOBER, "November", "December")
MOST_MONTH = 7


class Bar(msgspec.Struct, frozen=True):
    """How often a company used something, and how often it got nothing; each with its width in percent."""

    name: str
    given: int
    nothing: int
    given_width: float
    nothing_width: float


async def statement(visit: Visit) -> Response:
    """Of one month (`?month=2026-11`), or of all time."""
    month = visit.request.query_params.get("month") or None
    if month is not None and len(month) > MOST_MONTH:
        raise BadInput("a month is written as 2026-11", code="bad_month", field="month")
    told = await visit.desk.statement(visit.session, month)
    if "application/json" in visit.request.headers.get("accept", ""):
        response = Response(msgspec.json.encode(told), media_type="application/json")
    else:
        response = visit.page("statement.html", section="statement", told=told, **_shown(told, month))
    response.headers["Vary"] = "Accept"
    return response


def _shown(told: Mapping[str, Any], month: str | None) -> dict[str, Any]:
    shown = month or rfc3339(now())[:7]
    return {
        "title": "of all time" if month is None else month_name(month),
        "bars": bars(told),
        "used": sum(one["count"] for one in told["uses"]),
        "refused": sum(one["count"] for one in told["refusals"]),
        "companies": len({one["org"] for one in told["uses"]}),
        "before": f"{AREA}/statement?month={_beside(shown, -1)}",
        "after": f"{AREA}/statement?month={_beside(shown, 1)}" if month and month < rfc3339(now())[:7] else "",
        "this": f"{AREA}/statement?month={rfc3339(now())[:7]}",
        "month": month or "",
    }


def month_name(month: str) -> str:
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"


def _beside(month: str, step: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"


def bars(told: Mapping[str, Any]) -> list[Bar]:
    """A bar for each company, those with most uses first."""
    given: Counter[str] = Counter()
    nothing: Counter[str] = Counter()
    names: dict[str, str] = {}
    for tally, groups in ((given, told["uses"]), (nothing, told["refusals"])):
        for one in groups:
            tally[one["org"]] += one["count"]
            names[one["org"]] = one["name"]
    most = max((given[org] + nothing[org] for org in names), default=0) or 1
    ranked = sorted(names, key=lambda org: (-given[org], -nothing[org], names[org]))
    return [
        Bar(names[org], given[org], nothing[org], _share(given[org], most), _share(nothing[org], most))
        for org in ranked
    ]


def _share(count: int, most: int) -> float:
    return round(max(1.0, 100 * count / most), 1) if count else 0.0
