"""The evaluator keeps who is in which audience, as events, time, definitions and people's own words change it."""

import msgspec
import pytest

from rapport.adapters.embedded.sqlite import transaction
from rapport.app.operator import Shred, erasure_entry
from rapport.decide import expressed
from rapport.kernel.times import DAY, HOUR, SECOND, rfc3339
from rapport.profile.erasure import Claim
from rapport.terms import Clause, Terms
from rapport.terms.clauses import Frequency
from tests.app.deciding import WHO, deciding_house
from tests.profile.house import ORG, TEN, told


@pytest.fixture
def deciding():
    with deciding_house() as deciding:
        yield deciding


def test_an_event_lets_its_customer_in_at_once_and_nobody_else(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 2')
    deciding.send("ada")
    deciding.at += SECOND
    deciding.send("bo")
    assert deciding.users("buyers") == set()
    deciding.at += SECOND
    deciding.send("ada")
    assert deciding.users("buyers") == {"ada"}
    assert deciding.read.members(ORG, "buyers")[0][1] == deciding.at
    assert deciding.moves("buyers") == [("entered", "event")]


def test_a_new_audience_is_filled_with_those_who_are_there_already(deciding):
    for user, plan in (("ada", "gold"), ("bo", "basic"), ("cy", "gold")):
        deciding.identify(user, plan=plan)
    deciding.put("gold", 'traits.plan == "gold"')
    deciding.settle()
    assert deciding.users("gold") == {"ada", "cy"}
    assert deciding.moves("gold") == [("entered", "definition")] * 2
    state = deciding.read.state(ORG, "gold")
    assert (state.version, state.inside, state.filling) == (1, 2, False)


def test_time_alone_lets_people_out_and_in_each_exactly_once(deciding):
    deciding.put("recent", 'count("Order Completed", days(30)) >= 1')
    deciding.send("ada")
    deciding.at += 29 * DAY
    deciding.settle()
    assert deciding.users("recent") == {"ada"}
    due = deciding.evaluator.next_due()
    deciding.at = due - 1
    deciding.settle()
    assert deciding.users("recent") == {"ada"}
    deciding.at = due
    deciding.restart()
    deciding.settle()
    deciding.restart()
    deciding.settle()
    assert deciding.moves("recent") == [("entered", "event"), ("left", "time")]


def test_a_lock_takes_its_person_out_and_unlocking_brings_them_back(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    person = deciding.house.people.add([f"{ORG}:user_id:ada"])
    deciding.house.people.lock(person.handle)
    deciding.settle()
    assert deciding.users("buyers") == set()
    deciding.house.people.unlock(person.handle)
    deciding.settle()
    assert deciding.users("buyers") == {"ada"}
    assert deciding.moves("buyers") == [("entered", "event"), ("left", "gone"), ("entered", "event")]


def test_who_has_had_enough_for_a_day_is_in_again_on_the_next_though_nothing_happens(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    deciding.send("bo")
    person = deciding.house.people.add([f"{ORG}:user_id:ada"])
    once = Clause("once", "allow", purposes=("any",), categories=("everything", "unclassified"))
    once = msgspec.structs.replace(once, frequency=Frequency(1, "day"))
    deciding.house.people.set_terms(person.handle, Terms("own", (once,)))
    deciding.settle()
    deciding.at += SECOND
    deciding.send("ada")
    assert deciding.users("buyers") == {"bo"}
    with transaction(deciding.ledger.db):
        deciding.ledger.db.execute("UPDATE uses SET day = day - 1")
    deciding.settle()
    assert deciding.users("buyers") == {"bo"}
    deciding.at += DAY
    deciding.evaluator.settle()
    assert deciding.users("buyers") == {"ada", "bo"}


def test_another_definition_asks_everybody_anew(deciding):
    for user, plan in (("ada", "gold"), ("bo", "basic")):
        deciding.identify(user, plan=plan)
    deciding.put("chosen", 'traits.plan == "gold"')
    deciding.settle()
    deciding.put("chosen", 'traits.plan == "basic"')
    deciding.settle()
    assert deciding.users("chosen") == {"bo"}
    deciding.kept.put_trait(expressed(ORG, "fine", 'traits.plan == "gold"', "service"), WHO)
    deciding.put("chosen", "computed.fine")
    deciding.settle()
    assert deciding.users("chosen") == {"ada"}
    deciding.kept.put_trait(expressed(ORG, "fine", 'traits.plan == "basic"', "service"), WHO)
    deciding.settle()
    assert deciding.users("chosen") == {"bo"}


def test_a_merge_leaves_one_of_two_customers_and_an_unmerge_brings_both_back(deciding):
    house = deciding.house
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    house.send(told(deciding.at, type="track", event="Order Completed", anonymousId="tab", messageId="t1"))
    deciding.settle()
    assert len(deciding.read.members(ORG, "buyers")) == 2
    house.send(told(deciding.at, type="identify", userId="ada", anonymousId="tab", messageId="t2"))
    deciding.settle()
    assert len(deciding.read.members(ORG, "buyers")) == 1
    (evidence,) = [
        one for one in house.evidence("user_id:ada") if one["rule"] == "named" and one["identifier"]["value"] == "tab"
    ]
    house.retract(evidence["id"])
    deciding.settle()
    assert len(deciding.read.members(ORG, "buyers")) == 2


def test_a_deleted_audience_has_nobody_and_begins_anew(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    deciding.kept.delete_audience(ORG, "buyers", WHO)
    deciding.settle()
    assert deciding.read.state(ORG, "buyers") is None
    assert deciding.evaluator.file.db.execute("SELECT count(*) FROM member").fetchone() == (0,)
    deciding.at += HOUR
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.settle()
    assert deciding.users("buyers") == {"ada"}


def test_what_happens_while_nothing_is_in_use_leaves_no_trace_in_the_feed(deciding):
    deciding.send("ada")
    rows = deciding.house.worker.state.db.execute("SELECT count(*) FROM touched").fetchone()
    assert rows == (0,)


def test_an_event_of_which_nobody_asks_anything_leaves_no_trace_in_the_feed(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 2')
    deciding.identify("ada", plan="gold")
    deciding.settle()
    db = deciding.house.worker.state.db
    db.execute("DELETE FROM touched")
    deciding.send("ada", "Page Seen", settle=False)
    deciding.identify("ada", settle=False, plan="basic")
    deciding.house.settle()
    assert db.execute("SELECT count(*) FROM touched").fetchone() == (0,)
    deciding.send("ada", settle=False)
    deciding.house.settle()
    assert db.execute("SELECT count(*) FROM touched").fetchone() == (1,)


def test_what_happens_before_the_worker_knows_of_a_new_audience_is_not_lost(deciding):
    """The worker tells of what older definitions ask; the new one is filled only once it tells of more."""
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.identify("ada", plan="basic")
    deciding.identify("bo", plan="gold")
    deciding.settle()
    deciding.put("gold", 'traits.plan == "gold"')
    deciding.evaluator.settle()
    assert deciding.users("gold") == set()
    deciding.at += SECOND
    deciding.house.worker._following._looked = float("inf")  # it does not look
    deciding.identify("ada", settle=False, plan="gold")
    deciding.house.settle()
    deciding.evaluator.settle()
    deciding.settle()
    assert deciding.users("gold") == {"ada", "bo"}


def test_what_was_dealt_with_is_let_go_of(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    deciding.house.worker._following._dropped = -10.0
    deciding.house.worker.commit()
    assert deciding.house.worker.state.db.execute("SELECT count(*) FROM touched").fetchone() == (0,)


def test_each_customer_purpose_and_day_leaves_one_receipt_and_each_move_one(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.put("many", 'count("Order Completed") >= 3')
    for _ in range(4):
        deciding.send("ada", "Order Completed")
        deciding.at += SECOND
    receipts = deciding.ledger.receipts(ORG)
    assert [receipt.action for receipt in receipts] == ["audiences"] * 2
    assert receipts[0].fields == ("events",)


def test_another_audience_for_the_same_purpose_leaves_no_second_receipt_of_the_day(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 3')
    for user in ("ada", "bo"):
        deciding.send(user)
    deciding.put("many", 'count("Order Completed") >= 5')
    deciding.settle()
    assert len(deciding.ledger.receipts(ORG)) == 2
    deciding.put("any", 'count("Order Completed") >= 1')
    deciding.settle()
    assert len(deciding.ledger.receipts(ORG)) == 4


def test_an_event_that_came_to_an_earlier_time_is_counted_there(deciding):
    """Its block is written anew in its place, where what was remembered of it would never look."""
    deciding.put("early", f'first("Order Completed") < timestamp("{rfc3339(TEN)}")')
    event = told(TEN + HOUR, type="track", userId="ada", event="Order Completed", messageId="m1")
    deciding.house.send(event, received_at=deciding.at + 2 * HOUR, sent_at=TEN + HOUR)
    deciding.settle()
    assert deciding.users("early") == set()
    deciding.house.send(event, received_at=deciding.at, sent_at=TEN + 3 * HOUR)
    deciding.settle()
    assert deciding.users("early") == {"ada"}


def test_a_state_that_a_power_cut_took_back_is_asked_anew(deciding):
    """What was dealt with is synced, and the state that it came from is not."""
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    worker = deciding.house.worker.state
    worker.db.execute("DELETE FROM touched")
    worker.db.execute("UPDATE meta SET value = value - 10 WHERE name = 'touched'")
    worker.commit(deciding.house.worker.cursor)
    file = deciding.evaluator.file.db
    file.execute("DELETE FROM member")
    deciding.house.restart()
    deciding.restart()
    deciding.settle()
    assert deciding.users("buyers") == {"ada"}


def test_of_an_erased_customer_nothing_is_kept(deciding):
    deciding.put("buyers", 'count("Order Completed") >= 1')
    deciding.send("ada")
    deciding.send("bo")
    deciding.house.append(erasure_entry(Shred("per_1", (Claim(ORG, "user_id", "ada"),), ())))
    deciding.settle()
    assert deciding.users("buyers") == {"bo"}
    (bo,) = {customer for customer, _ in deciding.read.members(ORG, "buyers")}
    db = deciding.evaluator.file.db
    assert {who for (who,) in db.execute("SELECT customer FROM member UNION SELECT customer FROM history")} == {bo}
    assert deciding.read.state(ORG, "buyers").inside == 1
