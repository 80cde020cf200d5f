"""Content with placeholders, as it is said to one customer (`content` tells how it is written).

Whatever the facts are, nothing here raises; and what cannot be said is told by its placeholder and a reason that say
nothing of the customer. Before a message is filled it is known on which placeholders it hangs (`doubtful`), so that
many candidates are asked whether they could be said for what a few of them cost.
"""

import html
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from rapport.decide.channels import Dress
from rapport.decide.content import Place, Template
from rapport.kernel.expressions import NOTHING, Dependencies, Expression, Facts, Kind, Result

MOST_SAID: Final = 500
"""Characters of one value that are said; of a longer one the end is cut."""
MOST_LISTED: Final = 20
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What ends lines, turns the direction of writing, or is half a character."""
_COMMA: Final = frozenset(
    {"bg", "cs", "da", "de", "es", "fi", "fr", "hr", "hu", "is", "it", "lt", "lv", "nb", "nl", "nn", "no", "pl", "pt"}
    | {"ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk"}
)
"""Languages in which 12.50 is written 12,50."""
_GROWS: Final[Mapping[Dress, int]] = {"plain": 1, "html": 6, "link": 12}
"""How much longer a text can get, at most: `"` is `&quot;`, and a character beyond the usual planes is %F0%9F%98%80."""
_DRESSED: Final[Mapping[Dress, Any]] = {
    "plain": lambda said: said,
    "html": html.escape,
    "link": lambda said: quote(said, safe=""),
}


class Unsaid(NamedTuple):
    """Why a text cannot be said: a placeholder of it that gives nothing, in words that say nothing of the customer."""

    place: str
    reason: str


def filled(
    made: Template, facts: Facts, now: int, dress: Dress, language: str, memo: dict[int, Any] | None = None
) -> str | Unsaid:
    """A text for one customer. Whatever the facts are, it raises nothing."""
    out = []
    for piece in made.pieces:
        if isinstance(piece, str):
            out.append(piece)
            continue
        said, reason = _tried(piece, facts, now, language, memo)
        if reason:
            return Unsaid(piece.text, reason)
        out.append(_DRESSED[dress](said))
    return "".join(out)


def _tried(place: Place, facts: Facts, now: int, language: str, memo: dict[int, Any] | None) -> tuple[str, str]:
    """What is said, or why nothing can be."""
    reason = "it is absent or withheld, and nothing stands behind an or"
    value: Any = None
    for expression in place.tried:
        value, error = _given(expression, facts, now, memo)
        if error:
            reason = error
            continue
        said = spoken(str(value)[:10] if expression.kind is Kind.TIME and value is not None else value, language)
        if said:
            return said, ""
        if value is not None:
            reason = "it is nothing that can be said"
    return "", "" if value == "" and place.empty else reason


def _given(expression: Expression, facts: Facts, now: int, memo: dict[int, Any] | None) -> Result:
    """What an expression gives; what many texts say is worked out once."""
    if memo is None:
        return expression.evaluate(facts, now)
    known: Result | None = memo.get(id(expression))
    if known is None:
        known = memo[id(expression)] = expression.evaluate(facts, now, memo)
    return known


def doubtful(made: Template, dress: Dress, most: int) -> tuple[Place, ...] | None:
    """The placeholders on which it hangs whether a text can be said; None: also on how long it gets, with at most so
    many characters, or on whether anything is left of it."""
    size = sum(len(piece) for piece in made.pieces if isinstance(piece, str))
    size += len(made.places) * MOST_SAID * _GROWS[dress]
    says = any(piece.strip() for piece in made.pieces if isinstance(piece, str))
    return tuple(place for place in made.places if not _is_certain(place)) if says and size <= most else None


def unsaid(places: Iterable[Place], facts: Facts, now: int, memo: dict[int, Any] | None = None) -> Unsaid | None:
    """The first of some placeholders that gives nothing."""
    for place in places:
        reason = _tried(place, facts, now, "", memo)[1]
        if reason:
            return Unsaid(place.text, reason)
    return None


def _is_certain(place: Place) -> bool:
    last = place.tried[-1]
    if last.dependencies != Dependencies():
        return False
    value, error = last.evaluate(NOTHING, 0)
    return not error and (bool(spoken(value, "")) or (value == "" and place.empty))


def spoken(value: Any, language: str) -> str:
    """A value in words, on one line; "" where it cannot be said, such as true, an object or an empty text."""
    if isinstance(value, str):
        line = " ".join(_STEERING.sub(" ", value[: 4 * MOST_SAID]).split())
        return line if len(line) <= MOST_SAID else f"{line[: MOST_SAID - 1]}…"
    if isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return _figure(value, language)
    if isinstance(value, list | tuple):
        said = (spoken(one, language) for one in value[:MOST_LISTED] if not isinstance(one, list | tuple))
        return spoken(", ".join(filter(None, said)), language)
    return ""


def _figure(value: float, language: str) -> str:
    """Whole, or with two digits behind the point."""
    if abs(value) >= 10**15 or not math.isfinite(value):
        return ""
    whole = round(value)
    if abs(value - whole) < 0.005:
        return str(whole)
    text = f"{value:.2f}"
    return text.replace(".", ",") if language.partition("-")[0] in _COMMA else text
