"""What is kept of a decision, as estimators need it; and ruled on again with something changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rapport.decide.arbitration import Case, arbitrate
from rapport.decide.decision import Decision
from rapport.decide.features import Context, named
from rapport.decide.holdout import is_held_out
from rapport.decide.kinds import SILENCE, Worth
from rapport.decide.posterior import Estimates
from rapport.learn.decided import After, logged, weighed, without
from rapport.learn.what_if import what_if

NOW = 1 << 60
NAMES = ("help", "offer", "thanks")


def case(seed: str, weight: float = 0.5, **changes: object) -> Case:
    """Help is good for customers, an offer for the company, thanks a little for both."""
    customer = Estimates((2.0, 0.2, 0.6), (0.5, 0.5, 0.5), 0.1)
    company = Estimates((0.2, 2.0, 0.6), (0.5, 0.5, 0.5), 0.1)
    held_out = is_held_out(b"key", seed, 0.1)
    return replace(
        Case(seed, NAMES, ("help", "offer", "thank"), customer, company, weight, holdout=0.1, held_out=held_out),
        **changes,
    )


def decision(seed: str, of: Case | None = None) -> Decision:
    ruled = arbitrate(of or case(seed))
    return Decision(
        id=seed,
        at=5,
        purpose="service",
        channel="inbox",
        action=ruled.action,
        kind="",
        version=1,
        propensity=ruled.propensity,
        case=ruled.case,
        features=named(Context(5)),
        learnt=0,
        versions=(),
        units=0,
        manner=0,
        excluded=(),
        closes=10,
    )


def after(one: Decision, worth: Worth | None = None) -> After:
    return After(f"cus_{one.id}", True, worth)


@given(st.text(max_size=20))
def test_the_propensity_that_was_kept_is_the_one_that_estimators_use(seed: str) -> None:
    one = decision(seed)
    found = logged(one, after(one, Worth(1.0, 2.0)))
    assert found is not None
    assert found.checked().propensity == one.propensity
    assert found.action == one.action
    assert (found.given("customer"), found.given("company")) == (1.0, 2.0)
    assert sum(found.propensities.values()) == pytest.approx(1)


def test_a_notice_that_must_be_given_is_no_choice_and_teaches_estimators_nothing() -> None:
    one = decision("dec_1", case("dec_1", mandatory=frozenset({"offer"})))
    assert one.action == "offer"
    assert logged(one, after(one)) is None


def test_another_weight_is_ruled_on_again_with_the_same_draws() -> None:
    decisions = [decision(f"dec_{number}") for number in range(300)]
    log = [found for one in decisions if (found := logged(one, after(one, Worth())))]
    same = what_if(log, NOW, weighed(decisions, 0.5))
    assert same.changed == 0
    assert same.gains[0].verdict == "nothing_changes"
    other = weighed(decisions, 0.8)
    assert other.said == "weight 0.8"
    for one, kept in zip(decisions, log, strict=True):
        ruled = arbitrate(replace(one.case, weight=0.8))
        assert other.choose(kept) == dict(zip(NAMES, ruled.chances, strict=True)) | {SILENCE: ruled.silence}


def test_a_weight_for_customers_proves_a_gain_for_them_and_a_loss_for_the_company() -> None:
    truth = {"help": Worth(2.0, 0.2), "offer": Worth(0.2, 2.0), "thanks": Worth(0.6, 0.6), SILENCE: Worth()}
    decisions = [decision(f"dec_{number}") for number in range(800)]
    log = [found for one in decisions if (found := logged(one, after(one, truth[one.action])))]
    found = what_if(log, NOW, weighed(decisions, 0.7))
    assert [gain.verdict for gain in found.gains] == ["gain", "loss"]
    assert found.said.startswith("weight 0.7: for customers a gain, +")


def test_without_an_action_the_others_draws_are_as_they_were() -> None:
    decisions = [decision(f"dec_{number}") for number in range(50)]
    found = without(decisions, "offer")
    for one in decisions:
        kept = logged(one, after(one))
        assert kept is not None
        chances = found.choose(kept)
        assert chances.keys() == {"help", "thanks", SILENCE}
        assert sum(chances.values()) == pytest.approx(1)
        # What won a draw against the offer wins it without the offer.
        assert all(chances[action] >= kept.chances[action] for action in chances)
