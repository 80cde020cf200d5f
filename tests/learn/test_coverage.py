"""Intervals cover what they claim: a sample here, a thousand logs in `make prove` and `python -m bench intervals`."""

from collections.abc import Callable

import pytest

from bench import intervals
from rapport.learn.guard_rails import ALPHA

FIGURES = {f"{method} {what}" for method in ("ips", "snips", "dr", "switch") for what in ("value", "gain")}


@pytest.mark.timeout(1800)
def test_intervals_of_95_percent_hold_the_truth_so_often(proof_size: Callable[[int, int], int]) -> None:
    number = proof_size(80, 1000)
    found = intervals.study(number, 1, (60, proof_size(400, intervals.CUSTOMERS[1])))
    assert found.keys() == FIGURES | {"uplift", "qini"}
    # A sample of 80 strays by 2.4 points from what all of them show; these are drawn from a seed, and always the same.
    least, most = (93, 97) if number == 1000 else (89, 100)
    for of in FIGURES:
        assert least <= found[of].coverage <= most, of
        assert found[of].told > 0.8 * number
    for of in ("uplift", "qini"):
        assert found[of].coverage >= 89, of


@pytest.mark.timeout(1800)
def test_they_do_so_too_where_the_policy_learned_as_it_went(proof_size: Callable[[int, int], int]) -> None:
    number = proof_size(24, 1000)
    found = intervals.study_of_learning(number, 3, (60, proof_size(500, intervals.CUSTOMERS[1])))
    assert len(found) == 4
    least, most = (93, 97.5) if number == 1000 else (86, 100)
    for of, tally in found.items():
        assert least <= tally.coverage <= most, of
        assert tally.told > 0.9 * number


@pytest.mark.timeout(1800)
def test_what_does_no_harm_is_hardly_ever_switched_off_however_often_one_looks(
    proof_size: Callable[[int, int], int],
) -> None:
    number = proof_size(8, 300)
    assert intervals.false_alarms(number, 2, looks=proof_size(5, 12)) <= 100 * max(ALPHA, 1 / number)
