"""Revoking everything is one thing: a process that is killed in between has revoked nothing, and none half."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.accounts import WAYS_IN, Accounts
from rapport.adapters.embedded.doors import Doors
from tests.app.lobby import Lobby, here, pair, poll, run
from tests.profile.house import ORG
from tests.signin.device import SoftDevice

KILLED = """
import contextlib, os, signal, sys
from rapport.adapters.embedded import accounts
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings

ledger, deletes = open_ledger(Settings(data=sys.argv[1])), []

def seen(statement):
    if statement.startswith("DELETE") and statement not in deletes:  # a trigger tells its statement again
        deletes.append(statement)
    if len(deletes) > int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

@contextlib.contextmanager
def no_transaction(db):
    yield db

if sys.argv[4] == "torn":
    accounts.transaction = no_transaction
ledger.db.set_trace_callback(seen)
accounts.Accounts(ledger).end_everything(sys.argv[2])
"""


@pytest.fixture
def lobby() -> Iterator[Lobby]:
    with Lobby() as lobby:
        yield lobby


def rows(db: sqlite3.Connection) -> dict[str, int]:
    """How many ways in there are, by kind."""
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in WAYS_IN}


def filled(lobby: Lobby) -> tuple[SoftDevice, str]:
    """One of everything that opens Ada's account, or stands for her: a device, and a session's token."""
    watch = lobby.bound(lobby.ada)
    assert here(lobby.desk, watch)["told"]
    doors, accounts, who = Doors(lobby.ledger), Accounts(lobby.ledger), lobby.ada.person
    token = doors.redeem(doors.mint(who)) or ""
    doors.mint(who)
    accounts.invite(who)
    tv = SoftDevice("https://rapport.example")
    run(lobby.desk.enter(lobby.ada, pair(lobby.desk, tv, "tv")["code"]))
    assert poll(lobby.desk, tv)["status"] == "confirm"
    run(lobby.desk.answer_tap(lobby.ada, lobby.desk.new_tap(ORG)["tap"]))
    (number,) = lobby.ledger.db.execute("SELECT id FROM person WHERE handle = ?", (who,)).fetchone()
    accounts._begin(number, None, "Chrome")  # a browser's, whose passkey does not matter here
    assert set(rows(lobby.ledger.db).values()) == {1}
    return watch, token


def killed(lobby: Lobby, deletes: int, how: str = "whole") -> int:
    """Revoke all of Ada's in a process that dies after so many of its statements."""
    asked = [sys.executable, "-c", KILLED, str(lobby.settings.data), lobby.ada.person, str(deletes), how]
    return subprocess.run(asked, check=False, capture_output=True).returncode


def test_killed_anywhere_it_revokes_nothing_and_else_all(lobby: Lobby) -> None:
    filled(lobby)
    for deletes in range(len(WAYS_IN)):
        assert killed(lobby, deletes) == -signal.SIGKILL
        assert set(rows(lobby.ledger.db).values()) == {1}, deletes
    assert killed(lobby, len(WAYS_IN)) == 0
    assert set(rows(lobby.ledger.db).values()) == {0}


def test_were_it_not_one_transaction_this_would_be_seen(lobby: Lobby) -> None:
    filled(lobby)
    assert killed(lobby, len(WAYS_IN) // 2, "torn") == -signal.SIGKILL
    assert set(rows(lobby.ledger.db).values()) == {0, 1}


def test_another_s_stays_and_it_is_counted(lobby: Lobby) -> None:
    filled(lobby)
    kept = lobby.bound(lobby.bo, "tv")
    assert Accounts(lobby.ledger).end_everything(lobby.ada.person) == (2, 1)
    assert here(lobby.desk, kept)["told"]
