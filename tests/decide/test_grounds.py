"""Grounds: what a condition rests on, found by leaving it out."""

from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.grounds import MOST, Ground, grounds
from rapport.kernel.expressions import Facts, Series, compile_expression
from rapport.kernel.times import DAY, parse_rfc3339

NOW = parse_rfc3339("2026-11-22T15:00:00Z")


def of(condition: str, facts: Facts) -> tuple[Ground, ...]:
    return grounds(compile_expression(condition), facts, NOW)


FACTS = Facts(
    {"points": 700, "plan": "gold"},
    {"Order Refunded": Series([NOW - 3 * DAY, NOW - DAY]), "Order Completed": Series([NOW - 40 * DAY])},
)


def test_an_event_without_which_it_would_not_hold_is_named_with_when_it_was() -> None:
    assert of('within("Order Refunded", days(14))', FACTS) == (Ground("event", "Order Refunded", NOW - DAY),)


def test_what_the_condition_merely_mentions_is_not_named() -> None:
    assert of('number(traits.points) >= 500 && !within("Order Completed", days(5))', FACTS) == (
        Ground("trait", "points"),
    )
    assert of('has(traits.plan) || within("Order Refunded", days(14))', FACTS) == (), "each would do"
    assert of("true", FACTS) == ()


def test_an_event_of_the_future_is_no_ground() -> None:
    ahead = Facts(events={"Order Refunded": Series([NOW + DAY])})
    assert of('count("Order Refunded", days(1)) == 0', ahead) == ()


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.booleans(), min_size=1),
    st.dictionaries(st.sampled_from("stuvwxyz"), st.lists(st.integers(0, 30), min_size=1), max_size=8),
)
def test_of_any_condition_that_holds_each_ground_is_needed_and_events_go_first_the_latest_first(
    traits: dict[str, bool], events: dict[str, list[int]]
) -> None:
    series = {name: Series(sorted(NOW - day * DAY for day in days)) for name, days in events.items()}
    facts = Facts({name: str(value) for name, value in traits.items()}, series)
    needed = [*(f"has(traits.{name})" for name in traits), *(f'count("{name}") > 0' for name in events)]
    found = of(" && ".join(needed), facts)
    assert len(found) == min(MOST, len(needed))
    assert len(set(found)) == len(found)
    times = [one.at for one in found if one.kind == "event"]
    assert times == sorted((series[one.name].times[-1] for one in found if one.kind == "event"), reverse=True)
    assert [one.kind for one in found] == sorted(one.kind for one in found), "event comes before trait"
