"""Whom bytes of any shape may name: every value in them that could be an identifier."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from rapport.kernel.identifiers import normalise

MOST = 500
"""Identifiers at most."""
_TYPES = ("user_id", "email", "phone", "loyalty_id", "anonymous_id", "device_id")
_WORD = re.compile(rb"[^\s\"',;:{}\[\]()<>\\]{3,256}|[^\s\"',;{}\[\]()<>\\]{3,256}")


def named_in(body: bytes) -> list[str] | None:
    """Links (`type:value`) that a body may name, each of its values taken as every type that it can be; None where they
    are too many to ask everyone."""
    links: dict[str, None] = {}
    for value in _values(body):
        for kind in _TYPES:
            usable = normalise(kind, value)
            if usable is not None:
                links[f"{kind}:{usable}"] = None
        if len(links) > MOST:
            return None
    return list(links)


def _values(body: bytes) -> Iterator[str]:
    try:
        yield from _leaves(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        for word in _WORD.findall(body):
            yield word.decode("utf-8", "replace")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, dict):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)
