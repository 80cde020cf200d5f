"""Decisions as they were kept, for those who learn from them; and ruled on again, with something changed.

A ruling holds its whole case, and what is drawn for one candidate does not depend on the others. So what would have
been chosen with another weight, or without an action, is not guessed: the same draws are ruled on again.
"""

from collections.abc import Iterable, Mapping
from sys import intern
from typing import NamedTuple

import msgspec

from rapport.decide.arbitration import Case, Ruling, arbitrate
from rapport.decide.decision import Decision
from rapport.decide.kinds import SILENCE, Worth
from rapport.learn.logged import Candidate, Logged
from rapport.learn.what_if import Rechosen


class After(NamedTuple):
    """What became of a decision. `customer`: the handle of whom it was about; `worth`: what it gave both sides, None
    while nothing is known."""

    customer: str
    delivered: bool
    worth: Worth | None = None


def logged(decision: Decision, after: After) -> Logged | None:
    """A decision for estimators; None where nothing was chosen: a notice that must be given is no choice. Its features
    are the estimates of both sides, the best of them that its candidates have: what was expected is the best single
    guide to what comes, and as many numbers whatever was known of a customer."""
    if decision.action in decision.case.mandatory:
        return None
    ruling = arbitrate(decision.case)
    return Logged(
        decision.id,
        after.customer,
        decision.at,
        decision.closes,
        decision.action,
        _candidates(ruling),
        decision.case.holdout,
        decision.case.held_out,
        after.delivered,
        _features(decision.case),
        decision.purpose,
        None if after.worth is None else after.worth.customer,
        None if after.worth is None else after.worth.company,
    )


def weighed(decisions: Iterable[Decision], weight: float) -> Rechosen:
    """What if the customer's weight had been this one?"""
    return _again(f"weight {weight:g}", (msgspec.structs.replace(one.case, weight=weight) for one in decisions))


def without(decisions: Iterable[Decision], action: str) -> Rechosen:
    """What if an action had not been there? The draws of the others are as they were."""
    return _again(f"without {action}", (_less(one.case, action) for one in decisions))


def _again(said: str, cases: Iterable[Case]) -> Rechosen:
    chances: Mapping[str, Mapping[str, float]] = {case.seed: _chances(arbitrate(case)) for case in cases}
    return Rechosen(said, lambda one: chances.get(one.decision, one.chances))


def _candidates(ruling: Ruling) -> tuple[Candidate, ...]:
    case = ruling.case
    means = zip(case.customer.means, case.company.means, strict=True)
    each = zip(case.actions, case.kinds, ruling.chances, means, strict=True)
    # Each name once in memory: a log has as many as it has candidates.
    there = (Candidate(intern(action), intern(kind), chance, *both) for action, kind, chance, both in each)
    return (*there, Candidate(SILENCE, SILENCE, ruling.silence))


def _chances(ruling: Ruling) -> dict[str, float]:
    return dict(zip(ruling.case.actions, ruling.chances, strict=True)) | {SILENCE: ruling.silence}


def _features(case: Case) -> tuple[float, ...]:
    return tuple(max(side.means, default=0.0) for side in (case.customer, case.company))


def _less(case: Case, action: str) -> Case:
    """A case without one of its candidates."""
    left = [place for place, its in enumerate(case.actions) if its != action]
    customer, company = (
        msgspec.structs.replace(
            side,
            means=tuple(side.means[place] for place in left),
            variances=tuple(side.variances[place] for place in left),
        )
        for side in (case.customer, case.company)
    )
    actions, kinds = (tuple(names[place] for place in left) for names in (case.actions, case.kinds))
    return msgspec.structs.replace(case, actions=actions, kinds=kinds, customer=customer, company=company)
