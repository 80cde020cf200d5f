"""What profile asks of storage. This port shows facts in the clear: the import rules let only profile, terms, adapters
and app see it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import msgspec

from rapport.profile.record import Record
from rapport.profile.timeline import Block, NewBlock
from rapport.profile.view import Part


class Seen(NamedTuple):
    """An event taken in before: its content's digest, whether a copy may move it in time, its record and its block."""

    digest: bytes
    may_move: bool
    record: int
    block: int


class Mark(NamedTuple):
    """A user seen on a shared device: an identified event that carried the device's identifier."""

    time: int
    message_id: str
    user: str
    record: int


class Rejected(NamedTuple):
    """A part of a request that was not taken in, kept sealed for inspection."""

    org: str
    source: str
    at: int
    code: str
    message: str
    body: bytes


class Touch(msgspec.Struct, array_like=True):
    """What changed of one record: names of traits and events, types of identifiers; `all`: it may be anything.
    `happened`: (name, message id) of events that were taken in and that somebody wants one by one; `fresh`: when each
    of these happened (µs, by message id), where it was told soon."""

    record: int
    traits: set[str] = msgspec.field(default_factory=set)
    events: set[str] = msgspec.field(default_factory=set)
    identifiers: set[str] = msgspec.field(default_factory=set)
    all: bool = False
    happened: list[tuple[str, str]] = msgspec.field(default_factory=list)
    fresh: dict[str, int] = msgspec.field(default_factory=dict)


class ProfileStore(Protocol):
    """The worker's side: one writer, everything between two commits is one transaction."""

    def cursor(self) -> int:
        """The last log entry whose effects are committed."""

    def find(self, lookup: bytes) -> tuple[int, bytes, Record] | None:
        """The record with this lookup node, with its number and its own node; None where there is none, or its key is
        destroyed."""

    def find_many(self, lookups: Sequence[bytes]) -> Iterable[tuple[bytes, int, bytes, Record]]:
        """The same for many, each with its lookup node; those that are not there are left out."""

    def create(self, org: str, lookup: bytes, node: bytes) -> int:
        """Mint a record; numbers grow in order of first sight. `lookup` finds it; `node` is how evidence names it."""

    def rename(self, number: int, lookup: bytes, node: bytes) -> None:
        """Give a record other nodes (its device's slice was attributed anew); its number, and so its handles, stay."""

    def load(self, number: int) -> tuple[bytes, Record] | None:
        """A record with its node, or None where its key is destroyed."""

    def save(self, number: int, record: Record) -> None: ...

    def block(self, org: str, number: int, position: int) -> Block: ...

    def append_block(self, org: str, number: int, block: NewBlock) -> int:
        """Write a block and return its position (> 0)."""

    def rewrite_block(self, org: str, number: int, position: int, block: Block) -> None: ...

    def seen(self, key: bytes) -> Seen | None: ...

    def mark_seen(self, entries: Iterable[tuple[bytes, Seen]]) -> None: ...

    def is_shared(self, device: bytes) -> bool:
        """Whether more than one user was seen on a device (its identifier node); answers from memory."""

    def set_shared(self, device: bytes, shared: bool) -> None: ...

    def marks(self, org: str, device: bytes, first_day: int, last_day: int) -> list[Mark]:
        """Marks of those days (days since the epoch, inclusive), in no order."""

    def put_marks(self, org: str, device: bytes, day: int, marks: list[Mark]) -> None:
        """Replace the marks of one day."""

    def mark_days(self, device: bytes) -> list[int]: ...

    def reject(self, rejected: Iterable[Rejected]) -> None: ...

    def count(self, org: str, source: str, minute: int, accepted: int, rejected: int, duplicates: int) -> None:
        """Add to a source's volumes of one minute."""

    def index_words(self, org: str, number: int, words: Iterable[str]) -> None:
        """Make a record findable by word prefixes."""

    def touch(self, touches: Mapping[str, Sequence[Touch]]) -> None:
        """Tell whoever follows an organization's records what became another of them, with the next commit."""

    def org_of(self, number: int) -> str | None:
        """Whose a record is; None where it is not there (any more)."""

    def commit(self, cursor: int) -> None:
        """Commit everything since the last commit, with the cursor, in one transaction; new record keys first."""


class Found(NamedTuple):
    """A customer that was found: the shown handle, `merged` or `split` where another was asked for, and the records.

    `elsewhere` is what the gate adds of what the person did at other companies; `number` that of the record whose
    handle is shown; `owner` of the person (0: nobody) who it is for certain, and whose goals may be told of; `others`
    of those who are told of it beside the first who claims it.
    """

    org: str
    customer: str
    changed: str | None
    parts: Sequence[Part]
    elsewhere: Sequence[dict[str, Any]] = ()
    number: int = 0
    owner: int = 0
    others: tuple[int, ...] = ()


class ProfileReader(Protocol):
    """The gate's side: committed state only. Everything is read within one `snapshot`."""

    def snapshot(self) -> AbstractContextManager[object]: ...

    def version(self) -> int:
        """Of the present snapshot: the same as of another only where nothing was committed between the two."""

    def by_handle(self, org: str, handle: str) -> Found | None:
        """The customer that a `cus_…` handle of this organization names."""

    def found(self, org: str, number: int) -> Found | None:
        """The customer that a record belongs to, by its number."""

    def found_many(self, org: str, numbers: Sequence[int]) -> Sequence[Found | None]:
        """The same of many records, in their order."""

    def by_identifier(self, org: str, kind: str, value: str) -> Sequence[Found]:
        """The customers with active evidence of a normalised identifier: none, one, or several."""

    def largest(self, least: int) -> dict[str, int]:
        """Organization → how many records its largest customer has, where it is more than `least`."""

    def holding(self, org: str, kind: str, value: str, most: int) -> Sequence[int]:
        """Numbers of records with active evidence of a normalised identifier, whether it joins them or not."""

    def part(self, org: str, number: int) -> Part | None:
        """One record, or None where it is another organization's or its key is destroyed."""

    def block_of(self, part: Part, position: int) -> Block:
        """A block of a part's chain; raises BadInput where the position is none of it."""

    def evidence(self, found: Found) -> list[dict[str, Any]]:
        """Every edge of the customer's records, with whether it is used, or why not, in words."""

    def why(self, found: Found) -> dict[str, str]:
        """Record handle → why the record is this customer's, in words."""
