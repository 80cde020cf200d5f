"""Verify a bundle of receipts, offline, without trusting the node that wrote it. This file needs nothing of Rapport:
Python and its `cryptography` package suffice (`python verify.py BUNDLE.json`).

A bundle says, for every tree (one for each customer that the person is): all its receipts in order. The commitment of a
receipt is HMAC-SHA-256 of its canonical JSON under a random key of its own; the tree over all commitments is that of
RFC 6962. The tree's head (id, size, root) is committed to likewise, as an entry of the node's log, another such tree;
and the log's head is signed as a C2SP checkpoint. So whoever edits, drops, adds or swaps a receipt has to change the
signed head; and whoever shows another log than before cannot prove that it continues the one seen last.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "rapport-bundle/1"
MAX_BYTES = 256 << 20
_HASH = 32
_NAME = re.compile(r"[!-*,-~]{1,200}")
"""Names of logs and trees: printable ASCII without spaces or `+`."""
_SIZE = re.compile("0|[1-9][0-9]{0,15}")


class Broken(Exception):
    """Something does not hold; the message says what."""


# -- RFC 6962


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    level = list(leaves)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)] + odd
    return level[0]


def includes(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is entry `index` of the tree of `size` entries with this root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != _HASH or len(root) != _HASH or any(len(part) != _HASH for part in proof):
        return False
    first, last, hashed = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            hashed = node_hash(part, hashed)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            hashed = node_hash(hashed, part)
        first, last = first >> 1, last >> 1
    return last == 0 and hashed == root


def continues(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `new` entries continues that of `old` (RFC 9162, section 2.1.4.2). A tree of no entries
    proves nothing."""
    if not 0 < old <= new or any(len(part) != _HASH for part in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    before = after = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            before, after = node_hash(part, before), node_hash(part, after)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            after = node_hash(after, part)
        first, last = first >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


# -- commitments


def canonical(value: Any) -> bytes:
    """The one form of a receipt: JSON with sorted names, nothing between them, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )


def commitment(key: bytes, receipt: Mapping[str, Any]) -> bytes:
    return hmac.digest(key, canonical(receipt), "sha256")


def head_entry(salt: bytes, tree: str, size: int, root: bytes) -> bytes:
    """What the log has as an entry for a tree's head."""
    return hmac.digest(salt, f"rapport-head/1\n{tree}\n{size}\n{b64(root)}\n".encode(), "sha256")


# -- C2SP signed notes and checkpoints


def key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + b"\1" + public).digest()[:4]


def vkey(name: str, public: bytes) -> str:
    """A verifier key as C2SP writes it: `name+id+key`."""
    return f"{name}+{key_id(name, public).hex()}+{b64(bytes([1]) + public)}"


def read_vkey(text: str) -> tuple[str, bytes]:
    """(name, public key) of a verifier key. Raises Broken."""
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise Broken("the key of the log is none: name+id+key is needed")
    name, ident, encoded = parts
    if not _NAME.fullmatch(name):
        raise Broken("the key of the log has no proper name")
    raw = _unb64(encoded, "the key of the log")
    if len(raw) != 33 or raw[0] != 1 or key_id(name, raw[1:]).hex() != ident:
        raise Broken("the key of the log is not an Ed25519 key of that name")
    return name, raw[1:]


def read_checkpoint(note: str, name: str, public: bytes) -> tuple[int, bytes]:
    """(size, root) of a checkpoint that this key signed. Raises Broken."""
    body, split, signatures = note.rpartition("\n\n")
    lines = body.split("\n")
    if not split or len(lines) < 3 or lines[0] != name:
        raise Broken("the checkpoint is not one of this log")
    if not signatures.endswith("\n"):
        raise Broken("the checkpoint is cut off")
    signed = False
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        signer, _, encoded = rest.partition(" ")
        raw = _unb64(encoded, "a signature of the checkpoint")
        if dash == "—" and signer == name and raw[:4] == key_id(name, public):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], (body + "\n").encode())
            except (InvalidSignature, ValueError):
                raise Broken("the checkpoint's signature is forged") from None
            signed = True
    if not signed:
        raise Broken("the checkpoint is not signed by the log's key")
    if not _SIZE.fullmatch(lines[1]):
        raise Broken("the checkpoint's size is no number")
    return int(lines[1]), _hash(lines[2], "the checkpoint's root")


# -- bundles


def verify(bundle: Any, *, key: str | None = None, since: Any = None) -> dict[str, Any]:
    """Check a bundle; return `{"ok", "receipts", "hidden", "head", "problem"}`. `key` is the log's verifier key, where
    the caller knows it already; `since` a head (or a bundle) seen before, which this one must continue. `hidden` counts
    entries of the trees that are sealed to the reader: they tell others, or were erased."""
    try:
        return _verified(bundle, key, since)
    except Broken as broken:
        count = len(bundle["receipts"]) if isinstance(bundle, dict) and isinstance(bundle.get("receipts"), list) else 0
        return _failed(str(broken), count)


def _failed(problem: str, receipts: int = 0) -> dict[str, Any]:
    return {"ok": False, "receipts": receipts, "hidden": None, "head": None, "problem": problem}


def _verified(bundle: Any, key: str | None, since: Any) -> dict[str, Any]:
    _shape(bundle, {"format": str, "log": dict, "trees": list, "receipts": list}, "the bundle")
    if bundle["format"] != FORMAT:
        raise Broken(f"this is no {FORMAT}")
    log = bundle["log"]
    _shape(log, {"key": str, "checkpoint": str}, "the log")
    if key is not None and key.strip() != log["key"].strip():
        raise Broken("it is signed with another key than the one you know")
    size, root = read_checkpoint(log["checkpoint"], *read_vkey(log["key"]))
    trees: dict[str, dict[int, bytes]] = {}
    for receipt in bundle["receipts"]:
        tree, index, leaf = _opened(receipt)
        if not _NAME.fullmatch(tree) or not 0 <= index < MAX_BYTES:
            raise Broken("a receipt is in no proper place")
        if index in trees.setdefault(tree, {}):
            raise Broken(f"two receipts claim place {index} of tree {tree}")
        trees[tree][index] = leaf
    heads: dict[str, list[bytes]] = {}
    for tree in bundle["trees"]:
        name, leaves = _tree(tree, trees, size, root)
        if name in heads:
            raise Broken(f"tree {name} is there twice")
        heads[name] = leaves
    for name in trees.keys() - heads.keys():
        raise Broken(f"receipts of tree {name} are in no tree")
    if since is not None:
        _continued(bundle, since, heads, trees, size, root)
    told = {
        name: {"size": len(leaves), "root": b64(root_of(leaves)), "opened": len(trees.get(name, {}))}
        for name, leaves in heads.items()
    }
    head = {"log": {"key": log["key"], "size": size, "root": b64(root)}, "trees": told}
    count = len(bundle["receipts"])
    hidden = sum(map(len, heads.values())) - count
    return {"ok": True, "receipts": count, "hidden": hidden, "head": _packed(head), "problem": None}


def _opened(receipt: Any) -> tuple[str, int, bytes]:
    """A receipt's tree, place, and leaf hash."""
    _shape(receipt, {"tree": str, "index": int, "key": str, "receipt": dict}, "a receipt")
    key = _unb64(receipt["key"], "a receipt's key")
    if len(key) != _HASH:
        raise Broken("a receipt's key has not 32 bytes")
    try:
        return receipt["tree"], receipt["index"], leaf_hash(commitment(key, receipt["receipt"]))
    except (TypeError, ValueError, RecursionError):
        raise Broken("a receipt has no canonical form") from None


def _tree(
    tree: Any, receipts: Mapping[str, Mapping[int, bytes]], log_size: int, log_root: bytes
) -> tuple[str, list[bytes]]:
    """A tree's id and all its leaf hashes, once its head was found in the log."""
    _shape(tree, {"tree": str, "size": int, "root": str, "salt": str, "entry": int, "proof": list}, "a tree")
    name, size = tree["tree"], tree["size"]
    if not _NAME.fullmatch(name):
        raise Broken("a tree has no proper name")
    opened = receipts.get(name, {})
    hidden = tree.get("hidden", {})
    if not isinstance(hidden, dict) or not 0 < size <= len(opened) + len(hidden):
        raise Broken(f"receipts of tree {name} are missing: it has more entries than are there")
    leaves: list[bytes] = []
    for index in range(size):
        if index in opened:
            leaves.append(opened[index])
        elif str(index) in hidden:
            leaves.append(_hash(hidden[str(index)], "a hidden leaf"))
        else:
            raise Broken(f"receipt {index} of tree {name} is missing")
    if len(opened) + len(hidden) != size:
        raise Broken(f"tree {name} has more receipts than its size says")
    root = root_of(leaves)
    if b64(root) != tree["root"]:
        raise Broken(f"a receipt of tree {name} was changed: its root is another")
    entry = leaf_hash(head_entry(_hash(tree["salt"], "a salt"), name, size, root))
    if not includes(tree["entry"], log_size, entry, [_hash(part, "a proof") for part in tree["proof"]], log_root):
        raise Broken(f"the head of tree {name} is not in the log")
    return name, leaves


def _continued(
    bundle: Any,
    since: Any,
    heads: Mapping[str, Sequence[bytes]],
    opened: Mapping[str, Mapping[int, bytes]],
    size: int,
    root: bytes,
) -> None:
    """Whether this bundle continues a head seen before, and shows all that was shown then."""
    seen = read_head(since)
    log = seen["log"]
    if log["key"].strip() != bundle["log"]["key"].strip():
        raise Broken("the log is signed with another key than before")
    old_size, old_root = log["size"], _hash(log["root"], "the head's root")
    if old_size == 0 and not seen["trees"] and old_root == root_of([]):
        return  # whatever there is continues nothing at all
    if size < old_size:
        raise Broken(f"the log was rolled back: it had {old_size} entries and has {size}")
    proofs = bundle["log"].get("consistency", {})
    proof = proofs.get(str(old_size), [] if size == old_size else None) if isinstance(proofs, dict) else None
    if proof is None:
        raise Broken("the bundle holds no proof that it continues that head: ask for one since it")
    if not isinstance(proof, list):
        raise Broken("a proof of consistency is no list")
    if not continues(old_size, size, old_root, root, [_hash(part, "a proof") for part in proof]):
        raise Broken("the log does not continue the one seen before: it was rewritten")
    for name, old in seen["trees"].items():
        _tree_continued(name, old, heads.get(name, []), opened.get(name, {}))


def _tree_continued(name: str, old: Mapping[str, Any], leaves: Sequence[bytes], opened: Mapping[int, bytes]) -> None:
    """Whether a tree goes on from what was seen of it. An erasure seals a tree as a whole: then nothing of it is shown,
    and `hidden` counts it. That some of its receipts are shown no more is no erasure."""
    if len(leaves) < old["size"]:
        raise Broken(f"tree {name} was rolled back: it had {old['size']} receipts and has {len(leaves)}")
    if b64(root_of(leaves[: old["size"]])) != old["root"]:
        raise Broken(f"tree {name} does not continue the one seen before: it was rewritten")
    shown = sum(index < old["size"] for index in opened)
    if 0 < shown < old.get("opened", 0):
        raise Broken(f"receipts of tree {name} are withheld: {old['opened']} were shown, {shown} are")


def read_head(since: Any) -> dict[str, Any]:
    """A head from what `verify` printed as one, from its JSON, or from a whole bundle. Raises Broken."""
    if isinstance(since, dict) and since.get("format") == FORMAT:
        checked = _verified(since, None, None)
        since = checked["head"]
    if isinstance(since, str):
        try:
            since = json.loads(base64.urlsafe_b64decode(since + "=" * (-len(since) % 4)))
        except (ValueError, RecursionError):
            raise Broken("that is no head") from None
    _shape(since, {"log": dict, "trees": dict}, "the head")
    _shape(since["log"], {"key": str, "size": int, "root": str}, "the head's log")
    sizes = [since["log"]["size"]]
    for name, tree in since["trees"].items():
        _shape(tree, {"size": int, "root": str}, "the head's tree")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not tree["size"]:
            raise Broken("the head has a tree that is none")
        shown = tree.get("opened", 0)
        if not isinstance(shown, int) or isinstance(shown, bool):
            raise Broken("the head has a tree that is none")
        sizes += [tree["size"], shown]
    if not all(0 <= size < 1 << 53 for size in sizes):
        raise Broken("the head has a size that is none")
    return dict(since)


def _packed(head: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(canonical(head)).decode().rstrip("=")


def _shape(value: Any, fields: Mapping[str, type], what: str) -> None:
    if not isinstance(value, dict):
        raise Broken(f"{what} is no object")
    for name, kind in fields.items():
        if not isinstance(value.get(name), kind) or isinstance(value.get(name), bool):
            raise Broken(f"{what} has no {name}")


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(text: str, what: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Broken(f"{what} is no base64") from None
    if b64(raw) != text:
        raise Broken(f"{what} is not written the one way")
    return raw


def _hash(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise Broken(f"{what} is no hash")
    raw = _unb64(text, what)
    if len(raw) != _HASH:
        raise Broken(f"{what} is no hash of 32 bytes")
    return raw


def load(path: Path) -> Any:
    """A bundle from a file. Raises Broken."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Broken(f"the file is larger than {MAX_BYTES:,} bytes")
        return json.loads(path.read_bytes(), object_pairs_hook=_once, parse_constant=_no_number)
    except OSError as error:
        raise Broken(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Broken(f"{path} is no JSON") from None


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless a name is there twice: readers would differ in which one they show."""
    found = dict(members)
    if len(found) != len(members):
        raise Broken("a name is there twice in an object")
    return found


def _no_number(text: str) -> Any:
    raise Broken(f"{text} is no number")


def main(arguments: Sequence[str]) -> int:
    bundle, since = (*arguments[:2], None, None)[:2]
    try:
        done = _failed("say which: python verify.py BUNDLE [HEAD]")
        if bundle is not None:
            done = verify(load(Path(bundle)), since=since)
    except Broken as broken:
        done = _failed(str(broken))
    print(json.dumps(done))  # noqa: T201 (a program of its own)
    return 0 if done["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
