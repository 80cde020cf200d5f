"""What was learnt, kept up to date in memory: a fold over an organization's lessons, in their order.

Every process folds for itself, and all come to the same bits: from the same priors, which are fixed with the first
lesson (see `adapters.embedded.priors`), over lessons that never change. What was learnt up to some lesson is kept now
and then, so that a start reads few of them; and before somebody is erased, or decisions outlive their time, whose
lessons teach nothing any more: who meets such a lesson goes on from what was kept. What another version kept is learnt
anew: it may have learnt otherwise.
"""

import logging
from typing import Final, NamedTuple

from rapport.adapters.embedded.outcomes import Mind, OutcomeBook, Taught
from rapport.adapters.embedded.priors import Standing
from rapport.decide.decision import Decision, Learnt, worth
from rapport.decide.features import Crossed, crossed, hashed
from rapport.decide.kinds import SILENCE
from rapport.decide.posterior import Posterior, learn_both
from rapport.decide.priors import Scales, prior
from rapport.kernel.errors import Corrupt, Misconfigured

log: Final = logging.getLogger(__name__)

MOST: Final = 20
"""Lessons that are learnt before a decision is made; whoever has time learns more."""
AT_HAND: Final = 32
"""Organizations whose models are held in memory at once: 8 MiB each. The others' are read again as they are asked."""
_TOGETHER: Final = 500
_NEVER: Final = 1 << 62


class _Known(NamedTuple):
    """What was learnt, and of which priors."""

    standing: Standing
    learnt: Learnt


class Minds:
    """Of all organizations, over one ledger connection."""

    def __init__(self, book: OutcomeBook) -> None:
        self._book = book
        self._known: dict[str, _Known] = {}

    def of(self, org: str, most: int = MOST) -> Learnt:
        """What was learnt, with at most so many lessons more than when this was asked last; or from where it was kept,
        if that is further."""
        known = self._known.pop(org, None)
        while True:
            lessons = [] if known is None else self._book.lessons(org, known.learnt.lesson, most)
            # Asked after the lessons: whatever there was to be read was learnt with these priors.
            standing = self._book.priors.standing(org)
            if known is not None and known.standing == standing:
                break
            known = _Known(standing, self._kept(org, standing, 0) or nothing(standing.scales, standing.begins))
        learnt = known.learnt
        for one in lessons:
            kept = None if one.decision is not None else self._kept(org, standing, one.seq)
            if kept is not None:
                learnt = kept
                break
            learnt = learnt_more(learnt, one)
        self._known[org] = _Known(standing, learnt)
        if len(self._known) > AT_HAND:
            del self._known[next(iter(self._known))]  # the one that was asked for longest ago
        return learnt

    def all_of(self, org: str) -> Learnt:
        """What was learnt up to the last lesson."""
        while (learnt := self.of(org, _TOGETHER)).lesson < self._book.last(org):
            pass
        return learnt

    def up_to(self, org: str, lesson: int) -> Learnt | None:
        """What was learnt up to a lesson, folded anew from the first; None where somebody was erased of whom this was
        learnt, or a decision has outlived its time, and nothing was kept since that is no newer."""
        standing = self._book.priors.at(org, lesson)
        learnt = nothing(standing.scales, standing.begins)
        while some := [one for one in self._book.lessons(org, learnt.lesson, _TOGETHER) if one.seq <= lesson]:
            for one in some:
                if one.decision is None:
                    kept = self._kept(org, standing, one.seq, lesson)
                    if kept is None:
                        return None
                    learnt = kept
                    break
                learnt = learnt_more(learnt, one)
        return learnt

    def packed(self, org: str, lesson: int) -> Mind | None:
        """The same, as it is kept."""
        standing, learnt = self._book.priors.at(org, lesson), self.up_to(org, lesson)
        return None if learnt is None else _mind(_Known(standing, learnt))

    def keep(self, org: str) -> None:
        """Write down what was learnt so far."""
        known = self._known.get(org)
        if known is not None and known.learnt.lesson > known.standing.begins:
            self._book.put_mind(org, _mind(known))

    def keep_along(self, org: str) -> None:
        """Write down what was learnt up to the last lesson, in the transaction that its caller holds."""
        if self.all_of(org).lesson:
            self._book.put_mind_along(org, _mind(self._known[org]))

    def _kept(self, org: str, standing: Standing, least: int, most: int = _NEVER) -> Learnt | None:
        """What was kept, if it is of these priors, and goes up to a lesson between these."""
        kept = self._book.mind(org, standing.since, least, most)
        if kept is None:
            return None
        try:
            customer = Posterior.unpacked(kept.customer)
            return Learnt(customer, Posterior.unpacked(kept.company, beside=customer), kept.lesson)
        except (Corrupt, Misconfigured) as error:
            log.warning("what %s had learnt is learnt anew from its lessons: %s", org, error.message)
            return None


def nothing(scales: Scales, lesson: int = 0) -> Learnt:
    """What is known before anything was learnt, which is so up to a lesson."""
    customer = Posterior(prior("customer", scales.customer))
    return Learnt(customer, Posterior(prior("company", scales.company), beside=customer), lesson)


def learnt_more(learnt: Learnt, lesson: Taught) -> Learnt:
    """Teach both models what a decision gave."""
    decision = lesson.decision
    if decision is not None:
        learn_both((learnt.customer, learnt.company), met_by(decision), worth(decision), lesson.worth, lesson.at)
    return learnt._replace(lesson=lesson.seq)


def met_by(decision: Decision) -> Crossed:
    """The features of a decision, crossed with what it chose."""
    chosen = () if decision.action == SILENCE else ((decision.action, decision.kind),)
    return crossed(hashed(decision.features), chosen)


def _mind(known: _Known) -> Mind:
    learnt = known.learnt
    return Mind(learnt.lesson, learnt.customer.packed(), learnt.company.packed(), known.standing.since)
