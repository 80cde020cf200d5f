"""Messages reach customers by real servers, once; who said stop, was locked or erased meanwhile gets nothing."""

import functools

import msgspec
import pytest

from rapport.act import webhooks
from rapport.act.delivery import KEPT
from rapport.act.messages import Came, Hook
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.guard_rails import RailBook
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.wishes import WishBook
from rapport.adapters.http.posting import HookWay
from rapport.adapters.http.sending import send
from rapport.adapters.mail import sending
from rapport.app import messaging
from rapport.app.reaching import Reaching
from rapport.decide.actions import Valid
from rapport.decide.contact import Policy
from rapport.decide.decision import Manner
from rapport.decide.person import Says, answered
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.learn.verdicts import Rail
from rapport.terms.presets import OPEN
from tests.act.postman import goes, hangs, says
from tests.act.receiving import Receiver, eventually, never
from tests.act.receiving import says as answers
from tests.app.post_office import ORG, WRITE, office, person_told, postman

__all__ = ["office", "postman"]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Waits are cut to a hundredth."""
    wait = messaging.wait_of
    monkeypatch.setattr(messaging, "wait_of", lambda tries, luck: wait(tries, luck) // 100)
    monkeypatch.setattr("rapport.act.messages.wait_of", lambda tries, luck: wait(tries, luck) // 100)


def claimed(office, customer="ada"):
    people = office.house.people
    person = people.add([f"{ORG}:user_id:{customer}"])
    people.set_terms(person.handle, OPEN)
    return person.handle


# -- it arrives


def test_a_decision_is_mailed_to_the_customers_own_address_and_marked_delivered(office, postman):
    answer = office.decide()
    assert office.delivery(answer) == "asked"
    office.open()
    (mail,) = postman.wait()
    assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Dear Ada")
    assert mail["Message-ID"] == f"<{answer['decision']}@shop.example>"
    office.until(answer, "delivered")
    assert office.delivery(answer) == "delivered"


def test_handing_over_is_the_use_that_the_decision_was(office):
    answer = office.decide()
    before = office.desk.ledger.receipts(ORG)
    assert before[0].id == answer["receipt"]
    assert "identifiers" in before[0].fields
    office.open()
    office.until(answer, "delivered")
    assert office.desk.ledger.receipts(ORG) == before


def test_several_go_over_one_connection_each_once(office, postman):
    sent = [office.decide(who) for who in ("user_id:ada", "user_id:bo") for _ in range(3)]
    office.open()
    for one in sent:
        office.until(one, "delivered")
    names = [mail["Message-ID"] for mail in postman.got]
    assert sorted(names) == sorted(f"<{one['decision']}@shop.example>" for one in sent)
    assert postman.connections == 1


def test_a_webhook_is_told_signed_under_the_decisions_id(office):
    secret = webhooks.fresh_secret()
    with Receiver(answers(500), answers(204)) as receiver:
        office.hook(receiver.url, secret)
        answer = office.decide(channel="webhook")
        office.open()
        office.until(answer, "delivered")
        first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == answer["decision"]
    assert webhooks.verified(second.headers, second.body, secret, now())
    assert second.json["type"] == "message"
    assert second.json["data"]["customer"] == answer["customer"]
    assert second.json["data"]["content"] == {"text": "How."}
    assert "ada" not in second.body.decode()


# -- it does not


def test_who_has_no_address_is_unreachable(office):
    answer = office.desk.decide("user_id:cy", "email", deliver=True)
    assert answer["action"] == "silence"
    assert ("write", "unreachable") in {(one["action"], one["rule"]) for one in answer["excluded"]}


def test_an_address_that_two_customers_share_is_nobodys(office):
    office.house.send(person_told("di", "shared@example.com"), person_told("ed", "shared@example.com"), source="crm")
    office.house.settle()
    for who in ("di", "ed"):
        answer = office.desk.decide(f"user_id:{who}", "email", deliver=True)
        assert {one["rule"] for one in answer["excluded"]} == {"unreachable"}


def test_an_address_that_the_person_has_shown_to_be_theirs_comes_first(office):
    office.house.send(
        {"type": "identify", "userId": "ada", "traits": {"email": "ada@home.example"}, "messageId": "ada2"}
    )
    office.house.settle()
    assert office.decide()
    office.house.people.set_terms(office.house.people.add([f"{ORG}:email:ada@home.example"]).handle, OPEN)
    answer = office.decide()
    assert office.messages.message(ORG, answer["decision"]).to == "ada@home.example"


def test_a_channel_that_is_not_set_up_sends_nothing_and_says_so(office):
    office.channels.remove(ORG, "email", "eve")
    for channel in ("email", "webhook", "sms"):
        with pytest.raises(BadInput) as error:
            office.desk.decide(channel=channel, deliver=True)
        assert error.value.code == "not_delivered"


def test_a_bounce_is_the_end_of_it_and_delays_nobody(office, postman):
    postman.of["ada@example.com"] = says("RCPT", "550 no such user")
    gone, arrived = office.decide(), office.decide("user_id:bo")
    office.open()
    office.until(arrived, "delivered")
    office.until(gone, "failed")
    assert office.standing(gone).error == "the mail server said 550"
    assert office.delivery(gone) == "failed"
    assert office.desk.book.at([office.desk.kept(gone).record], now()).contacts == ()
    assert [mail["To"] for mail in postman.got] == ["bo@example.com"]


def test_what_is_refused_after_it_was_written_failed_too(office, postman):
    postman.script.append(says(".", "554 spam"))
    answer = office.decide()
    office.open()
    office.until(answer, "failed")


def test_what_is_put_off_comes_later_and_holds_nobody_up(office, postman, monkeypatch):
    monkeypatch.setattr(messaging, "wait_of", lambda *_: HOUR)  # a server that is in trouble would rest
    refusals = iter(["451 later", "451 later"])
    postman.of["ada@example.com"] = lambda verb: next(refusals, None) if verb == "RCPT" else None
    off, arrived = office.decide(), office.decide("user_id:bo")
    office.open()
    office.until(arrived, "delivered")
    office.until(off, "delivered")
    assert [mail["To"] for mail in postman.got] == ["bo@example.com", "ada@example.com"]
    assert office.standing(off).tries == 3


def test_a_mail_server_that_hangs_is_tried_again_and_no_webhook_waits_for_it(office, postman, monkeypatch):
    monkeypatch.setattr(sending, "_TIMEOUT_S", 0.5)
    postman.script.append(hangs("MAIL"))
    mailed = office.decide()
    with Receiver() as receiver:
        office.hook(receiver.url, webhooks.fresh_secret())
        hooked = office.decide("user_id:bo", channel="webhook")
        office.open()
        office.until(hooked, "delivered")
        office.until(mailed, "delivered")
    assert {mail["To"] for mail in postman.got} == {"ada@example.com"}


def test_a_mail_server_that_is_busy_is_tried_again(office, postman):
    greetings = iter(["421 too busy"])
    postman.greeting = lambda: next(greetings, "220 postman")
    answer = office.decide()
    office.open()
    office.until(answer, "delivered")


def impatient(settings, place, how):
    """Ways that hold on to what hangs for half a second, not for ten."""
    if isinstance(how, Hook):
        return HookWay(how, private=True, sending=functools.partial(send, timeout_s=0.5))
    return messaging.way_of(settings, place, how)


def test_a_machine_that_hangs_or_is_gone_holds_up_no_mail(office):
    with Receiver(otherwise=never) as receiver:
        office.hook(receiver.url, webhooks.fresh_secret())
        hooked = office.decide(channel="webhook")
        office.open(ways=impatient)
        eventually(lambda: receiver.got)
        mailed = office.decide("user_id:bo")
        office.until(mailed, "delivered")
        assert office.standing(hooked).state == "waiting"
        receiver.answers(answers(410))
        office.until(hooked, "failed")


def test_a_server_that_goes_away_in_the_middle_of_a_mail_is_given_the_whole_of_it_again(office, postman):
    postman.script += [goes("line"), goes(".")]
    answer = office.decide()
    office.open()
    office.until(answer, "delivered")
    # Of the last it is not known whether it was taken: it is the same mail, under the same id.
    assert len({mail for _, mail in postman.seen}) == 1
    assert office.standing(answer).tries == 3


def test_what_a_machine_says_of_another_place_is_not_followed(office):
    with Receiver(answers(307, location="/elsewhere"), answers(302, location="/elsewhere")) as receiver:
        office.hook(receiver.url, webhooks.fresh_secret())
        answer = office.decide(channel="webhook")
        office.open()
        office.until(answer, "delivered")
        assert {got.path for got in receiver.got} == {"/in"}
        assert receiver.visited == []


def test_a_message_that_nobody_knows_how_to_ask_about_stops_none_behind_it(office, monkeypatch):
    ada, bo = office.decide(), office.decide("user_id:bo")
    real, asked = Reaching.still, []

    async def still(self, use, message):
        if message.id == ada["decision"] and len(asked) < 3:
            asked.append(message.id)
            raise ZeroDivisionError
        return await real(self, use, message)

    monkeypatch.setattr(Reaching, "still", still)
    office.open()
    office.until(bo, "delivered")
    office.until(ada, "delivered")
    assert office.standing(ada).tries == 4


def test_one_that_nobody_knows_how_to_send_stops_none_behind_it_and_what_is_logged_names_nobody(office, capfd, caplog):
    first, second = office.decide(), office.decide("user_id:bo")
    taken = []

    class Way:
        def send(self, message):
            if message.id == first["decision"]:
                raise ZeroDivisionError(message.to)
            taken.append(message.id)
            return Came("taken")

        def close(self):
            pass

    office.open(ways=lambda *_: Way())
    office.until(second, "delivered")
    eventually(lambda: office.standing(first).tries > 0)
    assert (office.standing(first).state, office.standing(first).error) == ("waiting", messaging.UNSENT)
    assert taken == [second["decision"]]
    assert "ada@example.com" not in "".join(capfd.readouterr()) + caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_way_that_cannot_be_set_up_stops_no_other(office):
    def way(settings, place, how):
        if place[1] == "email":
            raise ZeroDivisionError
        return messaging.way_of(settings, place, how)

    with Receiver(answers(204)) as machine:
        office.hook(machine.url, "whsec_" + "a" * 32)
        mailed, told = office.decide(), office.decide("user_id:bo", "webhook")
        office.open(ways=way)
        office.until(told, "delivered")
        assert office.standing(mailed).state == "waiting"


def test_to_whom_messages_went_is_forgotten_a_few_at_a_time(office):
    for customer in ("user_id:ada", "user_id:bo"):
        office.decide(customer)
    db = office.desk.ledger.db
    db.execute("UPDATE message SET state = 'delivered'")
    late = now() + KEPT + HOUR
    assert not office.messages.sweep(now(), 1)
    assert office.messages.sweep(late, 1)
    assert db.execute("SELECT count(*) FROM message").fetchone() == (1,)
    assert not office.messages.sweep(late, 2)
    assert db.execute("SELECT count(*) FROM message").fetchone() == (0,)


def test_a_clock_that_was_ahead_when_it_was_put_off_keeps_nothing_for_ever(office):
    answer = office.decide()
    office.desk.ledger.db.execute("UPDATE message SET next_at = next_at + ?", (400 * DAY,))
    office.open()
    office.until(answer, "delivered")


def test_a_clock_that_is_set_back_while_a_server_rests_does_not_lengthen_its_rest(office, postman, monkeypatch):
    greetings = iter(["421 too busy"])
    postman.greeting = lambda: next(greetings, "220 postman")
    answer = office.decide()
    office.open()
    eventually(lambda: office.standing(answer).tries >= 1)
    monkeypatch.setattr(messaging, "now", lambda: now() - 400 * DAY)
    office.until(answer, "delivered")


# -- what was said meanwhile


def test_who_says_stop_while_it_waits_gets_nothing(office, postman):
    handle = claimed(office)
    answer = office.decide()
    WishBook(office.house.people).say(handle, ORG, lambda said: answered(said, "stop", "write", "help"))
    office.open()
    office.until(answer, "withdrawn")
    assert office.standing(answer).error == "the customer said stop to this"
    assert office.delivery(answer) == "withdrawn"
    assert postman.seen == []
    assert office.desk.book.at([office.desk.kept(answer).record], now()).contacts == ()


def test_who_says_stop_between_two_tries_gets_nothing(office, postman):
    handle = claimed(office)
    postman.of["ada@example.com"] = says("RCPT", "451 later")
    answer = office.decide()
    office.open()
    eventually(lambda: office.standing(answer).tries >= 1)
    WishBook(office.house.people).say(handle, ORG, lambda said: msgspec.structs.replace(said, alone=True))
    postman.of.clear()
    office.until(answer, "withdrawn")
    assert postman.got == []


def test_stop_said_while_it_is_with_the_server_stops_the_next(office, postman):
    handle = claimed(office)

    def stop(verb):
        if verb == ".":
            WishBook(office.house.people).say(handle, ORG, lambda said: answered(said, "stop", "write", "help"))

    postman.script.append(stop)
    there, waiting = office.decide(), office.decide()
    office.open()
    office.until(there, "delivered")
    office.until(waiting, "withdrawn")
    assert len(postman.seen) == 1


@pytest.mark.parametrize("gone", ["lock", "unsubscribe", "action", "harm", "expired", "address"])
def test_what_speaks_against_it_when_it_leaves_withdraws_it(office, postman, gone):
    handle = claimed(office)
    answer = office.decide()
    if gone == "lock":
        office.house.people.lock(handle)
    elif gone == "unsubscribe":
        message = office.messages.message(ORG, answer["decision"])
        office.messages.unsubscribe(office.messages.said(message.token))
    elif gone == "action":
        ActionBook(office.desk.ledger).delete(ORG, "write", "eve")
    elif gone == "harm":
        RailBook(office.desk.ledger).found(ORG, [Rail("write", 1, "off", now())])
    elif gone == "expired":
        ActionBook(office.desk.ledger).put(msgspec.structs.replace(WRITE, valid=Valid(until=now() - MINUTE)), "eve")
    else:
        office.house.send(person_told("zoe", "ada@example.com"), source="crm")
        office.house.settle()
    office.open()
    office.until(answer, "withdrawn")
    assert postman.seen == []


def test_of_somebody_who_was_erased_nothing_is_sent_and_nothing_is_left_to_read(office, postman):
    answer = office.decide()
    record = office.desk.kept(answer).record
    office.desk.ledger.keys.destroy_records([record])
    office.open()
    office.until(answer, "withdrawn")
    assert office.standing(answer).error == "the customer was erased"
    assert postman.seen == []


def test_quiet_hours_put_it_off_and_keep_it(office, postman):
    handle = claimed(office)
    answer = office.decide()
    quiet = Says(quiet=around(now()), zone="UTC")
    WishBook(office.house.people).say(handle, ORG, lambda _: quiet)
    office.open()
    eventually(lambda: office.standing(answer).error != "")
    assert office.standing(answer).state == "waiting"
    assert "quiet hours" in office.standing(answer).error
    assert postman.seen == []
    WishBook(office.house.people).say(handle, ORG, lambda _: Says())
    office.desk.ledger.db.execute("UPDATE message SET next_at = 0")
    office.until(answer, "delivered")


def around(at):
    minute = at // MINUTE % 1440
    before, after = (minute - 60) % 1440, (minute + 60) % 1440
    return f"{before // 60:02}:{before % 60:02}-{after // 60:02}:{after % 60:02}"


def test_it_counts_once_against_its_own_limit(office):
    """What waits counts already; it does not keep itself from leaving."""
    policy = Policy(limits=msgspec.convert({"per_day": 1}, type(Policy().limits)))
    MannerBook(office.desk.ledger).put_manner(ORG, Manner(holdout=0, policy=policy), "eve")
    answer = office.decide()
    other = office.desk.decide(channel="email", deliver=True)
    assert {one["rule"] for one in other["excluded"]} == {"contact_limit"}
    office.open()
    office.until(answer, "delivered")


def test_an_address_that_unsubscribed_is_no_way_to_reach_anybody(office):
    answer = office.decide()
    message = office.messages.message(ORG, answer["decision"])
    said = office.messages.said(message.token)
    assert office.messages.unsubscribe(said)
    assert not office.messages.unsubscribe(said)
    after = office.desk.decide(channel="email", deliver=True)
    assert {one["rule"] for one in after["excluded"]} == {"unreachable"}
    office.messages.again(said)
    assert office.decide()
