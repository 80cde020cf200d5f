"""Settling: benefits that companies report, and those that events show by themselves, into the book of benefits.

Both pass the gate for `service`, with a receipt: of a customer who may not be seen nothing can be told or learnt, and
an event that may not be seen is no evidence.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rapport.kernel import ids
from rapport.kernel.errors import BadInput
from rapport.kernel.times import now
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms.benefits import Mapped, Settled, Wish, amount_text, events_of, shown
from rapport.terms.gate import Gate
from rapport.terms.judging import Request

PURPOSE = "service"
ACTION = "benefit"
NO_EVIDENCE = "the customer's timeline has no such event"


class Kept(NamedTuple):
    """A benefit in the book; `fresh`: it was not there before."""

    id: str
    fresh: bool


class Settling(Protocol):
    """What was settled, for who only reads."""

    def mapping(self, org: str) -> Sequence[Mapped]:
        """The events that settle themselves."""

    def by_mapping(self, org: str, records: Sequence[int]) -> int:
        """How many benefits of these records were settled by events themselves."""


class BenefitBook(Settling, Protocol):
    async def settle(self, benefits: Sequence[Settled], customers: Sequence[int]) -> list[Kept]:
        """Keep each once, in the tree of its record's customer; return when all are synced. `customers`: numbers of
        records in whose trees the uses are that are named. Raises BadInput where a use is not there, NotFound where a
        record was erased meanwhile."""


class Settler:
    """Benefits of all organizations, over the gate, its reader and the book."""

    def __init__(self, gate: Gate, reader: ProfileReader, book: BenefitBook) -> None:
        self._gate = gate
        self._reader = reader
        self._book = book

    async def report(self, org: str, wish: Wish, caller: str) -> tuple[Kept, str]:
        """A benefit as an organization reports it, once; and the receipt of looking for its evidence. Raises BadInput,
        NotFound where the customer is absent or refused, Conflict where several are meant."""
        wish.checked()

        def evidence(found: Found) -> int:
            for part, event in events_of(found.parts, self._reader.block_of):
                if event.message_id == wish.evidence:
                    return part.number
            raise BadInput(NO_EVIDENCE, code="no_evidence", field="evidence")

        request = Request(org, wish.customer, PURPOSE, caller, ACTION)
        found, record, receipt = await self._gate.read(request, evidence, lambda _: ("events",))
        amount = "" if wish.amount is None else amount_text(wish.amount)
        benefit = Settled(
            id=ids.fresh("ben"),
            org=org,
            at=now(),
            side=wish.side,
            kind=wish.kind,
            amount=amount,
            band=wish.band or "",
            unit=wish.unit,
            use=wish.receipt or "",
            evidence=wish.evidence,
            records=(record,),
        )
        (kept,) = await self._book.settle([benefit], [found.number, *(part.number for part in found.parts)])
        return kept, receipt.id

    async def settle(self, org: str, customers: Sequence[Found], caller: str) -> int:
        """Let events of these customers settle themselves by the organization's mapping; idempotent. Returns how many
        benefits are new."""
        mapped = self._book.mapping(org)
        wanted = [found for found in customers if has_news(self._book, org, found.parts, mapped)]
        if not wanted:
            return 0

        def settled(found: Found) -> list[Settled]:
            return by_themselves(self._reader, org, found.parts, mapped)

        request = Request(org, "", PURPOSE, caller, ACTION)
        answers = await self._gate.each(request, lambda: wanted, settled, lambda _: ("events",))
        count = 0
        for _, benefits, _ in answers:
            count += sum(kept.fresh for kept in await self._book.settle(benefits, ()))
        return count


def has_news(book: Settling, org: str, parts: Sequence[Part], mapped: Sequence[Mapped]) -> bool:
    """Whether these records have more such events than were settled."""
    names = [one.event for one in mapped]
    tallies = [part.record.names.get(name) for part in parts for name in names]
    there = sum(tally.count for tally in tallies if tally is not None)
    return there > book.by_mapping(org, [part.number for part in parts])


def by_themselves(reader: ProfileReader, org: str, parts: Sequence[Part], mapped: Sequence[Mapped]) -> list[Settled]:
    """What events of these records settle by themselves, kept or not. Within a reader's snapshot."""
    return [
        Settled(
            id=ids.fresh("ben"),
            org=org,
            at=event.time if event.time is not None else event.received_at,
            side=one.side,
            kind=one.kind,
            amount=amount,
            band="",
            unit=one.unit,
            use="",
            evidence=event.message_id,
            records=(part.number,),
        )
        for part, event in events_of(parts, reader.block_of)
        for one, amount in shown(event, mapped)
    ]
