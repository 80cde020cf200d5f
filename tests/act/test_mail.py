"""Mail: what it says, that nothing breaks out of a header, one click to unsubscribe, and signatures that hold."""

import base64
import email
import email.policy

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from rapport.act import dkim
from rapport.act.mail import Dkim, Sender, can_be_reached, checked, mail_of
from rapport.kernel.errors import BadInput
from tests.act.letters import message

ORIGIN = "https://rapport.example"
FROM = Sender("Acme <hello@acme.example>")


def pem(key):
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


ED = ed25519.Ed25519PrivateKey.generate()
RSA = rsa.generate_private_key(65537, 2048)


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_a_mail_says_from_whom_to_whom_and_how_to_get_no_more():
    one = message(parts={"text": "Grüße.", "link": "https://acme.example/x", "html": "<b>Hi</b>"}, language="de-AT")
    raw = mail_of(one, Sender("Acme <hello@acme.example>", "help@acme.example"), ORIGIN)
    mail = read(raw)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("Acme <hello@acme.example>", "ada@example.com", "Help")
    assert mail["Reply-To"] == "help@acme.example"
    assert mail["Message-ID"] == "<dec_1@acme.example>"
    assert mail["Date"] == "Mon, 02 Mar 2026 10:00:00 +0000"
    assert mail["Content-Language"] == "de-AT"
    assert mail["List-Unsubscribe"] == "<https://rapport.example/u/TOKEN>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = mail.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert text.startswith("Grüße.\n\nhttps://acme.example/x\n")
    assert "Keine solchen E-Mails mehr von uns: https://rapport.example/u/TOKEN" in text
    html = mail.get_body(("html",)).get_content()
    assert "<b>Hi</b>" in html
    assert 'href="https://rapport.example/u/TOKEN"' in html


def test_what_mail_programs_post_to_stands_in_one_piece_however_long():
    token = "abcDEF_-" * 30
    raw = mail_of(msgspec.structs.replace(message("dec_" + "x" * 80), token=token), FROM, ORIGIN)
    assert f"\r\nList-Unsubscribe: <{ORIGIN}/u/{token}>\r\n".encode() in raw
    assert raw.startswith(f"Message-ID: <dec_{'x' * 80}@acme.example>\r\n".encode())


def test_the_same_message_makes_the_same_bytes():
    one = message(parts={"html": "<b>Hi</b>"})
    assert mail_of(one, FROM, ORIGIN) == mail_of(one, FROM, ORIGIN)


@given(st.text(), st.text(), st.text())
def test_whatever_an_action_or_a_customer_says_adds_no_header(subject, text, html):
    parts = {"subject": subject, "text": text, "html": html, "link": f"https://x/{text}"}
    raw = mail_of(message(parts=parts), FROM, ORIGIN)
    mail = read(raw)
    names = [name.lower() for name in mail.keys()]  # noqa: SIM118 (a mapping of many values)
    allowed = {"from", "to", "subject", "date", "message-id", "mime-version", "content-type", "list-unsubscribe"}
    allowed |= {"list-unsubscribe-post", "auto-submitted", "content-language", "content-transfer-encoding"}
    assert set(names) <= allowed
    assert len(names) == len(set(names))
    assert mail["To"] == "ada@example.com"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    raw.decode("ascii")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a@b.c\r\nBcc: d@e.f",
        "a@b.c, d@e.f",
        "ö@b.example",
        "a@ö.example",
        "<>",
        "a" * 400 + "@b.example",
        "a@-b",
    ],
)
def test_from_whom_no_mail_can_be_is_refused_by_name(text):
    for sender in (Sender(text), Sender("a@b.example", text or "x")):
        with pytest.raises(BadInput) as error:
            checked(sender)
        assert error.value.code == "bad_address"


@given(st.text(max_size=300))
def test_an_address_that_may_be_written_to_is_plain(address):
    if can_be_reached(address):
        assert address.isascii()
        assert not set(address) & set('\r\n <>,;"')
        assert mail_of(message(to=address), FROM, ORIGIN)


@pytest.mark.parametrize("local", ["a..b", ".a", "a."])
def test_dots_stand_between_letters(local):
    assert not can_be_reached(f"{local}@example.com")
    assert can_be_reached(f"{local.strip('.').replace('..', '.')}@example.com")


# -- signatures

RFC8463 = (
    b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>"
)
BODY = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n\r\n"


def test_the_example_of_rfc_8463_comes_out_as_it_stands_there():
    raw = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = ed25519.Ed25519PrivateKey.from_private_bytes(raw)
    unsigned = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com;"
        b" i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        b" subject : date : message-id : from : subject : date;\r\n"
        b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="
    )
    named = ["from", "to", "subject", "date", "message-id", "from", "subject", "date"]
    said = dkim.data_to_sign(dkim._headers(RFC8463), named, unsigned)
    wanted = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    assert base64.b64encode(dkim.sign(key, said)).decode() == wanted


def verified(raw, public):
    """As a receiver does (RFC 6376 §6.1), written apart from what signs."""
    import hashlib
    import re

    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    head, _, body = raw.partition(b"\r\n\r\n")
    lines = re.sub(rb"\r\n([ \t])", rb"\1", head).split(b"\r\n")
    tags = dict(one.strip().split("=", 1) for one in lines[0].decode().split(":", 1)[1].split(";") if one.strip())
    tags = {name: "".join(value.split()) for name, value in tags.items()}
    body = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    body = re.sub(rb"(\r\n)+\Z", b"\r\n", body)
    if tags["bh"] != base64.b64encode(hashlib.sha256(body).digest()).decode():
        return False

    def relaxed(line):
        name, _, value = line.partition(b":")
        return name.lower().strip() + b":" + re.sub(rb"[ \t]+", b" ", value).strip()

    left, said = lines[1:], b""
    for name in tags["h"].split(":"):
        for at in range(len(left) - 1, -1, -1):
            if left[at].partition(b":")[0].lower() == name.encode():
                said += relaxed(left.pop(at)) + b"\r\n"
                break
    said += relaxed(re.sub(rb"b=[^;=][^;]*\Z", b"b=", lines[0]))
    signature = base64.b64decode(tags["b"])
    try:
        if tags["a"] == "ed25519-sha256":
            public.verify(signature, hashlib.sha256(said).digest())
        else:
            public.verify(signature, said, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("key", [ED, RSA], ids=["ed25519", "rsa"])
def test_a_signed_mail_verifies_and_a_changed_one_does_not(key):
    sender = checked(Sender("hello@news.acme.example", dkim=Dkim("acme.example", "mail2026", pem(key))))
    raw = mail_of(message(parts={"subject": "Grüße  aus\tKöln " * 8, "html": "<p>x</p>  \n\n\n"}), sender, ORIGIN)
    assert raw.startswith(b"DKIM-Signature: v=1; ")
    assert verified(raw, key.public_key())
    assert not verified(raw.replace(b"How.", b"Now."), key.public_key())
    assert not verified(raw.replace(b"/u/TOKEN>", b"/u/OTHER>"), key.public_key())
    head, _, rest = raw.partition(b"\r\nFrom:")
    assert not verified(head + b"\r\nSubject: other\r\nFrom:" + rest, key.public_key())


def test_a_key_that_cannot_sign_is_refused_by_name():
    small = rsa.generate_private_key(65537, 1024)
    for wrong in (
        Dkim("acme.example", "s", "no key"),
        Dkim("acme.example", "s", pem(small)),
        Dkim("acme.example", "s;d=x", pem(ED)),
        Dkim("acme.example; x", "s", pem(ED)),
        Dkim("other.example", "s", pem(ED)),
        Dkim("example", "s", pem(ED)),
    ):
        with pytest.raises(BadInput) as error:
            checked(Sender("hello@acme.example", dkim=wrong))
        assert error.value.code == "bad_dkim"


def test_the_record_that_belongs_in_the_dns_holds_the_public_half_alone():
    name, text = dkim.record(dkim.signer("acme.example", "mail2026", pem(ED)))
    assert name == "mail2026._domainkey.acme.example"
    assert text == f"v=DKIM1; k=ed25519; p={base64.b64encode(ED.public_key().public_bytes_raw()).decode()}"
