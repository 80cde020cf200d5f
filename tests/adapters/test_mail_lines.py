"""No mail server holds a message, or a letter with a code, for longer than one mail may take."""

import smtplib

import pytest

from rapport.adapters.mail import Letter, Mailer, read_url
from rapport.adapters.mail import sending as letters
from rapport.adapters.mail.lines import Line, within
from rapport.adapters.mail.posting import MailWay
from tests.act.letters import message
from tests.act.postman import Dripping, Postman
from tests.app.post_office import SENDER

HELLO = b"220 drip\r\n"
RECORD = b"\x16\x03\x03\x40\x00" + bytes(2_000)
"""The beginning of TLS, which is read as a whole."""
SLOW = [
    pytest.param("smtp", b"2", (), id="its greeting"),
    pytest.param("smtp", b"250-x\r\n", (HELLO,), id="a list of what it can without an end"),
    pytest.param("smtps", RECORD, (), id="its handshake"),
    pytest.param("smtp+starttls", RECORD, (HELLO, b"250 STARTTLS\r\n", b"220 go\r\n"), id="its handshake later"),
]


@pytest.mark.parametrize(("scheme", "drops", "first"), SLOW)
def test_whatever_drips_is_left_in_time(scheme, drops, first):
    with Dripping(drops, *first) as slow:
        way = MailWay(read_url(f"{scheme}://127.0.0.1:{slow.port}"), SENDER, "http://node", most_s=0.2)
        came = way.send(message())
        assert slow.left.wait(30)
    assert (came.what, came.ill) == ("later", True)


def test_a_letter_does_not_wait_for_it_either(monkeypatch):
    monkeypatch.setattr(letters, "MOST_S", 0.2)
    monkeypatch.setattr(letters, "_PAUSE_S", 0.0)
    with Dripping(b"2") as slow:
        mailer = Mailer(read_url(f"smtp://127.0.0.1:{slow.port}"), "node@rapport.example")
        mailer.send(Letter("ada@example.com", "Your code", "1"))
        assert slow.left.wait(30)
        mailer.close()


def test_a_goodbye_that_never_comes_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("rapport.adapters.mail.posting.GOODBYE_S", 0.1)
    with Dripping(b"2", HELLO, b"250 x\r\n", *[b"250 ok\r\n"] * 2, b"354 go\r\n", b"250 ok\r\n") as slow:
        way = MailWay(read_url(f"smtp://127.0.0.1:{slow.port}"), SENDER, "http://node")
        assert way.send(message()).what == "taken"
        way.close()
        assert slow.left.wait(30)


def test_a_line_that_was_cut_is_not_opened_any_more():
    with Postman() as postman:
        line = Line(read_url(postman.url), 5.0)
        line.cut()
        with pytest.raises(OSError, match="too long"):
            line.open()
        assert line.sock is None


def test_a_line_that_ends_in_time_stays():
    with Postman() as postman:
        line = Line(read_url(postman.url), 5.0)
        with within(line, 60):
            line.open()
        assert line.noop()[0] == 250
        line.quit()


def test_who_does_not_greet_is_not_spoken_to():
    with Postman() as postman:
        postman.greeting = lambda: "554 not you"
        with pytest.raises(smtplib.SMTPConnectError):
            Line(read_url(postman.url), 5.0).open()
