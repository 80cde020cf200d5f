"""Evidence that is gathered decision by decision is what a table of the whole log shows, and errs as seldom."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rapport.decide.kinds import SILENCE
from rapport.learn.evidence import Evidence
from rapport.learn.guard_rails import ALPHA, judged, judged_by, share_of
from rapport.learn.logged import SIDES, Candidate, Logged
from rapport.learn.table import table
from rapport.learn.uplift import arms

NOW = 1 << 60
ACTIONS = ("help", "offer", "thank")


@st.composite
def logs(draw: st.DrawFn) -> list[Logged]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        shares = [draw(st.integers(0, 3)) for _ in ACTIONS]
        total = sum(shares) + 1
        candidates = [Candidate(*both) for both in zip(ACTIONS, ACTIONS, (s / total for s in shares), strict=True)]
        silence = 1 - sum(one.chance for one in candidates)
        holdout = draw(st.sampled_from([0.0, 0.1]))
        held_out = bool(holdout) and draw(st.booleans())
        likely = [one.action for one in candidates if one.chance > 0]
        action = SILENCE if held_out or not likely else draw(st.sampled_from([*likely, SILENCE]))
        until = draw(st.sampled_from([number, NOW + 1]))
        gave = [draw(st.floats(-10, 10)) for _ in SIDES]
        both = (*candidates, Candidate(SILENCE, SILENCE, silence))
        customer = f"cus_{draw(st.integers(0, 5))}"
        one = Logged(f"dec_{number:03}", customer, number, until, action, both, holdout, held_out)
        found.append(replace(one, customer_benefit=gave[0], company_value=gave[1]))
    return found


def gathered(log: list[Logged], now: int = NOW) -> Evidence:
    evidence = Evidence()
    for one in log:
        evidence.add(one, now)
    return evidence


@given(logs())
def test_it_is_what_a_table_of_the_whole_log_shows_whatever_the_log(log: list[Logged]) -> None:
    evidence, over = gathered(log), table(log, NOW)
    assert evidence.decisions == over.number
    for action in over.actions:
        for side in SIDES if action != SILENCE else ():
            mine, whole = evidence.arms(action, side), arms(over, [action], side)[0]
            for column in ("treated", "odds", "given"):
                assert getattr(mine, column).tolist() == pytest.approx(getattr(whole, column).tolist())
            # Customers are numbered otherwise, and parted alike.
            assert len(set(zip(mine.customer, whole.customer, strict=True))) == len(set(mine.customer.tolist()))


def test_a_decision_that_no_estimator_could_use_is_left_out_and_stops_nothing() -> None:
    both = (Candidate("help", "help", 0.5), Candidate(SILENCE, SILENCE, 0.5))
    good = Logged("dec_1", "cus_1", 1, 1, "help", both)
    evidence = gathered([replace(good, customer_benefit=1e300), replace(good, action="offer"), good])
    assert evidence.decisions == 1
    assert evidence.actions == ["help"]


def test_only_those_it_is_to_be_evidence_of_are_added() -> None:
    both = (Candidate("help", "help", 0.4), Candidate("offer", "offer", 0.4), Candidate(SILENCE, SILENCE, 0.2))
    evidence = Evidence()
    for action in ("help", "offer", SILENCE):
        evidence.add(Logged(f"dec_{action}", "cus_1", 1, 1, action, both), NOW, {"help"})
    assert evidence.actions == ["help"]
    assert evidence.arms("help", "company").treated.tolist() == [True, False]


def test_all_epochs_together_err_no_more_than_is_claimed() -> None:
    assert sum(share_of(ALPHA, epoch) for epoch in range(10_000)) < ALPHA
    assert share_of(ALPHA, 0) == ALPHA / 2


# -- looked at again and again

LOOKS = 12


def lived(seed: int, people: int, harm: float) -> list[Logged]:
    """People of whom a lot gives some an action or another, or none; what they gain is skewed. `offer` harms them."""
    chance = np.random.default_rng(seed)
    both = (Candidate("help", "help", 0.35), Candidate("offer", "offer", 0.35), Candidate(SILENCE, SILENCE, 0.3))
    drawn, gains = chance.random(people), chance.exponential(2.0, (people, 2))
    found = []
    for place in range(people):
        action = "help" if drawn[place] < 0.35 else "offer" if drawn[place] < 0.7 else SILENCE
        gained = float(gains[place, 0]) - harm * (action == "offer")
        one = Logged(f"dec_{place:06}", f"cus_{place}", place, place, action, both)
        found.append(replace(one, customer_benefit=gained, company_value=float(gains[place, 1])))
    return found


def ever_switched_off(log: list[Logged]) -> set[str]:
    """Actions that any of many looks would switch off; one that is off is looked at no more."""
    evidence, off = Evidence(), set[str]()
    each = len(log) // LOOKS
    for start in range(0, len(log), each):
        for one in log[start : start + each]:
            evidence.add(one, NOW)
        left = [action for action in evidence.actions if action not in off]
        off |= {verdict.action for verdict in judged_by(evidence, left, 0) if verdict.harmful}
    return off


def test_of_actions_that_do_no_harm_no_larger_share_is_ever_switched_off_than_is_claimed(
    proof_size: Callable[[int, int], int],
) -> None:
    number = proof_size(30, 400)
    wrongly = sum(len(ever_switched_off(lived(seed, 1_200, 0.0))) for seed in range(number))
    assert wrongly / (2 * number) <= ALPHA


def test_one_that_harms_goes_and_the_one_beside_it_stays() -> None:
    assert [ever_switched_off(lived(seed, 3_000, 1.5)) for seed in range(5)] == [{"offer"}] * 5


def test_who_gathers_judges_as_who_has_the_whole_log() -> None:
    log = lived(1, 2_000, 1.0)
    whole = judged(log, NOW, alpha=ALPHA / 2)
    assert judged_by(gathered(log), ["help", "offer"], 0) == whole
