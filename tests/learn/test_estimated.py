"""What goes into the ledgers as estimated: with an interval, of many, in the organization's money."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rapport.kernel.errors import BadInput
from rapport.learn.estimated import estimates_of
from rapport.learn.uplift import Effect

DAY = dt.date(2026, 11, 22)
THANKS = Effect("thanks", "customer", 0.4, 0.1, 0.7, 300, 100, 250, 80.0, 0.15, "")


def test_an_effect_goes_in_with_its_interval_its_group_and_how_it_was_found() -> None:
    (found,) = estimates_of([THANKS], "GBP", DAY)
    assert (found.side, found.group, found.n) == ("customer", "people who got thanks, each time", 250)
    assert [Decimal(text) for text in (found.low, found.effect, found.high)] == [
        Decimal("0.1"),
        Decimal("0.4"),
        Decimal("0.7"),
    ]
    assert (found.unit, found.method, found.date) == ("GBP", "off_policy", "2026-11-22")


def test_what_has_no_interval_or_is_of_too_few_customers_stays_out() -> None:
    untold = replace(THANKS, value=None, low=None, high=None)
    assert estimates_of([untold, replace(THANKS, customers=19)], "GBP", DAY) == []


def test_without_a_currency_nothing_goes_in() -> None:
    with pytest.raises(BadInput) as refused:
        estimates_of([THANKS], "", DAY)
    assert refused.value.field == "unit"


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(0, 1e9), st.text("ab-", max_size=200))
def test_any_effect_keeps_its_order_and_six_digits(value: float, below: float, above: float, name: str) -> None:
    any_effect = replace(THANKS, of=f"a{name}", value=value, low=value - below, high=value + above)
    (found,) = estimates_of([any_effect], "GBP", DAY)
    assert Decimal(found.low) <= Decimal(found.effect) <= Decimal(found.high)
    assert float(Decimal(found.effect)) == pytest.approx(value, abs=1e-6)
