"""Alice's month as the demo tells it: within its month whenever it begins, and the same each time."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.cli.demo import month
from rapport.cli.demo.history import Call, story
from rapport.cli.demo.people import ALICE
from rapport.collect import validate
from rapport.kernel.times import DAY, MINUTE, parse_rfc3339, rfc3339

FIRST = parse_rfc3339("2024-01-01T00:00:00Z")
ends = st.integers(0, 1200 * DAY // MINUTE).map(lambda minutes: FIRST + minutes * MINUTE)
seeds = st.integers(0, 2**31)


@given(seeds, ends)
def test_the_month_lies_within_itself_however_short_it_is(seed: int, end: int) -> None:
    assert month.month_of(month.began(end)) == month.month_of(end) == rfc3339(end)[:7]
    assert rfc3339(month.began(end))[7:] == "-01T00:00:00Z"
    calls = month.lived(seed, end)
    assert all(month.began(end) <= call.at < end + 2 * MINUTE for call in calls)
    assert calls == month.lived(seed, end)


@given(seeds, ends)
def test_each_of_its_messages_is_another_and_the_node_takes_them_all(seed: int, end: int) -> None:
    calls = [*month.lived(seed, end), *month.today(seed, end, end)]
    names = [str(call.body["messageId"]) for call in calls]
    assert len(set(names)) == len(names)
    assert not set(names) & {str(call.body["messageId"]) for call in story(seed, ALICE, end)}
    bodies = [{**call.body, "timestamp": rfc3339(call.at)} for call in calls]
    verdict = validate("segment", "batch", msgspec.json.encode({"batch": bodies}))
    assert (verdict.accepted, verdict.rejected) == (len(calls), [])


def test_what_happens_today_is_told_of_today() -> None:
    end = FIRST + 40 * DAY
    calls: list[Call] = month.today(1, end, end + DAY)
    assert {call.at // MINUTE for call in calls} == {(end + DAY) // MINUTE}
    assert {call.body["event"] for call in calls} >= {"Support Chat Closed", "Voucher Redeemed", "Order Completed"}
