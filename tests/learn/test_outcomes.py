"""Outcomes: each event settles one decision once, each decision teaches once, and what is absurd is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rapport.decide.actions import Benefit
from rapport.decide.kinds import MOST, SILENCE, Units, Worth
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, HOUR
from rapport.learn.outcomes import (
    MOST_OUTCOMES,
    PASSED,
    Awaited,
    Gives,
    Happened,
    Lesson,
    Report,
    Rule,
    Step,
    checked_rules,
    lapsed,
    report_of,
    reported,
    settled_by,
)

UNITS = Units("GBP", 0.2)
WAITING = Awaited("acme", "dec_1", "cus_1", "thanks", 10 * DAY, 17 * DAY, True)
BOUGHT = Rule("Order Completed", 7 * DAY, Gives("saved"), Gives("revenue", 0.3))
NOW = 11 * DAY


def bought(at: int | None = NOW, message: str = "m1", **properties: Any) -> Happened:
    return Happened(message, "Order Completed", at, {"saved": 2.0, "revenue": 10.0} | properties)


def settled(found: object) -> Step:
    assert isinstance(found, Step)
    return found


# -- reports


def test_a_report_is_kept_for_both_sides_and_taught_at_once() -> None:
    step = reported(Report("dec_1", "bought", 1.5, 4.0), "acme", WAITING, UNITS, NOW)
    assert step.lesson == Lesson("dec_1", Worth(1.5, 4.0))
    assert step.outcome is not None
    assert (step.outcome.kind, step.outcome.source, step.outcome.late) == ("bought", "", False)
    assert step.awaited.worth == Worth(1.5, 4.0)


def test_a_benefit_may_be_told_in_minutes_at_the_rate_of_the_customer_or_of_the_organization() -> None:
    raw = {"decision": "dec_1", "kind": "helped", "customer_benefit": {"kind": "minutes_saved", "minutes": 30}}
    report = report_of(raw)
    assert report.customer_benefit == Benefit("minutes_saved", 30)
    assert reported(report, "acme", WAITING, UNITS, NOW).awaited.worth == Worth(6.0, 0.0)
    assert reported(report, "acme", WAITING, UNITS, NOW, minute=1.0).awaited.worth == Worth(30.0, 0.0)
    paid = Report("dec_1", "helped", 0.0, Benefit("margin", amount=3.0))
    assert reported(paid, "acme", WAITING, UNITS, NOW).awaited.worth == Worth(0.0, 3.0)


def test_the_same_report_again_changes_nothing_and_another_of_its_kind_is_a_conflict() -> None:
    report = Report("dec_1", "bought", 1.5)
    first = reported(report, "acme", WAITING, UNITS, NOW)
    assert reported(report, "acme", first.awaited, UNITS, NOW + HOUR) == Step(first.awaited)
    with pytest.raises(Conflict) as refused:
        reported(Report("dec_1", "bought", 2.5), "acme", first.awaited, UNITS, NOW)
    assert refused.value.code == "outcome_differs"


def test_another_outcome_of_a_decision_is_added_to_the_books_and_not_taught_again() -> None:
    first = reported(Report("dec_1", "bought", 1.0), "acme", WAITING, UNITS, NOW)
    second = reported(Report("dec_1", "thanked", 0.5), "acme", first.awaited, UNITS, NOW)
    assert second.outcome is not None
    assert second.lesson is None
    assert second.awaited.worth == Worth(1.5, 0.0)


def test_another_organizations_decision_is_as_unknown() -> None:
    refusals = []
    for org, awaited in (("other", WAITING), ("acme", None)):
        with pytest.raises(NotFound) as refused:
            reported(Report("dec_1", "bought", 1.0), org, awaited, UNITS, NOW)
        refusals.append((refused.value.message, refused.value.code, refused.value.field))
    assert refusals[0] == refusals[1]


@pytest.mark.parametrize("wrong", [1e308, -1e308, float("nan"), float("inf"), MOST + 1])
@pytest.mark.parametrize("field", ["customer_benefit", "company_value"])
def test_an_absurd_benefit_is_refused_and_names_the_field(wrong: float, field: str) -> None:
    for value in (wrong, Benefit("discount", amount=wrong)):
        with pytest.raises(BadInput) as refused:
            reported(replace(Report("dec_1", "bought"), **{field: value}), "acme", WAITING, UNITS, NOW)
        assert (refused.value.code, refused.value.field) == ("bad_outcome", field)


def test_minutes_beyond_all_measure_are_refused_too_and_so_are_minutes_and_money_at_once() -> None:
    for wrong in (Benefit("minutes_saved", minutes=1e300), Benefit("minutes_saved", minutes=1.0, amount=1.0)):
        with pytest.raises(BadInput) as refused:
            reported(Report("dec_1", "helped", wrong), "acme", WAITING, UNITS, NOW)
        assert refused.value.field == "customer_benefit"


@pytest.mark.parametrize(
    "raw",
    [
        {"decision": "dec_1"},
        {"decision": "dec_1", "kind": "bought", "customer_benefit": "a lot"},
        {"decision": "dec_1", "kind": "bought", "customer_benefit": True},
        {"decision": 7, "kind": "bought"},
        {"decision": "dec_1", "kind": "bought", "benefit": 1},
        [],
        None,
    ],
)
def test_what_is_no_report_is_refused(raw: Any) -> None:
    with pytest.raises(BadInput) as refused:
        report_of(raw)
    assert refused.value.code == "bad_outcome"


def test_a_report_has_a_kind_a_time_after_its_decision_and_few_beside_it() -> None:
    for kind in ("", "x" * 600, "a\nb"):
        with pytest.raises(BadInput):
            reported(Report("dec_1", kind), "acme", WAITING, UNITS, NOW)
    with pytest.raises(BadInput):
        reported(Report("dec_1", "bought"), "acme", WAITING, UNITS, WAITING.at - 1)
    full = WAITING
    for number in range(MOST_OUTCOMES):
        full = reported(Report("dec_1", f"bought {number}"), "acme", full, UNITS, NOW).awaited
    with pytest.raises(BadInput, match="at most"):
        reported(Report("dec_1", "bought"), "acme", full, UNITS, NOW)


def test_what_a_decision_gave_in_all_stays_within_measure() -> None:
    most = reported(Report("dec_1", "bought", MOST), "acme", WAITING, UNITS, NOW).awaited
    with pytest.raises(BadInput):
        reported(Report("dec_1", "again", 1.0), "acme", most, UNITS, NOW)
    assert settled_by(bought(), [BOUGHT], [most], NOW) == "absurd"


# -- events


def test_an_event_settles_the_last_decision_that_reached_the_customer() -> None:
    earlier = replace(WAITING, decision="dec_0", at=9 * DAY, until=16 * DAY)
    unseen = replace(WAITING, decision="dec_2", at=10 * DAY + HOUR, delivered=False)
    step = settled(settled_by(bought(), [BOUGHT], [unseen, WAITING, earlier], NOW))
    assert step.awaited.decision == "dec_1"
    assert step.lesson == Lesson("dec_1", Worth(2.0, 3.0))
    assert step.outcome is not None
    assert step.outcome.source == "m1"


def test_silence_is_settled_like_any_action() -> None:
    silence = replace(WAITING, decision="dec_2", action=SILENCE, at=10 * DAY + HOUR, delivered=False)
    assert settled(settled_by(bought(), [BOUGHT], [WAITING, silence], NOW)).awaited.decision == "dec_2"


def test_where_a_rule_says_only_an_event_that_two_decisions_may_have_led_to_settles_none() -> None:
    only = replace(BOUGHT, attribution="only")
    other = replace(WAITING, decision="dec_2")
    assert settled_by(bought(), [only], [WAITING, other], NOW) == "several_decisions"
    assert settled(settled_by(bought(), [only], [WAITING], NOW)).awaited.decision == "dec_1"


def test_each_event_settles_once_whatever_copies_of_it_come() -> None:
    first = settled(settled_by(bought(), [BOUGHT], [WAITING], NOW)).awaited
    later = replace(WAITING, decision="dec_2", at=10 * DAY + HOUR)
    assert settled_by(bought(), [BOUGHT], [first], NOW) == "settled_already"
    # Not even another decision, which became known to have reached the customer meanwhile.
    assert settled_by(bought(), [BOUGHT], [first, later], NOW) == "settled_already"
    assert settled_by(bought(message="m2"), [BOUGHT], [first], NOW) != "settled_already"


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (bought(at=None), "no_time"),
        (bought(at=NOW + 1), "no_time"),
        (bought(at=WAITING.at - 1), "no_decision"),
        (bought(revenue="many"), "no_amount"),
        (bought(revenue=True), "no_amount"),
        (bought(revenue=None), "no_amount"),
        (bought(revenue=float("nan")), "absurd"),
        (bought(revenue=1e308), "absurd"),
        (bought(saved=-1e10), "absurd"),
        (Happened("m1", "Order Completed", NOW, {"saved": 1.0}), "no_amount"),
        (Happened("m1", "Page Viewed", NOW, {}), "no_rule"),
    ],
)
def test_an_event_that_settles_nothing_says_why(event: Happened, why: str) -> None:
    assert settled_by(event, [BOUGHT], [WAITING], NOW) == why
    assert why in PASSED


def test_an_event_counts_until_its_rule_or_the_decisions_window_ends_whichever_is_first() -> None:
    brief = replace(BOUGHT, within=DAY)
    assert isinstance(settled_by(bought(at=11 * DAY - 1), [brief], [WAITING], NOW), Step)
    assert settled_by(bought(at=11 * DAY), [brief], [WAITING], NOW) == "no_decision"
    assert settled_by(bought(at=17 * DAY), [replace(BOUGHT, within=30 * DAY)], [WAITING], 20 * DAY) == "no_decision"


def test_an_event_may_be_worth_something_fixed_and_says_nothing_then() -> None:
    rule = Rule("Ticket Solved", DAY, Gives(fixed=5.0), Gives(fixed=-1.0))
    event = Happened("m1", "Ticket Solved", 10 * DAY, {})
    assert settled(settled_by(event, [rule], [WAITING], NOW)).lesson == Lesson("dec_1", Worth(5.0, -1.0))


def test_rules_that_make_no_sense_are_refused() -> None:
    assert checked_rules([BOUGHT]) == (BOUGHT,)
    for wrong in (
        [replace(BOUGHT, event="")],
        [replace(BOUGHT, within=0)],
        [replace(BOUGHT, customer=Gives(fixed=float("nan")))],
        [replace(BOUGHT, company=Gives("revenue", 1e308))],
        [BOUGHT, BOUGHT],
    ):
        with pytest.raises(BadInput) as refused:
            checked_rules(wrong)
        assert refused.value.code == "bad_rule"


# -- nothing


def test_a_decision_whose_window_has_passed_without_an_outcome_is_learnt_as_nothing_once() -> None:
    assert lapsed(WAITING, WAITING.until - 1) == Step(WAITING)
    first = lapsed(WAITING, WAITING.until)
    assert first.lesson == Lesson("dec_1", Worth(0.0, 0.0))
    assert first.outcome is None
    assert lapsed(first.awaited, WAITING.until + DAY).lesson is None
    assert first.awaited.worth is None


def test_one_that_had_an_outcome_or_never_reached_anybody_is_not_learnt_as_nothing() -> None:
    had = settled(settled_by(bought(), [BOUGHT], [WAITING], NOW)).awaited
    assert lapsed(had, 20 * DAY).lesson is None
    assert lapsed(replace(WAITING, delivered=False), 20 * DAY).lesson is None
    assert lapsed(replace(WAITING, action=SILENCE, delivered=False), 20 * DAY).lesson is not None


def test_what_comes_late_is_for_the_books_and_not_taught() -> None:
    missed = lapsed(WAITING, WAITING.until).awaited
    by_event = settled(settled_by(bought(), [BOUGHT], [missed], 20 * DAY))
    by_report = reported(Report("dec_1", "bought", 1.0), "acme", missed, UNITS, 20 * DAY)
    for step in (by_event, by_report):
        assert step.lesson is None
        assert step.outcome is not None
        assert step.outcome.late
    assert by_event.awaited.worth == Worth(2.0, 3.0)
    at_the_end = reported(Report("dec_1", "bought", 1.0), "acme", WAITING, UNITS, WAITING.until)
    assert at_the_end.outcome is not None
    assert at_the_end.outcome.late


@given(st.lists(st.sampled_from(["m1", "m2", "m3", "report", "lapse"]), max_size=12))
def test_whatever_comes_in_whatever_order_a_decision_teaches_once_at_most_and_copies_add_nothing(
    coming: list[str],
) -> None:
    awaited, lessons, at = WAITING, 0, NOW
    for what in coming:
        if what == "lapse":
            at = 20 * DAY
            step: object = lapsed(awaited, at)
        elif what == "report":
            step = reported(Report("dec_1", "bought", 1.0), "acme", awaited, UNITS, at)
        else:
            step = settled_by(bought(message=what), [BOUGHT], [awaited], at)
        if isinstance(step, Step):
            awaited, lessons = step.awaited, lessons + (step.lesson is not None)
    assert lessons == bool(coming)
    expected = {what for what in coming if what != "lapse"}
    assert len(awaited.outcomes) == len(expected)
    assert (awaited.worth or Worth()).customer == pytest.approx(
        2.0 * len(expected & {"m1", "m2", "m3"}) + ("report" in expected)
    )
