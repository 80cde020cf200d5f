"""Mail that comes back: answers to messages, and what mail servers and programs say of them (RFC 3464, RFC 3834).

Of an answer only headers are read, and of a server's report the lines that say of which message it is and what became
of it. All is found by fixed patterns: nothing that a stranger writes takes long, or fails. What the answer says is for
whoever reads it.
"""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Literal, NamedTuple

from rapport.kernel.errors import BadInput
from rapport.kernel.times import micros

Kind = Literal["reply", "automatic", "bounce", "delay"]
MOST_BYTES: Final = 1 << 20
_MOST_NAMED: Final = 20
_DECISION: Final = rb"<(dec_[0-9a-z]{1,40})@"
_NAMED: Final = re.compile(_DECISION)
_REPORTED: Final = re.compile(rb"^(?:x-)?(?:original-)?message-id:[ \t]*" + _DECISION, re.IGNORECASE | re.MULTILINE)
_ACTION: Final = re.compile(rb"^action:[ \t]*([a-z]+)", re.IGNORECASE | re.MULTILINE)
_HEADER: Final = re.compile(rb"^([!-9;-~]{1,80}):[ \t]*(.*)$", re.MULTILINE)
_BECAME: Final[dict[bytes, Kind]] = {b"failed": "bounce", b"delayed": "delay"}


class Answer(NamedTuple):
    """`decisions`: those that it names, the likeliest first; `id`: its own, ""; `at`: when it says that it was written
    (µs), None: it does not."""

    kind: Kind
    decisions: tuple[str, ...]
    id: str
    at: int | None


def read(mail: bytes) -> Answer:
    """What a mail is, as it came in or cut off after its headers. Raises BadInput (`bad_mail`) for what is none."""
    lines = mail[:MOST_BYTES].replace(b"\r\n", b"\n")
    head = re.sub(rb"\n[ \t]+", b" ", lines.partition(b"\n\n")[0])
    said: dict[bytes, bytes] = {}
    for name, value in _HEADER.findall(head):
        said.setdefault(name.lower(), value.strip())
    if not said.keys() & {b"from", b"message-id", b"in-reply-to"}:
        raise BadInput("this is no mail: send it as it came in, from its first header on", code="bad_mail")
    answered = _NAMED.findall(said.get(b"in-reply-to", b""))
    earlier = reversed(_NAMED.findall(said.get(b"references", b"")))
    kind, reported = _reported(said, lines)
    decisions = dict.fromkeys([*reported, *answered, *earlier])
    own = said.get(b"message-id", b"").decode("utf-8", "replace")
    return Answer(kind, tuple(one.decode() for one in decisions)[:_MOST_NAMED], own, _written(said.get(b"date", b"")))


def _reported(said: dict[bytes, bytes], lines: bytes) -> tuple[Kind, list[bytes]]:
    """What kind it is, and of a server's report the messages that it is about."""
    about = said.get(b"content-type", b"").lower()
    if about.startswith(b"multipart/report") and b"delivery-status" in about:
        action = _ACTION.search(lines)
        return _BECAME.get(action[1].lower() if action else b"", "automatic"), _REPORTED.findall(lines)
    by_itself = said.get(b"auto-submitted", b"no").lower().partition(b";")[0].strip() != b"no"
    unread = said.get(b"precedence", b"").lower() in {b"auto_reply", b"bulk", b"junk", b"list"}
    return ("automatic" if by_itself or unread or about.startswith(b"multipart/report") else "reply"), []


def _written(date: bytes) -> int | None:
    try:
        found = parsedate_to_datetime(date[:100].decode("ascii"))
        return micros(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
