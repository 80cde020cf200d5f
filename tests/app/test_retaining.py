"""What is past its promised time is deleted, and a node that deleted it is as one that never got it."""

import json
from contextlib import closing

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rapport.app import retaining
from rapport.app.embedded import open_keys, open_ledger, open_promises
from rapport.app.retaining import promised_limits
from rapport.kernel.times import DAY, HOUR, MINUTE, now
from rapport.terms.declaration import DEFAULT, Declaration, Promise
from tests.profile.house import ORG, TEN, House, told

TODAY = TEN + 20 * DAY
DAYS = {"behaviour": 5, "purchases": 10, "contact": 3, "name": 15}
"""What is promised in most tests; whatever else there is, no time is named for it."""
PROMISED = Declaration(
    purposes={
        "service": Promise("contract", ("purchases",), retention_days=10),
        "analytics": Promise("consent", ("behaviour",), retention_days=2),
        "research": Promise("consent", ("behaviour",), retention_days=5),
        "offers": Promise("consent", ("contact",), retention_days=3),
        "personalisation": Promise(
            "consent", ("name",), retention_days=1, alternative=Promise("consent", ("name",), retention_days=15)
        ),
        "fraud": Promise("legal_obligation", ("account",), law="…"),
    }
)


def keep_promises(house, declaration=PROMISED, at=TODAY, restarts=False):
    """One whole round, with another worker after each slice if wanted."""
    more = True
    while more:
        house.worker.retention._promised = lambda _: declaration
        more = house.worker.retention.slice(house.worker.cursor, at)
        if restarts:
            house.restart()
    house._reader = None
    return house


# -- what a node that never got it would have been sent


def left_of_told(event, age):
    """What would have been sent of an event, had it known what may be kept of it at this age (µs)."""
    gone = {category for category, days in DAYS.items() if age > days * DAY}
    kind = {"track": "purchases" if event.get("event") == "Order Completed" else "behaviour"}.get(
        event["type"], "behaviour"
    )
    traits = {name: value for name, value in event.get("traits", {}).items() if CATEGORY[name] not in gone}
    if kind in gone and not traits:
        return None
    return {**event, "traits": traits} if "traits" in event else event


CATEGORY = {"name": "name", "email": "contact", "plan": "account", "phone": "contact"}

users = st.sampled_from([None, None, "ada", "bo"])
devices = st.sampled_from([None, "tab", "tab", "tab", "phone"])
traits = st.dictionaries(st.sampled_from(list(CATEGORY)), st.integers(0, 2), max_size=3)


@st.composite
def stories(draw):
    """(time, event) pairs of some days, each event with an id of its own."""
    story = []
    for number in range(draw(st.integers(4, 14))):
        user, device = draw(users), draw(devices)
        if user is None and device is None:
            continue
        ids = {"userId": user, "anonymousId": device}
        event = {"messageId": f"m{number}", **{name: value for name, value in ids.items() if value}}
        if draw(st.booleans()):
            said = {name: WORDS[name][value] for name, value in draw(traits).items()}
            event |= {"type": "identify", "traits": said}
        else:
            event |= {"type": "track", "event": draw(st.sampled_from(["Order Completed", "Page Seen"]))}
        day, minute = draw(st.sampled_from([4, 9, 14, 14, 16, 19])), draw(st.integers(0, 9)) * 10
        story.append((TEN + day * DAY + minute * MINUTE, event))
    return story


WORDS = {
    "name": ["Ada Lovelace", "Bo Diddley", "Cy Young"],
    "email": [f"{who}@example.com" for who in "abc"],
    "plan": ["basic", "plus", "pro"],
    "phone": [f"+4420794600{n}0" for n in range(3)],
}


def sent(house, story, received_at=TODAY):
    for time, event in story:
        house.send(told(time, **event), received_at=received_at)
        house.settle()
    return house


FOURTH = TEN + 4 * DAY
MOVING = [
    (FOURTH, {"messageId": "m0", "userId": "bo", "anonymousId": "tab", "type": "track", "event": "Order Completed"}),
    (FOURTH, {"messageId": "m3", "anonymousId": "tab", "type": "track", "event": "Order Completed"}),
    (FOURTH + 40 * MINUTE, {"messageId": "m4", "anonymousId": "tab", "type": "track", "event": "Order Completed"}),
    (FOURTH, {"messageId": "m5", "userId": "ada", "anonymousId": "tab", "type": "track", "event": "Order Completed"}),
]
"""As its users go, what happened on the tablet moves to a slice that was looked at before."""


@settings(deadline=None, max_examples=40)
@example(story=MOVING, size=1, restarts=False)
@example(story=MOVING, size=2, restarts=False)
@example(story=MOVING, size=4, restarts=True)
@given(story=stories(), size=st.integers(1, 4), restarts=st.booleans())
def test_after_a_round_views_are_those_of_a_node_that_never_got_it(story, size, restarts):
    spared = [(time, left) for time, event in story if (left := left_of_told(event, TODAY - time)) is not None]
    before, retaining.SLICE_RECORDS = retaining.SLICE_RECORDS, size
    try:
        with House() as house, House() as never:
            keep_promises(sent(house, story), restarts=restarts)
            assert house.customers() == sent(never, spared).customers()
            of_nobody = "SELECT count(*) FROM edge WHERE record NOT IN (SELECT id FROM record)"
            assert house.worker.state.db.execute(of_nobody).fetchone() == (0,)
            # It goes on as the other does, and knows what it took in before.
            more = [(TODAY - HOUR, {"type": "track", "event": "Page Seen", "messageId": "z", "anonymousId": "tab"})]
            assert sent(house, [*story, *more]).customers() == sent(never, more).customers()
            assert house.restart().customers() == never.customers()
    finally:
        retaining.SLICE_RECORDS = before


# -- one thing at a time


@pytest.fixture
def house():
    with House() as house:
        yield house


def seen(days_ago, number=1, user="ada", **more):
    event = {"type": "track", "event": "Page Seen", "messageId": f"m{number}", "userId": user, **more}
    return (TODAY - days_ago * DAY + HOUR, event)


def test_the_default_declaration_deletes_nothing(house):
    before = sent(house, [seen(4000)]).customers()
    assert keep_promises(house, DEFAULT).customers() == before
    assert promised_limits(DEFAULT) == []


def test_a_record_with_nothing_left_goes_with_its_key_and_what_finds_it(house):
    sent(house, [seen(9), seen(1, 2, "bo"), (TODAY - 30 * DAY, {**IDENTIFY, "traits": {"name": "Zebedee"}})])
    assert len(house.found()) == 2
    keep_promises(house)
    db = house.worker.state.db
    for table in ("record", "word", "edge", "member"):
        column = "record" if table != "record" else "id"
        assert db.execute(f"SELECT count(*) FROM {table} WHERE {column} = 1").fetchone() == (0,), table
    with closing(open_keys(house.settings)) as keys:
        assert keys.record(ORG, 1) is None
        assert keys.record(ORG, 2) is not None
    assert len(house.found()) == 1


IDENTIFY = {"type": "identify", "userId": "ada", "messageId": "i"}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_of_slices_that_gave_their_events_away_nothing_stays_after_the_next_round(house, size, monkeypatch):
    monkeypatch.setattr(retaining, "SLICE_RECORDS", size)
    keep_promises(sent(house, MOVING))
    keep_promises(house, at=TODAY + DAY)
    for table in ("record", "timeline", "word", "edge", "member", "mark", "shared", "former", "doomed"):
        assert house.worker.state.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_a_name_that_expired_finds_nobody(house):
    sent(house, [(TODAY - 30 * DAY, {**IDENTIFY, "traits": {"name": "Zebedee", "plan": "pro"}})])
    assert house.reader.search(ORG, ["zebe"]) == [1]
    keep_promises(house)
    assert house.reader.search(ORG, ["zebe"]) == []
    assert house.view("user_id:ada")["traits"].keys() == {"plan"}


def test_what_was_deleted_is_a_duplicate_when_it_comes_again(house):
    sent(house, [seen(9), seen(1, 2)])
    keep_promises(house)
    sent(house, [seen(9)])
    assert house.view("user_id:ada")["events"]["total"] == 1
    assert house.rejected() == []


def test_an_event_of_unknown_time_ages_from_its_reception(house):
    sent(house, [seen(-9)], received_at=TODAY - 6 * DAY)
    assert house.view("user_id:ada")["events"]["first_at"] is None
    keep_promises(house)
    assert house.found() == []


def test_an_event_stays_to_the_last_moment_of_its_time(house):
    time = TODAY - 5 * DAY
    sent(house, [(time, seen(0)[1])])
    assert len(keep_promises(house).found()) == 1
    assert keep_promises(house, at=TODAY + 1).found() != []  # no round is due
    assert keep_promises(house, at=TODAY + DAY).found() == []


def test_a_device_whose_user_expired_is_no_longer_that_users(house):
    sent(house, [seen(9, 1, anonymousId="tab"), seen(9, 2, None, anonymousId="tab")])
    keep_promises(house)
    sent(house, [seen(1, 3, None, anonymousId="tab"), seen(1, 4, "bo")])
    assert house.view("anonymous_id:tab")["events"]["total"] == 1
    assert not any("ada" in str(view) for view in house.customers().values())


SHARED = [seen(1, "a", "ada", anonymousId="tab"), seen(2, "b", "bo", anonymousId="tab")]


def test_what_happened_on_a_shared_device_is_nobodys_once_the_sight_of_its_user_expired(house):
    bought = seen(9, "x", None, anonymousId="tab", event="Order Completed")
    sent(house, [*SHARED, seen(9, "c", "ada", anonymousId="tab"), bought])
    assert house.view("user_id:ada")["events"]["by_name"].keys() == {"Page Seen", "Order Completed"}
    with House() as never:
        assert keep_promises(house).customers() == sent(never, [*SHARED, bought]).customers()
    assert house.view("user_id:ada")["events"]["by_name"].keys() == {"Page Seen"}


def test_an_event_that_lost_a_trait_still_tells_who_was_seen(house):
    time, _ = seen(4)
    event = {**IDENTIFY, "anonymousId": "tab", "traits": {"email": "a@example.com", "name": "Ada"}}
    bought = seen(4, "x", None, anonymousId="tab", event="Order Completed")
    sent(house, [*SHARED, (time, event), bought])
    keep_promises(house)
    view = house.view("user_id:ada")
    assert view["traits"].keys() == {"name"}
    assert view["events"]["by_name"].keys() == {"Page Seen", "Order Completed", "identify"}
    late = seen(4, "y", None, anonymousId="tab", event="Order Completed")
    assert sent(house, [late]).view("user_id:ada")["events"]["by_name"]["Order Completed"]["count"] == 2


def test_an_idle_worker_keeps_the_promise_of_a_declaration(house):
    sent(house, [(now() - 3 * DAY, seen(0, 1)[1]), (now() - HOUR, seen(0, 2)[1])], received_at=now())
    promise = {"purposes": {"service": {"basis": "contract", "categories": ["everything"], "retention_days": 1}}}
    with closing(open_ledger(house.settings)) as ledger:
        open_promises(house.settings, ledger).put(ORG, json.dumps(promise).encode())
    house.restart().worker.step()
    assert house.view("user_id:ada")["events"]["total"] == 1


def test_a_slice_ends_in_time_and_the_next_goes_on(house, monkeypatch):
    sent(house, [seen(9, number, f"u{number}") for number in range(6)])
    monkeypatch.setattr(retaining, "SLICE_SECONDS", -1)
    house.worker.retention._promised = lambda _: PROMISED
    for left in range(5, 0, -1):
        assert house.worker.retention.slice(house.worker.cursor, TODAY)
        assert len(house.found()) == left
    assert not house.worker.retention.slice(house.worker.cursor, TODAY)
    assert house.found() == []
