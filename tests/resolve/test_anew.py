"""Joined by some rules and then, record by record, by others: it ends as if the others had held from the start."""

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.resolve import Edge, Mark, MemoryStore, Resolver, Rules
from rapport.resolve.twin import Said, active, partition
from tests.resolve.strategies import RECORDS, Kind, books, in_batches, reading_few, rules, take_in, worlds, write_down
from tests.resolve.world import World


def by_other_levels(edge: Edge, above: int, raised: int) -> Edge:
    """What the evidence is where weak evidence is believed less, or more."""
    if edge.kind != "identifies" or edge.level <= above:
        return edge
    return msgspec.structs.replace(edge, level=max(1, edge.level + raised))


def go_through(resolver: Resolver, what: str, some: list[bytes], said: list[Said]) -> None:
    """One of the three passes over some of the records, of which all this was said."""
    if what == "count":
        resolver.count_users(some)
    elif what == "join":
        resolver.join_anew(some)
    else:
        named = defaultdict(list)
        for edge in active(said):
            if edge.kind == "identifies":
                named[edge.record].append(edge)
        for record in some:
            resolver.say_anew(record, named[record])


@given(st.data())
def test_any_evidence_comes_to_be_joined_by_the_rules_that_hold_now(data):
    before = data.draw(worlds())
    then = Kind(before.flavour, data.draw(worlds()).rules)
    above, raised = data.draw(st.sampled_from([(0, 0), (2, 20), (1, -1)]))
    size, few = data.draw(st.sampled_from([1, 4, 9])), data.draw(st.sampled_from([1, 2, 32]))

    def now(said: Said) -> Said:
        return Said(said.what, by_other_levels(said.edge, above, raised))

    store = MemoryStore()
    with reading_few(few):
        book = data.draw(books(before))
        write_down(book, store, before.rules)
        said = [now(one) for one in book]
        # What comes in amid the passes.
        late = in_batches([now(one) for one in data.draw(books(then))], data.draw(st.sampled_from([1, 5, 100])))
        resolver = Resolver(store, then.rules, remembered_users=2)
        for what in ("say", "count", "join"):
            for start in range(0, len(RECORDS), size):
                go_through(resolver, what, RECORDS[start : start + size], said)
                if late and data.draw(st.booleans()):
                    said += late[0]
                    take_in(resolver, late.pop(0))
        for batch in late:
            said += batch
            take_in(resolver, batch)
    expected = partition(active(said), RECORDS, then.rules)
    assert frozenset(frozenset(store.members(store.group_of(record))) for record in RECORDS) == expected.groups
    for user in {edge.other for edge in active(said) if edge.level == 0}:
        assert store.marked(Mark.POPULAR, user) == (store.popularity(user) > then.rules.records_per_user)


def by(world: World, of: Rules) -> set[str]:
    """The customers of a world whose records were all joined anew by these rules."""
    world.rules, world.resolver = of, Resolver(world.store, of)
    records = list(world.names)
    for record in records:
        world.resolver.say_anew(record, [edge for edge in world.active.values() if edge.record == record])
    world.resolver.count_users(records)
    world.resolver.join_anew(records)
    return world.customers()


def test_a_user_is_guarded_by_a_limit_that_is_lower_now_and_no_longer_by_one_that_is_higher():
    world = World(rules(per_customer=5))
    world.said("r", user_id="u1")
    for name in ("a", "b"):
        world.said("r", email=f"{name}@example.com")
        world.said(name, email=f"{name}@example.com")
    assert world.customers() == {"a b r"}
    assert len(by(world, rules(per_customer=1))) == 2
    assert by(world, rules(per_customer=5)) == {"a b r"}


def test_a_record_that_names_nothing_any_more_leaves_its_customer():
    world = World(rules())
    edges = [world.said(name, email="x@example.com") for name in ("a", "b")]
    assert world.customers() == {"a b"}
    (moved,) = (edge for edge in edges if world.store.group_of(edge.record) != edge.record)
    del world.active[moved.id]
    assert by(world, rules()) == {"a", "b"}


def test_a_user_of_many_records_names_somebody_where_as_many_are_allowed_now():
    world = World(rules(records_per_user=1))
    for name in ("a", "b"):
        world.said(name, user_id="u1")
    assert world.customers() == {"a", "b"}
    assert by(world, rules(records_per_user=2)) == {"a b"}
    assert by(world, rules(records_per_user=1)) == {"a", "b"}
