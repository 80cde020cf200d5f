"""Where a database is. A password never stands on a command line, since every process of the machine can read that."""

import os
import re
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from rapport.kernel.errors import BadInput

_SQLITE = (".db", ".sqlite", ".sqlite3")
_ADVICE = "it needs percent-encoding where a part has marks of its own, such as postgresql://user@host:5432/database"


class Address(msgspec.Struct, frozen=True):
    """One of both: a SQLite file's path, or what libpq connects by (which may hold a password)."""

    shown: str
    """To say where it is, and to tell one database from another: without password."""
    sqlite: str = ""
    postgres: str = ""

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"


def address_of(written: str) -> Address:
    """What `--from` says: a SQLite file, a URL of PostgreSQL, or `env:NAME` of a variable that holds either.

    Raises BadInput where it is neither, or has a password and does not come from a variable.
    """
    if written.startswith("env:"):
        name = written.removeprefix("env:")
        value = os.environ.get(name, "")
        if not value:
            raise BadInput(f"--from: the variable {name} is not set", field="from")
        return _address(value, hidden=True)
    return _address(written, hidden=False)


def _address(written: str, *, hidden: bool) -> Address:
    if written.startswith(("postgresql://", "postgres://")):
        return _postgres(written, hidden=hidden)
    path = written.removeprefix("sqlite://") if written.startswith("sqlite:///") else written.removeprefix("sqlite:")
    if path != written or path.lower().endswith(_SQLITE):
        if not path:
            raise BadInput("--from: sqlite: needs the path of a file", field="from")
        return Address(path, sqlite=path)
    known = f"postgresql://user@host/database, sqlite:PATH, a file that ends in {', '.join(_SQLITE)}, or env:NAME"
    raise BadInput(f"--from: this is no database's address; {known}", field="from")


def _postgres(written: str, *, hidden: bool) -> Address:
    # Nothing of what cannot be read is repeated: any part of it may be a piece of the password.
    try:
        url = urlsplit(written)
        query = parse_qs(url.query, keep_blank_values=True)
        host, port, user = url.hostname or "", url.port, url.username
    except ValueError:
        raise BadInput(f"--from: the address cannot be read; {_ADVICE}", field="from") from None
    if url.netloc.count("@") > 1 or url.fragment or not re.fullmatch(r"[A-Za-z0-9_.:%,\-]*", host):
        raise BadInput(f"--from: the address cannot be read; {_ADVICE}", field="from")
    if (url.password or {"password", "sslpassword"} & query.keys()) and not hidden:
        message = (
            "--from: a password on the command line can be read by every process of the machine; give it by "
            "PGPASSWORD, a .pgpass file, or put the whole address into a variable: --from env:SHOP_DATABASE"
        )
        raise BadInput(message, field="from")
    where = unquote(host) or query.get("host", [""])[0]
    place = f"{where}:{port}" if port else where
    who = f"{unquote(user)}@" if user else ""
    return Address(f"postgresql://{who}{place}{unquote(url.path)}", postgres=written)
