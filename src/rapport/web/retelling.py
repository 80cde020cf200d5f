"""What was written down in English for good, told in the language of a page: the reasons on receipts, notices, errors.

Such a sentence is found in the catalog as it is, or as one of `locale/written` with its places filled; what
fills them is told the same way, and what nobody finds (a company's name, an amount) stays as it is. So no receipt needs
to be signed in more than one language. Of several sentences that could be meant, it is the one with most words of its
own.
"""

import re
from functools import lru_cache

from rapport.web import language

_PLACE = re.compile(r"%\((\w+)\)s")
_LEAST = 2
"""Letters that a sentence has of its own, at least, to be known by them."""
_DEEP = 4
_LONGEST = 2000
_FRACTION = re.compile(r"\d+\.\d+")
_LISTED = re.compile(r", | and | or ")
_WORDS = 3
"""Pieces of a list that are looked for as one part, at most."""


def retold(text: str) -> str:
    """The text in the language that is spoken."""
    tongue = language.spoken()
    if tongue == language.ENGLISH or not text or len(text) > _LONGEST:
        return text
    return _retold(tongue, text, _DEEP)


@lru_cache(4096)
def _retold(tongue: str, text: str, deep: int) -> str:
    catalog = language.CATALOGS[tongue]
    if _FRACTION.fullmatch(text):
        return language.figures(text)
    if text in catalog.said:
        return catalog.one(text).replace("%%", "%")
    if not deep:
        return text
    for pattern, said in _patterns(tongue):
        found = pattern.fullmatch(text)
        if found:
            return said % {name: _retold(tongue, value, deep - 1) for name, value in found.groupdict().items()}
    return _list(tongue, text, deep)


def _list(tongue: str, text: str, deep: int) -> str:
    """`your name and what you bought`: told where each of its parts is known. A part that has such a word in itself
    (`what you do and look at`) is known whole."""
    pieces, between = _LISTED.split(text), _LISTED.findall(text)
    if len(pieces) == 1:
        return text
    catalog = language.CATALOGS[tongue]
    said, first = "", 0
    while first < len(pieces):
        known = ((last, _joined(pieces, between, first, last)) for last in range(first + _WORDS, first, -1))
        last, part = next((pair for pair in known if pair[1] in catalog.said), (first + 1, pieces[first]))
        told = _retold(tongue, part, deep - 1)
        if told == part:
            return text
        mark = between[last - 1] if last < len(pieces) else ""
        said += told + (mark if mark in ("", ", ") else f" {catalog.one(mark.strip())} ")
        first = last
    return said


def _joined(pieces: list[str], between: list[str], first: int, last: int) -> str:
    """Some pieces of a list with what stands between them; "" where there are not so many."""
    if last > len(pieces):
        return ""
    return "".join(
        part for pair in zip(pieces[first:last], [*between[first : last - 1], ""], strict=True) for part in pair
    )


@lru_cache
def _patterns(tongue: str) -> list[tuple[re.Pattern[str], str]]:
    """The written sentences that have places, as patterns with what is said for them."""
    found = []
    for one, _, (said, *_), _ in language.CATALOGS[tongue].written:
        own = len(re.sub(r"[^A-Za-z]", "", _PLACE.sub("", one)))
        if own < _LEAST or not _PLACE.search(one):
            continue
        seen: set[str] = set()
        pattern = ""
        for number, part in enumerate(_PLACE.split(one)):
            if number % 2 == 0:
                pattern += re.escape(part.replace("%%", "%"))
            elif part in seen:
                pattern += f"(?P={part})"
            else:
                seen.add(part)
                pattern += f"(?P<{part}>.*?)"
        found.append((own, re.compile(pattern, re.DOTALL), said))
    found.sort(key=lambda each: -each[0])
    return [(pattern, said) for _, pattern, said in found]
