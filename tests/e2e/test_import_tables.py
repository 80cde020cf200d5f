"""`rapport import --table` from databases as they are: PostgreSQL and SQLite, as a company would use it."""

import json
import os
import sqlite3
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.adapters.tables import address_of, open_table
from rapport.adapters.tables import sqlite as rapport_sqlite
from rapport.kernel.errors import Busy
from tests.e2e.running import RAPPORT, free_port, run
from tests.e2e.shop_database import PASSWORD, Server, shop_database

MAPPING = """
name = "orders"
[time]
column = "placed_at"
[identifiers]
user_id = "customer_id"
email = "email"
[[event]]
name = "Order Completed"
message_id = "id"
[event.properties]
revenue = { column = "total", type = "number" }
tags = "tags"
"""

POSTGRES = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id text, email text, placed_at timestamptz, total numeric(10, 2),
                     tags text[], extra jsonb, picture bytea);
INSERT INTO orders SELECT n, CASE WHEN n = 7 THEN NULL ELSE 'u' || n % 50 END, 'u' || n % 50 || '@example.com',
    '2026-11-01 10:00:00+01'::timestamptz + n * interval '1 minute', n + 0.55, ARRAY['a', 'b'], '{"x": [1]}', '\\x00'
FROM generate_series(1, 3000) n;
UPDATE orders SET placed_at = 'infinity' WHERE id = 9;
CREATE SCHEMA shut; CREATE TABLE shut.orders (id int);
CREATE TABLE "odd ""name.x" ("user id" int, "select" real); INSERT INTO "odd ""name.x" VALUES (5, 0.1);
CREATE ROLE guest LOGIN PASSWORD 'guest';
"""


@pytest.fixture(scope="module")
def server(need: Any) -> Iterator[Server]:
    with shop_database(need("postgres")) as started:
        with started.connect() as db:
            db.execute(POSTGRES)
        yield started


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    run("org", "add", "acme", "--data", str(directory), "--json")
    (tmp_path / "orders.toml").write_text(MAPPING)
    return directory


def importing(data: Path, *words: str, password: str | None = PASSWORD) -> "subprocess.CompletedProcess[str]":
    mapping = str(data.parent / "orders.toml")
    into = ("--org", "acme", "--source", "shop", "--mapping", mapping, "--data", str(data), "--json")
    return run("import", *words, *into, env={"PGPASSWORD": password} if password else {}, timeout=90)


def view(data: Path, customer: str) -> dict[str, Any]:
    done = run("show", customer, "--org", "acme", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_table_of_postgres_comes_into_the_views_and_a_second_time_counts_nothing_twice(server, data):
    for _ in range(2):
        done = importing(data, "--table", "orders", "--from", server.address, "--wait")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["table"], told["rows"], told["events"]) == ("orders", 3000, 2998)
        assert told["rejected"] == {"missing_id": 1, "bad_time": 1}
    orders = view(data, "user_id:u3")["events"]["by_name"]["Order Completed"]
    assert orders["count"] == 60
    assert orders["first_at"] == "2026-11-01T09:03:00Z"


def test_what_is_new_is_read_by_a_column_that_grows(server, data):
    words = ["--table", "orders", "--from", server.address, "--since", "id"]
    assert json.loads(importing(data, *words).stdout)["rows"] == 3000
    with server.connect() as db:
        db.execute("INSERT INTO orders SELECT 4000, 'u3', NULL, now(), 12.50, NULL, NULL, NULL")
    told = json.loads(importing(data, *words, "--wait").stdout)
    assert told["rows"] == 2, "the new one, and the last of before once more"
    assert view(data, "user_id:u3")["events"]["by_name"]["Order Completed"]["count"] == 61
    with server.connect() as db:
        db.execute("DELETE FROM orders WHERE id = 4000")


def test_names_of_all_kinds_and_kinds_of_values(server, data):
    (data.parent / "orders.toml").write_text(
        '[identifiers]\nuser_id = "user id"\n[[event]]\nname = "Seen"\n[event.properties]\nselect = "select"\n'
    )
    done = importing(data, "--table", 'odd "name.x', "--from", server.address, "--dry-run")
    assert json.loads(done.stdout)["sample"][0]["properties"] == {"select": 0.1}
    done = run("import", "--suggest", "--table", "public.orders", "--from", "env:SHOP", env=secret(server))
    assert done.returncode == 0, done.stderr
    suggested = tomllib.loads(done.stdout)
    assert suggested["identifiers"] == {"user_id": "customer_id", "email": "email"}
    assert suggested["time"]["column"] == "placed_at"
    assert "#   rapport import --table public.orders --from ADDRESS --org ORG" in done.stdout
    assert "picture" not in done.stdout


def test_a_table_may_be_named_as_sql_writes_it_and_gives_its_mapping_its_own_name(server):
    with server.connect() as db:
        db.execute(
            'CREATE SCHEMA "Sales Dept"; CREATE TABLE "Sales Dept"."Users" (id int, "eMail" text, n float8);'
            'INSERT INTO "Sales Dept"."Users" '
            "SELECT n, 'u' || n || '@example.com', 'Infinity' FROM generate_series(1, 9) n"
        )
    for table in ("Sales Dept.Users", '"Sales Dept"."Users"'):
        done = run("import", "--suggest", "--table", table, "--from", "env:SHOP", env=secret(server))
        assert done.returncode == 0, done.stderr
        assert "Of 9 lines: 9 events of 9, 0 left out, refused: none." in done.stdout
        suggested = tomllib.loads(done.stdout)
        assert suggested["name"] == "users", "not the schema's, which others share"
        assert suggested["identifiers"] == {"email": "eMail", "user_id": "id"}
        assert suggested["traits"]["n"] == "n"


def secret(server: Server) -> dict[str, str]:
    """The environment with the whole address, password and all, in a variable."""
    quoted = PASSWORD.replace("@", "%40").replace(":", "%3A")
    return os.environ | {"SHOP": f"postgresql://shop:{quoted}@127.0.0.1:{server.port}/postgres"}


def test_nothing_is_written_to_the_database(server, data):
    with server.connect() as db:
        db.execute("CREATE SEQUENCE counted; CREATE VIEW sly AS SELECT nextval('counted') AS id, 'u1' AS customer_id")
    (data.parent / "orders.toml").write_text(
        '[identifiers]\nuser_id = "customer_id"\n[[event]]\nname = "Seen"\nmessage_id = "id"\n'
    )
    done = importing(data, "--table", "sly", "--from", server.address)
    assert done.returncode == 2
    assert "read-only transaction" in done.stderr


def test_what_cannot_be_had_is_told_without_the_password(server, data):
    there, port = server.address, server.port
    cases = [
        (there, "order", PASSWORD, 2, "did you mean 'orders'"),
        (there, "nothing.here", PASSWORD, 2, "has no table 'nothing.here'"),
        (there, 'public."nothing', PASSWORD, 2, "has no table 'public.\"nothing'"),
        (there, "x" * 3000, PASSWORD, 2, f"has no table '{'x' * 100}…'"),
        (f"{there}?sslmode=require", "orders", PASSWORD, 2, "by sslmode: the server has no TLS"),
        (f"{there}?sslmode=s3cret", "orders", PASSWORD, 2, "it is disable, allow, prefer,"),
        (there.replace("shop@", "guest@"), "orders", "guest", 2, "may not be read by this user"),
        (there.replace("shop@", "guest@"), "shut.orders", "guest", 2, "may not be read by this user"),
        (there, "orders", "wrong-s3cret", 2, "lets this user not in"),
        (there.replace("/postgres", "/attic"), "orders", PASSWORD, 2, "no database of that server"),
        (there.replace(str(port), str(free_port())), "orders", PASSWORD, 1, "cannot be reached"),
        (there.replace("shop@", "shop:s3cret@"), "orders", PASSWORD, 2, "read by every process"),
        (f"{there}?password=s3cret", "orders", PASSWORD, 2, "read by every process"),
        ("postgresql://shop:s3cret@x@y:1/z", "orders", PASSWORD, 2, "cannot be read"),
        ("postgresql://shop@127.0.0.1:s3cret/z", "orders", PASSWORD, 2, "cannot be read"),
        ("mysql://shop:s3cret@x/y", "orders", PASSWORD, 2, "no database's address"),
        ("env:NO_SUCH_VARIABLE", "orders", PASSWORD, 2, "is not set"),
    ]
    for address, table, password, code, said in cases:
        done = importing(data, "--table", table, "--from", address, password=password)
        assert (done.returncode, done.stdout) == (code, ""), (address, done.stderr)
        assert said in done.stderr
        assert "s3cret" not in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_server_that_goes_away_while_it_is_read_is_told_and_the_next_run_makes_it_whole(need, data):
    with shop_database(need("postgres")) as started:
        with started.connect() as db:
            db.execute(POSTGRES.replace("3000", "200000"))
        command = [
            "import",
            "--table",
            "orders",
            "--from",
            started.address,
            "--mapping",
            str(data.parent / "orders.toml"),
        ]
        process = subprocess.Popen(
            [*RAPPORT, *command, "--dry-run"],
            env=os.environ | {"PGPASSWORD": PASSWORD},
            stderr=subprocess.PIPE,
            text=True,
        )
        with started.connect() as db:
            while not db.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'rapport import' AND query LIKE 'FETCH%'"
            ).fetchone():
                assert process.poll() is None
            assert PASSWORD not in Path(f"/proc/{process.pid}/cmdline").read_text()
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rapport import'"
            )
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "run the same command again" in said


SQLITE = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id, email, placed_at, total, tags);
INSERT INTO orders VALUES (1, 'u1', 'u1@example.com', '2026-11-01 10:00', 1.5, NULL),
    (2, 17850.0, NULL, '2026-11-01', 2, 'x'),
    (3, 'u3', x'00', '2026-11-01', 1, NULL), (4, CAST(x'ff' AS TEXT), NULL, '2026-11-01', 1, NULL);
CREATE VIEW newest AS SELECT * FROM orders WHERE id < 3;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop? #1.db"
    with sqlite3.connect(path) as db:
        db.executescript(SQLITE)
    db.close()
    return path


def test_a_table_and_a_view_of_sqlite_come_in_and_what_cannot_be_read_is_refused_alone(data, shop):
    told = json.loads(importing(data, "--table", "Orders", "--from", str(shop), "--wait").stdout)
    assert (told["rows"], told["events"]) == (4, 2)
    assert told["rejected"] == {"bad_type": 1, "bad_encoding": 1}
    assert view(data, "user_id:17850")["events"]["total"] == 1
    assert json.loads(importing(data, "--table", "newest", "--from", f"sqlite:{shop}").stdout)["events"] == 2


def test_what_is_new_in_sqlite(data, shop):
    words = ["--table", "newest", "--from", str(shop), "--since", "id"]
    assert [json.loads(importing(data, *words).stdout)["rows"] for _ in range(2)] == [2, 1]


def test_sqlite_files_that_are_none(data, shop, tmp_path):
    (tmp_path / "junk.db").write_bytes(b"junk" * 999)
    cases = [
        (str(tmp_path / "none.db"), "orders", "is no file"),
        (str(tmp_path / "junk.db"), "orders", "file is not a database"),
        (str(shop), "oders", "did you mean 'orders'"),
    ]
    for place, table, said in cases:
        done = importing(data, "--table", table, "--from", place)
        assert done.returncode == 2
        assert said in done.stderr
    assert not (tmp_path / "none.db").exists()


def test_a_sqlite_file_that_another_program_holds_is_tried_again_later(shop, monkeypatch):
    monkeypatch.setattr(rapport_sqlite, "_BUSY_S", 0.1)
    holding = sqlite3.connect(shop, isolation_level=None)
    holding.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy, match="is locked: another program writes to it"):
        open_table(address_of(str(shop)), "orders")
    holding.close()
    open_table(address_of(str(shop)), "orders").close()


def test_names_in_a_sqlite_file_that_are_no_text_are_passed_over(tmp_path):
    odd = tmp_path / "odd.db"
    with sqlite3.connect(odd) as db:
        db.executescript("CREATE TABLE t (user_id, plan, qqq); INSERT INTO t VALUES ('u1', 'gold', 1);")
    db.close()
    odd.write_bytes(odd.read_bytes().replace(b"qqq", b"q\xffq"))
    suggested = run("import", "--suggest", "--table", "t", "--from", str(odd))
    assert suggested.returncode == 0, suggested.stderr
    assert "plan" in suggested.stdout
    odd.write_bytes(odd.read_bytes().replace(b"TABLE t ", b"TABLE \xff "))
    damaged = run("import", "--suggest", "--table", "t", "--from", str(odd))
    assert damaged.returncode == 2
    assert "cannot be read as a SQLite database" in damaged.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--table", "t"], "needs both"),
        (["--from", "x.db"], "needs both"),
        (["f.csv", "--table", "t", "--from", "x.db"], "either files or a table"),
        ([], "which files"),
        (["f.csv", "--since", "id"], "--since is for"),
    ],
)
def test_options_that_do_not_go_together(data, words, said):
    done = importing(data, *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_new_rows_of_groups_are_not_read_alone(data, shop):
    (data.parent / "orders.toml").write_text(MAPPING.replace('message_id = "id"', 'group_by = "id"'))
    done = importing(data, "--table", "orders", "--from", str(shop), "--since", "id")
    assert done.returncode == 2
    assert "two halves" in done.stderr
