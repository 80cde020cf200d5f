"""What if: another weight, another cap, an action removed, asked of a log; "no proven gain" is an answer."""

import numpy as np
import pytest
from msgspec.structs import replace

from bench import logs
from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR
from rapport.learn.logged import Candidate, Logged
from rapport.learn.what_if import MOST_BEYOND, Capped, Rechosen, Without, changed_chances, said, what_if

NOW = 1 << 60
THREE = (Candidate("thanks", "thank", 0.5), Candidate("offer", "offer", 0.3), Candidate(SILENCE, SILENCE, 0.2))


def log(number: int, offer: float, thanks: float = 0.3, seed: int = 0) -> list[Logged]:
    """People who get thanks, an offer or nothing by lot; an offer gives `offer` to customers and 1 to the company."""
    chance = np.random.default_rng(seed)
    found = []
    for place in range(number):
        action = ("thanks", "offer", SILENCE)[chance.choice(3, p=[0.5, 0.3, 0.2])]
        gave = {"thanks": thanks, "offer": offer, SILENCE: 0.0}[action] + chance.normal()
        found.append(
            Logged(f"dec_{place:05d}", f"cus_{place}", place, place, action, THREE, customer_benefit=float(gave))
        )
        found[-1] = replace(found[-1], company_value=float(action == "offer") + float(chance.normal()))
    return found


def test_without_a_harmful_offer_customers_gain_and_the_company_loses_and_the_answer_says_so() -> None:
    found = what_if(log(4_000, -1.0), NOW, Without("offer"))
    customer, company = found.gains
    assert (customer.verdict, company.verdict) == ("gain", "loss")
    # The offer's three in ten go to thanks and silence as five to two: 0.3 · (1 + 0.3 · 5 / 7).
    assert customer.estimated.value == pytest.approx(0.3 * (1 + 0.3 * 5 / 7), abs=0.1)
    assert company.estimated.value == pytest.approx(-0.3, abs=0.1)
    assert found.changed == pytest.approx(0.3)
    assert found.said.startswith("without offer: for customers a gain, +0.3")
    assert "for the company a loss, -0." in found.said


def test_where_the_interval_holds_nothing_the_answer_is_no_proven_gain() -> None:
    # Thanks and offers give the same, and offers are swapped for thanks.
    even = Rechosen("thanks for offers", lambda _: {"thanks": 0.8, SILENCE: 0.2})
    found = what_if(log(2_000, 0.3), NOW, even)
    assert found.gains[0].verdict == "no_proven_gain"
    low, high = found.gains[0].estimated.low, found.gains[0].estimated.high
    assert low is not None
    assert high is not None
    assert low <= 0 <= high
    assert "for customers no proven gain, " in found.said


def test_of_few_decisions_the_answer_is_too_few() -> None:
    found = what_if(log(40, -1.0), NOW, Without("offer"))
    assert [gain.verdict for gain in found.gains] == ["too_few", "too_few"]
    assert found.gains[0].estimated.value is None


def test_what_changes_nothing_says_so_and_a_looser_cap_that_the_log_knows_nothing_of_it() -> None:
    decisions = log(300, 0.0)
    same = what_if(decisions, NOW, Without("call"))
    assert [gain.verdict for gain in same.gains] == ["nothing_changes"] * 2
    loose = what_if(decisions, NOW, Capped(100, DAY))
    assert loose.gains[0].verdict == "nothing_changes"
    assert "of what a cap kept back a log knows nothing" in loose.said


def test_a_little_that_was_never_tried_is_left_as_it_was_and_told_of_and_much_is_not_told() -> None:
    decisions = log(2_000, -1.0)

    def calls(share: float) -> Rechosen:
        return Rechosen("calls", lambda _: {"call": share, "thanks": 0.8 - share, SILENCE: 0.2})

    little = what_if(decisions, NOW, calls(0.05))
    assert little.beyond == pytest.approx(0.05)
    # Thanks from 0.5 to 0.75 and half of 0.05, offers from 0.3 to three tenths of it, silence from 0.2 up by two.
    assert little.changed == pytest.approx((0.275 + 0.285 + 0.01) / 2)
    assert little.gains[0].verdict == "gain"
    assert "in 5.0% of the choices it wanted what was never tried there, and they were left as they were" in little.said
    much = what_if(decisions, NOW, calls(MOST_BEYOND + 0.01))
    assert [gain.verdict for gain in much.gains] == ["not_logged"] * 2
    assert much.gains[0].estimated.value is None
    assert "call" in much.said


def test_a_cap_counts_what_reached_the_customer_within_its_time_and_leaves_silence() -> None:
    plain = Logged("dec_0", "cus_1", 0, 0, "thanks", THREE)
    times = {"dec_0": 0, "dec_1": HOUR, "dec_2": 2 * HOUR, "dec_3": 24 * HOUR, "dec_4": 26 * HOUR}
    decisions = [replace(plain, decision=name, at=at, until=at) for name, at in times.items()]
    found = changed_chances(decisions, Capped(2, DAY))
    assert found == {"dec_2": {SILENCE: 1.0}, "dec_3": {SILENCE: 1.0}}  # a day after it, dec_2 counts no more
    # What did not reach anybody, and silence, count towards no cap; nor does another customer's.
    unseen = [replace(decisions[0], delivered=False), replace(decisions[1], action=SILENCE), *decisions[2:3]]
    assert changed_chances(unseen, Capped(1, DAY)) == {}
    assert changed_chances([replace(decisions[0], customer="cus_2"), decisions[1]], Capped(1, DAY)) == {}
    # Of one action alone, the others stay, as often as they were to each other.
    assert changed_chances(decisions[:2], Capped(1, DAY, "thanks")) == {
        "dec_1": pytest.approx({"offer": 0.6, SILENCE: 0.4})
    }


def test_a_change_that_makes_no_sense_is_refused() -> None:
    for wrong in (Without(SILENCE), Capped(-1, DAY), Capped(1, 0)):
        with pytest.raises(BadInput) as refused:
            what_if(log(10, 0.0), NOW, wrong)
        assert refused.value.code == "bad_change"


def test_changes_are_said_in_words() -> None:
    assert said(Without("offer")) == "without offer"
    assert said(Capped(1, DAY)) == "at most 1 in 24 hours"
    assert said(Capped(2, 7 * DAY, "offer")) == "at most 2 of offer in 7 days"
    assert said(Rechosen("weight 0.7", lambda one: one.chances)) == "weight 0.7"


def test_over_many_worlds_the_answers_that_prove_something_are_right() -> None:
    wrong = told = 0
    for seed in range(30):
        chance = np.random.default_rng([7, seed])
        world = logs.world(chance)
        decisions = logs.log(world, chance, 200)
        other = logs.other_way(world, decisions)
        gain = what_if(decisions, NOW, Rechosen("otherwise", lambda one, other=other: other[one.decision])).gains[0]
        if gain.verdict in {"gain", "loss"}:
            told += 1
            wrong += (world.gain > 0) != (gain.verdict == "gain")
    assert told > 5
    assert wrong <= 2
