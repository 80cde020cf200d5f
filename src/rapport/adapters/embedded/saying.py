"""Whether bytes that could not be read as events say any of some values: for what was rejected, where nothing is known
of its shape."""

import json
import re
from collections.abc import Callable, Collection

_SHORT = 6
"""A shorter value must stand by itself: the user `7` is not named by every 7."""
_MARKS = re.compile(rb"[\s().\-/]+")


def saying(values: Collection[str]) -> Callable[[bytes], bool] | None:
    """A test of bytes for any of these values, whatever their case, as UTF-8 or as JSON escapes, and for telephone
    numbers however they are written. None where there are no values."""
    if not values:
        return None
    spellings = {spelling for value in values for spelling in _spellings(value)}
    pattern = re.compile(b"|".join(map(_pattern, sorted(spellings))), re.IGNORECASE)
    numbers = [value.lstrip("+").encode() for value in values if re.fullmatch(r"\+?[0-9]{6,15}", value)]
    digits = re.compile(b"|".join(map(re.escape, numbers))) if numbers else None

    def says(content: bytes) -> bool:
        # Bytes have no case beyond ASCII, so text is also looked at in lower case.
        return bool(
            pattern.search(content)
            or (not content.isascii() and pattern.search(content.decode(errors="replace").lower().encode()))
            or (digits is not None and digits.search(_MARKS.sub(b"", content)))
        )

    return says


def _spellings(value: str) -> list[bytes]:
    raw = value.encode("utf-8", "surrogatepass")
    escaped = json.dumps(value)[1:-1].encode()
    return [raw, escaped, json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")]


def _pattern(spelling: bytes) -> bytes:
    escaped = re.escape(spelling)
    if len(spelling) >= _SHORT:
        return escaped
    return rb"(?<![0-9A-Za-z])" + escaped + rb"(?![0-9A-Za-z])"
