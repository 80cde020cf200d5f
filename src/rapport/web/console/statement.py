"""The company's mirror of statements: a month on one page, and the months before it as a chart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from starlette.responses import Response

from rapport.web import amounts, months, words
from rapport.web.amounts import MINUTES
from rapport.web.console import charts
from rapport.web.console.visit import Visit

PATH = "/console/statement"
SIDES = ("customer", "company")


class Pair(msgspec.Struct, frozen=True):
    """A month of the chart: `widths` of the bars for customers and for the company, in percent of the longest; `sums`
    are all that was settled, of every unit."""

    month: str
    name: str
    widths: tuple[float, float]
    sums: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    used: int
    nothing: int


class Opened(msgspec.Struct, frozen=True):
    """A purpose with how many people let the company in, and how many would by an empty promise; with two widths."""

    of: Mapping[str, Any]
    why: str
    widths: tuple[float, float]


async def page(visit: Visit) -> Response:
    """Of one month (`?month=2026-11`), or of the present one; as JSON where that is asked for."""
    month = months.asked(visit.request.query_params) or months.present()
    told = await visit.desk.mirror(visit.session, month)
    unit = chart_unit(told["months"])
    return visit.page(
        "statement.html",
        section="statement",
        told=told,
        title=months.name(month),
        month=month,
        steps=months.steps(month, PATH),
        unit=unit,
        pairs=pairs(told["months"], unit),
        shares=charts.shares({_why(one): one["count"] for one in told["uses"]}),
        opened=opened(told["promises"]["opened"]["purposes"]),
        blank=not any(each["used"] or each["nothing"] or any(each["settled"].values()) for each in told["months"]),
        said=amounts.said,
        sum=amounts.sum_of,
        money=amounts.money,
        times=amounts.times,
    )


def _why(one: Mapping[str, Any]) -> str:
    """A purpose as the console says it, of customers rather than to one."""
    return words.PURPOSES.get(one["purpose"]) or str(one["why"])


def chart_unit(told: Sequence[Mapping[str, Any]]) -> str:
    """The one unit that the chart is in: the currency in which most months settled something, for either side; minutes
    where nothing else was settled; "" where nothing was."""
    found = Counter(one["unit"] for each in told for side in SIDES for one in each["settled"][side] if "amount" in one)
    return min(found, key=lambda unit: (unit == MINUTES, -found[unit], unit), default="")


def pairs(told: Sequence[Mapping[str, Any]], unit: str) -> list[Pair]:
    """A pair of bars for each month, the earliest first in which there was something, on one scale."""
    blank = [not (each["used"] or each["nothing"] or any(each["settled"].values())) for each in told[1:]]
    told = told[: 1 + max((number for number, none in enumerate(blank, 1) if not none), default=0)]
    exact = [tuple(_exact(each["settled"][side], unit) for side in SIDES) for each in told]
    most = max((amount for both in exact for amount in both), default=Decimal(0))
    return [
        Pair(
            each["month"],
            months.name(each["month"]),
            (_width(both[0], most), _width(both[1], most)),
            (each["settled"]["customer"], each["settled"]["company"]),
            each["used"],
            each["nothing"],
        )
        for each, both in zip(reversed(told), reversed(exact), strict=True)
    ]


def _exact(sums: Sequence[Mapping[str, Any]], unit: str) -> Decimal:
    return next((Decimal(one["amount"]) for one in sums if one["unit"] == unit and "amount" in one), Decimal(0))


def _width(amount: Decimal, most: Decimal) -> float:
    """Nothing, and less than nothing, have no bar: their number says what they are."""
    return round(max(0.6, float(100 * amount / most)), 1) if amount > 0 else 0.0


def opened(purposes: Sequence[Mapping[str, Any]] | None) -> list[Opened]:
    """Those who let the company in, most first."""
    told = purposes or ()
    most = max((max(one["people"] or 0, one["without"] or 0) for one in told), default=0) or 1
    ranked = sorted(told, key=lambda one: (one["by_law"], -(one["people"] or 0), one["purpose"]))
    return [
        Opened(
            one, _why(one), (round(100 * (one["people"] or 0) / most, 1), round(100 * (one["without"] or 0) / most, 1))
        )
        for one in ranked
    ]
