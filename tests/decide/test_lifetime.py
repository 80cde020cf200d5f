"""Lifetime value against the published figures, and against data whose truth is known."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.lifetime import (
    Buying,
    Purchases,
    Spending,
    buying_of,
    chance_active,
    expected_purchases,
    expected_value,
    fit_purchases,
    fit_spending,
    lifetime_value,
    weeks_to_next,
)
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import UNTIMED, Series
from rapport.kernel.times import DAY, HOUR

CDNOW = Purchases(0.243, 4.414, 0.793, 2.426)
NOW = 20_000 * DAY


def cdnow() -> list[Buying]:
    """2,357 buyers of CDs, January to September 1997 (the sample of Fader and Hardie, as in Lifetimes, MIT)."""
    with (Path(__file__).parent / "cdnow.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        Buying(int(row["repeats"]), int(row["recency_days"]) / 7, int(row["age_days"]) / 7, float(row["mean"]))
        for row in rows
        for _ in range(int(row["customers"]))
    ]


def test_on_cdnow_it_finds_the_parameters_that_were_published() -> None:
    fit = fit_purchases(cdnow())
    assert (round(fit.r, 3), round(fit.alpha, 3), round(fit.a, 3), round(fit.b, 3)) == (0.243, 4.414, 0.793, 2.426)
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.1)
    assert fit.customers == 2357


def test_on_cdnow_it_finds_the_published_parameters_of_spending() -> None:
    fit = fit_spending(cdnow())
    assert (fit.p, fit.q, fit.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
    assert fit.customers == 946


def test_expected_purchases_are_those_that_were_published() -> None:
    # Fader, Hardie and Lee (2005): the customer with x = 2, t_x = 30.43, T = 38.86 buys 1.226 times in 39 weeks.
    assert expected_purchases(CDNOW, Buying(2, 30.43, 38.86), 39) == pytest.approx(1.226, abs=0.001)


def test_parameters_are_found_again_in_what_they_made() -> None:
    draw = np.random.default_rng(7)
    made = []
    for _ in range(6_000):
        rate, leaving, age = draw.gamma(0.8) / 6.0, draw.beta(0.9, 2.5), draw.uniform(20, 60)
        at, times = 0.0, []
        while True:
            at += draw.exponential(1 / max(rate, 1e-9))
            if at > age:
                break
            times.append(at)
            if draw.random() < leaving:
                break
        made.append(Buying(len(times), times[-1] if times else 0.0, age))
    fit = fit_purchases(made)
    assert (fit.r, fit.alpha) == pytest.approx((0.8, 6.0), rel=0.15)
    assert fit.a / (fit.a + fit.b) == pytest.approx(0.9 / 3.4, rel=0.15)


def test_too_few_and_too_quiet_customers_teach_nothing() -> None:
    for buyings, code in (([Buying(1, 1, 2, 5.0)] * 49, "too_few"), ([Buying(0, 0, 9)] * 60, "no_fit")):
        with pytest.raises(BadInput) as caught:
            fit_purchases(buyings)
        assert caught.value.code == code
    with pytest.raises(BadInput):
        fit_spending([Buying(0, 0, 9)] * 60)


def test_customers_all_alike_still_give_something_finite() -> None:
    alike = [Buying(3, 10, 12, 20.0)] * 80
    purchases, spending = fit_purchases(alike), fit_spending(alike)
    assert np.isfinite(lifetime_value(purchases, spending, alike[0], 52))


@st.composite
def buyings(draw: st.DrawFn) -> Buying:
    age = draw(st.floats(0, 500))
    repeats = draw(st.integers(0, 2_000))
    recency = draw(st.floats(0, age)) if repeats else 0.0
    return Buying(repeats, recency, age, draw(st.floats(0, 1e6)) if repeats else 0.0)


_positive = st.floats(0.01, 50)


@given(st.builds(Purchases, _positive, _positive, _positive, _positive), buyings(), st.floats(0, 260))
def test_every_estimate_is_a_number_that_makes_sense(fit: Purchases, buying: Buying, weeks: float) -> None:
    assert 0 <= chance_active(fit, buying) <= 1
    expected = expected_purchases(fit, buying, weeks)
    assert 0 <= expected < np.inf
    assert expected_purchases(fit, buying, 0) == pytest.approx(0, abs=1e-6)
    later = weeks_to_next(fit, buying)
    assert later is None or later >= 0


@given(st.builds(Spending, _positive, st.floats(1.01, 50), _positive), buyings())
def test_an_expected_value_lies_between_ones_own_mean_and_that_of_all(fit: Spending, buying: Buying) -> None:
    everybody = fit.p * fit.v / (fit.q - 1)
    low, high = sorted((buying.mean, everybody)) if buying.mean > 0 and buying.repeats else (everybody, everybody)
    assert low * (1 - 1e-9) <= expected_value(fit, buying) <= high * (1 + 1e-9)


def test_purchases_of_one_day_are_one_and_returns_have_no_mean() -> None:
    times = (UNTIMED, NOW - 20 * DAY, NOW - 20 * DAY + HOUR, NOW - 6 * DAY, NOW - 3 * DAY, NOW + DAY)
    series = Series(times, {"revenue": (1, 10, 10, 30, -30, 99)})
    assert buying_of(series, NOW, "revenue") == Buying(2, 17 / 7, 20 / 7, 30.0)
    assert buying_of(Series((NOW + DAY,)), NOW) is None


@given(st.lists(st.integers(NOW - 90 * DAY, NOW), min_size=1, max_size=6), st.integers(0, 3 * DAY))
def test_how_somebody_bought_changes_with_time_once_a_day(times: list[int], later: int) -> None:
    series = Series(sorted(times))
    first, now = min(times), max(times)
    start = first + (now - first) // DAY * DAY
    at = max(start + later // DAY * DAY, now)
    end = first + ((at - first) // DAY + 1) * DAY - 1
    assert buying_of(series, at) == buying_of(series, end)
