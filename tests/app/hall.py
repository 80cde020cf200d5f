"""A house whose people prove things: what the tests of addresses, claims and recovery share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.claims import Claimed
from rapport.adapters.embedded.contacts import Contact
from rapport.app.embedded import open_ledger, open_people
from rapport.app.proving import Proofs, open_proofs
from rapport.app.settings import Settings
from rapport.kernel.times import now
from rapport.signin import codes
from rapport.signin.passkeys import Made
from tests.profile.house import ORG, House

ADA, BO = "ada@example.com", "bo@example.com"
MODULES = ("accounts", "claims", "contacts", "recovering", "reminding", "people")


class Hall(House):
    """A house whose people prove things; `clock` is how far its time is ahead, µs."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        ledger = open_ledger(self.settings)
        ledger.add_org("corner")
        self.where = Settings(data=self.settings.data, **settings)
        self.proofs = self.opened()
        self.made = 0

    def opened(self) -> Proofs:
        return open_proofs(self.where, open_people(self.where, open_ledger(self.where)))

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.proofs.people.ledger)

    def person(self, *claims: str) -> str:
        return self.proofs.people.add(claims).handle

    def made_key(self) -> Made:
        self.made += 1
        return Made(self.made.to_bytes(16, "big"), bytes(77), 0, synced=True)

    def enrol(self, person: str) -> tuple[str, int, int]:
        """A passkey by an invitation: the session's token, its number and the passkey's."""
        code = self.accounts.invite(person)
        self.made += 1
        spent = (self.made.to_bytes(40, "big"), 1 << 62)
        token, session = self.accounts.accept(code, self.made_key(), "a key", "a browser", spent)
        assert session.passkey is not None
        return token, session.id, session.passkey

    def verify(self, person: str, address: str, session: int = 0, passkey: int | None = None) -> Contact:
        waiting = self.proofs.contacts.start(person, codes.kind_of(address), address)
        assert waiting.code is not None
        return self.proofs.contacts.verify(person, waiting.handle, waiting.code, session, passkey)

    def claim(self, person: str, address: str, org: str = ORG) -> None:
        self.proofs.claims.claim_by_contact(person, org, self.verify(person, address).id)

    def claims(self, person: str) -> list[Claimed]:
        return self.proofs.claims.claims(person)

    def held(self, person: str) -> set[tuple[str, str, str]]:
        """What opens anything: as the gate and the person's own looks read it."""
        return set(self.proofs.people.person(person).claims)

    def begin(self, person: str, address: str) -> str:
        paper = self.proofs.contacts.new_recovery_codes(person)[0]
        waiting = self.proofs.contacts.start_recovery("email", address)
        assert waiting.code is not None
        return self.proofs.recovering.begin(waiting.handle, waiting.code, paper)[0]

    def finish(self, secret: str) -> str:
        self.made += 1
        spent = (self.made.to_bytes(40, "big"), 1 << 62)
        return self.proofs.recovering.finish(secret, self.made_key(), "new", "a browser", spent)[0]


@pytest.fixture
def hall() -> Iterator[Hall]:
    with Hall(recovery_hours=0) as hall:
        yield hall


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let time pass (µs) for all that these tests ask."""
    ahead = [0]

    def pass_by(span: int) -> None:
        ahead[0] += span
        for module in MODULES:
            monkeypatch.setattr(f"rapport.adapters.embedded.{module}.now", lambda: now() + ahead[0])

    return pass_by
