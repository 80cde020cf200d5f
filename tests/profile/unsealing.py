"""All that can still be read of a node by whoever has its files and its keys: every sealed value, tried under every key
that is left."""

import contextlib
import sqlite3
from collections.abc import Iterator

from rapport.adapters.embedded.state_rows import block_place, record_place
from rapport.app.embedded import open_keys
from rapport.app.settings import Settings
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey


def readable(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """(where, what) of every sealed value in log.db and state.db that opens under any key of the node."""
    keys = open_keys(settings)
    with contextlib.closing(_rows(settings, "state.db")) as state, contextlib.closing(_rows(settings, "keys.db")) as db:
        orgs = dict(state.execute("SELECT id, name FROM org"))
        numbers = [number for (number,) in db.execute("SELECT record FROM record_key")]
        record_keys = [key for n in numbers for org in orgs.values() if (key := _record_key(keys, org, n)) is not None]
        for number, body in state.execute("SELECT id, body FROM record"):
            yield from _opened("record", record_keys, body, record_place(number))
        for position, body in state.execute("SELECT position, body FROM timeline"):
            yield from _opened("timeline", record_keys, body, block_place(position))
        for number, body in state.execute("SELECT id, body FROM carved"):
            key = keys.carve(number)
            yield from _opened("carved", [key] if key else [], body, b"carved" + number.to_bytes(8, "big"))
    segments = _segments(settings)
    with contextlib.closing(_rows(settings, "log.db")) as log:
        for segment, body in log.execute("SELECT segment, body FROM log"):
            if segment in segments:
                yield "log", keys.log(segment).open(body, b"log")
    org_keys = [keys.org(org) for org in orgs.values()]
    for place, body in sealed_under_organizations(settings):
        yield from _opened(place.partition(" ")[0], org_keys, body, place.partition(" ")[2].encode("latin-1"))
    keys.close()


def sealed_under_organizations(settings: Settings) -> list[tuple[str, bytes]]:
    """("table place", bytes) of what is sealed under an organization's key, and so has no key of its own."""
    with contextlib.closing(_rows(settings, "state.db")) as state:
        found = [("mark mark", body) for (body,) in state.execute("SELECT body FROM mark")]
        found += [("rejected rejected", body) for (body,) in state.execute("SELECT body FROM rejected")]
        for record, body in state.execute("SELECT record, body FROM review"):
            found.append(("review " + (b"review" + record.to_bytes(8, "big")).decode("latin-1"), body))
    return found


def _segments(settings: Settings) -> set[int]:
    with contextlib.closing(_rows(settings, "keys.db")) as db:
        return {segment for (segment,) in db.execute("SELECT hour FROM log_key")}


def _record_key(keys, org: str, number: int) -> SealKey | None:
    with contextlib.suppress(Corrupt):  # another organization's
        return keys.record(org, number)
    return None


def _opened(where: str, keys: list[SealKey], body: bytes, place: bytes) -> Iterator[tuple[str, bytes]]:
    for key in keys:
        with contextlib.suppress(Corrupt):
            yield where, key.open(body, place)
            return


def _rows(settings: Settings, name: str) -> sqlite3.Connection:
    return sqlite3.connect(settings.directory / name)
