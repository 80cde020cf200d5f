"""Opening files: what is not what it seems is refused before a line is read; several files are one table."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files import Checkpoint, Progress, SealedSpill, open_files
from rapport.collect import grouping, mapping_toml
from rapport.collect.grouping import Groups
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput

MAPPING = mapping_toml.parse('[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n')


def written(tmp_path, name: str, content: bytes | str):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


WRONG = [
    ("f.csv", b"", "is empty"),
    ("f.ndjson", b"", "is empty"),
    ("f.json", b"", "is empty"),
    ("f.parquet", b"", "is empty"),
    ("f.csv", b"PK\x03\x04 and so on", "an Excel workbook; save the sheet as CSV"),
    ("f.csv", b"\xd0\xcf\x11\xe0 and so on", "an old Excel workbook"),
    ("f.csv", b"PAR1 and so on", "it is a Parquet file"),
    ("f.ndjson", b"SQLite format 3\0", "a SQLite database"),
    ("f.csv", b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    ("f.csv", gzip.compress(b"id\nu1\n", mtime=0), "name it .gz"),
    ("f.csv.gz", b"id\nu1\n", "is not compressed with gzip"),
    ("f.parquet.gz", gzip.compress(b"PAR1", mtime=0), "unpack it first"),
    ("f.csv.gz", gzip.compress(b"id\nu1\n" * 999, mtime=0)[:30], "is damaged"),
    ("f.csv", "id\nu1\n".encode("utf-16"), 'is in UTF-16; say encoding = "utf-16"'),
    ("f.ndjson", '{"id":1}'.encode("utf-16"), "is in UTF-16; save it as UTF-8"),
    ("f.parquet", b"id\nu1\n", "is not a Parquet file"),
    ("f.xlsx", b"PK\x03\x04", "has .xlsx; .csv, .tsv"),
    ("f", b"id\nu1\n", "has no extension"),
]


@pytest.mark.parametrize(("name", "content", "said"), WRONG)
def test_a_file_that_is_not_what_it_seems_is_unusable(tmp_path, name, content, said):
    path = written(tmp_path, name, content)
    with pytest.raises(BadInput) as raised:
        open_files([path], MAPPING)
    assert raised.value.message.startswith(str(path))
    assert said in raised.value.message
    assert raised.value.exit_code == 2


def test_a_missing_file_is_named_with_one_that_is_near(tmp_path):
    written(tmp_path, "orders.csv", "id\n")
    with pytest.raises(BadInput, match=r"order\.csv does not exist; did you mean 'orders\.csv'\?"):
        open_files([tmp_path / "order.csv"], MAPPING)


def test_a_directory_is_no_file(tmp_path):
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(BadInput, match=r"d\.csv"):
        open_files([tmp_path / "d.csv"], MAPPING)


def test_the_mapping_can_name_the_format(tmp_path):
    path = written(tmp_path, "export.txt", "id\nu1\n")
    mapping = mapping_toml.parse('[file]\nformat = "csv"\n[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n')
    assert [values for _, values in open_files([path], mapping).read()] == [("u1",)]


def test_several_files_are_one_table_in_which_every_line_knows_its_file(tmp_path):
    one = written(tmp_path, "1.csv", "id,x\nu1,\nu2,\n")
    none = written(tmp_path, "2.csv", "id\n")
    other = written(tmp_path, "3.ndjson", '{"id":"u3"}\n\n{"id":"u4"}\n')
    last = written(tmp_path, "4.csv.gz", gzip.compress(b"y,id\n,u5\n"))
    table = open_files([one, none, other, last], MAPPING)
    for _ in range(2):
        told = [(*table.where(place), values[0]) for place, values in list(table.read())]
        assert told == [(one, 2, "u1"), (one, 3, "u2"), (other, 1, "u3"), (other, 3, "u4"), (last, 2, "u5")]
    assert table.progress() == pytest.approx(0.75, abs=0.26)


def test_a_place_can_be_told_while_the_file_is_still_read(tmp_path):
    table = open_files([written(tmp_path, "1.csv", "id\nu1\n"), written(tmp_path, "2.csv", "id\nu2\nu3\n")], MAPPING)
    assert [table.where(place)[1] for place, _ in table.read()] == [2, 2, 3]


def test_all_files_are_looked_at_before_the_first_is_read(tmp_path):
    good, bad = written(tmp_path, "1.csv", "id\nu1\n"), written(tmp_path, "2.csv", "ids\nu2\n")
    with pytest.raises(BadInput, match=r"2\.csv has no column 'id'.*did you mean 'ids'\?.*Its columns: ids"):
        open_files([good, bad], MAPPING)


def test_what_is_set_aside_on_disk_is_sealed_and_has_no_name(tmp_path):
    spill = SealedSpill(tmp_path)
    spill.write(3, b"canary@example.com" * 10)
    spill.write(3, b"second")
    spill.write(4, b"other")
    assert list(spill.read(3)) == [b"canary@example.com" * 10, b"second"]
    assert list(tmp_path.iterdir()) == []
    spill._file.seek(0)
    assert b"canary" not in spill._file.read()
    spill.close()


LINES = st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=20)), max_size=60)


@given(LINES, st.integers(0, 6000))
def test_groups_hold_every_line_in_its_order_however_little_memory_there_is(tmp_path_factory, lines, budget):
    spill = SealedSpill(tmp_path_factory.getbasetemp())
    groups = Groups(spill, budget)
    for place, (key, line) in enumerate(lines):
        groups.add((key,), place, line)
    found = {key[0]: list(zip(group.places, group.lines, strict=True)) for key, group in groups.drain()}
    spill.close()
    expected: dict[str, list[tuple[int, bytes]]] = {}
    for place, (key, line) in enumerate(lines):
        expected.setdefault(key, []).append((place, line))
    assert found == expected


@pytest.mark.parametrize("budget", [0, 10_000, 10**9])
def test_a_group_too_large_is_let_go_of_but_not_forgotten(tmp_path, monkeypatch, budget):
    monkeypatch.setattr(grouping, "MAX_GROUP", 50_000)
    spill = SealedSpill(tmp_path)
    groups = Groups(spill, budget)
    for place in range(100):
        groups.add(("big",), place, bytes(1000))
        groups.add(("small", place), place, b"x")
    found = dict(groups.drain())
    spill.close()
    assert len(found) == 101
    assert list(found["big",].places) == list(range(100))
    assert found["big",].lines == []
    with pytest.raises(Unreadable, match="100 lines of 100,000 bytes"):
        found["big",].check()
    found["small", 7].check()


def test_a_checkpoint_is_of_one_run_and_ends_with_it(tmp_path):
    mapping, file, other = (written(tmp_path, name, "x") for name in ("m.toml", "f.csv", "g.csv"))

    def checkpoint(source="till", files=(file,)):
        return Checkpoint(tmp_path, "acme", source, mapping, files)

    checkpoint().save(Progress(7, 99))
    assert checkpoint().load() == Progress(7, 99)
    assert checkpoint("web").load() == checkpoint(files=(file, other)).load() == Progress(0, 0)
    file.write_text("changed")
    assert checkpoint().load() == Progress(0, 0)
    checkpoint().save(Progress(1, 1))
    next((tmp_path / "imports").iterdir()).write_bytes(b"damaged")
    checkpoint().done()
    assert checkpoint().load() == Progress(0, 0)
    checkpoint().done()
