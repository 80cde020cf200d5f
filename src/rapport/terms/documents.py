"""Receipts and benefits as their commitments, and whoever verifies them, have them: names and numbers, no value and no
key. (A benefit says its amount, which both sides are told.)

The names are those of every leaf that there is: with another name, or one more, no receipt of before would fit its
leaf. What is told one day beside them is a field that is UNSET where it says nothing, which JSON leaves out.
"""

import msgspec
from msgspec import UNSET, UnsetType

from rapport.kernel.times import rfc3339
from rapport.terms.benefits import Settled
from rapport.terms.receipts import Receipt


class _Use(msgspec.Struct, gc=False):
    """In the order of the alphabet, as canonical JSON has it."""

    action: str
    agreement: str
    at: str
    caller: str
    categories: tuple[str, ...]
    clauses: tuple[str, ...]
    decision: str
    declaration: str
    elsewhere: int
    fields: tuple[str, ...]
    id: str
    org: str
    propensity: str | UnsetType
    purpose: str
    reason: str
    recipients: tuple[str, ...]
    records: tuple[int, ...]
    retention_days: int | None
    treatment: str | UnsetType
    unmet: tuple[str, ...]


class _Benefit(msgspec.Struct, gc=False):
    """Likewise."""

    amount: str
    at: str
    band: str
    document: str
    evidence: str
    id: str
    kind: str
    org: str
    records: tuple[int, ...]
    side: str
    unit: str
    use: str


_encode = msgspec.json.Encoder().encode


def _told(one: Receipt | Settled) -> _Use | _Benefit:
    at = rfc3339(one.at)
    if isinstance(one, Settled):
        return _Benefit(
            one.amount,
            at,
            one.band,
            "benefit",
            one.evidence,
            one.id,
            one.kind,
            one.org,
            one.records,
            one.side,
            one.unit,
            one.use,
        )
    return _Use(
        one.action,
        one.agreement,
        at,
        one.caller,
        one.categories,
        one.clauses,
        one.decision,
        one.declaration,
        one.elsewhere,
        one.fields,
        one.id,
        one.org,
        one.propensity or UNSET,
        one.purpose,
        one.reason,
        one.recipients,
        one.records,
        one.retention_days,
        one.treatment or UNSET,
        one.unmet,
    )


def document(one: Receipt | Settled) -> dict[str, object]:
    """A receipt or benefit as bundles have it."""
    return {name: value for name, value in msgspec.structs.asdict(_told(one)).items() if value is not UNSET}


def canonical(one: Receipt | Settled) -> bytes:
    """The document in the one form that is committed to: JSON with sorted names, nothing between them, UTF-8."""
    return _encode(_told(one))
