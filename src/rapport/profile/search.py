"""Which words make a record findable: prefixes of the traits declared searchable, kept as keyed hashes only."""

import re
import unicodedata
from collections.abc import Iterator

from rapport.collect import Event
from rapport.profile.record import Record

SEARCHABLE = frozenset(
    ["name", "first_name", "last_name", "firstName", "lastName", "given_name", "surname", "full_name", "company"]
)
MIN_PREFIX = 2
MAX_PREFIX = 5
"""Longer words are found by their first letters, and then compared: an index entry per letter would cost more than it
saves."""
MAX_WORDS = 12

_WORD = re.compile(r"\w+")


def says_new_words(record: Record, event: Event) -> bool:
    """Whether an event says anything that search would want to know and the record does not hold yet."""
    if event.kind == "group":
        return False
    facts = record.facts
    return any(
        trait not in facts or facts[trait].value != traits[trait]
        for traits in (event.traits, event.traits_once)
        if not SEARCHABLE.isdisjoint(traits)
        for trait in SEARCHABLE & traits.keys()
    )


def tokens(text: str) -> list[str]:
    """The words of a text, folded for comparing: case, accents and width do not matter."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))[:MAX_WORDS]


def words_of(event: Event) -> Iterator[str]:
    """All prefixes under which an event may have made its record findable."""
    for traits in (event.traits, event.traits_once):
        for trait in SEARCHABLE & traits.keys():
            yield from _prefixes(traits[trait])


def _prefixes(value: object) -> Iterator[str]:
    if isinstance(value, str):
        for token in tokens(value):
            for length in range(MIN_PREFIX, min(len(token), MAX_PREFIX) + 1):
                yield token[:length]


def prefix(text: str) -> str | None:
    """What a searched word is looked up by, or None where it is too short to look for."""
    return text[:MAX_PREFIX] if len(text) >= MIN_PREFIX else None


def words(record: Record) -> Iterator[str]:
    """All prefixes under which a record should be found."""
    for trait in SEARCHABLE & record.facts.keys():
        yield from _prefixes(record.facts[trait].value)
