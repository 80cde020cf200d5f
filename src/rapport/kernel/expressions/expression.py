"""An expression, compiled once: evaluated on one customer's facts, and asked when time alone may change its result."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from rapport.kernel.expressions import evaluator
from rapport.kernel.expressions.arithmetic import OPERATIONS, reason
from rapport.kernel.expressions.checking import check
from rapport.kernel.expressions.facts import Dependencies, Facts
from rapport.kernel.expressions.keeping import Keeping, weight_of
from rapport.kernel.expressions.kinds import Kind, Schema
from rapport.kernel.expressions.leaves import (
    ABSENT,
    DaysSince,
    Elapsed,
    Fault,
    Leaf,
    Stamp,
    event_of,
    known_of,
)
from rapport.kernel.expressions.problems import ExpressionError, Problem
from rapport.kernel.expressions.terms import Part
from rapport.kernel.times import rfc3339

MOST_EDGES = 64
"""At most so many instants are tried for the next change; the last of them is then given, to be tried again."""
_EASY = 2_000
"""Events, up to which all of those instants are tried; of more, fewer are. Trying one beforehand costs what asking
again then costs, and spares a timer; but all at once they would make everybody else wait for a customer of many."""
_MOST_INTERNED, _MOST_READ = 50_000, 4_000_000
"""Leaves that are shared, and the characters that they were read from, before sharing begins anew."""
_VARIABLE = re.compile(r"\bv\d+\b")


class Result(NamedTuple):
    """What an expression gives for one customer: a value; or nothing, where it rests on what is absent; or an `error`,
    in words that say nothing of the customer's values."""

    value: Any = None
    error: str = ""

    @property
    def holds(self) -> bool:
        return self.value is True

    @property
    def unknown(self) -> bool:
        return self.value is None and not self.error


UNKNOWN = Result()
_TRUE, _FALSE = Result(value=True), Result(value=False)


class Why(msgspec.Struct, frozen=True):
    """One piece of an expression: its text, what it gives, and what it is made of. `saw`: each thing it looked at with
    the value found (None: absent). `trait`: the computed trait that it is the whole of, where it is one."""

    text: str
    result: Result
    saw: tuple[tuple[str, Any], ...] = ()
    parts: tuple["Why", ...] = ()
    trait: str = ""


def first_change(
    evaluate: Callable[[int], Any], edge: Callable[[int], int | None], now: int, facts: Facts
) -> int | None:
    """The earliest instant after `now` at which `evaluate` gives another result, where it can only do so at an `edge`.
    As `Expression.next_change` gives it; `facts`: those that both look at."""
    before = evaluate(now)
    at = now
    events = sum(len(series.times) for series in facts.events.values())
    for _ in range(MOST_EDGES if events <= _EASY else max(1, MOST_EDGES * _EASY // events)):
        following = edge(at)
        if following is None:
            return None
        at = following
        if evaluate(at) != before:
            break
    return at


class Expression(msgspec.Struct, frozen=True, eq=False):
    """Immutable, and safe to share. Made by `compile_expression`."""

    text: str
    kind: Kind
    wanted: Kind
    dependencies: Dependencies
    _leaves: tuple[tuple[str, Leaf], ...]
    _timed: tuple[Leaf, ...]
    _whole: Part
    _compiled: evaluator.Compiled

    def evaluate(self, facts: Facts, now: int, memo: dict[int, Any] | None = None) -> Result:
        """The result for one customer at one moment (µs). `memo`: share it between expressions that are evaluated on
        the same facts at the same moment, and what two of them look at is looked at once."""
        values, faults = self._seen(facts, now, memo)
        try:
            value = self._compiled.program.execute(values)
        except Exception as error:  # noqa: BLE001 (whatever the library raises is about this one customer's values)
            return self._failed(error, values, faults)
        if value is True:
            return _TRUE
        if value is False:
            return _FALSE
        return self._given(value)

    def next_change(self, facts: Facts, now: int) -> int | None:
        """The earliest instant after `now` at which the result is another, if no event comes; None: never.

        After MOST_EDGES instants at which something that it looks at changed and the result did not, or fewer where
        there are very many events, it gives the last of them: ask again then.
        """
        if not self.dependencies.time:
            return None
        return first_change(lambda at: self.evaluate(facts, at), lambda at: self.edge(facts, at), now, facts)

    def edge(self, facts: Facts, now: int) -> int | None:
        """The earliest instant after `now` at which anything that it looks at may be another, if no event comes."""
        first = None
        for leaf in self._timed:
            edge = leaf.edge(facts, now)
            if edge is not None and (first is None or edge < first):
                first = edge
        return first

    def explain(self, facts: Facts, now: int) -> Why:
        """What each piece gives, and what it looked at."""
        values, faults = self._seen(facts, now, None)
        looked = {name: _shown(leaf, facts, now, values.get(name)) for name, leaf in self._leaves}
        return self._explained(self._whole, values, faults, looked)

    # -- inside

    def _seen(
        self, facts: Facts, now: int, memo: dict[int, Any] | None
    ) -> tuple[dict[str, Any], dict[str, Fault] | None]:
        """The variables that have a value, with the operations of the program, and those that cannot have one."""
        values = self._compiled.operations.copy()
        faults: dict[str, Fault] | None = None
        for name, leaf in self._leaves:
            if memo is None:
                value = leaf.value(facts, now)
            else:
                value = memo.get(id(leaf), memo)
                if value is memo:
                    value = memo[id(leaf)] = leaf.value(facts, now)
            if value is ABSENT:
                continue
            if type(value) is Fault:
                faults = {} if faults is None else faults
                faults[name] = value
            else:
                values[name] = value
        return values, faults

    def _given(self, value: Any) -> Result:
        if self.wanted is Kind.BOOL:
            return Result(error="it gives neither true nor false")
        if self.kind is Kind.TIME:
            try:
                return Result(rfc3339(value))
            except (OverflowError, ValueError):
                return Result(error="a time is too far away")
        return Result(value)

    def _failed(self, error: Exception, values: dict[str, Any], faults: dict[str, Fault] | None) -> Result:
        name = evaluator.missing(error)
        if name:
            fault = None if faults is None else faults.get(name)
            return UNKNOWN if fault is None else Result(error=fault.reason)
        return Result(error=self._reason(self._whole, values))

    def _reason(self, part: Part, values: dict[str, Any]) -> str:
        """Why a piece fails on these values, said of the smallest piece that fails."""
        untaken: Part | None = None
        for item in part.items:
            if item is untaken:
                continue
            try:
                value = evaluator.compiled(item.code).program.execute({**OPERATIONS, **values})
            except Exception as error:  # noqa: BLE001 (it is being found out what it is)
                if not evaluator.missing(error):
                    return self._reason(item, values)
            else:
                if part.choice and item is part.items[0] and len(part.items) > 1:
                    untaken = part.items[2] if value else part.items[1]
        text = self.text[part.start : part.end]
        short = text if len(text) <= 80 else text[:79] + "…"
        return f"{_cause(part.code, values)}, in {short}"

    def _explained(
        self, part: Part, values: dict[str, Any], faults: dict[str, Fault] | None, looked: dict[str, Any]
    ) -> Why:
        try:
            result = Result(evaluator.compiled(part.code).program.execute({**OPERATIONS, **values}))
        except Exception as error:  # noqa: BLE001 (as in evaluate)
            name = evaluator.missing(error)
            fault = None if faults is None else faults.get(name)
            result = Result(error=self._reason(part, values)) if not name else UNKNOWN
            result = result if fault is None else Result(error=fault.reason)
        saw = (
            ()
            if part.items
            else tuple(
                {self.text[start:end]: looked[name] for name, start, end in part.looks if name in looked}.items()
            )
        )
        parts = tuple(self._explained(item, values, faults, looked) for item in part.items)
        return Why(self.text[part.start : part.end], result, saw, parts)


def _cause(code: str, values: dict[str, Any]) -> str:
    """Why CEL fails on these values, in words."""
    said: list[str] = []

    def noting(name: str) -> Any:
        def noted(*args: Any) -> list[Any]:
            given = OPERATIONS[name](*args)
            if not given:
                said.append(reason(name, *args))
            return given

        return noted

    try:
        evaluator.compiled(code).program.execute({**values, **{name: noting(name) for name in OPERATIONS}})
    except Exception:  # noqa: BLE001 (it fails again: what is noted says why)
        return said[-1] if said else "values of kinds that do not go together"
    return "it fails"


def _shown(leaf: Leaf, facts: Facts, now: int, value: Any) -> Any:
    """What a leaf looked at, as it is told: times as text."""
    if isinstance(leaf, Elapsed | DaysSince):
        return _shown(leaf.when, facts, now, leaf.when.value(facts, now))
    if isinstance(value, int) and not isinstance(value, bool) and _is_time(leaf):
        try:
            return rfc3339(value)
        except (OverflowError, ValueError):
            return None
    return None if value is ABSENT or isinstance(value, Fault) else value


def _is_time(leaf: Leaf) -> bool:
    return isinstance(leaf, Stamp) or (
        getattr(leaf, "how", "") in ("first", "last") and not getattr(leaf, "property", "")
    )


class _Leaves:
    """The one leaf of each kind, so that a memo knows it by its identity."""

    def __init__(self) -> None:
        self._interned: dict[Leaf, Leaf] = {}
        self._read = 0

    def shared(self, leaf: Leaf) -> Leaf:
        return self._interned.setdefault(leaf, leaf)

    def read(self, text: str) -> None:
        """Some are about to come of this text."""
        self._read += len(text)
        if len(self._interned) > _MOST_INTERNED or self._read > _MOST_READ:
            self._interned, self._read = {}, len(text)


_leaves = _Leaves()
_expressions = Keeping[tuple[str, Kind], "Expression"](48_000_000)


def compile_expression(text: str, wanted: Kind = Kind.BOOL) -> Expression:
    """An expression from its text. `wanted`: BOOL for an audience, ANY for a computed trait.

    Raises ExpressionError with all that is wrong with it. What was seen of the data is no matter here: see `review`.
    """
    return _expressions.get((text, wanted), weight_of(text), lambda: _compiled(text, wanted))


def _compiled(text: str, wanted: Kind) -> Expression:
    checked = check(text, wanted=wanted)
    if checked.part is None:
        raise ExpressionError(checked.problems)
    used = set(_VARIABLE.findall(checked.part.code))
    _leaves.read(text)
    leaves = tuple((name, _leaves.shared(leaf)) for leaf, name in checked.leaves.items() if name in used)
    return Expression(
        text,
        checked.kind,
        wanted,
        _dependencies([leaf for _, leaf in leaves]),
        leaves,
        tuple(leaf for _, leaf in leaves if _is_timed(leaf)),
        checked.part,
        evaluator.compiled(checked.part.code),
    )


def review(text: str, schema: Schema, wanted: Kind = Kind.BOOL) -> tuple[Problem, ...]:
    """All that is wrong with an expression, and (as doubts) what of it was never seen; by place."""
    problems = check(text, schema, wanted=wanted).problems
    return tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.column)))


def _dependencies(leaves: list[Leaf]) -> Dependencies:
    named: dict[str, set[str]] = {"traits": set(), "computed": set(), "identifiers": set()}
    events: dict[str, set[str]] = {}
    for leaf in leaves:
        known, event = known_of(leaf), event_of(leaf)
        if known is not None:
            named[known.root].add(str(known.steps[0]))
        if event is not None:
            events.setdefault(event[0], set()).update({event[1]} - {""})
    return Dependencies(
        frozenset(named["traits"]),
        {name: frozenset(properties) for name, properties in events.items()},
        frozenset(named["identifiers"]),
        frozenset(named["computed"]),
        any(map(_is_timed, leaves)),
    )


def _is_timed(leaf: Leaf) -> bool:
    return isinstance(leaf, Elapsed | DaysSince) or event_of(leaf) is not None
