"""Erased is gone: whatever happened and however it is sent again, what is left is what a node would hold that never saw
the erased person's records; and nothing that could be read names an event of theirs."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rapport.app.operator import Shred, erasure_entry
from rapport.collect import decode
from rapport.kernel.ports import LogEntry
from rapport.profile.erasure import Claim
from tests.conftest import sample
from tests.profile.house import ORG, House
from tests.profile.plain import Slice, World
from tests.profile.stories import BROWSERS, EMAILS, SOURCES_BY_NAME, USERS, comparable, deliveries, expected, packed
from tests.profile.unsealing import readable
from tests.properties.test_pipeline_retract import Operator

PAIRS = [
    *(("user_id", user) for user in USERS),
    *(("anonymous_id", browser) for browser in BROWSERS),
    *(("email", email) for email in EMAILS),
    ("phone", "+44123456"),
    ("device_id", "handset"),
    ("loyalty_id", "77"),
]
_ID = {"segment": "messageId", "posthog": "uuid", "import": "messageId"}


def event_of(entry: LogEntry):
    (event,) = decode(entry).events
    return event


def own_time(entry: LogEntry) -> bool:
    """Whether it is plain that reception does not stand in for the time: two of these times may meet by chance."""
    event = event_of(entry)
    return event.time != event.received_at


def pairs_of(event) -> set[tuple[str, str]]:
    found = {("user_id", event.user_id), ("anonymous_id", event.anonymous_id), event.key, *event.identifiers}
    found |= {("anonymous_id", event.previous_id), ("user_id", event.previous_id)}
    return {pair for pair in found if pair is not None and pair[1] is not None}


def held_by(world: World, record: Slice) -> set[tuple[str, str]]:
    found = {(record.key.kind, record.key.value), ("user_id", record.user or record.key.value)}
    if record.user is None:
        found.discard(("user_id", record.key.value))
    return found.union(*map(pairs_of, world.records[record])) | {(record.key.kind, record.key.value)}


class Gone:
    """What an erasure takes, as plainly as it can be told."""

    def __init__(self, before: list[LogEntry], claims: set[tuple[str, str]], **said: Any) -> None:
        world = World(ORG, before, SOURCES_BY_NAME, **said)
        held = {record: held_by(world, record) for record in world.records}
        taken = [record for record in held if held[record] & claims]
        stays = set().union(*(held[record] for record in held if record not in taken))
        self.buried = claims | (set().union(*(held[record] for record in taken)) - stays)
        events = [(record.key.source, event) for record in taken for event in world.records[record]]
        self.events = {(source, event.message_id) for source, event in events}
        self.contents = {(source, event.digest) for source, event in events if not pairs_of(event) & self.buried}
        self.nodes = {world.node(record) for record in taken}

    def keeps(self, entry: LogEntry) -> bool:
        """Whether an entry from before leaves anything."""
        return (entry.source, event_of(entry).message_id) not in self.events

    def lets_in(self, entry: LogEntry) -> bool:
        """Whether an entry that comes after is taken in."""
        event = event_of(entry)
        known = (entry.source, event.digest) in self.contents
        return self.keeps(entry) and not known and not pairs_of(event) & self.buried


@st.composite
def replayed(draw, told):
    """Any of it again, in any order, under the same ids or new ones."""
    again = []
    for number, delivery in enumerate(draw(st.permutations(told))[: draw(st.integers(0, len(told)))]):
        fresh = {_ID[delivery.wire]: f"again-{number}-x"} if draw(st.booleans()) else {}
        again.append(delivery._replace(event={**delivery.event, **fresh}))
    return again


@sample(30)
@given(st.data())
def test_erased_is_gone_and_stays_gone(data):
    told = data.draw(deliveries(12))
    for delivery in told:
        delivery.event[_ID[delivery.wire]] += "-x"
    order = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(order)))
    before = [entry for entry in (packed([delivery]) for delivery in order[:cut]) if own_time(entry)]
    later = [*order[cut:], *data.draw(replayed(told))]
    after = [entry for entry in (packed([delivery]) for delivery in later) if own_time(entry)]
    claims = data.draw(st.sets(st.sampled_from(PAIRS), min_size=1, max_size=3))
    gone = Gone(before, claims)
    with House() as house:
        for entry in before:
            house.append(entry)
            if data.draw(st.booleans()):
                house.settle()
        house.append(erasure_entry(Shred("per_x", tuple(Claim(ORG, *pair) for pair in sorted(claims)))))
        for entry in after:
            if data.draw(st.booleans()):
                house.settle()
            if data.draw(st.integers(0, 4)) == 0:
                house.restart()
            house.append(entry)
        house.settle()
        left = [*filter(gone.keeps, before), *filter(gone.lets_in, after)]
        assert comparable(house.customers()) == expected(left)
        house.worker._housekept = 0
        house.worker.step()
        ids = {message_id for _, message_id in gone.events} - {event_of(entry).message_id for entry in left}
        named = re.compile(b"|".join(map(re.escape, sorted(i.encode() for i in ids))) or b"(?!)")
        assert [place for place, plain in readable(house.settings) if named.search(plain)] == []


@sample(40)
@given(st.data())
def test_what_operators_said_goes_with_the_records_and_holds_for_the_others(data):
    told = data.draw(deliveries(8, copies=False))
    order = data.draw(st.permutations(told))
    cut = data.draw(st.integers(1, len(order)))
    before = [entry for entry in (packed([delivery]) for delivery in order[:cut]) if own_time(entry)]
    after = [entry for entry in (packed([delivery]) for delivery in [*order[cut:], *told]) if own_time(entry)]
    claims = data.draw(st.sets(st.sampled_from(PAIRS), min_size=1, max_size=2))
    with House() as house:
        eve = Operator(house)
        for entry in before:
            house.append(entry)
        house.settle()
        for _ in range(data.draw(st.integers(0, 3)) if before else 0):
            if data.draw(st.booleans()):
                eve.retract(data.draw(st.integers(0, 30)))
            else:
                kind = data.draw(st.sampled_from(["must_link", "must_link", "cannot_link"]))
                eve.link(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 9)), kind)
        gone = Gone(before, claims, **eve.said())
        house.append(erasure_entry(Shred("per_x", tuple(Claim(ORG, *pair) for pair in sorted(claims)))))
        for entry in after:
            house.append(entry)
        house.settle()
        left = [*filter(gone.keeps, before), *filter(gone.lets_in, after)]
        eve.links = [edge for edge in eve.links if not {edge.record, edge.other} & gone.nodes]
        assert comparable(house.customers()) == expected(left, **eve.said())
