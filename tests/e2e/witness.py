"""A witness, written from its specifications alone (https://c2sp.org/tlog-witness, https://c2sp.org/tlog-cosignature)
and with nothing of Rapport: `python witness.py DIRECTORY NAME LOG-VKEY …`.

It prints its verifier key and its address, and answers `POST /add-checkpoint` until it is killed. What it signed last
of each log is in a file of the directory, synced before it answers, and so is its key.
"""

import base64
import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

EMPTY_ROOT = hashlib.sha256().digest()


class Refused(Exception):
    """(status, content type, body)"""


def refuse(status: int, body: str = "", kind: str = "text/plain") -> Refused:
    return Refused(status, kind, body)


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def proves(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2, step by step; of nothing, anything is a continuation."""
    if old == 0:
        return not proof
    if old == new:
        return not proof and old_root == new_root
    if not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else proof
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            if not fn & 1:
                while fn and not fn & 1:
                    fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == new_root and sn == 0


def natural(digits: str) -> int:
    """Raises ValueError where it is not written in the one way."""
    if not digits.isascii() or str(int(digits)) != digits or int(digits) < 0:
        raise ValueError(digits)
    return int(digits)


class Witness:
    def __init__(self, directory: Path, name: str, logs: list[str]) -> None:
        self.name = name
        self._state = directory / "signed.json"
        seed = directory / "seed"
        if not seed.exists():
            seed.write_bytes(os.urandom(32))
        self._key = Ed25519PrivateKey.from_private_bytes(seed.read_bytes())
        raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self._id = hashlib.sha256(name.encode() + b"\n\x04" + raw).digest()[:4]
        self.vkey = f"{name}+{self._id.hex()}+{base64.b64encode(bytes([4]) + raw).decode()}"
        self._logs = {}
        for log in logs:
            origin, ident, key = log.split("+", 2)
            self._logs[origin] = (bytes.fromhex(ident), Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:]))
        self._turn = threading.Lock()

    def add_checkpoint(self, body: str) -> str:
        """The signature line. Raises Refused."""
        head, _, note = body.partition("\n\n")
        first, *proof_lines = head.split("\n")
        word, _, digits = first.partition(" ")
        text, _, signatures = note.rpartition("\n\n")
        lines = text.split("\n")
        try:
            old, size = natural(digits if word == "old" else ""), natural(lines[1])
            root, *proof = [base64.b64decode(one, validate=True) for one in (lines[2], *proof_lines)]
        except (ValueError, IndexError):
            raise refuse(400) from None
        if len(proof) > 63 or any(len(one) != 32 for one in (root, *proof)):
            raise refuse(400)
        if lines[0] not in self._logs:
            raise refuse(404)
        self._authentic(lines[0], text + "\n", signatures)
        if old > size:
            raise refuse(400)
        with self._turn:
            known = self._known()
            last, last_root = known.get(lines[0], (0, ""))
            if old != last:
                raise refuse(409, f"{last}\n", "text/x.tlog.size")
            if old == size and last_root and base64.b64decode(last_root) != root:
                raise refuse(409, f"{last}\n", "text/x.tlog.size")
            if not proves(old, size, base64.b64decode(last_root), root, proof):
                raise refuse(422)
            self._keep({**known, lines[0]: (size, lines[2])})
        at = int(time.time())
        signature = self._key.sign(f"cosignature/v1\ntime {at}\n{text}\n".encode())
        return f"— {self.name} {base64.b64encode(self._id + at.to_bytes(8, 'big') + signature).decode()}\n"

    def _authentic(self, origin: str, text: str, signatures: str) -> None:
        ident, key = self._logs[origin]
        for line in signatures.splitlines():
            dash, name, encoded = (*line.split(" ", 2), "", "")[:3]
            raw = base64.b64decode(encoded)
            if (dash, name, raw[:4]) == ("—", origin, ident):
                try:
                    key.verify(raw[4:], text.encode())
                except InvalidSignature:
                    break
                return
        raise refuse(403)

    def _known(self) -> dict[str, Any]:
        return json.loads(self._state.read_bytes()) if self._state.exists() else {}  # type: ignore[no-any-return]

    def _keep(self, known: dict[str, Any]) -> None:
        draft = self._state.with_suffix(".part")
        with draft.open("w") as file:
            json.dump(known, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._state)


def served(witness: Witness) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            try:
                if self.path != "/add-checkpoint":
                    raise refuse(404)
                status, kind, text = 200, "text/plain; charset=utf-8", witness.add_checkpoint(body)
            except Refused as refused:
                status, kind, text = refused.args
            raw = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Nothing: tests read what it prints."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


if __name__ == "__main__":
    me = Witness(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
    server = served(me)
    print(me.vkey, f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 (a program of its own)
    server.serve_forever()
