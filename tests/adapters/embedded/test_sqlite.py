"""Opening a file that others open in the same moment; looking many rows up at once."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

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
