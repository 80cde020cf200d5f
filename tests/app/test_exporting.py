"""A company's export: who is in it, what the file says of itself, and that readers of others read it."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.files.sheet import Sheet, drafted
from rapport.app.embedded import open_ledger
from rapport.app.exporting import Exported, open_exporter
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import parse_rfc3339
from rapport.terms import Clause, Declaration, Promise, Receipt, Terms
from tests.profile.house import ORG, House, at, told

EVERYBODY = 12
LOCKED, REFUSING = 3, 5


def _identify(number: int) -> dict[str, Any]:
    traits: dict[str, Any] = {"email": f"p{number}@example.com", "visits": number, "name": f"Person, “{number}”"}
    if number == 1:
        traits["Visits"] = {"deep": [1, None]}
    return told(at("10:00"), type="identify", userId=f"u{number}", traits=traits)


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        house.declare(Declaration(name="Shop", purposes={"service": Promise("contract", retention_days=30)}))
        house.send(*map(_identify, range(EVERYBODY)))
        # Two records of one customer are one row.
        house.send(told(at("11:00"), type="track", userId="u7", event="Order Completed"), source="crm")
        people = house.people
        locked, refusing = (people.add([f"{ORG}:user_id:u{number}"]).handle for number in (LOCKED, REFUSING))
        people.lock(locked, None)
        _refuse(people, refusing)
        yield house.settle()


def _refuse(people: PeopleFile, person: str) -> None:
    people.set_terms(person, Terms("own", (Clause("no", "deny", purposes=("service",), categories=("everything",)),)))


def export(house: House, name: str, **more: Any) -> Exported:
    exporter = open_exporter(house.settings, ORG)
    return asyncio.run(exporter.export(ORG, "service", house.directory / name, **more))


def receipts(house: House) -> list[Receipt]:
    return [one for one in open_ledger(house.settings).receipts(ORG, 1_000) if one.action == "export"]


def test_duckdb_reads_one_row_for_each_customer_that_may_be_read(house: House) -> None:
    done = export(house, "out.parquet")
    db = duckdb.connect()
    names = [f'"{name}"' for name in ("traits.email", "traits.visits", "traits.Visits (2)", "traits.name", "events")]
    file = str(done.file)
    rows = db.execute(f"SELECT identifiers, {', '.join(names)} FROM read_parquet(?)", [file])
    got = {row[1]: row for row in rows.fetchall()}
    expected = {f"p{number}@example.com" for number in range(EVERYBODY)} - {"p3@example.com", "p5@example.com"}
    assert got.keys() == expected
    assert got["p7@example.com"][0] == ["email:p7@example.com", "user_id:u7"]
    assert [type(value) for value in got["p7@example.com"][2:4]] in ([int, type(None)], [type(None), int])
    assert got["p7@example.com"][4:] == ("Person, “7”", 2)
    assert done.customers == len(expected)


def test_receipts_are_there_for_exactly_those_in_the_file(house: House) -> None:
    done = export(house, "out.parquet")
    table = pyarrow.parquet.read_table(done.file)  # a second reader
    permitted = [one for one in receipts(house) if one.decision == "permitted"]
    assert sorted(table["receipt"].to_pylist()) == sorted(one.id for one in permitted)
    assert len(table) == len(set(table["customer"].to_pylist())) == EVERYBODY - 2
    assert len([one for one in receipts(house) if one.decision == "refused"]) == 2
    assert all({"identifiers", "events", "email", "visits", "name"} <= {*one.fields} for one in permitted)


def test_a_parquet_file_carries_its_declaration_its_purpose_and_its_end(house: House) -> None:
    done = export(house, "out.parquet")
    said = {key.decode(): value.decode() for key, value in pyarrow.parquet.read_schema(done.file).metadata.items()}
    assert said["rapport.purpose"] == "service"
    assert said["rapport.declaration"] == receipts(house)[0].declaration != ""
    days = (parse_rfc3339(said["rapport.expires_at"]) - parse_rfc3339(said["rapport.exported_at"])) / 86_400e6
    assert days == 30
    assert said["rapport.customers"] == str(EVERYBODY - 2)


def test_a_csv_file_says_the_same_in_a_file_beside_it(house: House) -> None:
    done = export(house, "out.csv")
    with done.file.open(encoding="utf-8", newline="") as file:
        rows = {row["traits.email"]: row for row in csv.DictReader(file)}
    assert len(rows) == EVERYBODY - 2
    assert rows["p1@example.com"]["traits.Visits"] == '{"deep":[1,null]}'
    assert rows["p8@example.com"]["traits.name"] == "Person, “8”"
    assert json.loads(rows["p8@example.com"]["identifiers"]) == ["email:p8@example.com", "user_id:u8"]
    assert done.side_file is not None
    assert json.loads(done.side_file.read_bytes()) == done.metadata
    assert {path.name for path in house.directory.glob("*out*")} == {"out.csv", "out.csv.meta.json"}
    assert done.file.stat().st_mode & 0o077 == 0


def test_a_limit_leaves_receipts_for_no_more_than_what_is_in_the_file(house: House) -> None:
    done = export(house, "out.csv", limit=4)
    assert done.customers == 4
    assert len([one for one in receipts(house) if one.decision == "permitted"]) == 4


def test_another_purpose_than_people_allow_makes_an_empty_table(house: House) -> None:
    exporter = open_exporter(house.settings, ORG)
    done = asyncio.run(exporter.export(ORG, "advertising", house.directory / "none.parquet"))
    assert done.customers == 0
    assert pyarrow.parquet.read_table(done.file).column_names[:2] == ["customer", "receipt"]


@pytest.mark.parametrize(
    ("name", "purpose"), [("out.xlsx", "service"), ("nowhere/out.csv", "service"), ("out.csv", "no such purpose")]
)
def test_what_cannot_be_done_is_refused_and_leaves_nothing(house: House, name: str, purpose: str) -> None:
    exporter = open_exporter(house.settings, ORG)
    with pytest.raises(BadInput):
        asyncio.run(exporter.export(ORG, purpose, house.directory / name))
    assert not list(house.directory.glob("*out*"))
    with pytest.raises(NotFound):
        open_exporter(house.settings, "nobody")


def test_promises_that_change_meanwhile_end_it(house: House) -> None:
    def change(*_: int) -> None:
        house.declare(Declaration(name="Shop", purposes={"service": Promise("contract")}))

    house.send(*map(_identify, range(100, 400)))
    house.settle()
    with pytest.raises(Conflict):
        export(house, "out.parquet", progress=change)
    assert not list(house.directory.glob("*out*"))


_SLOWLY = """
import asyncio, pathlib, sys, time
from rapport.app import exporting
from rapport.app.settings import Settings
exporter = exporting.open_exporter(Settings(data=sys.argv[1]), "shop")
def slowly(*_):
    print("writing", flush=True)
    time.sleep(60)
asyncio.run(exporter.export("shop", "service", pathlib.Path(sys.argv[1]) / "out.parquet", progress=slowly))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_kills_it_finds_no_file_and_no_piece_of_one(house: House, how: signal.Signals) -> None:
    before = {path.name for path in house.directory.iterdir()}
    command = [sys.executable, "-c", _SLOWLY, str(house.directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"writing\n"
        os.kill(child.pid, how)
        child.wait(20)
    new = {path.name for path in house.directory.iterdir()} - before
    assert not {name for name in new if "out" in name or name.startswith("tmp")}
    assert len([one for one in receipts(house) if one.decision == "permitted"]) == EVERYBODY - 2


def test_columns_take_the_type_that_fits_all_their_values(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "n": 1, "m": 1, "b": True, "t": "x\0y", "j": "x", "big": 2**62, "huge": 2**70, "nothing": None},
        {"id": "b", "n": 2, "m": 1.5, "b": None, "t": "é'\"", "j": {"k": [1]}, "big": 1, "huge": 1},
        {"id": "c"},
    ]
    with Sheet(tmp_path, {"id": "VARCHAR"}) as sheet:
        for row in rows:
            sheet.add(row)
        sheet.write_parquet(tmp_path / "a.parquet", {"a.b": "it's"})
    table = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(tmp_path / "a.parquet")])
    names = [column[0] for column in table.description]
    got = [dict(zip(names, row, strict=True)) for row in table.fetchall()]
    assert got[0] == {**rows[0], "m": 1.0, "j": '"x"', "huge": str(2**70)}
    assert got[1] == {**rows[1], "j": '{"k":[1]}', "huge": "1", "nothing": None}
    assert set(got[2].values()) == {"c", None}


def test_a_file_that_is_not_finished_vanishes_and_leaves_the_older_one(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("older")

    def broken_off() -> None:
        with drafted(out) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert out.read_text() == "older"
