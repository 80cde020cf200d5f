"""When an event happened, whatever its client's clock says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.collect import times
from rapport.collect.errors import Refused
from rapport.kernel.times import DAY, HOUR, SECOND, parse_rfc3339
from tests.collect.reading import RECEIVED, one

AT = parse_rfc3339("2026-11-21T20:02:55Z")


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T20:02:55Z",
        "2026-11-21T20:02:55z",
        "2026-11-21T20:02:55.000Z",
        "2026-11-21T20:02:55",
        "2026-11-21 20:02:55",
        "2026-11-21T21:02:55+01:00",
        "2026-11-21T15:02:55-0500",
        "  2026-11-21T20:02:55Z ",
        AT // SECOND,
        AT // 1000,
        AT,
        AT * 1000,
        AT / SECOND,
        str(AT // 1000),
    ],
)
def test_one_moment_has_many_spellings(value):
    assert times.read(value) == AT


@pytest.mark.parametrize("value", [None, "", "   "])
def test_nothing_is_no_time(value):
    assert times.read(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "21/11/2026",
        "2026-13-01",
        "2026-11-21T25:00:00Z",
        "١٧٦٣٧٥٦٥٧٥",
        "2026-11-21T20:02:55Zulu",
        "1e9",
        "\x00",
    ],
)
def test_what_is_no_time_is_refused(value):
    with pytest.raises(Refused) as refused:
        times.read(value)
    assert refused.value.code == "bad_timestamp"


@given(
    st.text(max_size=30)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
    | st.datetimes().map(str)
)
def test_the_fast_check_refuses_exactly_what_reading_refuses(value):
    def verdict(function):
        try:
            function(value)
        except Refused as refused:
            return refused.code
        return None

    assert verdict(times.check) == verdict(times.read)


def moment(timestamp=None, sent_at=None, received_at=RECEIVED):
    event = one({"event": "e", "userId": "u", "timestamp": timestamp, "sentAt": sent_at}, received_at=received_at)
    return event.time, event.corrected


def test_a_clock_within_a_minute_is_believed():
    assert moment("2026-11-21T20:02:55Z", "2026-11-21T20:03:56Z") == (AT, False)
    assert moment("2026-11-21T20:02:55Z", "2026-11-21T20:01:56Z") == (AT, False)


@given(
    st.integers(-10 * 365 * DAY, 10 * 365 * DAY).filter(lambda off: abs(off) > 61 * SECOND), st.integers(0, 30 * DAY)
)
def test_a_clock_that_is_off_is_corrected_by_how_far_off_it_was_when_sending(off, ago):
    time, corrected = times.happened_at(RECEIVED - ago + off, RECEIVED + off, RECEIVED)
    assert (time, corrected) == (RECEIVED - ago, True)


def test_a_clock_set_to_1970_is_corrected():
    assert moment("1970-01-01T00:00:10Z", "1970-01-01T00:00:11Z") == (RECEIVED - SECOND, True)


def test_an_event_without_a_time_happened_when_it_was_received():
    assert moment() == (RECEIVED, True)


def test_an_old_event_keeps_its_time():
    assert moment("2011-12-09T12:50:00Z", None) == (parse_rfc3339("2011-12-09T12:50:00Z"), False)


def test_an_event_from_more_than_a_day_ahead_has_an_unknown_time():
    assert times.happened_at(RECEIVED + 24 * HOUR, None, RECEIVED) == (RECEIVED + 24 * HOUR, False)
    assert times.happened_at(RECEIVED + 24 * HOUR + 1, None, RECEIVED) == (None, False)


@pytest.mark.parametrize(
    "absurd",
    [
        "9999-12-31T23:59:59Z",
        "+275760-09-13T00:00:00.000Z",
        "-000001-01-01T00:00:00Z",
        10**19,
        8.64e15,
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_an_absurd_year_is_an_unknown_time_or_a_very_old_one_but_no_error(absurd):
    assert moment(absurd)[0] is None


@given(
    st.integers(times.EARLIEST, times.LATEST) | st.none(),
    st.integers(-(10**19), 10**19) | st.none(),
    st.integers(0, RECEIVED * 2),
)
def test_a_time_is_unknown_or_printable_and_not_more_than_a_day_ahead(own, sent_at, received_at):
    time, _ = times.happened_at(own, sent_at, received_at)
    assert time is None or (times.EARLIEST <= time <= times.LATEST and time <= received_at + DAY)


@pytest.mark.parametrize("nonsense", ["soon", [], {}, True, 10**400, ""])
def test_a_sent_at_that_is_no_time_changes_nothing(nonsense):
    assert moment("2026-11-21T20:02:55Z", nonsense) == (AT, False)


def test_the_batchs_sent_at_speaks_before_an_older_one_in_the_event():
    event = {
        "type": "track",
        "event": "e",
        "userId": "u",
        "timestamp": "2026-11-21T18:00:00Z",
        "sentAt": "2026-11-21T18:00:01Z",
    }
    assert one({"batch": [event], "sentAt": "2026-11-21T20:02:56Z"}, path="batch").time == parse_rfc3339(
        "2026-11-21T18:00:00Z"
    )
