"""Audiences and computed traits as the API and the console ask for them."""

from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from rapport.decide import Audience, ComputedTrait
from rapport.kernel.expressions import Problem, Why
from rapport.kernel.times import DAY, rfc3339

MOST_TOLD = 200
"""Characters of a text, or members of a list, that are told of what an expression saw."""


Kept = TypeVar("Kept", Audience, ComputedTrait)


class Warned(msgspec.Struct, frozen=True):
    """What nobody refuses, and its writer may want to know: a doubt about the expression, or that the purpose opens
    nothing."""

    field: str
    problem: Problem


class Saved(msgspec.Struct, Generic[Kept], frozen=True):
    """A definition that is on the disk. `fresh`: there was none of this name before."""

    definition: Kept
    warnings: tuple[Warned, ...]
    fresh: bool


class Filling(msgspec.Struct, frozen=True):
    """Everybody is being asked for a version: `share` of all records was (0 to 1)."""

    share: float


class Standing(msgspec.Struct, frozen=True):
    """An audience as it is. `count`: its members; `filling`: None once everybody was asked; `failing`: on so many the
    expression fails, who are not in, most for `reason`."""

    audience: Audience
    count: int
    filling: Filling | None = None
    failing: int = 0
    reason: str = ""


class Member(msgspec.Struct, frozen=True):
    """A customer of an audience that the gate let through, since when (µs), and the receipt of it."""

    customer: str
    since: int
    receipt: str


class Day(msgspec.Struct, frozen=True):
    """A day (since the epoch, UTC) of an audience: how many were in at its end, and came and went."""

    day: int
    inside: int
    entered: int
    left: int


class Learned(msgspec.Struct, frozen=True):
    """What became of a model. `at`: when it was fitted last; `customers`: by how many; `trouble`: why it could not
    be."""

    at: int
    customers: int
    trouble: str = ""


class Preview(msgspec.Struct, frozen=True):
    """What an expression would give today. `share`: of all records, as many were looked at (0 to 1); below 1, numbers
    are scaled from those. `new`, `left`: against who is in the saved version; None where there is none. `refusing`:
    about how many may not be read for the purpose, whatever the expression; None: fewer than `terms.aggregates.FLOOR`.
    `failing`: on so many the expression fails, most for `reason`; `read`: how many may be read for the purpose."""

    inside: int
    new: int | None
    left: int | None
    refusing: int | None
    failing: int
    reason: str
    share: float
    warnings: tuple[Warned, ...] = ()
    read: int = 0


class Audiences(Protocol):
    """What the node does about audiences, each for one organization. `who` is told in the audit log, `caller` in
    receipts."""

    async def put(
        self, org: str, name: str, expression: str, purpose: str, who: str, expected: int | None = None
    ) -> Saved[Audience]:
        """`expected`: the version that it is to follow, 0 for none. Raises BadInput, ExpressionError, Conflict
        (`too_many`, `outdated`)."""

    async def named(self, org: str, name: str) -> Standing:
        """Raises NotFound, also where it is another organization's."""

    async def page(self, org: str, after: str, limit: int) -> list[Standing]:
        """By name, those after one."""

    async def delete(self, org: str, name: str, who: str) -> None:
        """Raises NotFound, Conflict (`in_use`)."""

    async def members(
        self, org: str, name: str, caller: str, cursor: str | None, limit: int
    ) -> tuple[list[Member], str | None]:
        """A page through the gate, and the cursor of the next. Raises NotFound, BadInput (`bad_cursor`)."""

    async def history(self, org: str, name: str, days: int) -> list[Day]:
        """The last days, the oldest first. Raises NotFound."""

    async def why(self, org: str, name: str, customer: str, caller: str) -> dict[str, Any]:
        """Why one customer is in or out. Raises NotFound where the audience is not there, or the customer is absent or
        refused; Conflict (`ambiguous`)."""

    async def preview(self, org: str, expression: str, purpose: str, name: str | None, caller: str) -> Preview:
        """Against the saved version of `name`. Raises as `put` does, Busy."""


class Traits(Protocol):
    """What the node does about computed traits, each for one organization."""

    async def put(
        self, org: str, name: str, wish: "TraitWish", who: str, expected: int | None = None
    ) -> Saved[ComputedTrait]:
        """Raises BadInput, ExpressionError, Conflict (`cycle`, `too_many`, `outdated`)."""

    async def named(self, org: str, name: str) -> tuple[ComputedTrait, Learned | None]:
        """A computed trait, and what this version's model learned last: None of one by an expression, and of a model
        that waits for its turn. Raises NotFound."""

    async def page(self, org: str, after: str, limit: int) -> list[ComputedTrait]:
        """By name, those after one."""

    async def delete(self, org: str, name: str, who: str) -> None:
        """Raises NotFound, Conflict (`in_use`)."""


class TraitWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A computed trait as it is asked for: by an `expression`, or by a `model`, its `event` and maybe its `value`."""

    purpose: str
    expression: str | None = None
    model: str | None = None
    event: str | None = None
    value: str | None = None


# -- as they are told


def told_audience(standing: Standing) -> dict[str, Any]:
    one, filling = standing.audience, standing.filling
    return {
        **told_definition(one),
        "count": standing.count,
        "filling": None if filling is None else {"share": filling.share},
        "failing": standing.failing,
        "reason": standing.reason or None,
    }


def told_definition(one: Audience | ComputedTrait) -> dict[str, Any]:
    """An audience, or a computed trait, which also tells its model."""
    head: dict[str, Any] = {"name": one.name, "expression": one.expression or None, "purpose": one.purpose}
    if isinstance(one, ComputedTrait):
        head |= {"model": one.model or None, "event": one.event or None, "value": one.value or None}
    return {**head, "version": one.version, "since": rfc3339(one.at)}


def told_trait(one: ComputedTrait, learned: Learned | None) -> dict[str, Any]:
    """A computed trait, with what its model learned."""
    told = learned and {
        "at": rfc3339(learned.at),
        "customers": learned.customers,
        "trouble": learned.trouble or None,
    }
    return {**told_definition(one), "learned": told}


def told_saved(saved: Saved[Audience] | Saved[ComputedTrait]) -> dict[str, Any]:
    return {**told_definition(saved.definition), "warnings": told_warnings(saved.warnings)}


def told_warnings(warnings: Sequence[Warned]) -> list[dict[str, Any]]:
    return [{"field": one.field, **one.problem.told()} for one in warnings]


def told_member(one: Member) -> dict[str, Any]:
    return {"customer": one.customer, "since": rfc3339(one.since), "receipt": one.receipt}


def told_day(one: Day) -> dict[str, Any]:
    return {
        "day": rfc3339(one.day * DAY)[:10],
        "inside": one.inside,
        "entered": one.entered,
        "left": one.left,
    }


def told_preview(preview: Preview) -> dict[str, Any]:
    told = {
        "in": preview.inside,
        "new": preview.new,
        "left": preview.left,
        "refusing": preview.refusing,
        "failing": preview.failing,
        "reason": preview.reason or None,
        "share": preview.share,
        "sampled": preview.share < 1,
    }
    return {**told, "warnings": told_warnings(preview.warnings)}


def told_why(why: Why) -> dict[str, Any]:
    """A piece of an expression: `result` is null where it is unknown, and where it fails, which `error` tells. `trait`
    is there where it is the whole of a computed trait."""
    return {
        **({"trait": why.trait} if why.trait else {}),
        "text": why.text,
        "result": short(why.result.value),
        "error": why.result.error or None,
        "saw": [{"what": what, "value": short(value)} for what, value in why.saw],
        "parts": [told_why(part) for part in why.parts],
    }


def short(value: Any) -> Any:
    """A value that is told of: long texts and lists are cut."""
    if isinstance(value, str):
        return value if len(value) <= MOST_TOLD else f"{value[: MOST_TOLD - 1]}…"
    if isinstance(value, list | tuple):
        return [short(item) for item in value[:MOST_TOLD]]
    return value if value is None or isinstance(value, bool | int | float | dict) else str(value)
