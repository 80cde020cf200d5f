"""An organization's decisions, reviewed: what the console's pages and the command line tell, from the same log.

reviewed(ledger, org)           both sides over time and by action, the holdout, guard-rails
other(ledger, org, Other(…))    what one change would have given each side
"""

import hashlib
from collections.abc import Callable, Collection
from typing import Final

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import looking_back
from rapport.app.guarding import known_by
from rapport.app.looking_back import MOST, Past
from rapport.kernel.times import DAY, now
from rapport.learn.reviewed import Answered, Lot, Other, Review
from rapport.learn.reviewing import answered, review
from rapport.terms.aggregates import Crowd, Guard

Tell = Callable[[int, int], None]
"""Told how many decisions were read, out of how many."""
_BYTES: Final = 16


def nobody(_read: int, _of: int) -> None:
    """Is told nothing."""


def reviewed(ledger: LedgerFile, org: str, most: int = MOST, tell: Tell = nobody, at: int | None = None) -> Review:
    """All that the newest decisions show whose windows have passed, as of now; and how many wait."""
    at = now() if at is None else at
    found, known = _past(ledger, org, most, tell, at)
    book = DecisionBook(ledger)
    waiting, first = book.after(org, known, MOST)
    return review(
        found.log, at, lot_of(ledger, org, found), waiting, first + book.manner(org).days * DAY if waiting else 0
    )


def other(
    ledger: LedgerFile, org: str, wished: Other, most: int = MOST, tell: Tell = nobody, at: int | None = None
) -> Answered:
    """What another way to decide would have given. Raises BadInput (`bad_change`, `bad_weight`), NotFound."""
    at = now() if at is None else at
    found, _ = _past(ledger, org, most, tell, at)
    change = {"weight": wished.weight, "without": wished.without, "most": wished.most, "days": wished.days}
    return answered(looking_back.asked(found, at, **change), at)  # type: ignore[arg-type]  # each of its own type


def _past(ledger: LedgerFile, org: str, most: int, tell: Tell, at: int) -> tuple[Past, int]:
    """The newest decisions whose windows have passed; and the number of the last of them."""
    known = known_by(ledger, org, at)
    of = DecisionBook(ledger).count(org, known, most)
    tell(0, of)
    return looking_back.past(ledger, org, most, lambda read: tell(read, of), known), known


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
