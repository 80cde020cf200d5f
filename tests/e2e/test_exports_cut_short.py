"""What comes in between while a running node makes an export: locks, other promises, deletions, kills and stops."""

import contextlib
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded.exports import ExportBook
from rapport.app.embedded import open_ledger, open_people
from rapport.app.exports import STOPPED
from rapport.app.settings import Settings
from tests.act.receiving import eventually
from tests.e2e.api import House, house, is_problem
from tests.e2e.exporting import PROMISES, ask, declare, delete, ended, files, held, identify, made
from tests.e2e.running import Node

MANY = 2_000


def jobs(node: Node) -> list[int]:
    """Process ids of the exports that are being made."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if b"rapport.app.export_job" in words and parent == node.children().get("web"):
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a node with an organization that takes a while to export."""
    with house(tmp_path_factory.mktemp("filled")) as home:
        declare(home.acme, PROMISES)
        for start in range(0, MANY, 500):
            home.acme.send(*map(identify, range(start, start + 500)))
        home.acme.view(f"user_id:u{MANY - 1}")
    return home.node.data


@pytest.fixture
def large(filled: Path, tmp_path: Path) -> Iterator[House]:
    """A node over a copy of it."""
    shutil.copytree(filled, tmp_path / "data")
    with house(tmp_path) as home:
        yield home
        home.node.stop()  # it may be another by now


def can_write(node: Node) -> bool:
    """Whether nobody is in the midst of writing to the ledger."""
    with contextlib.closing(sqlite3.connect(node.data / "ledger.db", timeout=0.2, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        db.execute("ROLLBACK")
        return True


def halted(home: House) -> tuple[str, int]:
    """An export that stands still in the midst of it, and its process."""
    export = ask(home.acme, "csv").json["export"]
    eventually(lambda: jobs(home.node) != [])
    (process,) = jobs(home.node)
    # It goes on a little at a time, lest it be done before anybody looks; and not within a transaction.
    while True:
        os.kill(process, signal.SIGSTOP)
        one = home.acme.get(f"/v1/exports/{export}").json
        if one["progress"]["customers"] > 0 and can_write(home.node):
            break
        os.kill(process, signal.SIGCONT)
        time.sleep(0.03 if one["status"] == "waiting" else 0.003)
    assert one["status"] == "running"
    assert 0 < one["progress"]["customers"] < MANY
    return export, process


def test_a_lock_that_was_committed_while_it_runs_wins(large: House) -> None:
    export, process = halted(large)
    # Newest first: who came first is not in it yet.
    people = open_people(Settings(data=str(large.node.data)))
    people.lock(people.add(["acme:user_id:u0"]).handle, None)
    os.kill(process, signal.SIGCONT)
    done = ended(large.acme, export)
    assert (done["status"], done["customers"]) == ("done", MANY - 1), done
    body = large.acme.get(done["file"]).body.decode()
    assert "p1@example.com" in body
    assert "p0@example.com" not in body


def test_promises_that_change_while_it_runs_end_it(large: House) -> None:
    export, process = halted(large)
    waits = ask(large.acme, "csv", recipients=["Parcel Post"]).json["export"]
    declare(large.acme, {"name": "Acme", "purposes": {"service": {"basis": "contract", "recipients": []}}})
    os.kill(process, signal.SIGCONT)
    one = ended(large.acme, waits)
    assert (one["status"], one["file"]) == ("failed", None)
    assert one["reason"] == "the declaration does not name 'Parcel Post' as a recipient for service: it names nobody"
    one = ended(large.acme, export)
    assert (one["status"], one["file"]) == ("failed", None)
    assert one["reason"] == "what the organization promises changed meanwhile: export again"
    assert held(large.node) == []
    assert files(large.node) == set()


def test_one_that_is_deleted_while_it_runs_never_gets_a_file(large: House) -> None:
    export, process = halted(large)
    assert delete(large.acme, export).status == 204
    os.kill(process, signal.SIGCONT)
    deadline = time.monotonic() + 60
    while jobs(large.node):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    one = large.acme.get(f"/v1/exports/{export}").json
    assert (one["status"], one["file"]) == ("deleted", None)
    assert held(large.node) == []
    assert files(large.node) == set()
    assert made(large.acme, "csv", limit=1)["customers"] == 1


def test_so_many_wait_and_no_more_one_at_a_time(large: House) -> None:
    export, process = halted(large)
    waiting = [ask(large.acme, "csv", limit=1) for _ in range(4)]
    assert {one.status for one in waiting} == {202}
    refused = ask(large.acme, "csv")
    is_problem(refused, 503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    time.sleep(0.5)
    assert jobs(large.node) == [process]
    assert {large.acme.get(one.headers["location"]).json["status"] for one in waiting} == {"waiting"}
    # Another organization need not wait for this one, and nobody else's requests do.
    large.rival.send(identify(1))
    large.rival.view("user_id:u1")
    assert made(large.rival, "csv")["customers"] == 1
    os.kill(process, signal.SIGCONT)
    for one in (export, *(each.json["export"] for each in waiting)):
        assert ended(large.acme, one)["status"] == "done"


@pytest.mark.parametrize("how", ["job", "web", "node"])
def test_whoever_is_killed_in_the_midst_leaves_a_failure_and_no_piece_of_a_file(large: House, how: str) -> None:
    export, process = halted(large)
    waits = ask(large.acme, "csv", limit=3).json["export"]
    receipts = len([one for one in large.receipts(limit=MANY) if one.action == "export"])
    assert receipts > 0
    if how == "job":
        os.kill(process, signal.SIGKILL)
    elif how == "web":
        os.kill(large.node.children()["web"], signal.SIGKILL)
        os.kill(process, signal.SIGCONT)  # it ends with the web process, which is started again
        large.node._wait()
    else:
        os.killpg(large.node.process.pid, signal.SIGKILL)
        large.node.process.wait(60)
        assert [one.status for one in ExportBook(open_ledger(Settings(data=str(large.node.data)))).of_org("acme")] == [
            "waiting",
            "running",
        ]
        assert held(large.node) == []
        again = Node(large.node.data)
        large.node, large.acme.node, large.rival.node = again, again, again
    one = ended(large.acme, export)
    assert (one["status"], one["file"]) == ("failed", None)
    assert one["reason"] in (STOPPED, "it was cut short")
    # What waited is made all the same.
    assert ended(large.acme, waits)["status"] == "done"
    assert {each.export_id for each in held(large.node)} == {waits}
    assert files(large.node) == {f"{waits}.sealed"}


@pytest.mark.parametrize("stuck", [False, True])
def test_the_node_stops_in_good_time_though_one_is_made(large: House, stuck: bool) -> None:
    export, process = halted(large)
    if not stuck:
        os.kill(process, signal.SIGCONT)
    assert large.node.stop() == 0  # within the time that it waits
    (one,) = ExportBook(open_ledger(Settings(data=str(large.node.data)))).of_org("acme")
    assert one.id == export
    assert one.status in ("running" if stuck else "failed", "done")  # a stuck one is marked at the next start
    assert not Path(f"/proc/{process}").exists()
