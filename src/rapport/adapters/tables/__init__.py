"""Tables of databases, read row by row in bounded memory as files are: PostgreSQL and SQLite.

In come an address, a table's name and perhaps a column that grows; out come (place, values) of each row, or why a row
cannot be read. What always holds: nothing is written to the database; all rows are of one moment, however often they
are read; no password is in an error, a log or a process's title; a table that cannot be used raises BadInput, and a
server that cannot be reached Busy, before a row was handed out if that can be known.
"""

from pathlib import Path

from rapport.adapters.tables.address import Address, address_of
from rapport.adapters.tables.rows import Rows, Table
from rapport.adapters.tables.watermark import Watermark

__all__ = ["Address", "Rows", "Table", "Watermark", "address_of", "open_table"]


def open_table(address: Address, table: str, since: str = "", after: str | float | None = None) -> Table:
    """Open a table (or view) for reading; with `since`, only rows whose column of that name is at least `after`."""
    if address.sqlite:
        from rapport.adapters.tables.sqlite import open_sqlite  # noqa: PLC0415 - only for who has such a file

        return open_sqlite(Path(address.sqlite), table, since, after)
    from rapport.adapters.tables.postgres import open_postgres  # noqa: PLC0415 - psycopg is dear to load

    return open_postgres(address, table, since, after)
