"""A file under seal, written and read in pieces, so that neither takes more memory than one of them.

Each piece is its length (4 bytes, big-endian) and so many sealed bytes; where it stands, and whether it is the last, is
sealed with it: a file that was cut short, or whose pieces were swapped, does not open.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey

PIECE = 256 * 1024
_LENGTH = 4
_MOST = PIECE + 64


def seal_file(plain: Path, out: Path, key: SealKey) -> int:
    """Write a file's content under seal; return how many bytes it has in the clear."""
    size = number = 0
    with plain.open("rb") as source, out.open("wb") as target:
        piece = source.read(PIECE)
        while True:
            following = source.read(PIECE)
            sealed = key.seal(piece, _place(number, last=not following))
            target.write(len(sealed).to_bytes(_LENGTH, "big") + sealed)
            size, number = size + len(piece), number + 1
            if not following:
                return size
            piece = following


def opened(file: IO[bytes], key: SealKey) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece. Raises Corrupt where it is not what was written."""
    number, sealed = 0, _piece(file)
    while sealed:
        following = _piece(file)
        yield key.open(sealed, _place(number, last=not following))
        number, sealed = number + 1, following
    if not number:
        raise Corrupt("a sealed file is empty")


def _piece(file: IO[bytes]) -> bytes:
    """The next piece; nothing at the end."""
    head = file.read(_LENGTH)
    length = int.from_bytes(head, "big")
    sealed = file.read(length) if len(head) == _LENGTH and length <= _MOST else b""
    if head and (len(sealed) != length or not sealed):
        raise Corrupt("a sealed file was cut short or changed")
    return sealed


def _place(number: int, *, last: bool) -> bytes:
    return b"file" + number.to_bytes(8, "big") + (b"." if last else b",")
