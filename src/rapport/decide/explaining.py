"""Why a decision was made, in words: for whoever acts on it, and for the person.

Nothing is said that the decision does not hold; what the terms withheld was not known to it, and is not known here.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rapport.decide import features
from rapport.decide.arbitration import Ruling, arbitrate
from rapport.decide.decision import Decision, Learnt, ranking
from rapport.decide.grounds import Ground
from rapport.decide.kinds import SILENCE, Units
from rapport.decide.triggers import Start, told_start
from rapport.kernel.times import SECOND, rfc3339

MOST_TOLD: Final = 50
"""Candidates of which people are told all."""
_GROUNDS: Final = {"event": "", "trait": "the trait ", "computed": "the trait ", "identifier": "the identifier "}
Reasons = tuple[tuple[str, float], ...]
"""Features, each with by how much it moves a mean from what is declared, the largest first."""


class Moved(NamedTuple):
    """What moved the estimates of one candidate, for each side."""

    customer: Reasons
    company: Reasons


def moved(decision: Decision, learnt: Learnt, most: int = MOST_TOLD) -> Mapping[str, Moved]:
    """By candidate, what moved its estimates, by what was `learnt` when it was decided: of so many, the best ranked."""
    case = decision.case
    told = {one.action for one in ranking(decision)[:most]}
    kinds = tuple(zip(case.actions, case.kinds, strict=True))
    crossed = features.crossed(features.hashed(decision.features), kinds)
    sides = (learnt.customer, learnt.company)
    return {
        action: Moved(*(tuple(side.contributions(crossed, place, decision.at)) for side in sides))
        for place, action in enumerate(case.actions)
        if action in told
    }


def why(decision: Decision, units: Units) -> str:
    """One sentence for whoever acts on a decision."""
    ruling = arbitrate(decision.case)
    if decision.action == SILENCE:
        return f"{_why_silence(decision, ruling)}{started_by(decision.started)}"
    because = f"{because_of(decision.grounds)}{serving(decision.serves)}{started_by(decision.started)}"
    return f"{_why_chosen(decision, ruling, units)}{because}"


def because_of(grounds: Sequence[Ground]) -> str:
    """`; it is for them because of “Order Refunded” at 2026-11-22T15:03:11Z`."""
    told = []
    for one in grounds:
        at = "" if one.at is None else f" at {rfc3339(one.at // SECOND * SECOND)}"
        told.append(f"{_GROUNDS[one.kind]}“{one.name}”{at}")
    return f"; it is for them because of {' and '.join(told)}" if told else ""


def serving(goals: Sequence[str]) -> str:
    """`; it serves what they let you know they want: “Spend less”`."""
    said = " and ".join(f"“{goal}”" for goal in goals)
    return f"; it serves what they let you know they want: {said}" if said else ""


def started_by(starts: Sequence[Start]) -> str:
    """`; it was decided because they did “Order Refunded”, at 2026-11-22T15:03:11Z`."""
    told = " and ".join(map(told_start, starts))
    return f"; it was decided because {told}" if told else ""


def _why_chosen(decision: Decision, ruling: Ruling, units: Units) -> str:
    if decision.action in decision.case.mandatory:
        return "it is a notice that must be given: nothing was weighed"
    case = decision.case
    chosen = case.actions.index(decision.action)
    both = f"it is expected to give the customer {_amount(case.customer.means[chosen], units)}"
    both += f" and the company {_amount(case.company.means[chosen], units)}, against silence"
    rivals = sum(1 for product in ruling.products if product is not None) - 1
    if not rivals:
        return f"{both}; nothing else gives both something"
    if ruling.ranking[0] == chosen:
        place = "it is the fairest to both"
    else:
        place = "it is not the fairest by what is expected, which is uncertain, but was drawn"
    return f"{both}; of {rivals + 1} that could be done {place}, with a chance of {_share(ruling.chances[chosen])}"


def _why_silence(decision: Decision, ruling: Ruling) -> str:
    if decision.case.held_out:
        return "this customer is left alone by lot, so that it can be seen what the others gain"
    if not ruling.ranking:
        excluded = len({one.action for one in decision.excluded})
        if not excluded:
            return "there is nothing to do for this purpose"
        return (
            f"nothing may be done now: each of {excluded} is excluded, see there"
            if excluded > 1
            else (f"nothing may be done now: {decision.excluded[0].said}")
        )
    if all(product is None for product in ruling.products):
        return "whatever could be done, one side is expected to be worse off than with silence"
    return "silence was drawn: it is not certain that anything gives both sides more"


def _amount(amount: float, units: Units) -> str:
    return f"{amount:,.2f} {units.currency}".rstrip()


def _share(chance: float) -> str:
    return f"{chance:.0%}"
