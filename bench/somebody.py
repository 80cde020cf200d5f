"""Somebody with an account, whom so many companies know by so many facts, and whose pages are full."""

import json
import os
from collections.abc import Sequence
from typing import NamedTuple

from bench import machine
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.goals import GoalFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import Person
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.signin.passkeys import Made, Proved
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from rapport.terms.goals import Goal

SOURCES = ("crm", "shop")
"""A record holds 2,000 facts at most."""
_AT_ONCE = 250
"""Facts in one event."""
USES = 1_000
"""Receipts in their book, over a year."""
PASSKEYS = 5


class Somebody(NamedTuple):
    """Their account, the companies that know them, and one of the uses that they may ask about."""

    ledger: LedgerFile
    person: Person
    orgs: Sequence[str]
    use: str

    def session(self) -> str:
        """The secret of a sign-in just now."""
        accounts = Accounts(self.ledger)
        passkey = accounts.passkeys(self.person.handle)[0]
        proved = Proved(passkey.counter + 1, synced=False)
        return accounts.sign_in(passkey, proved, "Chrome/1 Linux", (os.urandom(32), now() + MINUTE))[0]


def known(settings: Settings, companies: int, facts: int) -> Somebody:
    """A node of its own (`settings`), whose companies know one person by `facts` in all."""
    ledger = embedded.open_ledger(settings)
    orgs = [f"c{number}" for number in range(companies)]
    _told(settings, ledger, orgs, facts)
    people = embedded.open_people(settings, ledger)
    person = people.add([f"{org}:user_id:ada" for org in orgs])
    _enrolled(ledger, person)
    GoalFile(ledger).say(person.handle, Goal("Buy less", "buy", tuple(orgs), times=5))
    return Somebody(ledger, person, orgs, _used(settings, ledger, person, orgs))


def _told(settings: Settings, ledger: LedgerFile, orgs: Sequence[str], facts: int) -> None:
    log = embedded.open_log(settings)
    share = max(1, facts // len(orgs) // len(SOURCES))
    for org in orgs:
        ledger.add_org(org)
        for source in SOURCES:
            ledger.add_source(org, source, trusted=True)
            for first in range(0, share, _AT_ONCE):
                numbers = range(first, min(first + _AT_ONCE, share))
                traits = {f"{source}_{number}": f"a value of some length, {number}" for number in numbers}
                event = {"type": "identify", "userId": "ada", "messageId": f"{org} {source} {first}", "traits": traits}
                log.append([LogEntry(org, source, "segment", "batch", now(), json.dumps({"batch": [event]}).encode())])
    log.close()
    worker = Worker(settings)
    while worker.step():
        pass
    worker.close()
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    with reader.snapshot():
        found = [part for org in orgs for part in reader.by_identifier(org, "user_id", "ada")[0].parts]
    reader.close()
    if sum(len(part.record.facts) for part in found) != share * len(SOURCES) * len(orgs):
        raise machine.Unmeasurable("not all facts are known")


def _enrolled(ledger: LedgerFile, person: Person) -> None:
    accounts = Accounts(ledger)
    made = [Made(os.urandom(32), os.urandom(77), 1, synced=False) for _ in range(PASSKEYS)]
    accounts.accept(accounts.invite(person.handle), made[0], "Chrome on Linux", "Chrome/1 Linux", (b"first", now()))
    for number, one in enumerate(made[1:]):
        accounts.add_passkey(person.handle, one, f"Key {number}", (b"%d" % number, now() + HOUR))


def _used(settings: Settings, ledger: LedgerFile, person: Person, orgs: Sequence[str]) -> str:
    """Companies used what they know, day after day; the last of these uses."""
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    with reader.snapshot():
        numbers = {org: reader.by_identifier(org, "user_id", "ada")[0].number for org in orgs}
    reader.close()
    pending = [
        Pending(
            Receipt(
                f"rcp_page{number:022d}",
                org := orgs[number % len(orgs)],
                now() - (USES - number) * 365 * DAY // USES,
                ("service", "offers", "personalisation")[number % 3],
                "view",
                "refused" if number % 10 == 0 else "permitted",
                "contract",
                "bench",
                fields=("email", "name", "orders", "plan"),
                categories=("contact", "purchases"),
                records=(numbers[org],),
                clauses=("service",),
            ),
            Ground(1, org, Standing(org, DEFAULT, 1, "", 0)),
            person=person.id,
            customer=numbers[org],
        )
        for number in range(USES)
    ]
    ledger.append_receipts([pending], lambda *_: True)
    return pending[-1].receipt.id
