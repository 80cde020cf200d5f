"""Deciding, tried on one customer: every candidate with what it is expected to give both sides, as intervals on one
scale, and why; what was excluded; and silence, explained. Nothing comes of it but a receipt."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from starlette.responses import Response

from rapport.decide.arbitration import Estimate, Ranked, arbitrate
from rapport.decide.channels import CHANNELS
from rapport.decide.decision import Decision, Excluded, ranking
from rapport.decide.explaining import Moved, Reasons, why
from rapport.decide.kinds import KINDS, SILENCE, Worth
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.web.console.actions import MOST_CUSTOMER, money
from rapport.web.console.visit import Visit
from rapport.web.decisions import DecisionWish, Now, Place, Trial

WIDTH: Final = 1_000
"""Of the scale's view box; pages stretch it."""
MOST_MOVED, MOST_EXCLUDED = 3, 200
DEVICES: Final = ("phone", "desktop", "tablet", "tv", "watch", "till")


class Bar(msgspec.Struct, frozen=True):
    """An interval and its mean, as places on the scale; what is beyond it is at its end."""

    low: float
    mean: float
    high: float


class Candidate(msgspec.Struct, frozen=True):
    """One as the page has it. `declared`: what it would be worth had nothing been learnt; `moved`: by what most."""

    one: Ranked
    customer: Bar
    company: Bar
    declared: Worth
    moved: Moved
    chosen: bool
    rules: tuple[str, ...]


class Scale(msgspec.Struct, frozen=True):
    """One for both sides and all candidates. `zero`: the place of nothing."""

    low: float
    high: float
    zero: float


class Ruled(msgspec.Struct, frozen=True):
    """A trial, ready to be drawn. `excluded`: of actions that were no candidates, each with all rules against it;
    `more`, `more_excluded`: so many beside those that are shown."""

    trial: Trial
    scale: Scale
    candidates: tuple[Candidate, ...]
    silence: float
    excluded: tuple[tuple[str, tuple[Excluded, ...]], ...]
    why: str
    more: int = 0
    more_excluded: int = 0


async def page(visit: Visit) -> Response:
    said = {name: visit.asked(name, MOST_CUSTOMER) for name in ("customer", "channel", "device", "zone", "country")}
    ruled, problem, status = None, "", 200
    if said["customer"]:
        try:
            ruled = ruled_of(await visit.desk.actions.trial(visit.session, _wish(visit, said)))
        except (BadInput, Conflict) as error:
            problem, status = error.message, error.status
        except NotFound:
            problem, status = (
                f"nobody is there by this name, or nothing that may be read for {visit.session.purpose}",
                404,
            )
    return visit.page(
        "decide.html",
        status,
        section="decide",
        said=said,
        ruled=ruled,
        problem=problem,
        channels=CHANNELS,
        devices=DEVICES,
        kinds=KINDS,
        money=money,
        worded=worded,
    )


def _wish(visit: Visit, said: dict[str, str]) -> DecisionWish:
    country = said["country"].upper()
    place = Place(country=country) if country else None
    moment = Now(said["device"], said["zone"], place)
    return DecisionWish(said["customer"], visit.session.purpose, said["channel"] or "web", moment)


# -- drawing


def ruled_of(trial: Trial) -> Ruled:
    decision = trial.decision
    ranked = ranking(decision)
    # What is out anyway does not squeeze the others.
    shown = [one for one in ranked if one.product is not None] or ranked
    scale = scale_of([side for one in shown for side in (one.customer, one.company)])
    worths = dict(zip(decision.case.actions, decision.worths, strict=True))
    candidates = tuple(
        Candidate(
            one,
            bar_of(one.customer, scale),
            bar_of(one.company, scale),
            worths[one.action],
            Moved(*map(_felt, trial.moved[one.action])),
            one.action == decision.action,
            tuple(each.said for each in decision.excluded if each.action == one.action),
        )
        for one in ranked
        if one.action in trial.moved
    )
    silence = arbitrate(decision.case).silence
    excluded = tuple(_excluded(decision))
    beyond = (len(ranked) - len(candidates), max(0, len(excluded) - MOST_EXCLUDED))
    return Ruled(trial, scale, candidates, silence, excluded[:MOST_EXCLUDED], why(decision, trial.units), *beyond)


def _felt(reasons: Reasons) -> Reasons:
    """Those that move it by a penny, or else the first."""
    return tuple(one for one in reasons[:MOST_MOVED] if abs(one[1]) >= 0.005) or reasons[:1]


def _excluded(decision: Decision) -> Iterator[tuple[str, tuple[Excluded, ...]]]:
    found: dict[str, list[Excluded]] = {}
    for one in decision.excluded:
        if one.action not in decision.case.actions:
            found.setdefault(one.action, []).append(one)
    for action, rules in found.items():
        yield action, tuple(rules)


def scale_of(estimates: Sequence[Estimate]) -> Scale:
    """From the lowest to the highest bound, nothing among them, with a little room at both ends."""
    low = min((one.low for one in estimates), default=0.0)
    high = max((one.high for one in estimates), default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) * 0.02 or 1.0
    low, high = low - room, high + room
    return Scale(low, high, round(WIDTH * -low / (high - low), 1))


def bar_of(one: Estimate, scale: Scale) -> Bar:
    def place(amount: float) -> float:
        share = (amount - scale.low) / (scale.high - scale.low)
        return round(WIDTH * min(1.0, max(0.0, share)), 1)

    return Bar(place(one.low), place(one.mean), place(one.high))


def worded(decision: Decision) -> str:
    """What the propensity says, in words."""
    lot = decision.case.holdout
    if decision.action in decision.case.mandatory:
        return "it must be given, so that nothing was drawn"
    if decision.action == SILENCE and lot:
        return f"with the {lot:.0%} who are left alone by lot among them"
    return f"after the {lot:.0%} who are left alone by lot" if lot else "no lot leaves this customer alone"
