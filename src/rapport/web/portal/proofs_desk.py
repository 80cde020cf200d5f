"""What the person's pages about contacts, claims and recovery ask, and what they are told."""

from typing import Any, Protocol

import msgspec

from rapport.web.portal.told import Session


class Contact(msgspec.Struct, frozen=True):
    """An address that was shown to be the person's; times in µs. `counts`: it was not too long ago."""

    id: str
    kind: str
    value: str
    verified_at: int
    until: int
    counts: bool


class News(msgspec.Struct, frozen=True):
    at: int
    said: str


class Contacts(msgspec.Struct, frozen=True):
    contacts: tuple[Contact, ...]
    codes: int
    """Recovery codes that are left."""
    news: tuple[News, ...]
    mails: bool
    """Codes are sent by mail; else the support desk tells them."""
    texts: bool
    """Codes are sent to phones; else none can be proved."""
    days: int
    phone_days: int


class Claim(msgspec.Struct, frozen=True):
    """A claim and how it came to be. `suspended`: "" where it holds, else why not."""

    id: str
    org: str
    name: str
    kind: str
    value: str
    how: str
    verified_at: int
    until: int | None
    suspended: str


class Company(msgspec.Struct, frozen=True):
    org: str
    name: str


class Seller(msgspec.Struct, frozen=True):
    """A company that takes purchases as proofs; `code`: it asks for the code on the receipt, too."""

    org: str
    name: str
    code: bool


class Purchase(msgspec.Struct, frozen=True):
    """What somebody typed of a purchase."""

    order: str
    total: str
    day: str
    code: str


class Claims(msgspec.Struct, frozen=True):
    claims: tuple[Claim, ...]
    contacts: tuple[Contact, ...]
    """Those that count: what can be claimed by them."""
    companies: tuple[Company, ...]
    joined: int
    """How much came from accounts that were joined to this one."""
    sellers: tuple[Seller, ...]


class Link(msgspec.Struct, frozen=True):
    """What a company's link says is somebody's."""

    org: str
    name: str
    kind: str
    value: str


class ProofsDesk(Protocol):
    """`client` is where a request came from, to be slowed down."""

    async def contacts(self, session: Session) -> Contacts: ...

    async def start(self, session: Session, address: str, client: str) -> str:
        """Send a code to an address; the code's name. Raises BadInput, TooMany."""

    async def verify(self, session: Session, made: str, code: str, client: str) -> None:
        """The person reads that address. Raises Unauthorized, Conflict, TooMany."""

    async def let_go(self, session: Session, contact: str) -> None:
        """Raises NotFound."""

    async def speak(self, session: Session, language: str) -> None:
        """Letters to the person are in this language from now on."""

    async def new_codes(self, session: Session) -> list[str]:
        """Recovery codes, told this once; those before are void."""

    async def stop(self, session: Session) -> None:
        """Stop a recovery that somebody began. Raises NotFound."""

    async def claims(self, session: Session) -> Claims: ...

    async def link(self, code: str) -> Link | None:
        """What a company's link says; looking at it spends nothing."""

    async def claim(self, session: Session, org: str, contact: str) -> None:
        """Claim who has this address at a company. Raises NotFound, Conflict."""

    async def take(self, session: Session, code: str, client: str) -> None:
        """Claim what a link says, which is spent. Raises Unauthorized, TooMany."""

    async def buy(self, session: Session, org: str, told: Purchase, client: str) -> None:
        """Claim what holds a purchase. Raises Unauthorized alike for whatever is wrong with it, BadInput for what is no
        purchase at all, Conflict before an address was shown, TooMany."""

    async def unclaim(self, session: Session, claim: str) -> None:
        """Raises NotFound."""

    async def joining(self, session: Session, client: str) -> dict[str, Any]:
        """Options for proving a passkey of the other account. Raises TooMany."""

    async def join(self, session: Session, raw: bytes, client: str) -> None:
        """Join the account of that passkey to this one. Raises Unauthorized, BadInput, Conflict, TooMany."""

    async def part(self, session: Session) -> None:
        """Undo all joining."""
