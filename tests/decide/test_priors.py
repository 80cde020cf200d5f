"""The scale of what an action may miss: that of what the catalogue declares, whatever one of it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide.actions import Action, Benefit
from rapport.decide.features import crossed, hashed
from rapport.decide.kinds import MOST, Units, Worth
from rapport.decide.posterior import Posterior
from rapport.decide.priors import FAR, LEAST_MINUTES, USUAL, Scales, prior, scales_of, weighed

UNITS = Units("GBP")
LEAST = LEAST_MINUTES * UNITS.minute
amounts = st.floats(-MOST, MOST)
worths = st.lists(st.builds(Worth, amounts, amounts), max_size=30)


def both(*sizes):
    return [Worth(size, size) for size in sizes]


def action(kind="inform", value=0.0, amount=0.0):
    benefit = Benefit("discount", amount=amount) if amount else None
    return Action("shop", f"{kind}-{value}", kind, "service", {}, benefit=benefit, value=value)


def test_without_actions_it_is_the_usual_one_and_so_where_nothing_is_declared_of_a_side():
    assert scales_of([], UNITS) == Scales(USUAL, USUAL)
    assert scales_of([Worth(3.0, 0.0), Worth(4.0, 0.0)], UNITS).company == USUAL


def test_it_is_that_of_what_is_declared():
    assert scales_of([Worth(3.0, 30.0), Worth(-3.0, -30.0)], UNITS) == Scales(3.0, 30.0)


def test_next_to_nothing_is_not_taken_for_certainty():
    assert scales_of(both(1e-6, -1e-7), UNITS) == Scales(LEAST, LEAST)
    assert scales_of(both(1e-6), Units("GBP", minute=0.0)).customer > 0


@given(worths)
def test_any_catalogue_in_any_order_has_one_scale_above_nothing(some):
    found = scales_of(some, UNITS)
    assert found == scales_of(some[::-1], UNITS)
    assert min(found.customer, found.company) >= LEAST


@given(st.lists(st.floats(0.5, 20), min_size=3, max_size=30), st.floats(1e3, MOST))
def test_one_that_declares_any_riches_changes_little_for_all_others(sizes, riches):
    honest, found = scales_of(both(*sizes), UNITS), scales_of(both(*sizes, riches), UNITS)
    assert found.company <= FAR * max(sizes)
    assert found.company <= 20 * max(honest.company, *sizes)


def test_what_passes_arbitration_by_or_is_of_no_known_kind_is_not_counted():
    some = [action("offer", 4.0), action("notice", 1e6), action("sing", 1e6)]
    assert weighed(some, UNITS) == [Worth(0.0, 4.0)]


@pytest.mark.parametrize("scale", [0.5, 10.0, 1e6])
def test_bounds_of_what_is_learnt_follow_the_scale_for_outcomes_and_declarations(scale):
    held = prior("company", scale)
    assert held.bounded(MOST) == min(1000 * scale, MOST)
    assert held.within(-1e12) == max(-1000 * scale, -1e12)
    assert Posterior(held).prior.variance == scale * scale / 2


@given(
    st.lists(st.tuples(st.sampled_from(["", "help", "sell"]), st.integers(-9, 9), st.integers(-99, 99)), max_size=9),
    st.integers(-3, 20),
)
def test_who_counts_in_any_other_unit_learns_the_same(lessons, doublings):
    unit = 2.0**doublings
    known = hashed([("always", 1.0), ("plan is gold", 1.0), ("visits", 0.5)])
    ours, theirs = Posterior(prior("company", 3.0)), Posterior(prior("company", 3.0 * unit))
    for at, (action, declared, gave) in enumerate(lessons):
        met = crossed(known, [(action, "offer")] if action else [])
        ours.learn(met, float(declared), float(gave), at)
        theirs.learn(met, declared * unit, gave * unit, at)
    asked = crossed(known, [("help", "offer"), ("new", "offer")])
    one, other = ours.estimates(asked, [1.0, 2.0], 99), theirs.estimates(asked, [unit, 2 * unit], 99)
    assert [mean * unit for mean in one.means] == list(other.means)
    assert [spread * unit * unit for spread in (*one.variances, one.silence)] == [*other.variances, other.silence]
