"""Sightings: names and kinds of what was sent, in whatever order it came."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.expressions import Kind, review
from rapport.profile import sightings
from rapport.profile.sightings import Sightings
from tests.profile.events import event

_values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 9)
    | st.sampled_from((0.5, "x"))
    | st.lists(st.integers(0, 1), max_size=1),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
_told = st.dictionaries(st.sampled_from(("plan", "age", "address", "tags")), _values, max_size=3)
events = st.builds(
    lambda name, kind, traits, once, properties: event(
        name=name, kind=kind, traits=traits, traits_once=once, properties=properties, identifiers=(("email", "a@b.c"),)
    ),
    st.sampled_from(("A", "B", "C", "D")),
    st.sampled_from(("track", "identify", "group")),
    _told,
    _told,
    _told,
)


def seen(several: list[Any]) -> Sightings:
    found = Sightings()
    for one in several:
        found.note(one)
    return found


def test_names_and_kinds_are_noted_and_values_are_not() -> None:
    found = Sightings()
    one = event(
        name="Order Completed",
        traits={"plan": "gold", "address": {"city": "Oslo", "geo": {"lat": 1.5}}, "gone": None, "vip": True},
        properties={"revenue": 3, "items": [{"sku": "secret"}]},
        identifiers=(("email", "ada@example.com"),),
    )
    assert found.note(one)
    assert not found.note(one)
    schema = found.schema({"score": Kind.NUMBER})
    assert schema.traits == {
        "plan": {Kind.TEXT},
        "address": {Kind.OBJECT},
        "address.city": {Kind.TEXT},
        "address.geo": {Kind.OBJECT},
        "address.geo.lat": {Kind.NUMBER},
        "vip": {Kind.BOOL},
    }
    assert schema.events == {"Order Completed": {"revenue": {Kind.NUMBER}, "items": {Kind.LIST}}}
    assert schema.identifiers == {"email", "user_id"}
    assert b"secret" not in msgspec.msgpack.encode(found)
    assert b"Oslo" not in msgspec.msgpack.encode(found)
    assert not review('traits.address.city == "x" && sum("Order Completed", "revenue") > computed.score', schema)


@given(st.lists(events, max_size=8), st.permutations(range(8)), st.booleans())
def test_neither_order_nor_copies_matter(several: list[Any], order: list[int], tight: bool) -> None:
    before = sightings.MAX_NAMES, sightings.MAX_PROPERTIES
    if tight:
        sightings.MAX_NAMES, sightings.MAX_PROPERTIES = 3, 2
    try:
        shuffled = [several[place] for place in order if place < len(several)]
        assert seen(shuffled) == seen(several)
        assert seen(several + several) == seen(several)
    finally:
        sightings.MAX_NAMES, sightings.MAX_PROPERTIES = before


def test_what_is_stored_is_read_again() -> None:
    found = seen([event(traits={"plan": 1}), event(name="B", properties={"p": "x"})])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Sightings) == found


@pytest.mark.parametrize("kind", ["group"])
def test_what_is_said_of_a_group_is_no_customers_trait(kind: str) -> None:
    assert seen([event(kind=kind, name="group", group_id="g", traits={"employees": 3})]).traits == {}
