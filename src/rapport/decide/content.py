"""Content with placeholders, as it is read: a text, and within braces what is known of the customer whom it is for.

    Hello {traits.first_name or "there"}, your {traits.boiler} is under warranty until {traits.warranty_until}.

Within the braces stand expressions (CEL) with `or` between them: the first that gives something to say is said. A brace
of the text itself is written twice. What is absent, or withheld from the purpose, which nobody can tell apart, gives
what stands behind the next `or`; where nothing stands there, the text is not said at all. What comes from a customer is
only ever data: one line, cut, without signs that steer a screen, escaped for where it stands. In HTML it may stand
between tags and nowhere else, and never in a script or a style.
"""

import re
from html.parser import HTMLParser
from typing import Final

import msgspec

from rapport.decide.channels import HTML, LINK
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import (
    Expression,
    ExpressionError,
    Kind,
    compile_expression,
)
from rapport.kernel.expressions.problems import Misread
from rapport.kernel.expressions.tokens import tokens_of

MOST_PLACES: Final = 50
"""Placeholders of one text."""
_OR = "or"
_QUOTES = "\"'"


class Place(msgspec.Struct, frozen=True):
    """A placeholder: its `text` with the braces, and what is tried in order. `empty`: whoever wrote it says in the last
    of these that nothing may stand there ("")."""

    text: str
    tried: tuple[Expression, ...]
    empty: bool = False


class Template(msgspec.Struct, frozen=True):
    """A text as pieces: said as they stand, or filled."""

    pieces: tuple[str | Place, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(piece for piece in self.pieces if isinstance(piece, Place))


def template(text: str, part: str, field: str) -> Template:
    """The template of one part of a message. Raises BadInput (`bad_placeholder`)."""
    pieces: list[str | Place] = []
    plain: list[str] = []
    at = 0
    while at < len(text):
        brace = _next_brace(text, at)
        plain.append(text[at:brace])
        if brace == len(text):
            break
        sign = text[brace]
        if text.startswith(sign * 2, brace):
            plain.append(sign)
            at = brace + 2
            continue
        if sign == "}":
            raise _bad("a } without its {: a brace of the text itself is written }}", field)
        end = _end_of_place(text, brace + 1, field)
        if any(plain):
            pieces.append("".join(plain))
            plain = []
        pieces.append(_place(text[brace + 1 : end], field))
        at = end + 1
    if any(plain):
        pieces.append("".join(plain))
    made = Template(tuple(pieces))
    if len(made.places) > MOST_PLACES:
        raise _bad(f"a text has at most {MOST_PLACES} placeholders", field)
    _check_where(made, part, field)
    return made


def _next_brace(text: str, at: int) -> int:
    found = [place for place in (text.find("{", at), text.find("}", at)) if place >= 0]
    return min(found, default=len(text))


def _end_of_place(text: str, start: int, field: str) -> int:
    """Where the brace is that closes a placeholder; those within quotes do not."""
    at = start
    while at < len(text):
        sign = text[at]
        if sign == "}":
            return at
        if sign == "{":
            break
        if sign not in _QUOTES:
            at += 1
            continue
        quotes = sign * 3 if text.startswith(sign * 3, at) else sign
        at += len(quotes)
        while at < len(text) and not text.startswith(quotes, at):
            at += 2 if text[at] == "\\" else 1
        at += len(quotes)
    shown = text[start - 1 : start + 30]
    message = f"the placeholder that begins with {shown!r} has no end: a brace of the text itself is written {{{{"
    raise _bad(message, field)


def _place(inside: str, field: str) -> Place:
    text = f"{{{inside}}}"
    tried = []
    for one in _alternatives(inside, text, field):
        if not one.strip():
            raise _bad(f"{text[:80]} says nothing: write what stands there, such as {{traits.name}}", field)
        try:
            expression = compile_expression(one.strip(), Kind.ANY)
        except ExpressionError as error:
            raise _bad(f"{text[:80]}: {error.problems[0].message}", field) from None
        if expression.kind is Kind.BOOL:
            raise _bad(f"{text[:80]} is true or false: write condition ? words : other words", field)
        tried.append(expression)
    last = tokens_of(tried[-1].text)
    return Place(text, tuple(tried), any(token.kind == "text" and token.value == "" for token in last))


def _alternatives(inside: str, text: str, field: str) -> list[str]:
    """The expressions between the `or`s."""
    try:
        tokens = tokens_of(inside)
    except Misread as wrong:
        raise _bad(f"{text[:80]}: {wrong.message}", field) from None
    found, start, depth = [], 0, 0
    before = ""
    for token in tokens:
        if token.kind == "op":
            depth += (token.raw in "([") - (token.raw in ")]")
        elif token.kind == "name" and token.raw == _OR and depth == 0 and before != ".":
            found.append(inside[start : token.start])
            start = token.end
        before = token.raw
    return [*found, inside[start:]]


def _check_where(made: Template, part: str, field: str) -> None:
    if part == LINK:
        first = made.pieces[0] if made.pieces else ""
        if not isinstance(first, str) or not re.match(r"https?://[^/?#]|/(?![/\\])", first):
            message = (
                "a link begins with https://, http:// or /, and then its place; what is known of a customer follows"
            )
            raise BadInput(message, code="bad_link", field=field)
        begins = first.partition("://")[2] or first
        if made.places and begins is not first and not re.search("[/?#]", begins):
            raise BadInput("no placeholder may stand in a link's host", code="bad_link", field=field)
    if part == HTML and made.places:
        _check_html(made, field)


class _Between(HTMLParser):
    """Which placeholders stand between tags, and in no script or style."""

    def __init__(self, mark: str) -> None:
        super().__init__(convert_charrefs=False)
        self.seen: set[int] = set()
        self._mark = mark

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.seen.update(map(int, re.findall(f"{self._mark}([0-9]+)x", data)))


def _check_html(made: Template, field: str) -> None:
    places = list(made.places)
    plain = "".join(piece for piece in made.pieces if isinstance(piece, str))
    # Letters stand for each: behind a < they would make a tag of it, as what a customer is called might.
    mark = "xplace"
    while mark in plain:
        mark += "x"
    numbers = iter(range(len(places)))
    parser = _Between(mark)
    # What is left unread at the end is a tag that has none: whatever follows on the page would be in it. (An & begins
    # no tag and ends none, and behind it the reader waits for the name of a sign.)
    html = "".join(one.replace("&", " ") if isinstance(one, str) else f"{mark}{next(numbers)}x" for one in made.pieces)
    parser.feed(html)
    for number, place in enumerate(places):
        if number not in parser.seen:
            message = (
                f"{place.text[:80]} stands within a tag, a comment, a script or a style: only between tags it is safe"
            )
            raise _bad(message, field)


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_placeholder", field=field)
