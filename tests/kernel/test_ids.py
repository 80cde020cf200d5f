"""Handles: what was not handed out leads nowhere, and leaves no trace in the keys that look it up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel import ids
from rapport.kernel.keys import BlindKey

KEY = BlindKey(bytes(range(32)))
SIZES = {"rec": 16, "evi": 32}
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@pytest.mark.parametrize(("prefix", "size"), SIZES.items())
@given(data=st.data())
def test_a_handle_is_read_as_it_was_written(prefix, size, data):
    content = data.draw(st.binary(min_size=size, max_size=size))
    assert ids.bytes_of(prefix, ids.text_of(prefix, content)) == content


@pytest.mark.parametrize("prefix", SIZES)
@given(rest=st.text(ALPHABET, max_size=60) | st.text(max_size=60))
def test_what_was_never_written_is_no_handle(prefix, rest):
    content = ids.bytes_of(prefix, f"{prefix}_{rest}")
    assert content is None or ids.text_of(prefix, content) == f"{prefix}_{rest}"
    assert content is None or len(content) == SIZES[prefix]


@given(st.integers(0, 2**63 - 1), st.integers(0, 31), st.sampled_from(ALPHABET))
def test_a_customers_handle_has_one_spelling(number, place, letter):
    handle = ids.handle(KEY, ids.CUSTOMER, number)
    assert ids.record_of(KEY, ids.CUSTOMER, handle) == number
    other = handle[: 4 + place] + letter + handle[5 + place :]
    if other != handle:
        assert ids.record_of(KEY, ids.CUSTOMER, other) is None
    assert ids.record_of(KEY, ids.CUSTOMER, handle.upper()) is None


@given(st.binary(max_size=64).filter(lambda digest: len(digest) % 16))
def test_half_a_digest_is_refused_and_changes_nothing_of_what_follows(half):
    whole = bytes(16)
    before = KEY.blind(whole)
    with pytest.raises(ValueError, match="whole digests"):
        KEY.blind(half)
    with pytest.raises(ValueError, match="whole digests"):
        KEY.reveal(half)
    assert KEY.blind(whole) == before
    assert KEY.reveal(before) == whole
