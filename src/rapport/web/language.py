"""The languages that pages speak: English as they are written, and others by catalogs of GNU gettext (`.po`).

How to use it. In templates `{{ _("Whole sentences, with %(name)s in them", name=bdi(one.name)) }}` (a link in one is
`link(path, words)`) or `ngettext`; in Python `SPOKEN.say("…")` or `SPOKEN.count("%(count)s day", "%(count)s days", n)`;
sentences that the domain makes take it as their `Tongue`. What was written down in English for good goes through
`| retold`. The German goes into `locale/de.po`, and for what was written down into `locale/written/de.po`;
`tests/web/test_language.py` tells what they lack.

The language of a page is that of its visit and its rendering (`speaking`), so that words which Python makes follow it
too. Catalogs are read once, when this module is. Where an area of pages offers no other language, it speaks English.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rapport.kernel.tongue import Tongue

if TYPE_CHECKING:  # sentences are also made where no pages are: commands do not load what serves them
    from starlette.requests import Request

ENGLISH: Final = "en"
NAMES: Final = {"en": "English", "de": "Deutsch"}
"""Each in its own words."""
COOKIE: Final = "rapport_language"
LOCALE: Final = Path(__file__).parent / "locale"
_RANGE = re.compile(r"\s*([a-z]{1,8})(?:-[a-z0-9-]{1,40})?\s*(?:;\s*q=([0-9.]{1,5}))?\s*", re.IGNORECASE)
_MARKS: Final = {"de": str.maketrans(",.", ".,")}
"""What becomes of English thousands and decimal marks."""
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


class Catalog:
    """What one language says for English. `written`: sentences that nobody asks for, since they stand in receipts,
    notices and errors, as `rapport.web.retelling` knows them again."""

    def __init__(self, asked: Iterable[Entry], written: Iterable[Entry] = ()) -> None:
        self.written = [one for one in written if all(one.said) and not one.fuzzy]
        sure = [one for one in asked if all(one.said) and not one.fuzzy]
        self.said = {one.one: one.said for one in (*self.written, *sure)}

    def one(self, text: str) -> str:
        """The text as it is where nothing is said for it."""
        said = self.said.get(text)
        return said[0] if said else text

    def many(self, one: str, many: str, count: int) -> str:
        """Every language here has a form for 1 and a form for all else."""
        said = self.said.get(one)
        forms = said if said is not None and len(said) == 2 else (one, many)
        return forms[0 if count == 1 else 1]


def _catalog(path: Path) -> Catalog:
    return Catalog(entries(path.read_text()), entries((LOCALE / "written" / path.name).read_text()))


CATALOGS: Final = {
    ENGLISH: Catalog(()),
    **{path.stem: _catalog(path) for path in sorted(LOCALE.glob("*.po"))},
}


def gettext(text: str) -> str:
    """The text in the language that is spoken; as it is where its catalog has none."""
    return CATALOGS[_spoken.get()].one(text)


def ngettext(one: str, many: str, count: int) -> str:
    return CATALOGS[_spoken.get()].many(one, many, count)


def figures(said: str) -> str:
    """A number written in English, `12,040.50`, with the marks of the language that is spoken: `12.040,50`."""
    return said.translate(_MARKS.get(_spoken.get(), {}))


def number(value: int) -> str:
    return figures(f"{value:,}")


class _Spoken:
    """The `Tongue` of the page that is being made."""

    def say(self, text: str, /, **values: object) -> str:
        return gettext(text) % values

    def count(self, one: str, many: str, count: int, /, **values: object) -> str:
        return ngettext(one, many, count) % {"count": number(count), **values}

    def listed(self, words: list[str], last: str, /) -> str:
        return f" {gettext(last)} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


SPOKEN: Final[Tongue] = _Spoken()


def spoken() -> str:
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def chosen(request: "Request", offered: Sequence[str]) -> str:
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
