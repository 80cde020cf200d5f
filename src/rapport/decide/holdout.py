"""The holdout: a small share of customers who are left alone by lot, so that what decisions give can be seen at all.

A customer's lot is a keyed hash of their handle: it is the same at every decision, nobody outside can work it out, and
a larger share holds out the same people and some more. Who declines is never held out.
"""

from hashlib import blake2b
from typing import Final

from rapport.kernel.errors import BadInput

USUAL: Final = 0.05
LARGEST: Final = 0.2


def share_of(share: float) -> float:
    """A share that can be held out. Raises BadInput (`bad_holdout`)."""
    if not 0 <= share <= LARGEST:
        message = f"the share of customers who are held out is from 0 to {LARGEST:g}: most are to gain from decisions"
        raise BadInput(message, code="bad_holdout", field="holdout")
    return share


def is_held_out(key: bytes, customer: str, share: float = USUAL, *, declined: bool = False) -> bool:
    """Whether a customer is left alone. `key`: the organization's own, of at most 64 bytes. Raises BadInput."""
    lot = blake2b(customer.encode("utf-8", "surrogatepass"), key=key, digest_size=8).digest()
    return not declined and int.from_bytes(lot, "little") < share_of(share) * 2.0**64
