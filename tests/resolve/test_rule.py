"""The rule of resolution, sentence by sentence (design §4). Product and twin answer each alike: see `World`."""

import pytest

from rapport.resolve import Reason, identifier_node, record_node
from tests.resolve.strategies import rules
from tests.resolve.world import ORG, World


def test_the_worked_example_of_the_design():
    world = World()
    for user in ("u1", "u2"):
        world.said(user, user_id=user, anonymous_id="T", email="fam@example.com")
        world.said(f"T·{user}", user_id=user, anonymous_id="T")
    world.said("T·nobody", anonymous_id="T")
    world.said("u1", anonymous_id="P")
    world.said("P", user_id="u1", anonymous_id="P")
    assert world.customers() == {"P T·u1 u1", "T·u2 u2", "T·nobody"}
    email = world.said("u1", email="fam@example.com")
    assert world.sentence(email) == "this e-mail address is on records of more than one user id"


def test_records_that_name_one_email_address_are_one_customer():
    world = World()
    edge = world.said("web", email="ada@example.com")
    world.said("crm", email="ada@example.com", trusted=True)
    assert world.customers() == {"crm web"}
    assert world.reason(edge) is Reason.USED


def test_evidence_that_closes_a_circle_confirms():
    world = World()
    for record in ("web", "crm"):
        world.said(record, email="ada@example.com", trusted=True)
        weaker = world.said(record, loyalty_id="7")
    assert world.reason(weaker) is Reason.CONFIRMS


# -- users


def test_records_of_one_user_are_one_customer_across_sources():
    world = World()
    world.said("web", user_id="u1")
    world.said("app", user_id="u1")
    assert world.customers() == {"app web"}


def test_two_users_never_meet_through_a_chain_of_records():
    world = World()
    world.said("a", user_id="u1")
    world.said("b", user_id="u2")
    edges = [world.said(record, email="a@example.com") for record in ("a", "between")]
    edges += [world.said(record, loyalty_id="7") for record in ("between", "b")]
    assert sorted(len(group) for group in world.answers().groups) == [1, 2]
    assert sorted(world.reason(edge) for edge in edges) == [Reason.TWO_USERS, Reason.USED, Reason.USED, Reason.USED]


def test_the_stronger_evidence_decides_whose_a_record_between_two_users_is():
    world = World()
    world.said("a", user_id="u1", email="a@example.com")
    world.said("b", user_id="u2", loyalty_id="7", trusted=True)
    world.said("between", email="a@example.com")
    world.said("between", loyalty_id="7", trusted=True)
    assert world.customers() == {"a", "b between"}


def test_a_record_with_two_user_ids_is_the_users_of_the_first_in_the_order_of_evidence():
    world = World()
    edges = [world.said("a", user_id="u1"), world.said("a", user_id="u2")]
    assert sorted(world.reason(edge) for edge in edges) == [Reason.TWO_USERS, Reason.USED]


def test_a_user_id_on_too_many_records_names_nobody():
    world = World(rules(records_per_user=3))
    for number in range(3):
        edge = world.said(f"r{number}", user_id="test")
    assert world.customers() == {"r0 r1 r2"}
    world.said("r3", user_id="test")
    assert world.customers() == {"r0", "r1", "r2", "r3"}
    assert world.reason(edge) is Reason.USER_OF_TOO_MANY


def test_an_alias_joins_what_was_done_before_with_the_user():
    world = World()
    anonymous = world.said("before", anonymous_id="a1")
    world.said("user", user_id="u1")
    link, claim = world.aliased("user", "a1")
    assert world.customers() == {"before user"}
    assert [world.reason(edge) for edge in (anonymous, link, claim)] == [Reason.USED, Reason.USED, Reason.NOT_A_USER]


def test_an_alias_of_two_users_is_refused_and_says_so():
    world = World()
    world.said("one", user_id="u1")
    world.said("other", user_id="u2")
    claim = world.aliased("other", "u1")[1]
    assert world.customers() == {"one", "other"}
    assert world.sentence(claim) == "this alias would join two user ids"


def test_aliases_in_a_circle_join_nothing():
    world = World()
    for user, previous in (("u1", "u2"), ("u2", "u3"), ("u3", "u1")):
        world.said(user, user_id=user)
        world.aliased(user, previous)
    assert world.customers() == {"u1", "u2", "u3"}


# -- shared identifiers


def test_an_identifier_on_more_records_than_its_type_allows_joins_nothing():
    world = World(rules(shared_above=3))
    edges = [world.said(f"r{number}", email="info@example.com") for number in range(4)]
    assert world.customers() == {"r0", "r1", "r2", "r3"}
    assert world.reason(edges[0]) is Reason.SHARED_BY_RECORDS
    world.retracted(edges[3])
    assert world.customers() == {"r0 r1 r2", "r3"}


def test_a_stranger_cannot_spoil_a_verified_email():
    world = World(rules(shared_above=3))
    for record in ("crm", "till"):
        world.said(record, email="ada@example.com", trusted=True)
    spam = [world.said(f"r{number}", email="ada@example.com") for number in range(5)]
    assert "crm till" in world.customers()
    assert world.reason(spam[0]) is Reason.SHARED_BY_RECORDS


@pytest.mark.parametrize(("first", "second"), [("one", "other"), ("other", "one")])
def test_a_phone_of_two_records_with_two_emails_joins_nothing(first, second):
    world = World()
    phone = world.said(first, phone="+44123")
    world.said(second, phone="+44123")
    world.said(first, email="ada@example.com")
    assert world.customers() == {"one other"}
    world.said(second, email="bo@example.com")
    assert world.customers() == {"one", "other"}
    assert world.reason(phone) is Reason.SHARED_BY_EMAILS


def test_weaker_emails_do_not_spoil_a_phone():
    world = World()
    for record, email in (("one", "ada@example.com"), ("other", "bo@example.com")):
        world.said(record, phone="+44123")
        world.said(record, email=email, trust=-1)
    assert world.customers() == {"one other"}


def test_too_many_records_hanging_together_are_joined_by_their_stronger_evidence_only():
    world = World(rules(too_connected=6))
    world.said("r0", loyalty_id="0", trusted=True)
    world.said("r1", loyalty_id="0", trusted=True)
    for number in range(1, 4):
        weak = world.said(f"r{number}", phone=str(number))
        world.said(f"r{number + 1}", phone=str(number))
    assert world.customers() == {"r0 r1", "r2", "r3", "r4"}
    assert world.reason(weak) is Reason.TOO_CONNECTED


def test_of_too_many_identifiers_of_one_record_only_the_first_in_order_count():
    world = World(rules(identifiers_per_record=2))
    edges = [world.said("r", custom_id=str(number)) for number in range(4)]
    reasons = [world.reason(edge) for edge in edges]
    assert sorted(reasons) == [Reason.TOO_MANY_IDENTIFIERS] * 2 + [Reason.USED] * 2
    world.retracted(edges[reasons.index(Reason.USED)])
    assert [world.answers().reasons[edge.id] for edge in world.active.values()].count(Reason.USED) == 2


# -- guards and operators


def test_a_customer_has_only_so_many_email_addresses():
    world = World(rules(per_customer=2))
    edges = [world.said("r", user_id="u1")] + [world.said("r", email=f"{number}@example.com") for number in range(3)]
    assert [world.reason(edge) for edge in edges].count(Reason.TOO_MANY_OF_A_TYPE) == 1


def test_operators_join_and_keep_apart():
    world = World()
    world.said("a", email="a@example.com")
    world.said("b", email="a@example.com")
    world.said("c", phone="+44123")
    link = world.linked("b", "c")
    apart = world.kept_apart("a", "b")
    assert world.reason(link) is Reason.USED
    assert world.reason(apart) is Reason.KEEPS_APART
    assert not {"a b", "a b c"} & world.customers()
    world.retracted(apart)
    assert world.customers() == {"a b c"}


def test_a_link_by_an_operator_never_joins_two_users_and_says_so():
    world = World()
    world.said("a", user_id="u1")
    world.said("b", user_id="u2")
    link = world.linked("a", "b")
    assert world.customers() == {"a", "b"}
    assert world.sentence(link) == "this link by an operator would join two user ids"


def test_of_two_operators_the_one_who_keeps_apart_prevails():
    world = World()
    world.said("a", phone="+44123")
    world.said("b", phone="+44124")
    link = world.linked("a", "b")
    world.kept_apart("b", "a")
    assert world.customers() == {"a", "b"}
    assert world.reason(link) is Reason.CANNOT_LINK


def test_an_operator_can_take_a_record_away_from_a_user():
    world = World()
    for record in ("a", "b", "c"):
        world.said(record, user_id="u1")
    world.kept_apart("a", "b")
    assert sorted(map(len, world.customers())) == [1, 3]


# -- retraction


def test_a_retraction_that_comes_first_is_final():
    world = World()
    world.said("a", email="ada@example.com")
    edge = World().said("b", email="ada@example.com")
    world.node("b")
    world.retracted(edge)
    world.resolver.apply([edge])
    assert world.customers() == {"a", "b"}


def test_withdrawn_evidence_may_come_back():
    world = World()
    world.said("a", email="ada@example.com")
    edge = world.said("b", email="ada@example.com")
    del world.active[edge.id]
    world.resolver.apply(withdrawn=[edge.id])
    assert world.customers() == {"a", "b"}
    world.assert_edges([edge])
    assert world.customers() == {"a b"}


def test_of_one_piece_of_evidence_said_twice_the_stronger_counts_in_either_order():
    for order in ((False, True), (True, False)):
        world = World(rules(shared_above=2))
        for record in ("a", "b", "c"):
            world.said(record, email="ada@example.com")
        for trusted in order:
            for record in ("a", "b"):
                edge = world.said(record, email="ada@example.com", trusted=trusted)
                strong = world.store.edge(edge.id)
                world.active[edge.id] = strong
        assert strong.level == 2
        assert world.customers() == {"a b", "c"}


# -- handles


def test_a_group_is_named_by_its_user_or_else_by_its_smallest_record():
    world = World()
    for record in "abc":
        world.said(record, email="ada@example.com")
    nodes = [world.node(record) for record in "abc"]
    assert {world.store.group_of(node) for node in nodes} == {min(nodes)}
    world.said("b", user_id="u1")
    assert {world.store.group_of(node) for node in nodes} == {identifier_node(ORG, "user_id", "u1")}


def test_a_record_nobody_has_said_anything_of_is_alone():
    world = World()
    node = record_node(ORG, "web", "anonymous_id", "x")
    assert world.store.members(world.store.group_of(node)) == (node,)
