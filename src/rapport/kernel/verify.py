"""Verify a bundle of receipts, offline, without trusting the node that wrote it. This file needs nothing of Rapport:
Python and its `cryptography` package suffice (`python verify.py BUNDLE.json`).

A bundle says, for every tree (one for each customer that the person is): all its receipts in order. The commitment of a
receipt is HMAC-SHA-256 of its canonical JSON under a random key of its own; the tree over all commitments is that of
RFC 6962. The tree's head (name, number, size, root) is committed to likewise, as an entry of the node's log, another
such tree; and the log's head is signed as a C2SP checkpoint. So whoever edits, drops, adds or swaps a receipt has to
change the signed head; whoever shows another log than before cannot prove that it continues the one seen last; and
whoever shows each person another log gets no witness to cosign both.

Each entry begins with a tag, made of the head's number under a key that the person is told. Who walks all entries of
the log finds the tags of the heads up to the one shown, each once and in order, and not that of the next: so the heads
shown are the newest.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "rapport-bundle/2"
FORMER = "rapport-bundle/1"
"""Of before heads were numbered: it holds, but cannot be looked for in the log."""
MAX_BYTES = 256 << 20
MAX_NOTES = 64
TILE = 256
TAG = 16
LOG, WITNESS = 1, 4
"""Types of keys: of a log, and of who cosigns (C2SP signed-note)."""
_HASH = 32
_NAME = re.compile(r"[!-*,-~]{1,200}")
"""Names of logs and trees: printable ASCII without spaces or `+`."""
_SIZE = re.compile("0|[1-9][0-9]{0,15}")

Read = Callable[[str], bytes]
"""A path of the log, such as `checkpoint` or `tile/entries/000` → what is there. Raises Broken."""


class Broken(Exception):
    """Something does not hold; the message says what."""


# -- RFC 6962


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def append(right: list[tuple[int, bytes]], hashed: bytes) -> None:
    """Append a leaf hash to the right edge of a tree: (leaves, hash) of its perfect subtrees, largest first."""
    count = 1
    while right and right[-1][0] == count:
        hashed = node_hash(right.pop()[1], hashed)
        count *= 2
    right.append((count, hashed))


def root_at(right: Sequence[tuple[int, bytes]]) -> bytes:
    root = right[-1][1] if right else hashlib.sha256().digest()
    for _, left in right[-2::-1]:
        root = node_hash(left, root)
    return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    right: list[tuple[int, bytes]] = []
    for leaf in leaves:
        append(right, leaf)
    return root_at(right)


def _left(size: int) -> int:
    """How many entries of a tree are left of where it parts: the greatest power of two below its size."""
    return 1 << ((size - 1).bit_length() - 1)


def includes(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is entry `index` of the tree of `size` entries with this root (RFC 6962, section 2.1.1)."""
    if not 0 <= index < size or any(len(part) != _HASH for part in (leaf, root, *proof)):
        return False
    rights = []  # whether the entry is on the right, from the root down
    while size > 1:
        left = _left(size)
        rights.append(index >= left)
        index, size = (index - left, size - left) if index >= left else (index, left)
    hashed = leaf
    for right, part in zip(reversed(rights), proof, strict=False):
        hashed = node_hash(part, hashed) if right else node_hash(hashed, part)
    return len(proof) == len(rights) and hashed == root


def continues(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `new` entries continues that of `old` (RFC 6962, section 2.1.2). A tree of no entries proves
    nothing."""
    if not 0 < old <= new or any(len(part) != _HASH for part in proof):
        return False
    rights = []  # whether the old tree ends on the right, from the root down to a subtree that is of both
    while old < new:
        left = _left(new)
        rights.append(old > left)
        old, new = (old - left, new - left) if old > left else (old, left)
    path = list(proof) if any(rights) else [old_root, *proof]
    if len(path) != len(rights) + 1:
        return False
    before = after = path[0]
    for right, part in zip(reversed(rights), path[1:], strict=True):
        before = node_hash(part, before) if right else before
        after = node_hash(part, after) if right else node_hash(after, part)
    return before == old_root and after == new_root


# -- commitments


def canonical(value: Any) -> bytes:
    """The one form of a receipt: JSON with sorted names, nothing between them, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(
        "utf-8", "surrogatepass"
    )


def commitment(key: bytes, receipt: Mapping[str, Any]) -> bytes:
    return hmac.digest(key, canonical(receipt), "sha256")


def head_number(number: int) -> bytes:
    """What HMAC-SHA-256 makes the key of a tree's head of, under the key of the tree's heads."""
    return f"rapport-head/2\n{number}\n".encode()


def head_said(tree: str, number: int, size: int, root: bytes) -> bytes:
    return f"rapport-head/2\n{tree}\n{number}\n{size}\n{b64(root)}\n".encode()


def head_entry(key: bytes, tree: str, number: int, size: int, root: bytes) -> bytes:
    """What the log has as an entry for a tree's head: the tag by which its number is found, and the commitment. Number
    0 is a head of before there were numbers, and its key a random salt."""
    if not number:
        return hmac.digest(key, f"rapport-head/1\n{tree}\n{size}\n{b64(root)}\n".encode(), "sha256")
    return key[:TAG] + hmac.digest(key, head_said(tree, number, size, root), "sha256")


# -- C2SP signed notes, checkpoints and cosignatures


def key_id(name: str, public: bytes, kind: int = LOG) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]


def vkey(name: str, public: bytes, kind: int = LOG) -> str:
    """A verifier key as C2SP writes it: `name+id+key`."""
    return f"{name}+{key_id(name, public, kind).hex()}+{b64(bytes([kind]) + public)}"


def read_vkey(text: str, kind: int = LOG) -> tuple[str, bytes]:
    """(name, public key) of a verifier key. Raises Broken."""
    whose = "the key of the log" if kind == LOG else "the key of a witness"
    parts = text.strip().split("+", 2)
    if len(parts) != 3:
        raise Broken(f"{whose} is none: name+id+key is needed")
    name, ident, encoded = parts
    if not _NAME.fullmatch(name):
        raise Broken(f"{whose} has no proper name")
    raw = _unb64(encoded, whose)
    if len(raw) != 33 or raw[0] != kind or key_id(name, raw[1:], kind).hex() != ident:
        raise Broken(f"{whose} is not an Ed25519 key of that name and use")
    return name, raw[1:]


def _signed(public: bytes, signature: bytes, message: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def read_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """(text, [(name, key id, signature)]) of a signed note. Raises Broken."""
    body, split, signatures = note.rpartition("\n\n")
    if not split:
        raise Broken("the checkpoint is not one of this log")
    if not signatures.endswith("\n"):
        raise Broken("the checkpoint is cut off")
    found = []
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = _unb64(encoded, "a signature of the checkpoint")
        if dash != "—":
            raise Broken("a signature of the checkpoint is none")
        found.append((name, raw[:4], raw[4:]))
    return body + "\n", found


def read_checkpoint(note: str, name: str, public: bytes) -> tuple[int, bytes]:
    """(size, root) of a checkpoint that this key signed. Raises Broken."""
    body, signatures = read_note(note)
    lines = body.split("\n")
    if len(lines) < 4 or lines[0] != name:
        raise Broken("the checkpoint is not one of this log")
    ours = [signature for who, ident, signature in signatures if (who, ident) == (name, key_id(name, public))]
    if not ours:
        raise Broken("the checkpoint is not signed by the log's key")
    if not all(_signed(public, signature, body) for signature in ours):
        raise Broken("the checkpoint's signature is forged")
    if not _SIZE.fullmatch(lines[1]):
        raise Broken("the checkpoint's size is no number")
    return int(lines[1]), _hash(lines[2], "the checkpoint's root")


def cosigned(body: str, signature: bytes, public: bytes) -> int | None:
    """When a witness cosigned a checkpoint (seconds since 1970; C2SP tlog-cosignature); None where it did not."""
    at = int.from_bytes(signature[:8], "big")
    held = len(signature) == 72 and at < 1 << 63
    return at if held and _signed(public, signature[8:], f"cosignature/v1\ntime {at}\n{body}") else None


# -- bundles


class Tree(NamedTuple):
    """A tree whose head is in the log: all its leaf hashes, its newest head's entry and number, and the key of heads,
    which is not told of a tree whose receipts were erased."""

    name: str
    leaves: list[bytes]
    entry: int
    number: int
    heads: bytes | None


class Seen(NamedTuple):
    """What a bundle shows, as far as it was checked."""

    bundle: Mapping[str, Any]
    size: int
    root: bytes
    trees: dict[str, Tree]
    opened: dict[str, dict[int, bytes]]


def verify(
    bundle: Any,
    *,
    key: str | None = None,
    since: Any = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    log: Read | None = None,
) -> dict[str, Any]:
    """Check a bundle; return `{"ok", "receipts", "hidden", "head", "witnesses", "latest", "problem"}`.

    `key` is the log's verifier key, where the caller knows it already; `since` a head (or a bundle) seen before, which
    this one must continue. Of `witnesses`, verifier keys that the caller trusts, `quorum` (all, where it is not said)
    must have signed a checkpoint with all the heads shown. `log` reads the log, to see that they are the newest.

    `hidden` counts entries of the trees that are sealed to the reader: they tell others, or were erased. `witnesses`
    are all who signed, with the size of the log that each saw, and when (`at`, seconds); `all`: it has all the heads.
    `latest`: of how many trees the head is the newest of so many entries, and how many have `grown` since.
    """
    try:
        seen = _verified(bundle, key)
        if since is not None:
            _continued(seen, since)
        signed = _cosigned(seen)
        if witnesses or quorum is not None:
            _witnessed(signed, witnesses, quorum)
        latest = None if log is None else _latest(seen, log)
    except Broken as broken:
        count = len(bundle["receipts"]) if isinstance(bundle, dict) and isinstance(bundle.get("receipts"), list) else 0
        return _failed(str(broken), count)
    count = len(bundle["receipts"])
    hidden = sum(len(tree.leaves) for tree in seen.trees.values()) - count
    head = base64.urlsafe_b64encode(canonical(_head(seen))).decode().rstrip("=")
    told = {"hidden": hidden, "head": head, "witnesses": signed, "latest": latest}
    return {"ok": True, "receipts": count, **told, "problem": None}


def _failed(problem: str, receipts: int = 0) -> dict[str, Any]:
    nothing = dict.fromkeys(("hidden", "head", "witnesses", "latest"))
    return {"ok": False, "receipts": receipts, **nothing, "problem": problem}


def _verified(bundle: Any, key: str | None) -> Seen:
    _shape(bundle, {"format": str, "log": dict, "trees": list, "receipts": list}, "the bundle", ["person"])
    if bundle["format"] not in (FORMAT, FORMER):
        raise Broken(f"this is no {FORMAT}")
    log = bundle["log"]
    _shape(log, {"key": str, "checkpoint": str}, "the log", ["consistency", "witnesses", "witnessed"])
    if key is not None and key.strip() != log["key"].strip():
        raise Broken("it is signed with another key than the one you know")
    size, root = read_checkpoint(log["checkpoint"], *read_vkey(log["key"]))
    seen = Seen(bundle, size, root, {}, {})
    for receipt in bundle["receipts"]:
        name, index, leaf = _opened(receipt)
        if not _NAME.fullmatch(name):
            raise Broken("a receipt's tree has no proper name")
        if index in seen.opened.setdefault(name, {}):
            raise Broken(f"two receipts claim place {index} of tree {name}")
        seen.opened[name][index] = leaf
    for said in bundle["trees"]:
        tree = _tree(said, seen)
        if tree.name in seen.trees:
            raise Broken(f"tree {tree.name} is there twice")
        seen.trees[tree.name] = tree
    if lost := [name for name in seen.opened if name not in seen.trees]:
        raise Broken(f"receipts of tree {lost[0]} are in no tree")
    return seen


def _opened(receipt: Any) -> tuple[str, int, bytes]:
    """A receipt's tree, place, and leaf hash."""
    _shape(receipt, {"tree": str, "index": int, "key": str, "receipt": dict}, "a receipt", [])
    key = _hash(receipt["key"], "a receipt's key")
    try:
        return receipt["tree"], receipt["index"], leaf_hash(commitment(key, receipt["receipt"]))
    except (TypeError, ValueError, RecursionError):
        raise Broken("a receipt has no canonical form") from None


def _tree(tree: Any, seen: Seen) -> Tree:
    """A tree with all its leaf hashes, once its head was found in the log."""
    fields = {"tree": str, "size": int, "root": str, "entry": int, "proof": list}
    _shape(tree, fields, "a tree", ["number", "heads", "salt", "hidden"])
    name, size, place = tree["tree"], tree["size"], tree["entry"]
    if not _NAME.fullmatch(name):
        raise Broken("a tree has no proper name")
    leaves = _leaves(name, size, seen.opened.get(name, {}), tree.get("hidden", {}))
    root = root_of(leaves)
    if b64(root) != tree["root"]:
        raise Broken(f"a receipt of tree {name} was changed: its root is another")
    number, heads = _heads(tree, name, seen)
    key = hmac.digest(heads, head_number(number), "sha256") if heads else _hash(tree.get("salt"), "a salt")
    entry = leaf_hash(head_entry(key, name, number, size, root))
    if not includes(place, seen.size, entry, [_hash(part, "a proof") for part in tree["proof"]], seen.root):
        raise Broken(f"the head of tree {name} is not in the log")
    return Tree(name, leaves, place, number, heads)


def _leaves(name: str, size: int, opened: Mapping[int, bytes], hidden: Any) -> list[bytes]:
    """All leaf hashes of a tree: each of a receipt that is shown, or told as it is."""
    if not isinstance(hidden, dict) or not 0 < size == len(opened) + len(hidden):
        raise Broken(f"receipts of tree {name} are missing, or are more than its size says")
    leaves: list[bytes] = []
    for index in range(size):
        if index in opened:
            leaves.append(opened[index])
        elif str(index) in hidden:
            leaves.append(_hash(hidden[str(index)], "a hidden leaf"))
        else:
            raise Broken(f"receipt {index} of tree {name} is missing")
    return leaves


def _heads(tree: Mapping[str, Any], name: str, seen: Seen) -> tuple[int, bytes | None]:
    """(number, key of heads) of a tree's head. The key is there, unless nothing of the tree is: it was erased too. Each
    head but the first has an entry and a receipt more than the one before."""
    if seen.bundle["format"] == FORMER:
        return 0, None
    _shape(tree, {"number": int}, "a tree")
    number: int = tree["number"]
    if number > min(tree["entry"], tree["size"]) + 1:
        raise Broken(f"the head of tree {name} has no number that it may have")
    if "heads" not in tree:
        if name in seen.opened:
            raise Broken(f"tree {name} does not tell how its heads are found in the log")
        return number, None
    if not number or "salt" in tree:
        raise Broken(f"the head of tree {name} is told in two ways")
    return number, _hash(tree["heads"], "a key of heads")


# -- since a head that was seen


def _log_continued(seen: Seen, old: int, old_root: bytes) -> None:
    """Whether the bundle's log continues that of a size."""
    if seen.size < old:
        raise Broken(f"the log was rolled back: it had {old} entries and has {seen.size}")
    proofs = seen.bundle["log"].get("consistency", {})
    proof = proofs.get(str(old), [] if seen.size == old else None) if isinstance(proofs, dict) else None
    if proof is None:
        raise Broken("the bundle holds no proof that it continues that head: ask for one since it")
    if not isinstance(proof, list):
        raise Broken("a proof of consistency is no list")
    if not continues(old, seen.size, old_root, seen.root, [_hash(part, "a proof") for part in proof]):
        raise Broken("the log does not continue the one seen before: it was rewritten")


def _continued(seen: Seen, since: Any) -> None:
    """Whether this bundle continues a head seen before, and shows all that was shown then."""
    before = read_head(since)
    log = before["log"]
    if log["key"].strip() != seen.bundle["log"]["key"].strip():
        raise Broken("the log is signed with another key than before")
    old_root = _hash(log["root"], "the head's root")
    if log["size"] == 0 and not before["trees"] and old_root == root_of([]):
        return  # whatever there is continues nothing at all
    _log_continued(seen, log["size"], old_root)
    for name, old in before["trees"].items():
        leaves, opened = seen.trees[name].leaves if name in seen.trees else [], seen.opened.get(name, {})
        if len(leaves) < old["size"]:
            raise Broken(f"tree {name} was rolled back: it had {old['size']} receipts and has {len(leaves)}")
        if b64(root_of(leaves[: old["size"]])) != old["root"]:
            raise Broken(f"tree {name} does not continue the one seen before: it was rewritten")
        # An erasure seals a tree as a whole; that some of its receipts are shown no more is none.
        shown = sum(index < old["size"] for index in opened)
        if 0 < shown < old.get("opened", 0):
            raise Broken(f"receipts of tree {name} are withheld: {old['opened']} were shown, {shown} are")


_SEEN = {"size": int, "root": str, "opened": int}


def read_head(since: Any) -> dict[str, Any]:
    """A head from what `verify` printed as one, from its JSON, or from a whole bundle. Raises Broken."""
    if isinstance(since, dict) and since.get("format") in (FORMAT, FORMER):
        return _head(_verified(since, None))
    if isinstance(since, str):
        try:
            since = json.loads(base64.urlsafe_b64decode(since + "=" * (-len(since) % 4)))
        except (ValueError, RecursionError):
            raise Broken("that is no head") from None
    _shape(since, {"log": dict, "trees": dict}, "the head")
    _shape(since["log"], {"key": str, "size": int, "root": str}, "the head's log")
    for name, tree in since["trees"].items():
        _shape({"opened": 0, **tree} if isinstance(tree, dict) else tree, _SEEN, "the head's tree")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not tree["size"]:
            raise Broken("the head has a tree that is none")
    return dict(since)


def _head(seen: Seen) -> dict[str, Any]:
    told = {
        name: {"size": len(tree.leaves), "root": b64(root_of(tree.leaves)), "opened": len(seen.opened.get(name, {}))}
        for name, tree in seen.trees.items()
    }
    return {"log": {"key": seen.bundle["log"]["key"], "size": seen.size, "root": b64(seen.root)}, "trees": told}


# -- witnesses


def _cosigned(seen: Seen) -> list[dict[str, Any]]:
    """Who cosigned which checkpoint of the bundle, and when. `all`: all the heads shown are in it. Whoever cosigned is
    to be named with a key, and nothing but their signatures stands under a checkpoint."""
    log = seen.bundle["log"]
    name, public = read_vkey(log["key"])
    known = {}
    for text in _texts(log, "witnesses"):
        whose = read_vkey(text, WITNESS)
        known[whose[0], key_id(*whose, WITNESS)] = text, whose[1]
    last = max((tree.entry for tree in seen.trees.values()), default=-1)
    sizes = {log["checkpoint"]: seen.size}
    for note in _texts(log, "witnessed"):
        sizes[note], root = read_checkpoint(note, name, public)
        _log_continued(seen, sizes[note], root)
    found = []
    for note, size in sizes.items():
        body, signatures = read_note(note)
        for who, ident, signature in signatures:
            if (who, ident) == (name, key_id(name, public)):
                continue
            text, its_key = known.get((who, ident), ("", b""))
            at = cosigned(body, signature, its_key)
            if at is None:
                raise Broken(
                    "a checkpoint has a cosignature that is forged, or of a witness that the bundle does not name"
                )
            found.append({"name": who, "key": text, "size": size, "at": at, "all": size > last})
    return found


def _texts(log: Mapping[str, Any], name: str) -> list[str]:
    texts = log.get(name, [])
    if not isinstance(texts, list) or len(texts) > MAX_NOTES or not all(isinstance(text, str) for text in texts):
        raise Broken(f"the log's {name} are no list of texts")
    return texts


def _witnessed(signed: Sequence[Mapping[str, Any]], witnesses: Sequence[str], quorum: int | None) -> None:
    """Whether so many of the witnesses signed a checkpoint with all the heads. A key counts once, by whatever names."""
    trusted = {read_vkey(text, WITNESS) for text in witnesses}
    agreed = {read_vkey(one["key"], WITNESS) for one in signed if one["all"]} & trusted
    most, count = (len({public for _, public in some}) for some in (trusted, agreed))
    wanted = most if quorum is None else quorum
    if not 0 < wanted <= most:
        raise Broken(f"{wanted} of {most} witnesses are asked for")
    if count < wanted:
        raise Broken(f"{count} of your witnesses signed a checkpoint with all the heads shown, and {wanted} are needed")


# -- the whole log


def _latest(seen: Seen, read: Read) -> dict[str, int]:
    """Walk the log as it is published: whether it is the bundle's, and has no newer head of the trees shown."""
    if seen.bundle["format"] != FORMAT:
        raise Broken("its heads cannot be looked for in the log: it is of before they were numbered")
    note = read("checkpoint").decode("utf-8", "replace")
    until, its_root = read_checkpoint(note, *read_vkey(seen.bundle["log"]["key"]))
    marks = {until: its_root, seen.size: seen.root}
    if marks[until] != its_root:
        raise Broken("the log published is not the bundle's")
    trees = [tree for tree in seen.trees.values() if tree.heads is not None]
    found: dict[bytes, list[int]] = {tag: [] for tree in trees for tag in _tags(tree)}
    right: list[tuple[int, bytes]] = []
    for at, entry in enumerate(_entries(read, max(marks))):
        if at in marks and root_at(right) != marks[at]:
            raise Broken("the entries of the log published are not those that were signed")
        append(right, leaf_hash(entry))
        if entry[:TAG] in found:
            found[entry[:TAG]].append(at)
    if root_at(right) != marks[max(marks)]:
        raise Broken("the entries of the log published are not those that were signed")
    grown = 0
    for tree in trees:
        *before, after = (found[tag] for tag in _tags(tree))
        if any(at < seen.size for at in after):
            raise Broken(f"the log has a newer head of tree {tree.name} than the one shown")
        places = [at for some in before for at in some]
        if [len(some) for some in before] != [1] * tree.number or places != sorted(places) or places[-1] != tree.entry:
            raise Broken(f"the heads of tree {tree.name} are not in the log one after another")
        grown += bool(after)
    return {"trees": len(trees), "entries": seen.size, "grown": grown}


def _tags(tree: Tree) -> list[bytes]:
    """The tags of all heads of a tree up to the one shown, and that of the next."""
    numbers = range(1, tree.number + 2)
    return [hmac.digest(tree.heads or b"", head_number(number), "sha256")[:TAG] for number in numbers]


def _entries(read: Read, size: int) -> Iterator[bytes]:
    """The entries of a log, from its tiles as C2SP's tlog-tiles has them."""
    for first in range(0, size, TILE):
        width, number = min(TILE, size - first), f"{first // TILE:03}"
        number = "0" * (-len(number) % 3) + number
        parts = [number[at : at + 3] for at in range(0, len(number), 3)]
        path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        raw, at = read(f"tile/entries/{path}" + ("" if width == TILE else f".p/{width}")), 0
        for _ in range(width):
            end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
            if not at + 2 <= len(raw) >= end:
                raise Broken(f"tile {path} of the log is cut off")
            yield raw[at + 2 : end]
            at = end


def log_at(place: str) -> Read:
    """A log as it is published under an address, or lies in a directory. Raises Broken."""
    at_address = place.startswith(("http://", "https://"))

    def read(path: str) -> bytes:
        try:
            if at_address:
                with urllib.request.urlopen(f"{place.rstrip('/')}/{path}", timeout=30) as answer:  # noqa: S310 (see above)
                    return bytes(answer.read(MAX_BYTES))
            file = Path(place, path)
            whole = file.parent.with_name(file.parent.name.removesuffix(".p"))
            return (whole if not file.exists() and file.parent.name.endswith(".p") else file).read_bytes()
        except (OSError, ValueError) as error:
            raise Broken(f"{path} of the log cannot be read at {place}: {error}") from None

    return read


# -- reading


def _shape(value: Any, fields: Mapping[str, type], what: str, more: Sequence[str] | None = None) -> None:
    """Whether an object has these fields, and nothing but `more` beside them, unless that is left open. Numbers are
    sizes and places."""
    if not isinstance(value, dict):
        raise Broken(f"{what} is no object")
    for name, kind in fields.items():
        found = value.get(name)
        if type(found) is not kind or (isinstance(found, int) and not 0 <= found < 1 << 53):
            raise Broken(f"{what} has no {name}")
    if more is not None and value.keys() - fields.keys() - set(more):
        raise Broken(f"{what} has more than it may")


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
    parser = argparse.ArgumentParser("verify.py", description="Check a bundle of receipts; exit 0 only if all holds.")
    parser.add_argument("bundle", help="its file")
    parser.add_argument("since", nargs="?", help="the head that you saw last")
    parser.add_argument("--key", help="the log's key, if you know it from elsewhere")
    parser.add_argument(
        "--witness", dest="witnesses", action="append", default=[], help="the key of a witness you trust"
    )
    parser.add_argument(
        "--witnesses", dest="quorum", type=int, help="how many of them must have signed; all, if it is not said"
    )
    parser.add_argument("--log", help="where the log is published, or lies: are the heads shown the newest?")
    try:
        asked = vars(parser.parse_args(arguments))
        bundle, log = load(Path(asked.pop("bundle"))), asked.pop("log")
        done = verify(bundle, log=log_at(log) if log else None, **asked)
    except Broken as broken:
        done = _failed(str(broken))
    print(json.dumps(done))  # noqa: T201 (a program of its own)
    return 0 if done["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
