"""Experiments: the disclosed holdout, what was gained against silence, whether those were found whom it helps, and what
the guard-rails make of each action. "No proven gain" is an answer."""

from typing import Final

import msgspec
from starlette.responses import Response

from rapport.kernel.errors import Busy
from rapport.learn.reviewed import Compared, Curve, Judged, OfAction, Review
from rapport.learn.verdicts import Rail
from rapport.terms.aggregates import words as about
from rapport.web.console.deciding import Scale
from rapport.web.console.looking_desk import Setting
from rapport.web.console.outcomes import Drawn, Shared, bars, done, figures_scale, said, waiting
from rapport.web.console.visit import Visit
from rapport.web.retrospects import Looked

MOST_ACTIONS: Final = 100
WIDTH, HEIGHT = 300, 150
"""Of a curve's view box."""
_ROOM: Final = 6.0


class Added(msgspec.Struct, frozen=True):
    """An action with what it added; `verdicts` of the guard-rails, the customer's first; `rail`: where it stands by
    them, where anything was found or said."""

    of: OfAction
    drawn: Drawn
    verdicts: tuple[Judged, ...]
    rail: Rail | None


class Traced(msgspec.Struct, frozen=True):
    """A Qini curve as paths: the `line`, and the straight one of who is picked at random."""

    of: Curve
    line: str
    random: str
    zero: float
    whole: float
    """What doing it for all would have gained, per decision."""


async def page(visit: Visit) -> Response:
    try:
        looked = await visit.desk.looking.review(visit.session)
    except Busy as error:
        return waiting(visit, Looked(None), "experiments", "Experiments", error)
    if not isinstance(looked.found, Review):
        return waiting(visit, looked, "experiments", "Experiments")
    review, setting = looked.found, await visit.desk.looking.setting(visit.session)
    rows, scale = added(review, setting)
    return visit.page(
        "experiments.html",
        section="experiments",
        review=review,
        looked=looked,
        rows=rows,
        scale=scale,
        more=max(0, len(_added(review)) - MOST_ACTIONS),
        curves=[traced(one) for one in review.curves],
        about=about,
        **said(setting),
    )


def added(review: Review, setting: Setting) -> tuple[list[Added], Shared]:
    """Those that harm first, then those of which most is known; both sides of all on one scale."""
    verdicts: dict[str, list[Judged]] = {}
    for one in review.verdicts:
        verdicts.setdefault(one.action, []).append(one)
    some = _added(review)
    some.sort(key=lambda one: not any(each.harmful for each in verdicts.get(one.action, ())))
    some = some[:MOST_ACTIONS]
    scale = figures_scale([side.added for one in some for side in _sides(one)])
    return [
        Added(
            one,
            drawn_added(one, scale.of),
            tuple(sorted(verdicts.get(one.action, ()), key=lambda each: each.side == "company")),
            setting.rails.get(one.action),
        )
        for one in some
    ], scale


def _added(review: Review) -> list[OfAction]:
    return [one for one in done(review) if one.customer is not None and one.company is not None]


def drawn_added(one: OfAction, scale: Scale) -> Drawn:
    customer, company = _sides(one)
    return bars(customer.added, company.added, scale)


def _sides(one: OfAction) -> tuple[Compared, ...]:
    return tuple(side for side in (one.customer, one.company) if side is not None)


def traced(curve: Curve) -> Traced:
    gains = [gain for _, gain in curve.points]
    low, high = min([0.0, *gains]), max([0.0, *gains])
    size = (high - low) or 1.0

    def up(gain: float) -> float:
        return round(HEIGHT - _ROOM - (gain - low) / size * (HEIGHT - 2 * _ROOM), 1)

    points = [f"{round(share * WIDTH, 1)} {up(gain)}" for share, gain in curve.points]
    whole = gains[-1] if gains else 0.0
    line = "M" + "L".join(points) if points else ""
    return Traced(curve, line, f"M0 {up(0.0)}L{WIDTH} {up(whole)}", up(0.0), whole)
