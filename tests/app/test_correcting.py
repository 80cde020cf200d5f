"""Rectification at the desk: what can be corrected, where it is said, and what comes of it."""

import asyncio
import math
from typing import Any

import pytest

from rapport.app import rights
from rapport.app.embedded import Sources, ensure_source
from rapport.collect import Correction, correction_entry
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.ports import OWN_WORD, YOU
from rapport.kernel.times import DAY, SECOND, now
from rapport.terms import Declaration, Promise, Request
from rapport.terms.rights import MAX_A_DAY, MAX_VALUE, Asked, Case
from tests.app.corrections import MAIL, NO_CONTACT, SERVICE, Shop, shop
from tests.profile.house import ORG, at, at_once, told
from tests.profile.unsealing import readable

__all__ = ["shop"]


# -- what is shown


def test_a_correction_wins_over_whatever_comes_later_and_others_stay_beside_it(shop: Shop) -> None:
    case = shop.correct("phone", " +44 20 7946 0002 ")
    assert (case.status, case.asked.right, case.asked.value) == ("done", "rectification", "+44 20 7946 0002")
    assert case.took is not None
    assert 0 <= case.took < 60 * SECOND
    assert "you corrected “phone” at shop" in shop.own_book()[case.receipts[0]]
    shop.crm_says(phone="+44 20 7946 0003")
    shown = shop.trait("phone")
    assert (shown["value"], shown["source"], shown["category"]) == ("+44 20 7946 0002", YOU, "phone")
    assert [other["value"] for other in shown["others"]] == ["+44 20 7946 0003"]


def test_taking_it_back_shows_what_would_be_shown_without_it(shop: Shop) -> None:
    before = shop.trait("phone")
    shop.correct("phone", "1")
    shop.correct("phone", "2")
    assert shop.trait("phone")["value"] == "2"
    assert shop.correct("phone", None).status == "done"
    assert shop.trait("phone") == before
    with pytest.raises(BadInput):
        shop.correct("phone", None)
    shop.correct("phone", "3")
    assert shop.trait("phone")["value"] == "3"


def test_a_correction_is_newer_than_the_last_whatever_the_clock_says(shop: Shop) -> None:
    late, early = now() + 3 * DAY, now() - 3 * DAY
    for clock, value in ((late, "1"), (early, "2")):
        shop.corrector._now = lambda clock=clock: clock
        shop.correct("phone", value)
        assert shop.trait("phone")["value"] == value


def test_what_was_said_by_one_identifier_is_corrected_and_taken_back_by_another(shop: Shop) -> None:
    other = shop.people.add([f"{ORG}:email:{MAIL}"]).handle
    shop.correct("phone", "1", other)
    shop.correct("phone", "2")
    shown = shop.trait("phone")
    assert (shown["value"], [one["value"] for one in shown["others"]]) == ("2", ["+44 20 7946 0001"])
    shop.correct("phone", "3", other)
    shop.correct("phone", None)
    assert shop.trait("phone")["source"] == "crm"


def test_a_corrected_address_is_a_value_and_joins_nobody(shop: Shop) -> None:
    shop.crm_says("bo", email="bo@example.com", name="Bo")
    shop.correct("email", "bo@example.com")
    assert shop.trait("email")["value"] == "bo@example.com"
    assert shop.view("user_id:bo")["traits"]["email"]["source"] == "crm"
    listed = {(one["type"], one["value"]) for one in shop.view("user_id:ada")["identifiers"]}
    assert ("email", "bo@example.com") not in listed
    assert shop.view("email:bo@example.com")["customer"] == shop.view("user_id:bo")["customer"]


def test_each_customer_of_theirs_that_has_it_is_corrected(shop: Shop) -> None:
    shop.crm_says("ada-work", phone="+44 20 7946 0009")
    shop.people.claim(shop.person, [f"{ORG}:user_id:ada-work"])
    shop.correct("phone", "1")
    assert [shop.trait("phone", one)["value"] for one in ("user_id:ada", "user_id:ada-work")] == ["1", "1"]
    shop.correct("phone", None)
    assert {shop.trait("phone", one)["source"] for one in ("user_id:ada", "user_id:ada-work")} == {"crm"}


# -- what cannot be corrected


def test_an_identifier_that_several_share_corrects_nothing(shop: Shop) -> None:
    for user in ("bo", "cy"):
        shop.crm_says(user, email="fam@example.com", phone="+44 20 7946 0004")
    shared = shop.people.add([f"{ORG}:email:fam@example.com"]).handle
    before = shop.customers()
    with pytest.raises(BadInput):  # it shows nothing of anybody, so there is nothing to correct
        shop.correct("phone", "1", shared)
    assert shop.customers() == before


def test_a_device_corrects_nothing(shop: Shop) -> None:
    shop.send(told(at("11:00"), type="identify", anonymousId="tablet", messageId="d", traits={"name": "Who"}))
    shop.settle()
    person = shop.people.add([f"{ORG}:anonymous_id:tablet"]).handle
    with pytest.raises(Conflict) as caught:
        shop.correct("name", "Ada", person)
    assert caught.value.code == "ambiguous"
    assert shop.desk.cases(person)[0] == []


def test_a_correction_that_would_hang_in_the_air_is_taken_back(shop: Shop) -> None:
    """An e-mail address on so many records that it names none, though a user id holds them together."""
    for number in range(25):
        event = told(at("11:00"), type="identify", userId="ada", messageId=f"o{number}", traits={"email": MAIL})
        key = {"key": ["order_id", str(number)], "identifiers": [["email", MAIL]]}
        shop.send({**event, **key}, source="crm", wire="import")
    shop.settle()
    person = shop.people.add([f"{ORG}:email:{MAIL}"]).handle
    case = shop.correct("phone", "1", person)
    assert (case.status, "nothing was corrected" in case.answer) == ("refused", True)
    assert shop.trait("phone")["source"] == "crm"
    assert shop.trait("phone", f"email:{MAIL}")["source"] == "crm"  # and it still names one customer
    assert shop.correct("phone", "2").status == "done"  # by the user id, which the other person claims
    assert shop.trait("phone")["value"] == "2"


@pytest.mark.parametrize("trait", ["shoe", "", "x" * 100_000, "<b>", "\ud800"])
def test_what_a_company_does_not_have_cannot_be_corrected(shop: Shop, trait: str) -> None:
    last = shop.log.last()
    with pytest.raises(BadInput) as caught:
        shop.correct(trait, "1")
    assert (caught.value.field, len(caught.value.message) < 300) == ("trait", True)
    assert shop.log.last() == last


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "\x00",
        "a\x1b[31mb",
        "\ud800",
        "x" * MAX_VALUE,
        "x" * 1_000_000,
        ["a"],
        {"a": 1},
        math.nan,
        math.inf,
        10**400,
        b"x",
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_by_name_and_nothing_is_half_done(shop: Shop, value: Any) -> None:
    last = shop.log.last()
    with pytest.raises(BadInput) as caught:
        shop.correct("phone", value)
    assert (caught.value.field, len(caught.value.message) < 300) == ("value", True)
    assert (shop.log.last(), shop.desk.cases(shop.person)[0]) == (last, [])


def test_text_becomes_what_is_there(shop: Shop) -> None:
    shop.crm_says(address={"street": "1 High St", "city": "Leeds", "geo": {"lat": 1}}, tags=["a"])
    for trait, said, kept in (
        ("points", "13", 13),
        ("points", 14, 14),
        ("vip", "yes", True),
        ("phone", "007", "007"),
        ("phone", 7, 7),
        ("phone", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("address", {"city": "York"}, {"street": "1 High St", "city": "York", "geo": {"lat": 1}}),
    ):
        shop.correct(trait, said)
        assert shop.trait(trait)["value"] == kept
    for trait, said in (
        ("points", "many"),
        ("vip", "maybe"),
        ("address", "York"),
        ("address", {"planet": "Mars"}),
        ("address", {"geo": "here"}),
        ("tags", "b"),
    ):
        with pytest.raises(BadInput):
            shop.correct(trait, said)


def test_nobody_corrects_where_they_are_no_customer(shop: Shop) -> None:
    shop.ledger.add_org("other")
    stranger = shop.people.add([f"{ORG}:user_id:nobody"]).handle
    for org in ("other", "unknown", ""):
        with pytest.raises(NotFound):
            asyncio.run(shop.desk.correct(shop.person, org, "phone", "1"))
    with pytest.raises(BadInput):
        shop.correct("phone", "1", stranger)
    with pytest.raises(NotFound):
        shop.correct("phone", "1", "per_nobody")


# -- the source `you`


def test_no_system_can_take_the_person_s_place(shop: Shop) -> None:
    for name in (YOU, "You", "YOU"):
        with pytest.raises(BadInput):
            shop.ledger.add_source(ORG, name, trusted=True)
        with pytest.raises(BadInput):
            ensure_source(shop.settings, ORG, name, trusted=True)
    with pytest.raises(BadInput):
        shop.ledger.add_source(ORG, "loud", trust=OWN_WORD)
    assert Sources(shop.ledger).by_name(ORG, YOU).trust == OWN_WORD


def test_a_source_that_was_called_so_before_is_no_person(shop: Shop) -> None:
    shop.ledger.add_source(ORG, "old", trusted=True)
    with shop.ledger.db as db:
        db.execute("UPDATE source SET name = ? WHERE name = 'old'", (YOU,))
    assert Sources(shop.ledger).by_name(ORG, YOU).trust == 0
    with pytest.raises(Conflict) as caught:
        shop.correct("phone", "1")
    assert caught.value.code == "reserved_source"


# -- erasure, and what comes between


def test_an_erasure_takes_what_was_corrected(shop: Shop) -> None:
    shop.listen("crm")
    shop.correct("phone", "a-number-of-mine")
    assert any(b"a-number-of-mine" in plain for _, plain in readable(shop.settings))
    for file in shop.directory.rglob("*"):
        assert not file.is_file() or b"number-of-mine" not in file.read_bytes()
    shop.worker.close()  # the command is the worker now
    rights.shred_person(shop.settings, shop.person)
    shop.restart()
    assert not any(b"a-number-of-mine" in plain for _, plain in readable(shop.settings))
    for customer in ("user_id:ada", f"email:{MAIL}"):
        with pytest.raises(NotFound):
            shop.view(customer)
    with pytest.raises(Conflict):
        shop.correct("phone", "again")
    said = Correction("rrq_again", "phone", "again", "phone", now(), (("user_id", "ada"),))
    shop.append(correction_entry(ORG, said, now()))
    shop.settle()
    assert shop.found() == []


def test_a_correction_that_was_cut_short_is_carried_out_once(shop: Shop) -> None:
    shop.broken = 1
    with pytest.raises(Busy):
        shop.correct("phone", "1")
    (case,) = shop.desk.cases(shop.person)[0]
    assert (case.status, shop.trait("phone")["source"]) == ("open", "crm")
    assert asyncio.run(shop.corrector.take_up(case.at)) == 0  # whoever asked may still be at it
    assert asyncio.run(shop.corrector.take_up(case.at + 1)) == 1
    ended = shop.desk.book.case(case.id)
    assert (ended.status, len(ended.receipts), shop.trait("phone")["value"]) == ("done", 1, "1")
    assert asyncio.run(shop.corrector.take_up(now() + DAY)) == 0


def test_asking_again_ends_what_was_cut_short_and_the_newest_word_holds(shop: Shop) -> None:
    shop.broken = 1
    with pytest.raises(Busy):
        shop.correct("phone", "1")
    assert shop.correct("phone", "2").status == "done"
    assert shop.correct("phone", "1").status == "done"
    assert shop.trait("phone")["value"] == "1"
    assert {one.status for one in shop.desk.cases(shop.person)[0]} == {"done"}


def test_what_was_said_and_not_ended_is_said_no_second_time(shop: Shop) -> None:
    case = shop.correct("phone", "1")
    total = shop.view("user_id:ada")["events"]["total"]
    with shop.ledger.db as db:
        db.execute("UPDATE rights SET status = 'open', ended_at = NULL")
    asyncio.run(shop.corrector.take_up(now() + DAY))
    assert shop.desk.book.case(case.id).status == "done"
    assert shop.view("user_id:ada")["events"]["total"] == total
    assert shop.rejected() == []


def test_nobody_can_correct_without_end(shop: Shop) -> None:
    person, book = shop.people.person(shop.person).id, shop.desk.book
    with shop.ledger.db as db:
        for _ in range(MAX_A_DAY):
            row = (person, ORG, now())
            db.execute(
                "INSERT INTO rights (person, org, kind, addressed, at, status, body) "
                "VALUES (?, ?, 'rectification', 1, ?, 'done', x'')",
                row,
            )
    with pytest.raises(Conflict) as caught:
        book.put(person, Asked("rectification", ORG, "phone", "1"), now())
    assert caught.value.code == "too_many_requests"
    assert book.put(person, Asked("rectification", ORG, "phone", "1"), now() + 2 * DAY).status == "open"


def test_two_at_once_both_end_and_one_of_them_holds(shop: Shop) -> None:
    async def both() -> list[Case]:
        return await asyncio.gather(*(shop.desk.correct(shop.person, ORG, "phone", value) for value in ("1", "2", "2")))

    cases = asyncio.run(both())
    assert {case.status for case in cases} == {"done"}
    assert shop.trait("phone")["value"] == max(cases, key=lambda case: case.at).asked.value


def test_a_correction_waits_for_no_answer_and_shows_its_company_no_value(shop: Shop) -> None:
    shop.broken = 1
    with pytest.raises(Busy):
        shop.correct("phone", "secret")
    (case,) = shop.desk.cases(shop.person)[0]
    assert (shop.desk.book.waiting(ORG), shop.desk.book.of_org(ORG)[0], shop.desk.book.times(ORG)) == ([], [], [])
    with pytest.raises(NotFound):
        asyncio.run(shop.desk.answer(ORG, case.id, "done", "We did."))
    with pytest.raises(Conflict):
        asyncio.run(shop.desk.withdraw(shop.person, case.id))
    asyncio.run(shop.corrector.take_up(now() + DAY))
    (heard,) = shop.desk.book.of_org(ORG)[0]
    assert (heard.asked, heard.status) == (Asked("rectification", ORG, "phone", None), "done")
    assert shop.desk.book.case(case.id, org=ORG) == heard
    assert shop.desk.book.case(case.id).asked.value == "secret"
    with pytest.raises(Conflict):
        asyncio.run(shop.desk.answer(ORG, case.id, "done", "We did."))


@pytest.mark.parametrize("shut", ["lock", "terms"])
def test_a_company_that_is_shut_out_does_not_hear_of_it(shop: Shop, shut: str) -> None:
    shop.declare(SERVICE)
    if shut == "lock":
        shop.people.lock(shop.person)
    else:
        shop.people.set_terms(shop.person, NO_CONTACT)
    case = shop.correct("phone", "1")
    assert case.status == "done"
    assert (shop.desk.book.of_org(ORG)[0], shop.desk.book.times(ORG)) == ([], [])
    with pytest.raises(NotFound):
        shop.desk.book.case(case.id, org=ORG)
    assert [one.id for one in shop.desk.cases(shop.person)[0]] == [case.id]


# -- consent


OFFERS = Declaration(
    purposes={**SERVICE.purposes, "offers": Promise("consent", ("everything",), onward=False)},
    consent={"marketing": ("offers",)},
)


def test_a_correction_opens_where_what_it_corrects_is_open_and_opens_nothing_else(shop: Shop) -> None:
    shop.declare(OFFERS)
    consent = {"consent": {"categoryPreferences": {"marketing": True}}}
    event = told(at("12:00"), type="identify", userId="ada", messageId="c", traits={"nickname": "A"}, context=consent)
    shop.send(event, source="web")
    shop.settle()
    shop.correct("nickname", "Ada")
    shop.correct("phone", "1")
    view = at_once(shop.gate.view(Request(ORG, "user_id:ada", "offers", "test")))
    assert {name: fact["value"] for name, fact in view["traits"].items()} == {"nickname": "Ada"}
    assert view["events"]["total"] == 1
    assert {one["type"] for one in view["identifiers"]} == {"user_id"}
    assert shop.trait("phone")["value"] == "1"
    with_timeline = at_once(shop.gate.events(Request(ORG, "user_id:ada", "offers", "test"), None, 10))
    assert [one["source"] for one in with_timeline["events"]] == ["web"]
