"""What companies know about a person, for that person's own eyes.

Only records that hold one of the person's claimed identifiers firmly are read: a guess never shows a person another's
record. Where an identifier is on records of several users (a family's mailbox), it shows the record of none of them:
their user ids must be claimed. The look leaves a receipt in the person's book, in no company's: which of their
customers has an account here is nothing that companies learn.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from rapport.kernel import ids
from rapport.kernel.errors import Busy
from rapport.kernel.times import now
from rapport.kernel.vocabulary import names_in
from rapport.profile import timeline, view
from rapport.profile.record import OWN
from rapport.profile.store import ProfileReader
from rapport.profile.view import Part
from rapport.terms.deciding import holds_firmly
from rapport.terms.filtering import categories_in
from rapport.terms.goals import Happening, happening
from rapport.terms.ground import Pending, People, ReceiptBook
from rapport.terms.receipts import Receipt

CALLER = "you"
ACTION = "your own look"
TAKEN = "your own export"
MEASURED = "your own goal"
PURPOSE = "dpv:RightsFulfilment"
NOBODYS_BOOK = ""
"""In place of the organization in receipts of one's own looks."""
_TRIES = 20
_DONE = {
    ACTION: "looked at what",
    TAKEN: "took along what",
    MEASURED: "measured a goal by what",
}

Give = Callable[[list[Part], tuple[str, ...]], None]
"""Gets the records that are firmly a person's, and the claims that show nothing, since several users share them."""


class Own(NamedTuple):
    """What one company knows: traits and identifiers as the view has them, counts of events, and how many records."""

    org: str
    identifiers: list[dict[str, Any]]
    traits: dict[str, Any]
    events: dict[str, Any]
    records: int
    shared: tuple[str, ...]
    """Claimed identifiers (`type:value`) that show nothing, since several users share them."""
    receipt: str


def own_parts(reader: ProfileReader, org: str, claims: Iterable[tuple[str, str]]) -> tuple[list[Part], tuple[str, ...]]:
    """The records of a company that are firmly the claimant's (`(type, value)` each), and claims that several users
    share. Within a reader's snapshot."""
    claimed = list(claims)
    links = frozenset(f"{kind}:{value}" for kind, value in claimed)
    parts: dict[int, Part] = {}
    shared = []
    for kind, value in claimed:
        found = [part for customer in reader.by_identifier(org, kind, value) for part in customer.parts]
        firm = [part for part in found if holds_firmly(part, links)]
        users = frozenset().union(*map(_users, firm))
        if len(users) > 1 and not users <= links:
            firm = [part for part in firm if _users(part) <= links]
            shared.append(f"{kind}:{value}")
        parts.update({part.number: part for part in firm})
    return [parts[number] for number in sorted(parts)], tuple(shared)


def _users(part: Part) -> frozenset[str]:
    """The users that a record is of, as links (`user_id:…`); mostly one or none."""
    record = part.record
    if record.user is not None:
        return frozenset({f"user_id:{record.user}"})
    said = (link for link, how in record.links.items() if how & OWN & ~record.unlinked.get(link, 0))
    return frozenset(link for link in said if link.startswith("user_id:"))


class Known(NamedTuple):
    """Whether a company knows somebody: how many records are firmly theirs, and whether what they are asked for by is
    on records of several users, so that it may be somebody else's."""

    records: int
    several: bool


def _several(
    reader: ProfileReader, org: str, asked: Iterable[tuple[str, str]], claims: Iterable[tuple[str, str]]
) -> bool:
    """Whether one of these is on records, by whatever evidence, of several users whose ids are not claimed."""
    links = frozenset(f"{kind}:{value}" for kind, value in claims)
    for kind, value in asked:
        link = f"{kind}:{value}"
        parts = [part for found in reader.by_identifier(org, kind, value) for part in found.parts]
        users = frozenset[str]().union(*(_users(part) for part in parts if link in part.record.links))
        if len(users) > 1 and not users <= links:
            return True
    return False


class OwnLooks:
    """People's looks at what companies know about them, over one reader and one book of receipts."""

    def __init__(self, reader: ProfileReader, people: People, book: ReceiptBook) -> None:
        self._reader = reader
        self._people = people
        self._book = book

    async def look(self, person: int, org: str) -> Own:
        """What a company knows about a person. Raises Busy where their claims change meanwhile, again and again."""
        for _ in range(_TRIES):
            claims = [(kind, value) for company, kind, value in self._people.claims(person) if company == org]
            with self._reader.snapshot():
                parts, shared = own_parts(self._reader, org, claims)
                own = Own(org, view.identifiers(parts), view.traits(parts), view.events(parts), len(parts), shared, "")
            pending = self._pending(person, org, {f"{kind}:{value}" for kind, value in claims}, parts)
            await self._book.commit([pending])
            if not pending.stale:
                return own._replace(receipt=pending.receipt.id)
        raise Busy("what you claim is changing too quickly: ask again in a moment")

    def known(self, org: str, asked: Collection[tuple[str, str]], claims: Collection[tuple[str, str]]) -> Known:
        """Whether a company knows whoever is asked for by some identifiers, and claims these (`(type, value)` each).
        Nothing that is known leaves by it."""
        with self._reader.snapshot():
            parts, _ = own_parts(self._reader, org, claims)
            return Known(len(parts), _several(self._reader, org, asked, claims))

    async def take(self, person: int, org: str, give: Give) -> str:
        """Let a person take along all that a company knows: `give` gets it once the receipt, which is returned, is
        durable. All is of one moment, however long it takes, so the reader must be nobody else's. Raises Busy as
        above."""
        for _ in range(_TRIES):
            claims = [(kind, value) for company, kind, value in self._people.claims(person) if company == org]
            with self._reader.snapshot():
                parts, shared = own_parts(self._reader, org, claims)
                pending = self._pending(person, org, {f"{kind}:{value}" for kind, value in claims}, parts, TAKEN)
                await self._book.commit([pending])
                if not pending.stale:
                    give(parts, shared)
                    return pending.receipt.id
        raise Busy("what you claim is changing too quickly: ask again in a moment")

    async def happenings(self, person: int, since: Mapping[str, int]) -> list[Happening]:
        """What happened to a person at companies, at each since a time (µs), that counts for goals, once the receipts
        of it are durable: one for each company, all in one commit. Raises Busy as above."""
        happened: list[Happening] = []
        left = dict(since)
        for _ in range(_TRIES):
            claims = self._people.claims(person)
            read: list[tuple[str, list[Happening], Pending]] = []
            for org, start in left.items():
                own = [(kind, value) for company, kind, value in claims if company == org]
                with self._reader.snapshot():
                    parts, _shared = own_parts(self._reader, org, own)
                    found = [one for part in parts for one in self._happened(org, part, start)]
                links = {f"{kind}:{value}" for kind, value in own}
                read.append((org, found, self._pending(person, org, links, parts, MEASURED)))
            if read:
                await self._book.commit([pending for _, _, pending in read])
            for org, found, pending in read:
                if not pending.stale:
                    happened += found
                    del left[org]
            if not left:
                return happened
        raise Busy("what you claim is changing too quickly: ask again in a moment")

    def _happened(self, org: str, part: Part, since: int) -> Iterable[Happening]:
        blocks = timeline.since(part.record.head, partial(self._reader.block_of, part), since)
        events = (event for _, block in blocks for event in block.events)
        found = (happening(org, part.record.source, event) for event in events if (event.time or 0) >= since)
        return [one for one in found if one is not None]

    async def note(self, person: int, org: str, action: str, reason: str) -> str:
        """Put into a person's own book that they used a right towards a company, in a sentence; return the receipt once
        it is durable."""
        for _ in range(_TRIES):
            receipt = _receipt(org, action, reason)
            pending = Pending(receipt, self._people.ground(org, ()), person, customer=person)
            await self._book.commit([pending])
            if not pending.stale:
                return receipt.id
        raise Busy("what companies promise is changing too quickly: ask again in a moment")

    def _pending(
        self, person: int, org: str, links: Collection[str], parts: Sequence[Part], action: str = ACTION
    ) -> Pending:
        mask = 0
        for part in parts:
            mask |= categories_in(part)
        receipt = msgspec.structs.replace(
            _receipt(org, action, f"you {_DONE[action]} {org} knows"),
            categories=names_in(mask),
            records=tuple(part.number for part in parts),
        )
        return Pending(receipt, self._people.ground(org, links), person, customer=person)


def _receipt(org: str, action: str, reason: str) -> Receipt:
    """Of the person's own book; `fields` names whose knowledge it is about."""
    named = (ids.fresh("rcp"), NOBODYS_BOOK, now(), PURPOSE)
    return Receipt(*named, action, "permitted", reason, CALLER, fields=(org,))
