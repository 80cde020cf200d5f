"""What was learnt, kept up to date in memory: a fold over an organization's lessons, in their order.

Every process folds for itself, and all come to the same bits. What was learnt up to some lesson is kept now and then,
so that a start reads few of them.
"""

from typing import Final

from rapport.adapters.embedded.outcomes import Mind, OutcomeBook, Taught
from rapport.decide.decision import Decision, Learnt, worth
from rapport.decide.features import Crossed, crossed, hashed
from rapport.decide.kinds import SILENCE
from rapport.decide.posterior import Posterior, Prior

MOST: Final = 20
"""Lessons that are learnt before a decision is made; whoever has time learns more."""
_TOGETHER: Final = 500
CUSTOMER: Final = Prior("customer")
COMPANY: Final = Prior("company")


class Minds:
    """Of all organizations, over one ledger connection."""

    def __init__(self, book: OutcomeBook) -> None:
        self._book = book
        self._known: dict[str, Learnt] = {}

    def of(self, org: str, most: int = MOST) -> Learnt:
        """What was learnt, with at most so many lessons more than when this was asked last."""
        known = self._known.get(org) or self._remembered(org)
        for one in self._book.lessons(org, known.lesson, most):
            known = learnt_more(known, one)
        self._known[org] = known
        return known

    def up_to(self, org: str, lesson: int) -> Learnt:
        """What was learnt up to a lesson, folded anew from the first."""
        known = _nothing()
        while some := [one for one in self._book.lessons(org, known.lesson, _TOGETHER) if one.seq <= lesson]:
            for one in some:
                known = learnt_more(known, one)
        return known

    def keep(self, org: str) -> None:
        """Write down what was learnt so far."""
        known = self._known.get(org)
        if known is not None and known.lesson:
            self._book.put_mind(org, Mind(known.lesson, known.customer.packed(), known.company.packed()))

    def _remembered(self, org: str) -> Learnt:
        kept = self._book.mind(org)
        if kept is None:
            return _nothing()
        customer = Posterior.unpacked(kept.customer)
        return Learnt(customer, Posterior.unpacked(kept.company, beside=customer), kept.lesson)


def _nothing() -> Learnt:
    customer = Posterior(CUSTOMER)
    return Learnt(customer, Posterior(COMPANY, beside=customer))


def learnt_more(learnt: Learnt, lesson: Taught) -> Learnt:
    """Teach both models what a decision gave."""
    decision = lesson.decision
    if decision is not None:
        met, declared = met_by(decision), worth(decision)
        learnt.customer.learn(met, declared.customer, lesson.worth.customer, lesson.at)
        learnt.company.learn(met, declared.company, lesson.worth.company, lesson.at)
    return learnt._replace(lesson=lesson.seq)


def met_by(decision: Decision) -> Crossed:
    """The features of a decision, crossed with what it chose."""
    chosen = () if decision.action == SILENCE else ((decision.action, decision.kind),)
    return crossed(hashed(decision.features), chosen)
