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

from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.exports import Export, ExportBook, Held
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.files.sheet import Sheet, drafted
from rapport.app.embedded import Sources, open_ledger, open_reader
from rapport.app.exporting import CUT_SHORT, Exported, open_exporter
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import parse_rfc3339, rfc3339
from rapport.terms import Clause, Criterion, Declaration, Promise, Receipt, Terms
from tests.profile.house import ORG, House, at, told

EVERYBODY = 12
LOCKED, REFUSING = 3, 5
EVERYONE = range(1, 10_000)
"""All records that there are, and more."""


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
    (one,) = book(house).of_org(ORG)
    assert (one.status, one.reason) == ("failed", "what the organization promises changed meanwhile: export again")
    assert book(house).holding(ORG, EVERYONE) == []


def book(house: House) -> ExportBook:
    return ExportBook(open_ledger(house.settings))


def records_of(house: House, link: str) -> list[int]:
    reader = open_reader(house.settings, Sources(open_ledger(house.settings)).by_name)
    kind, _, value = link.partition(":")
    return [part.number for found in reader.by_identifier(ORG, kind, value) for part in found.parts]


def test_a_finished_export_is_on_record_with_who_is_in_it(house: House) -> None:
    house.declare(
        Declaration(name="Shop", purposes={"service": Promise("contract", retention_days=30, recipients=("Post", "B"))})
    )
    done = export(house, "out.parquet", recipients=["Post", "Post"])
    table = pyarrow.parquet.read_table(done.file)
    in_file = set(zip(table["customer"].to_pylist(), table["receipt"].to_pylist(), strict=True))
    (on_record,) = book(house).of_org(ORG)
    held = book(house).holding(ORG, EVERYONE)
    assert {(one.customer, one.receipt) for one in held} == in_file
    assert {one[:2] for one in held} == {(done.metadata["rapport.export"], ("Post",))}
    assert (on_record.status, on_record.customers, on_record.place) == ("done", EVERYBODY - 2, "command line")
    assert rfc3339(on_record.exported_at or 0) == done.metadata["rapport.exported_at"]
    assert {rfc3339(one.expires_at or 0) for one in held} == {done.metadata["rapport.expires_at"]}
    assert done.metadata["rapport.recipients"] == "Post"
    # Both records of the customer lead to the one row.
    seven = records_of(house, "user_id:u7")
    assert len(seven) == 2
    assert {len(book(house).holding(ORG, [number])) for number in seven} == {1}
    assert book(house).holding(ORG, seven) == book(house).holding(ORG, seven[:1])
    assert book(house).holding(ORG, records_of(house, f"user_id:u{LOCKED}")) == []
    assert book(house).holding("nobody", EVERYONE) == []


def test_receipts_name_whom_the_export_is_for_and_nobody_where_it_is_for_nobody_else(house: House) -> None:
    promise = Promise("contract", recipients=("Post", "Bank"))
    house.declare(Declaration(name="Shop", purposes={"service": promise}))
    export(house, "out.parquet", recipients=["Bank"])
    assert {one.recipients for one in receipts(house) if one.decision == "permitted"} == {("Bank",)}
    before = len(receipts(house))
    export(house, "own.parquet")
    own = receipts(house)[: len(receipts(house)) - before]
    assert {one.recipients for one in own} == {()}


@pytest.mark.parametrize("name", ["post", "Post ", "", "Shop", "x" * 10_000])
def test_only_a_recipient_whom_the_declaration_names_for_the_purpose_may_have_it(house: House, name: str) -> None:
    promises = {"service": Promise("contract", recipients=("Post",)), "offers": Promise("contract", recipients=("Ad",))}
    house.declare(Declaration(name="Shop", purposes=promises))
    for wrong in (name, "Ad"):
        with pytest.raises(BadInput) as refused:
            export(house, "out.csv", recipients=["Post", wrong])
        assert (refused.value.code, refused.value.field) == ("unknown_recipient", "recipients")
    assert book(house).of_org(ORG) == []


def test_whoever_was_promised_less_is_not_in_what_others_are_to_have(house: House) -> None:
    least = Promise("contract", recipients=(), onward=False)
    most = Promise("contract", recipients=("Post",), onward=True, alternative=least)
    house.declare(Declaration(name="Shop", purposes={"service": most}))
    choosy = house.people.add([f"{ORG}:user_id:u8"]).handle
    never_on = Criterion("onward", negated=True)
    clause = Clause("alone", "allow", purposes=("service",), categories=("everything",), when=(never_on,))
    house.people.set_terms(choosy, Terms("own", (clause,)))
    inside = {one.customer for one in _held_after(house, "own.csv", [])}
    given = {one.customer for one in _held_after(house, "post.csv", ["Post"])}
    assert len(inside - given) == 1
    assert given < inside


def _held_after(house: House, name: str, recipients: list[str]) -> list[Held]:
    done = export(house, name, recipients=recipients)
    return [one for one in book(house).holding(ORG, EVERYONE) if one.export_id == done.metadata["rapport.export"]]


def test_who_was_erased_is_forgotten_and_the_others_stay_on_record(house: House) -> None:
    export(house, "one.parquet")
    export(house, "two.csv")
    seven = records_of(house, "user_id:u7")
    assert len(book(house).holding(ORG, seven)) == 2
    book(house).forget("other", seven)
    assert len(book(house).holding(ORG, seven)) == 2
    book(house).forget(ORG, seven)
    assert book(house).holding(ORG, seven) == []
    assert len(book(house).holding(ORG, EVERYONE)) == 2 * (EVERYBODY - 3)


def test_an_export_whose_time_is_over_is_held_by_nobody(house: House) -> None:
    export(house, "out.parquet")
    (one,) = book(house).of_org(ORG)
    assert one.expires_at is not None
    book(house).sweep(one.expires_at - 1)
    assert len(book(house).holding(ORG, EVERYONE)) == EVERYBODY - 2
    book(house).sweep(one.expires_at)
    assert book(house).holding(ORG, EVERYONE) == []
    assert book(house).of_org(ORG)[0].status == "expired"
    assert open_ledger(house.settings).db.execute("SELECT count(*) FROM export_row").fetchone() == (0,)


def test_what_is_in_memory_does_not_grow_with_the_organization(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send(*map(_identify, range(100, 2_100)))
    house.settle()
    monkeypatch.setattr("rapport.adapters.embedded.customers.MOST_LEARNED", 100)
    exporter = open_exporter(house.settings, ORG)
    learned = []

    def look(*_: int) -> None:
        learned.append(exporter._reader.evidence_tables.learned)

    done = asyncio.run(exporter.export(ORG, "service", house.directory / "out.csv", progress=look))
    assert done.customers > 2_000
    assert max(learned) < 1_000


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
        child.wait(60)
    new = {path.name for path in house.directory.iterdir()} - before
    assert not {name for name in new if "out" in name or name.startswith("tmp")}
    assert len([one for one in receipts(house) if one.decision == "permitted"]) == EVERYBODY - 2
    # Whoever was read for it keeps the receipt, and is in no file that anybody has.
    assert book(house).holding(ORG, EVERYONE) == []
    export(house, "another.parquet")
    another, cut_short = book(house).of_org(ORG)
    assert (another.status, cut_short.status, cut_short.reason) == ("done", "failed", CUT_SHORT)
    assert {one.export_id for one in book(house).holding(ORG, EVERYONE)} == {another.id}
    assert list((house.directory / "exports").iterdir()) == []


def test_one_that_is_at_work_is_not_taken_for_one_that_was_cut_short(house: House) -> None:
    def meanwhile(*_: int) -> None:
        looked.append(book(house).cut_short(ExportFiles(house.directory).is_alive, CUT_SHORT))

    looked: list[list[Export]] = []
    export(house, "out.csv", progress=meanwhile)
    assert looked == [[]]
    assert [one.status for one in book(house).of_org(ORG)] == ["done"]


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
