"""`rapport import --suggest` as somebody with a new file would use it."""

import gzip
import json
import tomllib
from pathlib import Path

import pytest

from tests.e2e.running import run

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(__file__).parents[3] / "shared/data/people"


def test_the_suggestion_is_a_mapping_that_imports_the_file(tmp_path):
    data, out = tmp_path / "data", tmp_path / "crm.toml"
    run("org", "add", "acme", "--data", str(data), "--json")
    file = str(EXAMPLES / "crm_contacts.csv")
    told = run("import", "--suggest", file, "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert answer["tried"] | {"first_rejected": {}} == {
        "rows": 6, "events": 4, "in_events": 4, "left_out": 1, "rejected": {"bad_time": 1}, "first_rejected": {},
    }  # fmt: skip
    assert {one["column"]: one["sure"] for one in answer["columns"]}["email"] == "sure"
    assert run("import", "--suggest", file, "--out", str(out)).returncode == 0
    assert tomllib.loads(out.read_text()) == tomllib.loads(answer["mapping"])
    command = ["import", file, "--org", "acme", "--source", "crm", "--mapping", str(out), "--data", str(data), "--json"]
    done = json.loads(run(*command).stdout)
    assert (done["events"], done["rejected"]) == (4, {"bad_time": 1})


def test_an_older_file_is_not_written_over_and_nothing_else_is_written(tmp_path):
    out = tmp_path / "mine.toml"
    out.write_text("mine")
    done = run("import", "--suggest", str(EXAMPLES / "crm_contacts.csv"), "--out", str(out))
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert out.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [out]


HOSTILE = {
    "empty.csv": (b"", "is empty"),
    "header.csv": (b"id,email\n", "no line"),
    "binary.csv": (bytes(range(256)) * 99, "no text"),
    "nobody.csv": (b"colour,shape\nred,round\n", "says who a line is about"),
    "bad.json": (b'[{"id":1},', "cut short"),
    "same.csv": (b"id,id\n1,2\n", "no column whose name is there once"),
    "wrapped.json": (
        b'{"data": [{"id": 1, "email": "a@x.de"}], "next": null}',
        "Are the lines in 'data'? Import that list",
    ),
    "none.json": (b"[]", "has no line"),
    "values.csv": (b"ada@example.com,1\nbo@example.com,2\n", "where the names of columns should stand"),
    "wide.csv": (",".join(f"c{n}" for n in range(100_000)).encode() + b"\n1\n", "has 100,000 columns"),
    "long.csv": (b"id," + b"x" * 100_000 + b"\n1,2\n", "names a column in more than 1,000 characters"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_of_which_nothing_can_be_told_is_refused_with_the_reason(tmp_path, name):
    content, said = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    done = run("import", "--suggest", str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("name", ["people.txt", "people.TXT.gz"])
def test_a_table_in_a_text_file_is_looked_at_and_imported_as_csv(tmp_path, name):
    lines = ["email|plan"] + [f"u{n}@example.com|{'gold' if n % 2 else 'NULL'}" for n in range(20)]
    content = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    out = tmp_path / "people.toml"
    done = run("import", "--suggest", str(tmp_path / name), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert tomllib.loads(out.read_text())["file"]["format"] == "csv"
    told = json.loads(run("import", str(tmp_path / name), "--mapping", str(out), "--dry-run", "--json").stdout)
    assert (told["events"], told["rejected"]) == (20, {})


def test_doubled_names_and_huge_cells_are_told_of_and_stop_nothing(tmp_path):
    lines = ["user_id,note,note,text"] + [f"u{n},a,b,c" for n in range(20)] + [f"u,a,b,{'x' * 3_000_000}"]
    (tmp_path / "f.csv").write_text("\n".join(lines))
    done = run("import", "--suggest", str(tmp_path / "f.csv"))
    assert done.returncode == 0, done.stderr
    assert "more than once cannot be mapped: 'note'" in done.stderr
    assert "note" not in tomllib.loads(done.stdout)["traits"]
    assert "refused: 1 too_large" in done.stdout


@pytest.mark.skipif(not SHARED.exists(), reason=f"the real files of people are not on this machine ({SHARED})")
@pytest.mark.parametrize("name", ["dataset3.csv", "dataset4a.csv", "dataset4b.csv", "fake_1000.csv"])
def test_real_files_of_people_are_suggested_without_a_refused_line(name, tmp_path):
    out = tmp_path / "people.toml"
    assert run("import", "--suggest", str(SHARED / name), "--out", str(out)).returncode == 0
    told = json.loads(run("import", str(SHARED / name), "--mapping", str(out), "--dry-run", "--json").stdout)
    assert told["rejected"] == {}
    assert told["events"] >= 0.99 * told["rows"]
    said = [value for event in told["sample"] for value in event["traits"].values()]
    assert said
    assert not [value for value in said if isinstance(value, str) and value != value.strip()]
