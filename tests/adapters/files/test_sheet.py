"""A sheet as CSV: any text in its cells comes back as it was."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files.sheet import Sheet

TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(['"', ",", "\r", "\n", ";", "'", " "]))
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
    assert read == [[f"a{name}", "b"], *said]


@given(st.lists(TEXT | st.none(), min_size=1))
def test_a_row_of_one_empty_cell_is_still_a_row(cells: list[str | None]) -> None:
    with TemporaryDirectory() as directory, Sheet(Path(directory), {"only": "VARCHAR"}) as sheet:
        for cell in cells:
            sheet.add({"only": cell})
        out = Path(directory, "out.csv")
        sheet.write_csv(out)
        with out.open(encoding="utf-8", newline="") as file:
            assert [row[0] for row in csv.reader(file)] == ["only", *(cell or "" for cell in cells)]
