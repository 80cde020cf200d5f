"""Goals: what may be one, and that progress follows from what happened alone."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, SECOND
from rapport.terms.goals import Goal, Happening, checked, happening, progress, window

AT = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()) * SECOND
NOVEMBER = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * SECOND
SPEND = Goal("Spend less", "spend", ("shop",), "50", "GBP")
BUY = Goal("Bread every week", "buy", ("shop", "bakery"), times=4)
VISIT = Goal("Come by", "visit", ("shop",), times=3)

amounts = st.one_of(st.just(""), st.decimals(0, 500, places=2).map(str))
happenings = st.builds(
    Happening,
    st.sampled_from(["shop", "bakery", "elsewhere"]),
    st.sampled_from(["web", "till"]),
    st.text("ab", min_size=1, max_size=3),
    st.integers(NOVEMBER - 3 * DAY, NOVEMBER + 32 * DAY),
    st.sampled_from(["bought", "back", "came"]),
    amounts,
    st.sampled_from(["GBP", "EUR", ""]),
)
goals = st.sampled_from([SPEND, BUY, VISIT, Goal("Since ever", "buy", ("shop",), times=2, per="ever")])


@given(goals, st.lists(happenings, max_size=20), st.randoms(use_true_random=False))
def test_progress_is_the_same_in_any_order_with_any_copies(goal: Goal, happened: list[Happening], dice: Any) -> None:
    again = [*happened, *(dice.choice(happened) for _ in range(5) if happened)]
    dice.shuffle(again)
    assert progress(goal, NOVEMBER, again, AT) == progress(goal, NOVEMBER, happened, AT)


@given(goals, st.lists(happenings, max_size=20))
def test_what_happened_at_companies_that_are_not_named_counts_for_nothing(
    goal: Goal, happened: list[Happening]
) -> None:
    own = [one for one in happened if one.org in goal.orgs]
    assert progress(goal, NOVEMBER, happened, AT) == progress(goal, NOVEMBER, own, AT)


def event_of(name: str, properties: dict[str, Any]) -> Event:
    nothing: dict[str, Any] = {
        "user_id": "ada",
        "anonymous_id": None,
        "key": None,
        "corrected": False,
        "received_at": AT,
    }
    more: dict[str, Any] = {"traits": {}, "traits_once": {}, "context": {}, "group_id": None, "previous_id": None}
    last: dict[str, Any] = {"identifiers": (), "consent": None, "categories": {}, "digest": b""}
    return Event("track", name, "m1", time=AT, properties=properties, **nothing, **more, **last)


def bought(number: int, amount: str, currency: str = "GBP", what: Any = "bought", at: int = AT) -> Happening:
    return Happening("shop", "till", f"m{number}", at, what, amount, currency)


def test_spending_is_what_was_paid_less_what_was_given_back_in_this_month_and_currency() -> None:
    happened = [
        bought(1, "30"),
        bought(2, "25.50"),
        bought(3, "10", what="back"),
        bought(4, "9", "EUR"),
        bought(5, ""),
        bought(6, "99", at=NOVEMBER - 1),
    ]
    made = progress(SPEND, 0, happened, AT)
    assert made is not None
    assert (made.have, made.want, made.met, made.left_out, made.percent) == ("45.50", "50", True, 2, 91)
    over = progress(SPEND, 0, [*happened, bought(7, "4.51")], AT)
    assert over is not None
    assert (over.met, over.percent) == (False, 100)


def test_somebody_comes_once_on_a_day_to_a_company() -> None:
    came = [bought(number, "", what="came", at=AT + number * SECOND) for number in range(5)]
    made = progress(VISIT, 0, [*came, bought(9, "", what="came", at=AT - DAY)], AT)
    assert made is not None
    assert (made.have, made.met) == ("2", False)


def test_since_ever_is_since_it_was_said() -> None:
    goal = Goal("Two teapots", "buy", ("shop",), times=2, per="ever")
    made = progress(goal, AT - DAY, [bought(1, "1", at=AT - 2 * DAY), bought(2, "1", at=AT - DAY)], AT)
    assert made is not None
    assert (made.have, made.until) == ("1", None)


def test_a_month_is_the_calendar_s() -> None:
    assert window(SPEND, 0, AT) == (NOVEMBER, NOVEMBER + 30 * DAY)


def test_words_alone_are_not_measured() -> None:
    assert progress(Goal("Be kinder"), 0, [bought(1, "3")], AT) is None


@pytest.mark.parametrize(
    ("goal", "field"),
    [
        (Goal(" "), "words"),
        (Goal("x" * 501), "words"),
        (Goal("x", "spend", (), "5", "GBP"), "orgs"),
        (Goal("x", "spend", ("not-mine",), "5", "GBP"), "orgs"),
        (Goal("x", "spend", ("shop",), "-5", "GBP"), "amount"),
        (Goal("x", "spend", ("shop",), "NaN", "GBP"), "amount"),
        (Goal("x", "spend", ("shop",), "1e99999", "GBP"), "amount"),
        (Goal("x", "spend", ("shop",), "1.005", "GBP"), "amount"),
        (Goal("x", "spend", ("shop",), "9" * 400, "GBP"), "amount"),
        (Goal("x", "spend", ("shop",), "5", "pounds"), "currency"),
        (Goal("x", "buy", ("shop",)), "times"),
        (Goal("x", "visit", ("shop",), times=10**30), "times"),
    ],
)
def test_what_is_no_goal_is_refused_naming_the_field(goal: Goal, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(goal, {"shop"})
    assert refused.value.field == field


def test_what_does_not_belong_to_a_kind_is_not_kept() -> None:
    assert checked(Goal("  Be\n kinder ", orgs=("shop",), amount="x"), {"shop"}) == Goal("Be kinder")


@pytest.mark.parametrize(
    "told", [True, None, [], "a lot", "Infinity", "1e999999999", "1e-999999999", "9" * 100, float("nan"), 10**4000]
)
def test_a_sum_that_is_none_is_left_out(told: Any) -> None:
    found = happening("shop", "till", event_of("Order Completed", {"total": told, "currency": "gbp"}))
    assert found is not None
    assert (found.what, found.amount, found.currency) == ("bought", "", "GBP")


@pytest.mark.parametrize("told", [12.5, "12.5", 12])
def test_a_sum_is_read_from_numbers_and_text(told: Any) -> None:
    found = happening("shop", "till", event_of("order_completed", {"revenue": told}))
    assert found is not None
    assert Decimal(found.amount) == Decimal(str(told))


def test_other_events_count_for_nothing() -> None:
    assert happening("shop", "web", event_of("Product Added", {"price": 3})) is None
