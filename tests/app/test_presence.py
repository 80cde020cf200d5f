"""Presence: a device is bound by whoever approved its number, is believed for what it signs once, and shows the person
to companies as far as their terms let them see."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.kernel.errors import NotFound, RapportError, TooMany, Unauthorized
from rapport.kernel.times import MINUTE, SECOND, now
from rapport.terms import Clause, Terms
from rapport.web.api.presence import Here, Signed
from tests.app.lobby import ORIGIN, Lobby, here, pair, run, signed, tap
from tests.profile.house import ORG
from tests.signin.device import SoftDevice, turned


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with Lobby() as lobby:
        yield lobby


# -- signed requests


def test_a_request_is_believed_once_in_every_process(lobby: Lobby) -> None:
    watch, other = lobby.bound(lobby.ada), lobby.another()
    asked = {"organization": ORG}
    first = signed(watch, "/presence/here", asked)
    run(lobby.desk.here(first, Here(ORG)))
    again = Signed(turned(first.proof), first.method, first.path, first.body, "elsewhere")
    for desk in (lobby.desk, other):
        for replay in (first, again):
            with pytest.raises(Unauthorized):
                run(desk.here(replay, Here(ORG)))


def test_of_fifty_who_bring_one_request_at_once_one_is_believed(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    desks = [lobby.another() for _ in range(8)]
    once = signed(watch, "/presence/session", method="GET")  # since they began, or none of them would believe it

    def tried(turn: int) -> bool:
        with contextlib.suppress(Unauthorized):
            run(desks[turn % 8].stays(once))
            return True
        return False

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(tried, range(50))) == 1


def test_what_was_signed_before_a_process_began_is_refused(lobby: Lobby) -> None:
    """What it must remember may have been lost with the power, not with the process."""
    watch = lobby.bound(lobby.ada)
    before = signed(watch, "/presence/session", method="GET", iat=now() // SECOND - 30)
    with pytest.raises(Unauthorized):
        run(lobby.another().stays(before))


def test_a_device_whose_clock_is_behind_shows_by_a_nonce_that_it_signed_since_the_start(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    earlier = lobby.desk.nonce()
    time.sleep(1.1)
    desk, behind = lobby.another(), now() // SECOND - 30

    def ask(nonce: str | None) -> Any:
        return run(desk.stays(signed(watch, "/presence/session", method="GET", iat=behind, nonce=nonce)))

    assert ask(desk.nonce())["device"]["kind"] == "watch"
    made_up = ["", "x", earlier, lobby.another("else").nonce(), run_tap(lobby)]
    for nonce in (None, *made_up, 7):
        with pytest.raises(Unauthorized):
            ask(nonce)  # type: ignore[arg-type]  # whatever a device sends
    with pytest.raises(Unauthorized):  # it stands for no time but that
        run(desk.stays(signed(watch, "/presence/session", method="GET", iat=behind - 60, nonce=desk.nonce())))


def run_tap(lobby: Lobby) -> str:
    """A challenge of the same node, for something else."""
    return str(lobby.desk.new_tap(ORG)["tap"]).partition(".")[0]


def test_a_device_tells_of_its_person_only_so_often(lobby: Lobby) -> None:
    watch, tv = lobby.bound(lobby.ada), lobby.bound(lobby.ada, "tv")

    def insist() -> None:
        for _ in range(100):
            here(lobby.desk, watch)

    with pytest.raises(TooMany):
        insist()
    assert len(lobby.present()) < 40
    assert here(lobby.desk, tv)["told"]


def test_a_device_taps_only_so_often(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)

    def insist() -> None:
        for _ in range(100):
            tap(lobby.desk, watch, lobby.desk.new_tap(ORG)["tap"])

    with pytest.raises(TooMany):
        insist()
    assert tap(lobby.desk, lobby.bound(lobby.ada, "tv"), lobby.desk.new_tap(ORG)["tap"]) == 1


OTHER_PROCESS = """
import asyncio, sys, msgspec
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.presence import HousePresence
from rapport.app.settings import Settings
from rapport.kernel.errors import Unauthorized
from rapport.web.api.presence import Signed

settings = Settings(data=sys.argv[1])
desk = HousePresence(lambda: open_ledger(settings), open_keys(settings).secret("presence"), sys.argv[2], *[None] * 4)
for line in sys.stdin:
    try:
        asyncio.run(desk.stays(msgspec.json.decode(line, type=Signed)))
        print("taken", flush=True)
    except Unauthorized:
        print("refused", flush=True)
desk.close()
"""


def test_another_process_refuses_what_this_one_took_and_what_was_let_go(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    command = [sys.executable, "-c", OTHER_PROCESS, str(lobby.directory), ORIGIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def asked(request: Signed) -> str:
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write(msgspec.json.encode(request) + b"\n")
            other.stdin.flush()
            return other.stdout.readline().decode().strip()

        assert asked(signed(SoftDevice(ORIGIN), "/presence/session", method="GET")) == "refused"
        time.sleep(1)  # it takes nothing that was signed before it began
        first = signed(watch, "/presence/session", method="GET")
        run(lobby.desk.stays(first))
        assert asked(first) == "refused"
        second = signed(watch, "/presence/session", method="GET")
        assert asked(second) == "taken"
        with pytest.raises(Unauthorized):
            run(lobby.desk.stays(second))
        Accounts(lobby.ledger).end_everything(lobby.ada.person)
        assert asked(signed(watch, "/presence/session", method="GET")) == "refused"
        other.stdin.close()
        assert other.wait(60) == 0


def test_an_unknown_key_is_refused_and_fills_nothing(lobby: Lobby) -> None:
    before = lobby.ledger.db.execute("SELECT count(*) FROM spent").fetchone()
    for _ in range(5):
        with pytest.raises(Unauthorized):
            here(lobby.desk, SoftDevice(ORIGIN))
    assert lobby.ledger.db.execute("SELECT count(*) FROM spent").fetchone() == before


def test_who_lets_go_of_a_device_is_not_taken_for_by_it_anywhere(lobby: Lobby) -> None:
    watch, tv = lobby.bound(lobby.ada), lobby.bound(lobby.ada, "tv")
    other = lobby.another()
    here(other, watch)
    kept = {one.kind: one.id for one in run(lobby.desk.bound(lobby.ada))}
    with pytest.raises(NotFound):
        run(lobby.desk.unbind(lobby.bo, kept["watch"]))
    run(lobby.desk.unbind(lobby.ada, kept["watch"]))
    with pytest.raises(Unauthorized):
        here(other, watch)
    here(other, tv)
    Accounts(lobby.ledger).end_everything(lobby.ada.person)
    for desk in (lobby.desk, other):
        with pytest.raises(Unauthorized):
            here(desk, tv)


# -- recognised presence


def test_presence_is_an_event_and_its_session_goes_on_from_device_to_device(lobby: Lobby) -> None:
    watch, tv = lobby.bound(lobby.ada), lobby.bound(lobby.ada, "tv")
    first = here(lobby.desk, watch, place="way")
    second = here(lobby.desk, tv, place="home")
    assert (first["level"], first["told"]) == (0, True)
    assert second["session"] == first["session"]
    shown = lobby.present()
    assert [(one["source"], one["properties"]) for one in reversed(shown)] == [
        ("presence", {"level": 0, "device": "watch", "place": "way"}),
        ("presence", {"level": 0, "device": "tv", "place": "home"}),
    ]
    assert {one["context"]["session"] for one in shown} == {first["session"]}
    (stay,) = run(lobby.desk.stays(signed(tv, "/presence/session", method="GET")))["sessions"]
    assert (stay["organization"], stay["session"], stay["devices"]) == (ORG, first["session"], ["watch", "tv"])
    assert lobby.present("user_id:bo") == []
    assert len(lobby.view("user_id:ada")["records"]) == 2


def test_a_session_that_nobody_was_in_for_half_an_hour_has_ended(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = lobby.bound(lobby.ada)
    first = here(lobby.desk, watch)["session"]
    later = now() + 31 * MINUTE
    monkeypatch.setattr("rapport.adapters.embedded.devices.now", lambda: later)
    assert run(lobby.desk.stays(signed(watch, "/presence/session", method="GET")))["sessions"] == []
    assert here(lobby.desk, watch)["session"] not in {first, None}


def test_a_geofence_that_says_they_are_not_there_tells_nobody(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    nobody = {"level": None, "told": False, "session": None, "recovering": None}
    assert here(lobby.desk, watch, near=False) == nobody
    assert here(lobby.desk, watch, near=True)["level"] == 0
    assert len(lobby.present()) == 1


def test_whom_terms_or_a_lock_shut_out_sees_no_presence(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    said = [here(lobby.desk, watch, org="nowhere")]
    lobby.people.lock(lobby.ada.person)
    said.append(here(lobby.desk, watch))
    lobby.people.unlock(lobby.ada.person)
    lobby.people.set_terms(lobby.ada.person, Terms("own", (Clause("no", "deny", purposes=("service",)),)))
    said.append(here(lobby.desk, watch))
    lobby.people.set_terms(lobby.ada.person, Terms())
    assert said == [{"level": 0, "told": False, "session": None, "recovering": None}] * 3
    assert lobby.present() == []
    assert here(lobby.desk, lobby.bound(lobby.nobody)) == said[0]


# -- what is kept


def test_erasure_leaves_no_device_and_a_stolen_ledger_tells_none(lobby: Lobby) -> None:
    watch = lobby.bound(lobby.ada)
    here(lobby.desk, watch)
    code = pair(lobby.desk, SoftDevice(ORIGIN), name="Quixotic thing")["code"]
    run(lobby.desk.enter(lobby.ada, code))
    run(lobby.desk.answer_tap(lobby.ada, lobby.desk.new_tap(ORG)["tap"]))
    files = b"".join(path.read_bytes() for path in lobby.directory.glob("ledger.db*"))
    for secret in (code, code.replace("-", ""), "Quixotic", watch.jwk()["x"]):
        assert secret.encode() not in files
    lobby.people.set_status(lobby.ada.person, "erasing")
    with pytest.raises(RapportError):
        here(lobby.desk, watch)
    lobby.people.forget_claims(lobby.ada.person)
    for table in ("device", "pairing", "tap", "presence"):
        assert lobby.ledger.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
