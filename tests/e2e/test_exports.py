"""Exports that a running node makes: asked for over HTTP, read with other people's readers, listed, deleted."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from rapport.app.exports import DAMAGED
from rapport.kernel.times import now, rfc3339
from tests.e2e.api import House, bearer, house, is_problem
from tests.e2e.exporting import PROMISES, declare, delete, files, held, identify, made
from tests.e2e.running import http, run

CUSTOMERS = 40
UNKNOWN = "exp_00000000000000000000000000"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("exports")) as home:
        for org in (home.acme, home.rival):
            declare(org, PROMISES)
            org.send(*map(identify, range(CUSTOMERS)))
            org.view(f"user_id:u{CUSTOMERS - 1}")
        yield home


def test_parquet_is_read_by_others_and_says_what_it_rests_on(home: House, tmp_path: Path) -> None:
    done = made(home.acme, recipients=["Parcel Post"])
    answer = home.acme.get(done["file"])
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert re.fullmatch(
        r'attachment; filename="acme-service-[\d-]+\w{6}\.parquet"', answer.headers["content-disposition"]
    )
    assert int(answer.headers["content-length"]) == len(answer.body) == done["bytes"]
    file = tmp_path / "got.parquet"
    file.write_bytes(answer.body)
    query = 'SELECT customer, "traits.email", "traits.visits" FROM read_parquet(?) ORDER BY 3'
    rows = duckdb.connect().execute(query, [str(file)]).fetchall()
    assert [row[1:] for row in rows] == [(f"p{n}@example.com", n) for n in range(CUSTOMERS)]
    table = pyarrow.parquet.read_table(file)
    told = {key.decode(): value.decode() for key, value in table.schema.metadata.items() if key.startswith(b"rapport.")}
    assert told == done["metadata"] == home.acme.get(f"{done['file'].removesuffix('file')}metadata").json
    assert told["rapport.recipients"] == "Parcel Post"
    assert told["rapport.declaration"] == home.acme.get("/v1/declaration").json["hash"]
    days = (done["expires_at"][:10], done["kept_until"][:10])
    assert days == (rfc3339(now() + 2 * 86_400_000_000)[:10],) * 2
    receipts = {one.id: one for one in home.receipts(limit=CUSTOMERS * 10) if one.action == "export"}
    mine = [receipts[receipt] for receipt in table["receipt"].to_pylist()]
    assert {(one.decision, one.recipients, one.purpose) for one in mine} == {("permitted", ("Parcel Post",), "service")}


def test_csv_is_read_by_others_and_what_it_rests_on_is_beside_it(home: House, tmp_path: Path) -> None:
    done = made(home.acme, "csv", limit=7)
    answer = home.acme.get(done["file"])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert len(rows) == done["customers"] == 7
    # The newest, as the limit says.
    assert {row["traits.name"] for row in rows} == {f'Person, "{n}"' for n in range(CUSTOMERS - 7, CUSTOMERS)}
    file = tmp_path / "got.csv"
    file.write_bytes(answer.body)
    query = 'SELECT sum("traits.visits"), min(customer[:4]) FROM read_csv(?)'
    assert duckdb.connect().execute(query, [str(file)]).fetchall() == [(sum(range(33, 40)), "cus_")]
    beside = re.fullmatch(r'<(.+)>; rel="describedby"; type="application/json"', answer.headers["link"])
    assert beside is not None
    assert home.acme.get(beside[1]).json == done["metadata"]
    assert done["metadata"]["rapport.customers"] == "7"


def test_head_tells_the_size_and_counts_as_no_copy(home: House) -> None:
    done = made(home.acme, "csv", limit=1)
    head = http("HEAD", home.node.url + done["file"], headers=bearer(home.acme.api_token))
    assert (head.status, head.headers["content-length"]) == (200, str(done["bytes"]))
    assert home.acme.get(f"/v1/exports/{done['export']}").json["fetched"] == 0


def test_what_lies_on_the_disk_says_nothing_of_anybody(home: House) -> None:
    done = made(home.acme, "csv")
    directory = home.node.data / "exports"
    assert directory.stat().st_mode & 0o077 == 0
    lying = [path for path in directory.iterdir() if done["export"] in path.name]
    assert [path.suffix for path in lying] == [".sealed"]
    assert lying[0].stat().st_mode & 0o077 == 0
    content = lying[0].read_bytes()
    assert b"@example.com" in home.acme.get(done["file"]).body
    assert b"example.com" not in content
    # Cut short or changed, it is not given out as if it were whole.
    lying[0].write_bytes(content[:-1])
    assert home.acme.get(done["file"]).status == 404
    assert home.acme.get(f"/v1/exports/{done['export']}").json["reason"] == DAMAGED


def test_another_organizations_export_looks_like_one_that_never_was(home: House) -> None:
    done = made(home.acme, "csv", limit=1)
    for path in ("", "/file", "/metadata"):
        theirs = home.rival.get(f"/v1/exports/{done['export']}{path}")
        nobodys = home.rival.get(f"/v1/exports/{UNKNOWN}{path}")
        assert is_problem(theirs, 404, "not_found")
        assert (theirs.body, theirs.headers.keys()) == (nobodys.body, nobodys.headers.keys())
    assert delete(home.rival, done["export"]).body == delete(home.rival, UNKNOWN).body
    assert is_problem(home.rival.get(f"/v1/exports?cursor={done['export']}"), 400, "bad_cursor", "cursor")
    assert done["export"] not in home.rival.get("/v1/exports").body.decode()
    assert home.acme.get(done["file"]).status == 200


def test_only_operators_export(home: House) -> None:
    reading = home.ledger.mint_token("acme", ["read"])
    export = made(home.acme, "csv", limit=1)["export"]
    for path in (
        "/v1/exports",
        f"/v1/exports/{export}",
        f"/v1/exports/{export}/file",
        f"/v1/exports/{export}/metadata",
    ):
        assert is_problem(home.get(path, reading), 403, "forbidden")
        assert is_problem(home.get(path, "rap_nobody"), 401, "unauthorized")
    body = {"purpose": "service", "format": "csv"}
    assert is_problem(home.post("/v1/exports", body, reading), 403, "forbidden")
    assert http("DELETE", f"{home.node.url}/v1/exports/{export}", headers=bearer(reading)).status == 403
    assert home.acme.get(f"/v1/exports/{export}").json["status"] == "done"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b"{", 400, "bad_json", None),
        (b"\xff", 400, "bad_json", None),
        ({}, 400, "bad_type", None),
        ({"purpose": "service"}, 400, "bad_type", None),
        ({"purpose": "service", "format": "xlsx"}, 400, "bad_type", None),
        ({"purpose": "service", "format": "csv", "out": "/etc/passwd"}, 400, "bad_type", None),
        ({"purpose": "service", "format": "csv", "limit": "1"}, 400, "bad_type", None),
        ({"purpose": "service", "format": "csv", "limit": 0}, 400, "bad_limit", "limit"),
        ({"purpose": "service", "format": "csv", "limit": 1 << 80}, 400, "bad_limit", "limit"),
        ({"purpose": "everything", "format": "csv"}, 400, "unknown_purpose", "purpose"),
        ({"purpose": "service", "format": "csv", "recipients": "Parcel Post"}, 400, "bad_type", None),
        (
            {"purpose": "service", "format": "csv", "recipients": ["parcel post"]},
            400,
            "unknown_recipient",
            "recipients",
        ),
        ({"purpose": "service", "format": "csv", "recipients": [""]}, 400, "unknown_recipient", "recipients"),
        ({"purpose": "service", "format": "csv", "recipients": ["x"] * 101}, 400, "unknown_recipient", "recipients"),
        ({"purpose": "offers", "format": "csv", "recipients": ["Parcel Post"]}, 400, "unknown_recipient", "recipients"),
        (b" " * 20_000, 413, "too_large", None),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    home: House, body: Any, status: int, code: str, field: str | None
) -> None:
    before = home.acme.get("/v1/exports").body
    is_problem(home.post("/v1/exports", body), status, code, field)
    assert home.acme.get("/v1/exports").body == before


def test_a_deleted_file_is_gone_at_once_and_only_copies_stay_on_record(home: House) -> None:
    unfetched, fetched = made(home.acme, "csv"), made(home.acme, "csv")
    assert home.acme.get(fetched["file"]).status == 200
    for one in (unfetched, fetched):
        assert one["export"] in {each.export_id for each in held(home.node)}
        assert delete(home.acme, one["export"]).status == 204
        assert home.acme.get(one["file"]).status == 404
        assert delete(home.acme, one["export"]).status == 204
        told = home.acme.get(f"/v1/exports/{one['export']}").json
        assert (told["status"], told["file"], told["customers"]) == ("deleted", None, CUSTOMERS)
        assert not {name for name in files(home.node) if one["export"] in name}
    still = {each.export_id for each in held(home.node)}
    assert fetched["export"] in still
    assert unfetched["export"] not in still


def test_lists_are_paged_and_hold_those_of_the_command_line_too(home: House, tmp_path: Path) -> None:
    words = ("export", "acme", "--purpose", "service", "--out", str(tmp_path / "o.csv"), "--data", str(home.node.data))
    refused = run(*words, "--recipient", "Somebody Else")
    assert (refused.returncode, "does not name 'Somebody Else'" in refused.stderr) == (2, True)
    done = run(*words, "--recipient", "Ümläut & Co", "--recipient", "Parcel Post", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["recipients"] == "Ümläut & Co, Parcel Post"
    made(home.acme, "csv", limit=1)
    whole = home.acme.get("/v1/exports?limit=200").json
    assert whole["next"] is None
    assert [one["place"] for one in whole["exports"][:2]] == ["node", "command line"]
    paged: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = home.acme.get(f"/v1/exports?limit=2{cursor and '&cursor=' + cursor}").json
        assert 1 <= len(page["exports"]) <= 2
        paged += page["exports"]
        cursor = page["next"]
    assert paged == whole["exports"]
    by_hand = whole["exports"][1]
    assert by_hand["recipients"] == ["Ümläut & Co", "Parcel Post"]
    assert by_hand["file"] is None
    assert is_problem(delete(home.acme, by_hand["export"]), 409, "conflict")
    assert home.acme.get(f"/v1/exports/{by_hand['export']}/file").status == 404


def test_an_erasure_deletes_the_node_s_files_that_they_are_in(home: House, tmp_path: Path) -> None:
    unfetched, fetched, without = made(home.acme), made(home.acme, "csv"), made(home.acme, limit=1)
    assert home.acme.get(fetched["file"]).status == 200
    in_file = tmp_path / "own.csv"
    data = ("--data", str(home.node.data))
    assert run("export", "acme", "--purpose", "service", "--out", str(in_file), *data).returncode == 0
    person = json.loads(run("person", "add", "--claim", "acme:user_id:u5", "--json", *data).stdout)["person"]
    done = run("person", "shred", person, "--yes", *data)
    assert done.returncode == 0, done.stderr
    for one in (unfetched, fetched):
        told = home.acme.get(f"/v1/exports/{one['export']}").json
        assert (told["status"], told["reason"], told["file"]) == ("deleted", "somebody in it was erased", None)
        assert home.acme.get(one["file"]).status == 404
        assert not {name for name in files(home.node) if one["export"] in name}
    assert home.acme.get(without["file"]).status == 200
    # Who was erased is nowhere on record any more; the others are, wherever somebody may have a copy.
    still: dict[str, int] = {}
    for each in held(home.node):
        still[each.export_id] = still.get(each.export_id, 0) + 1
    assert unfetched["export"] not in still
    assert still[fetched["export"]] == CUSTOMERS - 1
    assert sorted(still.values())[-2:] == [CUSTOMERS - 1, CUSTOMERS - 1]
