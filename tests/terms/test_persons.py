"""A person's terms and locks, from the ledger to what the gate lets through."""

from collections.abc import Iterator
from typing import Any

import pytest

from rapport.kernel.errors import NotFound
from rapport.terms import Clause, Terms
from rapport.terms.presets import PRESETS
from tests.profile.house import ORG, House, at_once, told


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        house.send(
            told(type="identify", userId="ada", messageId="1", traits={"email": "ada@example.com", "name": "Ada"}),
            told(type="track", userId="ada", messageId="2", event="Order Completed", properties={"revenue": 20}),
            source="crm",
        )
        house.settle()
        yield house


def readable(house: House, customer: str = "user_id:ada") -> dict[str, Any] | None:
    try:
        return house.view(customer)
    except NotFound:
        return None


def without_receipt(view: dict[str, Any] | None) -> dict[str, Any] | None:
    return view and {name: value for name, value in view.items() if name not in {"receipt", "as_of"}}


def test_claiming_narrows_nothing_a_lock_closes_all_and_unlocking_restores_exactly(house: House) -> None:
    before = without_receipt(readable(house))
    assert before is not None
    person = house.people.add([f"{ORG}:email:ada@example.com"])
    assert without_receipt(readable(house)) == before
    house.people.lock(person.handle)
    assert readable(house) is None
    house.people.unlock(person.handle)
    assert without_receipt(readable(house)) == before
    house.people.lock(person.handle, ORG)
    assert readable(house) is None
    house.people.unlock(person.handle, ORG)
    assert without_receipt(readable(house)) == before


def test_terms_filter_by_category_and_leave_nothing_of_the_rest(house: House) -> None:
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.set_terms(person.handle, PRESETS["locked"])
    assert readable(house) is None
    only_purchases = Terms("own", (Clause("buys", "allow", purposes=("service",), categories=("purchases",)),))
    house.people.set_terms(person.handle, only_purchases)
    view = readable(house)
    assert view is not None
    assert view["traits"] == {}
    assert view["identifiers"] == []
    assert list(view["events"]["by_name"]) == ["Order Completed"]
    assert view["events"]["total"] == 1
    assert "ada" not in str(view).lower()
    events = at_once(house.gate.events(house.asked("user_id:ada"), None, 10))
    assert [event["name"] for event in events["events"]] == ["Order Completed"]
    evidence = house.evidence("user_id:ada")
    assert "ada" not in str(evidence).lower()
