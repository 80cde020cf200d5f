"""Purposes and categories as the desks put them into sentences to people."""

import re
from collections.abc import Iterable, Iterator, Sequence

from rapport.kernel.vocabulary import CATEGORY_WORDS, PURPOSE_WORDS
from rapport.terms.agreements import Agreed

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def purpose(name: str) -> str:
    """As the end of a sentence: `to make you offers`, `for delivery of goods`."""
    return PURPOSE_WORDS.get(name) or f"for {_plain(name)}"


def categories(names: Sequence[str]) -> str:
    """`your name and what you bought`; "" for none."""
    said = [CATEGORY_WORDS.get(name) or f"your {_plain(name)}" for name in names]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def agreed(items: Iterable[Agreed]) -> tuple[str, ...]:
    """What was agreed, purpose by purpose: `what you bought to make you offers`."""
    return tuple(f"{categories(one.categories)} {purpose(one.purpose)}".strip() for one in items)


def in_full(items: Iterable[Agreed]) -> tuple[str, ...]:
    """All that was agreed, purpose by purpose, for who is about to sign it: `what you bought to make you offers; kept
    for 90 days; passed on to nobody`."""
    return tuple("; ".join(_parts(one)) for one in items)


def _parts(one: Agreed) -> Iterator[str]:
    yield f"{categories(one.categories) or 'nothing that it collected'} {purpose(one.purpose)}"
    if one.offer == "alternative":
        yield "by its other offer"
    for shared in one.elsewhere:
        finely = "exactly" if shared.detail == "exact" else "roughly"
        named = ", with the names of those companies" if shared.named else ""
        yield f"of what you did at other companies, {finely}: {categories(shared.categories)}{named}"
    yield "it does not say for how long" if one.retention_days is None else f"kept for {one.retention_days} days"
    if one.recipients is not None:
        yield f"given to {', '.join(one.recipients)}" if one.recipients else "given to nobody"
    if one.onward is not None:
        yield "who may pass it on" if one.onward and one.recipients else "passed on" if one.onward else "not passed on"
    if one.place:
        yield f"kept in {', '.join(one.place)}"
    for benefit in one.benefits:
        amount = f" {benefit.amount:g} {benefit.unit}" if benefit.amount else ""
        yield f"for you: {benefit.kind}{amount}{' a ' + benefit.per if benefit.per else ''}{' ' + benefit.text}".strip()
    for often in one.at_most:
        yield f"at most {often}"
    for hours in one.quiet:
        yield f"not at {hours}"


def _plain(name: str) -> str:
    return _CAPITAL.sub(" ", name.rpartition(":")[2]).lower()
