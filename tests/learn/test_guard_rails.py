"""Guard-rails: an action that is shown to harm a side is switched off; one that is not shown to, is not."""

import numpy as np
import pytest
from msgspec.structs import replace

from rapport.decide.kinds import SILENCE
from rapport.learn.guard_rails import judged
from rapport.learn.intervals import Spread, interval, sequence
from rapport.learn.logged import Candidate, Logged

NOW = 1 << 60


def log(number: int, customer: float, company: float, seed: int = 0) -> list[Logged]:
    """People who get an offer or not, by lot; it gives so much to either side."""
    chance = np.random.default_rng(seed)
    both = (Candidate("offer", "offer", 0.7), Candidate(SILENCE, SILENCE, 0.3))
    found = []
    for place in range(number):
        out = chance.random() < 0.05
        got = not out and chance.random() < 0.7
        sides = chance.normal(size=2) + np.array([customer, company]) * got
        action = "offer" if got else SILENCE
        found.append(Logged(f"dec_{place:06d}", f"cus_{place}", place, place, action, both, 0.05, out))
        found[-1] = replace(found[-1], customer_benefit=float(sides[0]), company_value=float(sides[1]))
    return found


def test_an_action_that_harms_customers_is_found_out_with_evidence_in_words_and_numbers() -> None:
    verdicts = {verdict.side: verdict for verdict in judged(log(3_000, -0.5, 0.5), NOW)}
    customer, company = verdicts["customer"], verdicts["company"]
    assert customer.harmful
    assert customer.high is not None
    assert customer.low is not None
    assert customer.low < -0.5 < customer.high < 0
    assert customer.got + customer.left_alone == 3_000
    assert f"{customer.got:,} got it" in customer.said
    assert customer.said.startswith("offer harms customers: -0.")
    assert not company.harmful
    assert company.said.startswith("offer: no harm to the company is shown")


def test_an_action_that_harms_the_company_is_found_out_too_and_comes_first() -> None:
    first = judged(log(3_000, 0.5, -0.5), NOW)[0]
    assert (first.side, first.harmful) == ("company", True)


def test_harm_is_found_the_sooner_the_greater_it_is() -> None:
    def found_at(harm: float) -> int:
        decisions = log(6_000, -harm, 0.0, seed=1)
        return next(
            (size for size in range(200, 6_001, 200) if any(v.harmful for v in judged(decisions[:size], NOW))), 1 << 30
        )

    assert found_at(1.0) <= 600
    assert found_at(1.0) <= found_at(0.4) <= 3_000


def test_of_few_decisions_nothing_is_judged_however_bad_they_look() -> None:
    verdicts = judged(log(60, -5.0, -5.0), NOW)
    assert not any(verdict.harmful for verdict in verdicts)
    assert all("too little" in verdict.said and verdict.effect is None for verdict in verdicts)
    assert judged([], NOW) == []


def test_what_came_before_somebody_looked_may_be_left_out() -> None:
    mended = [
        *log(2_000, -0.8, 0.0),
        *(replace(one, decision=f"later_{one.decision}", at=one.at + 10_000) for one in log(500, 0.1, 0.1, 5)),
    ]
    assert judged(mended, NOW)[0].harmful
    assert not judged(mended, NOW, since=10_000)[0].harmful


def test_the_more_actions_are_watched_the_surer_one_must_be() -> None:
    decisions = log(1_000, -0.5, 0.0)
    many = [
        replace(
            one,
            decision=f"{action}_{one.decision}",
            action=action,
            candidates=(replace(one.candidates[0], action=action), one.candidates[1]),
        )
        for action in ("a", "b", "c", "d")
        for one in decisions
        if one.action != SILENCE
    ]
    alone, among = judged(decisions, NOW)[0], judged([*decisions, *many], NOW)[0]
    assert among.alpha == pytest.approx(alone.alpha / 5)


def test_looking_again_and_again_costs_width() -> None:
    for number in (50, 500, 50_000):
        off = Spread(1.0, 0.0, number, float(number))
        once = interval(0.0, off).high
        always = sequence(off, 0.025)
        assert once < always < 3 * once
        assert sequence(off, 0.001) > always


def test_the_order_of_a_log_and_copies_in_it_change_no_verdict() -> None:
    decisions = log(400, -0.5, 0.2)
    assert judged(decisions, NOW) == judged([*decisions[::-1], *decisions[:50]], NOW)
