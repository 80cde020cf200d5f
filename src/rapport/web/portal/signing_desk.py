"""What the pages where a person signs agreements ask of the rest of the house; `rapport.app` answers it."""

from typing import Any, Protocol

import msgspec

from rapport.web.portal.told import Session, Way


class Signing(msgspec.Struct, frozen=True):
    """An agreement to be signed, in words: who may use what, to do what."""

    org: str
    name: str
    purposes: tuple[str, ...]
    version: int
    """Of the company's promise that it rests on."""


class ToSign(msgspec.Struct, frozen=True):
    """Agreements to be signed at once. `shown` stands for all that they say: what is signed is what was shown, or
    nothing is; "" where there are none."""

    agreements: tuple[Signing, ...] = ()
    shown: str = ""


class Act(msgspec.Struct, frozen=True):
    """What is signed: the agreements that begin by a change of terms, or (`way` None) those that go on unsigned."""

    shown: str
    way: Way | None = None
    value: str = ""


class SigningDesk(Protocol):
    """`client` is where a request came from, to be slowed down. Both of an act raise Conflict `changed_meanwhile` where
    what was shown is no longer what would be signed, BadInput and NotFound for a change that is none."""

    async def proposed(self, session: Session, way: Way, value: str) -> ToSign:
        """The agreements that would begin by a change. Raises BadInput, NotFound."""

    async def standing(self, session: Session) -> ToSign:
        """The agreements in force that the person did not sign themselves."""

    async def asking(self, session: Session, act: Act, client: str) -> dict[str, Any]:
        """`{"options", "nonce"}`: what to ask of a passkey, and what to bring back with its answer. Raises TooMany."""

    async def sign(self, session: Session, act: Act, nonce: str, raw: bytes, client: str) -> None:
        """Make the change and keep the signature, or do neither. Raises Unauthorized, TooMany."""
