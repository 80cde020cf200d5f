import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel import identifiers
from rapport.kernel.identifiers import BLOCKED, normalise, type_name, usable

TYPES = st.sampled_from(["email", "phone", "user_id", "anonymous_id", "device_id", "loyalty_id"])


@pytest.mark.parametrize(
    "value", [*sorted(BLOCKED), "NULL", " Anonymous ", "0", "0000", "00000000-0000-0000-0000-000000000000", "", "  "]
)
def test_a_value_that_names_nobody_is_no_identifier(value):
    assert usable(value) is None


@pytest.mark.parametrize(
    ("kind", "value", "spelling"),
    [
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("email", "mailto:ada@example.com", "ada@example.com"),
        ("email", "ada+shop@example.com", "ada+shop@example.com"),
        ("email", "ada at example.com", None),
        ("email", "@example.com", None),
        ("phone", "+44 (0)20 7946-0018", "+442079460018"),
        ("phone", "0044 20 7946 0018", "+442079460018"),
        ("phone", "020 7946 0018", "02079460018"),
        ("phone", "tel:+1.212.555.0100", "+12125550100"),
        ("phone", 442079460018, "442079460018"),
        ("phone", "call me", None),
        ("phone", "+000000000", None),
        ("user_id", 17850, "17850"),
        ("user_id", " u1 ", "u1"),
        ("user_id", "A1", "A1"),
        ("user_id", "e\u0301lodie", "élodie"),
        ("user_id", "a\x00b", None),
        ("user_id", "x" * identifiers.MAX_LENGTH, "x" * identifiers.MAX_LENGTH),
        ("user_id", "x" * (identifiers.MAX_LENGTH + 1), None),
        ("user_id", 10**4000, None),
        ("user_id", True, None),
    ],
)
def test_one_value_has_one_spelling(kind, value, spelling):
    assert normalise(kind, value) == spelling


@given(
    TYPES,
    st.text() | st.integers() | st.none() | st.emails() | st.from_regex(r"(tel:)?[+0-9 ()\-.]{1,20}", fullmatch=True),
)
def test_normalising_twice_is_normalising_once(kind, value):
    once = normalise(kind, value)
    assert once is None or normalise(kind, once) == once


@pytest.mark.parametrize(
    ("text", "name"), [("Loyalty-ID", "loyalty_id"), ("ios.idfa", "ios.idfa"), ("", None), ("1x", None)]
)
def test_a_type_has_one_spelling(text, name):
    assert type_name(text) == name
