"""Nodes and evidence are named by their content: unambiguously, and in one order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.resolve import WHOLE, alias, cannot_link, identifier_node, must_link, names, record_node, sort_key
from rapport.resolve.evidence import edge_id

text = st.text(alphabet="ab1:+-", max_size=4) | st.text(max_size=3)
slices = st.sampled_from([WHOLE, None]) | text
A, B = b"a" * 16, b"b" * 16


@given(st.tuples(text, text, text, text, slices), st.tuples(text, text, text, text, slices))
def test_different_records_have_different_nodes(one, another):
    assert (record_node(*one) == record_node(*another)) == (one == another)


@given(st.tuples(text, text, text), st.tuples(text, text, text))
def test_different_identifiers_have_different_nodes(one, another):
    assert (identifier_node(*one) == identifier_node(*another)) == (one == another)


kinds = st.sampled_from(["identifies", "must_link", "cannot_link", "match"])
contents = st.tuples(text, kinds, st.sampled_from([A, B]), st.sampled_from([A, B]), text, text)


@given(contents, contents)
def test_different_evidence_has_different_ids(one, another):
    assert (edge_id(*one) == edge_id(*another)) == (one == another)


def test_nodes_are_the_same_on_every_machine():
    assert record_node("shop", "web", "user_id", "u1").hex() == "31028f726295eb03e67d889357306f22"
    assert record_node("shop", "web", "user_id", "u1", None).hex() == "fb5d16218697fc1f2fcbe24c26b72a4d"
    assert identifier_node("shop", "email", "ada@example.com").hex() == "2544aeeff8b9a44c9620614c57bc5c7c"


def test_a_lone_surrogate_has_a_node_rather_than_an_error():
    assert len(identifier_node("shop", "email", "\ud800")) == 16


def test_a_link_between_two_records_is_the_same_whichever_is_named_first():
    assert must_link("shop", A, B, operator="eve") == must_link("shop", B, A, operator="eve")
    assert must_link("shop", A, B, operator="eve").id != cannot_link("shop", A, B, operator="eve").id


def test_a_record_cannot_be_linked_with_itself():
    with pytest.raises(ValueError, match="two different records"):
        cannot_link("shop", A, A, operator="eve")


def test_evidence_is_ordered_by_level_then_verified_then_weight_then_content():
    def edge(level, verified, weight, rule="r"):
        return names("shop", A, "email", B, level=level, rule=rule, origin="web", verified=verified, weight=weight)

    in_order = [edge(1, False, 0.1), edge(2, True, 0.1), edge(2, False, 0.9), edge(2, False, 0.5), edge(3, True, 1.0)]
    assert sorted([*in_order[2:], *in_order[:2]], key=sort_key) == in_order
    equals = [edge(2, False, 0.5, rule) for rule in "abcdef"]
    assert sorted(equals, key=sort_key) == sorted(equals, key=lambda edge: edge.id)


def test_an_alias_names_the_previous_id_as_a_device_and_as_a_possible_user():
    anonymous, user = alias("shop", A, "before", level=3, origin="web")
    assert (anonymous.type, anonymous.other) == ("anonymous_id", identifier_node("shop", "anonymous_id", "before"))
    assert (user.type, user.other) == ("user_id", identifier_node("shop", "user_id", "before"))
    assert user.level == 3, "so that it labels nothing"
