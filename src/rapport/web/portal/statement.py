"""The statement: one page of what came of the person's data, to read, to print, or as JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from rapport.web import amounts, months
from rapport.web.api.problems import json_answer
from rapport.web.language import SPOKEN
from rapport.web.portal.visit import AREA, Visit, asks_for_json, by_accept

MOST_KINDS = 5
"""Kinds of data that are named in one breath."""


class Bar(msgspec.Struct, frozen=True):
    """A line of the statement (`of`) as a bar: what was used, or (not `given`) refused; its width in percent of the
    greatest; `what` was seen, short and, where that is shorter, in full."""

    of: Mapping[str, Any]
    given: bool
    width: float
    what: tuple[str, ...]


class Company(msgspec.Struct, frozen=True):
    """A company's bars, and how often it used something and was refused in all."""

    name: str
    bars: tuple[Bar, ...]
    used: int
    refused: int


async def statement(visit: Visit) -> Response:
    """Of one month (`?month=2026-11`), or of all time."""
    month = months.asked(visit.request.query_params)
    told = await visit.desk.looks.statement(visit.session, month)
    if asks_for_json(visit.request):
        response = json_answer(told)
    else:
        response = visit.page("statement.html", section="statement", told=told, **_shown(told, month))
    return by_accept(response)


def _shown(told: Mapping[str, Any], month: str | None) -> dict[str, Any]:
    lately = month in (None, months.present())
    anything = told["uses"] or told["refusals"] or told["settled"]["count"] or told["changes"]
    return {
        "blank": not anything and not (lately and told["estimated"]["known"]),
        "title": SPOKEN.say("of all time") if month is None else months.name(month),
        "companies": companies(told),
        "used": sum(one["count"] for one in told["uses"]),
        "refused": sum(one["count"] for one in told["refusals"]),
        "names": list(dict.fromkeys(one["name"] for one in told["uses"])),
        "written": _written(told),
        "steps": months.steps(month, f"{AREA}/statement"),
        "month": month or "",
        "said": amounts.said,
        "sum": amounts.sum_of,
        "money": amounts.money,
        "times": amounts.times,
    }


def _written(told: Mapping[str, Any]) -> tuple[str, str] | None:
    """From when to when the receipts of these uses and refusals were written; None without any."""
    groups = [*told["uses"], *told["refusals"]]
    first = min((one["first_at"] for one in groups), default="")
    return (first, max(one["last_at"] for one in groups)) if groups else None


def companies(told: Mapping[str, Any]) -> list[Company]:
    """The chart: for each company a bar for each line of what it used, then of what it was refused; all on one scale,
    and whoever used most first."""
    lines = [(one, True) for one in told["uses"]] + [(one, False) for one in told["refusals"]]
    most = max((one["count"] for one, _ in lines), default=1)
    found: dict[str, list[Bar]] = {}
    names: dict[str, str] = {}
    for one, given in lines:
        names[one["org"]] = one["name"]
        width = round(max(1.0, 100 * one["count"] / most), 1)
        found.setdefault(one["org"], []).append(Bar(one, given=given, width=width, what=what(one) if given else ()))
    ranked = [
        Company(
            names[org],
            tuple(sorted(some, key=lambda bar: (not bar.given, -bar.of["count"]))),
            sum(bar.of["count"] for bar in some if bar.given),
            sum(bar.of["count"] for bar in some if not bar.given),
        )
        for org, some in found.items()
    ]
    return sorted(ranked, key=lambda one: (-one.used, -one.refused, one.name))


def what(use: Mapping[str, Any]) -> tuple[str, ...]:
    """What was seen, in words: the first few kinds of data, and all where there are more; nothing for no data."""
    if not use["what"]:
        return (SPOKEN.say("nothing of value"),)
    listed = use["what"].split(", ")
    if len(use["categories"]) <= MOST_KINDS:
        return (use["what"],)
    few, more = ", ".join(listed[: MOST_KINDS - 1]), len(use["categories"]) - MOST_KINDS + 1
    return SPOKEN.say("%(few)s and %(count)s more", few=few, count=more), use["what"]
