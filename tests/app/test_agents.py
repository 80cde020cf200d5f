"""Authorised agents at the desk: who is meant, what is done, once, and what it is told (Data Rights Protocol 1.0)."""

import asyncio
import base64
import contextlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.agent_requests import MOST_PER_HOUR, AgentRequests, Row
from rapport.adapters.embedded.agents import AgentFile
from rapport.adapters.embedded.rights import RightsBook
from rapport.app import backing_up, rights
from rapport.app.agent_work import FAILED, MOST_TRIES, AgentWork
from rapport.app.agents import AgentDesk, results_path, results_secret
from rapport.app.embedded import open_ledger
from rapport.app.portal_rights import _sentence
from rapport.app.restoring import restore
from rapport.app.rights_desk import open_rights_desk
from rapport.kernel.errors import BadInput, Conflict, Forbidden, NotFound, RapportError, TooMany, Unauthorized
from rapport.kernel.times import DAY, HOUR, SECOND, now
from rapport.terms import Declaration, Promise, Terms, data_rights
from rapport.terms.data_rights import RESULTS_KEPT, TICK, Agent, Told, agent_key, asked, opened
from tests.app.agent_client import NAME, Signer, by_email
from tests.profile.house import ORG, TEN, House, at, told

ADA = "ada@example.com"
OTHER = "other"
STRANGER = "nobody@example.com"


class Shop(House):
    """A house with customers, an agent that is trusted there, and a clock that can be set."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(agent_erasure_days=settings.pop("wait", 0), **settings)
        self.send(
            told(at("10:00"), type="identify", userId="ada", traits={"email": ADA, "name": "Ada Example"}),
            told(at("10:01"), type="track", userId="ada", event="Order Completed", properties={"sku": "s1"}),
            told(at("10:00"), type="identify", userId="bo", traits={"email": "bo@example.com"}),
            *(
                told(at("10:02"), type="identify", userId=f"kin{n}", traits={"email": "fam@example.com"})
                for n in range(2)
            ),
            source="crm",
        )
        self.settle()
        self.time = TEN + 12 * HOUR
        self.signer = Signer()
        self.ledger = open_ledger(self.settings)
        self.ledger.add_org(OTHER)
        self.agents = AgentFile(self.ledger)
        self.trust(self.signer)
        self.desk = AgentDesk(self.settings, lambda: None, lambda: self.time)
        self.token = self.set_up(self.signer)
        self.work = AgentWork(self.settings, lambda: self.time)

    def trust(self, signer: Signer, *orgs: str, attests: bool = True) -> None:
        self.agents.add(signer.name, agent_key(signer.verify_key), orgs or (ORG,), attests=attests, at=self.time)

    def set_up(self, signer: Signer, org: str = ORG) -> str:
        head = signer.head(org, self.time)
        self.time += 1000
        return asyncio.run(self.desk.set_up(org, signer.name, signer.sign(head)))

    def ask(self, exercise: str, address: str = ADA, signer: Signer | None = None, **more: Any) -> Told:
        signer = signer or self.signer
        self.time += 1000
        message = signer.asking(ORG, exercise, self.time, **{**by_email(address), **more})
        return self.send_signed(signer.sign(message))

    def send_signed(self, body: bytes, token: str | None = None, org: str = ORG) -> Told:
        return asyncio.run(self.desk.exercise(org, token or self.token, body))

    def status(self, told: Told, token: str | None = None) -> Told:
        return asyncio.run(self.desk.status(ORG, token or self.token, told.id))

    def revoke(self, told: Told) -> Told:
        return asyncio.run(self.desk.revoke(ORG, self.token, told.id, self.signer.sign({"reason": "no"})))

    def later(self, micros: int = TICK) -> None:
        """What is due by then is done; a house without a node has its worker in whoever erases."""
        self.time += micros
        self.worker.close()
        self.work.round()
        self.restart()

    def ended(self, told: Told, wait: int = 0) -> Told:
        """A request, once its outcome shows."""
        self.later(wait + TICK)
        self.later(TICK)
        return self.status(told)

    def fetch(self, told: Told) -> bytes:
        secret = told.results_url.rpartition("/")[2]
        return asyncio.run(_fetched(self.desk, secret))

    def cases(self) -> list[tuple[str, str, str]]:
        rows = self.ledger.db.execute("SELECT kind, status, org FROM rights ORDER BY id").fetchall()
        return [tuple(row) for row in rows]

    def knows(self, address: str = ADA) -> bool:
        try:
            self.view(f"email:{address}")
        except NotFound:
            return False
        return True


async def _fetched(desk: AgentDesk, secret: str, *, whole: bool = True) -> bytes:
    results = await desk.results(ORG, secret)
    content = b"".join(results.pieces) if whole else next(results.pieces)
    await results.done(whole=whole)
    return content


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as house:
        yield house


@pytest.fixture
def patient() -> Iterator[Shop]:
    with Shop(wait=3) as house:
        yield house


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


def test_results_are_fetched_once_and_are_sealed_until_then(shop: Shop) -> None:
    told = shop.ended(shop.ask("access"))
    path = results_path(shop.settings, told.id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ADA.encode() not in path.read_bytes()
    assert path.read_bytes()[:2] != b"PK"
    secret = told.results_url.rpartition("/")[2]
    asyncio.run(_fetched(shop.desk, secret, whole=False))  # it broke off
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
    shop.work.requests.unfinished()  # a node that starts anew: whoever was reading is gone
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


# -- once


def test_a_request_that_comes_again_is_the_same_request(shop: Shop) -> None:
    message = shop.signer.asking(ORG, "access", shop.time, **by_email(ADA))
    spaced = json.dumps(dict(reversed(message.items())), indent=3).encode()
    bodies = [shop.signer.sign(message), shop.signer.sign(spaced), shop.signer.sign(message)]
    bodies.append(b"\n".join(bodies[0][n : n + 76] for n in range(0, len(bodies[0]), 76)) + b"\n")
    assert len({shop.send_signed(body).id for body in bodies}) == 1
    shop.later()
    shop.later()
    assert shop.send_signed(bodies[1]).status == "fulfilled"
    shop.later()
    assert shop.cases() == [("access", "done", ORG)]


def test_an_agents_own_name_of_a_request_is_for_one_request(shop: Shop) -> None:
    first = shop.ask("access", agent_request_id="r1")
    assert shop.ask("access", agent_request_id="r1").id == first.id  # signed anew, a millisecond later
    with pytest.raises(Conflict):
        shop.ask("deletion", agent_request_id="r1")
    with pytest.raises(Conflict):
        shop.ask("access", "bo@example.com", agent_request_id="r1")
    assert shop.ask("access", agent_request_id="r2").id != first.id


@pytest.mark.parametrize("exercise", ["access", "deletion", "sale:opt_out"])
@pytest.mark.parametrize("account", [True, False])
@pytest.mark.parametrize(
    "after", ["begin", "make", "add", "begin_for", "file", "keep_results", "set_terms", "shred", "end"]
)
def test_what_a_kill_interrupts_is_done_once(
    exercise: str, account: bool, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Shop() as shop:
        if account:
            shop.people.add([f"{ORG}:email:{ADA}"])
        told = shop.ask(exercise)
        with monkeypatch.context() as patched:
            _die_after(patched, after)
            try:
                shop.later()
            except Killed:
                shop.restart()
        shop.work = AgentWork(shop.settings, lambda: shop.time)
        ended = shop.ended(told)
        assert ended.status == "fulfilled"
        assert [status for _, status, _ in shop.cases()] == ["done"]
        if exercise == "access":
            assert shop.fetch(ended)[:2] == b"PK"
        if exercise == "deletion":
            assert not shop.knows()
        assert len([status for _, _, status in shop.people.persons() if status == "active"]) == (
            1 if account or exercise != "deletion" else 0
        )


class Killed(BaseException):
    """What no code of ours catches."""


def _die_after(patched: pytest.MonkeyPatch, name: str) -> None:
    from rapport.adapters.embedded.people import PeopleFile
    from rapport.app import erasing

    where: dict[str, Any] = {"shred": erasing, "set_terms": PeopleFile, "add": PeopleFile}
    owner = where.get(name, AgentRequests)
    real = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        raise Killed

    patched.setattr(owner, name, dying)


def test_what_nobody_thought_of_in_one_request_keeps_no_other_waiting(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = shop.ask("access"), shop.ask("access", "bo@example.com")
    carried_out = AgentWork._access

    def access(work: AgentWork, row: Row, person: Any) -> Any:
        if row.id == broken.id:
            raise OSError("a disk that nobody thought of")
        return carried_out(work, row, person)

    monkeypatch.setattr(AgentWork, "_access", access)
    assert shop.ended(sound).status == "fulfilled"
    for _ in range(MOST_TRIES):
        shop.later()
    assert (shop.status(broken).status, shop.status(broken).details) == ("denied", FAILED.details)


def test_twice_at_once_is_one_request(shop: Shop) -> None:
    body = shop.signer.sign(shop.signer.asking(ORG, "access", shop.time, **by_email(ADA)))
    desks = [AgentDesk(shop.settings, lambda: None, lambda: shop.time) for _ in range(4)]

    async def all_at_once() -> set[str]:
        asked = [desk.exercise(ORG, shop.token, body) for desk in desks for _ in range(3)]
        return {told.id for told in await asyncio.gather(*asked)}

    assert len(asyncio.run(all_at_once())) == 1
    assert len(shop.work.requests.of_org(ORG)) == 1


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sale:opt_out", "sale:opt_in", "later", "revoke", "again", "restart"]), st.integers(0, 2)
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=20, deadline=None)
@given(_STEPS)
def test_every_request_ends_once_whatever_comes_between(steps: list[tuple[str, int]]) -> None:
    addresses = [ADA, "bo@example.com", STRANGER]
    with Shop() as shop:
        asked: list[tuple[Told, bytes]] = []
        ends: dict[str, str] = {}
        for step, number in [*steps, ("later", 0), ("later", 0)]:
            if step.startswith("sale"):
                shop.time += 1000
                body = shop.signer.sign(shop.signer.asking(ORG, step, shop.time, **by_email(addresses[number])))
                asked.append((shop.send_signed(body), body))
            elif step == "later":
                shop.time += TICK
                shop.work.round()
            elif step == "restart":
                shop.work = AgentWork(shop.settings, lambda: shop.time)
            elif asked:
                told, body = asked[number % len(asked)]
                if step == "again":
                    assert shop.send_signed(body).id == told.id
                else:
                    with contextlib.suppress(Conflict):
                        shop.revoke(told)
            for told, _ in asked:
                status = shop.status(told).status
                assert ends.get(told.id, status) == status
                if status != "open":
                    ends[told.id] = status
        assert len({told.id for told, _ in asked}) == len(asked) == len(ends)
        done = [status for _, status, _ in shop.cases()]
        assert set(done) <= {"done"}
        assert len(done) <= sum(status == "fulfilled" for status in ends.values())


# -- taking back


def test_a_deletion_waits_and_can_be_taken_back_by_the_agent(patient: Shop) -> None:
    patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(2 * DAY)
    assert patient.status(told).status == "open"
    assert patient.cases() == [("erasure", "open", ORG)]
    assert patient.revoke(told).json()["status"] == "revoked"
    assert patient.revoke(told).status == "revoked"
    patient.later(2 * DAY)
    assert patient.knows()
    assert patient.cases() == [("erasure", "withdrawn", ORG)]
    assert patient.status(told).status == "revoked"


def test_a_deletion_waits_and_can_be_taken_back_by_the_person(patient: Shop) -> None:
    person = patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(SECOND)
    desk = open_rights_desk(patient.settings)
    case = desk.cases(person.handle)[0][0]
    said = [one.reason for _, one in patient.ledger.receipts_of(person.id)]
    assert any("unless you take it back" in one for one in said)
    asyncio.run(desk.withdraw(person.handle, case.id))
    assert patient.ended(told, 3 * DAY).status == "revoked"
    assert patient.knows()


def test_what_was_taken_back_since_a_backup_waits_anew_where_that_is_restored(patient: Shop, tmp_path: Path) -> None:
    ada = patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(0)
    archive, keys = tmp_path / "a.backup", tmp_path / "a.keys"
    backing_up.back_up(patient.settings, archive)
    backing_up.back_up_keys(patient.settings, keys)
    desk = open_rights_desk(patient.settings)
    asyncio.run(desk.withdraw(ada.handle, desk.cases(ada.handle)[0][0].id))
    again = msgspec.structs.replace(patient.settings, data=str(tmp_path / "restored"))
    restored_at = now()
    restore(again, archive, keys, backing_up.backup_key_path(patient.settings))
    ledger = open_ledger(again)
    row = AgentRequests(ledger).row(told.id)
    assert (row.status, row.due_at >= restored_at + 3 * DAY) == ("open", True)
    AgentWork(again).round()  # long after it was due
    said = [one.reason for _, one in ledger.receipts_of(ada.id)]
    assert len([one for one in said if "unless you take it back" in one]) == 2
    assert AgentRequests(ledger).row(told.id).status == "open"
    ledger.close()


def test_what_was_begun_is_not_taken_back(shop: Shop) -> None:
    known, unknown = shop.ask("deletion"), shop.ask("deletion", STRANGER)
    shop.later()
    for one in (known, unknown):  # and nobody learns from that who is known
        with pytest.raises(Conflict):
            shop.revoke(one)
    assert not shop.knows()


def test_an_erasure_that_is_under_way_is_not_said_to_be_taken_back(
    patient: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(0)
    (case,) = RightsBook(patient.ledger).of_person(ada.id)[0]
    desk, shred_claims = open_rights_desk(patient.settings), rights.shred_claims
    refused: list[str] = []

    def shred(*what: Any) -> Any:
        loop = threading.Thread(target=withdraw)
        loop.start()
        loop.join()
        return shred_claims(*what)

    def withdraw() -> None:
        try:
            asyncio.run(desk.withdraw(ada.handle, case.id))
        except Conflict as conflict:
            refused.append(conflict.code)

    monkeypatch.setattr(rights, "shred_claims", shred)
    assert patient.ended(told, 3 * DAY).status == "fulfilled"
    assert refused == ["ended"]
    assert not patient.knows()
    assert RightsBook(patient.ledger).case(case.id).status == "done"


def test_what_is_taken_back_in_the_instant_in_which_it_begins_is_not_done(
    patient: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(0)
    (case,) = RightsBook(patient.ledger).of_person(ada.id)[0]
    begin_for = AgentRequests.begin_for

    def begin(*what: Any, **made: Any) -> None:
        RightsBook(patient.ledger).end(case.id, "withdrawn", "", ())
        begin_for(*what, **made)

    monkeypatch.setattr(AgentRequests, "begin_for", begin)
    assert patient.ended(told, 3 * DAY).status == "revoked"
    assert patient.knows()


def test_a_revoke_must_be_signed_and_meant_for_here(patient: Shop) -> None:
    told = patient.ask("deletion")
    other = Signer(seed=9)
    head = {**patient.signer.head(OTHER, patient.time), "reason": ""}
    for body in (b"", b"{}", other.sign({"reason": ""}), patient.signer.sign({"reason": 5}), patient.signer.sign(head)):
        with pytest.raises((BadInput, Forbidden)):
            asyncio.run(patient.desk.revoke(ORG, patient.token, told.id, body))
    assert patient.status(told).status == "open"


def test_what_an_agent_asked_before_it_was_removed_is_not_done(patient: Shop) -> None:
    patient.people.add([f"{ORG}:email:{ADA}"])
    told = patient.ask("deletion")
    patient.later(SECOND)
    patient.agents.remove(patient.signer.name)
    patient.later(3 * DAY + TICK)
    assert patient.knows()
    assert patient.cases() == [("erasure", "refused", ORG)]
    with pytest.raises(Unauthorized):
        patient.status(told)
    patient.trust(patient.signer)
    token = patient.set_up(patient.signer)
    with pytest.raises(Forbidden):  # another agent, though it has the name
        patient.status(told, token)


# -- bad input


def test_tokens_are_for_one_agent_at_one_company_and_end_with_trust(shop: Shop) -> None:
    asyncio.run(shop.desk.information(ORG, shop.signer.name, shop.token))
    with pytest.raises(Forbidden):
        asyncio.run(shop.desk.information(ORG, "SOMEBODY", shop.token))
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(OTHER, shop.signer.name, shop.token))
    newer = shop.set_up(shop.signer)
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(ORG, shop.signer.name, shop.token))
    shop.agents.remove(shop.signer.name, ORG)
    with pytest.raises(Unauthorized):
        asyncio.run(shop.desk.information(ORG, shop.signer.name, newer))


def test_a_setup_is_good_once_and_for_the_pinned_key(shop: Shop) -> None:
    thief = Signer(seed=7)
    head = shop.signer.head(ORG, shop.time)
    good = shop.signer.sign(head)
    token = asyncio.run(shop.desk.set_up(ORG, shop.signer.name, good))
    respelled = shop.signer.sign(json.dumps(head, indent=1).encode())
    with pytest.raises(Conflict):
        shop.trust(thief)
    unusable = [
        (ORG, good),
        (ORG, respelled),
        (ORG, thief.sign(shop.signer.head(ORG, shop.time))),
        (ORG, shop.signer.sign({**head, "agent-id": "SOMEBODY"})),
        (ORG, shop.signer.sign(shop.signer.head(OTHER, shop.time))),
        (ORG, shop.signer.sign(shop.signer.head(ORG, shop.time - HOUR))),
        (ORG, shop.signer.sign(shop.signer.head(ORG, shop.time + HOUR))),
        (OTHER, shop.signer.sign(shop.signer.head(OTHER, shop.time))),
        ("nowhere", good),
        (ORG, b"not base64!"),
        (ORG, b""),
    ]
    for org, body in unusable:
        with pytest.raises(Forbidden):
            asyncio.run(shop.desk.set_up(org, shop.signer.name, body))
    shop.time -= 3 * HOUR  # a clock that is set back makes nothing good again
    with pytest.raises(Forbidden):
        asyncio.run(shop.desk.set_up(ORG, shop.signer.name, good))
    shop.time += 3 * HOUR
    asyncio.run(shop.desk.information(ORG, shop.signer.name, token))


def test_a_business_may_be_named_as_directories_do(shop: Shop) -> None:
    message = shop.signer.asking("SHOP", "access", shop.time, **by_email(ADA))
    assert shop.send_signed(shop.signer.sign(message)).status == "open"


def _spoilt(shop: Shop) -> dict[str, tuple[Any, type[RapportError], str]]:
    good = shop.signer.asking(ORG, "access", shop.time, **by_email(ADA))
    less = {name: value for name, value in good.items() if name != "exercise"}

    def but(**changes: Any) -> dict[str, Any]:
        return {**good, **{name.replace("__", "-").replace("drp_", "drp."): value for name, value in changes.items()}}

    return {
        "another agent's name": (but(agent__id="SOMEBODY"), Forbidden, "wrong_agent"),
        "another business": (but(business__id=OTHER), Forbidden, "wrong_business"),
        "no business": (but(business__id=None), BadInput, "bad_type"),
        "expired": ({**good, **shop.signer.head(ORG, shop.time - HOUR)}, BadInput, "expired"),
        "issued later": ({**good, **shop.signer.head(ORG, shop.time + HOUR)}, BadInput, "issued_later"),
        "no time": (but(issued__at="yesterday"), BadInput, "bad_time"),
        "a number for a time": (but(expires__at=5), BadInput, "bad_time"),
        "no such year": (but(expires__at="9999-12-31T23:59:59-23:59"), None, ""),  # type: ignore[dict-item]
        "an old version": (but(drp_version="0.5"), BadInput, "bad_version"),
        "a version that is none": (but(drp_version=0.9), BadInput, "bad_version"),
        "no version": (but(drp_version=None), BadInput, "bad_version"),
        "no exercise": (less, BadInput, "bad_type"),
        "a list of them": (but(exercise=["access"]), BadInput, "bad_type"),
        "categories": (but(exercise="access:categories"), BadInput, "unsupported_action"),
        "specific": (but(exercise="access:specific"), BadInput, "unsupported_action"),
        "no e-mail": (but(email="ada"), BadInput, "bad_identifier"),
        "a number for one": (but(email=5), BadInput, "bad_type"),
        "a long one": (but(email="a" * 400 + "@example.com"), BadInput, "bad_type"),
        "a word for a truth": (but(email_verified="true"), BadInput, "bad_type"),
        "a phone without a country": (but(phone_number="07700900123"), BadInput, "bad_identifier"),
        "relationships": (but(relationships="customer"), BadInput, "bad_type"),
        "regime": (but(regime=1), BadInput, "bad_type"),
        "a long name of its own": ({**good, "agent-request-id": "x" * 201}, BadInput, "bad_type"),
        "no object": ([good], BadInput, "bad_message"),
        "no JSON": (b"{", BadInput, "bad_message"),
        "no text": (b"\xff\xfe", BadInput, "bad_message"),
        "too deep": (b"[" * 30_000, BadInput, "bad_message"),
        "lone surrogates": (b'{"agent-id": "\\ud800"}', (BadInput, Forbidden), ""),  # type: ignore[dict-item]
        "nothing": (b"", BadInput, "bad_message"),
        "unknown fields": (but(shoe_size=38, address={"locality": "Hull"}), None, ""),  # type: ignore[dict-item]
    }


def test_what_is_wrong_is_named(shop: Shop) -> None:
    for what, (message, error, code) in _spoilt(shop).items():
        body = shop.signer.sign(message)
        if error is None:
            assert shop.send_signed(body).status == "open", what
            continue
        with pytest.raises(error) as refused:
            shop.send_signed(body)
        assert code in ("", refused.value.code), what
    assert [row.exercise for row in shop.work.requests.of_org(ORG)] == ["access", "access"]


def test_what_is_no_signed_message_is_refused(shop: Shop) -> None:
    good = shop.signer.sign(shop.signer.asking(ORG, "access", shop.time, **by_email(ADA)))
    raw = base64.b64decode(good)
    thief = Signer(seed=5).sign(shop.signer.asking(ORG, "access", shop.time, **by_email(ADA)))
    for body in (b"", b"a", b"\xff" * 100, good[:-4], good + b"AAAA", raw, base64.b64encode(raw[64:]), thief):
        with pytest.raises((BadInput, Forbidden)):
            shop.send_signed(body)
    with pytest.raises(Unauthorized):
        shop.send_signed(good, "drp_nothing")
    with pytest.raises(Unauthorized):
        shop.send_signed(good, org=OTHER)
    assert shop.work.requests.of_org(ORG) == []


def test_an_agent_cannot_try_out_a_list_of_addresses(shop: Shop) -> None:
    rows = [
        (f"r{n}", ORG, 1, "x", "access", n.to_bytes(4, "big"), b"", shop.time - n * 1000, shop.time, "open", b"")
        for n in range(MOST_PER_HOUR)
    ]
    shop.ledger.db.executemany(
        "INSERT INTO agent_request (id, org, agent, agent_name, exercise, content, what, at, due_at, status, said) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    with pytest.raises(TooMany) as refused:
        shop.ask("access", STRANGER)
    assert 0 < refused.value.retry_after <= 3600
    shop.time += HOUR
    assert shop.ask("access", STRANGER).status == "open"


_SIGNER = Signer()
_SIGNED = _SIGNER.sign(_SIGNER.asking(ORG, "deletion", TEN, **by_email(ADA)))
_AGENT = Agent(1, _SIGNER.name, _SIGNER.public, attests=True)
_SPACE = b" \t\n\r\x0b\x0c"


@given(st.integers(0, len(_SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_signed_request_is_accepted(place: int, change: int) -> None:
    body = bytearray(_SIGNED)
    body[place] ^= change
    with pytest.raises((BadInput, Forbidden)):
        opened(_AGENT, bytes(body))


@given(st.integers(0, len(base64.b64decode(_SIGNED)) - 1), st.integers(1, 255))
def test_no_changed_byte_of_what_is_signed_is_accepted(place: int, change: int) -> None:
    raw = bytearray(base64.b64decode(_SIGNED))
    raw[place] ^= change
    with pytest.raises(Forbidden):
        opened(_AGENT, base64.b64encode(raw))


def test_the_request_that_the_changed_ones_come_from_is_accepted() -> None:
    """The sentinel of the two above."""
    assert asked(opened(_AGENT, _SIGNED), _AGENT).exercise == "deletion"


@given(
    st.dictionaries(
        st.sampled_from(
            ["exercise", "email", "email_verified", "phone_number", "relationships", "regime", "x", "name"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_whatever_an_agent_signs_is_taken_or_named_as_wrong(fields: dict[str, Any]) -> None:
    message = {**_SIGNER.asking(ORG, "access", TEN), **fields}
    try:
        said = opened(_AGENT, _SIGNER.sign(json.dumps(message).encode("utf-8", "surrogatepass")))
        found = asked(said, _AGENT)
    except (BadInput, Forbidden):
        return
    assert found.exercise in ("access", "deletion", "sale:opt_out", "sale:opt_in")
    assert len(found.content) == len(found.what) == 32


@pytest.mark.parametrize("key", ["", "x", "AAAA", "A" * 44, base64.b64encode(bytes(32)).decode(), "é" * 44])
def test_a_key_for_which_anybody_can_sign_is_none(key: str) -> None:
    with pytest.raises(BadInput):
        agent_key(key)


@given(st.sampled_from(sorted(data_rights._SMALL_ORDER)), st.booleans())
def test_points_of_small_order_are_no_keys_whatever_their_sign(point: int, sign: bool) -> None:
    raw = (point | (sign << 255)).to_bytes(32, "little")
    with pytest.raises(BadInput):
        agent_key(base64.b64encode(raw).decode())


def test_who_is_asked_for_is_sealed_while_it_waits_and_gone_in_the_end(patient: Shop) -> None:
    told = patient.ask("deletion", agent_request_id="a-name-of-its-own")
    patient.ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    everything = b"".join(path.read_bytes() for path in patient.directory.glob("ledger.db*"))
    assert ADA.encode() not in everything
    assert b"a-name-of-its-own" not in everything
    assert patient.ended(told, 3 * DAY).status == "fulfilled"
    rows = patient.ledger.db.execute("SELECT body, person, kase FROM agent_request").fetchall()
    assert rows == [(None, 0, "")]


def test_no_hash_in_the_ledger_can_be_found_by_trying_names(patient: Shop) -> None:
    message = patient.signer.asking(ORG, "deletion", patient.time, **by_email(ADA))
    said = asked(message, Agent(1, NAME, b"", attests=True))
    patient.send_signed(patient.signer.sign(message))
    patient.ledger.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    everything = b"".join(path.read_bytes() for path in patient.directory.glob("ledger.db*"))
    assert said.content not in everything
    assert said.what not in everything


def test_no_copy_of_the_ledger_tells_of_who_was_erased(patient: Shop) -> None:
    """Not even one that was made while the request waited."""
    told = patient.ask("deletion")
    (sealed,) = patient.ledger.db.execute("SELECT body FROM agent_request").fetchone()
    assert patient.work.requests.row(told.id).identifiers == (("email", ADA),)
    assert patient.ended(told, 3 * DAY).status == "fulfilled"
    patient.ledger.db.execute("UPDATE agent_request SET body = ?, status = 'open'", (sealed,))
    assert patient.work.requests.row(told.id).identifiers == ()
    assert patient.ledger.keys.person((1 << 62) + 1) is None


def test_secrets_of_results_are_nodes_own(shop: Shop) -> None:
    with Shop() as another:
        assert results_secret(shop.ledger, "r") != results_secret(another.ledger, "r")
    assert len(results_secret(shop.ledger, "r")) == 43
