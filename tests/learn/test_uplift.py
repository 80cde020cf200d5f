"""Uplift: what an action gave to those who got it, against those whom a lot left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import logs
from rapport.decide.kinds import SILENCE
from rapport.learn.intervals import Floats
from rapport.learn.logged import Candidate, Logged
from rapport.learn.table import table
from rapport.learn.uplift import Arms, Qini, arms, by_action, by_kind, effect, of_all, qini

NOW = 1 << 60


def lot(seed: int, number: int = 2_000, lift: float = 0.5) -> tuple[Arms, Floats]:
    """People of whom a lot treated half; treatment gives `lift` times a score to each."""
    chance = np.random.default_rng(seed)
    scores = chance.normal(size=number)
    treated = chance.random(number) < 0.5
    given = chance.normal(size=number) + treated * lift * scores
    return Arms(treated, np.full(number, 0.5), given, np.arange(number)), scores


def coefficient(found: Qini) -> float:
    assert found.coefficient is not None
    return found.coefficient


@given(st.integers(0, 10_000))
def test_where_the_lot_alone_decided_an_effect_is_the_difference_of_two_means(seed: int) -> None:
    people, _ = lot(seed)
    found = effect(people, "thanks", "customer")
    means = people.given[people.treated].mean() - people.given[~people.treated].mean()
    assert found.value == pytest.approx(means)
    assert found.low is not None
    assert found.high is not None
    assert found.low < means < found.high
    by_hand = np.sqrt(sum(people.given[people.treated == arm].var() / (people.treated == arm).sum() for arm in (0, 1)))
    assert (found.high - found.low) / (2 * 1.96 * by_hand) == pytest.approx(1, abs=0.02)


def test_where_chances_differed_who_was_left_alone_is_weighted_to_be_like_who_got_it() -> None:
    # Those worth 10 whatever is done got it nine times in ten, those worth 0 once in ten: the means lie by 8.
    chance = np.random.default_rng(1)
    dear = chance.random(4_000) < 0.5
    odds = np.where(dear, 0.9, 0.1)
    treated = chance.random(4_000) < odds
    people = Arms(treated, odds, 10.0 * dear + treated + chance.normal(size=4_000) * 0.1, np.arange(4_000))
    assert people.given[treated].mean() - people.given[~treated].mean() > 8
    found = effect(people, "thanks", "customer")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1 < found.high
    assert found.high - found.low < 1.5


def test_a_log_is_compared_only_where_both_could_have_been() -> None:
    both = (Candidate("thanks", "thank", 0.6), Candidate(SILENCE, SILENCE, 0.4))
    only = (Candidate(SILENCE, SILENCE, 1.0),)
    certain = (Candidate("thanks", "thank", 1.0), Candidate(SILENCE, SILENCE, 0.0))
    decisions = [
        Logged("dec_1", "cus_1", 0, 0, "thanks", both, customer_benefit=1.0),
        Logged("dec_2", "cus_2", 0, 0, SILENCE, both, customer_benefit=2.0),
        Logged("dec_3", "cus_3", 0, 0, SILENCE, only, customer_benefit=3.0),
        Logged("dec_4", "cus_4", 0, 0, "thanks", certain, customer_benefit=4.0),
    ]
    compared, rows = arms(table(decisions, NOW), ["thanks"], "customer")
    assert list(rows) == [0, 1]
    assert list(compared.odds) == pytest.approx([0.6, 0.6])
    assert list(compared.given) == [1.0, 2.0]


def test_effects_are_told_by_action_by_kind_and_of_all_for_both_sides() -> None:
    chance = np.random.default_rng(9)
    world = logs.world(chance)
    over = table(logs.log(world, chance, 800), NOW)
    actions = [action for action in world.actions if action != SILENCE]
    assert [(one.of, one.side) for one in by_action(over)] == [
        (action, side) for action in sorted(actions) for side in ("customer", "company")
    ]
    # (In these logs each action is a kind of its own.)
    assert [one.value for one in by_kind(over)] == [one.value for one in by_action(over)]
    assert [one.of for one in of_all(over)] == ["all", "all"]


def test_scores_that_know_whom_it_helps_have_a_qini_coefficient_above_nothing_and_others_do_not() -> None:
    people, scores = lot(4)
    knowing = qini(people, scores, "customer")
    assert knowing.low is not None
    assert knowing.low > 0
    # The area is E[lift · score · (1/2 − rank)] = lift · E|difference of two| / 4 = 0.5 · (2 / √π) / 4.
    assert coefficient(knowing) == pytest.approx(0.5 * 2 / np.sqrt(np.pi) / 4, abs=0.04)
    turned = qini(people, -scores, "customer")
    assert coefficient(turned) == pytest.approx(-coefficient(knowing), abs=1e-9)
    guess = qini(people, np.random.default_rng(3).normal(size=len(scores)), "customer")
    assert guess.low is not None
    assert guess.high is not None
    assert guess.low < 0 < guess.high


def test_a_qini_curve_begins_at_nothing_ends_at_the_whole_effect_and_has_the_coefficients_area() -> None:
    people, scores = lot(6)
    found = qini(people, scores, "customer")
    assert found.curve[0] == (0.0, 0.0)
    last = found.curve[-1]
    whole = people.given[people.treated].mean() - people.given[~people.treated].mean()
    assert last.share == 1.0
    assert last.gain == pytest.approx(whole, abs=1e-9)
    shares, gains = np.array(found.curve).T
    assert np.trapezoid(gains, shares) - last.gain / 2 == pytest.approx(coefficient(found), abs=2e-3)


def test_the_error_of_a_qini_coefficient_knows_that_ranks_are_estimated_too() -> None:
    # Everybody gains 5 and more by their score: were the ranks taken for given, the 5 would seem to add to the error.
    people, scores = lot(11, 500)
    people = people._replace(given=people.given + 5 * people.treated)
    chance = np.random.default_rng(0)
    again = []
    for _ in range(400):
        rows = chance.integers(0, 500, 500)
        drawn = Arms(people.treated[rows], people.odds[rows], people.given[rows], np.arange(500))
        again.append(coefficient(qini(drawn, scores[rows] + chance.normal(size=500) * 1e-9, "customer")))
    assert qini(people, scores, "customer").error == pytest.approx(np.std(again), rel=0.15)


@given(st.integers(0, 10_000))
def test_scores_that_are_all_one_find_nobody(seed: int) -> None:
    people, scores = lot(seed, 400)
    found = qini(people, np.zeros(len(scores)), "customer")
    assert found.coefficient is None or abs(found.coefficient) < 1e-12


def test_of_one_arm_alone_nothing_is_told() -> None:
    people, scores = lot(2, 200)
    alone = people._replace(treated=np.ones(200, bool))
    assert effect(alone, "thanks", "customer").value is None
    assert "too few" in effect(alone, "thanks", "customer").said
    assert qini(alone, scores, "customer").coefficient is None
