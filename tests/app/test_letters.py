"""Letters are in the language that their person reads: which they chose on their pages, or showed an address in."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.sqlite import transaction
from rapport.adapters.embedded.tongues import Tongues
from rapport.app import letters
from rapport.app.portal_proofs import PortalProofs
from rapport.app.proving import Proofs, Proving
from rapport.app.recovering import stop_recovery
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import Unauthorized
from rapport.web.language import NAMES, speaking
from rapport.web.portal.told import Session
from tests.app.hall import ADA, BO, Hall
from tests.e2e.mailbox import Mailbox

GERMAN = "Was mit Ihrem Konto geschah"


class Post:
    """A node that sends letters, and its mailbox."""

    def __init__(self, hall: Hall, mailbox: Mailbox) -> None:
        self.hall, self.mailbox = hall, mailbox
        where = Settings(data=str(hall.directory), smtp=mailbox.url, mail_from="node@rapport.example")
        self.proving = Proving(where)
        self.signin = HouseSignin(lambda: hall.proofs.people.ledger, b"s" * 32, where.url)
        self.proofs = PortalProofs(self.proving, self.signin, str)
        self.person = hall.person()
        self.session = Session(self.person, hall.enrol(self.person)[1])
        self.number = hall.proofs.people.person(self.person).id

    def tongue(self) -> str | None:
        return self.hall.proofs.tongues.of(self.number)

    def show(self, address: str, language: str) -> None:
        """Show an address on a page in a language."""
        waiting = self.hall.proofs.contacts.start(self.person, "email", address)
        with speaking(language):
            asyncio.run(self.proofs.verify(self.session, waiting.handle, waiting.code or "", "here"))

    def happens(self) -> None:
        """Something of which the person is told."""

        def happen(proofs: Proofs) -> None:
            proofs.claims.alarm([self.number], "A passkey was made for your account.")

        asyncio.run(self.proving.within(happen))

    def close(self) -> None:
        self.proving.close()
        self.signin.close()


@pytest.fixture
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    mailbox = Mailbox(tmp_path_factory.mktemp("mail"))
    with Hall(recovery_hours=0) as hall:
        post = Post(hall, mailbox)
        yield post
        post.close()
    mailbox.stop()


def test_letters_are_in_english_until_somebody_chooses_and_in_that_language_then(post: Post) -> None:
    post.show(ADA, "en")
    post.happens()
    assert post.mailbox.wait(ADA, 1).subject == "What happened to your account"
    asyncio.run(post.proofs.speak(post.session, "de"))
    post.happens()
    told = post.mailbox.wait(ADA, 2)
    assert (told.subject, "Für Ihr Konto wurde ein Passkey" in told.text) == (GERMAN, True)
    assert "Ihre Seite: http" in told.text
    asyncio.run(post.proofs.speak(post.session, "en"))
    post.happens()
    assert post.mailbox.wait(ADA, 3).subject == "What happened to your account"


def test_who_is_alarmed_is_told_though_the_one_who_tried_is_refused(post: Post) -> None:
    post.show(ADA, "en")

    def tried(proofs: Proofs) -> None:
        proofs.claims.alarm([post.number], "Somebody tried.")
        raise Unauthorized("That is not yours.")

    with pytest.raises(Unauthorized):
        asyncio.run(post.proving.within(tried))
    assert "Somebody tried." in post.mailbox.wait(ADA, 1).text


def test_what_was_undone_is_told_to_nobody(post: Post) -> None:
    post.show(ADA, "en")

    def undone(proofs: Proofs) -> None:
        with transaction(proofs.people.db):
            proofs.claims.loud(post.number, "Everything was lost.")
            raise Unauthorized("That is not yours.")

    with pytest.raises(Unauthorized):
        asyncio.run(post.proving.within(undone))
    post.happens()
    assert "Everything was lost" not in post.mailbox.wait(ADA, 1).text


def test_what_a_process_noted_that_was_killed_then_is_told_by_the_next(post: Post) -> None:
    post.show(ADA, "en")
    post.hall.proofs.claims.alarm([post.number], "Somebody tried.")
    post.hall.proofs.claims.alarm([post.number], "Somebody tried.")
    asyncio.run(post.proving.within(lambda _: None))
    assert post.mailbox.wait(ADA, 1).text.count("Somebody tried.") == 1
    post.happens()
    assert "Somebody tried." not in post.mailbox.wait(ADA, 2).text


def test_who_shows_an_address_on_a_german_page_is_written_to_in_german_unless_they_chose(post: Post) -> None:
    post.show(ADA, "de")
    assert post.tongue() == "de"
    post.happens()
    assert post.mailbox.wait(ADA, 1).subject == GERMAN
    asyncio.run(post.proofs.speak(post.session, "en"))
    post.show(BO, "de")
    assert post.tongue() == "en"


def test_what_happens_in_a_recovery_is_told_in_the_person_s_language_whoever_asks(post: Post) -> None:
    post.show(ADA, "de")
    post.hall.begin(post.person, ADA)
    asyncio.run(stop_recovery(post.proving, post.person))
    told = post.mailbox.wait(ADA, subject="Die Wiederherstellung Ihres Kontos wurde abgebrochen")
    assert "Nichts" in told.text or "nichts" in told.text


def test_a_code_is_sent_in_the_language_of_the_page_that_asks(post: Post) -> None:
    with speaking("de"):
        asyncio.run(post.proofs.start(post.session, ADA, "here"))
    told = post.mailbox.wait(ADA)
    assert (told.subject, told.text.splitlines()[0][:12]) == ("Ihr Code", "Ihr Code ist")


def test_every_letter_is_another_in_german_and_fills_its_places() -> None:
    makers = [
        made for name, made in vars(letters).items() if inspect.isfunction(made) and made.__module__ == letters.__name__
    ]
    assert len(makers) == 8
    for made in makers:
        asked = ["A passkey was made for your account."] if made is letters.news else "12345678"
        arguments = [asked for _ in inspect.signature(made).parameters]
        said = []
        for language in NAMES:
            with speaking(language):
                said.append(str(made(*arguments)))
        assert said[0] != said[1]
        assert all("%(" not in one for one in said)


def test_a_language_that_is_not_offered_any_more_keeps_no_letter_back(post: Post) -> None:
    post.show(ADA, "en")
    post.hall.proofs.tongues.keep(post.person, "xx")
    post.happens()
    assert post.mailbox.wait(ADA, 1).subject == "What happened to your account"


def test_the_language_is_sealed_and_goes_with_its_person(post: Post) -> None:
    people = post.hall.proofs.people
    Tongues(people).keep(post.person, "some-language")
    (sealed,) = people.db.execute("SELECT sealed FROM tongue").fetchone()
    assert b"language" not in sealed
    people.forget_claims(post.person)
    assert people.db.execute("SELECT count(*) FROM tongue").fetchone() == (0,)
