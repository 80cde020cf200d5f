"""How far a table was imported: the highest value of its column that grows, for the next run to begin at.

It is kept once a run is complete. The next run reads that value once more, since rows of the same moment may have been
written after it; what it finds again has the same message ids and counts once.
"""

from hashlib import blake2b
from pathlib import Path

import msgspec

from rapport.adapters.tables.address import Address


class _Reached(msgspec.Struct, frozen=True):
    value: str | int | float | None = None


class Watermark:
    """The record of one table, column, mapping and source, in the data directory."""

    def __init__(self, data: Path, org: str, source: str, mapping: Path, of: tuple[Address, str, str]) -> None:
        address, table, column = of
        place = str(Path(address.sqlite).resolve()) if address.sqlite else address.shown
        content = [org, source, mapping.read_bytes(), place, table, column]
        name = blake2b(msgspec.msgpack.encode(content), digest_size=16).hexdigest()
        self._path = data / "imports" / f"since-{name}.json"

    def load(self) -> str | float | None:
        """None where no run was completed, or its record is damaged: everything is read then, and counts once."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Reached).value
        except (OSError, msgspec.MsgspecError):
            return None

    def save(self, value: str | float | None) -> None:
        self._path.parent.mkdir(exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(_Reached(value)))
        fresh.replace(self._path)
