"""An authorised agent, written from the protocol's text alone: what it signs, and how it calls.

Signed messages are in libsodium's combined mode: 64 bytes of signature, then the JSON, all of that in base64.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.kernel.times import now

NAME = "PERMISSION_SLIP"


class Signer:
    """An agent's key, and messages signed by it."""

    def __init__(self, name: str = NAME, seed: int = 1) -> None:
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    @property
    def verify_key(self) -> str:
        """As a service directory has it."""
        return base64.b64encode(self.public).decode()

    def sign(self, message: Any) -> bytes:
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        return base64.b64encode(self._key.sign(raw) + raw)

    def head(self, business: str, at: int | None = None, minutes: float = 10) -> dict[str, Any]:
        """What every message says of itself; `at` in µs."""
        issued = datetime.fromtimestamp((now() if at is None else at) / 1e6, UTC)
        return {
            "agent-id": self.name,
            "business-id": business,
            "issued-at": issued.isoformat(timespec="milliseconds"),
            "expires-at": (issued + timedelta(minutes=minutes)).isoformat(timespec="milliseconds"),
            "drp.version": "0.9.4",
        }

    def asking(self, business: str, exercise: str, at: int | None = None, **more: Any) -> dict[str, Any]:
        """The fields of an exercise; a keyword's `_` at the end is dropped, and others in known names become `-`."""
        named = {"agent_request_id": "agent-request-id"}
        fields = {named.get(name, name): value for name, value in more.items()}
        return {**self.head(business, at), "exercise": exercise, "regime": "ccpa", **fields}


def by_email(address: str, *, verified: bool = True) -> dict[str, Any]:
    return {"email": address, "email_verified": verified}
