"""Making a logged decision once more, with what was learnt up to its lesson, folded anew, and with the candidates and
features that it keeps; and saying whether the same comes out, to the bit.

Which candidates there were, and what was known of the customer, is not read again: a decision keeps it, sealed, and it
goes with the customer. Nor can be learnt again what somebody taught who was erased since. Both is said as it is.
"""

from typing import Final, Literal

import msgspec

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.minds import Minds, nothing
from rapport.decide.decision import Agreement, Decision, Learnt, once_more

Status = Literal["agrees", "differs", "erased", "unreadable"]
_SAID: Final = {
    "agrees": "the same comes out, bit for bit",
    "differs": "something else comes out: what was kept was changed, or was made by another version or machine",
    "unreadable": "it cannot be read: what was kept of it was damaged",
    "customer": "the customer was erased, or its time has passed: what the decision rested on is gone",
    "lessons": "a customer was erased of whom this had been learnt, or that is too long ago: it cannot be learnt again "
    "as it was",
}


class Recomputed(msgspec.Struct, frozen=True):
    """`learnt`: the lesson up to which was learnt; `agreement`: what came out the same, None where it cannot be known;
    `said`: as people read it."""

    decision: str
    status: Status
    said: str
    learnt: int | None = None
    action: str | None = None
    propensity: float | None = None
    agreement: Agreement | None = None


def recomputed(ledger: LedgerFile, org: str, name: str) -> Recomputed:
    """Decide once more. Raises NotFound, also where the decision is another organization's."""
    kept = DecisionBook(ledger).decision(org, name)
    if kept.unreadable:
        return Recomputed(kept.id, "unreadable", _SAID["unreadable"])
    if kept.content is None:
        return Recomputed(kept.id, "erased", _SAID["customer"])
    decision = kept.content
    what = (decision.learnt, decision.action, decision.propensity)
    learnt = _learnt_then(ledger, org, decision)
    if learnt is None:
        return Recomputed(kept.id, "erased", _SAID["lessons"], *what)
    agreement = once_more(decision, learnt)
    status: Status = "agrees" if all(agreement) else "differs"
    return Recomputed(kept.id, status, _SAID[status], *what, agreement)


def _learnt_then(ledger: LedgerFile, org: str, decision: Decision) -> Learnt | None:
    """What was learnt when it was made; None where that is known no more."""
    book = OutcomeBook(ledger)
    if decision.learnt == book.priors.at(org, decision.learnt).begins:
        return nothing(decision.scales, decision.learnt)  # by the catalogue then: nothing was fixed yet
    return Minds(book).up_to(org, decision.learnt)
