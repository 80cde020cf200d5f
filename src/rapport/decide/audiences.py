"""Audiences: named sets of customers, each by an expression for a purpose.

Whether a customer is in is a pure function of the definition, of the facts that the gate lets through for its purpose,
and of the moment. A customer who may not be read for the purpose has no facts, and is out exactly as one who is not
there. What happened in between (who entered and left when) is written down by whoever calls `moved`; a full
recomputation gives the same members, since nothing of the past is asked for but the facts.
"""

from typing import Any, Literal

import msgspec

from rapport.decide.traits import Computation, ComputedTrait, name_of
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import (
    UNKNOWN,
    Dependencies,
    Expression,
    ExpressionError,
    Facts,
    Kind,
    Result,
    Why,
    compile_expression,
    first_change,
)
from rapport.kernel.vocabulary import purpose as known_purpose

Cause = Literal["event", "time", "definition", "gone"]
"""Why a membership changed: what became known, the mere passing of time, another version of the definition, or that the
customer is no longer there: merged, erased, or not to be read any more, which nobody can tell apart."""


class Audience(msgspec.Struct, frozen=True):
    """One version of a definition. `at`: when it was saved (µs)."""

    org: str
    name: str
    expression: str
    purpose: str
    version: int = 1
    at: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """Whether a customer is in. `error`: why the expression fails on them, if it does: then they are out. `due`: when
    to ask again: time alone changes the verdict at no earlier instant (None: never)."""

    inside: bool
    error: str = ""
    due: int | None = None


OUT = Verdict(inside=False)


class Member(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of one customer in one audience. `since`: when they entered (µs), None while they are out; `due` and
    `error` as in the verdict; `version`: of the definition that was asked."""

    since: int | None
    version: int
    due: int | None = None
    error: str = ""


class Moved(msgspec.Struct, frozen=True):
    """A customer entered or left."""

    kind: Literal["entered", "left"]
    at: int
    cause: Cause
    version: int


class Rule:
    """An audience, compiled, over an organization's computed traits. Where its expression can no longer be read (by a
    later release, say) everybody is out, and `trouble` says why."""

    def __init__(self, audience: Audience, computation: Computation) -> None:
        self.audience = audience
        self.trouble = ""
        self.expression: Expression | None = None
        try:
            self.expression = compile_expression(audience.expression)
        except ExpressionError as error:
            self.trouble = error.message
        self._computation = computation
        own = Dependencies() if self.expression is None else self.expression.dependencies
        self._needed = computation.needed(own.computed)
        self.dependencies = computation.dependencies(own)
        """All that can change a verdict, computed traits followed to what they rest on."""

    def verdict(
        self, facts: Facts | None, now: int, memo: dict[int, Any] | None = None, *, exact: bool = True
    ) -> Verdict:
        """Whether a customer is in. `facts`: None where they may not be read for the purpose. `memo`: shared by rules
        of one purpose that are asked about the same customer at the same moment.

        `exact`: `due` is the very instant at which the verdict changes, found by trying one after the other at which it
        may; else it is the first of those, which costs a tenth. Whoever answers an event asks inexactly, whoever
        answers a timer exactly: so a timer fires once for nothing at most, and events wait for nobody.
        """
        if self.expression is None:
            return Verdict(inside=False, error=self.trouble)
        if facts is None:
            return OUT
        filled = self._computation.fill(facts, self._needed, now, memo)
        value, error = self.expression.evaluate(filled, now, memo)
        due = None
        if self.dependencies.time:
            due = self._due(facts, now) if exact else self._edge(filled, now)
        return Verdict(value is True, error, due)

    def why(self, facts: Facts | None, now: int) -> tuple[Why, ...]:
        """Why a customer is in or out: each piece of the expression with what it gives and what it saw, then each
        computed trait behind it. Empty where they may not be read."""
        if facts is None or self.expression is None:
            return ()
        filled = self._computation.fill(facts, self._needed, now)
        behind = ((name, self._computation.computed(name).explain(filled, now)) for name in self._needed)
        named = [msgspec.structs.replace(why, trait=name) for name, why in behind]
        return (self.expression.explain(filled, now), *named)

    def _result(self, facts: Facts, now: int) -> Result:
        if self.expression is None:
            return UNKNOWN
        return self.expression.evaluate(self._computation.fill(facts, self._needed, now), now)

    def _due(self, facts: Facts, now: int) -> int | None:
        def edge(at: int) -> int | None:
            return self._edge(self._computation.fill(facts, self._needed, at), at)

        # What fails in another way is no other verdict, but is told too.
        return first_change(lambda at: self._result(facts, at), edge, now, facts)

    def _edge(self, filled: Facts, now: int) -> int | None:
        own = None if self.expression is None else self.expression.edge(filled, now)
        behind = self._computation.edge(filled, self._needed, now) if self._needed else None
        return behind if own is None else own if behind is None else min(own, behind)


class Knowing:
    """A computed trait that nobody saved yet, looked at as an audience of those of whom it is known."""

    def __init__(self, trait: ComputedTrait, computation: Computation) -> None:
        """`trait` is by an expression. Raises ExpressionError."""
        self.audience = Audience(trait.org, trait.name, "", trait.purpose)
        self._expression = compile_expression(trait.expression, Kind.ANY)
        self._computation = computation
        self._needed = computation.needed(self._expression.dependencies.computed)
        self.dependencies = computation.dependencies(self._expression.dependencies)

    def verdict(
        self, facts: Facts | None, now: int, memo: dict[int, Any] | None = None, *, exact: bool = True
    ) -> Verdict:
        """`exact` is no matter: nobody waits for it."""
        del exact
        if facts is None:
            return OUT
        value, error = self._expression.evaluate(self._computation.fill(facts, self._needed, now, memo), now, memo)
        return Verdict(value is not None, error)


def audience(org: str, name: str, expression: str, purpose: str) -> Audience:
    """A first version, checked. Raises BadInput for a bad name or purpose, ExpressionError."""
    compile_expression(expression)
    return Audience(org, name_of(name, "an audience"), expression, known_purpose(purpose))


def next_version(before: Audience, expression: str, purpose: str, at: int) -> Audience:
    """The version after this one; the same one where nothing changes. Raises as `audience` does."""
    made = audience(before.org, before.name, expression, purpose)
    if (made.expression, made.purpose) == (before.expression, before.purpose):
        return before
    return msgspec.structs.replace(made, version=before.version + 1, at=at)


def moved(
    before: Member | None, verdict: Verdict, version: int, now: int, cause: Cause
) -> tuple[Member | None, Moved | None]:
    """What to keep of a customer from now on (None: nothing, they are out and nothing is due), and whether they entered
    or left. Asking again with the same verdict changes nothing: a replay moves nobody twice.
    """
    if before is not None and before.version > version:
        raise BadInput("a later version of this audience was asked already", code="stale_version")
    since = None if before is None else before.since
    move: Moved | None = None
    if verdict.inside and since is None:
        since, move = now, Moved("entered", now, cause, version)
    elif not verdict.inside and since is not None:
        since, move = None, Moved("left", now, cause, version)
    if since is None and verdict.due is None and not verdict.error:
        return None, move
    return Member(since, version, verdict.due, verdict.error), move
