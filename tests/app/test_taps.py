"""Taps: who answers what a till shows is told to that till, once, as far as their terms let it see them."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rapport.app import presence
from rapport.app.presence import reachable
from rapport.kernel.errors import NotFound, TooMany, Unauthorized
from rapport.kernel.times import MINUTE, SECOND, now
from rapport.signin import devices
from rapport.web.portal.told import Session
from tests.app.lobby import Lobby, here, run, tap
from tests.profile.house import ORG


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with Lobby() as lobby:
        yield lobby


def test_a_till_learns_who_tapped_once(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    told = lobby.desk.new_tap(ORG)
    assert tap(lobby.desk, watch, told["tap"]) == 1
    other = lobby.another()
    found = run(other.who_tapped(ORG, told["tap"]))
    assert found["customer"] == lobby.view("user_id:ada")["customer"]
    assert found["level"] == 1
    assert found["receipt"] in {one.id for one in lobby.receipts.kept}
    with pytest.raises(NotFound):
        run(other.who_tapped(ORG, told["tap"]))
    assert [one["properties"]["level"] for one in lobby.present()] == [1]
    assert found["session"] == lobby.present()[0]["context"]["session"]


def test_a_tap_is_answered_once_within_thirty_seconds_at_the_till_that_showed_it(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, other = lobby.bound(lobby.ada), lobby.bound(lobby.bo)
    code = lobby.desk.new_tap(ORG)["tap"]
    tap(lobby.desk, watch, code)
    for wrong in (code, f"{code}x", code.replace(ORG, "other"), "", "x.y", f"x.{ORG}", "é", "\ud800"):
        with pytest.raises(Unauthorized):
            run(lobby.desk.answer_tap(lobby.bo, wrong))
    with pytest.raises(Unauthorized):
        tap(lobby.desk, other, code)
    for stolen in (code, code.replace(ORG, "other")):  # whoever stands by sees what a till shows
        with pytest.raises(NotFound):
            run(lobby.desk.who_tapped("other", stolen))
    assert run(lobby.desk.who_tapped(ORG, code))["level"] == 1  # another's question used nothing up
    late = lobby.desk.new_tap(ORG)["tap"]
    assert run(lobby.desk.tap_of(lobby.ada, late)) == ORG
    challenges = lobby.desk._challenges
    moment = now()
    monkeypatch.setattr(challenges, "_now", lambda: moment + 31 * SECOND)
    assert run(lobby.desk.tap_of(lobby.ada, late)) is None
    with pytest.raises(Unauthorized):
        run(lobby.desk.answer_tap(lobby.ada, late))


def test_who_tapped_is_told_for_thirty_seconds(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    code = lobby.desk.new_tap(ORG)["tap"]
    tap(lobby.desk, lobby.bound(lobby.ada), code)
    later = now() + devices.TAP_LIFE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    with pytest.raises(NotFound):
        run(lobby.desk.who_tapped(ORG, code))


def test_a_till_asks_only_so_often_and_each_company_for_itself(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "TAPS_A_MINUTE", 3)
    desk = lobby.another()
    for _ in range(3):
        with pytest.raises(NotFound):
            run(desk.who_tapped(ORG, "x"))
    for ask in (lambda: run(desk.who_tapped(ORG, "x")), lambda: desk.new_tap(ORG)):
        with pytest.raises(TooMany):
            ask()
    assert desk.new_tap("corner")["tap"]


def test_of_fifty_who_answer_one_tap_at_once_one_does(lobby: Lobby) -> None:
    code = lobby.desk.new_tap(ORG)["tap"]
    challenge, _, _ = code.partition(".")
    desks = [lobby.another() for _ in range(8)]

    def tried(turn: int) -> bool:
        raw, _ = presence._read(code)
        with contextlib.suppress(Unauthorized):
            run(desks[turn % 8]._firmly(lambda file: file.tapped(lobby.ada.person, ORG, raw, now() + MINUTE, 1)))
            return True
        return False

    assert challenge
    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(tried, range(50))) == 1


def test_who_is_refused_or_no_customer_is_to_a_till_as_if_nobody_had_tapped(lobby: Lobby) -> None:
    lobby.people.lock(lobby.bo.person)
    said = set()
    for session in (None, lobby.bo, lobby.nobody):
        code = lobby.desk.new_tap(ORG)["tap"]
        if session is not None:
            run(lobby.desk.answer_tap(session, code))
        began = time.monotonic()
        with pytest.raises(NotFound) as refused:
            run(lobby.desk.who_tapped(ORG, code))
        assert time.monotonic() - began >= presence._QUIET_S  # none is told sooner than deciding takes
        said.add((refused.value.code, refused.value.message, refused.value.field))
    assert len(said) == 1


def test_what_several_are_known_by_tells_a_till_of_nobody(lobby: Lobby) -> None:
    for user in ("ada", "bo"):
        traits = {"email": "fam@example.com"}
        lobby.send({"type": "identify", "userId": user, "messageId": f"{user} again", "traits": traits}, source="crm")
    lobby.settle()
    family = Session(lobby.people.add([f"{ORG}:email:fam@example.com"]).handle)
    assert here(lobby.desk, lobby.bound(family)) == {"level": 0, "told": False, "session": None, "recovering": None}
    code = lobby.desk.new_tap(ORG)["tap"]
    run(lobby.desk.answer_tap(family, code))
    with pytest.raises(NotFound):
        run(lobby.desk.who_tapped(ORG, code))
    assert lobby.present() == lobby.present("user_id:bo") == []


def test_a_verification_that_is_fresh_makes_a_tap_surer(lobby: Lobby) -> None:
    code = lobby.desk.new_tap(ORG)["tap"]
    run(lobby.desk.answer_tap(Session(lobby.ada.person, 1, now()), code))
    assert run(lobby.desk.who_tapped(ORG, code))["level"] == 2
    for less in (
        Session(lobby.ada.person, 1, now() - 6 * MINUTE),
        Session(lobby.ada.person, 0, 0, bound=False),  # who came by a link has shown no passkey, however lately
        Session(lobby.ada.person, 0, now(), bound=False),
    ):
        code = lobby.desk.new_tap(ORG)["tap"]
        run(lobby.desk.answer_tap(less, code))
        assert run(lobby.desk.who_tapped(ORG, code))["level"] == 1


@pytest.mark.parametrize(
    ("origin", "can"),
    [
        ("https://localhost", True),
        ("http://192.168.1.7:8080", True),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]:8080", False),
    ],
)
def test_a_code_for_phones_is_shown_only_where_a_phone_gets_to(origin: str, can: bool) -> None:
    assert reachable(origin) is can
