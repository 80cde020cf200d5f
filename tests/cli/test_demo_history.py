from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.cli.demo.history import DAYS, Call, back_online, story
from rapport.cli.demo.names import TABLETS
from rapport.cli.demo.people import ALICE
from rapport.collect import validate
from rapport.kernel.times import DAY, HOUR, MINUTE, parse_rfc3339, rfc3339

END = parse_rfc3339("2026-11-21T20:00:00Z")
seeds = st.integers(0, 2**31)
numbers = st.integers(0, 20_000)


def everything(households: int = 150) -> list[Call]:
    return [call for number in range(households) for call in story(1, number, END)]


def message_id(call: Call) -> str:
    return str(call.body["messageId"])


@given(seeds, numbers)
def test_a_story_is_told_the_same_way_every_time(seed: int, number: int) -> None:
    assert story(seed, number, END) == story(seed, number, END)


@given(seeds, numbers)
def test_a_story_lies_in_the_ninety_days_before_its_end(seed: int, number: int) -> None:
    for call in story(seed, number, END):
        assert END - (DAYS + 1) * DAY <= call.at < END
        assert call.leaves >= call.at


@given(seeds, numbers)
def test_a_node_takes_every_call_of_any_story(seed: int, number: int) -> None:
    calls = [{**call.body, "timestamp": rfc3339(call.at)} for call in story(seed, number, END)]
    verdict = validate("segment", "batch", msgspec.json.encode({"batch": calls}))
    assert verdict.rejected == [] or not calls
    assert verdict.accepted == len(calls)


@given(seeds, numbers, numbers)
def test_a_message_id_stands_for_one_content_only(seed: int, one: int, another: int) -> None:
    said: dict[tuple[str, str], Call] = {}
    for call in [*story(seed, one, END), *story(seed, another, END)]:
        known = said.setdefault((call.source, message_id(call)), call)
        assert (known.body, known.at, known.skew) == (call.body, call.at, call.skew)


def test_the_history_holds_every_difficulty_there_is() -> None:
    calls = everything()
    kinds = Counter(call.body["type"] for call in calls)
    assert kinds.keys() == {"track", "identify", "page", "screen", "group", "alias"}
    assert {call.source for call in calls} == {"web", "app", "till", "crm", "support"}
    assert any(call.leaves - call.at > HOUR for call in calls), "a till that was offline"
    assert any(abs(call.skew) >= 2 * MINUTE for call in calls), "a clock that is off"
    assert max(Counter(map(message_id, calls)).values()) == 2, "a call that is sent twice"
    assert any(call.body.get("event") == "Order Refunded" for call in calls)
    assert any("consent" in call.body.get("context", {}) for call in calls)


def test_the_tablets_in_the_shops_are_used_by_many_with_and_without_a_name() -> None:
    for tablet in TABLETS:
        uses = [call.body for call in everything(300) if call.body.get("anonymousId") == tablet]
        assert len({body["userId"] for body in uses if "userId" in body}) > 3
        assert any("userId" not in body for body in uses)


def test_only_tills_are_ever_offline_and_only_over_midday() -> None:
    noon = END // DAY * DAY + 12 * HOUR
    days = [noon - day * DAY for day in range(300)]
    offline = [at for at in days if back_online(1, "till-1", at) > at]
    assert 20 < len(offline) < 150
    assert all(back_online(1, "till-1", at) - at < 6 * HOUR for at in offline)
    assert all(back_online(1, "desk", at) == at for at in days)
    assert all(back_online(1, "till-1", at + 9 * HOUR) == at + 9 * HOUR for at in days)


@given(seeds)
def test_alice_moves_between_all_channels_and_never_under_one_name_alone(seed: int) -> None:
    bens = ("C-000001", "crm-000001", "LL0000000002")
    calls = [call for call in story(seed, ALICE, END) if not any(ben in str(call.body) for ben in bens)]
    assert {call.source for call in calls} == {"web", "app", "till", "crm", "support"}
    events = {call.body.get("event") for call in calls}
    assert {"Order Completed", "Order Refunded", "Email Link Clicked", "Call Received"} <= events
    till = [call for call in calls if call.source == "till"]
    assert all("userId" not in call.body and "alice" not in str(call.body) for call in till), "the card is all it knows"
