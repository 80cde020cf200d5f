"""The languages that pages speak: English as they are written, and others by catalogs of GNU gettext (`.po`).

The language of a page is that of its rendering (`speaking`), so that words which Python makes follow it too. Catalogs
are read once, when this module is. Where an area of pages offers no other language, it speaks English.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request

ENGLISH: Final = "en"
NAMES: Final = {"en": "English", "de": "Deutsch"}
"""Each in its own words."""
COOKIE: Final = "rapport_language"
LOCALE: Final = Path(__file__).parent / "locale"
_RANGE = re.compile(r"\s*([a-z]{1,8})(?:-[a-z0-9-]{1,40})?\s*(?:;\s*q=([0-9.]{1,5}))?\s*", re.IGNORECASE)
_MOST = 20
"""Wishes of a browser that are looked at."""
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


class Entry(NamedTuple):
    """One entry of a catalog. `said` has a form for one and one for many where `many` is not empty."""

    one: str
    many: str
    said: tuple[str, ...]
    fuzzy: bool


def entries(text: str) -> Iterator[Entry]:
    """What a `.po` file holds, but for its head."""
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith('"'):
                fields[name] += ast.literal_eval(line)
            elif not line.startswith("#") and line.strip():
                name, _, rest = line.partition(" ")
                fields[name] = ast.literal_eval(rest)
        if fields.get("msgid"):
            said = tuple(text for name, text in sorted(fields.items()) if name.startswith("msgstr"))
            yield Entry(fields["msgid"], fields.get("msgid_plural", ""), said, "#, fuzzy" in block)


_CATALOGS: Final = {
    path.stem: {one.one: one.said for one in entries(path.read_text()) if all(one.said) and not one.fuzzy}
    for path in sorted(LOCALE.glob("*.po"))
}


def gettext(text: str) -> str:
    """The text in the language that is spoken; as it is where its catalog has none."""
    said = _CATALOGS.get(_spoken.get(), {}).get(text)
    return said[0] if said else text


def ngettext(one: str, many: str, count: int) -> str:
    """Every language here has a form for 1 and a form for all else."""
    said = _CATALOGS.get(_spoken.get(), {}).get(one)
    forms = said if said is not None and len(said) == 2 else (one, many)
    return forms[0 if count == 1 else 1]


def spoken() -> str:
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def chosen(request: Request, offered: Sequence[str]) -> str:
    """What was chosen on a page, else what the browser wishes most (RFC 9110, `Accept-Language`), else the first."""
    if (said := request.cookies.get(COOKIE)) in offered:
        return str(said)
    wishes = []
    for part in request.headers.get("accept-language", "")[:500].split(",")[:_MOST]:
        found = _RANGE.fullmatch(part)
        if found and found[1].lower() in offered:
            try:
                wishes.append((float(found[2] or 1), found[1].lower()))
            except ValueError:
                continue
    best = max((weight for weight, _ in wishes), default=0.0)
    return next((name for weight, name in wishes if weight == best > 0), offered[0])
