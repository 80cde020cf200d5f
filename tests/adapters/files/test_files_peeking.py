"""Looking at a file that nothing is known of: its encoding, its delimiter, its columns; or a clear no."""

import gzip
import json

import pytest

from rapport.adapters.files import open_peeked, peek
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_as_it_was_written(tmp_path, mark, encoding):
    text = f"id{mark}naïve\r\nu1{mark}Zoë\r\nu2{mark}Bø\r\n"
    path = written(tmp_path, "f.csv", text.encode(encoding))
    peeked = peek(path)
    assert peeked.names == ("id", "naïve")
    assert [row for _, row in open_peeked(path, peeked, peeked.names).read()] == [("u1", "Zoë"), ("u2", "Bø")]


def test_blanks_that_belong_to_the_delimiter_are_no_part_of_values(tmp_path):
    path = written(tmp_path, "f.csv", 'id, name, city\nu1, Zo, "York, North"\nu2, , Rome\n')
    peeked = peek(path)
    assert peeked.file.trim
    rows = [row for _, row in open_peeked(path, peeked, peeked.names).read()]
    assert rows == [("u1", "Zo", "York, North"), ("u2", "", "Rome")]
    kept = peek(written(tmp_path, "g.csv", "id,name,city\nu1, Zo,York\nu2,Bo,Rome\n"))
    assert not kept.file.trim


def test_of_two_encodings_in_one_file_the_one_of_most_lines_is_taken(tmp_path):
    mixed = b"id,name\n" + "u1,Zoë\n".encode() * 3 + "u2,Bø\n".encode("cp1252")
    path = written(tmp_path, "f.csv", mixed)
    peeked = peek(path)
    assert peeked.file.encoding == "utf-8"
    refused = [row.reason for _, row in open_peeked(path, peeked, peeked.names).read() if isinstance(row, Unreadable)]
    assert refused == ["bad_encoding"]


def test_a_name_that_is_there_twice_is_told_twice(tmp_path):
    assert peek(written(tmp_path, "f.csv", "id,name,name\n1,2,3\n")).names == ("id", "name", "name")


def test_fields_of_objects_are_columns(tmp_path):
    lines = [{"id": 1, "customer": {"email": "a@b.de", "at": {"city": "York"}}}, {"id": 2, "more": [1]}]
    names = ("id", "customer.email", "customer.at.city", "more")
    ndjson = "\n".join(json.dumps(line) for line in lines)
    assert peek(written(tmp_path, "f.ndjson", "not json\n" + ndjson)).names == names
    assert peek(written(tmp_path, "f.json", json.dumps(lines))).names == names


WRONG = [
    ("f.csv", b"", "is empty"),
    ("f.csv", b"\n\n\n", "first line"),
    ("f.csv", bytes(range(256)) * 10, "is no text"),
    ("f.csv", b"PK\x03\x04 and so on", "Excel"),
    ("f.csv.gz", gzip.compress(b"id\nu1\n" * 999, mtime=0)[:30], "is damaged"),
    ("f.parquet", b"PAR1 and so on", "is damaged"),
    ("f.json", b"[{", "is not JSON"),
    ("f.exe", b"MZ", "has .exe"),
]


@pytest.mark.parametrize(("name", "content", "said"), WRONG)
def test_what_is_no_table_is_refused_by_name(tmp_path, name, content, said):
    path = written(tmp_path, name, content)
    with pytest.raises(BadInput, match=said):
        peek(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        peek(tmp_path / "nothing.csv")
