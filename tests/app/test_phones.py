"""Phones as contacts: proved by a code in a text message, for less long than addresses, and never a way back in."""

import asyncio
import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.act import sms, webhooks
from rapport.act.delivery import Delivery
from rapport.adapters.embedded.claims import EXPIRED
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.app.delivering import Deliverer
from rapport.app.embedded import open_ledger
from rapport.app.portal_proofs import PortalProofs
from rapport.app.proving import Proving
from rapport.app.settings import Settings, load
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import BadInput, Misconfigured, NotFound, TooMany
from rapport.kernel.times import DAY, now
from rapport.signin import codes
from rapport.web.portal.told import Session
from tests.act.receiving import Receiver
from tests.app.hall import ADA, Hall, hall, later
from tests.profile.house import ORG

__all__ = ["hall", "later"]
PHONE = "+447700900123"
SECRET = webhooks.fresh_secret()


@pytest.mark.parametrize(
    "typed", ["+44 (0)7700 900123", "0044 7700 900123", "+44-7700-900123", "tel:+447700900123", " +447700900123 "]
)
def test_one_number_has_one_spelling(typed: str) -> None:
    assert codes.kind_of(typed) == "phone"
    assert codes.contact("phone", typed) == ("phone", PHONE)


@pytest.mark.parametrize(
    "typed", ["07700 900123", "7700900123", "+0447700900123", "+1", "+44770090012345678", "+44x7700900123", "+" * 400]
)
def test_a_number_without_its_country_could_be_anybodys(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        codes.contact("phone", typed)
    assert (refused.value.code, refused.value.field) == ("bad_contact", "address")


@pytest.mark.hypothesis
@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_number_of_e164_an_address_or_refused(typed: str) -> None:
    kind = codes.kind_of(typed)
    try:
        found, value = codes.contact(kind, typed)
    except BadInput:
        return
    assert found == kind
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", value) if kind == "phone" else "@" in value


def test_a_phone_claims_as_an_address_does_and_counts_for_less_long(hall: Hall, later: object) -> None:
    ada = hall.person()
    hall.verify(ada, ADA)
    contact = hall.verify(ada, PHONE)
    assert contact.until - contact.verified_at == 45 * DAY
    hall.proofs.claims.claim_by_contact(ada, ORG, contact.id)
    assert hall.held(ada) == {(ORG, "phone", PHONE)}
    later(45 * DAY + 1)  # type: ignore[operator]
    assert hall.proofs.claims.expire() == 1
    assert hall.held(ada) == set()
    assert [one.suspended for one in hall.claims(ada)] == [EXPIRED]
    # The address counts still, and is where its person is told.
    assert hall.proofs.contacts.addresses(hall.proofs.people.person(ada).id, counting=True) == [ADA]


def test_a_recycled_number_is_its_new_holders(hall: Hall) -> None:
    ada, bo = hall.person(), hall.person()
    hall.claim(ada, PHONE)
    hall.claim(bo, PHONE)
    assert hall.held(ada) == set()
    assert hall.held(bo) == {(ORG, "phone", PHONE)}


def test_nobody_comes_back_to_an_account_by_a_phone(hall: Hall) -> None:
    ada = hall.person()
    hall.verify(ada, PHONE)
    with pytest.raises(BadInput):
        codes.contact("email", PHONE)
    assert hall.proofs.contacts.start_recovery("email", PHONE).code is None


# -- over the gateway


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def gateway(hall: Hall, receiver: Receiver) -> Settings:
    return Settings(data=str(hall.directory), sms_url=receiver.url, sms_secret=SECRET, private_destinations=True)


def test_a_code_goes_to_the_operators_gateway_signed_and_proves_the_phone(hall: Hall, receiver: Receiver) -> None:
    settings = gateway(hall, receiver)
    ada = hall.person()
    _, session, _ = hall.enrol(ada)
    proving = Proving(settings)
    signin = HouseSignin(lambda: open_ledger(settings), b"s" * 32, settings.url)
    desk = PortalProofs(proving, signin, str)
    deliverer = Deliverer(settings, check_s=0.01)
    try:
        who = Session(ada, session, now())
        made = asyncio.run(desk.start(who, "+44 7700 900123", "here"))
        (got,) = receiver.wait()
        headers = {name.lower(): value for name, value in got.headers.items()}
        assert webhooks.verified(headers, got.body, SECRET, now())
        told = json.loads(got.body)
        assert (told["type"], told["data"]["to"]) == ("sms.send", PHONE)
        digits = re.search(r"@localhost #(\d{8})", told["data"]["text"])
        assert digits is not None
        asyncio.run(desk.verify(who, made, digits.group(1), "here"))
        assert [one.value for one in asyncio.run(desk.contacts(who)).contacts] == [PHONE]
    finally:
        deliverer.close()
        proving.close()
        signin.close()
    stored = b"".join(path.read_bytes() for path in hall.directory.glob("ledger.db*"))
    assert digits.group(1).encode() not in stored
    assert PHONE.encode() not in stored


def test_without_a_gateway_no_phone_can_be_proved_and_that_is_said(hall: Hall) -> None:
    proving = Proving(hall.settings)
    signin = HouseSignin(lambda: open_ledger(hall.settings), b"s" * 32, hall.settings.url)
    desk = PortalProofs(proving, signin, str)
    who = Session(hall.person(), 1, now())
    try:
        with pytest.raises(BadInput) as refused:
            asyncio.run(desk.start(who, PHONE, "here"))
        assert refused.value.code == "no_sms"
        assert not asyncio.run(desk.contacts(who)).texts
    finally:
        proving.close()
        signin.close()


def test_one_person_has_few_texts_sent(hall: Hall, receiver: Receiver) -> None:
    proving = Proving(gateway(hall, receiver))
    try:
        for number in range(10):
            proving.may_ask(f"+4477009001{number:02}", "here", "ada")
        with pytest.raises(TooMany):
            proving.may_ask("+447700900199", "here", "ada")
        proving.may_ask("+447700900199", "here", "bo")
    finally:
        proving.close()


def test_a_code_that_came_too_late_is_not_sent(hall: Hall) -> None:
    outbox = OutboxFile(open_ledger(hall.settings))
    body = sms.packed(sms.Text(PHONE, "1234 5678", now() - 1))
    handle = outbox.put(sms.NOBODYS, "https://sms.example/send", sms.KIND, "", body)
    delivery: Delivery = outbox.delivery(handle)
    for secret, at in ((SECRET, now()), ("", now() - 10)):  # nor is one unsigned, where the gateway was taken away
        with pytest.raises(NotFound):
            sms.dressed(delivery, body, secret, at)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_url": "https://sms.example/send"},
        {"sms_url": "https://sms.example/send", "sms_secret": "whsec_short"},
        {"sms_url": "https://sms.example/send", "sms_secret": "hunter2"},
        {"sms_url": "http://sms.example/send", "sms_secret": SECRET},
        {"sms_url": "https://127.0.0.1/send", "sms_secret": SECRET},
        {"sms_url": "ftp://sms.example", "sms_secret": SECRET},
        {"phone_days": 0},
    ],
)
def test_a_gateway_that_could_not_be_used_safely_is_refused_at_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        load(wrong, {"RAPPORT_CONFIG": "/nowhere"})
