"""Mail that comes back is taken for what it is, whatever stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act.answers import read
from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339

ID = "dec_0123456789abcdefghjkmnpqrs"
REPLY = f"""\
Return-Path: <ada@example.com>
From: Ada <ada@example.com>
Date: Sun, 22 Nov 2026 16:00:00 +0100
Message-ID: <abc@example.com>
In-Reply-To:
 <{ID}@shop.example>
References: <dec_older@shop.example> <{ID}@shop.example>
Subject: Re: Your boiler

Yes, please.
"""
BOUNCE = f"""\
From: MAILER-DAEMON@mx.example
Message-ID: <b@mx.example>
Content-Type: multipart/report; report-type=delivery-status;
 boundary="x"

--x
Content-Type: text/plain

It could not be delivered.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@example.com
Action: failed
Status: 5.1.1
--x
Content-Type: text/rfc822-headers

Message-ID: <{ID}@shop.example>
Subject: Your boiler
--x--
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_reply_names_what_it_answers_first(end):
    found = read(REPLY.replace("\n", end).encode())
    assert (found.kind, found.decisions, found.id) == ("reply", (ID, "dec_older"), "<abc@example.com>")
    assert rfc3339(found.at) == "2026-11-22T15:00:00Z"


def test_its_headers_alone_will_do():
    assert read(REPLY.partition("\n\n")[0].encode()) == read(REPLY.encode())


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "auto-submitted: Auto-Generated; x=y",
        "Precedence: bulk",
        "Precedence: auto_reply",
    ],
)
def test_what_a_machine_wrote_by_itself_is_no_reply(header):
    assert read(f"{header}\n{REPLY}".encode()).kind == "automatic"


def test_what_says_that_no_machine_wrote_it_is_one():
    assert read(f"Auto-Submitted: no\n{REPLY}".encode()).kind == "reply"


@pytest.mark.parametrize(
    ("action", "kind"), [("failed", "bounce"), ("delayed", "delay"), ("delivered", "automatic"), ("", "automatic")]
)
def test_a_servers_report_says_what_became_of_it(action, kind):
    found = read(BOUNCE.replace("Action: failed", f"Action: {action}").encode())
    assert (found.kind, found.decisions) == (kind, (ID,))


def test_a_receipt_for_having_been_read_is_no_reply():
    about = "Content-Type: multipart/report; report-type=disposition-notification\n"
    assert read((about + REPLY).encode()).kind == "automatic"


def test_a_reply_that_quotes_a_report_is_a_reply():
    assert read((REPLY + BOUNCE).encode()).kind == "reply"


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 99 Nov 99999 16:00:00 +9999", "\xff", "0" * 10_000])
def test_a_date_that_is_none_is_not_known(date):
    assert read(f"From: a@b.example\nDate: {date}\n".encode("latin-1")).at is None


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"hello", b"{}", b"\xff" * 100, b"Subject: x\n"])
def test_what_is_no_mail_is_refused(raw):
    with pytest.raises(BadInput) as error:
        read(raw)
    assert error.value.code == "bad_mail"


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_is_read_or_refused(raw, headed):
    try:
        found = read(b"From: a@b.example\n" + raw if headed else raw)
    except BadInput:
        assert not headed
    else:
        assert all(one.startswith("dec_") for one in found.decisions)


def test_no_mail_takes_long_however_it_is_made():
    head = b"From: a@b.example\nContent-Type: multipart/report; report-type=delivery-status\n"
    for part in (b"\n ", b"In-Reply-To: <dec_", b"References: " + b"<dec_a@" * 50, b"<dec_a", b"message-id: \t", b"a:"):
        found = read(head + part * 40_000)
        assert len(found.decisions) <= 20
