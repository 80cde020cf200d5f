"""Handing over: what is sent to other systems of many customers, each decided at the moment it leaves.

In: who is meant (by the number of a record), and what is made of each as far as the purpose opens them. Out, in the
same order: that, with a receipt that is durable; or that it may not be told. A customer who may not be read and one who
is gone look alike.

Sending may fail and be tried again: what is read then as before is the same use, and leaves no other receipt that day.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, TypeVar

import msgspec

from rapport.kernel.errors import Busy
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.store import Found, ProfileReader
from rapport.terms.ground import Ground, Pending, People, ReceiptBook
from rapport.terms.judging import Judging, Request
from rapport.terms.receipts import Receipt
from rapport.terms.standing_use import said

Content = TypeVar("Content")
DELETION = "deletion"
"""The action of a receipt that tells of one."""
TAKEN_BACK = "what was sent is deleted there"
_TRIES = 20
_RESTLESS = "terms are changing too quickly to decide: ask again in a moment"


class Before(NamedTuple):
    """A use that has its receipt, and what that said."""

    receipt: Receipt
    said: tuple[object, ...]


class Meant(NamedTuple, Generic[Content]):
    """One customer to be handed over. `answer`: what is made of them, None where there is nothing of what was meant;
    `before`: the receipt that it has from an earlier try."""

    record: int
    answer: Callable[[Found], Content | None]
    before: Before | None = None


class Handing(NamedTuple, Generic[Content]):
    """What became of one. `content` None: it may not be told, or there is nothing to tell; `refused`: they may not be
    read, or are gone; `shown`: the number of the record whose handle the customer shows now, 0 of who is refused."""

    content: Content | None
    refused: bool
    shown: int
    use: Before | None


class Uncounted:
    """Persons, of whom nothing was ever used."""

    def __init__(self, people: People) -> None:
        self._people = people

    def snapshot(self) -> AbstractContextManager[object]:
        return self._people.snapshot()

    def ground(self, org: str, links: Collection[str]) -> Ground:
        return self._people.ground(org, links)

    def grounds(self, org: str, links: Sequence[Collection[str]]) -> Sequence[Ground]:
        return self._people.grounds(org, links)

    def claims(self, person: int) -> list[tuple[str, str, str]]:
        return self._people.claims(person)

    def uses(self, person: int, org: str, purpose: str, since: int) -> int:
        del person, org, purpose, since
        return 0


class Handover:
    """Over one reader of profiles, the ledger's persons and promises, and one book of receipts."""

    def __init__(self, reader: ProfileReader, people: People, book: ReceiptBook, *, secret: bytes = b"") -> None:
        self._reader = reader
        self._people = people
        self._book = book
        self._judging = Judging(reader, people, secret)
        self._uncounted = Judging(reader, Uncounted(people), secret)
        """As if it had never been used: who has had enough for this week withdraws nothing."""

    async def hand(
        self, request: Request, meant: Sequence[Meant[Content]], fields: Callable[[Content], tuple[str, ...]]
    ) -> list[Handing[Content]]:
        """What may be handed over of each, once their receipts are durable. `request.customer` is not used. Raises Busy
        where terms change too quickly, Full where no receipt can be kept."""
        purpose = known_purpose(request.purpose)
        done: dict[int, Handing[Content]] = {}
        left = list(range(len(meant)))
        for number in range(_TRIES):
            # What cannot be kept twice in a row is counted: then it is decided as if it were new.
            if number:
                meant = [one._replace(before=None) for one in meant]
            tried = self._tried(request, purpose, [(place, meant[place]) for place in left], fields)
            news = [pending for _, pending, handing in tried if handing.use is not None and pending is not None]
            if news:
                await self._book.commit(news)
            left = []
            for place, pending, handing in tried:
                if pending is not None and pending.stale:
                    left.append(place)
                else:
                    done[place] = handing
            if not left:
                return [done[place] for place in range(len(meant))]
        raise Busy(_RESTLESS)

    async def taken_back(self, request: Request, record: int) -> Receipt | None:
        """Put on record that who was handed over is to be deleted there; None where nobody is known of whom it could be
        told. Raises Busy, Full."""
        purpose = known_purpose(request.purpose)
        for _ in range(_TRIES):
            with self._reader.snapshot(), self._people.snapshot():
                found = self._reader.found(request.org, record)
                if found is None:
                    return None
                judged = self._uncounted.judged(found, request, purpose)
                why = TAKEN_BACK if judged.open is not None else f"{TAKEN_BACK}: {judged.decision.reason}"
                named = msgspec.structs.replace(request, customer=found.customer, action=DELETION)
                pending = self._judging.pending(named, purpose, judged, (), why, given=False)
            # It is no refusal of a question, and is counted as none.
            to = request.systems or request.recipients or ()
            pending.receipt = msgspec.structs.replace(pending.receipt, recipients=to, unmet=())
            pending.unmet, pending.listed = "", True
            await self._book.commit([pending])
            if not pending.stale:
                return pending.receipt
        raise Busy(_RESTLESS)

    def refused(self, request: Request, records: Sequence[int]) -> list[int]:
        """Which of these may not be read any more, or are gone: nothing of anybody is told, so it leaves no receipt."""
        purpose = known_purpose(request.purpose)
        with self._reader.snapshot(), self._people.snapshot():
            found = [(record, self._reader.found(request.org, record)) for record in records]
            return [
                record
                for record, one in found
                if one is None or self._uncounted.judged(one, request, purpose).open is None
            ]

    def _tried(
        self,
        request: Request,
        purpose: str,
        meant: Sequence[tuple[int, Meant[Content]]],
        fields: Callable[[Content], tuple[str, ...]],
    ) -> list[tuple[int, Pending | None, Handing[Content]]]:
        """Each with the receipt that is still to be written, if one is."""
        out: list[tuple[int, Pending | None, Handing[Content]]] = []
        with self._reader.snapshot(), self._people.snapshot():
            for place, one in meant:
                found = self._reader.found(request.org, one.record)
                judged = None if found is None else self._judging.judged(found, request, purpose)
                refused = judged is None or judged.open is None
                if found is not None and refused:
                    lasting = self._uncounted.judged(found, request, purpose)
                    refused = lasting.open is None
                    # Its own receipt is what made it one too many: it is the same use still.
                    judged = lasting if one.before is not None else judged
                opened = None if judged is None else judged.open
                content = None if opened is None else one.answer(opened)
                named = request if found is None else msgspec.structs.replace(request, customer=found.customer)
                names = () if content is None else fields(content)
                pending = self._judging.pending(named, purpose, judged, names, "", given=content is not None)
                pending.listed = True
                tells = _said(pending)
                use = one.before if one.before is not None and one.before.said == tells else None
                shown = 0 if opened is None else opened.number
                known = use or Before(pending.receipt, tells)
                handing = Handing(content, refused, shown, known)
                out.append((place, None if use is not None else pending, handing))
        return out


def _said(pending: Pending) -> tuple[object, ...]:
    """What makes two receipts of one delivery tell the same."""
    return *said(pending), pending.receipt.fields, pending.receipt.recipients
