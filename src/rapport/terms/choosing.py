"""How a person changes terms without writing any: take a preset, take a clause out, put one back; and what it changes.

Whether anything changes is not read off the clauses but decided, as the gate would: for each company and purpose, with
the terms as they are and as they would be.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.vocabulary import CATEGORIES, OF_EVENTS, PURPOSES, bit, names_in
from rapport.profile.record import OWN, Record
from rapport.profile.view import Part
from rapport.terms.clauses import Clause, Terms
from rapport.terms.deciding import decide
from rapport.terms.ground import Ground, Holder, People
from rapport.terms.objecting import said
from rapport.terms.policy import Judge, Unmet
from rapport.terms.presets import PRESETS
from rapport.terms.reading import MAX_CLAUSES

EVENTS = sum(bit(name) for name in OF_EVENTS)
"""Elsewhere nothing but events is told, never a fact (`terms/elsewhere`)."""
_HIDDEN = "hide:"
"""What the ids of clauses begin with that hide something."""
_APART = "apart:"
"""What the ids of clauses begin with that keep what was done elsewhere from a company, or from everyone."""


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
    masks: tuple[int, int] = (0, 0)
    """What `categories` and `elsewhere` name: a name may stand for many."""


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


def hiding(terms: Terms, org: str, category: str) -> Terms:
    """Keep a kind of data from a company, whatever else allows it: what it collected and what was done elsewhere, for
    every purpose. Single facts cannot be kept from it, since what it may read is decided by their kind. Raises BadInput
    where it is no kind, NotFound where it is hidden already."""
    if category not in CATEGORIES:
        raise BadInput(f"{category[:40]!r} is no kind of data", code="bad_terms", field="value")
    if any(one.id == hidden_id(org, category) for one in terms.clauses):
        raise NotFound("this is hidden already")
    if len(terms.clauses) >= MAX_CLAUSES:
        raise BadInput(f"your terms have {MAX_CLAUSES} sentences already, which is all there may be", field="value")
    clause = Clause(hidden_id(org, category), "deny", (org,), categories=(category,), data="all")
    return msgspec.structs.replace(terms, clauses=(*said(terms), clause))


def apart(terms: Terms, org: str) -> Terms:
    """Keep what the person does elsewhere from a company, or from everyone (""), whatever else allows it. Raises
    NotFound where it is kept from it already, BadInput as above."""
    if is_apart(terms, org):
        raise NotFound("it is told nothing already")
    if len(terms.clauses) >= MAX_CLAUSES:
        raise BadInput(f"your terms have {MAX_CLAUSES} sentences already, which is all there may be", field="value")
    clause = Clause(f"{_APART}{org}", "deny", (org,) if org else (), data="elsewhere")
    return msgspec.structs.replace(terms, clauses=(*said(terms), clause))


def is_apart(terms: Terms, org: str) -> bool:
    return any(one.id == f"{_APART}{org}" for one in terms.clauses)


def hidden_id(org: str, category: str) -> str:
    return f"{_HIDDEN}{org}:{category}"


def is_hiding(clause: str) -> bool:
    """Whether a clause was made on the person's page to keep something back; it can be made there again."""
    return clause.startswith((_HIDDEN, _APART))


def hidden(terms: Terms, org: str) -> tuple[str, ...]:
    """The kinds of data that are hidden from a company by clauses of their own."""
    own = hidden_id(org, "")
    return tuple(one.id.removeprefix(own) for one in terms.clauses if one.id.startswith(own))


def begun_from(terms: Terms, name: str) -> Terms:
    """Terms that begin from a preset; what is hidden from companies stays hidden. Raises BadInput as `preset`."""
    fresh = preset(name)
    kept = tuple(one for one in terms.clauses if is_hiding(one.id))
    clauses = (*said(fresh), *kept) if kept else fresh.clauses
    return msgspec.structs.replace(fresh, clauses=clauses, zone=terms.zone, tell_why=terms.tell_why)


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
            elsewhere |= decision.elsewhere & EVENTS
            for mask in decision.masks:
                collected |= mask
        worst = next((one for one in decisions if not one.permitted), decisions[0])
        told[purpose] = Allowed(
            names_in(collected), names_in(elsewhere), worst.reason, worst.unmet, (collected, elsewhere)
        )
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
