"""What a change costs and what it leaves alone: the product beside its rule."""

from collections import Counter
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from rapport.resolve import Edge, Mark, MemoryStore, Reason, Resolver, Rules, identifier_node, names, record_node
from rapport.resolve.view import View
from tests.resolve.strategies import rules
from tests.resolve.world import ORG, World


class CountingStore(MemoryStore):
    """A store that counts what it is asked; marks and retractions, which answer from memory, are not counted."""

    READS = ("edges_of_record", "edges_of_identifier", "edges_set_aside", "edge", "popularity", "group_of", "members")

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def __getattribute__(self, name: str):
        if name in CountingStore.READS or name == "write":
            self.asked[name] += 1
        return super().__getattribute__(name)

    def asked_since(self) -> dict[str, int]:
        """What it was asked since this was last called."""
        asked, self.asked = self.asked, Counter()
        return dict(asked)


@pytest.fixture
def world() -> World:
    return World(store=CountingStore())


def edges(world: World, record: str, **values: str) -> list[Edge]:
    node = world.node(record)
    return [
        names(ORG, node, kind, identifier_node(ORG, kind, v), level=world.rules.level(kind), rule="named", origin="web")
        for kind, v in values.items()
    ]


def cost(world: World, evidence: list[Edge]) -> dict[str, int]:
    world.store.asked_since()
    world.resolver.apply(evidence)
    world.active |= {edge.id: edge for edge in evidence}
    return world.store.asked_since()


def test_a_new_record_with_new_identifiers_asks_for_each_of_them_once(world):
    asked = cost(world, edges(world, "a", user_id="u1", email="a@example.com", anonymous_id="x"))
    assert asked == {"edges_of_record": 1, "edges_of_identifier": 3, "write": 1}


def test_a_new_record_that_joins_another_asks_for_that_ones_neighbourhood(world):
    cost(world, edges(world, "a", email="a@example.com"))
    asked = cost(world, edges(world, "b", email="a@example.com", loyalty_id="7"))
    assert asked == {"edges_of_record": 2, "edges_of_identifier": 2, "group_of": 1, "write": 1}
    assert world.customers() == {"a b"}


def test_a_new_record_of_a_known_user_does_not_ask_for_her_other_records(world):
    for number in range(9):
        cost(world, edges(world, f"r{number}", user_id="u1", anonymous_id=str(number)))
    asked = cost(world, edges(world, "new", user_id="u1", anonymous_id="new"))
    assert asked == {"edges_of_record": 1, "edges_of_identifier": 2, "write": 1}


def test_known_evidence_changes_nothing_and_writes_nothing(world):
    evidence = edges(world, "a", user_id="u1", email="a@example.com")
    cost(world, evidence)
    assert cost(world, evidence) == {"edges_of_record": 1}


def each_new_record_with(world: World, number: int, **shared: str) -> Iterator[int]:
    """How many reads each of some new records costs."""
    for n in range(number):
        values = {kind: value.format(n) for kind, value in shared.items()}
        yield sum(cost(world, edges(world, f"r{n}", **values)).values())


def test_the_ten_thousandth_record_on_one_email_costs_no_more_than_the_fiftieth(world):
    costs = list(each_new_record_with(world, 10_000, email="info@example.com", anonymous_id="{}"))
    assert max(costs[9_000:]) <= max(costs[40:60])
    assert sum(costs[9_000:]) <= 1_000 * 5


def test_the_thousandth_record_of_one_user_costs_no_more_than_the_tenth(world):
    costs = list(each_new_record_with(world, 1_000, user_id="u1", anonymous_id="{}"))
    # Once, what is too much to count by reading is asked for.
    assert max(costs[900:]) <= max(costs[5:20])


def test_a_user_with_too_many_emails_costs_no_more_with_a_thousand_records_than_with_fifty(world):
    costs = list(each_new_record_with(world, 1_000, user_id="till", anonymous_id="{}", email="{}@example.com"))
    # Now and then an address is among the first in the order of evidence, and the user is gathered whole.
    assert sum(costs[900:]) <= 1.5 * sum(costs[50:150])
    world.active.clear()
    assert world.store.marked(Mark.GUARDED, identifier_node(ORG, "user_id", "till"))


def test_of_a_record_that_names_a_thousand_identifiers_only_those_that_count_are_read(world):
    worst = 0
    for n in range(1_000):
        cost(world, edges(world, "a", anonymous_id=str(n)))
        worst = max(worst, len(world.store.edges_of_record(world.node("a"))))
    assert worst == world.rules.identifiers_per_record
    assert len(world.store.edges_set_aside(world.node("a"))) == 1_000 - worst


def test_crossing_the_limit_of_what_hangs_together_looks_at_each_node_a_few_times():
    world = World(rules(too_connected=200))
    costs = []
    with patch.object(View, "neighbours", autospec=True, side_effect=View.neighbours) as looked_at:
        for n in range(150):
            for evidence in ({"phone": str(n), "loyalty_id": str(n // 2)}, {"phone": str(n + 1)}):
                world.assert_edges(edges(world, f"r{n}", **evidence))
                costs.append(looked_at.call_count)
                looked_at.reset_mock()
    assert 200 < max(costs) < 8 * 200, "and not a few hundred times each"
    assert Reason.TOO_CONNECTED in world.answers().reasons.values()


def test_the_alarm_counts_blocks_that_are_too_connected():
    world = World(rules(too_connected=3))
    assert world.resolver.apply(edges(world, "a", phone="1", loyalty_id="2")).too_connected == 0
    assert world.resolver.apply(edges(world, "b", phone="1", loyalty_id="3")).too_connected > 0


def test_what_is_remembered_of_users_is_bounded_and_may_be_forgotten():
    of = rules(records_per_user=1000, shared_above=20)
    world = World(of)
    world.resolver = Resolver(world.store, of, remembered_users=3)
    for round_of_records in range(40):
        for user in range(5):
            values = {"user_id": f"u{user}", "email": f"{user}-{round_of_records}@example.com"}
            world.assert_edges(edges(world, f"{user}-{round_of_records}", **values))
        assert len(world.resolver._popularity) <= 3
        assert len(world.resolver._mains) <= 3
        if round_of_records % 13 == 5:
            world.resolver.forget()
            world.answers()
    assert len(world.answers().groups) == 5


def test_a_user_is_guarded_for_as_long_as_there_is_too_much_for_one_customer():
    world = World(rules(per_customer=2))
    world.said("r", user_id="u1")
    emails = [world.said("r", email=f"{number}@example.com") for number in range(3)]
    user = identifier_node(ORG, "user_id", "u1")
    assert world.store.marked(Mark.GUARDED, user)
    (refused,) = (edge for edge in emails if world.reason(edge) is Reason.TOO_MANY_OF_A_TYPE)
    world.retracted(refused)
    assert not world.store.marked(Mark.GUARDED, user)
    assert {world.reason(edge) for edge in emails if edge != refused} == {Reason.USED}


def test_what_joins_a_record_that_is_kept_apart_from_its_user_does_not_join_the_user():
    world = World(rules(per_customer=2))
    for record in ("a", "b", "c"):
        world.said(record, user_id="u1")
    for number in range(3):
        world.said("c", email=f"{number}@example.com")
    world.kept_apart("a", "b")
    (alone,) = (customer for customer in world.customers() if len(customer) == 1)
    world.said(alone, loyalty_id="7")
    world.said("new", loyalty_id="7")
    assert f"{alone} new" in world.customers()


def test_when_a_user_loses_a_record_what_was_too_much_may_join():
    world = World(rules(per_customer=1))
    for record in ("a", "b"):
        world.said(record, user_id="u1")
        world.said(record, email=f"{record}@example.com")
        world.said(f"with {record}", email=f"{record}@example.com")
    (refused,) = (customer[-1] for customer in world.customers() if customer in {"with a", "with b"})
    taken = "b" if refused == "a" else "a"
    user = identifier_node(ORG, "user_id", "u2")
    proved = names(ORG, world.node(taken), "user_id", user, level=0, rule="key", origin="web", verified=True)
    world.assert_edges([proved])
    assert world.customers() == {f"{taken} with {taken}", f"{refused} with {refused}"}
    assert not world.store.marked(Mark.GUARDED, identifier_node(ORG, "user_id", "u1"))


def test_a_new_record_that_names_too_many_emails_at_once_is_guarded_like_any_other():
    world = World(rules(per_customer=2))
    evidence = [e for n in range(3) for e in edges(world, "a", email=f"{n}@example.com")]
    evidence += edges(world, "a", user_id="u1")
    world.resolver.apply(evidence)
    world.active |= {edge.id: edge for edge in evidence}
    assert list(world.answers().reasons.values()).count(Reason.TOO_MANY_OF_A_TYPE) == 1


def test_what_is_said_again_more_weakly_of_evidence_set_aside_does_not_weaken_it():
    world = World(rules(identifiers_per_record=1))
    first = world.said("a", email="ada@example.com", trusted=True)
    second = world.said("a", loyalty_id="7", trusted=True)
    aside = next(edge for edge in (first, second) if world.reason(edge) is Reason.TOO_MANY_IDENTIFIERS)
    counted = second if aside is first else first
    world.said("a", **{aside.type: "ada@example.com" if aside is first else "7"})
    world.active[aside.id] = aside
    world.retracted(counted)
    assert world.store.edges_of_record(world.node("a")) == [aside]


def test_what_is_retracted_in_the_same_batch_does_not_take_the_place_of_what_counted():
    world = World(rules(identifiers_per_record=1))
    said = [world.said("a", email="ada@example.com"), world.said("a", loyalty_id="7")]
    counted_last = sorted(said, key=lambda edge: world.reason(edge) is Reason.USED)
    world.resolver.apply(retracted=[edge.id for edge in counted_last])
    assert [*world.store.edges_of_record(world.node("a")), *world.store.edges_set_aside(world.node("a"))] == []


def test_planning_writes_nothing():
    world = World()
    first = world.said("a", email="ada@example.com")
    second = edges(world, "b", email="ada@example.com")
    planned = world.resolver.plan(second)
    assert [move.record for move in planned.moves] == [max(world.node("a"), world.node("b"))]
    assert world.store.edge(second[0].id) is None
    assert world.resolver.plan(retracted=[first.id]).retracted == [first.id]
    assert not world.store.is_retracted(first.id)


def test_the_ten_thousand_and_first_record_of_a_user_frees_them_all():
    world = World()
    node = identifier_node(ORG, "user_id", "shared-login")
    everyone = [record_node(ORG, "web", "anonymous_id", str(n)) for n in range(10_001)]
    evidence = [names(ORG, r, "user_id", node, level=0, rule="key", origin="web") for r in everyone]
    world.resolver.apply(evidence[:-1])
    assert len(world.store.members(node)) == 10_000
    world.resolver.apply(evidence[-1:])
    assert world.store.marked(Mark.POPULAR, node)
    assert {world.store.group_of(record) for record in everyone} == set(everyone)
    world.resolver.apply(retracted=[evidence[77].id])
    assert len(world.store.members(node)) == 10_000
    assert world.store.group_of(everyone[77]) == everyone[77]


def test_rules_with_no_types_of_their_own_still_resolve():
    of = Rules(types={"*": rules().of("*")})
    world = World(of)
    world.said("a", email="ada@example.com")
    world.said("b", email="ada@example.com")
    assert world.customers() == {"a b"}
