"""Exports: what an organization took out as a file, for what and for whom, and until when it may be kept."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.terms.declaration import Standing
from rapport.terms.policy import promise_for

Format = Literal["parquet", "csv"]
FORMATS: tuple[str, ...] = get_args(Format)

Status = Literal["waiting", "running", "done", "failed", "expired", "deleted"]
"""`expired`: the time of the node's file is over; `deleted`: the organization, or an erasure, had it deleted before."""
STATUSES: tuple[str, ...] = get_args(Status)


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An export that is asked for. `recipients`: to whom it is to be given, beyond the organization itself;
    `audience`: of its members alone, "" for everybody; `fields`: name → expression, in place of all that there is."""

    purpose: str
    format: Format
    limit: int | None = None
    recipients: tuple[str, ...] = ()
    audience: str = ""
    fields: dict[str, str] = {}


class Export(msgspec.Struct, frozen=True):
    """An export on record. `place` is `node` where the node keeps the file, or `command line` where it never did.

    Times in µs: `expires_at` is what the declaration says of the file, wherever it lies (None: nothing); the node keeps
    its own until `kept_until`, and counts how often it was `fetched`. `customers` are in it and `walked` records were
    looked at, so far; `size` in bytes.
    """

    number: int
    id: str
    org: str
    place: str
    status: Status
    wish: Wish
    asked_at: int
    declaration: str = ""
    exported_at: int | None = None
    expires_at: int | None = None
    kept_until: int | None = None
    customers: int = 0
    walked: int = 0
    size: int = 0
    reason: str = ""
    fetched: int = 0


def metadata_of(export: Export) -> dict[str, str]:
    """What the file of a finished export says of itself, or is said beside it; empty where there is nothing to say."""
    return {
        "rapport.export": export.id,
        "rapport.organization": export.org,
        "rapport.purpose": export.wish.purpose,
        "rapport.recipients": ", ".join(export.wish.recipients),
        "rapport.declaration": export.declaration,
        "rapport.exported_at": "" if export.exported_at is None else rfc3339(export.exported_at),
        "rapport.expires_at": "" if export.expires_at is None else rfc3339(export.expires_at),
        "rapport.customers": str(export.customers),
    }


class Entry(NamedTuple):
    """One customer in an export: the numbers of the records that were read, that of the record whose handle the file
    shows, and the receipt."""

    records: Sequence[int]
    customer: int
    receipt: str


class Held(NamedTuple):
    """A customer in an export that somebody may still have: the organization, and its `recipients`. `customer` is the
    handle as the file shows it."""

    export_id: str
    recipients: tuple[str, ...]
    customer: str
    receipt: str
    exported_at: int
    expires_at: int | None


def checked(wish: Wish, standing: Standing) -> Wish:
    """A wish that an organization's promises bear. Raises BadInput for an unknown purpose, and for a recipient whom the
    declaration does not name for it."""
    purpose = known_purpose(wish.purpose)
    promise = promise_for(standing, purpose)
    promised = () if promise is None else promise.recipients or ()
    for name in wish.recipients:
        if name not in promised:
            named = f"it names {', '.join(promised)}" if promised else "it names nobody"
            message = f"the declaration does not name {name[:100]!r} as a recipient for {wish.purpose}: {named}"
            raise BadInput(message, code="unknown_recipient", field="recipients")
    return msgspec.structs.replace(wish, purpose=purpose, recipients=tuple(dict.fromkeys(wish.recipients)))
