"""How a person changes terms without writing any: take a preset, take a clause out, put one back; and what it changes.

Whether anything changes is not read off the clauses but decided, as the gate would: for each company and purpose, with
the terms as they are and as they would be.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.vocabulary import PURPOSES, names_in
from rapport.profile.record import OWN, Record
from rapport.profile.view import Part
from rapport.terms.clauses import Clause, Terms
from rapport.terms.deciding import decide
from rapport.terms.ground import Ground, Holder, People
from rapport.terms.policy import Judge, Unmet
from rapport.terms.presets import PRESETS


class Line(NamedTuple):
    """A clause in the list of a person's terms: in force, or one of the preset's that was taken out."""

    clause: Clause
    on: bool
    may_return: bool
    """It can be put back once it is taken out: the preset has it."""


class Allowed(NamedTuple):
    """What a company may read for a purpose: categories of what it collected, and of what was done elsewhere. Where it
    may read nothing, why, and what would have let it in."""

    categories: tuple[str, ...]
    elsewhere: tuple[str, ...]
    reason: str
    unmet: tuple[Unmet, ...]


def preset(name: str) -> Terms:
    """Raises BadInput where there is no such preset."""
    if name not in PRESETS:
        raise BadInput(f"{name[:40]!r} is no preset: {', '.join(PRESETS)} are", code="bad_terms", field="preset")
    return PRESETS[name]


def lines(terms: Terms) -> list[Line]:
    """The clauses in force and those of the preset that were taken out, in the preset's order where it has one."""
    original = PRESETS.get(terms.preset, Terms()).clauses
    known, held = {clause.id for clause in original}, {clause.id: clause for clause in terms.clauses}
    listed = [Line(held.get(clause.id, clause), clause.id in held, may_return=True) for clause in original]
    return listed + [Line(clause, on=True, may_return=False) for clause in terms.clauses if clause.id not in known]


def without(terms: Terms, clause: str) -> Terms:
    """Take a clause out. Raises NotFound."""
    kept = tuple(one for one in terms.clauses if one.id != clause)
    if len(kept) == len(terms.clauses):
        raise NotFound("there is no such clause in your terms")
    return msgspec.structs.replace(terms, clauses=kept)


def with_again(terms: Terms, clause: str) -> Terms:
    """Put a clause of the preset back into its place. Raises NotFound."""
    if not any(line.clause.id == clause and line.may_return for line in lines(terms)):
        raise NotFound("there is no such clause to put back")
    clauses = tuple(line.clause for line in lines(terms) if line.on or line.clause.id == clause)
    return msgspec.structs.replace(terms, clauses=clauses)


def allowed(
    judge: Judge, people: People, customers: Sequence[Sequence[Part]], grounds: Sequence[Ground], at: int
) -> dict[str, Allowed]:
    """Purpose → what an organization may read of a person's customers (their records), each on its ground; at a time
    (µs). Everyday purposes, and those that the organization has made promises for."""
    standing = grounds[0].standing
    told = {}
    for purpose in dict.fromkeys((*PURPOSES, *standing.declaration.purposes)):
        decisions = [
            decide(judge, people, parts, ground, purpose, at, reaching_out=False)
            for parts, ground in zip(customers, grounds, strict=True)
        ]
        collected = elsewhere = 0
        for decision in decisions:
            elsewhere |= decision.elsewhere
            for mask in decision.masks:
                collected |= mask
        worst = next((one for one in decisions if not one.permitted), decisions[0])
        told[purpose] = Allowed(names_in(collected), names_in(elsewhere), worst.reason, worst.unmet)
    return told


def imagined(ground: Ground, person: int, terms: Terms, *, locked: bool | None = None) -> Ground:
    """The same ground if a person had these terms; and, where `locked` is given, were locked or not."""
    key = b"imagined" + hashlib.blake2b(msgspec.msgpack.encode(terms), digest_size=16).digest()

    def changed(holder: Holder) -> Holder:
        if holder.id != person:
            return holder
        shut = holder.locked if locked is None else locked
        return msgspec.structs.replace(holder, terms=terms, key=key, locked=shut)

    return msgspec.structs.replace(ground, holders=tuple(changed(holder) for holder in ground.holders))


def nothing_yet(org: str, links: Sequence[str]) -> tuple[Part, ...]:
    """In place of the records of somebody whom a company does not know yet: one that holds what they claim."""
    kind, _, value = links[0].partition(":")
    return (Part(0, "", Record(org, "", kind, value, links=dict.fromkeys(links, OWN))),)
