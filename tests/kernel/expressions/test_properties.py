"""What holds of every expression and every customer."""

import contextlib
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from rapport.kernel.expressions import (
    FUNCTIONS,
    Expression,
    ExpressionError,
    Facts,
    Kind,
    Result,
    Schema,
    Series,
    compile_expression,
    review,
)
from rapport.kernel.times import DAY, HOUR
from tests.kernel.expressions import twin

_SIGNS = [*"()[]{}',.<>!-+/?:=", "==", "!=", "&&", "||", "//", "r'", "in"]
_VALUES = ["now", "ago", "true", "3", "1.5", "null", "0x", "1e999"]
_ODD = ['"', " ", "\n", "\\", "é", "\x00", "\ud800", '"""', "9" * 25, "traits['a b']"]
_NAMES = ["traits.", "plan", "computed.score", '"Order Completed"', "days(30)"]
_pieces = st.lists(st.sampled_from([*FUNCTIONS, *_NAMES, *_SIGNS, *_VALUES, *_ODD]), max_size=25)
anything = st.text(max_size=40) | _pieces.map("".join) | _pieces.map(" ".join)
SCHEMA = Schema({"plan": frozenset({Kind.TEXT})}, {"Order Completed": {}}, frozenset({"email"}), {"score": Kind.NUMBER})


def made(tree: Any) -> Expression:
    """The expression of a tree, where its kinds go together (which trees do not look at)."""
    try:
        return compile_expression(twin.render(tree))
    except ExpressionError as error:
        assume(False)
        raise AssertionError from error


def told(result: Result) -> Any:
    return twin.UNKNOWN if result.unknown else twin.ERROR if result.error else result.value


@given(anything, twin.facts())
def test_no_text_crashes_reading_or_evaluating(text: str, facts: Facts) -> None:
    for problem in review(text, SCHEMA):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        line = text.split("\n")[problem.line - 1]
        assert line[problem.column - 1 :].startswith(problem.text.split("\n", 1)[0])
    with contextlib.suppress(ExpressionError):
        expression = compile_expression(text, Kind.ANY)
        expression.evaluate(facts, twin.START)
        expression.explain(facts, twin.START)
        expression.next_change(facts, twin.START)


@given(twin.truths, twin.facts(), st.integers(-2 * DAY, 2 * DAY))
@example(("compare", "==", ("number", 1), ("number", 1)), Facts(), 0)
def test_an_expression_means_what_its_twin_says(tree: Any, facts: Facts, later: int) -> None:
    now = twin.START + later
    wanted = twin.meaning(tree, facts, now)
    if wanted is not twin.UNKNOWN and not isinstance(wanted, bool):
        wanted = twin.ERROR
    expression = made(tree)
    assert told(expression.evaluate(facts, now)) == wanted
    assert expression.explain(facts, now).result == expression.evaluate(facts, now)


@given(st.lists(twin.truths, min_size=2, max_size=5), twin.facts())
def test_expressions_that_share_what_they_look_at_give_the_same(trees: list[Any], facts: Facts) -> None:
    memo: dict[int, Any] = {}
    for tree in trees:
        expression = made(tree)
        assert expression.evaluate(facts, twin.START, memo) == expression.evaluate(facts, twin.START)


@given(twin.truths, twin.facts(), twin.facts(), st.integers(-DAY, DAY))
def test_what_it_does_not_depend_on_changes_nothing(tree: Any, facts: Facts, other: Facts, later: int) -> None:
    expression = made(tree)
    needed = expression.dependencies
    changed = Facts(
        _mixed(facts.traits, other.traits, needed.traits),
        {
            name: _only(series, needed.events[name]) if name in needed.events else series
            for name, series in _mixed(facts.events, other.events, frozenset(needed.events)).items()
        },
        other.identifiers,
        _mixed(facts.computed, other.computed, needed.computed),
    )
    now = twin.START
    assert expression.evaluate(changed, now) == expression.evaluate(facts, now)
    assert expression.next_change(changed, now) == expression.next_change(facts, now)
    if not needed.time:
        assert expression.evaluate(facts, now + later) == expression.evaluate(facts, now)


def _mixed(mine: Any, other: Any, needed: frozenset[str]) -> dict[str, Any]:
    """What is needed from the one, all else from the other."""
    return {
        **{name: value for name, value in other.items() if name not in needed},
        **{name: value for name, value in mine.items() if name in needed},
    }


def _only(series: Series, properties: frozenset[str]) -> Series:
    return Series(series.times, {name: values for name, values in series.values.items() if name in properties})


@given(twin.truths, twin.facts(), st.integers(-2 * DAY, 2 * DAY))
def test_the_next_change_is_the_first_and_is_one(tree: Any, facts: Facts, later: int) -> None:
    now = twin.START + later
    expression = made(tree)
    before = expression.evaluate(facts, now)
    change = expression.next_change(facts, now)
    assert change is None or change > now
    end = now + 90 * DAY if change is None else change
    for instant in _instants(facts, now, end):
        assert told(expression.evaluate(facts, instant)) == told(before), (instant - now) / HOUR
    if change is not None:
        # Days are counted without end, so that of them the change may be one that was not looked for any further.
        assert expression.evaluate(facts, change) != before or "days_since" in expression.text


def _instants(facts: Facts, now: int, end: int) -> list[int]:
    """Instants after `now` and before `end`: a grid, and all that is whole half days from anything in time (as is
    every window and deadline of the generated expressions), with their neighbours."""
    times = {time for series in facts.events.values() for time in series.times if time != twin.UNTIMED}
    times |= {now, twin.START}
    near = {time + half * DAY // 2 + step for time in times for half in range(-4, 90) for step in (-1, 0, 1)}
    grid = range(now + 1, end, 6 * HOUR)
    return sorted(instant for instant in {*near, *grid, end - 1} if now < instant < end)
