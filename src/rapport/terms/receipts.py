"""Receipts: the durable trace of one use, or of one refusal. They name fields, never values."""

import msgspec


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """One use or refusal. `records` are the numbers of the records read (none for an absent customer); `asked` is a
    content hash of the id that was asked for; `decision` is `permitted`, `refused` or `absent`; `at` is in µs."""

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
