"""Windows are exact: to the microsecond, and over the days on which clocks are moved."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rapport.kernel.expressions import Facts, Series, compile_expression
from rapport.kernel.expressions.windows import Calendar, first_instant
from rapport.kernel.times import DAY, HOUR, MINUTE, micros, parse_rfc3339, rfc3339

NOW = parse_rfc3339("2026-11-22T12:00:00Z")
ZONES = ("Europe/Berlin", "America/Havana", "America/Santiago", "Asia/Beirut", "Pacific/Apia", "Asia/Kathmandu", "UTC")


def holds(text: str, *times: int, now: int = NOW) -> bool:
    return compile_expression(text).evaluate(Facts(events={"Seen": Series(sorted(times))}), now).holds


def next_change(text: str, *times: int, now: int = NOW) -> int | None:
    return compile_expression(text).next_change(Facts(events={"Seen": Series(sorted(times))}), now)


def test_an_event_is_in_the_window_from_its_own_instant_until_just_before_so_much_later() -> None:
    text = 'within("Seen", days(30))'
    assert not holds(text, NOW + 1)
    assert holds(text, NOW)
    assert holds(text, NOW - 30 * DAY + 1)
    assert not holds(text, NOW - 30 * DAY)
    assert next_change(text, NOW) == NOW + 30 * DAY
    assert next_change(text, NOW + 5) == NOW + 5
    assert next_change(text, NOW - 31 * DAY) is None


def test_an_event_of_the_future_may_come_before_one_of_the_past_leaves() -> None:
    assert next_change('count("Seen", days(30)) >= 2', NOW - 20 * DAY, NOW + 5) == NOW + 5
    assert next_change('count("Seen", days(30)) >= 1', NOW - 20 * DAY, NOW + 5 * DAY) == NOW + 35 * DAY


def test_a_count_changes_when_enough_events_have_left_the_window() -> None:
    times = (NOW - 20 * DAY, NOW - 10 * DAY, NOW - 5 * DAY)
    assert next_change('count("Seen", days(30)) >= 2', *times) == NOW + 20 * DAY


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ('since(last("Seen")) > days(30)', 30 * DAY + 1),
        ('since(last("Seen")) >= days(30)', 30 * DAY),
        ('since(last("Seen")) < days(30)', 30 * DAY),
        ('days(30) >= since(last("Seen"))', 30 * DAY + 1),
        ('days_since(last("Seen")) > 30', 31 * DAY),
        ('now - last("Seen") > days(30)', 30 * DAY + 1),
        ('last("Seen") < now - days(30)', 30 * DAY + 1),
        ('last("Seen") <= ago(days(30))', 30 * DAY),
        ('ago(hours(720)) < last("Seen")', 30 * DAY),
        ('last("Seen") + days(30) > now', 30 * DAY),
        ('days_since(last("Seen")) <= 30', 31 * DAY),
        ('30 <= days_since(last("Seen"))', 30 * DAY),
        ('days_since(last("Seen")) == 7', 7 * DAY),
        ('!within("Seen", weeks(1))', 7 * DAY),
    ],
)
def test_a_deadline_is_known_to_the_microsecond(text: str, change: int) -> None:
    before = holds(text, NOW)
    assert next_change(text, NOW) == NOW + change
    assert holds(text, NOW, now=NOW + change) is not before
    assert holds(text, NOW, now=NOW + change - 1) is before


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("until(traits.renews) < days(14)", 6 * DAY + 1),
        ("until(traits.renews) <= days(14)", 6 * DAY),
        ("traits.renews - now <= days(14)", 6 * DAY),
    ],
)
def test_what_is_ahead_comes_nearer(text: str, change: int) -> None:
    facts = Facts(traits={"renews": rfc3339(NOW + 20 * DAY)})
    assert compile_expression(text).next_change(facts, NOW) == NOW + change


def test_a_day_with_a_missing_hour_is_23_hours_long_and_a_day_with_one_twice_25() -> None:
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-22", 24)):
        midnight = datetime.fromisoformat(day)
        first = first_instant(midnight, "Europe/Berlin")
        assert first_instant(midnight + timedelta(days=1), "Europe/Berlin") - first == hours * HOUR


def test_days_of_a_window_are_24_hours_whatever_the_clocks_did() -> None:
    seen = parse_rfc3339("2026-10-24T12:00:00+02:00")
    assert next_change('within("Seen", days(1))', seen, now=seen) == parse_rfc3339("2026-10-25T11:00:00+01:00")


def test_of_two_midnights_the_first_begins_the_day() -> None:
    # In Havana the hour from 00:00 to 01:00 comes twice.
    first = first_instant(datetime.fromisoformat("2026-11-01"), "America/Havana")
    assert rfc3339(first) == "2026-11-01T04:00:00Z"
    text = 'count("Seen", today("America/Havana")) == 1'
    assert holds(text, first, now=first + 90 * MINUTE)  # the second time that clocks say 00:30
    assert next_change(text, first, now=first) == first + 25 * HOUR


def test_where_midnight_is_missing_the_day_begins_behind_the_gap() -> None:
    first = first_instant(datetime.fromisoformat("2026-09-06"), "America/Santiago")
    assert datetime.fromisoformat(rfc3339(first)).astimezone(ZoneInfo("America/Santiago")).hour == 1
    assert holds('within("Seen", today("America/Santiago"))', first, now=first)
    assert not holds('within("Seen", today("America/Santiago"))', first - 1, now=first)


@given(st.sampled_from(ZONES), st.sampled_from(("today", "this_month")), st.integers(0, 60 * 365 * DAY))
@example("Pacific/Apia", "today", parse_rfc3339("2011-12-30T09:59:59Z"))
@example("Pacific/Apia", "today", parse_rfc3339("2011-12-30T10:00:00Z"))
def test_every_instant_is_in_the_calendar_window_that_it_asks_for(zone: str, unit: str, at: int) -> None:
    window = Calendar(unit, zone)
    start, end = window.start(at), window.leaves(at, at)
    assert start <= at < end
    for inside in (start, end - 1):
        assert (window.start(inside), window.leaves(inside, inside)) == (start, end)
        assert _date(unit, zone, inside) == _date(unit, zone, at)
    assert _date(unit, zone, start - 1) != _date(unit, zone, at) != _date(unit, zone, end)


def _date(unit: str, zone: str, at: int) -> str:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))
    assert micros(local) == at
    return local.strftime("%Y-%m-%d" if unit == "today" else "%Y-%m")


@given(st.sampled_from(ZONES), st.lists(st.integers(NOW - 40 * DAY, NOW + DAY), max_size=4), st.integers(0, 3))
def test_calendar_windows_change_only_when_they_say(zone: str, times: list[int], least: int) -> None:
    text = f'count("Seen", today("{zone}")) > {least}'
    change = next_change(text, *times)
    end = NOW + 3 * DAY if change is None else change
    before = holds(text, *times)
    assert all(holds(text, *times, now=at) is before for at in range(NOW, end, 10 * MINUTE))
    assert holds(text, *times, now=end - 1) is before
