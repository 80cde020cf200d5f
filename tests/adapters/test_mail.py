"""Mail goes out over a real connection, as plain text, to nobody but whom it is for; what cannot be sent is let go."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.adapters.mail import Letter, Mailer, read_sender, read_url, sending
from rapport.kernel.errors import Misconfigured
from tests.e2e.mailbox import Mailbox
from tests.e2e.running import free_port


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path / "mail")
    yield box
    box.stop()


def test_letters_arrive_as_they_were_written(mailbox: Mailbox) -> None:
    mailer = Mailer(read_url(mailbox.url), "node@rapport.example")
    mailer.send(Letter("ada@example.com", "Your code", "1234 5678\n.\n..\nGrüße"))
    mailer.send(Letter("o'neil+x@example.com", "Another", "x"))
    letter = mailbox.wait("ada@example.com")
    assert (letter.subject, letter.text.splitlines()) == ("Your code", ["1234 5678", ".", "..", "Grüße"])
    mailbox.wait("o'neil+x@example.com")
    mailer.close()


def test_a_server_that_is_away_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    mailer = Mailer(read_url(f"smtp://127.0.0.1:{free_port()}"), "node@rapport.example")
    for _ in range(1_500):
        mailer.send(Letter("ada@example.com", "Your code", "1234 5678"))
    mailer.close()
    assert "ada@example.com" not in caplog.text
    assert "1234 5678" not in caplog.text


@pytest.mark.parametrize("letter", [Letter("a b@[c", "Your code", "1"), Letter("ada@example.com", "a\nb", "1")])
def test_a_letter_that_cannot_be_written_keeps_no_other_from_going_out(
    mailbox: Mailbox, letter: Letter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sending, "_PAUSE_S", 0.0)
    mailer = Mailer(read_url(mailbox.url), "node@rapport.example")
    mailer.send(letter)
    mailer.send(Letter("bo@example.com", "Your code", "2"))
    mailbox.wait("bo@example.com")
    mailer.close()
    assert "was not sent" in caplog.text
    assert letter.to not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://h",
        "smtp://",
        "smtp://mail.example",
        "smtps://h/path",
        "smtps://h?x=1",
        "smtps://h:99999",
        "smtp://[",
    ],
)
def test_what_is_no_server_is_refused_by_name(url: str) -> None:
    with pytest.raises(Misconfigured, match="smtp"):
        read_url(url)


def test_a_server_is_read_with_its_user_and_port() -> None:
    assert read_url("smtps://me%40x:p%2Fw@mail.example") == ("mail.example", 465, "me@x", "p/w", "smtps")
    assert read_url("smtp+starttls://mail.example:2525").port == 2525


@pytest.mark.parametrize(
    "text",
    ["", "node", "not an address", "a@b.example, c@d.example", "a@b.example\nBcc: c@d.example", "<>", "a@", "ö@b.c"],
)
def test_whom_no_mail_can_be_from_is_refused_by_name(text: str) -> None:
    with pytest.raises(Misconfigured, match="mail_from"):
        read_sender(text)


@pytest.mark.parametrize("text", ["node@rapport.example", "Rapport <node@rapport.example>"])
def test_mail_is_from_an_address_with_a_name_or_without(text: str, mailbox: Mailbox) -> None:
    mailer = Mailer(read_url(mailbox.url), read_sender(text))
    mailer.send(Letter("ada@example.com", "Your code", "1"))
    assert mailbox.wait("ada@example.com").subject == "Your code"
    mailer.close()
