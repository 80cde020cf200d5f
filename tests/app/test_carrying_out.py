"""What was decided is one use until its message is handed over; and what is shut meanwhile stops it."""

import msgspec
import pytest

from rapport.kernel.times import now, rfc3339
from rapport.terms import Clause, Terms, carrying_out
from rapport.terms.clauses import Frequency
from rapport.terms.presets import ALONE, OPEN
from tests.act.postman import says
from tests.act.receiving import eventually
from tests.app.post_office import ORG, office, person_told, postman
from tests.app.test_messaging import around, soon

__all__ = ["office", "postman", "soon"]
SERVE = Clause("serve", "allow", purposes=("service",), categories=("everything", "unclassified"))


def terms(*clauses, **more):
    return Terms("own", clauses, **more)


def once(times=1, per="day"):
    return terms(msgspec.structs.replace(SERVE, frequency=Frequency(times, per)))


@pytest.fixture
def ada(office):
    """The handle of the person who is ada."""
    return office.house.people.add([f"{ORG}:user_id:ada"]).handle


def receipts(office, action="message"):
    return [one for one in office.desk.ledger.receipts(ORG) if one.action == action]


def uses(office, handle):
    person = office.house.people.person(handle)
    query = "SELECT total(count) FROM uses WHERE person = ?"
    return office.desk.ledger.db.execute(query, (person.id,)).fetchone()[0]


def test_who_permits_one_use_a_day_gets_what_was_decided_by_it(office, postman, ada):
    office.house.people.set_terms(ada, once())
    answer = office.decide_once()
    office.open()
    office.until(answer, "delivered")
    assert [mail["To"] for mail in postman.got] == ["ada@example.com"]
    assert uses(office, ada) == 1


def test_however_often_it_is_put_off_it_is_one_use_with_one_receipt(office, postman, ada):
    office.house.people.set_terms(ada, once())
    refusals = iter(["451 later"] * 3)
    postman.of["ada@example.com"] = lambda verb: next(refusals, None) if verb == "RCPT" else None
    answer = office.decide_once()
    office.open()
    office.until(answer, "delivered")
    assert office.standing(answer).tries == 4
    assert receipts(office) == []
    assert uses(office, ada) == 1


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(ALONE, id="the purpose is open still"),
        pytest.param(once(1), id="another limit, which it keeps to"),
    ],
)
def test_terms_that_changed_and_let_it_are_put_on_record_once(office, postman, ada, after):
    office.house.people.set_terms(ada, terms(SERVE))
    refusals = iter(["451 later"] * 2)
    postman.of["ada@example.com"] = lambda verb: next(refusals, None) if verb == "RCPT" else None
    answer = office.decide()
    office.house.people.set_terms(ada, after)
    before = uses(office, ada)
    office.open()
    office.until(answer, "delivered")
    (said,) = receipts(office)
    assert (said.decision, said.fields) == ("permitted", ("identifiers",))
    assert uses(office, ada) == before


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(terms(), id="nothing is open"),
        pytest.param(terms(SERVE, Clause("no", "deny", purposes=("service",), data="all")), id="the purpose is shut"),
        pytest.param(
            terms(SERVE, Clause("no", "deny", categories=("contact",), data="all")), id="a kind of data is shut"
        ),
    ],
)
def test_what_was_withdrawn_meanwhile_stops_it_and_the_receipt_says_so(office, postman, ada, after):
    office.house.people.set_terms(ada, OPEN)
    answer = office.decide()
    office.house.people.set_terms(ada, after)
    office.open()
    office.until(answer, "withdrawn")
    assert postman.seen == []
    (said,) = receipts(office)
    assert (said.decision, said.fields) == ("refused", ())


def test_what_was_made_of_another_who_is_no_part_of_them_any_more_stays(office, postman):
    """Ada's records were taken apart after it was decided by both."""
    house = office.house
    house.send({"type": "identify", "anonymousId": "kiosk", "traits": {"plan": "gold"}, "messageId": "kiosk"})
    house.settle()
    house.link(*[house.view(who)["records"][0]["record"] for who in ("user_id:ada", "anonymous_id:kiosk")])
    house.settle()
    answer = office.decide()
    assert len(office.desk.ledger.receipts(ORG)[0].records) == 2
    for one in house.evidence("user_id:ada"):
        if one["rule"] == "operator":
            house.retract(one["id"])
    house.settle()
    office.open()
    office.until(answer, "withdrawn")
    assert postman.seen == []
    assert receipts(office)[0].reason == carrying_out.CLOSED


def test_after_a_day_it_is_a_use_like_any_other_which_covers_as_long_again(office, postman, ada, monkeypatch):
    office.house.people.set_terms(ada, once(1_000, "month"))  # enough, however slowly what follows is read
    postman.of["ada@example.com"] = says("RCPT", "451 later")
    answer = office.decide_once()
    office.open()
    eventually(lambda: office.standing(answer).tries >= 2)
    monkeypatch.setattr(carrying_out, "COVERED", 0)
    eventually(lambda: len(receipts(office)) >= 1)
    monkeypatch.setattr(carrying_out, "COVERED", carrying_out.DAY)
    tries = office.standing(answer).tries
    eventually(lambda: office.standing(answer).tries >= tries + 2)
    kept = len(receipts(office))
    postman.of.clear()
    office.until(answer, "delivered")
    assert len(receipts(office)) == kept
    assert uses(office, ada) == 1 + kept


def test_whoever_has_had_enough_by_then_gets_no_old_message(office, postman, ada, monkeypatch):
    office.house.people.set_terms(ada, once())
    answer = office.decide_once()
    monkeypatch.setattr(carrying_out, "COVERED", 0)
    office.open()
    office.until(answer, "withdrawn")
    assert postman.seen == []


def test_where_terms_say_that_it_is_quiet_now_it_waits(office, ada):
    office.house.people.set_terms(ada, terms(SERVE))
    answer = office.decide()
    hours = around(now())
    office.house.people.set_terms(ada, terms(msgspec.structs.replace(SERVE, quiet=hours), zone="UTC"))
    office.open()
    eventually(lambda: "quiet" in office.standing(answer).error)
    (due,) = office.desk.ledger.db.execute("SELECT next_at FROM message").fetchone()
    assert rfc3339(due)[11:] == f"{hours[6:]}:00Z"
    assert office.standing(answer).state == "waiting"
    office.house.people.set_terms(ada, terms(SERVE))
    office.desk.ledger.db.execute("UPDATE message SET next_at = 0")
    office.until(answer, "delivered")


def test_one_whose_decision_left_no_receipt_is_not_sent(office, postman):
    """Nothing leaves without one."""
    answer = office.decide()
    office.desk.ledger.db.execute("UPDATE decision SET receipt = 'rcp_of_nothing'")
    office.open()
    office.until(answer, "withdrawn")
    assert postman.seen == []


def test_one_whose_decisions_receipt_cannot_be_read_stops_no_other(office):
    broken, whole = office.decide(), office.decide("user_id:bo")
    db = office.desk.ledger.db
    db.execute("UPDATE receipt SET body = substr(body, 1, 40) WHERE id = ?", (broken["receipt"],))
    office.open()
    office.until(whole, "delivered")
    office.until(broken, "withdrawn")


def test_news_of_a_customer_are_no_news_of_the_use(office):
    answer = office.decide()
    office.house.send(person_told("ada", "ada@example.com", context={"ip": "1.2.3.4"}) | {"messageId": "again"})
    office.house.settle()
    office.open()
    office.until(answer, "delivered")
    assert receipts(office) == []
