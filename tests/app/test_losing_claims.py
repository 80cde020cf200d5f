"""Whoever loses a claim, an address or what was pending is told where they can be reached, never who has it now."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.app.proving import Proofs, Proving
from rapport.app.settings import Settings
from rapport.terms import Declaration
from tests.app.hall import ADA, BO, Hall, hall
from tests.e2e.mailbox import Mailbox
from tests.profile.house import ORG

__all__ = ["hall"]
OTHER = "ada.other@example.com"


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path_factory.mktemp("mail"))
    yield box
    box.stop()


@pytest.fixture
def proving(hall: Hall, mailbox: Mailbox) -> Iterator[Proving]:
    where = Settings(data=str(hall.directory), smtp=mailbox.url, mail_from="node@rapport.example")
    proving = Proving(where)
    yield proving
    proving.close()
    for letter in Path(mailbox.directory).glob("*.eml"):
        letter.unlink()


def shows(proving: Proving, person: str, address: str, session: int = 0, passkey: int | None = None) -> str:
    """Somebody shows an address as the page has it done: what follows is told."""

    def show(proofs: Proofs) -> str:
        waiting = proofs.contacts.start(person, "email", address)
        return proofs.contacts.verify(person, waiting.handle, waiting.code or "", session, passkey).id

    return asyncio.run(proving.within(show))


def test_who_loses_an_address_is_told_at_another_and_not_at_that_one(
    hall: Hall, proving: Proving, mailbox: Mailbox
) -> None:
    ada, bo = hall.person(), hall.person()
    hall.claim(ada, ADA)
    hall.verify(ada, OTHER)
    shows(proving, bo, ADA)
    letter = mailbox.wait(OTHER)
    assert "What you claimed at shop opens nothing any more" in letter.text
    assert "an address of yours is theirs" in letter.text
    assert "/me" in letter.text
    proving.close()
    assert mailbox.letters(ADA) == []  # which somebody else reads now
    assert bo not in letter.text
    assert len(mailbox.letters(OTHER)) == 1  # one letter, however much was lost
    said = [one.said for one in hall.proofs.claims.news(ada)]
    assert sum("opens nothing any more" in one for one in said) == 1
    assert not [one for one in said if bo in one]


def test_whose_claim_by_the_desks_word_ends_is_told(hall: Hall, proving: Proving, mailbox: Mailbox) -> None:
    ada = hall.person(f"{ORG}:email:{BO}")
    hall.verify(ada, ADA)
    bo = hall.person()
    contact = shows(proving, bo, BO)
    asyncio.run(proving.within(lambda proofs: proofs.claims.claim_by_contact(bo, ORG, contact)))
    assert "somebody else has shown since that it is theirs" in mailbox.wait(ADA).text
    assert [one.said[:30] for one in hall.proofs.claims.news(ada)] == ["What you claimed at shop opens"]


def test_a_company_is_called_what_it_calls_itself(hall: Hall, proving: Proving, mailbox: Mailbox) -> None:
    hall.declare(Declaration(name="Shop & Sons"))
    ada = hall.person(f"{ORG}:email:{BO}")
    hall.verify(ada, ADA)
    bo = hall.person()
    contact = shows(proving, bo, BO)
    asyncio.run(proving.within(lambda proofs: proofs.claims.claim_by_contact(bo, ORG, contact)))
    assert "What you claimed at Shop & Sons opens nothing any more" in mailbox.wait(ADA).text


def test_what_the_first_address_voids_is_told_to_it(hall: Hall, proving: Proving, mailbox: Mailbox) -> None:
    ada = hall.person()
    hall.enrol(ada)
    _, session, passkey = hall.enrol(ada)
    shows(proving, ada, ADA, session, passkey)
    assert "What was in this account before is void" in mailbox.wait(ADA).text


def test_whose_account_held_nothing_else_is_told_nothing(hall: Hall, proving: Proving, mailbox: Mailbox) -> None:
    ada = hall.person()
    _, session, passkey = hall.enrol(ada)
    shows(proving, ada, ADA, session, passkey)
    proving.close()
    assert mailbox.letters(ADA) == []


def test_a_recovery_that_a_proof_voids_is_told(hall: Hall, proving: Proving, mailbox: Mailbox) -> None:
    ada = hall.person()
    hall.verify(ada, ADA)
    hall.verify(ada, OTHER)
    hall.begin(ada, ADA)
    shows(proving, hall.person(), ADA)
    assert "A recovery of your account that had begun is void" in mailbox.wait(OTHER).text
