"""Intervals from what each customer contributed (that they hold the truth is in test_coverage)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from rapport.learn.intervals import Spread, interval, spread

SPREADS = st.builds(
    lambda error, skewness, customers, share: Spread(error, skewness, customers, max(1.0, customers * share)),
    st.floats(0.01, 100),
    st.floats(-10, 10),
    st.integers(2, 100_000),
    st.floats(0.001, 1),
)


@given(SPREADS, st.floats(-1e6, 1e6))
def test_an_interval_reaches_at_least_as_far_as_students(off: Spread, value: float) -> None:
    reach = off.error * float(special.stdtrit(off.freedom, 0.975))
    low, high = interval(value, off)
    assert low <= value - reach
    assert value + reach <= high


@given(SPREADS)
def test_where_large_gifts_are_rare_it_reaches_further_up_than_down(off: Spread) -> None:
    low, high = interval(0.0, off)
    straight_low, straight_high = interval(0.0, off._replace(skewness=0.0))
    assert low <= straight_low
    assert high >= straight_high
    # Beyond that the cubic bends back: of two customers Student's is the further.
    bends = abs(off.skewness) / math.sqrt(off.customers) * straight_high / off.error >= 9
    if off.skewness > 0.1 and not bends:
        assert high > straight_high
    if off.skewness < -0.1 and not bends:
        assert low < straight_low


@given(SPREADS, st.floats(0.01, 1))
def test_a_figure_that_leans_and_a_higher_level_cost_width(off: Spread, bias: float) -> None:
    plain, leaning, sure = interval(0.0, off), interval(0.0, off, bias=bias), interval(0.0, off, level=0.99)
    for wider in (leaning, sure):
        assert wider.low < plain.low
        assert plain.high < wider.high


def test_customers_are_counted_and_not_decisions() -> None:
    influence = np.random.default_rng(1).normal(size=400)
    influence -= influence.mean()
    alone = spread(influence, np.arange(400))
    twice = spread(np.repeat(influence, 2), np.repeat(np.arange(400), 2))
    assert twice == pytest.approx(alone)
    assert alone.error == pytest.approx(influence.std(ddof=1) / 20)
    assert alone.rests_on == pytest.approx(400 / 3, rel=0.2)  # of normal ones the fourth moment is 3
    assert alone.freedom == pytest.approx(400, rel=0.3)


def test_what_rests_on_one_customer_has_few_degrees_of_freedom_and_what_does_not_vary_tells_nothing() -> None:
    one = np.zeros(1000)
    one[0] = 1000.0
    carried = spread(one - 1.0, np.arange(1000))
    assert carried.rests_on == pytest.approx(1, abs=0.01)
    assert carried.freedom == pytest.approx(2, abs=0.1)
    assert spread(np.zeros(10), np.arange(10)).blank(np.ones(10))
    assert spread(np.ones(1), np.zeros(1, np.intp)).blank(np.ones(1))
    assert not carried.blank(one)
