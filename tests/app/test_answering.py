"""A reply to a message comes back as an event, once; what bounced reached nobody; and strangers change nothing."""

import asyncio

import pytest

from rapport.app.answering import CAME_BACK
from rapport.kernel.times import now
from tests.act.test_answers import BOUNCE, ID, REPLY
from tests.app.post_office import ORG, office, person_told, postman
from tests.app.test_messaging import soon
from tests.app.test_unsubscribing import client_of

__all__ = ["office", "postman", "soon"]
PATH = "/v1/channels/email/answers"


@pytest.fixture
def sent(office):
    answer = office.decide()
    office.open()
    office.until(answer, "delivered")
    office.messenger.close()
    office.messenger = None
    return answer["decision"]


def handed_in(office, *mails, org=ORG):
    """What is answered to these mails, by a whole web process."""

    async def answers():
        headers = {"authorization": f"Bearer {office.desk.ledger.mint_token(org, ['read'])}"}
        async with client_of(office.house) as client:
            return [await client.post(PATH, content=mail, headers=headers) for mail in mails]

    return asyncio.run(answers())


def events(office, customer="user_id:ada"):
    office.house.settle()
    return [one for one in office.house.timeline(customer) if one["name"] == "Replied"]


def test_a_reply_is_an_event_of_the_customer_whom_it_was_sent_to(office, sent):
    (answer,) = handed_in(office, REPLY.replace(ID, sent))
    assert (answer.status_code, answer.json()) == (200, {"decision": sent, "kind": "reply"})
    (event,) = events(office)
    assert event["source"] == "messages"
    assert event["properties"] == {"channel": "email", "decision": sent}


def test_the_same_reply_is_one_event_and_another_is_another(office, sent):
    mail = REPLY.replace(ID, sent)
    handed_in(office, mail, mail, mail.replace("\n", "\r\n"), mail.partition("\n\n")[0])
    assert len(events(office)) == 1
    handed_in(office, mail.replace("abc@example.com", "def@example.com"))
    assert len(events(office)) == 2


def test_who_wrote_it_changes_nothing_about_who_anybody_is(office, sent):
    before = office.house.customers().keys()
    handed_in(office, REPLY.replace(ID, sent).replace("ada@example.com", "bo@example.com"))
    assert len(events(office)) == 1
    assert events(office, "user_id:bo") == []
    assert len(office.house.customers()) == len(before)


def test_a_machines_answer_says_nothing_of_the_customer(office, sent):
    (answer,) = handed_in(office, "Auto-Submitted: auto-replied\n" + REPLY.replace(ID, sent))
    assert answer.json()["kind"] == "automatic"
    assert events(office) == []


def test_what_bounced_after_it_was_taken_reached_nobody(office, sent):
    later, bounced = handed_in(office, BOUNCE.replace(ID, sent).replace("failed", "delayed"), BOUNCE.replace(ID, sent))
    assert (later.json()["kind"], bounced.json()["kind"]) == ("delay", "bounce")
    kept = office.desk.book.decision(ORG, sent)
    assert kept.delivery == "failed"
    assert office.messages.standing(ORG, sent).error == CAME_BACK
    assert office.desk.book.at([kept.record], now()).contacts == ()


def test_what_answers_nothing_of_ones_own_is_not_found(office, sent):
    office.desk.ledger.add_org("corner")
    others = handed_in(office, REPLY.replace(ID, sent), BOUNCE.replace(ID, sent), org="corner")
    unknown = handed_in(office, REPLY, "From: a@b.example\n\nHello.")
    assert {(one.status_code, one.json()["code"]) for one in (*others, *unknown)} == {(404, "not_found")}
    assert events(office) == []
    assert office.messages.standing(ORG, sent).state == "delivered"


def test_of_somebody_who_was_erased_nothing_is_found_any_more(office, sent):
    office.desk.ledger.keys.destroy_records([office.desk.book.decision(ORG, sent).record])
    (answer,) = handed_in(office, REPLY.replace(ID, sent))
    assert answer.status_code == 404


def test_an_address_that_is_anothers_too_by_now_tells_of_neither(office, sent):
    office.house.send(person_told("zoe", "ada@example.com"), source="crm")
    office.house.settle()
    (answer,) = handed_in(office, REPLY.replace(ID, sent))
    assert answer.status_code == 200
    assert events(office) == events(office, "user_id:zoe") == []


@pytest.mark.parametrize(("mail", "status"), [(b"hello", 400), (b"", 400), (b"From: x\n" + b"y" * (1 << 20), 413)])
def test_what_is_no_mail_or_too_long_is_refused(office, mail, status):
    (answer,) = handed_in(office, mail)
    assert answer.status_code == status
