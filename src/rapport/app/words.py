"""Purposes and categories as the desks put them into sentences to people."""

import re
from collections.abc import Iterable, Sequence

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


def _plain(name: str) -> str:
    return _CAPITAL.sub(" ", name.rpartition(":")[2]).lower()
