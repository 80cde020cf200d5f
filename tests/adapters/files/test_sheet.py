"""A sheet as CSV: any text in its cells comes back as it was; and its columns, in both of its forms."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files.sheet import Sheet

ODD = st.sampled_from(['"', ",", "\r", "\n", ";", "'", " ", "=", "+", "-", "@", "\t", "1"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | ODD)
CELLS = st.none() | TEXT | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1), TEXT)
def test_any_cells_are_read_back_by_others_as_they_were(rows: list[tuple[object, object]], name: str) -> None:
    with TemporaryDirectory() as directory, Sheet(Path(directory), {f"a{name}": "VARCHAR", "b": "DOUBLE"}) as sheet:
        out = Path(directory, "out.csv")
        for first, second in rows:
            sheet.add({f"a{name}": first, "b": second})
        sheet.write_csv(out)
        with out.open(encoding="utf-8", newline="") as file:
            read = list(csv.reader(file))
    said = [["" if cell is None else str(cell) for cell in row] for row in rows]
    assert [[unmarked(cell) for cell in row] for row in read] == [[f"a{name}", "b"], *said]
    assert not any(computes(cell) for row in read for cell in row)


def computes(cell: str) -> bool:
    """Whether a spreadsheet would: told without what is tried here."""
    if cell[:1] in {"+", "-"}:
        return not (set(cell[1:]) <= set("0123456789 ./()-") or is_number(cell))
    return cell[:1] in {"=", "@", "\t", "\r", "\n", "＝", "＠", "＋", "－"}


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return set(cell) <= set("0123456789.eE+-")


def unmarked(cell: str) -> str:
    """What was written, less the apostrophe that marks what is not to be computed."""
    bare = cell.lstrip("'")
    return cell[1:] if cell != bare and computes(bare) else cell


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("http://x","y")', "=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-1-x()", "\t=1"]
)
def test_no_cell_is_computed_by_whoever_opens_it(text: str) -> None:
    assert written(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["+44 (20) 7946-0958", "-12.5", "-", "-1e-07", "-0.5E+3", "a=b", "me@example.com", "'tis"]
)
def test_what_computes_nothing_stays_as_it_is(text: str) -> None:
    assert written(text) == text


def written(text: str) -> str:
    with TemporaryDirectory() as directory, Sheet(Path(directory), {"only": "VARCHAR"}) as sheet:
        sheet.add({"only": text})
        sheet.write_csv(Path(directory, "out.csv"))
        with Path(directory, "out.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))[1][0]


@given(st.lists(TEXT | st.none(), min_size=1))
def test_a_row_of_one_empty_cell_is_still_a_row(cells: list[str | None]) -> None:
    with TemporaryDirectory() as directory, Sheet(Path(directory), {"only": "VARCHAR"}) as sheet:
        for cell in cells:
            sheet.add({"only": cell})
        out = Path(directory, "out.csv")
        sheet.write_csv(out)
        with out.open(encoding="utf-8", newline="") as file:
            assert [unmarked(row[0]) for row in csv.reader(file)] == ["only", *(cell or "" for cell in cells)]


@pytest.mark.parametrize(
    "rows", [[], [{"id": "1", "visits": 3, "more": "x"}, {"id": "2", "plan": "gold", "also": "y"}]]
)
def test_columns_that_are_asked_for_are_there_in_their_order_though_no_row_has_them(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    with Sheet(tmp_path, {"id": "VARCHAR"}, ["visits", "plan", "never"]) as sheet:
        for row in rows:
            sheet.add(row)
        sheet.write_csv(tmp_path / "out.csv")
        sheet.write_parquet(tmp_path / "out.parquet", {})
    names = ["id", "visits", "plan", "never", *(["also", "more"] if rows else [])]
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == names
    with duckdb.connect() as db:
        found = db.execute(f"SELECT * FROM '{tmp_path}/out.parquet'")
        assert [name for name, *_ in found.description] == names
        assert [row[:3] for row in found.fetchall()] == [
            (one["id"], one.get("visits"), one.get("plan")) for one in rows
        ]
