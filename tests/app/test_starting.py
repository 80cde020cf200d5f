"""What happens to customers starts decisions by itself: once each, of the actions that wait for it, by the gate."""

import contextlib
from collections.abc import Iterator

import msgspec
import pytest

from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.wishes import WishBook
from rapport.app.actions import Warner
from rapport.app.deciding import HouseDecisions
from rapport.app.definitions import Doubts
from rapport.app.making import Beginning
from rapport.app.portal_inbox import PortalInbox
from rapport.app.starting import Starting
from rapport.decide.actions import Action, Benefit, Caps, Trigger
from rapport.decide.contact import Policy
from rapport.decide.decision import Manner
from rapport.decide.explaining import why
from rapport.decide.person import answered
from rapport.kernel.errors import Corrupt
from rapport.kernel.times import DAY, HOUR, MINUTE, SECOND, now, rfc3339
from rapport.kernel.vocabulary import category_of_event
from rapport.terms import Clause, Declaration, Terms
from rapport.terms.declaration import EVERYTHING, Promise
from rapport.web.decisions import DecisionWish
from rapport.web.portal.told import Session
from tests.app.triggering import LETTER, Triggering, notice, triggering
from tests.profile.house import ORG, at_once, told

ORDERED = Trigger(event="Order Completed")
PROMISE = Promise("legitimate_interest", (EVERYTHING, "unclassified"), onward=False, recipients=())
BOTH = Declaration("Shop", {"service": PROMISE, "fraud": PROMISE})
ALL_BUT = (
    Clause("in", "allow", purposes=("service",), categories=("everything", "unclassified")),
    Clause("no-orders", "deny", purposes=("any",), categories=(category_of_event("Order Completed"),)),
)
HELP = Action(
    ORG,
    "help",
    "help",
    "service",
    LETTER,
    benefit=Benefit("minutes_saved", minutes=900),
    value=900.0,
    caps=Caps(per_day=2),
    triggers=(ORDERED,),
)


@pytest.fixture
def shop() -> Iterator[Triggering]:
    with triggering(notice(ORDERED), notice(name="other")) as made:
        yield made


def test_an_event_starts_a_decision_of_what_waits_for_it_and_its_message(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.settle()
    assert shop.decided() == ["confirm"]
    assert shop.started() == [[("event", "Order Completed")]]
    (kept,) = shop.kept()
    assert kept.content is not None
    assert kept.content.case.actions == ("confirm",)
    message = MessageBook(shop.desk.ledger).message(ORG, kept.id)
    assert message is not None
    assert (message.to, kept.delivery) == ("ada@example.com", "asked")
    assert shop.waiting() == 0


def test_it_is_asked_of_the_gate_once_and_the_receipt_says_by_whom(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.settle()
    receipts = [one for one in shop.desk.ledger.receipts(ORG, limit=50) if one.action == "decision"]
    assert [(one.caller, one.decision, one.treatment) for one in receipts] == [("trigger", "permitted", "confirm")]


def test_what_is_told_again_or_came_as_a_copy_starts_nothing_more(shop: Triggering) -> None:
    shop.does("ada", "Order Completed", message="o1")
    shop.settle()
    shop.does("ada", "Order Completed", message="o1")
    shop.settle()
    shop.told_again()
    assert shop.decided() == ["confirm"]


def test_what_happened_long_before_it_was_told_starts_nothing(shop: Triggering) -> None:
    for late in (HOUR + 1, 400 * DAY):
        shop.does("ada", "Order Completed", at=shop.deciding.at - late, message=f"late {late}")
    shop.does("bo", "Order Completed", at=shop.deciding.at - HOUR, message="in time")
    shop.settle()
    assert [one.record for one in shop.kept()] == [shop.number("bo")]


def test_what_could_not_be_decided_in_a_day_starts_nothing_any_more(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    assert shop.waiting() == 1
    shop.later(DAY + MINUTE)
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 0)


def test_an_evaluator_that_was_away_for_days_notices_no_past(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.house.worker._following._looked = 0.0
    shop.house.settle()
    shop.later(DAY + MINUTE)
    shop.settle()
    assert shop.decided() == []


def test_an_action_is_waited_with_from_its_put_to_its_end(shop: Triggering) -> None:
    shop.actions.put(notice(Trigger(event="Seen"), name="seen"), "eve")
    shop.actions.delete(ORG, "confirm", "eve")
    shop.deciding.settle()
    shop.does("ada", "Seen")
    shop.does("ada", "Order Completed")
    shop.settle()
    assert shop.decided() == ["seen"]


def test_what_waits_for_an_action_that_is_no_more_goes(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    shop.actions.delete(ORG, "confirm", "eve")
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 0)


# -- together, and in turns


def test_two_that_start_at_once_are_one_decision_that_says_both(shop: Triggering) -> None:
    shop.actions.put(notice(Trigger(event="Paid"), name="paid"), "eve")
    shop.deciding.settle()
    shop.does("ada", "Order Completed")
    shop.does("ada", "Paid")
    shop.settle()
    (kept,) = shop.kept()
    assert kept.content is not None
    assert set(kept.content.case.actions) == {"confirm", "paid"}
    assert shop.started() == [[("event", "Order Completed"), ("event", "Paid")]]


def test_what_is_for_another_purpose_is_a_decision_of_its_own(shop: Triggering) -> None:
    shop.house.declare(BOTH)
    every = Clause("in", "allow", purposes=("any",), categories=("everything", "unclassified"))
    people = shop.house.people
    people.set_terms(people.add([f"{ORG}:user_id:ada"]).handle, Terms("own", (every,)))
    shop.actions.put(notice(ORDERED, name="other", purpose="fraud"), "eve")
    shop.deciding.settle()
    shop.does("ada", "Order Completed")
    shop.settle()
    assert sorted(shop.decided()) == ["confirm", "other"]


def test_each_customer_has_a_decision_of_their_own(shop: Triggering) -> None:
    for user in ("ada", "bo"):
        shop.does(user, "Order Completed", message="same" + user)
    shop.settle()
    assert sorted(one.record for one in shop.kept()) == sorted([shop.number("ada"), shop.number("bo")])


def test_what_happens_over_and_over_before_it_is_decided_is_decided_once(shop: Triggering) -> None:
    for number in range(100):
        shop.does("ada", "Order Completed", message=f"o{number}")
    shop.deciding.settle()
    assert shop.waiting() == 1
    shop.settle()
    assert shop.decided() == ["confirm"]


def test_a_storm_of_events_reaches_nobody_more_often_than_caps_let_it() -> None:
    with triggering(HELP) as shop:
        for hundred in range(100):
            for number in range(100):
                shop.does("ada", "Order Completed", message=f"o{hundred} {number}")
            shop.house.settle()
            if hundred % 10 == 9:
                shop.settle()
        assert 0 < shop.decided().count("help") <= 2
        assert shop.waiting() == 0


def test_a_storm_at_one_company_keeps_none_other_waiting(shop: Triggering) -> None:
    query = "INSERT INTO noticed (org, record, at, next_at, timed, what, body) VALUES (?, ?, ?, ?, 0, ?, x'00')"
    for number in range(1_000):
        shop.desk.ledger.db.execute(query, ("loud", number, number, number, f"{number}"))
    shop.desk.ledger.db.execute(query, ("quiet", 7, 5_000, 5_000, "one"))
    due = shop.book.due(10_000, 24, timed=False)
    assert [org for org, _ in due] == ["loud"] * 12 + ["quiet"]
    assert shop.book.next_due() == 0


def test_what_nobody_thought_of_stops_nothing_behind_it(shop: Triggering, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("ada", "bo"):
        shop.does(user, "Order Completed")
    shop.deciding.settle()
    real = HouseDecisions.start

    async def start(self: HouseDecisions, org: str, wish: DecisionWish, beginning: Beginning) -> object:
        if wish.customer == shop.house.view("user_id:ada")["customer"]:
            raise ZeroDivisionError
        return await real(self, org, wish, beginning)

    with monkeypatch.context() as patched:
        patched.setattr(HouseDecisions, "start", start)
        shop.starting.step()
    assert [one.record for one in shop.kept()] == [shop.number("bo")]
    shop.later(HOUR)
    shop.settle()
    assert [one.record for one in shop.kept()] == [shop.number("bo"), shop.number("ada")]


def test_a_customer_who_cannot_be_read_stops_nobody_behind_them(
    shop: Triggering, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("ada", "bo"):
        shop.does(user, "Order Completed")
    shop.deciding.settle()
    ada, real = shop.number("ada"), Starting._customer

    def customer(self: Starting, org: str, record: int) -> object:
        if record == ada:
            raise Corrupt("what is stored of it is not what was written")
        return real(self, org, record)

    with monkeypatch.context() as patched:
        patched.setattr(Starting, "_customer", customer)
        shop.starting.settle()
    assert [one.record for one in shop.kept()] == [shop.number("bo")]
    shop.later(HOUR)
    shop.settle()
    assert [one.record for one in shop.kept()] == [shop.number("bo"), ada]


def test_what_cannot_be_read_any_more_goes(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    shop.desk.ledger.db.execute("UPDATE noticed SET body = x'00'")
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 0)


def test_it_is_not_known_for_ever_which_events_were_noticed(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.settle()
    count = "SELECT count(*) FROM noticed_event"
    assert shop.desk.ledger.db.execute(count).fetchone() == (1,)
    shop.later(5 * DAY)
    shop.settle()
    assert shop.desk.ledger.db.execute(count).fetchone() == (0,)


# -- audiences

ENTERED = Trigger(entered="gold")


@contextlib.contextmanager
def with_gold(*actions: Action) -> Iterator[Triggering]:
    with triggering(*actions) as shop:
        shop.deciding.put("gold", 'traits.plan == "gold"')
        shop.settle()
        yield shop


def test_who_enters_an_audience_or_leaves_it_is_decided_about() -> None:
    with with_gold(notice(ENTERED), notice(Trigger(left="gold"), name="farewell")) as shop:
        shop.does("ada", type="identify", traits={"plan": "gold"})
        shop.settle()
        assert (shop.decided(), shop.started()) == (["confirm"], [[("entered", "gold")]])
        shop.later(MINUTE)
        shop.does("ada", type="identify", traits={"plan": "free"})
        shop.settle()
        assert shop.decided() == ["confirm", "farewell"]
        shop.restart()
        shop.settle()
        assert shop.decided() == ["confirm", "farewell"]


def test_who_is_found_in_an_audience_as_it_is_defined_did_nothing_new() -> None:
    with triggering(notice(ENTERED)) as shop:
        shop.does("ada", type="identify", traits={"plan": "gold"})
        shop.settle()
        shop.deciding.put("gold", 'traits.plan == "gold"')
        shop.settle()
        assert shop.deciding.users("gold") == {"ada"}
        assert (shop.decided(), shop.waiting()) == ([], 0)


def test_who_is_found_in_an_audience_since_a_promise_is_new_did_nothing_new() -> None:
    with with_gold(notice(Trigger(left="gold"), ENTERED, purpose="fraud")) as shop:
        shop.deciding.put("gold", 'traits.plan == "gold"', purpose="fraud")
        people = shop.house.people
        every = Clause("in", "allow", purposes=("any",), categories=("everything", "unclassified"))
        people.set_terms(people.add([f"{ORG}:user_id:ada"]).handle, Terms("own", (every,)))
        shop.does("ada", type="identify", traits={"plan": "gold"})
        shop.settle()
        assert shop.deciding.users("gold") == set()
        shop.house.declare(BOTH)
        shop.settle()
        assert shop.deciding.users("gold") == {"ada"}
        assert shop.decided() == []
        shop.does("ada", type="identify", traits={"plan": "free"})
        shop.settle()
        assert shop.decided() == ["confirm"]


def test_who_entered_before_anything_waited_for_it_starts_nothing() -> None:
    with with_gold() as shop:
        shop.does("ada", type="identify", traits={"plan": "gold"})
        shop.settle()
        shop.actions.put(notice(ENTERED), "eve")
        shop.settle()
        shop.does("bo", type="identify", traits={"plan": "gold"})
        shop.settle()
        assert [one.record for one in shop.kept()] == [shop.number("bo")]


def test_what_one_purpose_lets_see_starts_nothing_for_another() -> None:
    with triggering(notice(ENTERED, purpose="fraud")) as shop:
        shop.house.declare(BOTH)
        shop.deciding.put("gold", 'traits.plan == "gold"', purpose="service")
        shop.settle()
        shop.does("ada", type="identify", traits={"plan": "gold"})
        shop.settle()
        assert (shop.decided(), shop.waiting()) == ([], 0)


# -- who may not be read


def test_a_lock_that_comes_before_the_decision_is_silence_towards_the_company(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
    shop.house.people.lock(handle)
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 0)


def test_what_the_terms_withhold_starts_nothing(shop: Triggering) -> None:
    handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
    shop.house.people.set_terms(handle, Terms("own", ALL_BUT))
    shop.does("ada", "Order Completed")
    shop.does("bo", "Order Completed")
    shop.settle()
    assert [one.record for one in shop.kept()] == [shop.number("bo")]


def test_who_said_stop_meanwhile_gets_silence(shop: Triggering) -> None:
    shop.actions.put(HELP, "eve")
    shop.deciding.settle()
    handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    shop.actions.delete(ORG, "confirm", "eve")
    WishBook(shop.house.people).say(handle, ORG, lambda said: answered(said, "stop", "help", "help"))
    shop.settle()
    (kept,) = shop.kept()
    assert kept.content is not None
    assert (kept.content.action, [one.rule for one in kept.content.excluded]) == ("silence", ["stopped_action"])


def test_of_somebody_who_was_erased_nothing_is_left_to_start(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    shop.desk.ledger.keys.destroy_records([shop.number("ada")])
    shop.restart()
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 0)


def test_what_waits_is_sealed(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    (row,) = shop.desk.ledger.db.execute("SELECT * FROM noticed").fetchall()
    assert not any(b"Order" in bytes(value) or b"confirm" in bytes(value) for value in row if isinstance(value, bytes))


def test_records_that_were_joined_meanwhile_are_one_customer_with_one_decision(shop: Triggering) -> None:
    at = shop.deciding.at
    shop.house.send(told(at, type="track", event="Order Completed", anonymousId="tab", messageId="t1"), received_at=at)
    shop.does("ada", "Order Completed")
    shop.deciding.settle()
    assert shop.waiting() == 2
    shop.house.send(told(at, type="identify", userId="ada", anonymousId="tab", messageId="t2"), received_at=at)
    shop.settle()
    assert shop.decided() == ["confirm"]


# -- channels, and hours


def test_it_comes_to_the_inbox_where_somebody_reads_it_else_by_mail() -> None:
    content = {**LETTER, "inbox": {"en": {"text": "It was noticed."}}}
    with triggering(notice(ORDERED, content=content)) as shop:
        shop.house.people.add([f"{ORG}:user_id:ada"])
        for user in ("ada", "bo"):
            shop.does(user, "Order Completed")
        shop.settle()
        channels = {one.record: one.content.channel for one in shop.kept() if one.content}
        assert channels == {shop.number("ada"): "inbox", shop.number("bo"): "email"}


def test_who_cannot_be_reached_is_not_decided_about_and_where_nobody_reads_not_even_read() -> None:
    content = {"inbox": {"en": {"text": "It was noticed."}}}
    with triggering(notice(ORDERED, content=content), notice(Trigger(event="Paid"), name="mailed")) as shop:
        shop.does("cy", type="identify", traits={"name": "Cy"})
        for event in ("Order Completed", "Paid"):
            shop.does("cy", event)
        shop.settle()
        assert (shop.decided(), shop.waiting()) == ([], 0)
        reasons = [one.reason for one in shop.desk.ledger.receipts(ORG, limit=50) if one.action == "decision"]
        assert reasons == ["no e-mail address of the customer's own may be used for this"]


def test_what_nothing_is_sent_by_starts_nothing() -> None:
    with triggering(notice(ORDERED, content={"web": {"en": {"text": "Hello."}}})) as shop:
        shop.does("ada", "Order Completed")
        shop.settle()
        assert (shop.decided(), shop.waiting()) == ([], 0)


def test_in_quiet_hours_it_waits_until_they_are_over() -> None:
    with triggering(HELP, manner=Manner(holdout=0, policy=Policy(quiet=_around(now())))) as shop:
        shop.does("ada", "Order Completed")
        shop.settle()
        assert (shop.decided(), shop.waiting()) == ([], 1)
        MannerBook(shop.desk.ledger).put_manner(ORG, Manner(holdout=0), "eve")
        due = shop.starting.next_due()
        assert due is not None
        assert now() < due <= now() + 2 * HOUR
        shop.deciding.at = due
        shop.settle()
        assert len(shop.decided()) == 1


# -- in words


def test_everybody_is_told_what_started_it() -> None:
    content = {"inbox": {"en": {"text": "It was noticed."}}}
    with triggering(notice(ORDERED, content=content)) as shop:
        handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
        shop.does("ada", "Order Completed")
        shop.settle()
        (kept,) = shop.kept()
        assert kept.content is not None
        happened = rfc3339(kept.content.started[0].at // SECOND * SECOND)
        told = why(kept.content, shop.actions.units(ORG))
        assert told.endswith(f"; it was decided because they did “Order Completed”, at {happened}")
        inbox = PortalInbox(shop.desk.ledger, shop.house.people, lambda org: org)
        session = Session(handle)
        (message,) = at_once(inbox.inbox(session, None)).messages
        (start,) = message.starts
        assert start.startswith("there was “Order Completed” on ")
        assert shop.book.counts(ORG, now() - DAY) == {"confirm": (1, 1)}


def test_silence_that_was_started_says_so_too(shop: Triggering) -> None:
    shop.actions.put(notice(ORDERED, eligible="false"), "eve")
    shop.deciding.settle()
    shop.does("ada", "Order Completed")
    shop.settle()
    (kept,) = shop.kept()
    assert kept.content is not None
    assert "they did “Order Completed”" in why(kept.content, shop.actions.units(ORG))
    assert shop.book.counts(ORG, now() - DAY) == {"confirm": (1, 0)}


def test_who_writes_a_trigger_that_starts_nothing_is_told(shop: Triggering) -> None:
    shop.deciding.put("gold", 'traits.plan == "gold"', purpose="service")
    warner = Warner(Doubts(shop.house.settings), shop.deciding.kept, ORG)

    def noted(action: Action) -> set[str]:
        return {one.field for one in warner.of(action) if one.field.startswith("triggers")}

    assert noted(notice(ENTERED)) == set()
    assert noted(notice(Trigger(left="silver"))) == {"triggers[0].left"}
    assert noted(notice(ENTERED, purpose="fraud")) == {"triggers[0].entered"}
    assert noted(notice(ENTERED, content={"web": {"en": {"text": "Hello."}}})) == {"triggers"}


def test_in_quiet_hours_of_the_terms_it_waits_too(shop: Triggering) -> None:
    handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
    quietly = Clause("in", "allow", purposes=("any",), categories=("everything", "unclassified"), quiet=_around(now()))
    shop.house.people.set_terms(handle, Terms("own", (quietly,)))
    shop.does("ada", "Order Completed")
    shop.settle()
    assert (shop.decided(), shop.waiting()) == ([], 1)
    shop.house.people.set_terms(handle, Terms("own", (msgspec.structs.replace(quietly, quiet=""),)))
    shop.later(2 * HOUR)
    shop.settle()
    assert shop.decided() == ["confirm"]


def test_of_a_night_that_is_quiet_by_the_terms_one_refusal_is_on_record(shop: Triggering) -> None:
    handle = shop.house.people.add([f"{ORG}:user_id:ada"]).handle
    began = now()
    night = _around(began, 60, 8 * 60)
    quietly = Clause("in", "allow", purposes=("any",), categories=("everything", "unclassified"), quiet=night)
    shop.house.people.set_terms(handle, Terms("own", (quietly,)))
    shop.does("ada", "Order Completed")
    for _ in range(7):
        shop.settle()
        shop.later(HOUR)
    refused = [one.reason for one in shop.desk.ledger.receipts(ORG, limit=50) if one.decision == "refused"]
    assert refused == [f"it is quiet now: {night}"]
    assert shop.starting.next_due() == began - began % MINUTE + 8 * HOUR


def _around(at: int, before: int = 60, after: int = 60) -> str:
    minute = at // MINUTE % 1440
    before, after = (minute - before) % 1440, (minute + after) % 1440
    return f"{before // 60:02}:{before % 60:02}-{after // 60:02}:{after % 60:02}"
