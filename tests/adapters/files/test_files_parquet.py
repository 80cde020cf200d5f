"""Parquet: values as JSON knows them, columns of any type."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from rapport.adapters.files import open_files
from rapport.collect import mapping_toml
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput


def mapping(*columns: str):
    properties = "".join(f'"p{n}" = "{column}"\n' for n, column in enumerate(columns))
    return mapping_toml.parse(
        f'[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n[event.properties]\n{properties}'
    )


def read(path, *columns: str):
    """Rows as column → value."""
    wanted = mapping(*columns)
    return [
        str(values.reason) if isinstance(values, Unreadable) else dict(zip(wanted.columns(), values, strict=True))
        for _, values in open_files([path], wanted).read()
    ]


def written(tmp_path, **columns):
    path = tmp_path / "f.parquet"
    parquet.write_table(pa.table({"id": ["u1"] * len(next(iter(columns.values()))), **columns}), path)
    return path


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array([2**63], pa.uint64()), [2**63]),
        (pa.array([17850.0, float("nan"), None]), [17850.0, None, None]),
        (pa.array([0.1], pa.float32()), [0.1]),
        (pa.array([Decimal("12.50")], pa.decimal128(12, 2)), [12.5]),
        (pa.array([Decimal("12345678901234567890.50")], pa.decimal128(30, 2)), ["12345678901234567890.50"]),
        (pa.array([True, None]), [True, None]),
        (pa.array(["a\0b", "", None]), ["a\0b", "", None]),
        (pa.array([date(2010, 12, 1)]), ["2010-12-01"]),
        (pa.array([datetime(2010, 12, 1, 8, 26)], pa.timestamp("us")), ["2010-12-01T08:26:00"]),  # noqa: DTZ001
        (pa.array([1291191960123456789], pa.timestamp("ns")), ["2010-12-01T08:26:00.123457"]),
        (
            pa.array([datetime(2010, 12, 1, 8, 26, tzinfo=UTC)], pa.timestamp("ms", "Asia/Tokyo")),
            ["2010-12-01T08:26:00Z"],
        ),
        (pa.array([{"a": [1, None], "b": "x"}, None]), [{"a": [1, None], "b": "x"}, None]),
        (pa.array([["x", "y"], []]), [["x", "y"], []]),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), [{"k": 1}]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_a_column_of_any_type_is_read_as_json_knows_it(tmp_path, column, values):
    assert [row["x"] for row in read(written(tmp_path, x=column), "x")] == values


def test_a_field_of_a_struct_is_named_by_its_path_unless_a_column_has_that_name(tmp_path):
    address = pa.array([{"city": "Bath", "geo": {"lat": 51.4}}])
    path = written(tmp_path, address=address, **{"address.zip": ["BA1"]})
    (row,) = read(path, "address.city", "address.geo.lat", "address.zip")
    assert (row["address.city"], row["address.geo.lat"], row["address.zip"]) == ("Bath", 51.4, "BA1")


def test_rows_come_in_the_order_of_the_file_with_their_numbers(tmp_path):
    path = tmp_path / "f.parquet"
    parquet.write_table(pa.table({"id": list(range(50_000))}), path, row_group_size=999)
    assert [(line, values[0]) for line, values in open_files([path], mapping("id")).read()] == [
        (n + 1, n) for n in range(50_000)
    ]


def test_a_name_that_is_no_name_in_sql_is_a_name_all_the_same(tmp_path):
    name = 'it\'s "quoted"; DROP TABLE x'
    path = written(tmp_path, **{name: ["v"]})
    wanted = mapping_toml.parse(
        "[identifiers]\nuser_id='id'\n[[event]]\nname='E'\n[event.properties]\np='''" + name + "'''\n"
    )
    ((_, values),) = open_files([path], wanted).read()
    assert values == ("u1", "v")


def test_a_file_whose_name_is_a_pattern_is_that_file(tmp_path):
    path = tmp_path / "[ab]*.parquet"
    parquet.write_table(pa.table({"id": ["right"]}), path)
    parquet.write_table(pa.table({"id": ["wrong"]}), tmp_path / "a.parquet")
    assert [row["id"] for row in read(path, "id")] == ["right"]


def test_a_row_whose_list_holds_what_json_cannot_is_refused(tmp_path):
    path = written(tmp_path, x=pa.array([[1.5], [float("nan")]]))
    assert read(path, "x") == [{"id": "u1", "x": [1.5]}, "bad_json"]


@pytest.mark.parametrize("column", ["X", "y", "x.y", "id.z"])
def test_a_missing_column_is_named_with_those_there_are(tmp_path, column):
    with pytest.raises(BadInput, match=rf"no column '{column}'.*Its columns: id, x"):
        read(written(tmp_path, x=["v"]), column)


def test_a_column_of_bytes_is_refused(tmp_path):
    with pytest.raises(BadInput, match="bytes in column 'x'"):
        read(written(tmp_path, x=pa.array([b"\0\1"])), "x")


@pytest.mark.parametrize("keep", [4, 100, -1])
def test_a_file_that_was_cut_short_is_unusable(tmp_path, keep):
    path = written(tmp_path, x=["v"] * 1000)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadInput, match=r"f\.parquet is damaged, or no Parquet file"):
        read(path, "x")


def test_an_empty_table_has_no_rows(tmp_path):
    assert read(written(tmp_path, x=pa.array([], pa.string())), "x") == []
