"""In which language an action is said to a customer.

Tags are those of BCP 47 (RFC 5646): a language, and maybe a script, a region and variants; they are looked up as RFC
4647 §3.4 has it, from the narrowest to the widest, and then the other way: who asks for `de` is served with `de-AT`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from rapport.kernel.errors import BadInput

TRAITS: Final = ("language", "preferred_language", "locale", "lang")
"""Where sources say which language a customer speaks, the surest first."""
ENGLISH: Final = "en"
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3})){0,3})",
    re.IGNORECASE,
)
_SAME: Final[Mapping[str, tuple[str, ...]]] = {"no": ("nb", "nn"), "nb": ("no", "nn"), "nn": ("no", "nb")}
"""Languages whose speakers read each other's."""


def tag_of(text: str) -> str | None:
    """A tag in its canonical letters (`de-AT`, `zh-Hant-TW`); None for what is none."""
    found = _TAG.fullmatch(text)
    if found is None:
        return None
    script, region = found["script"], found["region"]
    parts = [found["language"].lower(), script and script.title(), region and region.upper()]
    return "-".join(filter(None, parts)) + found["variants"].lower()


def language(text: str, field: str) -> str:
    """Raises BadInput (`bad_language`)."""
    found = tag_of(text)
    if found is None:
        meant = tag_of(text.replace("_", "-"))
        hint = f": did you mean {meant}?" if meant else ", such as en, de-AT or zh-Hant"
        message = f"{text[:40]!r} is no language tag (BCP 47){hint}"
        raise BadInput(message, code="bad_language", field=field)
    return found


def spoken_by(traits: Mapping[str, Any]) -> tuple[str, ...]:
    """The languages that a customer's traits name, the surest first. Whatever is no language is passed over."""
    found: dict[str, None] = {}
    for name in TRAITS:
        value = traits.get(name)
        said = value if isinstance(value, list | tuple) else [value]
        for one in said[:10]:
            if isinstance(one, str) and (tag := tag_of(one[:40].partition(".")[0].strip().replace("_", "-"))):
                found[tag] = None
    return tuple(found)


@lru_cache(8_192)
def chosen(available: tuple[str, ...], wanted: tuple[str, ...], default: str = "") -> str:
    """The one of the available languages (at least one, canonical) to speak: the first wanted that there is, else the
    default, else English, else the first."""
    for one in (*wanted, *([default] if default else ()), ENGLISH):
        found = _found(available, one)
        if found is not None:
            return found
    return available[0]


def _found(available: Sequence[str], wanted: str) -> str | None:
    narrowing = wanted
    while narrowing:
        if narrowing in available:
            return narrowing
        narrowing = narrowing.rpartition("-")[0]
    own = wanted.partition("-")[0]
    for one in (own, *_SAME.get(own, ())):
        for tag in available:
            if tag.partition("-")[0] == one:
                return tag
    return None
