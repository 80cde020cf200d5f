"""One message id, one event: exact copies change nothing but a wrong time, another content is refused by name."""

import time
from statistics import median

import pytest

from rapport.kernel.times import HOUR, MINUTE, rfc3339
from tests.profile.house import ORG, TEN, House, at, told

BOUGHT = told(at("10:00"), type="track", userId="ada", event="Bought", messageId="m1", properties={"revenue": 5})


@pytest.fixture
def house():
    with House() as house:
        yield house


def counts(house, customer="user_id:ada"):
    return {name: tally["count"] for name, tally in house.view(customer)["events"]["by_name"].items()}


def test_copies_count_once_however_they_come(house):
    house.send(BOUGHT, BOUGHT)
    house.send(BOUGHT)
    house.settle()
    house.send(BOUGHT)
    house.settle().restart()
    house.send(dict(reversed(BOUGHT.items())), received_at=TEN + 90 * HOUR)
    assert counts(house.settle()) == {"Bought": 1}
    assert [event["event"] for event in house.timeline("user_id:ada")] == ["m1"]
    assert house.rejected() == []


def test_of_two_contents_under_one_id_the_first_holds_and_the_other_is_refused(house):
    other = {**BOUGHT, "properties": {"revenue": 500}}
    house.send(BOUGHT, other)
    house.settle()
    house.send(other)
    house.settle()
    assert counts(house) == {"Bought": 1}
    assert house.timeline("user_id:ada")[0]["properties"] == {"revenue": 5}
    refused = house.rejected()
    assert [code for code, _ in refused] == ["duplicate_id", "duplicate_id"]
    assert "'m1'" in refused[0][1]


def test_what_was_refused_can_be_inspected(house):
    house.send(BOUGHT, {**BOUGHT, "properties": {"revenue": 500}})
    house.settle()
    with house.reader.snapshot():
        (row,) = house.reader.rejected(ORG, "duplicate_id", 1 << 62, 10)
    assert b'"revenue":500' in row.body


def test_an_id_is_a_source_s_own(house):
    house.send(BOUGHT, source="web")
    house.send(BOUGHT, source="crm")
    assert counts(house.settle()) == {"Bought": 2}


def test_the_smallest_corrected_time_counts_wherever_the_first_copy_lies(house):
    for gap in ("same batch", "same commit", "later"):
        event = {**BOUGHT, "userId": gap, "messageId": gap}
        sent = [{**event, "sentAt": rfc3339(TEN + off)} for off in (2 * HOUR, 5 * HOUR, 3 * HOUR)]
        received_at = TEN + HOUR
        if gap == "same batch":
            house.send(*sent, received_at=received_at)
        for copy in sent if gap != "same batch" else ():
            house.send(copy, received_at=received_at)
            if gap == "later":
                house.settle()
        (seen,) = house.settle().timeline(f"user_id:{gap}")
        assert seen["time"] == "2026-03-02T06:00:00Z", gap
        assert house.view(f"user_id:{gap}")["events"]["last_at"] == "2026-03-02T06:00:00Z"


def test_a_clock_that_is_off_by_less_than_a_minute_is_left_alone(house):
    house.send({**BOUGHT, "sentAt": rfc3339(TEN + 59_000_000)}, received_at=TEN)
    assert house.settle().timeline("user_id:ada")[0]["time"] == "2026-03-02T10:00:00Z"


def test_a_time_too_far_ahead_is_unknown_until_a_copy_is_received_late_enough(house):
    ahead = {**BOUGHT, "timestamp": rfc3339(TEN + 30 * HOUR)}
    house.send(ahead, received_at=TEN)
    house.settle()
    house.send(told(at("09:00"), type="track", userId="ada", event="Viewed", messageId="m2"))
    assert [event["time"] for event in house.settle().timeline("user_id:ada")] == ["2026-03-02T09:00:00Z", None]
    house.send(ahead, received_at=TEN + 20 * HOUR)
    times = [event["time"] for event in house.settle().timeline("user_id:ada", limit=1)]
    assert times == ["2026-03-03T16:00:00Z", "2026-03-02T09:00:00Z"]


def test_a_late_copy_moves_an_anonymous_event_to_whoever_was_there_then(house):
    for user, clock in (("ada", "10:00"), ("bo", "15:00")):
        house.send(told(at(clock), type="identify", userId=user, anonymousId="tablet", messageId=user))
    seen = told(at("15:10"), type="track", anonymousId="tablet", event="Viewed", messageId="m9")
    house.send(seen)
    assert counts(house.settle(), "user_id:bo") == {"Viewed": 1, "identify": 1}
    house.send({**seen, "sentAt": rfc3339(TEN + 12 * HOUR + 5 * HOUR)}, received_at=TEN + 12 * HOUR)
    assert counts(house.settle(), "user_id:bo") == {"identify": 1}
    assert counts(house, "user_id:ada") == {"Viewed": 1, "identify": 1}


@pytest.mark.parametrize("off", [None, 5 * HOUR])
def test_a_storm_of_copies_costs_no_more_than_fresh_events(house, proof_size, off):
    """A ratio of medians, with room for a busy machine."""
    size = proof_size(1_500, 10_000)
    fresh = [{**BOUGHT, "messageId": f"f{n}", "timestamp": rfc3339(TEN + n * MINUTE)} for n in range(size)]
    sent = {} if off is None else {"sentAt": rfc3339(TEN + 12 * HOUR + off)}
    storm = [{**BOUGHT, **sent}] * size
    house.send(*fresh[:100])
    house.settle()

    def cost(events):
        spent = []
        for start in range(0, size, 250):
            house.send(*events[start : start + 250])
            before = time.process_time()
            house.settle()
            spent.append(time.process_time() - before)
        return median(spent)

    assert cost(storm) < 3 * cost(fresh)
    assert counts(house)["Bought"] == size + 1
