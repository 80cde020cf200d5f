"""The holdout: who is left alone by lot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.holdout import LARGEST, is_held_out, share_of
from rapport.kernel.errors import BadInput

KEY = b"k" * 32
MANY = [f"cus_{number}" for number in range(20_000)]


@given(st.text(), st.binary(max_size=64), st.floats(0, LARGEST))
def test_a_customers_lot_stays_and_a_larger_share_holds_out_the_same_and_more(
    customer: str, key: bytes, share: float
) -> None:
    held = is_held_out(key, customer, share)
    assert held == is_held_out(key, customer, share)
    assert is_held_out(key, customer, LARGEST) or not held
    assert not is_held_out(key, customer, 0)


def test_as_many_are_held_out_as_the_share_says() -> None:
    assert sum(is_held_out(KEY, customer) for customer in MANY) / len(MANY) == pytest.approx(0.05, abs=0.006)


def test_who_declines_is_never_held_out() -> None:
    assert not any(is_held_out(KEY, customer, declined=True) for customer in MANY)


def test_lots_of_two_organizations_have_nothing_to_do_with_each_other() -> None:
    both = [is_held_out(KEY, customer) and is_held_out(b"other", customer) for customer in MANY]
    assert sum(both) / len(MANY) == pytest.approx(0.0025, abs=0.0015)


@pytest.mark.parametrize("share", [-0.1, 0.21, 1.0, float("nan")])
def test_a_share_that_leaves_out_too_many_is_refused(share: float) -> None:
    with pytest.raises(BadInput) as caught:
        share_of(share)
    assert (caught.value.code, caught.value.field) == ("bad_holdout", "holdout")
