"""Operators' words about evidence of people who may not be seen: as if there were neither people nor evidence."""

from collections.abc import Iterator

import pytest

from rapport.app.operators import LogOperators
from rapport.collect import Correction, correction_entry
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.ports import YOU, LogEntry
from rapport.terms import Clause, Terms
from tests.profile.house import ORG, TEN, House, at_once, told

NOBODYS = "evi_" + "0" * 52


class Taken:
    """The log and the newsroom in one: what is appended is taken in at once."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def append(self, entry: LogEntry) -> int:
        self._house.append(entry)
        self._house.settle()
        return self._house.worker.cursor

    async def until(self, seq: int) -> bool:
        return self._house.worker.committed >= seq


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        mail = {"email": "ada@example.com"}
        house.send(told(type="identify", userId="ada", messageId="1", traits=mail), source="crm")
        house.send(told(type="identify", anonymousId="a", messageId="2", traits=mail))
        house.send(told(type="identify", userId="bo", messageId="3", traits={"email": "bo@example.com"}), source="crm")
        yield house.settle()


@pytest.fixture
def operators(house: House) -> LogOperators:
    taken = Taken(house)
    return LogOperators(house.reader, house.gate, taken, taken)  # type: ignore[arg-type]


def mail_of(house: House, customer: str) -> str:
    """The evidence that a customer's trusted record holds the e-mail address."""
    return next(e["id"] for e in house.evidence(customer) if e["source"] == "crm" and "email" in str(e["identifier"]))


def refused(operators: LogOperators, evidence: str) -> str:
    with pytest.raises(NotFound) as caught:
        at_once(operators.retract(ORG, evidence, "eve", "why not"))
    return f"{caught.value.code} {caught.value.field} {caught.value.message}"


def no_link(operators: LogOperators, a: str, b: str) -> str:
    with pytest.raises(NotFound) as caught:
        at_once(operators.assert_link(ORG, "must_link", a, b, "eve", "why not"))
    return f"{caught.value.code} {caught.value.field} {caught.value.message}"


def test_evidence_of_a_locked_person_cannot_be_taken_back_and_looks_like_none(house, operators) -> None:
    evidence = mail_of(house, "user_id:ada")
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.lock(person.handle)
    assert refused(operators, evidence) == refused(operators, NOBODYS)
    house.people.unlock(person.handle)
    assert any(e["id"] == evidence for e in house.evidence("user_id:ada"))
    at_once(operators.retract(ORG, evidence, "eve", "it is another's"))
    at_once(operators.retract(ORG, evidence, "eve", "again"))
    house.people.lock(person.handle)
    assert refused(operators, evidence) == refused(operators, NOBODYS)


@pytest.mark.parametrize("by", ["record", "customer", "user_id:ada", "email:ada@example.com", "anonymous_id:a"])
def test_a_locked_person_cannot_be_linked_by_any_name_and_looks_like_nobody(house, operators, by) -> None:
    view = house.view("user_id:ada")
    end = {"record": view["records"][0]["record"], "customer": view["customer"]}.get(by, by)
    person = house.people.add([f"{ORG}:user_id:ada"])
    house.people.lock(person.handle, ORG)
    absent = no_link(operators, "user_id:nobody", "user_id:bo")
    assert no_link(operators, end, "user_id:bo") == absent
    assert no_link(operators, "user_id:bo", end) == absent
    assert no_link(operators, "rec_" + "0" * 26, "user_id:bo") == absent


def test_evidence_that_terms_hide_cannot_be_taken_back_either(house, operators) -> None:
    evidence = mail_of(house, "user_id:ada")
    person = house.people.add([f"{ORG}:user_id:ada"])
    only_ids = Terms("own", (Clause("ids", "allow", purposes=("service",), categories=("account",)),))
    house.people.set_terms(person.handle, only_ids)
    assert all(e["id"] != evidence for e in house.evidence("user_id:ada"))
    assert refused(operators, evidence) == refused(operators, NOBODYS)


def test_every_word_leaves_a_receipt_also_where_nobody_is(house, operators) -> None:
    at_once(operators.assert_link(ORG, "cannot_link", "user_id:ada", "user_id:bo", "eve", "two people"))
    refused(operators, NOBODYS)
    kept = [(r.action, r.decision, r.caller) for r in house.receipts.kept]
    assert kept == [("link", "permitted", "eve"), ("link", "permitted", "eve"), ("retraction", "absent", "eve")]


def test_operators_link_no_word_of_the_customers_own(house: House, operators: LogOperators) -> None:
    said = Correction("rrq_1", "email", "ada@example.org", "email", TEN, (("email", "ada@example.com"),))
    house.append(correction_entry(ORG, said, TEN))
    house.settle()
    records = {one["source"]: one["record"] for one in house.view("user_id:ada")["records"]}
    before = house.customers()
    for kind in ("must_link", "cannot_link"):
        for ends in ((records[YOU], "user_id:bo"), ("user_id:bo", records[YOU])):
            with pytest.raises(Conflict) as caught:
                at_once(operators.assert_link(ORG, kind, *ends, "eve", "why not"))
            assert caught.value.code == "own_word"
    assert house.customers() == before
    at_once(operators.assert_link(ORG, "cannot_link", records["crm"], records["web"], "eve", "why not"))
    assert house.view("user_id:ada")["traits"]["email"]["source"] == YOU
