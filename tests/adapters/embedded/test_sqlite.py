"""Looking many rows up at once."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.sqlite import rows_in

ROWS = 700
DB = sqlite3.connect(":memory:")
DB.execute("CREATE TABLE thing (org TEXT, number INTEGER)")
DB.executemany("INSERT INTO thing VALUES (?, ?)", [(org, number) for org in ("a", "b") for number in range(ROWS)])


@given(st.sets(st.integers(-5, ROWS + 5), max_size=ROWS))
def test_any_number_of_rows_is_found_at_once_and_no_other(numbers: set[int]) -> None:
    query = "SELECT org, number FROM thing WHERE org = ? AND number IN ({})"
    found = list(rows_in(DB, query, sorted(numbers), "b"))
    assert sorted(found) == [("b", number) for number in sorted(numbers) if 0 <= number < ROWS]
