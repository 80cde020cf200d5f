"""The timeline, newest first by event time over all records, whatever came late, ahead of time or at the same time."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput
from rapport.kernel.times import HOUR, MINUTE
from tests.profile.house import TEN, House, at, at_once, told

AHEAD = TEN + 400 * 24 * HOUR
times = st.sampled_from([*(TEN + n * MINUTE for n in range(4)), TEN - 9 * HOUR, AHEAD])
tellings = st.lists(st.tuples(times, st.sampled_from(["web", "crm"]), st.booleans()), min_size=1, max_size=24)


def ordered(events):
    """Newest first; unknown times last; at one time by message id, then by record."""
    return sorted(events, key=lambda e: (e["time"] is not None, e["time"] or "", e["event"], e["record"]), reverse=True)


def page(house, cursor=None, limit=3):
    answer = at_once(house.gate.events(house.asked("user_id:ada"), cursor, limit))
    return answer["events"], answer["next"]


@given(tellings, st.integers(1, 9))
def test_pages_make_up_the_whole_timeline_for_any_limit(telling, limit):
    with House() as house:
        for number, (time, source, commit) in enumerate(telling):
            # The same ids in both sources, so that times and ids are equal and records decide.
            event = told(time, type="track", userId="ada", event="Viewed", messageId=f"m{number // 2}-{source}")
            house.send(
                {**event, "messageId": event["messageId"].removesuffix(f"-{source}") + f"{number % 2}"}, source=source
            )
            if commit:
                house.settle()
        house.settle()
        events = house.timeline("user_id:ada", limit)
        assert events == ordered(events)
        assert len(events) == len({(event["event"], event["record"]) for event in events})
        assert len(events) == house.view("user_id:ada")["events"]["total"]


def test_long_timelines_are_read_no_further_back_than_needed():
    with House() as house:
        for batch in range(5):
            events = (
                told(
                    TEN + (batch * 100 + n) * MINUTE,
                    type="track",
                    userId="ada",
                    event="Viewed",
                    messageId=f"{batch}-{n}",
                )
                for n in range(100)
            )
            house.send(*events, received_at=TEN + 20 * HOUR)
            house.settle()
        opened = []
        read = house.reader.block_of
        house.reader.block_of = lambda part, position: opened.append(position) or read(part, position)
        first, _ = page(house, limit=10)
        assert [event["event"] for event in first] == [f"4-{n}" for n in range(99, 89, -1)]
        assert len(opened) <= 2


def test_a_cursor_holds_while_events_come_in():
    with House() as house:
        for n in range(6):
            house.send(told(TEN + n * MINUTE, type="track", userId="ada", event="Viewed", messageId=f"m{n}"))
        house.settle()
        first, cursor = page(house)
        for n, time in (("newer", TEN + HOUR), ("older", TEN - HOUR)):
            house.send(told(time, type="track", userId="ada", event="Viewed", messageId=n))
            house.send(told(time, type="track", userId="ada", event="Viewed", messageId=n), source="crm")
        house.settle()
        seen = [event["event"] for event in first]
        while cursor is not None:
            events, cursor = page(house, cursor)
            seen += [event["event"] for event in events]
        assert seen[:6] == ["m5", "m4", "m3", "m2", "m1", "m0"]
        assert "newer" not in seen
        assert len(seen) == len(set(seen)) + seen.count("older") - 1


def seen_with(house, cursor):
    """What a cursor of one's own making shows: nothing where it is refused, which must be by name."""
    try:
        events, _ = page(house, cursor)
    except BadInput as error:
        if error.code != "bad_cursor":
            raise
        return set()
    return {event["event"] for event in events}


FORGED = [
    "",
    "x",
    "%%%",
    "é",
    "A" * 5_000,
    *(
        base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")
        for value in (
            None,
            7,
            [],
            [1, "m", "r"],
            ["x", "m", "r", {}],
            [1 << 62, "m", "r", {"rec_x": -1}],
            [1, "m", "r", {"rec_x": 1 << 62}],
        )
    ),
]


@pytest.mark.parametrize("cursor", FORGED)
def test_a_forged_cursor_is_refused_or_shows_only_what_may_be_seen(cursor):
    with House() as house:
        house.send(told(at("10:00"), type="track", userId="ada", event="Viewed", messageId="m1"))
        house.settle()
        assert seen_with(house, cursor) <= {"m1"}


@pytest.mark.parametrize("position", [-5, 0, 2, 99, 1 << 62, (1 << 63) - 1, (1 << 64) - 1])
def test_a_cursor_that_points_at_other_blocks_is_refused(position):
    with House() as house:
        house.send(told(at("10:00"), type="track", userId="ada", event="Viewed", messageId="m1"))
        house.send(told(at("10:00"), type="track", userId="bo", event="Viewed", messageId="m2"))
        house.settle()
        record = house.view("user_id:ada")["records"][0]["record"]
        forged = base64.urlsafe_b64encode(msgspec.msgpack.encode([1 << 61, "z", "z", {record: position}])).decode()
        assert "m2" not in seen_with(house, forged.rstrip("="))
