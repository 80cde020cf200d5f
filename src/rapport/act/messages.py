"""Messages: what a decision sends to a customer, by whichever way; and what becomes of one.

    waiting ──▶ delivered      the way has it
       │  ├───▶ failed         it bounced, or nobody took it for days
       │  └───▶ withdrawn      the customer, or a rule, spoke against it while it was on its way
       └─ waits longer, each time it is put off

A message is written in the transaction of its decision, and handed over at least once: what came of it is noted after
the way has answered, so that a kill in between hands it over again, as the same message. Its id is the decision's.

A way (`Way`) is one small module for each channel; what it does about one message is told by `Came`.
"""

import base64
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from rapport.act.delivery import is_over, wait_of
from rapport.decide.decision import Decision
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey, digest16, keyed_hash

State = Literal["waiting", "delivered", "failed", "withdrawn"]
GIVEN_UP: Final = "given up: it was not taken for days"
MOST_WRONG: Final = 5
"""How often a message is tried of which the other side says that it is wrong, and not that it is gone for good."""


class Message(msgspec.Struct, frozen=True):
    """One on its way. `customer`: the handle that the decision was made for, `record`: the number of the record that
    shows it; `to`: an e-mail address ("" where the way needs none); `token`: what unsubscribes from such messages;
    `receipt`: of the decision."""

    org: str
    record: int
    customer: str
    to: str
    token: str
    receipt: str
    decision: Decision
    tries: int = 0

    @property
    def id(self) -> str:
        return self.decision.id

    @property
    def channel(self) -> str:
        return self.decision.channel

    @property
    def parts(self) -> Mapping[str, str]:
        return self.decision.parts


class Came(NamedTuple):
    """What a way says of one message: it has it (`taken`), never will (`refused`), calls it `wrong`, or has it `later`
    maybe. `why` holds nothing of the message's own. `ill`: the way itself is in trouble, not this message alone."""

    what: Literal["taken", "refused", "wrong", "later"]
    why: str = ""
    ill: bool = False


class Hook(msgspec.Struct, frozen=True):
    """Where an organization's machine takes messages, and what they are signed with."""

    url: str
    secret: str


class Way(Protocol):
    """The port that messages leave by. Works in a thread of its own, one message of an organization after the other."""

    def send(self, message: Message) -> Came:
        """Hand one over; whatever happens is an answer, and comes within a time."""

    def close(self) -> None: ...


class Step(NamedTuple):
    """What becomes of a message; while it waits, when it is tried again (µs)."""

    state: State
    why: str = ""
    next_at: int = 0


def step(message: Message, came: Came, at: int, luck: float) -> Step:
    """After one try at an instant. `luck`: in [0, 1)."""
    if came.what == "taken":
        return Step("delivered")
    tries = message.tries + 1
    if came.what == "refused" or (came.what == "wrong" and tries >= MOST_WRONG):
        return Step("failed", came.why)
    if is_over(message.decision.at, at):
        return Step("failed", GIVEN_UP)
    return Step("waiting", came.why, at + wait_of(tries, luck))


# -- who wants no more of them


class Unsubscribing(msgspec.Struct, frozen=True, array_like=True):
    """What a token says: of which organization, which address (blinded), and by which decision's message."""

    org: str
    address: bytes
    decision: str


_PLACE: Final = b"unsubscribe"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Unsubscribing).decode
MOST_TOKEN: Final = 400


def blinded(secret: bytes, org: str, address: str) -> bytes:
    """An address as it is kept where no account keeps it: 16 bytes that tell nobody who it is."""
    return keyed_hash(secret, digest16(org.encode(), b"email", address.encode()))[:16]


def token_of(seal: SealKey, said: Unsubscribing) -> str:
    """What only this node can make, and nobody read."""
    return _base64url(seal.seal(_encode(said), _PLACE))


def said_by(seal: SealKey, token: str) -> Unsubscribing | None:
    """None for what is no token of this node's."""
    if not (token.isascii() and len(token) <= MOST_TOKEN):
        return None
    try:
        return _decode(seal.open(_raw(token), _PLACE))
    except (Corrupt, msgspec.MsgspecError, ValueError):
        return None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
