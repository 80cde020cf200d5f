"""A decision that is only tried: told in full, and nothing of it is kept but the receipt."""

import msgspec
import pytest

from rapport.adapters.embedded import decisions
from rapport.decide.decision import ranking
from rapport.decide.explaining import why
from rapport.decide.kinds import Units
from rapport.decide.triggers import Start
from rapport.kernel.errors import BadInput, NotFound
from rapport.web.decisions import DecisionWish
from tests.app.desk import Desk, desk, house
from tests.profile.house import ORG, at_once

__all__ = ["desk", "house"]


def trial(desk: Desk, customer: str = "user_id:ada", channel: str = "web", **more):
    return at_once(desk.decisions.trial(ORG, DecisionWish(customer, "service", channel, **more), "console s-1"))


def test_a_trial_tells_what_a_decision_would_and_keeps_nothing_but_its_receipt(desk):
    tried = trial(desk)
    assert {one.action for one in ranking(tried.decision)} == {"help", "sell"}
    assert {(one.action, one.rule) for one in tried.decision.excluded} == {("sell", "customer_loses")}
    assert desk.book.page(ORG, 1 << 62, 10) == []
    assert desk.book.at([1], 0).contacts == ()
    (receipt,) = desk.ledger.receipts(ORG)
    assert (receipt.id, receipt.action) == (tried.head["receipt"], "decision trial")
    assert (receipt.treatment, receipt.propensity) in {("", ""), (None, None)}


def test_a_trial_says_what_moved_the_estimates_once_something_was_learnt(desk):
    assert all(not side for moved in trial(desk).moved.values() for side in moved)
    for _ in range(5):
        while (answer := desk.decide())["action"] != "help":  # it is drawn
            pass
        desk.report(answer, customer_benefit=30, company_value=4)
    moved = trial(desk).moved["help"]
    assert "always" in dict(moved.customer)
    assert dict(moved.customer)["always"] > 0
    assert [abs(by) for _, by in moved.customer] == sorted((abs(by) for _, by in moved.customer), reverse=True)
    assert any(name.startswith("traits.plan") for name, _ in moved.company)


def test_a_trial_delivers_nothing_and_tells_of_nobody_who_may_not_be_read(desk, house):
    with pytest.raises(BadInput, match="a trial delivers nothing"):
        trial(desk, channel="inbox", deliver=True)
    house.people.lock(house.people.add([f"{ORG}:user_id:ada"]).handle)
    with pytest.raises(NotFound):
        trial(desk)
    with pytest.raises(NotFound):
        trial(desk, "user_id:nobody")


def test_what_was_chosen_and_delivered_lately_is_counted_by_action(desk):
    assert desk.book.tallies(ORG, 0) == {}
    chosen = [desk.decide()["action"] for _ in range(6)]
    tallies = desk.book.tallies(ORG, 0)
    assert {action: count for action, (count, _) in tallies.items()} == {one: chosen.count(one) for one in set(chosen)}
    assert sum(delivered for _, delivered in tallies.values()) == 0
    assert desk.book.tallies(ORG, 1 << 62) == desk.book.tallies("another", 0) == {}


def test_a_trial_tells_what_was_decided_before_for_the_same_purpose_and_why_it_was_silence(desk):
    assert trial(desk).lately == ()
    made = [desk.decide()["action"] for _ in range(12)]
    lately = trial(desk).lately
    assert [one.action for one in lately] == made[::-1][: len(lately)]
    assert len(lately) == 8
    assert all(bool(one.why) == (one.action == "silence") and not one.delivered for one in lately)
    assert trial(desk, "user_id:bo").lately == ()


def test_of_what_started_a_decision_before_nothing_is_told_that_may_not_be_seen_any_more(desk):
    kept = desk.kept(desk.decide("user_id:bo"))
    started = msgspec.structs.replace(kept.content, started=(Start("event", "Clinic Visited", kept.at),))
    assert "Clinic Visited" in why(started, Units())
    seal = desk.ledger.receipt_log.sealing_key(ORG, kept.record)
    body = seal.seal(msgspec.msgpack.encode(started), decisions._PLACE)
    desk.ledger.db.execute("UPDATE decision SET body = ? WHERE seq = ?", (body, kept.seq))
    assert "Clinic Visited" in why(desk.book.decision(ORG, kept.id).content, Units())
    (before,) = trial(desk, "user_id:bo").lately
    assert before.action == "silence"
    assert before.why
    assert "Clinic Visited" not in before.why
