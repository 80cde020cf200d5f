"""Audiences: who is in, who moved, what can change it, and when."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rapport.decide import (
    Audience,
    Change,
    ComputedTrait,
    Member,
    Rulebook,
    Verdict,
    audience,
    expressed,
    moved,
    next_version,
    with_trait,
)
from rapport.decide.models import Fitted
from rapport.decide.traits import Computation
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.expressions import ExpressionError, Facts, Kind, Series, compile_expression
from rapport.kernel.times import DAY
from tests.decide.test_rfm import FITTED
from tests.kernel.expressions import twin

NOW = twin.START
ORDERS = Facts({"plan": "gold"}, {"Order": Series((NOW - 20 * DAY, NOW - DAY), {"total": (10, 30)})})


def book(*audiences: str, **traits: str) -> Rulebook:
    made = [audience("acme", f"a{place}", text, "analytics") for place, text in enumerate(audiences)]
    return Rulebook(made, [expressed("acme", name, text, "service") for name, text in traits.items()])


def test_a_definition_is_checked_and_versioned() -> None:
    first = audience("acme", "gold", 'traits.plan == "gold"', "dpv:ServiceUsageAnalytics")
    assert (first.version, first.purpose) == (1, "analytics")
    assert next_version(first, first.expression, "analytics", NOW) is first
    second = next_version(first, 'traits.plan == "silver"', "analytics", NOW)
    assert (second.version, second.at, second.name) == (2, NOW, "gold")
    for name in ("", "9", "a b", "a" * 64, "é", "a\n"):
        with pytest.raises(BadInput):
            audience("acme", name, "true", "analytics")
    with pytest.raises(BadInput):
        audience("acme", "gold", "true", "world peace")
    with pytest.raises(ExpressionError):
        audience("acme", "gold", "traits.plan = 1", "analytics")


def test_who_may_not_be_read_is_out_as_one_who_is_not_there() -> None:
    rule = book("!has(traits.plan)").rules["a0"]
    assert rule.verdict(Facts(), NOW).inside
    assert rule.verdict(None, NOW) == Verdict(inside=False)
    assert rule.why(None, NOW) == ()


def test_an_audience_by_computed_traits_has_them_worked_out_from_its_own_facts() -> None:
    rules = book("computed.spent > 30", spent="computed.total * 1", total='sum("Order", "total", days(30))')
    rule = rules.rules["a0"]
    assert rule.verdict(ORDERS, NOW).inside
    assert rule.verdict(ORDERS, NOW).due == NOW + 10 * DAY
    withheld = Facts(ORDERS.traits, {}, {}, {"spent": 1_000})
    assert not rule.verdict(withheld, NOW).inside
    assert rule.dependencies.events == {"Order": frozenset({"total"})}
    pieces = [(why.trait, why.text) for why in rule.why(ORDERS, NOW)]
    assert pieces == [
        ("", "computed.spent > 30"),
        ("total", 'sum("Order", "total", days(30))'),
        ("spent", "computed.total * 1"),
    ]
    assert rules.uses("spent") == ["a0"]
    assert rules.uses("total") == ["spent"]


def test_a_computed_trait_that_was_deleted_is_absent() -> None:
    rule = book("computed.gone > 3 || has(computed.gone)").rules["a0"]
    assert rule.verdict(ORDERS, NOW) == Verdict(inside=False)


def test_an_audience_that_can_no_longer_be_read_is_empty_and_says_why() -> None:
    rule = Rulebook([Audience("acme", "old", "magic(1)", "analytics")]).rules["old"]
    assert not rule.verdict(ORDERS, NOW).inside
    assert "magic" in rule.verdict(ORDERS, NOW).error


def test_computed_traits_in_a_circle_are_refused_with_the_circle() -> None:
    with pytest.raises(Conflict) as caught:
        book(a="computed.b + 1", b="computed.c + 1", c="computed.a + 1")
    assert caught.value.code == "cycle"
    assert "a → b → c → a" in caught.value.message
    with pytest.raises(Conflict):
        with_trait((), ComputedTrait("acme", "x", "service", "computed.x + 1"))
    with_trait([ComputedTrait("acme", "x", "service", "computed.x + 1")], ComputedTrait("acme", "x", "service", "1"))


def test_a_long_chain_of_computed_traits_is_no_trouble() -> None:
    chain = {f"t{n}": compile_expression(f"computed.t{n - 1} + 1" if n else "1", Kind.ANY) for n in range(2_000)}
    computation = Computation(chain)
    filled = computation.fill(Facts(), computation.needed(["t1999"]), NOW)
    assert filled.computed["t1999"] == 2_000


def test_only_what_something_new_can_change_is_touched() -> None:
    rules = book(
        'traits.plan == "gold"',
        'count("Order") > 1',
        'within("*", days(1))',
        "has(identifiers.email)",
        "computed.total > 3",
        total='sum("Order", "total")',
    )
    assert rules.touched(Change(traits=frozenset({"plan"}))) == ["a0"]
    assert set(rules.touched(Change(events=frozenset({"Order"})))) == {"a1", "a2", "a4"}
    assert rules.touched(Change(events=frozenset({"Page"}))) == ["a2"]
    assert rules.touched(Change(identifiers=frozenset({"email"}))) == ["a3"]
    assert rules.touched(Change()) == []
    assert rules.needs(["a4", "a0"]).events == {"Order": frozenset({"total"})}
    assert rules.purposes() == {"analytics": ["a0", "a1", "a2", "a3", "a4"]}


def test_a_model_is_an_audiences_like_any_other_trait() -> None:
    trait = ComputedTrait("acme", "worth", "analytics", model="lifetime_value", event="Order", value="total")
    gold = audience("acme", "worthy", "computed.worth > 1", "analytics")
    assert not Rulebook([gold], [trait]).rules["worthy"].verdict(ORDERS, NOW).inside
    fitted: dict[str, Fitted] = {"worth": FITTED}
    rules = Rulebook([gold], [trait], fitted)
    verdict = rules.rules["worthy"].verdict(ORDERS, NOW)
    assert verdict.inside
    assert verdict.due is not None
    assert rules.touched(Change(events=frozenset({"Order"}))) == ["worthy"]


# -- moving


def test_entering_and_leaving_are_told_once() -> None:
    member, move = moved(None, Verdict(inside=True, due=NOW + 5), 1, NOW, "event")
    assert member == Member(NOW, 1, NOW + 5)
    assert move is not None
    assert (move.kind, move.at, move.cause, move.version) == ("entered", NOW, "event", 1)
    again, nothing = moved(member, Verdict(inside=True, due=NOW + 5), 1, NOW + 1, "event")
    assert again == member
    assert nothing is None
    gone, left = moved(member, Verdict(inside=False), 1, NOW + 5, "time")
    assert gone is None
    assert left is not None
    assert (left.kind, left.cause) == ("left", "time")


def test_who_is_out_is_kept_only_while_something_is_due_or_wrong() -> None:
    assert moved(None, Verdict(inside=False), 1, NOW, "event") == (None, None)
    assert moved(None, Verdict(inside=False, due=NOW + 9), 1, NOW, "event") == (Member(None, 1, NOW + 9), None)
    assert moved(None, Verdict(inside=False, error="no"), 1, NOW, "event") == (Member(None, 1, None, "no"), None)


def test_an_earlier_version_moves_nobody() -> None:
    with pytest.raises(BadInput):
        moved(Member(NOW, 2), Verdict(inside=False), 1, NOW, "event")


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=12))
def test_moves_and_members_agree_whatever_is_asked_twice(steps: list[tuple[bool, bool]]) -> None:
    member: Member | None = None
    inside = 0
    for at, (holds, twice) in enumerate(steps):
        for _ in range(1 + twice):
            member, move = moved(member, Verdict(inside=holds), 1, NOW + at, "event")
            inside += 0 if move is None else 1 if move.kind == "entered" else -1
        assert inside == int(holds) == int(member is not None and member.since is not None)


# -- properties, over the language's own generator


def generated(trees: list[Any], traits: list[Any]) -> Rulebook:
    """A rulebook of generated audiences, over generated computed traits that they name."""
    try:
        return Rulebook(
            [audience("acme", f"a{place}", twin.render(tree), "analytics") for place, tree in enumerate(trees)],
            [
                expressed("acme", name, twin.render(tree), "analytics")
                for name, tree in zip(("score", "gold"), traits, strict=False)
            ],
        )
    except (ExpressionError, Conflict):
        assume(False)
        raise


_books = st.builds(
    generated, st.lists(twin.truths, min_size=1, max_size=5), st.lists(twin.numbers | twin.truths, max_size=2)
)


@given(_books, twin.facts(), twin.facts(), st.sampled_from([*twin.TRAITS, *twin.EVENTS]))
def test_what_is_not_touched_keeps_its_verdict(rules: Rulebook, facts: Facts, other: Facts, name: str) -> None:
    if name in twin.TRAITS:
        change = Change(traits=frozenset({name}))
        after = Facts(_one(facts.traits, other.traits, name), facts.events, facts.identifiers)
    else:
        change = Change(events=frozenset({name}))
        after = Facts(facts.traits, _one(facts.events, other.events, name), facts.identifiers)
    touched = set(rules.touched(change))
    memo: dict[int, Any] = {}
    for audience_name, rule in rules.rules.items():
        if audience_name not in touched:
            assert rule.verdict(after, NOW, memo) == rule.verdict(facts, NOW)


def _one(mine: Any, other: Any, name: str) -> dict[str, Any]:
    changed = {key: value for key, value in mine.items() if key != name}
    return {**changed, name: other[name]} if name in other else changed


@given(_books, twin.facts(), st.integers(0, 40 * DAY), st.integers(0, DAY))
def test_no_verdict_changes_before_it_is_due(rules: Rulebook, facts: Facts, later: int, step: int) -> None:
    for rule in rules.rules.values():
        verdict = rule.verdict(facts, NOW)
        assert verdict.due is None or verdict.due > NOW
        until = NOW + 90 * DAY if verdict.due is None else verdict.due - 1
        for at in (min(NOW + later, until), min(NOW + step, until), until):
            assert rule.verdict(facts, at, exact=False).inside is verdict.inside
        hasty = rule.verdict(facts, NOW, {}, exact=False)
        assert (hasty.inside, hasty.error) == (verdict.inside, verdict.error)
        assert verdict.due is None or (hasty.due is not None and NOW < hasty.due <= verdict.due)
