"""CSV: every line is told of with its number, sound or not."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files import open_files
from rapport.collect import mapping_toml
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput

MAPPING = '[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n[event.properties]\nnote = "note"\n'


def mapping(file: str = ""):
    return mapping_toml.parse(f"[file]\n{file}\n{MAPPING}")


def read(path, file: str = ""):
    """(line, values or the reason of the refusal) of each line."""
    table = open_files([path], mapping(file))
    return [(line, str(v.reason) if isinstance(v, Unreadable) else v) for line, v in table.read()]


def written(tmp_path, content: bytes | str, name: str = "f.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path, file: str = "") -> str:
    with pytest.raises(BadInput) as raised:
        read(path, file)
    assert path.name in raised.value.message
    return raised.value.message


def test_columns_are_found_by_name_wherever_they_stand(tmp_path):
    path = written(tmp_path, "note,other,id\nhello,x,u1\n,y,u2\n")
    assert read(path) == [(2, ("u1", "hello")), (3, ("u2", ""))]


@pytest.mark.parametrize("content", ["id,note\n", "id,note", "id,note\r\n\r\n"])
def test_a_file_of_nothing_but_a_header_has_no_lines(tmp_path, content):
    assert read(written(tmp_path, content)) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_of_all_systems_are_read(tmp_path, end, mark):
    content = mark + end.join(["id,note", "u1,a", "u2,b"]).encode()
    assert read(written(tmp_path, content)) == [(2, ("u1", "a")), (3, ("u2", "b"))]


def test_a_ragged_line_is_refused_with_its_number_and_costs_no_other(tmp_path):
    path = written(tmp_path, "id,note\nu1,a\nu2\nu3,b,c\nu4,d\n")
    assert read(path) == [(2, ("u1", "a")), (3, "ragged_line"), (4, "ragged_line"), (5, ("u4", "d"))]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    path = written(tmp_path, 'id,note\nu1,"two\nlines"\n\nu2,b\nu3\n')
    assert read(path) == [(2, ("u1", "two\nlines")), (5, ("u2", "b")), (6, "ragged_line")]


def test_a_header_can_hold_line_breaks_and_quotes(tmp_path):
    path = written(tmp_path, '"id","a ""quoted""\nname",note\nu1,x,y\n')
    assert read(path) == [(3, ("u1", "y"))]


def test_a_stray_quote_costs_its_own_line_alone(tmp_path):
    path = written(tmp_path, 'id,note\nu1,a\nu2,"b\nu3,c\nu4,d\n')
    assert read(path) == [(2, ("u1", "a")), (3, "bad_quotes"), (4, ("u3", "c")), (5, ("u4", "d"))]


def test_text_behind_a_closed_quote_is_refused(tmp_path):
    assert read(written(tmp_path, 'id,note\nu1,"a"b\nu2,c\n')) == [(2, "bad_quotes"), (3, ("u2", "c"))]


def test_quotes_within_a_text_are_text(tmp_path):
    assert read(written(tmp_path, 'id,note\nu1,5" pipe\nu2,"say ""hi"""\n')) == [
        (2, ("u1", '5" pipe')),
        (3, ("u2", 'say "hi"')),
    ]


def test_a_file_without_quotes_can_say_so(tmp_path):
    path = written(tmp_path, 'id,note\nu1,"a\nu2,b"\n')
    assert read(path, "quote = ''") == [(2, ("u1", '"a')), (3, ("u2", 'b"'))]


def test_bytes_that_are_no_text_cost_their_line_alone(tmp_path):
    path = written(tmp_path, b"id,note\nu1,caf\xe9\nu2,caf\xc3\xa9\n")
    assert read(path) == [(2, "bad_encoding"), (3, ("u2", "café"))]


@pytest.mark.parametrize(
    ("encoding", "codec"), [("latin-1", "latin-1"), ("windows-1252", "cp1252"), ("utf-16", "utf-16")]
)
def test_the_mapping_can_name_the_encoding(tmp_path, encoding, codec):
    path = written(tmp_path, "id,note\nu1,café\n".encode(codec))
    assert read(path, f"encoding = '{encoding}'") == [(2, ("u1", "café"))]


def test_a_nul_is_a_character_like_others_to_the_reader(tmp_path):
    assert read(written(tmp_path, "id,note\nu1,a\0b\n")) == [(2, ("u1", "a\0b"))]


def test_a_huge_field_or_line_is_refused_and_costs_no_other(tmp_path):
    path = written(tmp_path, f"id,note\nu1,{'x' * 3_000_000}\nu2,{'y' * 9_000_000}\nu3,z\n")
    assert read(path) == [(2, "too_large"), (3, "too_large"), (4, ("u3", "z"))]


@pytest.mark.parametrize(("mark", "name"), [(",", "f.csv"), (";", "f.csv"), ("\t", "f.tsv"), ("|", "f.csv")])
def test_the_delimiter_is_the_one_under_which_the_columns_are_there(tmp_path, mark, name):
    path = written(tmp_path, f"id{mark}note\nu1{mark}a\n", name)
    assert read(path) == [(2, ("u1", "a"))]


def test_the_mapping_can_name_any_delimiter(tmp_path):
    assert read(written(tmp_path, "id~note\nu1~a\n"), "delimiter = '~'") == [(2, ("u1", "a"))]


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    said = refusal(written(tmp_path, "id,notes,other\nu1,a,b\n"))
    assert "no column 'note'" in said
    assert "did you mean 'notes'?" in said
    assert "id, notes, other" in said


def test_a_column_that_is_there_twice_is_ambiguous_only_if_it_is_used(tmp_path):
    assert "2 columns named 'note'" in refusal(written(tmp_path, "id,note,note\nu1,a,b\n"))
    assert read(written(tmp_path, "id,note,x,x\nu1,a,b,c\n")) == [(2, ("u1", "a"))]


def test_a_header_that_is_no_text_makes_the_file_unusable(tmp_path):
    assert "first line" in refusal(written(tmp_path, b"id,note\xe9\nu1,a\n"))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read_back(tmp_path_factory, rows, mark, end):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(("id", "note"))
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(text.getvalue().encode())
    lines = read(path)
    assert [values for _, values in lines] == rows
    assert [line for line, _ in lines] == sorted({line for line, _ in lines})


@given(st.binary(max_size=300))
def test_any_bytes_behind_a_header_are_lines_or_refusals(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    path.write_bytes(b"id,note\n" + content)
    lines = read(path)
    assert all(line >= 2 for line, _ in lines)
    assert all(isinstance(values, str) or len(values) == 2 for _, values in lines)
    assert read(path) == lines
