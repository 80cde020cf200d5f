"""Whoever changes what opens an account cannot keep it from its person: they are told where they can be reached. And
nobody keeps another from their codes by asking for them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.embedded import open_ledger
from rapport.app.portal_devices import PortalDevices
from rapport.app.portal_proofs import PortalProofs
from rapport.app.proving import CODES_AN_HOUR, Proving
from rapport.app.recovering import HouseRecovery
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import BadInput, Conflict, Full, TooMany
from rapport.kernel.times import now
from rapport.web.asker import network_of
from rapport.web.portal.told import Session
from tests.app.hall import ADA, BO, Hall
from tests.e2e.mailbox import Mailbox
from tests.signin.authenticator import Authenticator


class Desks:
    def __init__(self, hall: Hall, mailbox: Mailbox) -> None:
        self.hall = hall
        self.settings = Settings(data=str(hall.directory), smtp=mailbox.url, mail_from="node@example.com")
        self.proving = Proving(self.settings)
        self.signin = HouseSignin(lambda: open_ledger(self.settings), b"s" * 32, self.settings.url)
        self.devices = PortalDevices(self.signin, self.proving)
        self.proofs = PortalProofs(self.proving, self.signin, str)
        self.recovery = HouseRecovery(self.proving, self.signin)

    def close(self) -> None:
        self.proving.close()
        self.signin.close()


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    directory: Path = tmp_path_factory.mktemp("mail")
    made = Mailbox(directory)
    yield made
    made.stop()


@pytest.fixture
def desks(mailbox: Mailbox) -> Iterator[Desks]:
    with Hall(recovery_hours=0) as hall:
        desks = Desks(hall, mailbox)
        yield desks
        desks.close()


def test_every_change_of_what_opens_an_account_is_told_where_its_person_is_reached(
    desks: Desks, mailbox: Mailbox
) -> None:
    hall = desks.hall
    ada = hall.person()
    _, session, passkey = hall.enrol(ada)
    hall.verify(ada, ADA, session, passkey)
    who = Session(ada, session, now())
    key = Authenticator(desks.settings.url, "localhost")
    options = asyncio.run(desks.devices.making(who, "here"))
    asyncio.run(desks.devices.make(who, json.dumps(key.make(options)).encode(), "here", "Chrome/1 Linux"))
    made = Accounts(hall.proofs.people.ledger).passkeys(ada)[-1]
    assert "passkey was made" in mailbox.wait(ADA, 1).text
    asyncio.run(desks.devices.revoke(who, made.id))
    assert "passkey of your account was revoked" in mailbox.wait(ADA, 2).text
    asyncio.run(desks.proofs.new_codes(who))
    assert "recovery codes were made" in mailbox.wait(ADA, 3).text
    asyncio.run(desks.proofs.start(who, BO, "here"))
    code = "".join(one for one in mailbox.wait(BO, 1).text.splitlines()[0] if one.isdecimal())
    waiting = hall.proofs.people.ledger.db.execute("SELECT handle FROM sent_code").fetchone()[0]
    asyncio.run(desks.proofs.verify(who, waiting, code, "here"))
    assert "Another address was added" in mailbox.wait(ADA, 4).text
    gone = next(one for one in hall.proofs.contacts.contacts(ada) if one.value == ADA)
    asyncio.run(desks.proofs.let_go(who, gone.id))
    assert "taken off your account" in mailbox.wait(ADA, 5).text  # whoever took it off may not have been its reader
    said = " ".join(one.said for one in hall.proofs.claims.news(ada))
    for sentence in ("passkey was made", "was revoked", "recovery codes were made", "address was added"):
        assert sentence in said


def test_no_passkey_is_made_or_revoked_that_its_person_is_not_told_of(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = desks.hall
    ada = hall.person()
    _, session, first = hall.enrol(ada)
    second = hall.enrol(ada)[2]
    who = Session(ada, session, now())
    made = Authenticator(desks.settings.url, "localhost").make(asyncio.run(desks.devices.making(who, "here")))

    def full(*_: object, **__: object) -> None:
        raise Full("no space is left")

    with monkeypatch.context() as patched:
        patched.setattr("rapport.adapters.embedded.claims.Claims.loud", full)
        with pytest.raises(Full):
            asyncio.run(desks.devices.make(who, json.dumps(made).encode(), "here", "Chrome/1 Linux"))
        with pytest.raises(Full):
            asyncio.run(desks.devices.revoke(who, second))
    assert [one.id for one in hall.accounts.passkeys(ada)] == [first, second]


def test_who_keeps_asking_for_anothers_codes_keeps_nobody_from_theirs(desks: Desks) -> None:
    hall = desks.hall
    ada = hall.person()
    session = hall.enrol(ada)[1:]
    hall.verify(ada, ADA, *session)

    def ask(client: str) -> None:
        asyncio.run(desks.recovery.ask(ADA, client))

    for _ in range(CODES_AN_HOUR):
        ask("thief")
    with pytest.raises(TooMany):
        ask("thief")
    ask("ada at home")
    for client in range(100):  # a thief of many addresses fills no mailbox, and yet does not reach who is signed in
        try:
            ask(f"thief {client}")
        except TooMany:
            break
    assert client < 50
    assert asyncio.run(desks.proofs.start(Session(ada, session[0], now()), ADA, "thief")).startswith("cod_")


def test_known_and_unknown_addresses_run_out_alike(desks: Desks) -> None:
    hall = desks.hall
    hall.verify(hall.person(), ADA)
    said = []
    for address in (ADA, BO):
        client = f"client of {address}"
        for _ in range(CODES_AN_HOUR):
            asyncio.run(desks.recovery.ask(address, client))
        with pytest.raises(TooMany) as refused:
            asyncio.run(desks.recovery.ask(address, client))
        said.append((refused.value.message, refused.value.code))
    assert said[0] == said[1]


def test_the_last_passkey_is_not_revoked_and_nobody_is_told_that_it_was(desks: Desks, mailbox: Mailbox) -> None:
    hall = desks.hall
    ada = hall.person()
    session = hall.enrol(ada)[1:]
    hall.verify(ada, "cy@example.com", *session)
    with pytest.raises(Conflict):
        asyncio.run(desks.devices.revoke(Session(ada, session[0], now()), session[1]))
    assert not mailbox.letters("cy@example.com")


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("no:address", "no:address"),
    ],
)
def test_whoever_has_a_network_is_one_client(host: str, network: str) -> None:
    assert network_of(host) == network


def test_a_phone_recovers_nothing(desks: Desks) -> None:
    hall, phone = desks.hall, "+447700900123"
    ada = hall.person()
    session = hall.enrol(ada)[1:]
    hall.verify(ada, phone, *session)
    assert [one.kind for one in hall.proofs.contacts.contacts(ada)] == ["phone"]
    with pytest.raises(BadInput):
        asyncio.run(desks.recovery.ask(phone, "here"))
