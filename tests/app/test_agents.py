"""Authorised agents at the desk: who is meant, what is done, and what the agent is told (Data Rights Protocol 1.0)."""

import asyncio
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.rights import RightsBook
from rapport.app.agent_work import AgentWork
from rapport.app.agents import results_path
from rapport.app.portal_rights import _sentence
from rapport.app.rights_desk import open_rights_desk
from rapport.kernel.errors import BadInput, Forbidden, NotFound, Unauthorized
from rapport.kernel.times import DAY
from rapport.terms import Declaration, Promise, Terms
from rapport.terms.data_rights import RESULTS_KEPT, TICK
from tests.app.agent_client import Signer, by_email
from tests.app.agent_shop import ADA, OTHER, STRANGER, Shop, fetched, patient, shop
from tests.profile.house import ORG, at, told

__all__ = ["patient", "shop"]


# -- what is done


def test_an_access_gives_files_that_others_read_and_only_of_this_company(shop: Shop, tmp_path: Path) -> None:
    shop.people.add([f"{ORG}:email:{ADA}", f"{OTHER}:email:{ADA}"])
    told = shop.ended(shop.ask("access", agent_request_id="mine-1"))
    assert (told.status, told.agent_request_id) == ("fulfilled", "mine-1")
    assert told.results_url.startswith(f"http://localhost:8080/drp/{ORG}/results/")
    with zipfile.ZipFile(io.BytesIO(shop.fetch(told))) as archive:
        archive.extractall(tmp_path)
    companies = duckdb.sql(f"SELECT organization, records FROM '{tmp_path}/companies.json'").fetchall()
    assert companies == [(ORG, 1)]
    events = duckdb.sql(f"SELECT name FROM '{tmp_path}/events.json' ORDER BY time").fetchall()
    assert ("Order Completed",) in events
    assert duckdb.sql(f"SELECT value FROM '{tmp_path}/traits.json' WHERE trait = 'name'").fetchall()
    assert json.loads((tmp_path / "terms.json").read_text() or "[]") == []
    assert shop.cases() == [("access", "done", ORG)]


def test_results_arefetched_once_and_are_sealed_until_then(shop: Shop) -> None:
    told = shop.ended(shop.ask("access"))
    path = results_path(shop.settings, told.id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ADA.encode() not in path.read_bytes()
    assert path.read_bytes()[:2] != b"PK"
    secret = told.results_url.rpartition("/")[2]
    asyncio.run(fetched(shop.desk, secret, whole=False))  # it broke off
    assert asyncio.run(shop.desk.size_of(ORG, secret)) > 100
    assert shop.fetch(told)[:2] == b"PK"
    for _ in range(2):
        with pytest.raises(Forbidden):
            shop.fetch(told)
    assert not path.exists()
    assert shop.status(told).results_url == ""


def test_results_are_for_one_reader_at_a_time(shop: Shop) -> None:
    secret = shop.ended(shop.ask("access")).results_url.rpartition("/")[2]
    first = asyncio.run(shop.desk.results(ORG, secret))
    with pytest.raises(Forbidden):
        asyncio.run(shop.desk.results(ORG, secret))
    asyncio.run(first.done(whole=False))
    second = asyncio.run(shop.desk.results(ORG, secret))
    shop.work.results.unfinished()  # a node that starts anew: whoever was reading is gone
    third = asyncio.run(shop.desk.results(ORG, secret))
    for one in (second, third):
        asyncio.run(one.done(whole=False))


def test_results_go_after_a_week_and_with_whoever_is_erased(shop: Shop) -> None:
    old = shop.ended(shop.ask("access"))
    new = shop.ended(shop.ask("access", "bo@example.com"))
    erased = shop.ended(shop.ask("deletion", "bo@example.com"))
    assert erased.status == "fulfilled"
    with pytest.raises(Forbidden):
        shop.fetch(new)
    shop.time += RESULTS_KEPT
    with pytest.raises(Forbidden):
        shop.fetch(old)
    again = AgentWork(shop.settings, lambda: shop.time)
    again.round()
    assert list(results_path(shop.settings, "x").parent.iterdir()) == []
    assert shop.status(old).results_url == ""


def test_a_deletion_erases_at_this_company_and_leaves_an_account(shop: Shop) -> None:
    person = shop.people.add([f"{ORG}:email:{ADA}", f"{OTHER}:email:{ADA}"])
    assert shop.knows()
    told = shop.ended(shop.ask("deletion"))
    assert told.status == "fulfilled"
    assert not shop.knows()
    assert shop.people.person(person.handle).status == "active"
    assert shop.cases() == [("erasure", "done", ORG)]
    case = RightsBook(shop.ledger).of_person(person.id)[0][0]
    assert case.asked.by == "agent PERMISSION_SLIP"
    assert case.took is not None
    said = [one.reason for _, one in shop.ledger.receipts_of(person.id) if one.id in case.receipts]
    assert any("had all erased that is yours at shop" in one for one in said)
    assert any("asked shop to erase" in one for one in said)
    assert shop.knows("bo@example.com")


def test_a_deletion_leaves_nobody_behind_who_had_no_account(shop: Shop) -> None:
    told = shop.ended(shop.ask("deletion"))
    assert told.status == "fulfilled"
    assert not shop.knows()
    assert [status for _, _, status in shop.people.persons()] == ["erased"]
    assert shop.ledger.db.execute("SELECT count(*) FROM claim").fetchone() == (0,)
    assert shop.cases() == [("erasure", "done", "")]
    assert shop.ended(shop.ask("access")).reason == "no_match"


def test_who_opts_out_is_out_of_advertising_and_in_again_by_the_same_way(shop: Shop) -> None:
    person = shop.people.add([f"{ORG}:email:{ADA}"])
    before = person.terms
    shop.people.lock(person.handle)  # it is the person's own right, whatever they said before
    assert shop.ended(shop.ask("sale:opt-out")).status == "fulfilled"
    denials = [one for one in shop.people.person(person.handle).terms.clauses if one.effect == "deny"]
    assert [(one.who, one.purposes) for one in denials] == [((ORG,), ("advertising",))]
    assert shop.ended(shop.ask("sale:opt_in")).status == "fulfilled"
    assert shop.people.person(person.handle).terms == before
    assert shop.cases() == [("objection", "done", ORG)] * 2


def test_an_agent_does_not_undo_what_the_person_said(shop: Shop) -> None:
    person = shop.people.add([f"{ORG}:email:{ADA}"])
    asyncio.run(open_rights_desk(shop.settings).object(person.handle, ORG, "advertising"))
    terms = shop.people.person(person.handle).terms
    told = shop.ended(shop.ask("sale:opt_in"))
    assert (told.status, told.reason) == ("denied", "other")
    assert shop.people.person(person.handle).terms == terms


def test_who_is_not_known_yet_can_opt_out_for_later(shop: Shop) -> None:
    assert shop.ended(shop.ask("sale:opt_out", STRANGER)).status == "fulfilled"
    shop.send(told(at("13:00"), type="identify", userId="new", traits={"email": STRANGER}), source="crm")
    shop.settle()
    holder = shop.people.ground(ORG, [f"email:{STRANGER}"]).holders[0]
    assert [one.purposes for one in holder.terms.clauses if one.effect == "deny"] == [("advertising",)]
    assert shop.ended(shop.ask("sale:opt_in", STRANGER)).status == "fulfilled"
    assert shop.ended(shop.ask("sale:opt_in", "never@example.com")).status == "fulfilled"


# -- who is meant


@pytest.mark.parametrize("exercise", ["access", "deletion", "sale:opt_out", "sale:opt_in"])
def test_a_mailbox_of_several_is_nobodys(shop: Shop, exercise: str) -> None:
    told = shop.ended(shop.ask(exercise, "fam@example.com"))
    assert (told.status, told.reason) == ("denied", "insuf_verification")
    assert shop.people.persons() == []


def test_who_also_claims_the_familys_mailbox_is_meant_alone(shop: Shop) -> None:
    """What the agent did not verify is left as it is, and so are those who share it."""
    person = shop.people.add([f"{ORG}:email:{ADA}", f"{ORG}:email:fam@example.com", f"{ORG}:user_id:ada"])
    assert shop.ended(shop.ask("sale:opt_out")).status == "fulfilled"
    assert shop.ended(shop.ask("access")).status == "fulfilled"
    shop.people.set_terms(person.handle, Terms())
    before = {user: shop.view(f"user_id:{user}")["traits"] for user in ("kin0", "kin1")}
    assert shop.ended(shop.ask("deletion")).status == "fulfilled"
    assert _seen(shop, "ada") is None
    assert {user: _seen(shop, user) for user in before} == before


def test_a_claim_of_two_persons_is_nobodys(shop: Shop) -> None:
    for _ in range(2):
        shop.people.add([f"{ORG}:email:{ADA}"])
    told = shop.ended(shop.ask("deletion"))
    assert (told.status, told.reason) == ("denied", "insuf_verification")
    assert shop.knows()


def test_somebody_elses_word_about_a_mailbox_makes_it_unclear(shop: Shop) -> None:
    """Whoever types Ada's address into a form is not erased with her, nor is she without a doubt."""
    shop.send(told(at("11:00"), type="identify", userId="mallory", traits={"email": ADA}))
    shop.settle()
    assert shop.ended(shop.ask("deletion")).reason == "insuf_verification"
    assert shop.view("user_id:ada")["events"]["total"] == 2


def test_only_what_is_verified_by_who_attests_counts(shop: Shop) -> None:
    meek = Signer("MEEK", 2)
    shop.trust(meek, attests=False)
    token = shop.set_up(meek)
    asks = [
        shop.ask("access", email_verified=False),
        shop.ask("access", email_verified=None),
        shop.send_signed(meek.sign(meek.asking(ORG, "access", shop.time, **by_email(ADA))), token),
    ]
    shop.later(TICK)
    shop.later(TICK)
    ended = [shop.status(asks[0]), shop.status(asks[1]), shop.status(asks[2], token)]
    assert {(one.status, one.reason) for one in ended} == {("denied", "insuf_verification")}


_SAID = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from([ADA, "bo@example.com", "fam@example.com"]), st.sampled_from(["crm", "web"])
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None)
@given(_SAID, st.sampled_from([ADA, "fam@example.com"]))
def test_no_deletion_takes_a_record_of_somebody_else_along(said: list[tuple[int, str, str]], address: str) -> None:
    """Whatever systems said of whom: it is carried out for one user, or for nobody."""
    with Shop() as shop:
        for user, email, source in said:
            shop.send(told(at("14:00"), type="identify", userId=f"u{user}", traits={"email": email}), source=source)
        shop.settle()
        before = {user: _seen(shop, user) for user in ("u0", "u1", "u2", "ada", "bo", "kin0", "kin1")}
        ended = shop.ended(shop.ask("deletion", address))
        gone = {user for user, view in before.items() if view is not None and _seen(shop, user) is None}
        assert len(gone) <= 1
        assert (ended.status == "fulfilled") == (len(gone) == 1)
        for user, view in before.items():
            if user not in gone and view is not None:
                assert _seen(shop, user) == view


def _seen(shop: Shop, user: str) -> Any:
    try:
        return shop.view(f"user_id:{user}")["traits"]
    except NotFound:
        return None


def test_what_a_law_keeps_is_said(shop: Shop) -> None:
    law = Promise("legal_obligation", ("purchases",), retention_days=3650, law="tax law")
    shop.declare(Declaration(name="Shop", purposes={"fraud": law}))
    told = shop.ended(shop.ask("deletion"))
    assert (told.status, told.details) == ("fulfilled", "what a law obliges to keep is kept: tax law")


def test_a_person_reads_what_an_agent_asked_for_them(patient: Shop) -> None:
    person = patient.people.add([f"{ORG}:email:{ADA}"])
    for exercise in ("access", "deletion", "sale:opt_out", "sale:opt_in"):
        patient.ask(exercise)
    patient.later(TICK)
    said = [_sentence(case, "Shop") for case in RightsBook(patient.ledger).of_person(person.id)[0]]
    assert sorted(said) == [
        "Agent PERMISSION_SLIP asked Shop for all that it knows of you.",
        "Agent PERMISSION_SLIP asked Shop to allow use for advertising again.",
        "Agent PERMISSION_SLIP asked Shop to erase all that is yours there.",
        "Agent PERMISSION_SLIP asked Shop to stop use for advertising.",
    ]


def test_a_person_at_another_company_is_not_touched(shop: Shop) -> None:
    elsewhere = shop.people.add([f"{OTHER}:email:{ADA}"])
    assert shop.ended(shop.ask("sale:opt_out")).status == "fulfilled"
    assert shop.people.person(elsewhere.handle).terms == elsewhere.terms


@pytest.mark.parametrize(
    "address", ["ada@example.com\u200b", "аda@example.com", "ada@example.com.", "ａda@example.com", "ada+x@example.com"]
)
def test_addresses_that_look_alike_are_not_the_same(shop: Shop, address: str) -> None:
    assert shop.ended(shop.ask("access", address)).reason == "no_match"


def test_the_same_address_in_capitals_is_the_same(shop: Shop) -> None:
    assert shop.ended(shop.ask("access", " Ada@Example.COM ")).status == "fulfilled"


# -- what it is told, and when


@pytest.mark.parametrize("exercise", ["access", "deletion", "sale:opt_out", "sale:opt_in"])
def test_known_and_unknown_are_told_alike_until_the_outcome_shows(patient: Shop, exercise: str) -> None:
    """And that is at the same time."""
    asks = [patient.ask(exercise, address) for address in (ADA, STRANGER, "fam@example.com")]
    wait = 3 * DAY if exercise == "deletion" else 0

    def seen() -> list[set[str]]:
        told = [patient.status(one).json() for one in asks]
        return [{*one} for one in told]

    for step in (0, wait, TICK // 2, TICK // 2):
        patient.later(step)
        assert {patient.status(one).status for one in asks} == {"open"}
        assert all(one == {"request_id", "received_at", "expected_by", "status"} for one in seen())
    patient.later(TICK)
    assert not {patient.status(one).status for one in asks} & {"open"}


def test_a_status_is_in_the_words_of_the_protocol(shop: Shop) -> None:
    asked = shop.ask("access", agent_request_id="mine-7")
    first = asked.json()
    assert first["status"] == "in_progress"
    assert first["received_at"] < first["expected_by"]
    assert first["agent_request_id"] == "mine-7"
    done = shop.ended(asked).json()
    assert done["status"] == "fulfilled"
    assert done["expires_at"] > done["received_at"]
    denied = shop.ended(shop.ask("access", STRANGER)).json()
    assert (denied["status"], denied["reason"]) == ("denied", "no_match")
    assert denied["processing_details"]


def test_a_status_is_its_agents_alone(shop: Shop) -> None:
    other = Signer("OTHER_AGENT", 3)
    shop.trust(other, ORG, OTHER)
    theirs, elsewhere = shop.set_up(other), shop.set_up(other, OTHER)
    told = shop.ask("access")
    refusals = set()
    for org, token, request in (
        (ORG, theirs, told.id),
        (OTHER, elsewhere, told.id),
        (ORG, theirs, "00000000-0000-4000-8000-000000000000"),
    ):
        with pytest.raises(Forbidden) as refused:
            asyncio.run(shop.desk.status(org, token, request))
        refusals.add((refused.value.message, refused.value.code))
    assert len(refusals) == 1
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.status(ORG, elsewhere, told.id))


def test_what_has_shown_stays_when_the_clock_is_set_back(shop: Shop) -> None:
    told = shop.ask("access", STRANGER)
    assert shop.ended(told).status == "denied"
    shop.time -= DAY
    assert shop.status(told).status == "denied"
    with pytest.raises(BadInput):  # what was issued before is from the future now
        shop.send_signed(shop.signer.sign(shop.signer.asking(ORG, "access", shop.time + DAY, **by_email(ADA))))


def test_whose_word_counts_no_longer_has_not_said_whose_it_is(patient: Shop) -> None:
    told = patient.ask("deletion")
    patient.trust(patient.signer, attests=False)
    assert patient.ended(told, 3 * DAY).reason == "insuf_verification"
    assert patient.knows()


def test_an_agent_hears_by_its_callback_what_shows_and_nothing_before(shop: Shop) -> None:
    def delivered() -> list[tuple[str, str]]:
        return shop.ledger.db.execute("SELECT url, about FROM delivery").fetchall()

    told = shop.ask("access", status_callback="https://agent.example/status")
    shop.later()
    assert delivered() == []
    shop.later()
    assert delivered() == [("https://agent.example/status", told.id)]
    shop.later()
    assert len(delivered()) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/x", "file:///etc/passwd", "https://user:pw@agent.example/", "https://169.254.169.254/"]
)
def test_no_callback_leads_inside(shop: Shop, url: str) -> None:
    with pytest.raises(BadInput) as refused:
        shop.ask("access", status_callback=url)
    assert refused.value.field == "status_callback"


def test_no_status_goes_anywhere_in_the_clear(shop: Shop) -> None:
    with pytest.raises(BadInput):
        shop.ask("access", status_callback="http://agent.example/status")
