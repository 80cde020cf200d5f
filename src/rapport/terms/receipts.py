"""Receipts: the durable trace of one use, or of one refusal. They name fields, never values."""

from typing import Final

import msgspec

SILENCE: Final = "silence"
"""The treatment that does nothing: the person was left in peace."""


class Receipt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One use or refusal. `records` are the numbers of the records read (none for an absent customer); `asked` is a
    keyed hash of the id that was asked for; `decision` is `permitted`, `refused` or `absent`; `at` is in µs.

    `clauses` are those of the person it rests on, or is refused by; `agreement` the one in force; `declaration` the
    hash of the promises it relied on; `unmet` says which criteria kept the organization out, in words. Of a decision,
    `treatment` is what was chosen, and `propensity` how likely that was, as a decimal number in text.
    """

    id: str
    org: str
    at: int
    purpose: str
    action: str
    decision: str
    reason: str
    caller: str
    fields: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    records: tuple[int, ...] = ()
    asked: bytes = b""
    clauses: tuple[str, ...] = ()
    agreement: str = ""
    declaration: str = ""
    recipients: tuple[str, ...] = ()
    retention_days: int | None = None
    unmet: tuple[str, ...] = ()
    elsewhere: int = 0
    treatment: str = ""
    propensity: str = ""
