"""The company's mirror of its customers' statements: what it used and what that gave, month by month; and what its
promises cost it and opened.

It tells of many and of nobody (design, rule 8). Uses and benefits are the organization's own books. How often nothing
was given is one number for refused and absent, of looks at one customer each. Who is let in by the promise, and what
others wanted in vain, are guarded counts (`aggregates`), over twenty people at least.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rapport.kernel.times import rfc3339
from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import Estimate, Sum, by_kind, totals
from rapport.terms.declaration import Declaration, Promise, Standing
from rapport.terms.simulator import Simulation
from rapport.terms.statement import NOT_YET, estimate_told

MONTHS = 6
"""Told in one mirror: the month that was asked for and those before it."""


class Month(msgspec.Struct, frozen=True):
    """One month (`2026-11`) of an organization: uses by purpose, how often nothing was given, and what was settled."""

    month: str
    uses: Mapping[str, int]
    nothing: int
    sums: Sequence[Sum]


class Wanted(msgspec.Struct, frozen=True):
    """What people's terms wanted in vain in the last `days`: criteria in words with about how many people, and how many
    people in all (None: fewer than twenty; then nothing more is told)."""

    days: int
    people: int | None
    criteria: Sequence[tuple[str, int]]


class Mirrored(msgspec.Struct, frozen=True):
    """What a mirror is made of. `months`: the latest first, which is the one that is told of; `opened`: how the promise
    in force compares with an empty one, or why that is not known now."""

    org: str
    months: Sequence[Month]
    estimates: Sequence[Estimate]
    standing: Standing
    wanted: Wanted
    opened: Simulation | str


def empty(declaration: Declaration) -> Declaration:
    """The same wishes with nothing promised for them: what each purpose is for, by which right, and nothing else."""
    bare = {name: Promise(one.basis, one.categories, law=one.law) for name, one in declaration.purposes.items()}
    return Declaration(declaration.name, bare, declaration.consent)


def mirror(ground: Mirrored, why: Callable[[str], str]) -> dict[str, Any]:
    """The mirror as JSON has it. `why`: a purpose as the end of a sentence."""
    this = ground.months[0]
    ranked = sorted(this.uses.items(), key=lambda pair: (-pair[1], pair[0]))
    kinds = by_kind(this.sums)
    return {
        "organization": ground.org,
        "name": ground.standing.declaration.name or ground.org,
        "month": this.month,
        "used": sum(this.uses.values()),
        "uses": [{"purpose": purpose, "why": why(purpose), "count": count} for purpose, count in ranked],
        "nothing": this.nothing,
        "settled": {**totals(this.sums), "by_kind": kinds, "count": sum(one.times for one in this.sums)},
        "estimated": _estimated(ground.estimates),
        "promises": {
            "version": ground.standing.version,
            "since": rfc3339(ground.standing.since) if ground.standing.version else None,
            "cost": kinds["customer"],
            "wanted": _wanted(ground.wanted),
            "opened": _opened(ground.opened, why),
        },
        "months": [_month(one) for one in ground.months],
    }


def _month(one: Month) -> dict[str, Any]:
    return {"month": one.month, "used": sum(one.uses.values()), "nothing": one.nothing, "settled": totals(one.sums)}


def _estimated(estimates: Iterable[Estimate]) -> dict[str, Any]:
    told: dict[str, Any] = {"customer": [], "company": [], "known": False}
    for one in estimates:
        told["known"] = True
        told[one.side].append(estimate_told(one))
    return told if told["known"] else {**told, "said": NOT_YET}


def _wanted(wanted: Wanted) -> dict[str, Any]:
    criteria = [{"criterion": criterion, "people": people} for criterion, people in wanted.criteria]
    told = wanted.people is not None
    return {"days": wanted.days, "floor": FLOOR, "people": wanted.people, "criteria": criteria if told else []}


def _opened(opened: Simulation | str, why: Callable[[str], str]) -> dict[str, Any]:
    """By purpose about how many people let the organization in, and about how many would by an empty promise."""
    if isinstance(opened, str):
        return {"floor": FLOOR, "people": None, "purposes": None, "said": opened}
    purposes = [
        {
            "purpose": one.purpose,
            "why": why(one.purpose),
            "people": one.now,
            "without": one.then,
            "by_law": one.by_law,
        }
        for one in opened.purposes
    ]
    return {"floor": FLOOR, "people": opened.people, "purposes": purposes}
