"""Text messages to phones: signed webhooks to the operator's own gateway, which sends them on.

A message is `{"type": "sms.send", "timestamp", "data": {"to": "+447700900123", "text": "…"}}`, signed as
`rapport.act.webhooks` says. It is of use until its time; after that it is not sent.
"""

import msgspec

from rapport.act import webhooks
from rapport.act.delivery import Delivery, Dressed
from rapport.kernel.errors import NotFound
from rapport.kernel.times import HOUR, MINUTE

KIND = "sms"
MESSAGE = "sms.send"
NOBODYS = ""
"""In place of the organization: these are the node's own."""
CODE_LIFE, NEWS_LIFE = 10 * MINUTE, 24 * HOUR


class Text(msgspec.Struct, frozen=True, array_like=True):
    """`to` in the spelling of E.164; `until`: when it is of no use any more, µs."""

    to: str
    text: str
    until: int


def packed(text: Text) -> bytes:
    """As the outbox keeps it."""
    return msgspec.msgpack.encode(text)


def dressed(delivery: Delivery, body: bytes, secret: str, at: int) -> Dressed:
    """A message as it is sent now. Raises NotFound where it is of no use any more, or there is no gateway any more."""
    if not secret:
        raise NotFound("there is no gateway any more")
    text = msgspec.msgpack.decode(body, type=Text)
    if at >= text.until:
        raise NotFound("it came too late to be of use")
    letter = webhooks.message(MESSAGE, {"to": text.to, "text": text.text}, at)
    return webhooks.dressed(delivery.id, letter, secret, at)


def code_text(said: str, code: str, host: str) -> str:
    """What a message with a code says: a sentence for people, and a last line that lets a phone offer the code on this
    node's own pages alone (https://wicg.github.io/sms-one-time-codes/)."""
    return f"{said}\n\n@{host} #{code}"
