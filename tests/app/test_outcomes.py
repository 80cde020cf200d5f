"""Outcomes on a node: each counts once, settles both benefits, and teaches what the next decisions rest on."""

import tracemalloc

import msgspec
import pytest

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.app.minds import Minds
from rapport.decide.decision import same_again
from rapport.decide.kinds import Units
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, now
from tests.app.desk import Desk, desk, house
from tests.profile.house import ORG

__all__ = ["desk", "house"]


def helped(desk: Desk) -> dict:
    """A decision to help."""
    while (answer := desk.decide())["action"] != "help":
        pass
    return answer


def learnt(desk, lesson=1 << 62):
    return Minds(desk.lessons).up_to(ORG, lesson)


def test_what_is_reported_counts_once_for_both_sides(desk):
    answer = helped(desk)
    for _ in range(2):
        told = desk.report(answer, customer_benefit={"kind": "minutes_saved", "minutes": 12}, company_value=3.5)
        assert told == {"decision": answer["decision"], "kind": "bought", "status": "accepted"}
    record = desk.kept(answer).record
    settled = BenefitFile(desk.ledger).of_records(ORG, [record], 0, 1 << 62)
    assert {(one.side, one.kind, one.amount, one.unit, one.use) for one in settled} == {
        ("customer", "minutes_saved", "12", "minutes", answer["receipt"]),
        ("company", "margin", "3.5", "GBP", answer["receipt"]),
    }
    assert len(desk.lessons.lessons(ORG, 0, 10)) == 1


def test_minutes_count_at_the_customers_own_rate_and_the_same_report_is_worth_the_same_whatever_the_units_become(desk):
    first = helped(desk)
    minutes = {"customer_benefit": {"kind": "minutes_saved", "minutes": 10}}
    desk.report(first, **minutes)
    assert desk.lessons.awaited(desk.kept(first)).worth.customer == 2.0
    ActionBook(desk.ledger).put_units(ORG, Units("GBP", 0.5), "eve")
    assert desk.report(first, **minutes)["status"] == "accepted"
    ada = desk.house.people.add([f"{ORG}:user_id:ada"])
    WishBook(desk.house.people).say(ada.handle, EVERYWHERE, lambda says: msgspec.structs.replace(says, minute=1.5))
    second = helped(desk)
    desk.report(second, **minutes)
    assert desk.lessons.awaited(desk.kept(second)).worth.customer == 15.0


@pytest.mark.parametrize(("then", "now"), [("GBP", "EUR"), ("GBP", ""), ("", "EUR")])
def test_what_came_of_a_decision_is_settled_in_the_money_that_it_was_made_in(desk, then, now):
    ActionBook(desk.ledger).put_units(ORG, Units(then), "eve")
    answer = helped(desk)
    ActionBook(desk.ledger).put_units(ORG, Units(now), "eve")
    desk.report(answer, company_value=3.5)
    (settled,) = BenefitFile(desk.ledger).of_records(ORG, [desk.kept(answer).record], 0, 1 << 62)
    assert (settled.amount, settled.unit) == ("3.5", then or now)


def test_the_same_reported_otherwise_is_refused(desk):
    answer = helped(desk)
    desk.report(answer, company_value=1)
    with pytest.raises(Conflict, match="otherwise"):
        desk.report(answer, company_value=2)


@pytest.mark.parametrize("value", [1e308, float("nan"), float("inf"), -1e10, "3", [], {"kind": "discount"} | {"x": 1}])
def test_absurd_outcomes_are_refused_and_nothing_is_kept(desk, value):
    answer = helped(desk)
    with pytest.raises(BadInput) as caught:
        desk.report(answer, company_value=value)
    assert caught.value.code == "bad_outcome"
    assert desk.lessons.awaited(desk.kept(answer)).outcomes == ()


def test_another_companys_decision_is_as_unknown(desk):
    desk.ledger.add_org("other")
    answer = helped(desk)
    with pytest.raises(NotFound) as caught:
        desk.report(answer, org="other", company_value=1)
    with pytest.raises(NotFound) as unknown:
        desk.report({"decision": "dec_0"}, company_value=1)
    assert caught.value.message == unknown.value.message


def test_what_decisions_gave_is_learnt_and_moves_the_next(desk):
    before = helped(desk)["estimates"]["company"]["mean"]
    for _ in range(12):
        desk.report(helped(desk), company_value=20, customer_benefit=1)
    after = helped(desk)["estimates"]["company"]
    assert after["mean"] > before + 3
    assert after["low"] < after["mean"] < after["high"]


def test_silence_of_which_nothing_came_is_learnt_when_its_window_has_passed_and_once(desk):
    answer = desk.decide("user_id:bo")
    assert answer["action"] == "silence"
    assert desk.lessons.lapse(now(), 10) == 0
    later = now() + 8 * DAY
    assert desk.lessons.lapse(later, 10) == 1
    assert desk.lessons.lapse(later, 10) == 0
    (lesson,) = desk.lessons.lessons(ORG, 0, 10)
    assert (lesson.worth.customer, lesson.worth.company) == (0, 0)


def test_any_decision_can_be_made_again_bit_for_bit_with_what_was_learnt_then(desk):
    made = []
    for turn in range(6):
        answer = helped(desk)
        made.append(desk.kept(answer).content)
        desk.report(answer, company_value=float(turn), customer_benefit=0.5)
    assert [one.learnt for one in made] == sorted(one.learnt for one in made)
    assert all(same_again(one, learnt(desk, one.learnt)) for one in made)
    assert not same_again(made[-1], learnt(desk, 0))


def test_models_of_few_organizations_are_in_memory_at_once_and_the_others_are_read_again(desk, monkeypatch):
    monkeypatch.setattr("rapport.app.minds.AT_HAND", 2)
    desk.report(helped(desk), company_value=7)
    minds = Minds(desk.lessons)
    before = minds.of(ORG, 100).company.packed()
    tracemalloc.start()
    try:
        for number in range(6):
            minds.of(f"another{number}")
        assert tracemalloc.get_traced_memory()[0] < 3 * 2**23
    finally:
        tracemalloc.stop()
    assert minds.of(ORG, 100).company.packed() == before


def test_whoever_starts_from_what_was_kept_knows_the_same_to_the_bit(desk):
    for _ in range(5):
        desk.report(helped(desk), company_value=7)
    first = Minds(desk.lessons)
    first.of(ORG, 3)
    first.keep(ORG)
    again = Minds(desk.lessons).of(ORG, 100)
    anew = learnt(desk, again.lesson)
    assert again.lesson == desk.lessons.last(ORG)
    assert (again.customer.packed(), again.company.packed()) == (anew.customer.packed(), anew.company.packed())
