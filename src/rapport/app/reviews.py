"""An organization's decisions, reviewed: what the console's pages and the command line tell, from the same log.

reviewed(ledger, org)           both sides over time and by action, the holdout, guard-rails
other(ledger, org, Other(…))    what one change would have given each side
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from sys import intern
from typing import Final

from msgspec.structs import replace

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.app import looking_back
from rapport.app.guarding import known_by
from rapport.app.looking_back import MOST, Past
from rapport.decide.decision import Decision
from rapport.kernel.times import DAY, now
from rapport.learn.logged import Logged
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
    book, known = DecisionBook(ledger), known_by(ledger, org, at)
    log: list[Logged] = []
    newest: dict[str, tuple[int, float]] = {}
    for decision, one in _each(ledger, org, most, tell, known):
        log.append(one)
        newest.setdefault(one.customer, (decision.manner, decision.case.holdout))
    waiting, first = book.after(org, known, MOST)
    due = first + MannerBook(ledger).manner(org).days * DAY if waiting else 0
    return review(log, at, _lot(ledger, org, log, newest), waiting, due)


def other(
    ledger: LedgerFile, org: str, wished: Other, most: int = MOST, tell: Tell = nobody, at: int | None = None
) -> Answered:
    """What another way to decide would have given. Raises BadInput (`bad_change`, `bad_weight`), NotFound."""
    at = now() if at is None else at
    found = Past([], [])
    for decision, one in _each(ledger, org, most, tell, known_by(ledger, org, at)):
        found.decisions.append(_bare(decision))
        found.log.append(one)
    change = {"weight": wished.weight, "without": wished.without, "most": wished.most, "days": wished.days}
    return answered(looking_back.asked(found, at, **change), at)  # type: ignore[arg-type]  # each of its own type


def _each(ledger: LedgerFile, org: str, most: int, tell: Tell, known: int) -> Iterator[tuple[Decision, Logged]]:
    """The newest decisions up to one."""
    of = DecisionBook(ledger).count(org, known, most)
    tell(0, of)
    return looking_back.each(ledger, org, most, lambda read: tell(read, of), known)


def _bare(decision: Decision) -> Decision:
    """What is needed to rule again: all else would be most of what many decisions take in memory."""
    case = decision.case
    names = {"actions": tuple(map(intern, case.actions)), "kinds": tuple(map(intern, case.kinds))}
    return replace(
        decision, case=replace(case, **names), features=(), excluded=(), worths=(), versions=(), parts={}, because=()
    )


def _lot(ledger: LedgerFile, org: str, log: Sequence[Logged], newest: Mapping[str, tuple[int, float]]) -> Lot:
    """The holdout, as far as an organization may know of it: who declined is told as a count that tells of nobody.
    `newest`: of each customer's newest decision, how it was decided then, and the share of which they could be."""
    manners, shares = MannerBook(ledger), dict[int, float]()
    for manner, _ in newest.values():
        if manner not in shares:
            shares[manner] = manners.kept_manner(org, manner).holdout
    declined = [customer for customer, (manner, share) in newest.items() if shares[manner] > 0 and not share]
    held_out = {one.customer for one in log if one.held_out}
    return Lot(manners.manner(org).holdout, len(newest), len(held_out), declining(ledger, declined))


def declining(ledger: LedgerFile, customers: Collection[str]) -> int | None:
    """About how many they are; None: fewer than may be told."""
    secret, mark = ledger.keys.secret("declining"), 0
    for customer in customers:
        mark ^= int.from_bytes(hashlib.blake2b(customer.encode(), key=secret, digest_size=_BYTES).digest(), "big")
    return Guard(ledger.keys.secret("declined")).told(Crowd(len(customers), mark))
