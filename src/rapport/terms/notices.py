"""What a person is told when a company's promise changed: what changed of it, and what follows."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from rapport.kernel.vocabulary import CATEGORY_WORDS
from rapport.terms.agreements import Agreed
from rapport.terms.clauses import Terms
from rapport.terms.declaration import Declaration, Standing
from rapport.terms.policy import Judge
from rapport.terms.promise_changes import changes
from rapport.terms.sentences import unmet_words

Kind = Literal["began", "changed", "ended"]


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind`: what became of the agreement; `changed` goes on from the company's name, `follows` are sentences."""

    org: str
    name: str
    kind: Kind
    changed: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


def notice(
    judge: Judge,
    terms: Terms,
    key: bytes,
    old: Declaration,
    standing: Standing,
    agreed: tuple[Sequence[Agreed], Sequence[Agreed]],
    at: int,
) -> Notice:
    """What to tell a person with these terms. `agreed`: what was agreed before, and what is now; not the same."""
    before, after = ({one.purpose: one for one in each} for each in agreed)
    new = standing.declaration
    name = new.name or standing.org
    changed = changes(_concerning(old, terms, {*before, *after}), _concerning(new, terms, {*before, *after}))
    follows = [_lost(judge, terms, key, standing, purpose, at) for purpose in before if purpose not in after]
    follows += [_gained(one, before) for one in after.values() if one != before.get(one.purpose)]
    kind: Kind = "changed" if before and after else "ended" if before else "began"
    return Notice(standing.org, name, kind, tuple(changed), tuple(follows))


def _concerning(declaration: Declaration, terms: Terms, purposes: set[str]) -> Declaration:
    """Of a declaration what matters to a person with these terms."""
    asked = {criterion.value for clause in terms.clauses for criterion in clause.when if criterion.kind == "value"}
    return Declaration(
        declaration.name,
        {purpose: promise for purpose, promise in declaration.purposes.items() if purpose in purposes},
        {},
        tuple(claim for claim in declaration.values if claim.value in asked),
    )


def _lost(judge: Judge, terms: Terms, key: bytes, standing: Standing, purpose: str, at: int) -> str:
    verdict = judge.decide(terms, key, standing, purpose, at)
    if verdict.unmet:
        clause, wanted = verdict.unmet[0].clause, " and ".join(unmet_words(verdict.unmet))
        why = f"it no longer meets your clause {clause!r} ({wanted})"
    else:
        why = verdict.reason
    return f"It is locked out of {purpose}: {why}."


def _gained(now: Agreed, before: Mapping[str, Agreed]) -> str:
    categories = [*now.categories, *(name for shared in now.elsewhere for name in shared.categories)]
    data = ", ".join(dict.fromkeys(CATEGORY_WORDS.get(name, name) for name in categories))
    if now.purpose not in before:
        return f"It meets your terms for {now.purpose} now, and may use {data} for it."
    by = " by its other offer" if now.offer == "alternative" and before[now.purpose].offer == "promise" else ""
    return f"It still meets your terms for {now.purpose}{by}, and may use {data} for it."
