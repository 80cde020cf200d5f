"""Keys and sealing: AES-256-GCM for content, one AES block for what must be found again by equality.

    key-encryption key (file, environment, later a KMS)
      └── wraps: organization keys, the blind key, hourly log keys
            └── organization key wraps: one key per record

A sealed value is `nonce(12) ‖ ciphertext ‖ tag(16)`; its *place* (table and row) is authenticated with it, so that a
value moved to another place does not open.
"""

import hashlib
import itertools
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rapport.kernel.errors import Corrupt

KEY_BYTES = 32
_NONCE = 12
_BLOCK = 16

# Nonces of one process never repeat; those of two differ by 32 random bits and by where in 64 bits they began to count.
# (Asking the system for each would cost more than the sealing.)
_PROCESS = os.urandom(_NONCE - 8)
_COUNT = itertools.count(int.from_bytes(os.urandom(8), "big") >> 1)


def _count_anew() -> None:
    global _PROCESS, _COUNT  # noqa: PLW0603 (a fork is another process: it must not go on where its parent is)
    _PROCESS = os.urandom(_NONCE - 8)
    _COUNT = itertools.count(int.from_bytes(os.urandom(8), "big") >> 1)


os.register_at_fork(after_in_child=_count_anew)


_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_INNER_PAD, _OUTER_PAD = b"\x36" * KEY_BYTES, b"\x5c" * KEY_BYTES


def keyed_hash(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104) under a key of 32 bytes: for short messages, `hmac` takes longer to set up."""
    inner = sha256(key.translate(_INNER) + _INNER_PAD + message).digest()
    return sha256(key.translate(_OUTER) + _OUTER_PAD + inner).digest()


def fresh_key() -> bytes:
    return os.urandom(KEY_BYTES)


class SealKey:
    """One AES-256-GCM key."""

    __slots__ = ("_aead", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._aead = AESGCM(raw)

    def seal(self, plain: bytes, place: bytes) -> bytes:
        nonce = _PROCESS + next(_COUNT).to_bytes(8, "big")
        return nonce + self._aead.encrypt(nonce, plain, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Raises Corrupt where the bytes, the place or the key is not the one it was sealed with."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except (InvalidTag, ValueError):
            raise Corrupt(f"a sealed value does not open at {place!r}: damaged, moved, or its key is gone") from None


class BlindKey:
    """A pseudo-random permutation of 16-byte digests, so that an index on disk tells nothing about what it indexes."""

    __slots__ = ("_decrypt", "_encrypt", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        # ECB over single random-looking blocks is exactly a block cipher used as a permutation; no chaining is wanted.
        cipher = Cipher(algorithms.AES(raw), modes.ECB())  # noqa: S305 (single-block use, see above)
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update

    def blind(self, digest: bytes) -> bytes:
        """16 bytes (or a multiple: many digests at once) in, as many out. Raises ValueError for other sizes: the cipher
        would keep the rest, and answer everything after it wrongly."""
        if len(digest) % _BLOCK:
            raise ValueError("only whole digests can be blinded")
        return self._encrypt(digest)

    def reveal(self, blinded: bytes) -> bytes:
        """The inverse of `blind`."""
        if len(blinded) % _BLOCK:
            raise ValueError("only whole digests were blinded")
        return self._decrypt(blinded)

    def derived(self, label: str) -> "BlindKey":
        """Another key for another organization or use, fixed by this one and the label."""
        return BlindKey(hashlib.blake2b(label.encode(), key=self.raw, digest_size=KEY_BYTES).digest())


def digest16(*parts: bytes) -> bytes:
    """The unkeyed 16-byte content hash of length-prefixed parts: equal on every node; no disk sees it as it is."""
    content = b"".join([len(part).to_bytes(4, "big") + part for part in parts])
    return hashlib.blake2b(content, digest_size=16).digest()


def digests_in(together: bytes) -> list[bytes]:
    """The digests of which many were put together, such as to be blinded at once."""
    return [together[at : at + _BLOCK] for at in range(0, len(together), _BLOCK)]
