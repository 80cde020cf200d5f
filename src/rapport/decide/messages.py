"""Messages as they are asked for: channel → language → a text, or the parts of a message by name."""

import re
from collections.abc import Mapping
from typing import Any, Final

from rapport.decide import languages
from rapport.decide.actions import unusable
from rapport.decide.channels import CHANNELS, is_one_line
from rapport.decide.content import template
from rapport.kernel.errors import TooLarge
from rapport.kernel.expressions import kind_of

MOST_CONTENT: Final = 200_000
"""Characters of all content of one action, in all channels and languages."""
MOST_LANGUAGES: Final = 50
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def checked_content(said: Mapping[str, Any]) -> dict[str, dict[str, dict[str, str]]]:
    """Channel → canonical language → parts, each checked. Raises BadInput that names the field."""
    if not said:
        raise unusable("content", 'it says nothing: {"inbox": {"en": "…"}} is the least')
    size = 0
    found: dict[str, dict[str, dict[str, str]]] = {}
    for channel, versions in said.items():
        field = f"content.{channel[:40]}"
        if channel not in CHANNELS:
            raise unusable(field, f"{channel[:40]!r} is no channel: {', '.join(CHANNELS)}", "unknown_channel")
        if not isinstance(versions, dict):
            raise unusable(field, f"a channel has messages by language, not {_shown(versions)}", "bad_type")
        if not 0 < len(versions) <= MOST_LANGUAGES:
            raise unusable(field, f"a channel has 1 to {MOST_LANGUAGES} languages")
        for tag, message in versions.items():
            known = languages.language(tag, f"{field}.{tag[:40]}")
            if known in found.setdefault(channel, {}):
                raise unusable(f"{field}.{tag[:40]}", f"{known} is there twice", "bad_language")
            parts = _parts(message, f"{field}.{known}")
            size += sum(map(len, parts.values()))
            if size > MOST_CONTENT:
                raise TooLarge(f"an action has at most {MOST_CONTENT:,} characters of content", field="content")
            found[channel][known] = _message(channel, parts, f"{field}.{known}")
    return found


def _parts(message: Any, field: str) -> dict[str, str]:
    parts = {"text": message} if isinstance(message, str) else message
    if not isinstance(parts, dict):
        raise unusable(field, f"a message is a text, or parts by name, not {_shown(message)}", "bad_type")
    for part, text in parts.items():
        if not isinstance(text, str):
            raise unusable(f"{field}.{part[:40]}", f"a part is a text, not {_shown(text)}", "bad_type")
    return parts


def _shown(value: Any) -> str:
    return "null" if value is None else kind_of(value).value


def _message(channel: str, parts: Mapping[str, str], field: str) -> dict[str, str]:
    shape = CHANNELS[channel]
    for part in shape.needs:
        if not parts.get(part, "").strip():
            raise unusable(f"{field}.{part}", f"{channel} needs a {part}", "missing_part")
    for part, text in parts.items():
        where = f"{field}.{part[:40]}"
        if part not in shape.parts:
            raise unusable(where, f"{channel} has no {part[:40]!r}: it has {', '.join(shape.parts)}", "unknown_part")
        if len(text) > shape.parts[part]:
            message = f"a {part} of {channel} has at most {shape.parts[part]:,} characters, this has {len(text):,}"
            raise TooLarge(message, field=where)
        if _CONTROL.search(text) or (is_one_line(part) and "\n" in text):
            raise unusable(where, "it has signs that are no text" if _CONTROL.search(text) else f"a {part} is one line")
        template(text, part, where)
    return {part: parts[part] for part in shape.parts if part in parts}
