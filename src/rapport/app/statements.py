"""Statements over an embedded node: for persons, and their mirror for companies."""

import functools
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, get_args

import msgspec

from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.adapters.embedded.people import PeopleFile
from rapport.app import embedded, words
from rapport.app.agreeing import open_agreeing
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.profile.store import Found, ProfileReader
from rapport.terms import Gate
from rapport.terms.benefits import Estimate, Side
from rapport.terms.estimates import METHODS, of_theirs
from rapport.terms.sentences import clause_sentence, named
from rapport.terms.settling import Settler
from rapport.terms.statement import NOT_YET, Ground, Words, month_span, own_benefits, statement
from rapport.web.language import SPOKEN

MOST = 100_000
"""Receipts in one statement, the newest."""
BY_ITSELF = "by itself"
SIDES: tuple[Side, ...] = get_args(Side)


class Statements:
    """Statements of persons over one ledger connection and one reader."""

    def __init__(
        self,
        ledger: LedgerFile,
        people: PeopleFile,
        reader: ProfileReader,
        agreements: AgreementBook,
        benefits: BenefitFile,
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._reader = reader
        self._agreements = agreements
        self._benefits = benefits

    def of(self, handle: str, month: str | None) -> dict[str, Any]:
        """A person's statement, in the shape of `terms/statement`. Raises NotFound, BadInput for what is no month."""
        since, until = month_span(month)
        person = self._people.person(handle)
        orgs = person.orgs
        got = OwnDecisions(self._ledger).got(person.id)
        notices = [(told.at, told.notice) for told in self._agreements.notices(person.id, limit=1_000)]
        ground = Ground(
            self._ledger.told(person.id, since, until, MOST),
            own_benefits(self._reader, self._benefits, person.claims, since, until),
            [(at, one) for at, one in notices if since <= at < until],
            {org: of_theirs(self._benefits.estimates(org), got.get(org, ())) for org in orgs},
        )
        names = self._names()
        sentences = {clause.id: clause_sentence(named(clause, names), SPOKEN) for clause in person.terms.clauses}
        return statement(
            ground,
            Words(
                names,
                partial(words.purpose, tongue=SPOKEN),
                partial(words.categories, tongue=SPOKEN),
                sentences,
            ),
            month,
        )

    def _names(self) -> Any:
        return functools.cache(self._people.name_of)


def open_statements(settings: Settings) -> Statements:
    ledger = embedded.open_ledger(settings)
    people = embedded.open_people(settings, ledger)
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    return Statements(ledger, people, reader, open_agreeing(settings, ledger).book, BenefitFile(ledger))


async def settle(settings: Settings, org: str) -> int:
    """Let all events of an organization settle themselves by its mapping. Returns how many benefits are new."""
    ledger = embedded.open_ledger(settings)
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    gate = Gate(reader, embedded.open_people(settings, ledger), DirectReceipts(ledger), quiet_s=0)
    settler = Settler(gate, reader, embedded.open_benefits(settings, ledger))
    count, before = 0, 1 << 62
    while numbers := reader.newest_records(org, before, 1_000):
        before = numbers[-1]
        found: dict[str, Found] = {}
        with reader.snapshot():
            for number in numbers:
                one = reader.found(org, number)
                if one is not None:
                    found[one.customer] = one
        count += await settler.settle(org, list(found.values()), BY_ITSELF)
    return count


def lines(told: Mapping[str, Any]) -> Iterable[str]:
    """A statement in plain lines."""
    for one in told["uses"]:
        what = one["what"] or "what it knows"
        yield f"{one['name']} used {what} {one['why']}: {said_times(one['count'])}"
        yield from (f"    by your sentence: {clause}" for clause in one["clauses"])
    for one in told["refusals"]:
        yield f"{one['name']} asked {one['why']} and got nothing: {said_times(one['count'])} ({one['said']})"
        yield from (f"    by your sentence: {clause}" for clause in one["clauses"])
    for side, who in (("customer", "you got"), ("company", "companies got")):
        amounts = [said_amount(one) for one in told["settled"][side]]
        yield f"settled: {who} {', '.join(amounts) or 'nothing that was told'}"
    guesses = [said_estimate(msgspec.convert(one, Estimate)) for side in SIDES for one in told["estimated"][side]]
    yield from guesses or [f"estimated: {NOT_YET}"]
    for one in told["changes"]:
        yield f"{one['at'][:10]} {one['name']}: {' '.join(one['sentences'])}"


def said_times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def said_amount(one: Mapping[str, Any]) -> str:
    """`5.00 GBP`; of bands `10–20 GBP, 3 times`."""
    return (
        f"{one['amount']} {one['unit']}"
        if "amount" in one
        else f"{one['band']} {one['unit']}, {said_times(one['count'])}"
    )


def said_estimate(one: Estimate) -> str:
    """`estimated: people like you got 0.40 GBP [0.10, 0.70] each (n = 1,200, …)`."""
    who = "people like you" if one.side == "customer" else "the company"
    how = f"{one.group}; n = {one.n:,}; {METHODS.get(one.method, one.method)}; {one.date}"
    return f"estimated: {who} got {one.effect} {one.unit} [{one.low}, {one.high}] each ({how})"
