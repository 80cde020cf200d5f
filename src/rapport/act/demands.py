"""Deletion demands: who was given an export is told, signed, which of its customers must be deleted, and says so or
is silent.

A demand names customers by the handles that the recipient has in its file, and nothing else of them. What came of it is
on record: an acknowledgement, signed by the recipient's own key or not, or silence once the deadline has passed.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from rapport.act.delivery import Answer
from rapport.kernel.times import DAY, rfc3339

KIND = "deletion-demand"
REASON = "erasure"
LAW = "GDPR Art. 17(2), 19"
ANSWER_WITHIN = 30 * DAY
"""How long a recipient has: a month, as the one who erases (GDPR article 12.3)."""
HANDLES_KEPT = 365 * DAY
"""How long after the deadline the handles in a demand that was never acknowledged are kept, to ask again with."""
MAX_NAME = 200

SIGNATURE, SIGNER, DELIVERY = "Rapport-Signature", "Rapport-Key", "Rapport-Delivery"
"""Headers: the signature over the exact bytes of the body and the key that made it (base64url), and the stable id."""

State = Literal["queued", "sent", "acknowledged", "silent", "undeliverable", "no_address"]

SAID: dict[State, str] = {
    "queued": "waits to be sent",
    "sent": "was sent; the recipient has not acknowledged it yet",
    "acknowledged": "was acknowledged",
    "silent": "was sent; the deadline passed in silence",
    "undeliverable": "could not be delivered",
    "no_address": "waits for an address of the recipient",
}
"""What a demand in each state did, in words."""


class Recipient(msgspec.Struct, frozen=True):
    """Where somebody named in a declaration takes demands. `public`: its own Ed25519 key (32 bytes), or none."""

    org: str
    name: str
    url: str
    public: bytes | None
    added_at: int


class Demand(msgspec.Struct, frozen=True):
    """A demand as the organization sees it. `customers` is how many; the handles themselves are dropped once it is
    acknowledged. Times in µs."""

    id: str
    org: str
    recipient: str
    export: str
    exported_at: int
    customers: int
    made_at: int
    deadline: int
    state: State
    sent_at: int | None = None
    tries: int = 0
    next_at: int | None = None
    error: str = ""
    acknowledged_at: int | None = None
    signed: bool = False


def told(demand: Demand) -> dict[str, Any]:
    """A demand as JSON."""
    times = {
        "made_at": rfc3339(demand.made_at),
        "sent_at": None if demand.sent_at is None else rfc3339(demand.sent_at),
        "deadline": rfc3339(demand.deadline),
        "acknowledged_at": None if demand.acknowledged_at is None else rfc3339(demand.acknowledged_at),
    }
    return {
        "id": demand.id,
        "recipient": demand.recipient,
        "export": demand.export,
        "exported_at": rfc3339(demand.exported_at),
        "customers": demand.customers,
        "state": demand.state,
        **times,
        "signed": demand.signed,
        "tries": demand.tries,
        "error": demand.error,
    }


def in_words(demand: Demand) -> str:
    """A demand in one line."""
    what = f"{demand.customers} customer{'s' * (demand.customers > 1)} of export {demand.export}"
    if demand.acknowledged_at is not None:
        came = f"was acknowledged on {rfc3339(demand.acknowledged_at)[:10]}{', signed' * demand.signed}"
    else:
        came = f"{SAID[demand.state]} (until {rfc3339(demand.deadline)[:10]})"
    return f"{demand.id}  {demand.recipient}, {what}: {came}{f': {demand.error}' if demand.error else ''}"


class Wanted(msgspec.Struct, frozen=True):
    """What a demand says, before the node that sends it adds where to answer."""

    id: str
    organization: str
    export: str
    exported_at: int
    customers: tuple[str, ...]
    deadline: int
    token: str


def letter(wanted: Wanted, origin: str) -> bytes:
    """The bytes of a demand as a node at this origin sends it."""
    return msgspec.json.encode(
        {
            "type": KIND,
            "id": wanted.id,
            "organization": wanted.organization,
            "export": wanted.export,
            "exported_at": rfc3339(wanted.exported_at),
            "customers": wanted.customers,
            "reason": REASON,
            "law": LAW,
            "deadline": rfc3339(wanted.deadline),
            "acknowledge": f"{origin}/v1/demands/{wanted.id}/acknowledge",
            "token": wanted.token,
            "key": f"{origin}/.well-known/rapport/{wanted.organization}/key.json",
        }
    )


class Said(NamedTuple):
    """What an answer says. `named`: it names the demand itself, so that a signature over it speaks of this one."""

    acknowledged: bool
    named: bool


class _Acknowledging(msgspec.Struct):
    acknowledged: bool
    id: str = ""


def said_by(answer: Answer, demand: str) -> Said:
    """Whether an answer says that the customers of a demand are deleted."""
    if not answer.taken or answer.cut:
        return Said(acknowledged=False, named=False)
    try:
        said = msgspec.json.decode(answer.body, type=_Acknowledging)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said(acknowledged=False, named=False)
    return Said(said.acknowledged and said.id in {"", demand}, said.id == demand)
