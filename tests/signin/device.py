"""A bound device in software: a key of its own, and requests that it signs. What an honest one never does can be asked
of it, too."""

import base64
import hashlib
import json
import os
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class SoftDevice:
    """One device with one key."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.key = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, str]:
        numbers = self.key.public_key().public_numbers()
        x, y = (b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def proof(self, method: str, path: str, body: bytes = b"", **wrong: Any) -> str:
        """The proof of a request; `wrong` claims and headers in place of the right ones."""
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk(), **wrong.pop("header", {})}
        claims = {
            "htm": method,
            "htu": self.origin + path,
            "iat": int(time.time()),
            "jti": b64(os.urandom(16)),
            "sha256": b64(hashlib.sha256(body).digest()),
        }
        claims = {name: value for name, value in {**claims, **wrong}.items() if value is not None}
        signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def turned(proof: str) -> str:
    """The same proof with the other of the two signatures that say the same."""
    signed, _, signature = proof.rpartition(".")
    raw = unb64(signature)
    s = ORDER - int.from_bytes(raw[32:], "big")
    return f"{signed}.{b64(raw[:32] + s.to_bytes(32, 'big'))}"


def der(proof: str) -> str:
    """The same proof with its signature in the form that other protocols have."""
    signed, _, signature = proof.rpartition(".")
    raw = unb64(signature)
    return f"{signed}.{b64(encode_dss_signature(int.from_bytes(raw[:32], 'big'), int.from_bytes(raw[32:], 'big')))}"
