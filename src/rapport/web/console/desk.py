"""What the console asks of the rest of the house. `rapport.app` answers it; the pages know nothing else.

Every question but the first carries the session: whose organization, who asks, and for which purpose. So the one who
answers has all that the gate and a receipt need, and a page cannot ask beyond its session. Times are integer
microseconds since the epoch, UTC. Absent and refused are the same answer, None, and no page tells them apart.

Errors of `rapport.kernel.errors` become pages with their message: BadInput, Conflict, Forbidden, Busy and Full.
"""

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec

from rapport.collect import Event
from rapport.web.console.actions_desk import ActionsDesk
from rapport.web.console.audiences_desk import AudiencesDesk
from rapport.web.console.demands_desk import DemandsDesk
from rapport.web.console.looking_desk import LookingDesk
from rapport.web.console.operators_desk import ConsoleSigninDesk, OperatorsDesk
from rapport.web.console.requests_desk import RequestsDesk
from rapport.web.console.session import Session
from rapport.web.console.terms_desk import TermsDesk
from rapport.web.destinations import Destinations
from rapport.web.exports import Exports

__all__ = ["Desk", "Session"]


class News(msgspec.Struct, frozen=True):
    """One line of the live page: names and masked identifiers only.

    merged, split: `count` customers became one, or one became `count`; `why` is a short plain reason.
    rejected: `name` is the error's code.
    """

    kind: Literal["event", "merged", "split", "rejected"]
    at: int
    source: str
    name: str
    who: str
    """A masked identifier with its type, such as `email a•••@e•••.com`; "" where there is none to show."""
    customer: str | None = None
    """Its handle `cus_…`."""
    count: int = 1
    why: str = ""


class SourcePulse(msgspec.Struct, frozen=True):
    """What one source sent in the last minute."""

    name: str
    per_second: tuple[int, ...]
    """60 numbers of accepted events, oldest first."""
    rejected: int
    last_at: int | None
    """When it last sent anything."""


class Pulse(msgspec.Struct, frozen=True):
    """How the organization's stream has been in the last minute."""

    at: int
    per_second: tuple[int, ...]
    """60 numbers of accepted events, oldest first; the last is the last whole second."""
    lag_ms: float | None
    """From acknowledged to readable, of late; None where nothing came."""
    rejected: int
    sources: tuple[SourcePulse, ...]


class Hit(msgspec.Struct, frozen=True):
    """A customer in a list."""

    customer: str
    identifiers: tuple[tuple[str, str], ...]
    """(type, masked value), the most telling first."""
    last_events: tuple[str, ...]
    """Names of the latest events, newest first."""
    events: int
    last_at: int | None
    sources: tuple[str, ...]


class Hits(msgspec.Struct, frozen=True):
    rows: tuple[Hit, ...]
    next: str | None
    """The cursor of the next page."""


class Happened(msgspec.Struct, frozen=True):
    """An event in a customer's timeline, with the source and the handle of the record that holds it."""

    event: Event
    source: str
    record: str


class Timeline(msgspec.Struct, frozen=True):
    """A page of events, newest first."""

    rows: tuple[Happened, ...]
    next: str | None
    receipt: str = ""


class Node(msgspec.Struct, frozen=True):
    """A record or an identifier. `type` and `value` are a record's own key (its `user_id`, `anonymous_id` …)."""

    id: str
    """For a record its handle `rec_…`; for an identifier anything that is unique among them."""
    kind: Literal["record", "identifier"]
    type: str
    value: str
    source: str = ""
    """The record's source."""
    slice: str = ""
    """For a slice of a shared device, whose it is: "u1", or "nobody"."""
    customer: str | None = None
    """Set on a record of another customer: its handle. Its value is then masked, since this look is not at them."""


class Evidence(msgspec.Struct, frozen=True):
    """An edge between two nodes."""

    id: str
    """Safe in a URL."""
    record: str
    other: str
    """Ids of the nodes at its ends."""
    kind: Literal["identifies", "must_link", "cannot_link", "match"]
    type: str
    """The identifier's type; "" between two records."""
    rule: str
    origin: str
    """The source or the operator that said so."""
    level: int
    verified: bool
    used: bool
    reason: str
    """One plain sentence: why it joins its ends, or why not."""
    at: int | None = None
    """When it was first said."""


class Identity(msgspec.Struct, frozen=True):
    """Why some records are one customer, and others not."""

    nodes: tuple[Node, ...]
    edges: tuple[Evidence, ...]
    left_out: int = 0
    """How many more edges there are than are told here. A page takes some 150: those in use, then the strongest."""


class Customer(msgspec.Struct, frozen=True):
    """All that the customer's page shows, as one use with one receipt."""

    view: dict[str, Any]
    """In the shape of the contract (design §7)."""
    timeline: Timeline
    identity: Identity
    audiences: tuple[str, ...] = ()
    """Those that they are in, of those that are for the session's purpose."""


class Party(msgspec.Struct, frozen=True):
    """A customer in a preview: its handle, what it is made of, and how many events it has."""

    customer: str
    nodes: tuple[Node, ...]
    events: int


class Retraction(msgspec.Struct, frozen=True):
    at: int
    operator: str
    """"" where only the audit log tells who it was, when and why."""
    why: str


class Preview(msgspec.Struct, frozen=True):
    """What taking back one piece of evidence would do; or, where it was taken back, what became of it."""

    evidence: Evidence
    record: Node
    other: Node
    sentences: tuple[str, ...]
    """What would happen (or happened), in plain words."""
    before: tuple[Party, ...]
    """The customers touched, as they are; empty once it is taken back."""
    after: tuple[Party, ...]
    """The customers touched, as they would be; once it is taken back, as they are now."""
    retracted: Retraction | None = None
    way_back: tuple[str, str] | None = None
    """Handles of two records that an operator's link would bring together again; None where none is needed."""


class Refusal(msgspec.Struct, frozen=True):
    """Something that was sent and not taken in. `index` is its place in the batch."""

    id: str
    at: int
    source: str
    code: str
    message: str
    kept_until: int
    index: int | None = None


class Refusals(msgspec.Struct, frozen=True):
    """A page of refusals, newest first."""

    rows: tuple[Refusal, ...]
    next: str | None
    codes: tuple[tuple[str, int], ...]
    """How many of each code are kept now, whatever was asked for."""


class SourceCard(msgspec.Struct, frozen=True):
    """A source as the organization sees it. `trusted`: it speaks for the organization's own systems."""

    name: str
    write_key: str
    trusted: bool
    created_at: int
    last_seen_at: int | None
    per_minute: tuple[int, ...]
    """60 numbers of accepted events, oldest first."""
    rejected: int
    """Of the same hour."""


class Desk(TermsDesk, Protocol):
    """The console's one way to everything else."""

    @property
    def requests(self) -> RequestsDesk: ...

    @property
    def demands(self) -> DemandsDesk: ...

    @property
    def exports(self) -> Exports: ...

    @property
    def audiences(self) -> AudiencesDesk: ...

    @property
    def destinations(self) -> Destinations: ...

    @property
    def actions(self) -> ActionsDesk: ...

    @property
    def looking(self) -> LookingDesk: ...

    @property
    def signin(self) -> ConsoleSigninDesk: ...

    @property
    def staff(self) -> OperatorsDesk: ...

    async def sign_in(self, code: str) -> str | None:
        """Spend a link's code. Return a fresh session's token, which only the browser keeps; None where the code is
        unknown, too old or was spent."""

    async def sign_out(self, token: str) -> None: ...

    async def session(self, token: str) -> Session | None:
        """The live session of this token."""

    async def set_purpose(self, token: str, purpose: str) -> None:
        """Later questions of this session are for this purpose, a name from `kernel.vocabulary.PURPOSES`."""

    async def set_org(self, token: str, org: str) -> None:
        """Later questions of this session are about this organization. Raises NotFound unless they may choose it."""

    async def pulse(self, session: Session) -> Pulse: ...

    async def recent(self, session: Session) -> tuple[News, ...]:
        """The newest lines, newest first, for who opens the page now; at most 50. Customers who may not be seen now
        are not among them, whenever they came."""

    def live(self, session: Session) -> AsyncIterator[News]:
        """News as it happens, until it is closed or the node stops. Drops rather than waits where nobody keeps up.
        Customers who may not be seen are not among it."""

    async def search(self, session: Session, text: str, cursor: str | None) -> Hits:
        """By `type:value`, by any identifier's bare value, or by word prefixes of searchable traits.

        With "", the customers last active, as far as they are at hand. A refused customer is never among them.
        """

    async def customer(self, session: Session, customer: str) -> Customer | None:
        """One use, one receipt: the view, the newest events and the evidence."""

    async def events(self, session: Session, customer: str, cursor: str) -> Timeline | None:
        """Older events; a use of its own."""

    async def preview_retract(self, session: Session, evidence: str) -> Preview | None:
        """A use of its own, of every customer it shows."""

    async def retract(self, session: Session, evidence: str, why: str) -> None:
        """Take evidence back, for good. Returns when readers see it, or after a few seconds. Idempotent."""

    async def link(self, session: Session, one: str, another: str, why: str) -> None:
        """Say that two records (`rec_…`) are of one customer. Raises Conflict where a `user_id` or a cannot-link
        stands against it. Returns like `retract`."""

    async def rejected(self, session: Session, code: str | None, cursor: str | None) -> Refusals: ...

    async def rejected_part(self, session: Session, refusal: str) -> tuple[Refusal, bytes] | None:
        """The kept part, as it came. It may hold values: a use, with its receipt."""

    async def sources(self, session: Session) -> tuple[SourceCard, ...]:
        """By name."""

    async def add_source(self, session: Session, name: str, trusted: bool) -> None:
        """Raises BadInput where the name cannot be one, Conflict where it is taken."""

    async def rotate_key(self, session: Session, source: str) -> None:
        """A fresh write key; the one before is refused from now on. Raises NotFound."""
