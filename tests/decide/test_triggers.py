"""Triggers: which actions start by what, and when a time next does."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.actions import Trigger
from rapport.decide.clocks import wall
from rapport.decide.triggers import Start, Triggers, comes, next_due, next_round, told_start
from rapport.kernel.times import DAY, HOUR, MINUTE, parse_rfc3339, rfc3339
from tests.decide.acting import made

ZONES = ("UTC", "Europe/Vienna", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago")
START = parse_rfc3339("2026-01-01T00:00:00Z")
moments = st.integers(START, START + 800 * DAY)
times = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")
days = st.lists(st.sampled_from(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), unique=True).map(tuple)


def test_it_is_known_which_actions_start_by_what() -> None:
    fault, cold = [{"event": "Boiler Fault"}], [{"entered": "cold"}, {"left": "warm"}]
    triggers = Triggers([made("b", triggers=fault), made("a", triggers=fault + cold), made("c", triggers=[])])
    assert triggers.events == {"Boiler Fault": ("a", "b")}
    assert (triggers.entered, triggers.left) == ({"cold": ("a",)}, {"warm": ("a",)})
    timed = Triggers([made("d")]).timed
    assert [(name, bool(one.daily)) for name, one in timed] == [("d", False), ("d", True)]


def test_an_instant_comes_once() -> None:
    once = Trigger(at=START)
    assert next_due(once, START - 1) == START
    assert next_due(once, START) is None
    assert next_due(Trigger(event="x"), START) is None


@pytest.mark.parametrize(
    ("daily", "on", "zone", "after", "expected"),
    [
        ("09:00", (), "Europe/Vienna", "2026-11-22T07:59:59Z", "2026-11-22T08:00:00Z"),
        ("09:00", (), "Europe/Vienna", "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z"),
        ("09:00", ("mon",), "Europe/Vienna", "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z"),
        ("09:00", ("sun",), "Europe/Vienna", "2026-11-22T08:00:00Z", "2026-11-29T08:00:00Z"),
        ("02:30", (), "Europe/Vienna", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
        ("02:30", (), "Europe/Vienna", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("02:30", (), "Europe/Vienna", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ("09:00", ("fri",), "Pacific/Apia", "2011-12-28T00:00:00Z", "2011-12-30T19:00:00Z"),
    ],
)
def test_a_time_of_the_day_is_one_of_the_wall(
    daily: str, on: tuple[str, ...], zone: str, after: str, expected: str
) -> None:
    due = next_due(Trigger(daily=daily, days=on, zone=zone), parse_rfc3339(after))
    assert due is not None
    assert rfc3339(due) == expected


def test_where_no_zone_is_said_it_is_the_customers_else_utc() -> None:
    assert next_due(Trigger(daily="09:00"), START, "Europe/Vienna") == START + 8 * HOUR
    assert next_due(Trigger(daily="09:00"), START, "Mars/Olympus") == START + 9 * HOUR
    assert next_due(Trigger(daily="09:00", zone="UTC"), START, "Europe/Vienna") == START + 9 * HOUR


@given(times, days, st.sampled_from(ZONES), moments)
def test_any_daily_trigger_comes_again_on_its_days_at_its_time(
    daily: str, on: tuple[str, ...], zone: str, after: int
) -> None:
    trigger = Trigger(daily=daily, days=on, zone=zone)
    due = next_due(trigger, after)
    assert due is not None
    assert after < due <= after + 8 * DAY
    local = wall(due, zone)
    jumped = (local - datetime.combine(local.date(), datetime.strptime(daily, "%H:%M").time())).total_seconds()  # noqa: DTZ007 (the wall has no zone)
    assert jumped in (0, 1_800, 3_600)
    assert not on or local.strftime("%a").lower() in on or jumped
    # Nothing comes between: an instant before it leads to it, too.
    assert next_due(trigger, due - 1) == due
    assert next_due(trigger, (after + due) // 2) == due


@given(times, st.sampled_from(ZONES), moments)
def test_of_every_local_day_each_is_met_once(daily: str, zone: str, after: int) -> None:
    trigger, met, at = Trigger(daily=daily, zone=zone), [], after
    for _ in range(20):
        due = next_due(trigger, at)
        assert due is not None
        assert due - at <= DAY + HOUR + MINUTE
        met.append(wall(due, zone).date())
        at = due
    assert len(set(met)) == 20


# -- rounds


def test_a_round_of_one_instant_for_all_begins_then() -> None:
    for trigger in (Trigger(at=START), Trigger(daily="09:00", zone="Europe/Vienna")):
        one = next_round(trigger, START - 1)
        assert one is not None
        assert (one.begins, one.day) == (next_due(trigger, START - 1), "")
        assert comes(trigger, one, "Asia/Kathmandu") == one.begins
    assert next_round(Trigger(at=START), START) is None
    assert next_round(Trigger(event="x"), START) is None


def test_a_round_of_the_customers_own_time_begins_where_the_day_does() -> None:
    one = next_round(Trigger(daily="09:00"), START)
    assert one is not None
    assert (rfc3339(one.begins), one.day) == ("2026-01-01T19:00:00Z", "2026-01-02")
    at = {zone: rfc3339(comes(Trigger(daily="09:00"), one, zone)) for zone in ("Pacific/Kiritimati", "Asia/Tokyo", "")}
    assert at == {
        "Pacific/Kiritimati": "2026-01-01T19:00:00Z",
        "Asia/Tokyo": "2026-01-02T00:00:00Z",
        "": "2026-01-02T09:00:00Z",
    }


@given(times, days, st.sampled_from((*ZONES, "Pacific/Kiritimati", "Pacific/Pago_Pago")), moments)
def test_any_time_of_the_wall_comes_to_everybody_once_a_day_and_never_before_its_round(
    daily: str, on: tuple[str, ...], zone: str, after: int
) -> None:
    trigger = Trigger(daily=daily, days=on)
    expected = next_due(Trigger(daily=daily, days=on, zone=zone), after + 2 * DAY)
    found: list[int] = []
    while not found or found[-1] <= after + 4 * DAY:
        one = next_round(trigger, after)
        assert one is not None
        due = comes(trigger, one, zone)
        assert one.begins <= due <= one.begins + DAY + 3 * HOUR
        assert not found or due > found[-1]
        found.append(due)
        after = one.begins
        if len(found) > 20:
            break
    assert expected in found or expected is None or expected > found[-1]


def test_what_started_it_is_told_in_words() -> None:
    at = parse_rfc3339("2026-11-22T15:03:11.5Z")
    assert told_start(Start("entered", "at risk", at)) == "they entered the audience “at risk”, at 2026-11-22T15:03:11Z"
