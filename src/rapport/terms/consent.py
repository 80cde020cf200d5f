"""What people without terms of their own have signalled: consent that sources carried, and Global Privacy Control.

Consent attaches to the record that carried it. It opens that record alone; a refusal closes the whole customer.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from rapport.kernel.vocabulary import ALL, EVERYTHING, below, purposes_covered, purposes_denied
from rapport.profile.record import Record
from rapport.terms.declaration import Promise, Standing
from rapport.terms.policy import mask_of

GPC_PURPOSE = "advertising"
"""Global Privacy Control objects to selling, sharing, and advertising over more than one site."""


class Signals(NamedTuple):
    """Masks of categories that a record's signals open, and close, for one purpose."""

    opened: int
    closed: int


NONE = Signals(0, 0)


def preferences(consent: Any) -> dict[str, bool]:
    """Consent category → given or refused, from `context.consent`; whatever has another shape says nothing."""
    if not isinstance(consent, dict):
        return {}
    chosen = consent.get("categoryPreferences")
    if not isinstance(chosen, dict):
        return {}
    return {name: value for name, value in chosen.items() if isinstance(name, str) and isinstance(value, bool)}


def signals(record: Record, standing: Standing, promise: Promise, purpose: str) -> Signals:
    """What one record says about a purpose, by the declaration's mapping of consent categories."""
    opened = closed = 0
    if record.consent is not None:
        mapping = standing.declaration.consent
        for category, given in preferences(record.consent.value).items():
            for target in mapping.get(category, ()):
                name, _, special = target.rpartition(":") if ":" in target.removeprefix("dpv:") else (target, "", "")
                if given and purpose in purposes_covered(name):
                    opened |= below(special) if special else EVERYTHING
                elif not given and purpose in purposes_denied(name):
                    closed |= below(special) if special else ALL
    if record.gpc and (purpose in purposes_denied(GPC_PURPOSE) or (promise.onward and purpose != "service")):
        closed = ALL
    return Signals(opened, closed)


def default_masks(
    records: Sequence[Record], base: int, standing: Standing, promise: Promise, purpose: str
) -> list[int]:
    """For each record of one customer, what may be read where no terms of the person's own say so.

    `base` is what the node's default terms open for the purpose. Where the promise itself rests on consent, they open
    nothing that consent does not.
    """
    promised = mask_of(promise.categories)
    said = [signals(record, standing, promise, purpose) if record.consent or record.gpc else NONE for record in records]
    closed = 0
    for one in said:
        closed |= one.closed
    granted = 0 if promise.basis == "consent" else base
    return [(granted | one.opened) & promised & ~closed for one in said]
