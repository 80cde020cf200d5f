"""The gate: what leaves, to whom, and what is kept of it."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rapport.kernel.errors import BadInput, Conflict, Full, NotFound
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms import Gate, Pending, Receipt, Request
from tests.profile.house import House, at, at_once, told

PARTS = ("view", "traits", "identifiers", "events", "groups", "evidence")
OTHERS = [purpose for purpose in PURPOSES if purpose != "service"]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        house.send(
            told(at("10:00"), type="identify", userId="ada", traits={"name": "Ada Canary", "email": "fam@example.com"}),
            told(at("11:00"), type="identify", userId="bo", traits={"email": "fam@example.com"}),
        )
        yield house.settle()


def asked(customer: str, purpose: str = "service", org: str = "shop") -> Request:
    return Request(org, customer, purpose, "test")


def read(gate: Gate, part: str, request: Request, cursor: str | None = None) -> dict[str, Any]:
    page = getattr(gate, part)
    answer: dict[str, Any] = at_once(page(request) if part == "view" else page(request, cursor, 10))
    return answer


def newest(house: House) -> Receipt:
    return house.receipts.kept[-1]


@pytest.mark.parametrize("part", PARTS)
def test_what_leaves_names_the_receipt_that_was_kept(house: House, part: str) -> None:
    answer = read(house.gate, part, asked("user_id:ada"))
    kept = newest(house)
    assert (answer["receipt"], kept.decision, kept.org, kept.purpose) == (kept.id, "permitted", "shop", "service")
    assert len(kept.records) == 1


def test_of_chosen_traits_and_events_only_these_leave_and_the_receipt_names_no_others(house: House) -> None:
    answer = at_once(house.gate.traits(asked("user_id:ada"), None, 10, frozenset({"name", "unheard_of"})))
    assert {*answer["traits"]} == {"name"}
    assert newest(house).fields == ("name",)
    assert at_once(house.gate.events(asked("user_id:ada"), None, 10, frozenset({"Seen"})))["events"] == []


def test_a_receipt_names_fields_and_categories_and_no_value(house: House) -> None:
    read(house.gate, "view", asked("user_id:ada"))
    kept = newest(house)
    assert {"name", "email", "identifiers", "events", "records", "groups", "consent"} == {*kept.fields}
    assert {*kept.categories} == {"name", "email", "behaviour", "account"}
    written = msgspec.msgpack.encode(kept)
    assert all(value not in written for value in (b"Canary", b"fam@", b"ada"))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("purpose", OTHERS)
def test_what_is_refused_is_as_good_as_absent_but_for_the_receipt(house: House, part: str, purpose: str) -> None:
    said = set()
    for customer, decision in (
        ("user_id:ada", "refused"),
        ("email:fam@example.com", "refused"),
        ("user_id:nobody", "absent"),
        ("email:not an address", "absent"),
        ("user_id:null", "absent"),
        ("cus_nobody", "absent"),
    ):
        with pytest.raises(NotFound) as refusal:
            read(house.gate, part, asked(customer, purpose), cursor="forged")
        said.add((refusal.value.message, refusal.value.code, refusal.value.field))
        kept = newest(house)
        assert (kept.decision, kept.purpose, kept.fields, kept.categories) == (decision, purpose, (), ())
        assert bool(kept.records) == (decision == "refused")
    assert len(said) == 1


def test_an_organization_finds_nothing_of_anothers(house: House) -> None:
    shown = read(house.gate, "view", asked("user_id:ada"))
    for customer in ("user_id:ada", shown["customer"], "email:fam@example.com"):
        with pytest.raises(NotFound):
            read(house.gate, "view", asked(customer, org="elsewhere"))
        assert (newest(house).org, newest(house).decision, newest(house).records) == ("elsewhere", "absent", ())


def test_an_identifier_of_several_customers_is_a_conflict_that_leaves_a_receipt(house: House) -> None:
    with pytest.raises(Conflict, match="on 2 customers") as conflict:
        read(house.gate, "view", asked("email:fam@example.com"))
    assert (conflict.value.code, conflict.value.field) == ("ambiguous", "id")
    kept = newest(house)
    assert (kept.decision, kept.fields, len(kept.records)) == ("refused", (), 2)
    assert "2 customers" in kept.reason
    assert (kept.clauses, "ask by" in kept.reason) == ((), False), "for its person, who cannot ask by another"


@pytest.mark.parametrize("customer", ["", ":", "email:", ":x", "ada", "1:x", "é:x", "a/b:x", "\x00:x"])
def test_what_is_no_id_is_refused_for_what_it_is(house: House, customer: str) -> None:
    for purpose in ("service", "offers"):
        with pytest.raises(BadInput) as refusal:
            read(house.gate, "view", asked(customer, purpose))
        assert (refusal.value.code, refusal.value.field) == ("bad_id", "id")


def test_an_ids_type_may_be_written_as_clients_write_it(house: House) -> None:
    for customer in ("user_id:ada", "User-ID:ada", "user id: ada "):
        assert read(house.gate, "view", asked(customer))["events"]["total"] == 1


def test_a_purpose_that_is_none_is_refused_before_anything_is_looked_up(house: House) -> None:
    before = len(house.receipts.kept)
    with pytest.raises(BadInput, match="is no purpose") as refusal:
        read(house.gate, "view", asked("user_id:ada", "curiosity"))
    assert (refusal.value.code, refusal.value.field) == ("unknown_purpose", "purpose")
    assert len(house.receipts.kept) == before


class FullBook:
    async def commit(self, _: Sequence[Pending]) -> None:
        raise Full("the disk is full")


@pytest.mark.parametrize("customer", ["user_id:ada", "user_id:nobody", "email:fam@example.com"])
def test_without_a_place_for_the_receipt_nothing_is_said(house: House, customer: str) -> None:
    for purpose in ("service", "offers"):
        with pytest.raises(Full):
            read(Gate(house.reader, house.people, FullBook()), "view", asked(customer, purpose))


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_cursor_that_is_none_is_refused_and_leaves_a_receipt(house: House, part: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read(house.gate, part, asked("user_id:ada"), cursor="forged")
    assert (refusal.value.code, refusal.value.field) == ("bad_cursor", "cursor")
    assert (newest(house).decision, newest(house).fields) == ("refused", ())


NUMBERS = st.integers(0, 20) | st.integers(-(2**63), 2**64 - 1)


@given(place=st.tuples(NUMBERS, st.text(), st.text(), st.dictionaries(st.just("<record>") | st.text(), NUMBERS)))
@example(place=(1 << 62, "m", "", {"<record>": 2**64 - 1}))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_forged_place_in_the_timeline_is_refused_or_answered_with_ones_own(house: House, place: Any) -> None:
    time, message, record, blocks = place
    own = house.view("user_id:ada")["records"][0]["record"]
    forged = (time, message, record, {own if name == "<record>" else name: at for name, at in blocks.items()})
    try:
        answer = read(house.gate, "events", asked("user_id:ada"), cursor=_token(forged))
    except BadInput as error:
        refusal: BadInput | None = error
    else:
        refusal = None
        assert {event["record"] for event in answer["events"]} <= {own}
    assert refusal is None or refusal.code == "bad_cursor"


def _token(value: object) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")
