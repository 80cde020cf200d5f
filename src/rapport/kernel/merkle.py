"""Merkle trees as of RFC 6962 (RFC 9162, section 2.1): append-only lists of which a short proof shows that an entry is
in, and that a longer list only continues a shorter one.

Hashes are 32 bytes of SHA-256. A tree over no entries has the hash of nothing, and proves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY = sha256().digest()

Read = Callable[[int, int], bytes]
"""(first entry, number of entries) → the hash of that whole subtree; the number is a power of two."""


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _split(size: int) -> int:
    """The greatest power of two below a size (of at least two)."""
    return 1 << ((size - 1).bit_length() - 1)


# -- making


class Frontier:
    """The right edge of a growing tree: all that is needed to append, and to tell the root. `hashes` are those of the
    perfect subtrees, largest first: one per bit of the size."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError("a frontier has as many hashes as its size has bits")

    def append(self, leaf: bytes) -> None:
        """Append an entry by its leaf hash."""
        hashes = self.hashes
        hashes.append(leaf)
        rest = self.size
        while rest & 1:
            right = hashes.pop()
            hashes[-1] = sha256(b"\1" + hashes[-1] + right).digest()
            rest >>= 1
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append many entries: in perfect subtrees as large as they may be where the tree ends."""
        at = 0
        while at < len(leaves):
            most = 1 << ((len(leaves) - at).bit_length() - 1)
            count = min(most, self.size & -self.size or most)
            self.join(root_of(leaves[at : at + count]), count)
            at += count

    def join(self, right: bytes, count: int) -> None:
        """Append a perfect subtree of so many entries, which divides the size."""
        hashes = self.hashes
        rest = self.size // count
        while rest & 1:
            right = sha256(b"\1" + hashes.pop() + right).digest()
            rest >>= 1
        hashes.append(right)
        self.size += count

    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY
        root = self.hashes[-1]
        for left in self.hashes[-2::-1]:
            root = sha256(b"\1" + left + root).digest()
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    if not leaves:
        return EMPTY
    level = leaves
    while len(level) > 1:
        odd = level[-1:] if len(level) & 1 else ()
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [*[sha256(b"\1" + left + right).digest() for left, right in pairs], *odd]
    return level[0]


def over(leaves: Sequence[bytes]) -> Read:
    """Subtrees over leaf hashes that are in memory."""
    return lambda first, count: root_of(leaves[first : first + count])


def subtree(first: int, count: int, read: Read) -> bytes:
    """The hash over any stretch of entries that RFC 6962 speaks of, from perfect subtrees."""
    if count & (count - 1) == 0:
        return read(first, count)
    left = _split(count)
    return node_hash(subtree(first, left, read), subtree(first + left, count - left, read))


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The proof that entry `index` is in the tree of a size. Raises ValueError where it is not."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    return _path(index, 0, size, read)


def _path(index: int, first: int, size: int, read: Read) -> list[bytes]:
    if size == 1:
        return []
    left = _split(size)
    if index < left:
        return [*_path(index, first, left, read), subtree(first + left, size - left, read)]
    return [*_path(index - left, first + left, size - left, read), subtree(first, left, read)]


def consistency(old: int, new: int, read: Read) -> list[bytes]:
    """The proof that the tree of size `new` continues that of size `old` (at least one). Raises ValueError."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} continues none of {old}")
    return _continued(old, 0, new, read, whole=True) if old < new else []


def _continued(old: int, first: int, size: int, read: Read, *, whole: bool) -> list[bytes]:
    if old == size:
        return [] if whole else [subtree(first, size, read)]
    left = _split(size)
    if old <= left:
        path = _continued(old, first, left, read, whole=whole)
        return [*path, subtree(first + left, size - left, read)]
    path = _continued(old - left, first + left, size - left, read, whole=False)
    return [*path, subtree(first, left, read)]
