"""Where an import goes, and a table as what it comes from."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from rapport.adapters.files import Files
from rapport.adapters.tables import Watermark, address_of, open_table
from rapport.app.settings import Settings
from rapport.collect.mapping import Mapping
from rapport.kernel.errors import BadInput


class Into(msgspec.Struct, frozen=True):
    """Whose customers the lines are, under which source, by which mapping's file."""

    settings: Settings
    org: str
    source: str
    mapping: Path


@contextlib.contextmanager
def from_table(
    into: Into, mapping: Mapping, table: str, place: str, since: str, *, look: bool
) -> Iterator[tuple[Files, Callable[[], None]]]:
    """The table's rows, all of one moment; and what to call once they are in the log, for the next run to go on.

    `look`: read everything, and remember nothing.
    """
    if since and any(event.group_by for event in mapping.events):
        message = (
            "--since reads what is new, and the mapping groups rows: an order with a row before and one after would be "
            "two halves. Import such a table whole, or give it one row for each event"
        )
        raise BadInput(message, field="since")
    address = address_of(place)
    mark = None
    if since and not look:
        mark = Watermark(into.settings.directory, into.org, into.source, into.mapping, (address, table, since))
    with contextlib.closing(open_table(address, table, since, mark.load() if mark else None)) as opened:
        # Asked before the rows are read, and of the same moment.
        reached = opened.reached()
        yield Files([opened.rows(mapping.columns())]), lambda: mark.save(reached) if mark else None
