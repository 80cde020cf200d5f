"""Channels: the ways to reach a customer, what a message is made of on each, and which of them interrupt.

The list is closed, so that a slip is told; it grows by a row. A channel *interrupts* where it reaches out to people
whatever they do: quiet hours bind those. Web, inbox, app, TV and till show something to who is there already, a letter
lies there until it is opened, and a webhook wakes a machine.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

TEXT, HTML, LINK = "text", "html", "link"
Dress = Literal["plain", "html", "link"]


class Channel(msgspec.Struct, frozen=True):
    """`parts`: the names of a message's parts, each with the most characters it may have; `text` is always needed, and
    so is what is in `needs`. A subject and a title are one line."""

    tells: str
    interrupts: bool
    parts: Mapping[str, int]
    needs: tuple[str, ...] = (TEXT,)


_LINK: Final = 2_000
_TITLED: Final = {"title": 200, TEXT: 10_000, LINK: _LINK}

CHANNELS: Final[Mapping[str, Channel]] = {
    "web": Channel("a place on your own pages", False, {**_TITLED, HTML: 50_000}),
    "app": Channel("a card in your app", False, _TITLED),
    "inbox": Channel("the inbox on the person's own page here", False, _TITLED),
    "email": Channel("e-mail", True, {"subject": 200, TEXT: 50_000, HTML: 100_000, LINK: _LINK}, ("subject", TEXT)),
    "sms": Channel("a text message", True, {TEXT: 1_600}),
    "push": Channel("a notice on a phone", True, {"title": 100, TEXT: 500, LINK: _LINK}),
    "whatsapp": Channel("WhatsApp", True, {TEXT: 4_096, LINK: _LINK}),
    "chat": Channel("a message in a chat", True, {TEXT: 4_096, LINK: _LINK}),
    "social": Channel("a direct message on a social network", True, {TEXT: 4_096, LINK: _LINK}),
    "call": Channel("a call: what whoever calls reads", True, {"title": 200, TEXT: 10_000}),
    "watch": Channel("a tap on the wrist", True, {"title": 50, TEXT: 200}),
    "tv": Channel("a card on a TV", False, _TITLED),
    "till": Channel("what a till or its cashier shows", False, {"title": 100, TEXT: 500}),
    "letter": Channel("a letter on paper", False, {"title": 200, TEXT: 50_000}),
    "webhook": Channel("a machine of yours", False, {**_TITLED, HTML: 50_000}),
}


def interrupts(channel: str) -> bool:
    """Whether quiet hours bind a channel."""
    return CHANNELS[channel].interrupts


def dress_of(part: str) -> Dress:
    """How what is known of a customer is written into a part."""
    return "html" if part == HTML else "link" if part == LINK else "plain"


def is_one_line(part: str) -> bool:
    return part in ("subject", "title", LINK)
