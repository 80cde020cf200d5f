"""A table of PostgreSQL, read through a server-side cursor within one read-only snapshot."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import errors, sql

from rapport.adapters.files.delimited import MAX_FIELD
from rapport.adapters.tables.address import Address
from rapport.adapters.tables.rows import Convert, Rows, decimal, double, known, nested, plain, shortened, text, unusable
from rapport.collect.toml import nearest
from rapport.kernel.errors import Busy, RapportError

_CONNECT_S = 10
_FIRST_ROWS = 100
_MOST_ROWS = 10_000
_FETCH_BYTES = 4 * 1024 * 1024
"""About as much is asked of the server at a time."""

_AS_IT_IS = {"smallint", "integer", "bigint", "boolean", "oid"}

_COLUMNS = """
SELECT a.attname, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL), format_type(a.atttypid, a.atttypmod),
       t.typcategory = 'A'
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEYS = """
SELECT a.attname FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY AS k (attnum, place), pg_attribute a
WHERE i.indrelid = %s::regclass AND i.indisprimary AND a.attrelid = i.indrelid AND a.attnum = k.attnum ORDER BY k.place
"""
_THERE = """
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1 LIMIT 1000
"""
_NAMED_SO = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%s)
"""


def open_postgres(address: Address, table: str, since: str, after: str | float | None) -> "PostgresTable":
    """Raises Busy where the server cannot be reached, BadInput where it lets nobody in or has no such table."""
    try:
        db = psycopg.connect(
            address.postgres, connect_timeout=_CONNECT_S, application_name="rapport import", client_encoding="utf8"
        )
    except psycopg.Error as error:
        raise _not_connected(address, error) from None
    try:
        db.read_only = True
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # Times as text in one manner, and rows in one order where nothing else orders them.
        db.execute("SET LOCAL datestyle = 'ISO, YMD'")
        db.execute("SET LOCAL timezone = 'UTC'")
        db.execute("SET LOCAL synchronize_seqscans = off")
        return PostgresTable(db, address, table, since, after)
    except (psycopg.Error, RapportError) as error:
        db.close()
        raise error if isinstance(error, RapportError) else _failed(table, error) from None


class PostgresTable:
    def __init__(
        self, db: "psycopg.Connection[Any]", address: Address, table: str, since: str, after: str | float | None
    ) -> None:
        self._db, self._address = db, address
        self.name, self._relation = _relation(db, table)
        described = db.execute(_COLUMNS, [self._relation.as_string(db)]).fetchall()
        self._types = {name: (base, whole, listed) for name, base, whole, listed in described}
        self.names: Sequence[str] = [name for name, (base, _, _) in self._types.items() if base != "bytea"]
        self._keys = [name for (name,) in db.execute(_KEYS, [self._relation.as_string(db)])]
        self._since = known(self.name, since, self.names) if since else ""
        self._after = after

    def rows(self, columns: tuple[str, ...]) -> Rows:
        chosen = [_expression(known(self.name, name, self.names), *self._types[name][::2]) for name in columns]
        select = sql.SQL(", ").join(expression for expression, _ in chosen) if chosen else sql.SQL("NULL")
        query = sql.SQL("SELECT {} FROM {}{}").format(select, self._relation, self._where())
        if self._keys:
            query += sql.SQL(" ORDER BY ") + sql.SQL(", ").join(map(sql.Identifier, self._keys))
        converts: list[Convert] = [convert for _, convert in chosen] or [plain]
        return Rows(self.name, self._estimate(), converts, lambda: self._fetch(query))

    def reached(self) -> str | float | None:
        if not self._since:
            return None
        query = sql.SQL("SELECT max({})::text FROM {}").format(sql.Identifier(self._since), self._relation)
        highest: str | None = self._ask(query)
        return self._after if highest is None else highest

    def close(self) -> None:
        self._db.close()

    def _where(self) -> sql.Composed:
        if not self._since or self._after is None:
            return sql.Composed([])
        kind = sql.SQL(self._types[self._since][1])  # as the server itself writes it
        return sql.SQL(" WHERE {} >= CAST({} AS {})").format(
            sql.Identifier(self._since), sql.Literal(str(self._after)), kind
        )

    def _estimate(self) -> int:
        estimate = sql.SQL("SELECT greatest(reltuples, 1)::bigint FROM pg_class WHERE oid = {}::regclass")
        return int(self._ask(estimate.format(sql.Literal(self._relation.as_string(self._db)))) or 1)

    def _ask(self, query: sql.Composed) -> Any:
        try:
            found = self._db.execute(query).fetchone()
        except psycopg.Error as error:
            raise _failed(self.name, error) from None
        return found[0] if found else None

    def _fetch(self, query: sql.Composed) -> Iterator[Any]:
        """All rows; of wide ones fewer at a time."""
        size = _FIRST_ROWS
        try:
            with self._db.cursor(name="rapport") as cursor:
                cursor.execute(query)
                while some := cursor.fetchmany(size):
                    yield from some
                    wide = sum(len(cell) if isinstance(cell, str) else 24 for row in some for cell in row) / len(some)
                    size = max(1, min(_MOST_ROWS, size * 4, int(_FETCH_BYTES / max(wide, 1))))
        except psycopg.Error as error:
            raise _failed(self.name, error) from None
        except UnicodeDecodeError:
            raise unusable(self.name, "has text that is not UTF-8") from None


def _relation(db: "psycopg.Connection[Any]", table: str) -> tuple[str, sql.Identifier]:
    """The table by its name, else by schema.name; quoted either way, so any name will do."""
    parts = [(table,), tuple(table.split(".", 1))] if "." in table else [(table,)]
    for names in parts:
        relation = sql.Identifier(*names)
        try:
            found = db.execute("SELECT to_regclass(%s)", [relation.as_string(db)]).fetchone()
        except errors.InsufficientPrivilege:
            raise _no_rights(table) from None
        if found and found[0]:
            return table, relation
    if '"' in table and (named := _as_written_in_sql(db, table)):
        return ".".join(named), sql.Identifier(*named)
    there = [name for (name,) in db.execute(_THERE)]
    raise unusable("the database", f"has no table {shortened(table)}{nearest(table, there)}")


def _as_written_in_sql(db: "psycopg.Connection[Any]", table: str) -> tuple[str, ...] | None:
    """The schema and name of a table that is given with the quotes of SQL: `"Sales Dept"."Order Lines"`."""
    try:
        with db.transaction():
            row = db.execute(_NAMED_SO, [table]).fetchone()
    except errors.InsufficientPrivilege:
        raise _no_rights(table) from None
    except errors.Error:  # quotes that are not closed, or too many parts
        return None
    return None if row is None else (row[0], row[1])


def _expression(column: str, base: str, listed: bool) -> tuple[sql.Composable, Convert]:
    """SQL for a column's value in a form that JSON knows, and what is left to do to it."""
    name = sql.Identifier(column)
    if base in _AS_IT_IS:
        return name, plain
    if base == "double precision":
        return name, double
    if base == "real":  # by its text, or 0.1 becomes 0.10000000149011612
        return sql.SQL("{}::text::float8").format(name), double
    if base == "numeric":
        return sql.SQL("{}::text").format(name), decimal
    form = sql.SQL("to_json({})::text" if listed else "{}::text").format(name)
    # Enough to know that it is too large, and no more of it in memory.
    cut = sql.SQL("left({}, {})").format(form, sql.Literal(MAX_FIELD + 1))
    return cut, nested if listed or base in {"json", "jsonb"} else text


def _not_connected(address: Address, error: psycopg.Error) -> RapportError:
    """Of what libpq says, nothing is repeated: it may quote any part of the address."""
    said = str(error)
    if "does not exist" in said and "database" in said:
        return unusable(address.shown, "is no database of that server")
    if any(word in said for word in ("SSL", "sslmode", "certificate")):
        return unusable(address.shown, f"cannot be reached as its address asks for by sslmode: {_tls_trouble(said)}")
    if any(word in said for word in ("password", "authentication", "no pg_hba.conf entry", "role ")):
        return unusable(address.shown, "lets this user not in; PGPASSWORD, .pgpass or --from env:NAME give a password")
    if isinstance(error, psycopg.ProgrammingError):
        return unusable(address.shown, "is an address that PostgreSQL does not understand")
    return Busy(
        f"{address.shown} cannot be reached; is the server there, and does it take connections?", code="unreachable"
    )


def _tls_trouble(said: str) -> str:
    if "does not support SSL" in said:
        return "the server has no TLS"
    if "root certificate" in said:
        return "to check the server's certificate, sslrootcert must name a file (or `system`)"
    if "invalid sslmode" in said:
        return "it is disable, allow, prefer, require, verify-ca or verify-full"
    return "the server's certificate, or this side's, is not accepted"


def _failed(table: str, error: psycopg.Error) -> RapportError:
    if isinstance(error, errors.InsufficientPrivilege):
        return _no_rights(table)
    if (isinstance(error, psycopg.OperationalError) and error.sqlstate is None) or isinstance(
        error, errors.AdminShutdown
    ):
        return Busy(f"the connection was lost while {table} was read; run the same command again", code="unreachable")
    said = error.diag.message_primary or type(error).__name__
    return unusable(table, f"cannot be read: {said}")


def _no_rights(table: str) -> RapportError:
    return unusable(table, "may not be read by this user; GRANT SELECT on it (and USAGE on its schema)")
