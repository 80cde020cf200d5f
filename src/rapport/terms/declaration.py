"""What an organization promises: one document, signed and versioned, that people's terms are held against."""

from typing import Literal

import msgspec

Basis = Literal["consent", "contract", "legitimate_interest", "legal_obligation", "vital_interest", "public_task"]
"""The legal bases of GDPR article 6(1)."""

EVERYTHING = "everything"
"""In place of categories: all but special ones and what is unclassified."""


class Benefit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a use is said to give the customer. `amount` is in `unit`: a currency (`EUR`) for money, `%` for a discount,
    `minutes` for time; a service has none."""

    kind: Literal["money", "discount", "time", "service"]
    amount: float = 0.0
    unit: str = ""
    per: str = ""
    text: str = ""


class Promise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What holds where data is read for one purpose. What is left out is *unknown*, never assumed.

    `categories` are plain names or DPV-PD ids, or `everything`; `onward`: whether recipients may pass the data on;
    `place`: where it is processed (`EEA` or ISO 3166 codes); `law` names the law that obliges, which a promise of
    basis `legal_obligation` must; `alternative` is the one other offer made to those whose terms this does not meet.
    """

    basis: Basis
    categories: tuple[str, ...] = (EVERYTHING,)
    retention_days: int | None = None
    recipients: tuple[str, ...] | None = None
    onward: bool | None = None
    place: tuple[str, ...] | None = None
    benefits: tuple[Benefit, ...] = ()
    law: str = ""
    alternative: "Promise | None" = None


class ValueClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A claim about what the organization stands for, such as `living_wage`. Attested only where `signature` is the
    attester's own over the claim, by a key that the node knows; else the organization merely says so itself."""

    value: str
    text: str = ""
    attester: str = ""
    evidence: str = ""
    issued: str = ""
    expires: str = ""
    signature: str = ""


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The document. `purposes` maps a purpose (plain name or DPV id) to its promise; `consent` maps the consent
    categories that sources send (`context.consent.categoryPreferences`) to what they open: a purpose, or a purpose for
    a special category, such as `service:health`."""

    name: str = ""
    purposes: dict[str, Promise] = msgspec.field(default_factory=dict)
    consent: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    values: tuple[ValueClaim, ...] = ()


class Standing(msgspec.Struct, frozen=True):
    """A declaration in force: its version (from 1), the content hash it is cited by, since when (µs), and which of its
    values a known attester vouches for until when (µs; None: for good)."""

    org: str
    declaration: Declaration
    version: int
    hash: str
    since: int
    claimed: dict[str, int | None] = msgspec.field(default_factory=dict)
    """Value → until when (µs) it is claimed, by whomever."""
    attested: dict[str, int | None] = msgspec.field(default_factory=dict)
    """Value → until when (µs) a known attester vouches for it."""


DEFAULT = Declaration(
    purposes={"service": Promise("legitimate_interest", (EVERYTHING, "unclassified"), onward=False, recipients=())}
)
"""What holds for an organization that has not declared anything: what it collected itself, to serve the customer."""


def recipients_of(declaration: Declaration) -> set[str]:
    """Everybody whom a declaration names as a recipient, for whatever purpose."""
    promised = declaration.purposes.values()
    every = [one for promise in promised for one in (promise, promise.alternative) if one is not None]
    return {name for one in every for name in one.recipients or ()}
