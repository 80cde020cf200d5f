"""What a person takes along: all that is firmly theirs, in every format, read back by others' software."""

import asyncio
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from pyld import jsonld

from rapport.adapters.embedded.goals import GoalFile
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.adapters.embedded.wishes import WishBook
from rapport.app import portability
from rapport.app.embedded import open_ledger
from rapport.app.portability import FORMATS, TABLES, Taken, open_portability
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.terms import Receipt, linked
from rapport.terms.goals import Goal
from rapport.terms.presets import PRESETS
from tests.profile.house import ORG, House, at, told

EVENTS = 700


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        traits = {"email": "ada@example.com", "name": "Ada Example", "sizes": [38, 39], "company": {"id": "c1"}}
        house.send(
            told(at("10:00"), type="identify", userId="ada", traits=traits, context={"ip": "192.0.2.1"}),
            told(at("10:00"), type="identify", userId="bo", traits={"email": "bo@example.com", "name": "Bo Other"}),
            told(at("10:05"), type="group", userId="ada", groupId="g1", traits={"plan": "gold"}),
            *(
                told(
                    at("11:00") + number,
                    type="track",
                    userId="ada",
                    event="Order Completed",
                    properties={"order": number, "note": 'é, "quoted"\n'},
                    messageId=f"m{number}",
                )
                for number in range(EVENTS)
            ),
        )
        house.send(told(at("12:00"), type="identify", userId="ada", traits={"name": "Ada of CRM"}), source="crm")
        yield house.settle()


@pytest.fixture
def ada(house: House) -> str:
    person = house.people.add([f"{ORG}:user_id:ada", f"{ORG}:email:ada@example.com"]).handle
    goal = GoalFile(open_ledger(house.settings)).say(person, Goal("Two orders a month", "buy", (ORG,), times=2))
    GoalsTold(house.people).tell(person, goal.handle, ORG, told=True)
    wishes = WishBook(house.people)
    wishes.say(person, ORG, lambda says: msgspec.structs.replace(says, stopped_kinds=frozenset({"offer"}), minute=0.5))
    wishes.say(person, "", lambda says: msgspec.structs.replace(says, quiet="22:00-08:00", leanings={"ask": -1}))
    house.people.set_terms(person, next(terms for terms in PRESETS.values() if terms.clauses))
    return person


def take(house: House, person: str, form: str, name: str = "mine") -> Taken:
    return asyncio.run(open_portability(house.settings).export(person, house.directory / name, form))


def rows_of(taken: Taken, table: str, form: str) -> list[dict[str, Any]]:
    """A table as DuckDB reads it."""
    read = {
        "json": "read_json(?, maximum_depth = 1)",
        "csv": "read_csv(?, header = true, all_varchar = true)",
        "parquet": "read_parquet(?)",
    }
    found = duckdb.connect().execute(f"SELECT * FROM {read[form]}", [str(taken.directory / f"{table}.{form}")])
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if form == "json":
        return [{name: None if cell is None else json.loads(cell) for name, cell in row.items()} for row in rows]
    return rows


def plain(value: Any, form: str) -> Any:
    """A cell of a nested value, which tables hold as JSON text."""
    return value if form == "json" else json.loads(value)


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_duckdb_reads_every_event_and_every_value_back(house: House, ada: str, form: str) -> None:
    taken = take(house, ada, form)
    assert set(taken.files) == {f"{table}.{form}" for table in TABLES}
    assert {path.name for path in taken.directory.iterdir()} == set(taken.files)
    events = rows_of(taken, "events", form)
    assert len(events) == taken.rows["events"] == EVENTS + 3
    orders = [event for event in events if event["name"] == "Order Completed"]
    assert sorted(plain(event["properties"], form)["order"] for event in orders) == list(range(EVENTS))
    assert plain(orders[0]["properties"], form)["note"] == 'é, "quoted"\n'
    traits = rows_of(taken, "traits", form)
    names = {(row["trait"], json.dumps(plain(row["value"], form)), str(row["shown"]).lower()) for row in traits}
    assert {("name", '"Ada of CRM"', "true"), ("name", '"Ada Example"', "false")} <= names
    assert "plan" in {row["trait"] for row in traits if row["group"] == "g1"}
    assert {row["value"] for row in rows_of(taken, "identifiers", form)} >= {"ada", "ada@example.com"}
    assert len(rows_of(taken, "terms", form)) == len(house.people.person(ada).terms.clauses)
    assert str(rows_of(taken, "companies", form)[0]["records"]) == "2"
    (goal,) = rows_of(taken, "goals", form)
    assert (goal["words"], goal["kind"], str(goal["times"])) == ("Two orders a month", "buy", "2")


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_of_anybody_else_is_in_it(house: House, ada: str, form: str) -> None:
    taken = take(house, ada, form)
    raw = b"".join(path.read_bytes() for path in taken.directory.iterdir())
    assert b"Bo Other" not in raw
    assert b"bo@example" not in raw
    assert b"192.0.2.1" in raw or form == "parquet"


def test_each_company_leaves_a_receipt_in_the_persons_own_book_and_it_is_in_the_export(house: House, ada: str) -> None:
    taken = take(house, ada, "json")
    number = house.people.person(ada).id
    own: list[Receipt] = [one for _, one in open_ledger(house.settings).receipts_of(number)]
    assert [(one.org, one.action, one.fields) for one in own] == [("", "your own export", (ORG,))]
    assert {"name", "email", "purchases"} <= {*own[0].categories}
    (listed,) = rows_of(taken, "receipts", "json")
    (company,) = rows_of(taken, "companies", "json")
    assert listed["receipt"] == company["receipt"] == own[0].id
    assert not open_ledger(house.settings).receipts(ORG)  # no company learns of it


def test_csv_is_read_by_the_csv_module(house: House, ada: str) -> None:
    taken = take(house, ada, "csv")
    with (taken.directory / "events.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == EVENTS + 3


def test_a_lock_shuts_companies_out_and_never_the_person(house: House, ada: str) -> None:
    house.people.lock(ada, None)
    taken = take(house, ada, "json")
    assert taken.rows["events"] == EVENTS + 3
    assert rows_of(taken, "companies", "json")[0]["locked"] is True


# -- JSON-LD


def test_linked_data_expands_to_concepts_of_dpv(house: House, ada: str) -> None:
    taken = take(house, ada, "jsonld")
    document = json.loads((taken.directory / "person.jsonld").read_bytes())
    assert document.keys() == {"@context", "@graph"}
    graph = jsonld.expand(document)
    assert len(graph) == 1 + sum(taken.rows.values())
    assert len(jsonld.to_rdf(document)["@default"]) > len(graph)
    dpv, pd, rdf = "https://w3id.org/dpv#", "https://w3id.org/dpv/pd#", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    me, shop = linked.subject(ada), linked.controller(ORG)
    assert graph[0] == {"@id": me, "@type": [f"{dpv}DataSubject"]}
    emails = [node for node in graph if f"{pd}EmailAddress" in node["@type"]]
    assert emails
    for node in emails:
        assert node[f"{rdf}value"][0]["@value"] == "ada@example.com"
        assert node[f"{dpv}hasDataSubject"] == [{"@id": me}]
        assert node[f"{dpv}hasDataController"] == [{"@id": shop}]
    assert len([node for node in graph if f"{pd}Purchase" in node["@type"]]) == EVENTS
    (receipt,) = [node for node in graph if f"{dpv}Processing" in node["@type"]]
    assert receipt[f"{dpv}hasPurpose"] == [{"@id": f"{dpv}RightsFulfilment"}]
    assert {"@id": f"{pd}EmailAddress"} in receipt[f"{dpv}hasPersonalData"]
    for node in graph:  # every name is an absolute one
        assert all(name.startswith(("@", "https://", "http://", "urn:")) for name in node)
        assert all(kind.startswith("https://w3id.org/dpv") for kind in node["@type"])


# -- bad input and bad luck


def test_what_cannot_be_done_is_refused_and_leaves_nothing(
    house: House, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput):
        take(house, ada, "xml")
    with pytest.raises(NotFound):
        take(house, "per_nobody", "json")
    (house.directory / "full").mkdir()
    (house.directory / "full" / "mine").write_text("mine")
    with pytest.raises(BadInput):
        take(house, ada, "json", "full")
    with pytest.raises(BadInput):
        take(house, ada, "json", "nowhere/deep")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(portability, "clause_sentence", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take(house, ada, "json")
    assert not list(house.directory.glob("*mine*"))
    assert [path.name for path in (house.directory / "full").iterdir()] == ["mine"]


def test_nothing_is_left_to_take_of_an_erased_person(house: House, ada: str) -> None:
    house.people.set_status(ada, "erased")
    with pytest.raises(Conflict):
        take(house, ada, "json")


def test_only_its_owner_may_open_it(house: House, ada: str) -> None:
    taken = take(house, ada, "json")
    modes = [path.stat().st_mode for path in (Path(taken.directory), *taken.directory.iterdir())]
    assert not any(mode & 0o077 for mode in modes)


def test_what_was_said_about_being_reached_and_who_knows_a_goal_is_taken_along(house: House, ada: str) -> None:
    take(house, ada, "json")
    (goal,) = json.loads((house.directory / "mine/goals.json").read_text())
    assert goal["told_to"] == [ORG]
    everywhere, shop = json.loads((house.directory / "mine/wishes.json").read_text())
    assert (everywhere["organization"], everywhere["quiet"], everywhere["takes_part"]) == (None, "22:00-08:00", True)
    assert (shop["organization"], shop["stopped_kinds"], shop["minute"]) == (ORG, ["offer"], 0.5)
