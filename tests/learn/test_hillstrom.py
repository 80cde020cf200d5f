"""Hillstrom's e-mails: estimates agree with what a lot showed, and where nothing is proved that is said."""

import numpy as np
import pytest

from bench import hillstrom
from bench.hillstrom import OUTCOMES, REAL
from rapport.learn.uplift import effect, qini

pytestmark = pytest.mark.skipif(not REAL.exists(), reason=f"the real file is not on this machine ({REAL})")


@pytest.fixture(scope="module")
def sent() -> hillstrom.Sent:
    return hillstrom.read()


def test_the_file_is_as_it_was_published(sent: hillstrom.Sent) -> None:
    assert len(sent.got) == 64_000
    assert [int((sent.got == place).sum()) for place in range(3)] == [21_306, 21_307, 21_387]


@pytest.mark.parametrize("action", [1, 2])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_an_e_mail_gave_is_what_the_lot_shows(sent: hillstrom.Sent, action: int, outcome: str) -> None:
    found = effect(hillstrom.two_arms(sent, action, outcome)[0], "e-mail", "customer")
    low, high = hillstrom.randomised(sent, action, outcome)
    assert found.value == pytest.approx((low + high) / 2)
    assert found.low is not None
    assert found.high is not None
    # As wide as a statistician's, or a little wider where money is skewed.
    assert 1 <= (found.high - found.low) / (high - low) < 1.05
    assert found.low > 0


def test_women_who_bought_womens_goods_are_those_whom_the_womens_e_mail_moves(sent: hillstrom.Sent) -> None:
    asked, features = hillstrom.two_arms(sent, 2, "visit")
    bought_womens = features[:, 3]
    found = qini(asked, bought_womens, "customer")
    assert found.low is not None
    assert found.low > 0
    noise = qini(asked, np.random.default_rng(1).normal(size=len(bought_womens)), "customer")
    assert noise.low is not None
    assert noise.high is not None
    assert noise.low < 0 < noise.high


def test_a_models_choice_against_mens_e_mail_for_all_is_no_proven_gain(sent: hillstrom.Sent) -> None:
    found = hillstrom.personalised(sent, "visit", 0)
    assert found.verdict == "no_proven_gain"
    assert found.estimated.value is not None
    assert abs(found.estimated.value) < 0.01
    assert "no proven gain" in found.said


def test_what_a_log_shows_of_other_policies_agrees_with_the_lot(sent: hillstrom.Sent) -> None:
    for method, agreed in hillstrom.agreement(sent, "visit", range(2)).items():
        assert len(agreed) == 8, method
        assert sum(agreed) >= 7, method
