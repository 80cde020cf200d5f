"""A person's clauses as Cedar policies (https://docs.cedarpolicy.com): the same decisions in a language that auditors
know, and that another engine can be asked. The gate decides by `policy`; tests hold the two to the same answers.

| in Cedar | is |
|---|---|
| principal | the organization that asks: `Organization::"shop"` |
| action | the purpose; `Action::"within offers"` is what an allow for offers covers, `touching` what a deny hits |
| resource | one category of data, in every category above it; all of them are in `Category::"all data"` |
| `context.data` | `collected`, or done `elsewhere` |
| `context.met` | a clause's conditions, numbered from 1, each true or false |

Cedar knows no third truth, so what is unknown is settled in `context.met`: it is false to a permit, true to a forbid.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from rapport.kernel.vocabulary import (
    ANY,
    EVERYTHING,
    NAMES,
    below,
    bit,
    category,
    purpose,
    purposes_covered,
    purposes_denied,
)
from rapport.terms.clauses import Clause, Frequency, Terms
from rapport.terms.criteria import is_quiet, truth
from rapport.terms.declaration import Promise, Standing
from rapport.terms.policy import mask_of
from rapport.terms.sentences import clause_sentence, criterion_words

ALL_DATA = "all data"


def policies(terms: Terms, promise: Promise | None = None) -> str:
    """All clauses as policy text: one permit or forbid for each, under its id and the sentence it reads as; with a
    promise, also what forbids all that it does not speak of."""
    return "\n".join([*(_policy(clause) for clause in terms.clauses), *([] if promise is None else [_bound(promise)])])


def _bound(promise: Promise) -> str:
    promised = _list("Category", map(category, promise.categories))
    return (
        "// Whatever is allowed, nothing is read beyond what is promised.\n"
        '@id("as promised")\n'
        "forbid (principal, action, resource)\n"
        f"unless {{ resource in {promised} }};\n"
    )


def _policy(clause: Clause) -> str:
    permits = clause.effect == "allow"
    near = "within" if permits else "touching"
    actions = _list("Action", [f"{near} {_purpose(name)}" for name in clause.purposes])
    conditions = [f"{text}  // {_line(said)}" if said else text for text, said in _conditions(clause)]
    lines = (
        f"// {_line(clause_sentence(clause))}",
        f"@id({_quoted(clause.id)})",
        f"{'permit' if permits else 'forbid'} (principal, action in {actions}, resource)",
        "when {",
        f"    {conditions[0]}",
        *(f"    && {condition}" for condition in conditions[1:]),
        "};",
    )
    return "\n".join((*lines, ""))


def _conditions(clause: Clause) -> Iterator[tuple[str, str]]:
    """Cedar's text of each, with what to say of it."""
    if clause.who:
        yield f"principal in {_list('Organization', clause.who)}", ""
    yield f"resource in {_list('Category', _categories(clause))}", ""
    if clause.data != "all":
        yield f"context.data == {_quoted(clause.data)}", ""
    for number, criterion in enumerate(clause.when, 1):
        yield _met(clause, number), criterion_words(criterion)
    if clause.quiet:
        yield _met(clause, "quiet"), f"it is not between {clause.quiet.replace('-', ' and ')}, or nobody is reached"
    if clause.frequency is not None:
        yield _met(clause, "frequency"), f"used less than {clause.frequency.times} times this {clause.frequency.per}"


def _categories(clause: Clause) -> tuple[str, ...]:
    """Whoever shuts out everything shuts out what `everything` leaves out, too."""
    whole = clause.effect == "deny" and mask_of(clause.categories) & EVERYTHING == EVERYTHING
    return (ALL_DATA,) if whole else tuple(category(name) for name in clause.categories)


def _purpose(name: str) -> str:
    return name if name == ANY else purpose(name)


def _met(clause: Clause, condition: object) -> str:
    return f"context.met[{_quoted(f'{clause.id}.{condition}')}]"


def _list(kind: str, names: Iterable[str]) -> str:
    return f"[{', '.join(f'{kind}::{_quoted(name)}' for name in names)}]"


def _quoted(text: str) -> str:
    """A string literal of Cedar."""
    plain = (char if char.isprintable() and char not in '"\\' else f"\\u{{{ord(char):x}}}" for char in text)
    return f'"{"".join(plain)}"'


def _line(text: str) -> str:
    return " ".join(text.split())


@cache
def entities() -> tuple[dict[str, Any], ...]:
    """All purposes and categories, each with what it is in; Cedar's JSON. They never change while a node runs."""
    names = [*sorted(purposes_covered(ANY)), ANY]
    return (*(_action(name, names) for name in names[:-1]), *(_category(name) for name in NAMES))


def _action(asked: str, names: Sequence[str]) -> dict[str, Any]:
    within = [f"within {name}" for name in names if asked in purposes_covered(name)]
    touching = [f"touching {name}" for name in names if asked in purposes_denied(name)]
    parents = [{"type": "Action", "id": group} for group in (*within, *touching)]
    return {"uid": {"type": "Action", "id": asked}, "attrs": {}, "parents": parents}


def _category(name: str) -> dict[str, Any]:
    above = [wider for wider in (*NAMES, "everything") if wider != name and bit(name) & below(wider)]
    parents = [{"type": "Category", "id": wider} for wider in (*above, ALL_DATA)]
    return {"uid": {"type": "Category", "id": name}, "attrs": {}, "parents": parents}


def context(
    terms: Terms,
    standing: Standing,
    promise: Promise,
    at: int,
    *,
    reaching_out: bool = False,
    used: Callable[[Frequency], int] = lambda _: 0,
) -> dict[str, Any]:
    """What the policies are asked in, but for `data`: a promise held against every clause at a time (µs)."""
    met: dict[str, bool] = {}
    for clause in terms.clauses:
        for number, criterion in enumerate(clause.when, 1):
            answer = truth(criterion, promise, standing, at)
            met[f"{clause.id}.{number}"] = clause.effect == "deny" if answer is None else answer
        if clause.quiet:
            met[f"{clause.id}.quiet"] = not (reaching_out and is_quiet(clause.quiet, terms.zone, at))
        if clause.frequency is not None:
            met[f"{clause.id}.frequency"] = used(clause.frequency) < clause.frequency.times
    return {"met": met}


def request(org: str, purpose: str, kind: str, data: str, surroundings: dict[str, Any]) -> dict[str, Any]:
    """The question whether an organization may read what is of one kind, `collected` or done `elsewhere`."""
    return {
        "principal": {"type": "Organization", "id": org},
        "action": {"type": "Action", "id": purpose},
        "resource": {"type": "Category", "id": kind},
        "context": {**surroundings, "data": data},
    }
