"""Carrying out later what was decided: the sending of a message is the use that its decision was, and no other.

A decision reads a customer and leaves a receipt; what it says leaves a little later, maybe after tries that failed.
Within COVERED of that receipt it is the same use: it is counted once (under a limit of one use a day no message would
leave otherwise), and has the one receipt, but for one per change of the terms or promises that it rests on.

It is judged all the same, each time, over one snapshot of profiles and one of the ledger. What was shut since ends it:
a lock, a clause, a kind of data that it was made of, a record that is not the customer's any more. Nothing new is read
for it; what is looked at is whether it still may. A refusal leaves its receipt. After that time it is a use like any
other, counted and with a receipt of its own, which covers as long again.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from rapport.kernel.errors import Busy, Conflict, NotFound, RapportError
from rapport.kernel.times import DAY, now
from rapport.kernel.vocabulary import names_in
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.store import Found, ProfileReader
from rapport.terms.criteria import quiet_ends
from rapport.terms.gate import ABSENT, RESTLESS
from rapport.terms.ground import Pending, People, ReceiptBook
from rapport.terms.handing import Uncounted
from rapport.terms.judging import Judged, Judging, Request
from rapport.terms.receipts import Receipt

COVERED: Final = DAY
CLOSED: Final = "what it was made of may not be read any more"
QUIET: Final = "quiet"
"""The code of the Conflict that is raised where terms only say that it is quiet now."""
_TRIES: Final = 20
_MOST: Final = 10_000


class CarryingOut:
    """Over one reader of profiles, the ledger's persons and promises, and one book of receipts. What was put on record
    after a day is kept in memory: a node that was started anew counts such a use once more."""

    def __init__(self, reader: ProfileReader, people: People, book: ReceiptBook, *, secret: bytes = b"") -> None:
        self._reader = reader
        self._book = book
        self._people = people
        self._counted = Judging(reader, people, secret)
        self._uncounted = Judging(reader, Uncounted(people), secret)
        self._latest: dict[str, Receipt] = {}

    async def go_on(
        self, request: Request, decided: Receipt, check: Callable[[Found], None], fields: tuple[str, ...]
    ) -> None:
        """Return where what was `decided` may be carried out now, and that is on record. `check`: given the customer as
        far as they may be read, raises what else speaks against it; `fields`: what is looked at.

        Raises NotFound where it may not be read any more, Conflict (`quiet`) where it may at another hour, and what
        `check` raises, each once its receipt is durable; Busy."""
        purpose = known_purpose(request.purpose)
        for _ in range(_TRIES):
            before = self._latest.get(decided.id, decided)
            # (Clocks are set back, too.)
            covered = abs(now() - before.at) < COVERED
            pending, trouble = self._judged(request, purpose, decided, check, fields, covered=covered)
            if covered:
                pending.limits = ()
                if trouble is None and _rests_on(pending.receipt) == _rests_on(before):
                    return
            await self._book.commit([pending])
            if pending.stale:
                continue
            if trouble is not None:
                raise trouble
            self._note(decided, pending.receipt)
            return
        raise Busy(RESTLESS)

    def opens_at(self, request: Request) -> int | None:
        """When (µs) a customer may be read who may not be now, because of the hour alone: as their quiet hours end.
        None where they may be now, or at no other hour. Nothing of them is looked at."""
        purpose = known_purpose(request.purpose)
        with self._reader.snapshot(), self._people.snapshot():
            found = self._reader.by_handle(request.org, request.customer)
            judged = None if found is None else self._uncounted.judged(found, request, purpose)
            if judged is None or judged.open is not None:
                return None
            if not isinstance(self._refused(self._uncounted, request, purpose, found, judged), Conflict):
                return None
            return self._opens(request, purpose, judged)

    def _opens(self, request: Request, purpose: str, judged: Judged) -> int:
        at, holders = now(), judged.ground.holders
        hours = {(clause.quiet, one.terms.zone) for one in holders for clause in one.terms.clauses if clause.quiet}
        for end in sorted({quiet_ends(*one, at) for one in hours}):
            if self._uncounted.judged(judged.found, request, purpose, judged.ground, end).open is not None:
                return end
        return at + DAY  # hours of several people that leave none between them

    def _judged(
        self,
        request: Request,
        purpose: str,
        decided: Receipt,
        check: Callable[[Found], None],
        fields: tuple[str, ...],
        *,
        covered: bool,
    ) -> tuple[Pending, RapportError | None]:
        judging = self._uncounted if covered else self._counted
        with self._reader.snapshot(), self._people.snapshot():
            found = self._reader.by_handle(request.org, request.customer)
            judged = None if found is None else judging.judged(found, request, purpose)
            trouble, said = None, ""
            if found is None or judged is None or judged.open is None:
                trouble = self._refused(judging, request, purpose, found, judged)
            elif not _is_within(decided, judged):
                trouble, said = NotFound(ABSENT), CLOSED
            else:
                try:
                    check(judged.open)
                except RapportError as error:
                    trouble, said = error, error.message
            given = trouble is None
            pending = judging.pending(request, purpose, judged, fields if given else (), said, given=given)
        return pending, trouble

    @staticmethod
    def _refused(
        judging: Judging, request: Request, purpose: str, found: Found | None, judged: Judged | None
    ) -> RapportError:
        """Why nothing may be read now: for good, or because of the hour."""
        if found is not None and judged is not None and request.reaching_out:
            at_another_hour = msgspec.structs.replace(request, reaching_out=False)
            if judging.judged(found, at_another_hour, purpose, judged.ground).open is not None:
                return Conflict(judged.decision.reason, code=QUIET)
        return NotFound(ABSENT)

    def _note(self, decided: Receipt, receipt: Receipt) -> None:
        if len(self._latest) >= _MOST:
            self._latest.clear()
        self._latest[decided.id] = receipt


def _is_within(decided: Receipt, judged: Judged) -> bool:
    """Whether all kinds of data and all records that a decision rested on are open still."""
    records = {part.number for part in judged.open.parts} if judged.open is not None else set()
    return records.issuperset(decided.records) and set(names_in(judged.told)).issuperset(decided.categories)


def _rests_on(receipt: Receipt) -> tuple[object, ...]:
    """What of terms and promises, said otherwise, is news."""
    return receipt.clauses, receipt.agreement, receipt.declaration, receipt.recipients, receipt.retention_days
