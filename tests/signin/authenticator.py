"""An authenticator in software, after WebAuthn Level 3: makes passkeys (P-256, no attestation) and proves them. What an
honest one never does can be asked of it, too."""

import base64
import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, BACKED, ATTESTED = 0x01, 0x04, 0x18, 0x40


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authenticator:
    """One device with one passkey at most."""

    def __init__(self, origin: str, rp: str, *, synced: bool = False) -> None:
        self.origin, self.rp, self.synced = origin, rp, synced
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = os.urandom(32)
        self.counter = 0 if synced else 1
        self.user = b""

    def make(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """Answer `navigator.credentials.create`."""
        self.user = base64.urlsafe_b64decode(options["user"]["id"] + "==")
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + public
        said = self._data(ATTESTED, **wrong) + attested
        client = self._client("webauthn.create", options["challenge"], **wrong)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})
        answer = {"clientDataJSON": b64(client), "attestationObject": b64(attestation)}
        return self._answer(answer)

    def prove(self, options: dict[str, Any], **wrong: Any) -> dict[str, Any]:
        """Answer `navigator.credentials.get`."""
        if not self.synced and "counter" not in wrong:
            self.counter += 1
        said = self._data(0, **wrong)
        client = self._client("webauthn.get", options["challenge"], **wrong)
        signed = self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        answer = {"clientDataJSON": b64(client), "authenticatorData": b64(said), "signature": b64(signed)}
        return self._answer({**answer, "userHandle": b64(self.user)})

    def _data(self, more: int, **wrong: Any) -> bytes:
        flags = wrong.get("flags", PRESENT | VERIFIED) | more | (BACKED if self.synced else 0)
        rp = wrong.get("rp", self.rp)
        counter: bytes = wrong.get("counter", self.counter).to_bytes(4, "big")
        return hashlib.sha256(rp.encode()).digest() + bytes([flags]) + counter

    def _client(self, kind: str, asked: str, /, **wrong: Any) -> bytes:
        said = {"type": wrong.get("kind", kind), "challenge": wrong.get("challenge", asked)}
        return json.dumps({**said, "origin": wrong.get("origin", self.origin), "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        name = b64(self.credential)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}
