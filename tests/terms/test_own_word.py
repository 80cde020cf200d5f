"""What a corrected value becomes: of the kind that is there, or refused by name."""

from typing import Any

import msgspec
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput
from rapport.terms.own_word import Correctable, fitting

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
KNOWN = ANYTHING.filter(lambda value: value is not None)


def found(shown: Any) -> Correctable:
    return Correctable({"value": shown, "source": "crm", "others": []}, (), (), 0, (), {}, ())


@given(ANYTHING | st.binary(max_size=3), KNOWN)
@example("9" * 5000, 1)
@example("[" * 100_000, 1)
@example({"a": "[" * 100_000}, {"a": 1})
@example("1e999", 1)
@example("-0", 1)
def test_whatever_is_said_is_kept_as_a_value_that_can_be_told_or_refused_by_name(said: Any, shown: Any) -> None:
    kept, refused = None, None
    try:
        kept = fitting(said, found(shown))
    except BadInput as error:
        refused = error
    if refused is not None:
        assert (refused.field, len(refused.message) < 400) == ("value", True)
        return
    assert not isinstance(shown, list)
    if isinstance(shown, dict):
        assert kept.keys() == shown.keys()
        assert {part: kept[part] for part in kept if part not in said} == {p: shown[p] for p in shown if p not in said}
    else:
        assert isinstance(kept, bool | int | float | str)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept)) == kept
        msgspec.json.encode(kept)


@given(st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False), st.integers() | st.floats())
def test_a_number_as_text_is_the_number_where_one_is_there(number: float, shown: float) -> None:
    assert fitting(f" {msgspec.json.encode(number).decode()} ", found(shown)) == number


@given(st.text(max_size=20))
def test_text_is_kept_as_it_is_where_text_is_there(said: str) -> None:
    assume(said.strip() and said.isprintable())
    assert fitting(said, found("anything")) == said.strip()
