"""An expression's text as tokens, each with its place."""

import math
import re
from typing import NamedTuple

from rapport.kernel.expressions.problems import Misread

MAX_LENGTH = 4_000
MAX_INT = (1 << 63) - 1

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<text>[rR]?(?:'''|\"\"\"|'|\"))
    |(?P<bytes>[bB][rR]?['\"])
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)[A-Za-z_0-9]*)
    |(?P<name>[^\W\d]\w*)
    |(?P<op>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_SLIPS = {
    "=": ("one '=' compares nothing: equality is ==", "=="),
    "&": ("'and' is written &&", "&&"),
    "|": ("'or' is written ||", "||"),
    "“": ('a text stands between straight quotes, such as "gold"', '"'),
    "”": ('a text stands between straight quotes, such as "gold"', '"'),
    "„": ('a text stands between straight quotes, such as "gold"', '"'),
    "‘": ("a text stands between straight quotes, such as 'gold'", "'"),
    "’": ("a text stands between straight quotes, such as 'gold'", "'"),
    "≥": ("'at least' is written >=", ">="),
    "≤": ("'at most' is written <=", "<="),
    "≠": ("'not equal' is written !=", "!="),
}
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}
_CODE = re.compile(r"x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}")


class Token(NamedTuple):
    """`kind`: name, text, number, op or end; `value`: what a literal stands for; `start` and `end` are offsets."""

    kind: str
    raw: str
    value: str | int | float
    start: int
    end: int


def tokens_of(source: str) -> list[Token]:
    """All tokens, the last of kind "end". Raises Misread."""
    if len(source) > MAX_LENGTH:
        raise Misread(MAX_LENGTH, MAX_LENGTH + 20, f"an expression has at most {MAX_LENGTH:,} characters")
    half = re.search("[\ud800-\udfff]", source)
    if half is not None:
        raise Misread(half.start(), half.end(), "this is half a character")
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            slip = _SLIPS.get(source[at])
            if slip is not None:
                raise Misread(at, at + 1, *slip)
            raise Misread(at, at + 1, f"{source[at]!r} means nothing here")
        kind, raw, start, at = str(match.lastgroup), match.group(), at, match.end()
        if kind == "space":
            continue
        if kind == "bytes":
            raise Misread(start, at, "there are no bytes in what is known of customers: write a text without the b")
        if kind == "text":
            value, at = _text(source, start, raw)
            found.append(Token("text", source[start:at], value, start, at))
        elif kind == "number":
            found.append(Token("number", raw, _number(raw, start, at), start, at))
        else:
            found.append(Token(kind, raw, raw, start, at))
    found.append(Token("end", "", "", len(source), len(source)))
    return found


def _number(raw: str, start: int, end: int) -> int | float:
    if raw[-1] in "uU" and raw[:-1].isdigit():
        raise Misread(start, end, "there is one kind of number, without a letter behind it", raw[:-1])
    try:
        value: int | float = int(raw, 0) if raw[:2].lower() == "0x" or raw.isdigit() else float(raw)
    except ValueError:
        if raw.isdigit():  # an int of leading zeros
            value = int(raw)
        else:
            raise Misread(start, end, f"{raw[:40]} is no number") from None
    if isinstance(value, int) and value > MAX_INT:
        raise Misread(start, end, "a whole number is at most 9223372036854775807")
    if value == math.inf:
        raise Misread(start, end, "this number is too large")
    return value


def _text(source: str, start: int, opening: str) -> tuple[str, int]:
    """The text that a literal stands for, and the offset behind its end."""
    raw = opening[0] in "rR"
    quote = opening[1:] if raw else opening
    at = start + len(opening)
    out: list[str] = []
    while True:
        if at >= len(source) or (len(quote) == 1 and source[at] in "\r\n"):
            raise Misread(start, at, f"this text has no end: a {quote} is missing")
        if source.startswith(quote, at):
            return "".join(out), at + len(quote)
        if source[at] != "\\" or raw:
            out.append(source[at])
            at += 1
            continue
        code = _CODE.match(source, at + 1)
        if code is not None:
            out.append(_character(code.group(), at))
            at = code.end()
        elif source[at + 1 : at + 2] in _SIMPLE:
            out.append(_SIMPLE[source[at + 1]])
            at += 2
        else:
            raise Misread(at, at + 2, "this backslash escapes nothing: write two of them", "\\\\")


def _character(code: str, at: int) -> str:
    number = int(code[1:], 16) if code[0] in "xuU" else int(code, 8)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise Misread(at, at + len(code) + 1, "there is no such character")
    return chr(number)
