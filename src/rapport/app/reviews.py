"""An organization's decisions, reviewed: what the console's pages and the command line tell, from the same log.

reviewed(ledger, org)           both sides over time and by action, the holdout, guard-rails
other(ledger, org, Other(…))    what one change would have given each side
"""

import hashlib
from collections.abc import Collection
from typing import Final

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import looking_back
from rapport.app.looking_back import MOST, Past, Progress
from rapport.kernel.times import now
from rapport.learn.reviewed import Answered, Lot, Other, Review
from rapport.learn.reviewing import answered, review
from rapport.terms.aggregates import Crowd, Guard

_BYTES: Final = 16


def reviewed(
    ledger: LedgerFile, org: str, most: int = MOST, progress: Progress = lambda _: None, at: int | None = None
) -> Review:
    """All that the newest decisions show, as of now."""
    found = looking_back.past(ledger, org, most, progress)
    return review(found.log, now() if at is None else at, lot_of(ledger, org, found))


def other(
    ledger: LedgerFile,
    org: str,
    wished: Other,
    most: int = MOST,
    progress: Progress = lambda _: None,
    at: int | None = None,
) -> Answered:
    """What another way to decide would have given. Raises BadInput (`bad_change`, `bad_weight`), NotFound."""
    found, at = looking_back.past(ledger, org, most, progress), now() if at is None else at
    change = {"weight": wished.weight, "without": wished.without, "most": wished.most, "days": wished.days}
    return answered(looking_back.asked(found, at, **change), at)  # type: ignore[arg-type]  # each of its own type


def lot_of(ledger: LedgerFile, org: str, found: Past) -> Lot:
    """The holdout, as far as an organization may know of it: who declined is told as a count that tells of nobody."""
    book, shares = DecisionBook(ledger), dict[int, float]()
    newest: dict[str, bool] = {}
    for decision, one in zip(found.decisions, found.log, strict=True):  # the newest come first
        if one.customer not in newest:
            if decision.manner not in shares:
                shares[decision.manner] = book.kept_manner(org, decision.manner).holdout
            newest[one.customer] = shares[decision.manner] > 0 and not decision.case.holdout
    declined = [customer for customer, declines in newest.items() if declines]
    return Lot(
        book.manner(org).holdout,
        len(newest),
        len({one.customer for one in found.log if one.held_out}),
        declining(ledger, declined),
    )


def declining(ledger: LedgerFile, customers: Collection[str]) -> int | None:
    """About how many they are; None: fewer than may be told."""
    secret, mark = ledger.keys.secret("declining"), 0
    for customer in customers:
        mark ^= int.from_bytes(hashlib.blake2b(customer.encode(), key=secret, digest_size=_BYTES).digest(), "big")
    return Guard(ledger.keys.secret("declined")).told(Crowd(len(customers), mark))
