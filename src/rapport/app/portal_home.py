"""The portal's desk for the first page: what happened lately, what this month gave, and what waits for the person.

Every part is a bounded query: nothing is asked of a company's records unless it told of benefits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple

from rapport.adapters.embedded import tallies
from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.claims import Claimed, Claims, News
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.adapters.embedded.sqlite import transaction
from rapport.app.portal_devices import PASSKEY_MADE
from rapport.app.proving import Proofs, Proving
from rapport.kernel.times import DAY, MINUTE, now
from rapport.profile.store import ProfileReader
from rapport.terms.benefits import totals
from rapport.terms.handing import DELETION
from rapport.terms.statement import estimate_told, month_span, own_benefits
from rapport.web import months
from rapport.web.portal.devices_desk import Devices
from rapport.web.portal.rights_desk import Request
from rapport.web.portal.told import Gave, Look, Moment, Session, Told, Use, Waiting

MOST = 8
"""Moments on the first page."""
SOON = 14 * DAY
"""An address that counts no longer than this waits to be shown again."""
_MOST_RECEIPTS = 5_000


class Account(NamedTuple):
    """What an account holds besides terms: the latest news, its claims, how many recovery codes are left, and whether
    an address is shown to be theirs."""

    news: Sequence[News]
    claims: Sequence[Claimed]
    codes: int
    addressed: bool


class PortalHome:
    """The parts of the first page. `name_of` tells what a company is called."""

    def __init__(
        self,
        ledger: LedgerFile,
        reader: ProfileReader,
        people: PeopleFile,
        agreements: AgreementBook,
        proving: Proving,
        name_of: Callable[[str], str],
    ) -> None:
        self._ledger = ledger
        self._reader = reader
        self._people = people
        self._agreements = agreements
        self._proving = proving
        self._name_of = name_of
        self._benefits = BenefitFile(ledger)
        self._claims = Claims(people)

    def note(self, person: Person, said: str) -> None:
        """Keep a sentence about what the person did with their account, for them alone."""
        with transaction(self._people.db):
            self._claims.tell(person.id, said)

    async def account(self, session: Session) -> Account:
        def read(proofs: Proofs) -> Account:
            person = session.person
            codes = proofs.contacts.recovery_codes(person)
            addressed = bool(proofs.contacts.contacts(person))
            return Account(proofs.claims.news(person), proofs.claims.claims(person), codes, addressed)

        return await self._proving.within(read)

    def uses(self, person: Person) -> dict[str, Use]:
        """Company → how often it used something this month, and asked in vain."""
        since, _ = month_span(months.present())
        counted = tallies.of_person(self._ledger.db, person.id, since, _MOST_RECEIPTS)
        found: dict[str, Use] = {}
        for org, given, times in counted:
            before = found.get(org, Use(0, 0))
            found[org] = Use(before.given + times * given, before.refused + times * (not given))
        return found

    def gave(self, person: Person) -> Gave:
        """What is settled of this month, and what is estimated, which is never added to it."""
        month = months.present()
        since, until = month_span(month)
        orgs = person.orgs
        telling = {org for org in orgs if self._tells(org, since, until)}
        claims = [claim for claim in person.claims if claim[0] in telling]
        sums = totals(own_benefits(self._reader, self._benefits, claims, since, until)) if claims else {}
        estimated = [
            {"org": org, "name": self._name_of(org), **estimate_told(one)}
            for org in orgs
            for one in self._benefits.estimates(org)
            if one.side == "customer"
        ]
        return Gave(month, tuple(sums.get("customer", ())), tuple(sums.get("company", ())), tuple(estimated))

    def _tells(self, org: str, since: int, until: int) -> bool:
        return bool(self._benefits.mapping(org) or self._benefits.sums(org, since // DAY, until // DAY))

    def waits(
        self, session: Session, person: Person, account: Account, requests: Iterable[Request]
    ) -> tuple[Waiting, ...]:
        """What only the person can do, or waits to be answered; the most urgent first."""
        found = [Waiting("claim", self._name_of(one.org), one.value) for one in account.claims if one.suspended]
        soon = now() + SOON
        found += [
            Waiting("again", self._name_of(one.org), one.value, one.until)
            for one in account.claims
            if not one.suspended and one.until is not None and one.until < soon
        ]
        if not session.bound:
            found.append(Waiting("passkey"))
        elif not account.codes:
            # The first address ends the codes that were made before it.
            found.append(Waiting("codes", said="" if account.addressed else "address"))
        if session.id and (unsigned := self._unsigned(person)):
            found.append(Waiting("sign", ", ".join(unsigned)))
        found += [Waiting("request", one.name, one.what, one.deadline) for one in requests if one.status == "open"]
        return tuple(found)

    def _unsigned(self, person: Person) -> list[str]:
        """The companies whose agreements are in force without the person's own signature."""
        held = self._agreements.of_person(person.id)
        return [self._name_of(one.org) for one in held if one.ended_at is None and not one.by_hand]


def lately(
    looks: Iterable[Look],
    notices: Iterable[Told],
    requests: Iterable[Request],
    news: Iterable[News],
    devices: Devices,
) -> tuple[Moment, ...]:
    """The latest of everything that happened, each told once."""
    found = [
        *_of_looks(looks),
        *(Moment(one.at, "told", one.name, one.headline) for one in notices),
        *(Moment(one.at, "asked", one.name, one.what) for one in requests),
        *(Moment(one.at, "account", "", one.said) for one in news if not _of_a_passkey(one, devices)),
        *(Moment(one.created_at, "passkey", one.name) for one in devices.keys),
        *(Moment(one.created_at, "device", one.name) for one in devices.bound),
    ]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True)[:MOST])


def _of_a_passkey(news: News, devices: Devices) -> bool:
    """It tells that a passkey was made which is still there, and tells of itself by its name."""
    made = (abs(news.at - key.created_at) < MINUTE for key in devices.keys)
    return news.said == PASSKEY_MADE and any(made)


def _of_looks(looks: Iterable[Look]) -> Iterator[Moment]:
    """Companies' looks; of one company and purpose within a day, one moment, and one for each where it was sent."""
    theirs = [one for one in looks if not one.own and one.action != DELETION]
    for _, of_day in groupby(theirs, key=lambda one: one.at // DAY):
        told: dict[tuple[Any, ...], list[Look]] = {}
        for one in of_day:
            sent_to = one.recipients if one.given and one.action == "destination" else ()
            told.setdefault((one.org, one.given, one.why, sent_to), []).append(one)
        for (_, given, why, sent_to), same in told.items():
            what: Literal["sent", "used", "refused"] = "sent" if sent_to else "used" if given else "refused"
            yield Moment(same[0].at, what, same[0].name, why, len(same), sent_to)
