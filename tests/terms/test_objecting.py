"""Objecting: one company, one purpose, and nothing else changes."""

from collections.abc import Iterator
from itertools import combinations

import msgspec
import pytest

from rapport.kernel.errors import BadInput, NotFound
from rapport.terms import Clause, Declaration, Promise, Request, Terms
from rapport.terms.objecting import objected
from rapport.terms.presets import PRESETS
from rapport.terms.reading import MAX_CLAUSES, parse_terms
from rapport.terms.sentences import clause_sentence
from tests.profile.house import ORG, House, at, at_once, told

ALL = ("service", "advertising", "analytics", "research")


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        house.declare(Declaration(name="Shop", purposes=dict.fromkeys(ALL, Promise("contract", retention_days=30))))
        house.send(told(at("10:00"), type="identify", userId="ada", traits={"email": "ada@example.com", "name": "Ada"}))
        yield house.settle()


def open_for(house: House) -> set[str]:
    found = set()
    for purpose in ALL:
        try:
            at_once(house.gate.view(Request(ORG, "user_id:ada", purpose, "test")))
        except NotFound:
            continue
        found.add(purpose)
    return found


def test_it_closes_what_was_objected_to_and_nothing_else(house: House) -> None:
    person = house.people.add([f"{ORG}:user_id:ada"]).handle
    trusting = Terms("own", (Clause("all", "allow"),))
    house.people.set_terms(person, trusting)
    before = open_for(house)
    assert before == set(ALL)
    house.people.set_terms(person, objected(trusting, ORG, "advertising"))
    assert open_for(house) == before - {"advertising"}
    house.people.set_terms(person, objected(trusting, "another", "service"))
    assert open_for(house) == before
    house.people.set_terms(person, objected(trusting, ORG, "any"))
    assert open_for(house) == set()


def test_who_had_said_nothing_is_served_as_before(house: House) -> None:
    view = at_once(house.gate.view(Request(ORG, "user_id:ada", "service", "test")))
    person = house.people.add([f"{ORG}:user_id:ada"]).handle
    house.people.set_terms(person, objected(Terms(), ORG, "advertising"))
    assert open_for(house) == {"service"}
    after = at_once(house.gate.view(Request(ORG, "user_id:ada", "service", "test")))
    assert {name: after[name] for name in ("traits", "identifiers", "events")} == {
        name: view[name] for name in ("traits", "identifiers", "events")
    }
    house.people.set_terms(person, objected(Terms(), ORG, "service"))
    assert open_for(house) == set()


@pytest.mark.parametrize("preset", PRESETS)
def test_it_is_a_clause_that_can_be_written_and_read_and_is_there_once(preset: str) -> None:
    terms = objected(objected(PRESETS[preset], ORG, "offers"), "bank", "dpv:DirectMarketing")
    assert objected(terms, ORG, "offers") is terms
    assert objected(terms, "bank", "offers") is terms  # the same purpose by its plain name
    added = [clause for clause in terms.clauses if clause.id.startswith("objection-")]
    assert [clause.who for clause in added] == [(ORG,), ("bank",)]
    assert all(one.id != other.id for one, other in combinations(terms.clauses, 2))
    assert parse_terms(msgspec.json.encode(terms)).clauses == terms.clauses
    assert ORG in clause_sentence(added[0])


def test_what_is_no_purpose_and_what_is_too_much_is_refused() -> None:
    with pytest.raises(BadInput):
        objected(Terms(), ORG, "no such purpose")
    many = Terms("own", tuple(Clause(f"c{number}", "allow") for number in range(MAX_CLAUSES)))
    with pytest.raises(BadInput):
        objected(many, ORG, "offers")
