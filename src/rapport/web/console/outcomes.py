"""Outcomes: whether customers and the company are better off than with silence, over time and by action. The two sides
are never added."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from rapport.decide.arbitration import Estimate
from rapport.decide.kinds import Units
from rapport.kernel.errors import Busy
from rapport.learn.reviewed import Figure, OfAction, Review
from rapport.web import words
from rapport.web.console import over_time
from rapport.web.console.actions import money
from rapport.web.console.deciding import Bar, Scale, bar_of, scale_of
from rapport.web.console.looking_desk import Setting
from rapport.web.console.visit import Visit
from rapport.web.retrospects import Looked

MOST_ACTIONS: Final = 100
STEPS: Final = {"day": "day by day", "week": "week by week", "month": "in months of four weeks"}
WATCH_S: Final = 2
_SIZES: Final = ((1e9, "bn"), (1e6, "m"), (1e3, "k"))


class Drawn(msgspec.Struct, frozen=True):
    """A figure on the scale of a list; None where there is none."""

    customer: Bar | None
    company: Bar | None


class Shared(msgspec.Struct, frozen=True):
    """A scale that rows share; not `known`: none of them has a figure."""

    of: Scale
    known: bool


class Row(msgspec.Struct, frozen=True):
    of: OfAction
    drawn: Drawn


async def page(visit: Visit) -> Response:
    try:
        looked = await visit.desk.looking.review(visit.session)
    except Busy as error:
        return waiting(visit, Looked(None), "outcomes", "Outcomes", error)
    if not isinstance(looked.found, Review):
        return waiting(visit, looked, "outcomes", "Outcomes")
    review, setting = looked.found, await visit.desk.looking.setting(visit.session)
    rows, scale = listed(review)
    return visit.page(
        "outcomes.html",
        section="outcomes",
        review=review,
        looked=looked,
        charts=drawn(review, setting.units),
        rows=rows,
        scale=scale,
        more=max(0, len(done(review)) - MOST_ACTIONS),
        steps=STEPS,
        **said(setting),
    )


def waiting(visit: Visit, looked: Looked, section: str, title: str, error: Busy | None = None) -> Response:
    """The page for who waits for a look, or for their turn to ask: it looks again by itself, unless it is held
    still."""
    path = visit.request.url.path
    query = [(name, value) for name, value in visit.request.query_params.multi_items() if name != "watch"]
    held = urlencode(query)
    return visit.page(
        "looking.html",
        section=section,
        title=title,
        progress=looked.progress,
        watched=visit.asked("watch", 5) != "no",
        watch_s=WATCH_S if error is None else error.retry_after,
        problem="" if error is None else error.message,
        again=f"{path}?{held}" if held else path,
        hold=f"{path}?{urlencode([*query, ('watch', 'no')])}",
    )


def said(setting: Setting) -> dict[str, Any]:
    """What the pages' templates say amounts with."""
    return {
        "setting": setting,
        "units": setting.units,
        "amount": partial(amount, units=setting.units),
        "signed": partial(signed, units=setting.units),
        "between": partial(between, units=setting.units),
    }


def amount(number: float, units: Units) -> str:
    return money(number, units)


def signed(number: float, units: Units) -> str:
    """`+£1.20`, `−£0.30`."""
    text = money(number, units)
    return text if text.startswith("−") or round(number, 2) == 0 else f"+{text}"


def between(figure: Figure, units: Units, sign: bool = False) -> str:
    """The interval in words."""
    say = signed if sign else amount
    return f"{say(figure.low or 0.0, units)} to {say(figure.high or 0.0, units)}"


# -- drawing


class Sides(msgspec.Struct, frozen=True):
    """Both sides' charts, wide and narrow; `one_scale`: whether they can be compared by eye; not `known`: they are
    empty."""

    customer: tuple[over_time.Chart, over_time.Chart]
    company: tuple[over_time.Chart, over_time.Chart]
    one_scale: bool
    known: bool


def drawn(review: Review, units: Units) -> Sides:
    customer, company = over_time.scales(review.spans)

    def side(of: over_time.Of, scale: over_time.Scale) -> tuple[over_time.Chart, over_time.Chart]:
        wide, narrow = (
            over_time.chart(review.spans, of, scale, shape, partial(tick, units=units), short_day)
            for shape in (over_time.WIDE, over_time.NARROW)
        )
        return wide, narrow

    both = side(over_time.customer_of, customer), side(over_time.company_of, company)
    return Sides(*both, customer == company, any(of.reached.points or of.alone.points for pair in both for of in pair))


def tick(number: float, units: Units) -> str:
    """As short as it can be: `£2`, `£0.50`, `£20k`; `2` where the currency has no sign, or none is said."""
    size, letter = next(((size, letter) for size, letter in _SIZES if abs(number) >= 10 * size), (1, ""))
    text = money(number / size, units).removesuffix(f" {units.currency}")
    return (text.removesuffix("0").removesuffix("0").removesuffix(".") if text.endswith(".00") else text) + letter


def short_day(at: int) -> str:
    """`3 Nov`"""
    return words.date(at).rsplit(" ", 1)[0]


def done(review: Review) -> list[OfAction]:
    """All that was ever done, silence the first."""
    return [one for one in review.actions if one.decisions]


def listed(review: Review) -> tuple[list[Row], Shared]:
    """Actions with what came after them, both sides of all on one scale."""
    shown = done(review)[:MOST_ACTIONS]
    scale = figures_scale([figure for one in shown for figure in (one.gave_customer, one.gave_company)])
    return [Row(one, bars(one.gave_customer, one.gave_company, scale.of)) for one in shown], scale


def bars(customer: Figure, company: Figure, scale: Scale) -> Drawn:
    each = [_estimate(one) for one in (customer, company)]
    return Drawn(*(None if one is None else bar_of(one, scale) for one in each))


def figures_scale(figures: Sequence[Figure]) -> Shared:
    known = [one for one in map(_estimate, figures) if one is not None]
    return Shared(scale_of(known), bool(known))


def _estimate(figure: Figure) -> Estimate | None:
    if figure.value is None or figure.low is None or figure.high is None:
        return None
    return Estimate(figure.value, figure.low, figure.high)
