"""Opening a file that others open in the same moment; looking many rows up at once."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.sqlite import connect, rows_in

ROWS = 700
DB = sqlite3.connect(":memory:")
DB.execute("CREATE TABLE thing (org TEXT, number INTEGER)")
DB.executemany("INSERT INTO thing VALUES (?, ?)", [(org, number) for org in ("a", "b") for number in range(ROWS)])


@given(st.sets(st.integers(-5, ROWS + 5), max_size=ROWS))
def test_any_number_of_rows_is_found_at_once_and_no_other(numbers: set[int]) -> None:
    query = "SELECT org, number FROM thing WHERE org = ? AND number IN ({})"
    found = list(rows_in(DB, query, sorted(numbers), "b"))
    assert sorted(found) == [("b", number) for number in sorted(numbers) if 0 <= number < ROWS]


def test_a_new_file_is_opened_by_many_in_one_moment(tmp_path: Path) -> None:
    """The web processes, the worker and a command of the CLI begin together on a fresh directory."""
    many, rounds = 8, 200
    begin = threading.Barrier(many)

    def opened(number: int) -> str:
        begin.wait()
        with closing(
            connect(tmp_path / f"{number}.db", ["CREATE TABLE a (x)", "CREATE TABLE b (x)"], durable=False)
        ) as db:
            return str(db.execute("PRAGMA journal_mode").fetchone()[0])

    with ThreadPoolExecutor(many) as threads:
        for number in range(rounds):
            assert list(threads.map(opened, [number] * many)) == ["wal"] * many


def test_nobody_waits_for_a_turn_to_write_that_somebody_else_keeps(tmp_path: Path) -> None:
    """The worker makes state.db, and begins to write in the same moment; others only want to know that it is made."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as worker, ThreadPoolExecutor(1) as other:
        worker.execute("PRAGMA journal_mode = WAL")
        worker.execute("BEGIN IMMEDIATE")
        opening = other.submit(connect, path, ["CREATE TABLE a (x)"], durable=False)
        with pytest.raises(TimeoutError):
            opening.result(0.3)  # there is nothing yet
        worker.execute("CREATE TABLE a (x)")
        worker.execute("PRAGMA user_version = 1")
        worker.execute("COMMIT")
        worker.execute("BEGIN IMMEDIATE")
        with closing(opening.result()) as db:
            assert db.execute("SELECT count(*) FROM a").fetchone() == (0,)
            assert db.execute("PRAGMA busy_timeout").fetchone() == (10_000,)
