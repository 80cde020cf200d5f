"""RFM and the models that ship, on customers whose place is known."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.decide import rfm
from rapport.decide.lifetime import Purchases, Spending
from rapport.decide.models import MODELS, Fitted, fit, lesson, modelled, shipped
from rapport.decide.offers import TELLS
from rapport.decide.rfm import Bought, bought_of, fit_fifths, score, segment
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import UNTIMED, Facts, Series
from rapport.kernel.times import DAY

NOW = 20_000 * DAY
FITTED = Fitted(
    NOW,
    Purchases(0.243, 4.414, 0.793, 2.426),
    Spending(6.25, 3.74, 15.44),
    rfm.Fifths((5.0, 10.0, 20.0, 40.0), (1.0, 2.0, 3.0, 5.0), (10.0, 20.0, 40.0, 80.0)),
)
times = st.lists(st.integers(NOW - 400 * DAY, NOW + DAY) | st.just(UNTIMED), max_size=8).map(sorted)


def customer(known: list[int]) -> Facts:
    return Facts(events={"Order": Series(known, {"total": [10.0 + place for place in range(len(known))]})})


def test_fifths_hold_a_fifth_each_and_the_best_is_five() -> None:
    fifths = fit_fifths([Bought(n, n, float(n)) for n in range(1, 101)])
    assert [score(fifths, Bought(n, n, float(n))) for n in (1, 20, 21, 50, 100)] == ["511", "511", "422", "333", "155"]


def test_many_of_the_same_share_one_fifth() -> None:
    fifths = fit_fifths([Bought(3, 1, 9.0)] * 90 + [Bought(300, 9, 90.0)] * 10)
    assert score(fifths, Bought(3, 1, 9.0)) == "511"
    assert score(fifths, Bought(300, 9, 90.0)) == "155"


def test_every_score_has_a_name() -> None:
    names = {segment(f"{r}{f}{m}") for r in range(1, 6) for f in range(1, 6) for m in range(1, 6)}
    assert names == {"champion", "loyal", "at_risk", "new", "promising", "drowsy", "lost"}


def test_fewer_than_fifty_teach_nothing() -> None:
    with pytest.raises(BadInput) as caught:
        fit_fifths([Bought(1, 1, 1.0)] * 49)
    assert caught.value.code == "too_few"


@given(st.lists(st.integers(0, 50), min_size=50, max_size=80))
def test_no_fifth_but_the_first_is_larger_than_its_share(days: list[int]) -> None:
    fifths = fit_fifths([Bought(day, 1, 1.0) for day in days])
    for place, limit in enumerate(fifths.days, start=1):
        assert sum(day > limit for day in days) <= len(days) * (5 - place) / 5


def test_what_was_bought_is_counted_until_now() -> None:
    series = Series((UNTIMED, NOW - 9 * DAY, NOW - 2 * DAY, NOW + 1), {"total": (1, "x", 4.5, 100)})
    assert bought_of(series, NOW, "total") == Bought(2, 3, 5.5)
    assert bought_of(Series((UNTIMED,)), NOW) is None


@given(st.sampled_from(sorted(MODELS)), times, st.integers(-3 * DAY, 3 * DAY), st.integers(0, DAY))
def test_a_models_value_changes_at_its_edges_only(model: str, known: list[int], later: int, step: int) -> None:
    trait, facts, now = modelled(model, "Order", "total", FITTED), customer(known), NOW + later
    value, edge = trait.evaluate(facts, now), trait.edge(facts, now)
    assert edge is None or edge > now
    until = now + 400 * DAY if edge is None else edge - 1
    assert trait.evaluate(facts, until) == value
    assert trait.evaluate(facts, min(now + step, until)) == value


@given(st.sampled_from(sorted(MODELS)), times)
def test_a_model_that_was_not_fitted_says_nothing(model: str, known: list[int]) -> None:
    assert modelled(model, "Order", "total", None).evaluate(customer(known), NOW).unknown


@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_is_learned_from_all_is_said_of_one(model: str) -> None:
    trait = shipped("acme", "it", model, "Order", "total", "analytics")
    everybody = [
        customer([NOW - days * DAY * left // 4 for left in range(1 + days % 4, 0, -1)]) for days in range(9, 99)
    ]
    lessons = [lesson(trait, facts, NOW) for facts in everybody]
    assert lesson(trait, Facts(), NOW) is None
    fitted = fit(trait, lessons, NOW)
    computed = modelled(model, "Order", "total", fitted)
    assert computed.evaluate(everybody[40], NOW).value is not None
    assert computed.evaluate(Facts(), NOW).unknown
    assert computed.explain(everybody[40], NOW).saw[0] == ("purchases", 2)


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        shipped("acme", "it", "magic", "Order", "", "analytics")
    assert caught.value.code == "unknown_model"


def test_every_model_is_in_the_reference_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/computed-traits.md").read_text("utf-8")
    table = page.partition("| model |")[2].partition("\n\n")[0]
    assert {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} == set(MODELS) == set(TELLS)
