"""What an agent asks is done once, whatever comes between; and it can be taken back until it is done."""

import asyncio
import contextlib
import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.agent_requests import AgentRequests, Row
from rapport.adapters.embedded.agent_results import AgentResults
from rapport.adapters.embedded.rights import RightsBook
from rapport.app import backing_up, rights
from rapport.app.agent_work import FAILED, MOST_TRIES, AgentWork
from rapport.app.agents import AgentDesk
from rapport.app.embedded import open_ledger
from rapport.app.restoring import restore
from rapport.app.rights_desk import open_rights_desk
from rapport.kernel.errors import BadInput, Conflict, Forbidden, Unauthorized
from rapport.kernel.times import DAY, SECOND, now
from rapport.terms.data_rights import TICK, Told
from tests.app.agent_client import Signer, by_email
from tests.app.agent_shop import ADA, OTHER, STRANGER, Shop, patient, shop
from tests.profile.house import ORG

__all__ = ["patient", "shop"]


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
@pytest.mark.parametrize("after", ["begin", "make", "add", "begin_for", "file", "keep", "set_terms", "shred", "end"])
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

    where: dict[str, Any] = {"shred": erasing, "set_terms": PeopleFile, "add": PeopleFile, "keep": AgentResults}
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
