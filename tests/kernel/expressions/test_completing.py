"""An editor completes names from the data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.expressions import Kind, Schema, compile_expression, complete
from tests.kernel.expressions.test_properties import anything

SCHEMA = Schema(
    {"plan": frozenset({Kind.TEXT}), "address.city": frozenset({Kind.TEXT}), "first name": frozenset({Kind.TEXT})},
    {"Order Completed": {"revenue": frozenset({Kind.NUMBER}), 're"d': frozenset({Kind.TEXT})}, "Page": {}},
    frozenset({"email"}),
    {"score": Kind.NUMBER},
)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("traits.p", ["traits.plan"]),
        ("has(traits.", ["traits.address.city", "traits.plan", 'traits["first name"]']),
        ("traits.address.c", ["traits.address.city"]),
        ("computed.", ["computed.score"]),
        ("identifiers.e", ["identifiers.email"]),
        ('count("ord', ['"Order Completed"']),
        ("count(", ['"*"', '"Order Completed"', '"Page"']),
        ('sum("Order Completed", ', ['"re\\"d"', '"revenue"']),
        ('sum("Order Completed", "rev', ['"revenue"']),
        ('traits.plan == "gold" && cou', ["count("]),
        ("plan", ["traits.plan"]),
        ('traits.plan == "tr', []),
        ('within("Page", ', ["days(30)", "hours(24)", "weeks(2)"]),
    ],
)
def test_what_can_stand_at_the_cursor(typed: str, wanted: list[str]) -> None:
    assert [found.text for found in complete(typed, len(typed), SCHEMA)] == wanted


@pytest.mark.parametrize(
    ("typed", "rest"),
    [("traits.p", ' == "x"'), ('true && count("Ord', ") > 1"), ("computed.s", " > 1"), ("has(id", "email)")],
)
def test_a_completion_replaces_what_was_typed(typed: str, rest: str) -> None:
    (found,) = complete(typed, len(typed), SCHEMA)
    compile_expression(typed[: found.start] + found.text + rest)


@given(anything, st.integers(-5, 100))
def test_whatever_is_typed_completing_never_fails(text: str, cursor: int) -> None:
    for found in complete(text, cursor, SCHEMA):
        assert 0 <= found.start <= len(text)
