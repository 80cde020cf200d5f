"""Off-policy estimates: what another way to choose would have given, from what a log holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bench import logs
from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput, Conflict
from rapport.learn.logged import Candidate, Logged
from rapport.learn.off_policy import METHODS, Method, estimate, estimates, weights
from rapport.learn.reward_model import predicted
from rapport.learn.table import as_it_was, table, target

NOW = 1 << 60


def made(seed: int, customers: int = 80) -> tuple[logs.World, list[Logged]]:
    chance = np.random.default_rng(seed)
    world = logs.world(chance)
    return world, logs.log(world, chance, customers)


def one(decision: str = "dec_1", **changes: object) -> Logged:
    """A decision between a thank-you and silence."""
    candidates = (Candidate("thanks", "thank", 0.75), Candidate(SILENCE, SILENCE, 0.25))
    plain = Logged(decision, "cus_1", 0, 10, "thanks", candidates, 0.2, customer_benefit=1.0, company_value=2.0)
    return replace(plain, **changes)


def test_the_propensity_counts_all_lots_that_of_being_held_out_first() -> None:
    assert one().propensity == pytest.approx(0.8 * 0.75)
    assert one(action=SILENCE).propensity == pytest.approx(0.2 + 0.8 * 0.25)
    assert one(action=SILENCE, held_out=True).propensity == pytest.approx(0.4)
    assert sum(one().propensities.values()) == pytest.approx(1)
    assert one(holdout=0.0).propensities == pytest.approx(one().chances)


@given(st.integers(0, 10_000), st.sampled_from(METHODS))
def test_the_order_of_a_log_and_copies_in_it_change_no_bit(seed: int, method: Method) -> None:
    world, decisions = made(seed % 50)
    shuffled = list(np.random.default_rng(seed).permutation(np.array(decisions, object)))
    found = []
    for log in (decisions, [*shuffled, *shuffled[: len(shuffled) // 3]]):
        over = table(log, NOW)
        found.append(estimate(over, target(over, "", logs.other_way(world, decisions)), "customer", method))
    assert found[0] == found[1]


@given(st.integers(0, 10_000))
def test_by_ips_the_way_in_which_it_was_chosen_gave_the_mean(seed: int) -> None:
    _, decisions = made(seed)
    over = table(decisions, NOW)
    own = target(over, "", {one.decision: one.propensities for one in decisions})
    ips = estimate(over, own, "customer", "ips")
    snips = estimate(over, own, "customer", "snips")
    mean = np.mean([one.given("customer") for one in decisions])
    assert ips.value == pytest.approx(mean)
    assert snips.value == pytest.approx(mean)
    assert weights(over, own).each == pytest.approx(1.0)
    assert ips.effective == pytest.approx(len(decisions))


@given(st.integers(0, 10_000))
def test_no_weight_is_heavier_than_the_rarest_chance_allows_and_none_is_below_nothing(seed: int) -> None:
    world, decisions = made(seed)
    over = table(decisions, NOW)
    found = weights(over, target(over, "", logs.other_way(world, decisions)))
    assert (found.each >= 0).all()
    assert found.largest <= 1 / over.propensity[over.taken].min()
    assert found.largest <= logs.DRAWS / (1 - logs.HOLDOUT) + 1e-9
    assert 0 <= found.effective <= len(decisions) + 1e-6


@given(st.integers(0, 10_000), st.sampled_from(METHODS), st.floats(0.1, 1000))
def test_in_another_currency_everything_is_as_many_times_as_large(seed: int, method: Method, rate: float) -> None:
    world, decisions = made(seed % 50)
    dearer = [replace(one, customer_benefit=one.given("customer") * rate) for one in decisions]
    found = []
    for log in (decisions, dearer):
        over = table(log, NOW)
        found.append(estimate(over, target(over, "", logs.other_way(world, decisions)), "customer", method))
    plain, dear = found
    assert plain.trouble == dear.trouble
    if plain.value is not None and plain.low is not None and plain.high is not None:
        assert plain.low <= plain.value <= plain.high
        assert (dear.value, dear.low, dear.high) == pytest.approx(
            (plain.value * rate, plain.low * rate, plain.high * rate), rel=1e-4, abs=1e-6 * rate
        )


def test_a_choice_that_was_never_tried_cannot_be_told_and_says_which() -> None:
    decisions = [one(f"dec_{number}", customer=f"cus_{number}") for number in range(200)]
    over = table(decisions, NOW)
    wished = target(over, "", {"dec_7": {"call": 1.0}, "dec_8": {"thanks": 0.5, "call": 0.5}})
    assert wished.beyond == pytest.approx({"call": 1.5 / 200})
    for method in METHODS:
        found = estimate(over, wished, "customer", method)
        assert (found.trouble, found.value, found.low, found.high) == ("not_logged", None, None, None)
        assert "never tried" in found.said
        assert "call" in found.said


def test_a_candidate_that_no_draw_ever_won_was_not_tried_either() -> None:
    never = (Candidate("thanks", "thank", 1.0), Candidate("help", "help", 0.0), Candidate(SILENCE, SILENCE, 0.0))
    over = table([one(candidates=never)], NOW)
    assert target(over, "", {"dec_1": {"help": 1.0}}).beyond == {"help": 1.0}
    # Silence was, by those who are held out.
    assert target(over, "", {"dec_1": {SILENCE: 1.0}}).beyond == {}


def test_of_few_decisions_or_where_nothing_was_given_no_figure_goes_out() -> None:
    few = table([one(f"dec_{number}", customer=f"cus_{number}") for number in range(20)], NOW)
    none = table([], NOW)
    same = table([one(f"dec_{number}", customer=f"cus_{number}", action=SILENCE) for number in range(500)], NOW)
    nothing = table(
        [one(f"dec_{number}", customer=f"cus_{number}", customer_benefit=0.0) for number in range(500)], NOW
    )
    for over in (few, none, same, nothing):
        for found in estimates(over, as_it_was(over), "customer").values():
            assert (found.trouble, found.value, found.low) == ("too_few", None, None)
            assert found.said.startswith(("too few", "no decision"))


def varied(number: int, candidates: tuple[Candidate, ...]) -> list[Logged]:
    """Decisions that all did the first thing, and gave now this, now that."""
    return [
        one(
            f"dec_{place}",
            customer=f"cus_{place}",
            candidates=candidates,
            holdout=0.0,
            action=candidates[0].action,
            customer_benefit=float(place % 3),
        )
        for place in range(number)
    ]


def test_fewer_than_fifty_decisions_are_too_few_whatever_they_gave() -> None:
    always = (Candidate("thanks", "thank", 1.0), Candidate(SILENCE, SILENCE, 0.0))
    for number, trouble in ((49, "too_few"), (50, "")):
        over = table(varied(number, always), NOW)
        found = estimate(over, as_it_was(over), "customer", "ips")
        assert found.trouble == trouble
        assert ("counts as 49 decisions" in found.said) == (number == 49)


def test_what_had_hardly_a_chance_to_come_up_is_too_few_though_no_weight_shows_it() -> None:
    # Half of the choices had a chance of one in a hundred and did not come up: all weights that did are alike.
    rare = (Candidate("thanks", "thank", 0.99), Candidate(SILENCE, SILENCE, 0.01))
    over = table(varied(200, rare), NOW)
    half = target(over, "", {name: {"thanks": 0.5, SILENCE: 0.5} for name in over.decisions})
    found = estimate(over, half, "customer", "snips")
    assert weights(over, half).each == pytest.approx(0.5 / 0.99)
    assert found.effective == pytest.approx(200 / (0.25 / 0.99 + 0.25 / 0.01))
    assert found.trouble == "too_few"


def test_many_decisions_about_few_customers_are_few() -> None:
    world, decisions = made(3, 400)
    over = table(decisions, NOW)
    wide = table([replace(one, customer=f"cus_{number % 4}") for number, one in enumerate(decisions)], NOW)
    other = logs.other_way(world, decisions)
    apart, together = (estimate(each, target(each, "", other), "customer", "snips") for each in (over, wide))
    assert apart.customers == 400
    assert together.customers == 4
    assert together.value == pytest.approx(apart.value)
    assert together.rests_on <= 4


def test_an_outcome_that_came_early_waits_until_all_of_its_day_are_known() -> None:
    early, silent = one("dec_1"), one("dec_2", customer_benefit=None, company_value=None)
    assert table([early, silent], 9).number == 0
    assert list(table([early, silent], 10).given["customer"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("customer_benefit", {"customer_benefit": float("nan")}),
        ("company_value", {"company_value": 1e308}),
        ("features", {"features": (float("inf"),)}),
        ("holdout", {"holdout": 1.0}),
        ("held_out", {"held_out": True}),
        ("action", {"action": "call"}),
        ("candidates", {"candidates": (Candidate("thanks", "thank", 0.5),)}),
        ("candidates", {"candidates": (Candidate("thanks", "thank", 0.5), Candidate("thanks", "thank", 0.5))}),
        ("candidates", {"candidates": (Candidate("thanks", "thank", float("nan")),)}),
    ],
)
def test_a_decision_that_no_estimator_could_use_is_refused_and_names_why(
    field: str, changes: dict[str, object]
) -> None:
    with pytest.raises(BadInput) as refused:
        table([one(**changes)], NOW)
    assert (refused.value.code, refused.value.field) == ("bad_decision", field)


def test_two_decisions_of_one_id_are_refused_and_so_are_features_of_two_lengths() -> None:
    with pytest.raises(Conflict):
        table([one(), one(customer_benefit=3.0)], NOW)
    with pytest.raises(BadInput, match="as many"):
        table([one(), one("dec_2", features=(1.0,))], NOW)
    over = table([one()], NOW)
    for wrong in ({"thanks": 0.5}, {"thanks": 1.5, SILENCE: -0.5}, {}, {"thanks": float("nan")}):
        with pytest.raises(BadInput):
            target(over, "", {"dec_1": wrong})


@given(st.integers(0, 10_000))
def test_no_customer_helps_to_predict_themselves(seed: int) -> None:
    _, decisions = made(seed, 40)
    whose = decisions[0].customer
    dearer = [replace(one, customer_benefit=1e6) if one.customer == whose else one for one in decisions]
    plain, huge = table(decisions, NOW), table(dearer, NOW)
    own = plain.customer[plain.row] == plain.customer[0]
    before, after = (predicted(over, over.given["customer"]) for over in (plain, huge))
    assert (before[own] == after[own]).all()
    assert (before[~own] != after[~own]).any()
