"""JSON and NDJSON: objects, whatever else stands between them."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.files import open_files
from rapport.collect import mapping_toml
from rapport.collect.refusals import Unreadable
from rapport.kernel.errors import BadInput

MAPPING = '[identifiers]\nuser_id = "id"\n[[event]]\nname = "Seen"\n[event.properties]\ncity = "address.city"\n'


def read(path):
    table = open_files([path], mapping_toml.parse(MAPPING))
    return [(line, str(v.reason) if isinstance(v, Unreadable) else v) for line, v in table.read()]


def written(tmp_path, content: bytes | str, name: str):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path) -> str:
    with pytest.raises(BadInput) as raised:
        read(path)
    assert path.name in raised.value.message
    return raised.value.message


ONE = '{"address":{"city":"Bath"},"id":"u1"}'


def test_a_column_is_a_key_or_a_path_of_keys(tmp_path):
    lines = [ONE, '{"id":2}', '{"id":"u3","address.city":"Rome","address":{"city":"Bath"}}', '{"id":[1],"address":"x"}']
    path = written(tmp_path, "\n".join(lines), "f.ndjson")
    assert read(path) == [(1, ("Bath", "u1")), (2, (None, 2)), (3, ("Rome", "u3")), (4, (None, [1]))]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "bad_json"),
        ("nonsense", "bad_json"),
        ("[1]", "bad_json"),
        ('"text"', "bad_json"),
        ('{"id":NaN}', "bad_json"),
        ('{"id":"a"} {"id":"b"}', "bad_json"),
        (b'{"id":"\xe9"}', "bad_encoding"),
        ('{"id":"' + "x" * 5_000_000 + '"}', "too_large"),
        ("[" * 100_000, "bad_json"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_line_that_is_no_object_is_refused_and_costs_no_other(tmp_path, line, reason):
    raw = line if isinstance(line, bytes) else line.encode()
    path = written(tmp_path, ONE.encode() + b"\n" + raw + b"\n\n" + ONE.encode(), "f.jsonl")
    assert read(path) == [(1, ("Bath", "u1")), (2, reason), (4, ("Bath", "u1"))]


def test_half_an_emoji_is_mended_as_in_collection(tmp_path):
    path = written(tmp_path, ONE + '\n{"id":"a\\ud83d"}', "f.ndjson")
    assert read(path)[1] == (2, (None, "a\ufffd"))


@pytest.mark.parametrize("name", ["f.ndjson", "f.json"])
def test_a_byte_order_mark_and_windows_line_ends_are_passed_over(tmp_path, name):
    path = written(tmp_path, f"\ufeff{ONE}\r\n{ONE}\r\n", name)
    assert read(path) == [(1, ("Bath", "u1")), (2, ("Bath", "u1"))]


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (f"[{ONE},{ONE}]", [1, 1]),
        (f"[\n  {ONE},\n  {ONE}\n]\n", [2, 3]),
        (f"{ONE}\n{ONE}", [1, 2]),
        (json.dumps(json.loads(ONE), indent=2) + "\n" + ONE, [1, 7]),
        ("[]", []),
        ("  \n", []),
    ],
)
def test_json_is_a_list_or_objects_that_follow_each_other(tmp_path, content, lines):
    path = written(tmp_path, content, "f.json")
    assert read(path) == [(line, ("Bath", "u1")) for line in lines]


def test_what_is_no_object_in_a_list_is_refused_and_costs_no_other(tmp_path):
    path = written(tmp_path, f'[{ONE}, 3, "x", null, [], {{"id": NaN}}, {ONE}]', "f.json")
    reasons = [values for _, values in read(path)]
    assert reasons == [("Bath", "u1"), *["bad_json"] * 5, ("Bath", "u1")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"[{ONE}]\n[{ONE}]", "goes on behind its list, at line 2"),
        (f"[{ONE},\n{ONE}", "ends at line 2 within its list"),
        (f'[{ONE},\n{{"id": }}]', "is not JSON, in what begins at line 2"),
        ("id,note\nu1,a\n", "is not JSON, in what begins at line 1"),
        (f"[{ONE},\n".encode() + b'{"id":"\xe9"}]', "is not UTF-8"),
        ("[" * 100_000, "is not JSON"),
        ('{"data": [{"id": "u1"}]}', "no column 'address.city'"),
    ],
    ids=["two lists", "cut short", "broken", "csv", "latin-1", "deep", "wrapped"],
)
def test_json_that_is_damaged_is_unusable_and_says_where(tmp_path, content, said):
    path = written(tmp_path, content, "f.json")
    assert said in refusal(path)


def test_a_column_that_no_object_has_is_named_with_those_there_are(tmp_path):
    said = refusal(written(tmp_path, '{"id":"u1","adress":{"city":"Bath"}}\n{"id":"u2"}', "f.ndjson"))
    assert "no column 'address.city'" in said
    assert "id, adress" in said


def test_a_list_larger_than_what_is_read_at_once_is_read_in_pieces(tmp_path):
    objects = [{"id": f"u{n}", "address": {"city": "x" * (n % 700)}, "n": -12.5e3} for n in range(3000)]
    path = written(tmp_path, json.dumps(objects, indent=1), "f.json")
    lines = read(path)
    assert [values for _, values in lines] == [(one["address"]["city"], one["id"]) for one in objects]
    assert [line for line, _ in lines] == [2 + 7 * n for n in range(3000)]


def test_one_object_larger_than_what_is_read_at_once_is_whole(tmp_path):
    path = written(tmp_path, json.dumps([{"id": "x" * 1_000_000, "address": {"city": "Bath"}}]), "f.json")
    assert read(path) == [(1, ("Bath", "x" * 1_000_000))]


@pytest.mark.parametrize("name", ["f.ndjson.gz", "f.json.gz"])
def test_a_file_can_be_compressed(tmp_path, name):
    assert read(written(tmp_path, gzip.compress(ONE.encode()), name)) == [(1, ("Bath", "u1"))]


def test_a_compressed_file_that_was_cut_short_is_unusable(tmp_path):
    whole = gzip.compress("\n".join(f'{{"id":"{n}","address":{{"city":"{n * 7919}"}}}}' for n in range(9999)).encode())
    assert "is damaged" in refusal(written(tmp_path, whole[: len(whole) // 2], "f.ndjson.gz"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=8), st.sampled_from([None, 1]))
def test_any_list_of_json_is_read_whole(tmp_path_factory, values, indent):
    values = [{"id": 1, "address": {"city": "x"}}, *values]
    path = tmp_path_factory.mktemp("json") / "f.json"
    path.write_text(json.dumps(values, indent=indent))
    found = [read if isinstance(read, tuple) else None for _, read in read(path)]
    assert len(found) == len(values)
    assert [one is None for one in found] == [not isinstance(value, dict) for value in values]


@given(st.binary(max_size=200))
def test_any_bytes_are_lines_or_refusals(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("json") / "f.ndjson"
    path.write_bytes(ONE.encode() + b"\n" + content)
    assert read(path)[0] == (1, ("Bath", "u1"))
