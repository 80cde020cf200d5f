"""Agreements in the ledger: begun and ended with what they rest on, reviewed after a change, alike for both sides."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.agreements import Agreement
from rapport.adapters.embedded.reviewing import Reviewing
from rapport.adapters.embedded.sqlite import transaction
from rapport.app import agreeing
from rapport.app.agreeing import Agreeing, Simulator, open_agreeing
from rapport.app.embedded import open_keys
from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy, NotFound
from rapport.kernel.times import now
from rapport.terms import agreements, promises
from rapport.terms.clauses import Clause, Criterion, Terms
from rapport.terms.declaration import Declaration, Promise, ValueClaim
from rapport.terms.policy import Judge
from rapport.terms.presets import PRESETS
from tests.profile.house import IN_MEMORY
from tests.terms.strategies import a_promise, some_terms

SHORT = Declaration("Shop", {"personalisation": Promise("consent", retention_days=90, onward=False)})
LONG = Declaration("Shop", {"personalisation": Promise("consent", retention_days=400, onward=False)})


class Node:
    """A ledger with two organizations."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="rapport-agreeing-", dir=IN_MEMORY))
        self.settings = Settings(data=str(self.directory))
        self.parts: Agreeing = open_agreeing(self.settings)
        for org in ("shop", "bakery"):
            self.parts.ledger.add_org(org)

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_: object) -> None:
        self.parts.ledger.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def person(self, terms: Terms | None = None, *orgs: str) -> str:
        handle = self.parts.people.add([f"{org}:email:{os.urandom(4).hex()}@example.com" for org in orgs or ("shop",)])
        if terms is not None:
            self.parts.people.set_terms(handle.handle, terms)
        return handle.handle

    def declare(self, declaration: Declaration, org: str = "shop") -> None:
        self.parts.promises.put(org, promises.canonical(declaration))

    def review(self, org: str = "shop") -> int:
        return agreeing.review(self.settings, org)

    def of(self, handle: str) -> list[Agreement]:
        return self.parts.book.of_person(self.parts.people.person(handle).id)

    def active(self, handle: str) -> list[Agreement]:
        return [each for each in self.of(handle) if each.status == "active"]

    def notices(self, handle: str) -> list[str]:
        return [told.notice.kind for told in self.parts.book.notices(self.parts.people.person(handle).id)]


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


# -- beginning and ending


def test_who_never_said_anything_has_no_agreement_and_own_terms_begin_one(node: Node) -> None:
    handle = node.person()
    assert node.of(handle) == []
    node.parts.people.set_terms(handle, PRESETS["balanced"])
    (begun,) = node.active(handle)
    assert (begun.org, [each.purpose for each in begun.agreed]) == ("shop", ["service"])
    node.parts.people.claim(handle, ["bakery:email:a@example.com"])
    assert {each.org for each in node.active(handle)} == {"shop", "bakery"}


def test_withdrawal_ends_it_at_once_and_an_unlock_begins_another(node: Node) -> None:
    handle = node.person(PRESETS["balanced"], "shop", "bakery")
    node.parts.people.lock(handle, "shop")
    assert {each.org for each in node.active(handle)} == {"bakery"}
    node.parts.people.lock(handle)
    assert node.active(handle) == []
    node.parts.people.unlock(handle)
    node.parts.people.unlock(handle, "shop")
    assert {each.org for each in node.active(handle)} == {"shop", "bakery"}
    node.parts.people.set_terms(handle, PRESETS["locked"])
    assert node.active(handle) == []
    assert all(each.ended_at is not None for each in node.of(handle))


def test_terms_that_mean_the_same_here_let_it_go_on(node: Node) -> None:
    handle = node.person(PRESETS["balanced"])
    (before,) = node.active(handle)
    node.parts.people.set_terms(handle, msgspec.structs.replace(PRESETS["balanced"], tell_why=True))
    assert node.active(handle) == [before]


def test_the_erased_leave_neither_agreement_nor_notice(node: Node) -> None:
    handle = node.person(PRESETS["balanced"])
    node.declare(SHORT)
    node.review()
    (active,) = node.active(handle)
    node.parts.book.show(active.handle)
    node.parts.people.set_status(handle, "erasing")
    assert node.active(handle) == []
    node.parts.people.forget_claims(handle)
    assert (node.of(handle), node.notices(handle)) == ([], [])
    with pytest.raises(NotFound):
        node.parts.book.show(active.handle)


def test_a_change_that_fails_leaves_agreement_and_epoch_as_they_were(node: Node) -> None:
    handle = node.person(PRESETS["balanced"])
    epoch = node.parts.ledger.db.execute("SELECT value FROM epoch").fetchone()

    def fail() -> None:
        with node.parts.people.changing(handle) as person:
            node.parts.ledger.db.execute("UPDATE person SET locked = 1 WHERE id = ?", (person,))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(node.active(handle)) == 1
    assert node.parts.ledger.db.execute("SELECT value FROM epoch").fetchone() == epoch


# -- the document


def test_both_sides_read_the_same_bytes_signed_for_both(node: Node) -> None:
    handle = node.person(PRESETS["balanced"])
    (active,) = node.active(handle)
    person = node.parts.people.person(handle).id
    mine = json.dumps(node.parts.book.show(active.handle, person=person))
    assert json.dumps(node.parts.book.show(active.handle, org="shop")) == mine
    other = open_agreeing(node.settings)
    assert json.dumps(other.book.show(active.handle, org="shop")) == mine
    assert agreements.verify(json.loads(mine)["agreement"])
    for whose in ({"org": "bakery"}, {"person": person + 1}):
        with pytest.raises(NotFound):
            node.parts.book.show(active.handle, **whose)
    for unknown in ("agr_x", "cus_" + active.handle[4:], "agr_" + "0" * 26):
        with pytest.raises(NotFound):
            node.parts.book.show(unknown)


def test_an_organization_that_signs_for_itself_has_signed_the_declaration(node: Node) -> None:
    key = Ed25519PrivateKey.generate()
    node.parts.promises.set_key("shop", key.public_key().public_bytes_raw())
    since = now()
    draft = node.parts.promises.draft("shop", SHORT, since)
    signature = key.sign(promises.canonical_json(draft))
    node.parts.promises.put("shop", promises.canonical(SHORT), "json", promises.OwnSignature(signature, since=since))
    (active,) = node.active(node.person(PRESETS["balanced"]))
    document = node.parts.book.document(active.handle)
    declared = node.parts.promises.document("shop", 1)
    assert agreements.verify(document, declared)
    assert not agreements.verify(document)
    assert not agreements.verify(document, {**declared, "version": 2})


def test_organizations_list_their_own_page_by_page_and_see_days_alone(node: Node) -> None:
    for _ in range(5):
        node.person(PRESETS["balanced"], "shop", "bakery")
    first, following = node.parts.book.of_org("shop", limit=3)
    assert following is not None
    second, end = node.parts.book.of_org("shop", following, limit=3)
    assert (len(first), len(second), end) == (3, 2, None)
    assert {each.org for each in (*first, *second)} == {"shop"}
    assert all(each.since % 86_400_000_000 == 0 for each in first)
    assert node.parts.book.receipt(first[0].handle)["record_id"] == first[0].handle


# -- after a changed declaration


def test_people_are_told_what_changed_and_what_follows(node: Node) -> None:
    wary = Terms("own", (Clause("long", "allow", when=(Criterion("retention", days=1_000),)),))
    balanced, own = node.person(PRESETS["balanced"]), node.person(wary)
    silent = node.person()
    node.declare(SHORT)
    node.review()
    assert (len(node.active(balanced)), len(node.active(own))) == (1, 1)
    node.declare(LONG)
    assert node.review() == 2
    assert (node.active(balanced), len(node.active(own))) == ([], 1)
    assert node.notices(balanced)[0] == "ended"
    assert node.notices(own)[0] == "changed"
    assert node.notices(silent) == []
    (_, previous) = node.of(own)[:2]
    assert node.active(own)[0].previous == previous.handle
    node.declare(msgspec.structs.replace(LONG, name="Shop again"))
    assert node.review() == 0
    assert len(node.notices(own)) == 2
    node.declare(SHORT)
    node.review()
    assert node.notices(balanced)[0] == "began"


def test_an_attester_who_goes_ends_what_rested_on_their_word(node: Node) -> None:
    key = Ed25519PrivateKey.generate()
    node.parts.promises.add_attester("Fair Pay", key.public_key().public_bytes_raw())
    claim = promises.attest("shop", ValueClaim("living_wage", attester="Fair Pay"), key)
    node.declare(msgspec.structs.replace(SHORT, values=(claim,)))
    fair = Terms("own", (Clause("fair", "allow", when=(Criterion("value", value="living_wage", attested=True),)),))
    handle = node.person(fair)
    node.review()
    assert len(node.active(handle)) == 1
    node.parts.promises.remove_attester("Fair Pay")
    assert node.review() == 1
    assert node.active(handle) == []
    (told,) = node.parts.book.notices(node.parts.people.person(handle).id)
    assert told.notice.kind == "ended"
    assert "living wage" in told.notice.follows[0]


purposes = st.integers(0, 1 << 32).map(Random)


@settings(max_examples=20)
@given(purposes)
def test_any_review_ends_where_terms_set_anew_would_be_and_nothing_is_told_twice(random: Random) -> None:
    with Node() as node:
        people = [node.person(some_terms(random), "shop") for _ in range(5)]
        for _ in range(3):
            names = ("service", "offers", "personalisation", "dpv:TargetedAdvertising")
            chosen = {name: a_promise(random) for name in names if random.random() < 0.6}
            _put(node, Declaration(purposes=chosen, name=str(random.random())))
            if random.random() < 0.5:
                node.parts.people.lock(people[0], "shop")
            else:
                node.parts.people.unlock(people[0], "shop")
            node.review()
            assert node.review() == 0
            assert agreed(node, people) == afresh(node, people)


def _put(node: Node, declaration: Declaration) -> None:
    """As the file has it: random promises are not all such as a person would be let write."""
    row = ("shop", (node.parts.promises.standing("shop").version + 1), now(), promises.hash_of(declaration))
    with transaction(node.parts.ledger.db):
        values = (*row, promises.canonical(declaration), b"", b"")
        node.parts.ledger.db.execute("INSERT INTO declaration VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        node.parts.ledger.db.execute("UPDATE epoch SET value = value + 1")


def agreed(node: Node, people: list[str]) -> list[Any]:
    return [[each.agreed for each in node.active(handle)] for handle in people]


def afresh(node: Node, people: list[str]) -> list[Any]:
    """What agreements there should be, worked out from nothing."""
    standing = node.parts.promises.standing("shop")
    found = []
    for handle in people:
        person = node.parts.people.person(handle)
        met = agreements.meet(Judge(), person.terms, b"", standing, now())
        found.append([met] if met and not person.locked_for else [])
    return found


def test_a_review_shared_by_two_and_cut_short_reviews_everybody_once(node: Node) -> None:
    people = [node.person(PRESETS["balanced"]) for _ in range(300)]
    node.declare(SHORT)
    assert node.parts.ledger.db.execute("SELECT count(*) FROM agreement").fetchone() == (300,)
    two = []
    for _ in range(2):
        parts = open_agreeing(node.settings)
        two.append(Reviewing(parts.ledger.db, open_keys(node.settings), parts.promises, parts.people.terms_of))
    counts = []
    for _ in range(3):
        for reviewing in two:
            reviewing._turn = 40
            counts.append(reviewing.step("shop")[1])
    assert counts[0] == 0, "it begins"
    assert 0 < sum(counts) < 300
    assert sum(counts) + node.review() == 300
    assert all(node.notices(handle) == ["changed"] for handle in people)


def test_a_review_killed_anywhere_is_taken_up_again(node: Node) -> None:
    people = [node.person(PRESETS["balanced"]) for _ in range(400)]
    node.declare(SHORT)
    script = f"""
import time
from rapport.app.settings import Settings
from rapport.app import agreeing
settings = Settings(data={str(node.directory)!r})
reviewing = agreeing._reviewing(settings, agreeing.open_ledger(settings))
reviewing._turn = 50
print("begun", flush=True)
while reviewing.step("shop")[0]:
    time.sleep(0.01)
    print("step", flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(4):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    node.review()
    assert all(node.notices(handle) == ["changed"] for handle in people)
    assert all(len(node.active(handle)) == 1 for handle in people)
    assert agreed(node, people[:3]) == afresh(node, people[:3])


def test_the_node_reviews_by_itself_what_any_process_declared(node: Node) -> None:
    handle = node.person(PRESETS["balanced"])
    reviewer = agreeing.Reviewer(node.settings, check_s=0.05)
    try:
        node.declare(SHORT)
        deadline = time.monotonic() + 60
        while node.notices(handle) != ["changed"] and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        reviewer.close()
    assert node.notices(handle) == ["changed"]


# -- simulations and refusals


def test_the_simulator_answers_over_http_for_operators_alone(node: Node) -> None:
    for _ in range(30):
        node.person(PRESETS["balanced"])
    node.person(PRESETS["balanced"], "bakery")
    tokens = [node.parts.ledger.mint_token("shop", [scope]) for scope in ("operator", "read")]

    async def ask() -> list[httpx.Response]:
        async with application(node.settings) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                answers = []
                for token, body in ((tokens[0], promises.canonical(SHORT)), (tokens[1], b"{}"), (tokens[0], b"{")):
                    headers = {"Authorization": f"Bearer {token}"}
                    answers.append(await client.post("/v1/declaration/simulate", content=body, headers=headers))
                return answers

    good, reader, bad = asyncio.run(ask())
    assert good.status_code == 200
    told = good.json()
    assert told["floor"] == 20
    assert told["people"] is None or told["people"] >= 20
    assert {each["purpose"] for each in told["purposes"]} == {"service", "personalisation"}
    assert reader.status_code == 403
    assert bad.status_code == 400
    assert node.parts.promises.standing("shop").version == 0


def test_locked_out_organizations_count_nobody_and_budgets_end(node: Node) -> None:
    people = [node.person(PRESETS["balanced"]) for _ in range(60)]
    assert sum(group.crowd.people for group in node.parts.populations.groups("shop")) == 60
    for handle in people[:10]:
        node.parts.people.lock(handle, "shop")
    for handle in people[10:15]:
        node.parts.people.lock(handle)
    assert sum(group.crowd.people for group in node.parts.populations.groups("shop")) == 45
    assert node.parts.populations.groups("bakery") == []
    simulator = Simulator(lambda: node.parts, most=2)
    first = simulator.simulate("shop", promises.canonical(SHORT), "json")
    simulator.simulate("shop", promises.canonical(LONG), "json")
    assert simulator.simulate("shop", promises.canonical(SHORT), "json") == first
    with pytest.raises(Busy, match="enough for today"):
        simulator.simulate("shop", b'{"name": "another"}', "json")


def test_refusals_tell_what_many_wanted_and_nothing_of_a_few(node: Node) -> None:
    db = node.parts.ledger.db
    wanted = [(person, "it keeps it for longer than 365 days") for person in range(1, 91)]
    wanted += [(person, "it gives nothing; it keeps it for longer than 365 days") for person in range(91, 101)]
    wanted += [(person, None) for person in range(101, 104)]
    query = (
        "INSERT INTO receipt (id, org, at, body, person, purpose, decision, unmet) "
        "VALUES ('', 'shop', ?, x'', ?, 'offers', 'refused', ?)"
    )
    for _ in range(3):  # of one person every refusal counts once
        db.executemany(query, [(now(), *row) for row in wanted])
    told = node.parts.populations.refusals("shop")
    assert [each.criterion for each in told.criteria] == ["it keeps it for longer than 365 days"]
    assert abs(told.criteria[0].people - 100) < 60
    assert told == node.parts.populations.refusals("shop")
    assert node.parts.populations.refusals("bakery").people is None
