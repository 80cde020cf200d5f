"""A log looked back on as a whole: over time in spans that can bear a figure, by action, and never a sum of sides."""

from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.kinds import SILENCE
from rapport.kernel.times import DAY
from rapport.learn import what_if
from rapport.learn.logged import Candidate, Logged
from rapport.learn.reviewed import Answered, Lot, Review
from rapport.learn.reviewing import MOST_SPANS, STEPS, answered, mean, review
from tests.conftest import sample

NOW = 1_000 * DAY
LOT = Lot(0.05, 10, 1)
TWO = (Candidate("thanks", "thank", 0.6, 1.0, 0.5), Candidate(SILENCE, SILENCE, 0.4))


def log(number: int, days: float, *, lift: float = 1.0, seed: int = 0) -> list[Logged]:
    """So many decisions about as many customers, over so many days: thanks give customers `lift`, the company none."""
    chance = np.random.default_rng(seed)
    found = []
    for place in range(number):
        action = "thanks" if chance.random() < 0.6 else SILENCE
        at = NOW - 10 * DAY - int(days * DAY * place / max(1, number))
        gave = float(chance.normal()) + lift * (action == "thanks")
        one = Logged(f"dec_{place:05d}", f"cus_{place}", at, at + DAY, action, TWO, features=(float(place % 7), 0.0))
        found.append(msgspec.structs.replace(one, customer_benefit=gave, company_value=float(chance.normal()) + 2))
    return found


def test_what_was_added_is_told_of_each_side_by_itself() -> None:
    found = review(log(2_000, 60), NOW, LOT)
    assert (found.customer.added.standing, found.company.added.standing) == ("better", "unproven")
    assert found.customer.added.value == pytest.approx(1.0, abs=0.15)
    reached, alone = found.customer.reached.value, found.customer.alone.value
    assert reached is not None
    assert alone is not None
    assert reached - alone == pytest.approx(found.customer.added.value)
    assert found.company.alone.value == pytest.approx(2.0, abs=0.15)
    silence, thanks = found.actions
    assert (silence.action, silence.customer, thanks.kind) == (SILENCE, None, "thank")
    assert silence.decisions + thanks.decisions == found.decisions == 2_000
    assert silence.decisions == found.silences


@pytest.mark.parametrize(
    ("number", "days", "step"), [(2_000, 10, "day"), (2_000, 60, "week"), (2_000, 300, "month"), (400, 60, "month")]
)
def test_spans_are_as_short_as_the_log_can_bear(number: int, days: int, step: str) -> None:
    found = review(log(number, days), NOW, LOT)
    assert found.step == step
    assert sum(one.customer.added.value is not None for one in found.spans) >= 0.6 * len(found.spans)


def test_the_newest_of_many_spans_are_told_of() -> None:
    found = review(log(3_000, 900), NOW, LOT)
    assert (found.step, len(found.spans)) == ("month", MOST_SPANS)
    assert found.spans[-1].until > found.until


@sample(60)
@given(number=st.integers(0, 120), days=st.floats(0.01, 400), seed=st.integers(0, 1_000))
def test_any_log_is_parted_into_neighbouring_spans_that_hold_its_newest_decisions(
    number: int, days: float, seed: int
) -> None:
    some = log(number, days, seed=seed)
    found = review(some, NOW, LOT)
    assert found.decisions == number
    for one, following in zip(found.spans, found.spans[1:], strict=False):
        assert one.until == following.since
    for span in found.spans:
        assert span.until - span.since == STEPS[found.step]
        assert span.decisions == sum(span.since <= one.at < span.until for one in some)
        assert span.silences <= span.decisions
    # What is handed on as JSON is the same again: a page shows what was found.
    assert msgspec.json.decode(msgspec.json.encode(found), type=Review) == found


def test_decisions_that_have_time_left_wait() -> None:
    some = log(100, 5)
    late = [msgspec.structs.replace(one, until=NOW + DAY) for one in some[:30]]
    found = review([*late, *some[30:]], NOW, LOT)
    assert (found.looked_at, found.decisions, found.waiting, found.due) == (100, 70, 30, NOW + DAY)
    assert review(some, NOW, LOT).due == 0


def test_too_few_and_what_never_varied_have_no_figure_and_say_so() -> None:
    few = mean(np.ones(10), np.arange(10.0), np.arange(10))
    assert (few.value, few.standing) == (None, "unknown")
    assert "too few: 10" in few.said
    assert "varies" in mean(np.ones(100), np.full(100, 3.0), np.arange(100)).said
    assert review([], NOW, LOT).customer.added.standing == "unknown"


def test_curves_go_by_what_was_expected_of_each() -> None:
    some = []
    for one in log(3_000, 60, lift=0.0):
        helped = one.features[0] * (one.action == "thanks") * 0.5
        some.append(msgspec.structs.replace(one, customer_benefit=(one.customer_benefit or 0) + helped))
    customer, company = review(some, NOW, LOT).curves
    assert (customer.above.standing, company.above.standing) == ("better", "unknown")  # of the company, all alike
    assert customer.points[0] == (0.0, 0.0)
    assert customer.points[-1][0] == 1.0


def test_what_harms_is_told() -> None:
    (customer, company) = sorted(review(log(2_000, 60, lift=-1.0), NOW, LOT).verdicts, key=lambda one: one.side)[::-1]
    assert (customer.side, customer.harmful, company.harmful) == ("customer", True, False)


def test_an_answer_is_handed_on_whole() -> None:
    told = answered(what_if.what_if(log(2_000, 60), NOW, what_if.Without("thanks")), NOW)
    assert (told.customer.verdict, told.company.verdict) == ("loss", "no_proven_gain")
    assert told.customer.effective >= 50
    assert msgspec.json.decode(msgspec.json.encode(told), type=Answered) == told


@sample(20)
@given(st.randoms(use_true_random=False), st.integers(0, 150))
def test_neither_the_order_of_a_log_nor_copies_change_what_is_found(chance: Random, number: int) -> None:
    some = log(number, 40)
    shuffled = [*some, *some[: number // 3]]
    chance.shuffle(shuffled)
    assert review(shuffled, NOW, LOT) == review(some, NOW, LOT)
