"""The portal's desk for sharing: what the person did at one company that their terms let another see.

Whether anything is told is decided as the gate would; what is shown to the person is what the gate would tell.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.app import words
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.kernel.vocabulary import PURPOSES, names_in
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms import Ground, choosing
from rapport.terms.clauses import Elsewhere
from rapport.terms.deciding import Decision, decide, links_of
from rapport.terms.elsewhere import done_elsewhere
from rapport.terms.own import ACTION, OwnLooks
from rapport.terms.policy import Judge
from rapport.terms.statement import month_span
from rapport.web import months
from rapport.web.language import SPOKEN
from rapport.web.portal import sharing_desk as ask
from rapport.web.portal.told import Session

_MOST_RECEIPTS = 500
Customers = Callable[[Person, str], tuple[list[Sequence[Part]], list[Ground]]]


class _Granted(NamedTuple):
    """What a company is told for a purpose: by mask of categories, how much."""

    purpose: str
    mask: int
    grants: tuple[tuple[int, Elsewhere], ...]


class PortalSharing:
    """`customers` are a person's of a company, each with its ground; `name_of` tells what a company is called."""

    def __init__(
        self,
        ledger: LedgerFile,
        people: PeopleFile,
        reader: ProfileReader,
        looks: OwnLooks,
        customers: Customers,
        name_of: Callable[[str], str],
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._reader = reader
        self._looks = looks
        self._customers = customers
        self._name_of = name_of
        self._judge = Judge()

    async def sharing(self, session: Session) -> ask.Sharing:
        person = self._people.person(session.person)
        used = self._used(person)
        told: list[ask.Company] = []
        nothing: list[ask.Company] = []
        for org in person.orgs:
            granted = self._granted(person, org)
            (told if granted else nothing).append(self._company(person, org, granted, used))
        return ask.Sharing(person.locked, tuple(told), tuple(nothing), choosing.is_apart(person.terms, ""))

    async def told(self, session: Session, org: str) -> ask.Shown:
        """What a company would be told now, entry by entry, once the receipt of this look is durable."""
        person = self._people.person(session.person)
        if org not in person.orgs:
            raise NotFound("you are no customer there")
        granted = self._granted(person, org)
        grants = tuple(dict.fromkeys(grant for one in granted for grant in one.grants))
        mask = 0
        for one in granted:
            mask |= one.mask

        def alone(there: Found) -> bool:
            ground = self._people.ground(there.org, links_of(there.parts))
            return all(holder.id == person.id for holder in ground.holders)

        claims = [claim for claim in person.claims if claim[0] != org]
        with self._reader.snapshot():
            entries = done_elsewhere(self._reader, claims, grants, mask, alone) if granted else []
        said = f"you looked at what {org} is told of what you did at other companies"
        receipt = await self._looks.note(person.id, org, ACTION, said)
        company = self._company(person, org, granted, self._used(person))
        return ask.Shown(company, tuple(self._entry(entry) for entry in entries), receipt)

    def _company(
        self, person: Person, org: str, granted: Iterable[_Granted], used: dict[str, tuple[int, int]]
    ) -> ask.Company:
        stopped = choosing.is_apart(person.terms, org)
        return ask.Company(org, self._name_of(org), self._shares(granted), *used.get(org, (0, 0)), stopped)

    def _entry(self, entry: dict[str, object]) -> ask.Entry:
        company = str(entry.get("company", ""))
        return ask.Entry(
            words.categories([str(entry["category"])], SPOKEN),
            self._name_of(company) if company else "",
            {name: value for name, value in entry.items() if name not in {"category", "company"}},
        )

    def _granted(self, person: Person, org: str) -> list[_Granted]:
        """What is told to a company, as if it were not locked out: nothing else stands in the way of that."""
        parts, grounds = self._customers(person, org)
        grounds = [choosing.imagined(ground, person.id, person.terms, locked=False) for ground in grounds]
        promised = grounds[0].standing.declaration.purposes
        found = []
        for purpose in dict.fromkeys((*PURPOSES, *promised)):
            made = [self._decided(one, ground, purpose) for one, ground in zip(parts, grounds, strict=True)]
            mask = 0
            for decision in made:
                mask |= decision.elsewhere & choosing.EVENTS
            grants = tuple(dict.fromkeys(grant for decision in made for grant in decision.grants))
            if mask:
                found.append(_Granted(purpose, mask, grants))
        return found

    def _decided(self, parts: Sequence[Part], ground: Ground, purpose: str) -> Decision:
        return decide(self._judge, self._people, parts, ground, purpose, now(), reaching_out=False)

    def _shares(self, granted: Iterable[_Granted]) -> tuple[ask.Share, ...]:
        return tuple(
            ask.Share(
                one.purpose,
                words.purpose(one.purpose, SPOKEN),
                words.categories(names_in(one.mask), SPOKEN),
                exact=any(share.detail == "exact" for mask, share in one.grants if mask & one.mask),
                named=any(share.named for mask, share in one.grants if mask & one.mask),
                of=tuple(dict.fromkeys(self._name_of(of) for _, share in one.grants for of in share.of)),
            )
            for one in granted
        )

    def _used(self, person: Person) -> dict[str, tuple[int, int]]:
        """Company → how often it was told of elsewhere this month, and of how many things, by the newest receipts."""
        since, until = month_span(months.present())
        found: dict[str, tuple[int, int]] = {}
        for receipt in self._ledger.told(person.id, since, until, _MOST_RECEIPTS):
            if receipt.elsewhere:
                times, things = found.get(receipt.org, (0, 0))
                found[receipt.org] = (times + 1, things + receipt.elsewhere)
        return found
