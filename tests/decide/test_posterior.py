"""The posterior of one side: what is believed after all outcomes so far."""

import math
import random
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.features import Crossed, Features, crossed, hashed
from rapport.decide.kinds import Worth
from rapport.decide.posterior import Posterior, Prior, estimate_both, learn_both
from rapport.kernel.errors import BadInput, Corrupt, Misconfigured
from rapport.kernel.times import DAY
from tests.conftest import sample

PRIOR = Prior("customer")
NOW = 20_000 * DAY
GOLD = hashed((("plan is gold", 1.0), ("device is phone", 1.0)))
BASIC = hashed((("plan is basic", 1.0), ("device is phone", 1.0)))
CANDIDATES = [("tip", "help"), ("sale", "offer"), ("thanks", "thank")]

lessons = st.lists(
    st.tuples(
        st.sampled_from([GOLD, BASIC]),
        st.sampled_from([*CANDIDATES, None]),
        st.floats(-1e9, 1e9),
        st.integers(0, 40 * DAY),
    ),
    max_size=12,
)


def on(features: Features, *candidates: tuple[str, str]) -> Crossed:
    return crossed(features, candidates)


def taught(model: Posterior, lessons: Iterable[tuple[Features, tuple[str, str] | None, float, int]]) -> Posterior:
    for features, candidate, outcome, later in lessons:
        model.learn(crossed(features, [] if candidate is None else [candidate]), 2.0, outcome, NOW + later)
    return model


def test_before_any_outcome_an_estimate_is_what_is_declared() -> None:
    found = Posterior(PRIOR).estimates(on(GOLD, *CANDIDATES), [5.0, 0.0, -1.0], NOW)
    assert found.means == (5.0, 0.0, -1.0)
    assert found.variances == pytest.approx([2.5 / 2 * PRIOR.scale**2 / 1] * 3)
    assert found.silence == found.variances[0]


def test_outcomes_pull_an_estimate_towards_what_came() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, None, 1.0, 0), (GOLD, ("tip", "help"), 9.0, 0)] * 300)
    found = model.estimates(on(GOLD, *CANDIDATES), [2.0, 2.0, 2.0], NOW)
    assert found.means[0] == pytest.approx(8.0, abs=0.5)
    assert found.means[1] == pytest.approx(2.0)
    assert found.variances[0] < found.variances[1]


def test_what_is_learnt_of_a_kind_serves_a_new_action_of_it() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, None, 0.0, 0)] * 50 + [(GOLD, ("tip", "help"), 20.0, 0)] * 50)
    new, other = model.estimates(on(GOLD, ("new", "help"), ("other", "offer")), [2.0, 2.0], NOW).means
    assert new > other + 3
    assert other == 2.0


def test_what_comes_by_itself_is_not_owed_to_an_action() -> None:
    """Who buys for 30 anyway teaches that an action gives nothing; one that was never done keeps what it declares."""
    rng = random.Random(1)
    model = Posterior(PRIOR)
    for _ in range(3000):
        candidate = [] if rng.random() < 0.3 else [("sale", "offer")]
        model.learn(crossed(GOLD, candidate), 2.0, 30 + rng.gauss(0, 3), NOW)
    sale, tip = model.estimates(on(GOLD, ("sale", "offer"), ("tip", "help")), [2.0, 5.0], NOW).means
    assert sale == pytest.approx(0, abs=1)
    assert tip == 5.0


def test_where_silence_is_unknown_outcomes_of_actions_leave_doubt() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, ("tip", "help"), 9.0, 0)] * 500)
    assert model.estimates(on(GOLD, ("tip", "help")), [2.0], NOW).silence == pytest.approx(125)


def test_an_estimate_depends_on_whom_it_is_for() -> None:
    rng = random.Random(2)
    model = Posterior(PRIOR)
    for _ in range(4000):
        who, worth = rng.choice([(GOLD, 8.0), (BASIC, -4.0)])
        model.learn(crossed(who, [] if rng.random() < 0.3 else [("tip", "help")]), 0.0, rng.gauss(worth, 2), NOW)
        model.learn(crossed(who, []), 0.0, rng.gauss(0, 2), NOW)
    gold, basic = (model.estimates(on(who, ("tip", "help")), [0.0], NOW).means[0] for who in (GOLD, BASIC))
    assert gold > 3
    assert basic < 0


def test_contributions_add_up_to_what_was_learnt_and_name_its_reason() -> None:
    model = taught(
        Posterior(PRIOR),
        [(GOLD, ("tip", "help"), 9.0, 0), (BASIC, ("tip", "help"), -9.0, 0), (GOLD, None, 1.0, 0)] * 30,
    )
    crossing = on(GOLD, *CANDIDATES)
    mean = model.estimates(crossing, [2.0, 2.0, 2.0], NOW).means[0]
    contributions = model.contributions(crossing, 0, NOW)
    assert math.fsum(by for _, by in contributions) + 2.0 == pytest.approx(mean)
    assert contributions[0][0] == "plan is gold"
    assert model.contributions(crossing, 1, NOW) == []


@pytest.mark.parametrize("outcome", [math.nan, math.inf, -math.inf, 1e308, -1e308, 10**400, 1e9 + 1])
def test_what_can_be_no_outcome_is_refused_and_changes_nothing(outcome: float) -> None:
    model = taught(Posterior(PRIOR), [(GOLD, ("tip", "help"), 9.0, 0)])
    before = model.packed()
    with pytest.raises(BadInput, match="is a number from") as caught:
        model.learn(on(GOLD, ("tip", "help")), 2.0, outcome, NOW + 9 * DAY)
    assert (caught.value.code, caught.value.field) == ("bad_outcome", "customer")
    assert model.packed() == before


def test_an_outcome_is_that_of_one_candidate() -> None:
    with pytest.raises(ValueError, match="one candidate"):
        Posterior(PRIOR).learn(on(GOLD, *CANDIDATES), 2.0, 1.0, NOW)


def test_an_outcome_beyond_its_bounds_counts_as_the_bound() -> None:
    prior = Prior("company", low=-10, high=50)
    absurd, bounded = (taught(Posterior(prior), [(GOLD, ("tip", "help"), came, 0)]) for came in (1e9, 50.0))
    assert absurd.packed() == bounded.packed()


@given(lessons)
@sample(20)
def test_the_same_outcomes_in_the_same_order_give_the_same_bits(lessons: list) -> None:
    assert taught(Posterior(PRIOR), lessons).packed() == taught(Posterior(PRIOR), lessons).packed()


@given(lessons, st.integers(0, 12))
@sample(20)
def test_a_model_that_was_packed_goes_on_as_if_it_never_was(lessons: list, cut: int) -> None:
    through = taught(Posterior(PRIOR), lessons)
    again = Posterior.unpacked(taught(Posterior(PRIOR), lessons[:cut]).packed())
    assert taught(again, lessons[cut:]).packed() == through.packed()
    crossing = on(GOLD, *CANDIDATES)
    assert again.estimates(crossing, [1.0] * 3, NOW) == through.estimates(crossing, [1.0] * 3, NOW)
    assert again.learnt == len(lessons)


@given(lessons, st.integers(0, 12))
@sample(20)
def test_two_sides_that_lie_side_by_side_know_nothing_of_each_other(lessons: list, cut: int) -> None:
    customer = Posterior(PRIOR)
    company = Posterior(Prior("company"), beside=customer)
    taught(customer, lessons[:cut])
    taught(company, lessons)
    taught(customer, lessons[cut:])
    assert customer.packed() == taught(Posterior(PRIOR), lessons).packed()
    assert company.packed() == taught(Posterior(Prior("company")), lessons).packed()
    assert Posterior.unpacked(company.packed(), beside=customer).packed() == company.packed()
    assert customer.packed() == taught(Posterior(PRIOR), lessons).packed()


@given(lessons)
@sample(20)
def test_no_outcomes_make_an_estimate_that_is_not_finite_or_too_sure(lessons: list) -> None:
    model = taught(Posterior(PRIOR), lessons)
    found = model.estimates(on(GOLD, *CANDIDATES), [2.0] * 3, NOW + 50 * DAY)
    assert np.isfinite(found.means).all()
    assert all(0 < variance <= 125 * (1 + 1e-9) for variance in (*found.variances, found.silence))


@given(st.permutations(CANDIDATES))
def test_an_estimate_does_not_depend_on_who_else_is_asked_for(candidates: list[tuple[str, str]]) -> None:
    model = taught(Posterior(PRIOR), [(GOLD, one, 7.0 * place, 0) for place, one in enumerate(CANDIDATES)] * 5)
    together = model.estimates(on(GOLD, *candidates), [2.0] * 3, NOW)
    for place, candidate in enumerate(candidates):
        alone = model.estimates(on(GOLD, candidate), [2.0], NOW)
        assert (alone.means[0], alone.variances[0]) == (together.means[place], together.variances[place])


def test_what_was_learnt_is_forgotten_day_by_day_until_nothing_is_left() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, ("tip", "help"), 30.0, 0), (GOLD, None, 1.0, 0)] * 40)
    crossing = on(GOLD, ("tip", "help"))
    found = [model.estimates(crossing, [2.0], NOW + days * DAY) for days in (0, 1, 173, 5_000)]
    learnt = [one.means[0] - 2.0 for one in found]
    assert learnt[1] == pytest.approx(learnt[0] * PRIOR.keeps)
    assert learnt[2] == pytest.approx(learnt[0] / 2, rel=0.01)
    assert learnt[3] == pytest.approx(0, abs=1e-4)
    assert found[0].variances < found[1].variances < found[2].variances < found[3].variances
    assert found[3].variances[0] == pytest.approx(125, rel=1e-5)


def test_asking_ages_a_model_as_learning_does() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, ("tip", "help"), 30.0, 0)] * 5)
    crossing, later = on(GOLD, ("tip", "help")), NOW + 30 * DAY
    asked = model.estimates(crossing, [2.0], later)
    model.learn(on(BASIC, ("else", "ask")), 0.0, 0.0, later)
    learnt = model.estimates(crossing, [2.0], later)
    assert asked.means == pytest.approx(learnt.means)
    assert asked.variances == pytest.approx(learnt.variances)


def test_a_clock_that_goes_back_makes_nothing_younger() -> None:
    model = taught(Posterior(PRIOR), [(GOLD, ("tip", "help"), 30.0, 30 * DAY)])
    crossing = on(GOLD, ("tip", "help"))
    assert model.estimates(crossing, [2.0], 0) == model.estimates(crossing, [2.0], NOW + 30 * DAY)


def test_intervals_hold_what_they_say_of_an_action_that_was_often_done() -> None:
    """Of 200 actions whose worth is as the prior says, done 40 times each, and silence as often."""
    rng, held = random.Random(3), 0
    for number in range(200):
        model, miss = Posterior(PRIOR), rng.gauss(0, 10)
        for _ in range(40):
            model.learn(on(GOLD), 0.0, rng.gauss(0, 10), NOW)
            model.learn(on(GOLD, (f"a{number}", "help")), 5.0, rng.gauss(5 + miss, 10), NOW)
        found = model.estimates(on(GOLD, (f"a{number}", "help")), [5.0], NOW)
        about = 1.96 * (found.variances[0] + found.silence) ** 0.5
        held += abs(found.means[0] - 5 - miss) <= about
    assert held >= 0.95 * 200


def test_a_model_of_another_version_is_refused_by_name() -> None:
    content = Posterior(PRIOR).packed().replace(b"posterior 1\n", b"posterior 2\n", 1)
    with pytest.raises(Misconfigured, match="version 2, and this Rapport reads 1") as caught:
        Posterior.unpacked(content)
    assert caught.value.code == "model_version"


@given(st.binary(max_size=40) | st.integers(0, 500).map(lambda place: Posterior(PRIOR).packed()[:place]))
def test_bytes_that_are_no_model_are_refused(content: bytes) -> None:
    if content != Posterior(PRIOR).packed():
        with pytest.raises(Corrupt):
            Posterior.unpacked(content)


def test_a_model_in_which_one_bit_turned_is_refused() -> None:
    content = bytearray(taught(Posterior(PRIOR), [(GOLD, None, 3.0, 0)]).packed())
    content[-1] ^= 1
    with pytest.raises(Corrupt):
        Posterior.unpacked(bytes(content))


def test_the_noise_is_learnt() -> None:
    rng = random.Random(4)
    quiet, loud = (
        taught(Posterior(PRIOR), [(GOLD, None, rng.gauss(0, noise), 0) for _ in range(400)]) for noise in (1.0, 50.0)
    )
    crossing = on(GOLD, *CANDIDATES)
    assert quiet.estimates(crossing, [0.0] * 3, NOW).silence < loud.estimates(crossing, [0.0] * 3, NOW).silence / 3


def test_a_packed_model_holds_only_what_was_learnt() -> None:
    assert len(taught(Posterior(PRIOR), [(GOLD, None, 3.0, 0)] * 9).packed()) < 1_000
    assert msgspec.structs.asdict(Posterior.unpacked(Posterior(PRIOR).packed()).prior) == msgspec.structs.asdict(PRIOR)


@given(lessons, st.lists(st.floats(-1e9, 1e9), min_size=12, max_size=12))
@sample(20)
def test_two_sides_learn_and_tell_together_what_each_would_by_itself_to_the_bit(
    lessons: list[tuple[Features, tuple[str, str] | None, float, int]], others: list[float]
) -> None:
    apart, together = two_sides(), two_sides()
    for (features, candidate, outcome, later), other in zip(lessons, others, strict=False):
        one = on(features, *([] if candidate is None else [candidate]))
        apart[0].learn(one, 2.0, outcome, NOW + later)
        apart[1].learn(one, -1.0, other, NOW + later)
        learn_both(together, one, Worth(2.0, -1.0), Worth(outcome, other), NOW + later)
    assert [side.packed() for side in together] == [side.packed() for side in apart]
    crossing, worths = on(GOLD, *CANDIDATES), [Worth(2.0, -1.0), Worth(0.0, 1e9), Worth(-3.0, 0.5)]
    assert estimate_both(together, crossing, worths, NOW + 9 * DAY) == (
        apart[0].estimates(crossing, [worth.customer for worth in worths], NOW + 9 * DAY),
        apart[1].estimates(crossing, [worth.company for worth in worths], NOW + 9 * DAY),
    )


@pytest.mark.parametrize("gave", [Worth(1.0, 1e308), Worth(float("nan"), 1.0)])
def test_of_an_outcome_that_cannot_be_neither_side_learns_anything(gave: Worth) -> None:
    sides = two_sides()
    before = [side.packed() for side in sides]
    with pytest.raises(BadInput):
        learn_both(sides, on(GOLD, CANDIDATES[0]), Worth(), gave, NOW)
    assert [side.packed() for side in sides] == before
    with pytest.raises(ValueError, match="one candidate"):
        learn_both(sides, on(GOLD, *CANDIDATES), Worth(), Worth(), NOW)


def two_sides() -> tuple[Posterior, Posterior]:
    customer = Posterior(PRIOR)
    return customer, Posterior(Prior("company"), beside=customer)


@given(st.sampled_from([1.0, -1.0]), st.integers(50, 300))
@sample(10)
def test_one_absurd_outcome_among_any_number_does_not_end_learning(sign: float, before: int) -> None:
    """What it costs is forgotten by what comes after it, however far it was beside the truth."""
    known = hashed([("always", 1.0)])
    met = crossed(known, [("help", "help")])
    model = Posterior(PRIOR)
    for at in range(before):
        model.learn(met, 0.0, 2.0 + at % 3, at)
    model.learn(met, 0.0, sign * 1e9, before)
    (wrong,) = model.estimates(met, [0.0], before).means
    assert abs(wrong - 3.0) < 60.0
    for at in range(3 * before):
        model.learn(met, 0.0, 2.0 + at % 3, before + at)
    (after,) = model.estimates(met, [0.0], before).means
    assert abs(after - 3.0) < 1.5
