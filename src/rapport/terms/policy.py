"""Who may read what, for which purpose. The first policy is a plain one: an organization may read what it collected
itself, to serve the customer."""

from typing import NamedTuple


class Decision(NamedTuple):
    permitted: bool
    reason: str


def decide(purpose: str) -> Decision:
    """Whether an organization may read its own records for a purpose."""
    if purpose == "service":
        return Decision(True, "the organization collected this itself and reads it to serve the customer")
    return Decision(False, f"nothing permits reading for {purpose}: only 'service' is open so far")
