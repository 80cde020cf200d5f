"""Files under seal: any content comes back as it was, and none that was changed comes back at all."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files import sealed
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey, fresh_key

KEY = SealKey(fresh_key())
PIECE = sealed.PIECE
SIZES = st.sampled_from([0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7])


def written(content: bytes, key: SealKey = KEY) -> bytes:
    with TemporaryDirectory() as name:
        plain, out = Path(name) / "plain", Path(name) / "sealed"
        plain.write_bytes(content)
        assert sealed.seal_file(plain, out, key) == len(content)
        return out.read_bytes()


def read(raw: bytes, key: SealKey = KEY) -> bytes:
    return b"".join(sealed.opened(io.BytesIO(raw), key))


def pieces_of(raw: bytes) -> list[bytes]:
    found = []
    while raw:
        size = 4 + int.from_bytes(raw[:4], "big")
        found.append(raw[:size])
        raw = raw[size:]
    return found


@given(SIZES, st.binary(min_size=1, max_size=40))
def test_any_content_comes_back_in_pieces_and_says_nothing_to_who_lacks_the_key(size: int, some: bytes) -> None:
    content = (some * (size // len(some) + 1))[:size]
    raw = written(content)
    assert read(raw) == content
    assert all(len(piece) <= PIECE for piece in sealed.opened(io.BytesIO(raw), KEY))
    assert len(some) < 8 or some not in raw
    with pytest.raises(Corrupt):
        read(raw, SealKey(fresh_key()))


@given(st.data())
def test_no_byte_can_be_changed_and_nothing_cut_off_added_or_swapped(data: st.DataObject) -> None:
    raw = written(bytes(range(256)) * (PIECE // 100))
    parts = pieces_of(raw)
    assert len(parts) == 3
    how = data.draw(st.sampled_from(["flip", "cut", "add", "drop", "swap", "twice"]))
    place = data.draw(st.integers(0, len(raw) - 1))
    number = data.draw(st.integers(0, len(parts) - 1))
    if how == "flip":
        changed = bytearray(raw)
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
        raw = bytes(changed)
    elif how == "cut":
        raw = raw[:place]
    elif how == "add":
        raw += data.draw(st.binary(min_size=1, max_size=80))
    elif how == "drop":
        raw = b"".join(parts[:number] + parts[number + 1 :])
    elif how == "swap":
        raw = b"".join([*parts[1:], parts[0]])
    else:
        raw = b"".join([*parts, parts[number]])
    with pytest.raises(Corrupt):
        read(raw)
