"""A node and a witness, each a process of its own: what the witness signs, what it refuses, and what that proves."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.adapters.embedded.cosignatures import Cosignatures, PublishedLog
from rapport.app.bundling import open_bundler
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.app.witnessing import Asker, Unwitnessed
from rapport.kernel import verify
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from tests.e2e.running import Answer, Node, http, run
from tests.profile.house import ORG
from tests.web.portal.person import Home

PROGRAM = Path(__file__).with_name("witness.py")


class Running:
    """A witness process over a directory."""

    def __init__(self, directory: Path, name: str, *logs: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", PROGRAM, directory, name, *logs]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.vkey, self.url = self.process.stdout.readline().split()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def setting(self) -> str:
        return f"{self.vkey} {self.url}"


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def one(name: str, *logs: str) -> Running:
        started.append(Running(tmp_path / name, name, *logs))
        return started[-1]

    yield one
    for witness in started:
        witness.stop()


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


def asker(home: Home, *witnesses: Running) -> Asker:
    settings = Settings(data=str(home.directory), witnesses=" ".join(one.setting for one in witnesses))
    return Asker(settings, settings.witnessed_by[0])


def bundle(home: Home, person: str, since: str | None = None) -> dict[str, Any]:
    return json.loads(json.dumps(open_bundler(home.settings).bundle(person, since)))  # type: ignore[no-any-return]


def copied(home: Home, way: str) -> None:
    """Take a backup of the ledger, or put it back."""
    files = [home.directory / "ledger.db", home.directory / "older.db"]
    source, target = files if way == "away" else files[::-1]
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)


def test_what_is_cosigned_tells_whoever_trusts_the_witness(home: Home, start: Start) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    log = home.ledger.receipt_log.key
    first, second, stranger = start("w.example/1", log), start("w.example/2", log), start("w.example/3", log)
    home.reads()
    assert asker(home, first).ask()
    assert not asker(home, first).ask()  # nothing is new
    home.reads()
    assert asker(home, first).ask()
    assert asker(home, second).ask()
    made = bundle(home, person)
    done = verify.verify(made, witnesses=[first.vkey, second.vkey])
    assert (done["problem"], done["ok"]) == (None, True)
    assert [(one["name"], one["all"]) for one in done["witnesses"]] == [("w.example/1", True), ("w.example/2", True)]
    assert all(abs(one["at"] - time.time()) < 60 for one in done["witnesses"])
    assert verify.verify(made, witnesses=[first.vkey, stranger.vkey], quorum=1)["ok"]
    for trusted, quorum in (([first.vkey, stranger.vkey], None), ([stranger.vkey], 1), ([first.vkey], 2), ([], 1)):
        assert not verify.verify(made, witnesses=trusted, quorum=quorum)["ok"]
    assert not verify.verify(made, witnesses=[first.vkey], quorum=0)["ok"]


def test_one_witness_under_two_names_counts_once(home: Home, start: Start) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    witness = start("one.example", home.ledger.receipt_log.key)
    home.reads()
    asker(home, witness).ask()
    _, public = verify.read_vkey(witness.vkey, verify.WITNESS)
    alias = verify.vkey("two.example", public, verify.WITNESS)
    made = bundle(home, person)
    assert verify.verify(made, witnesses=[witness.vkey, alias])["ok"]
    assert not verify.verify(made, witnesses=[witness.vkey, alias], quorum=2)["ok"]


def test_heads_of_after_the_cosignature_are_not_covered_by_it_and_the_verifier_says_so(
    home: Home, start: Start
) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    asker(home, witness).ask()
    home.reads()
    made = bundle(home, person)
    (seen,) = verify.verify(made)["witnesses"]
    assert not seen["all"]
    assert "0 of your witnesses" in verify.verify(made, witnesses=[witness.vkey])["problem"]
    asker(home, witness).ask()
    assert verify.verify(bundle(home, person), witnesses=[witness.vkey])["ok"]


def test_a_log_that_grew_elsewhere_meanwhile_is_cosigned_for_trees_that_did_not(home: Home, start: Start) -> None:
    """The cosigned checkpoint is older than the bundle's, and the bundle proves that it continues it."""
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    bundle(home, person)
    asker(home, witness).ask()
    other = home.people.add([]).id
    keep_another(home, other)
    made = bundle(home, person)
    assert made["log"]["witnessed"]
    done = verify.verify(made, witnesses=[witness.vkey])
    assert (done["problem"], [one["all"] for one in done["witnesses"]]) == (None, [True])
    del made["log"]["consistency"]
    assert not verify.verify(made, witnesses=[witness.vkey])["ok"]


def keep_another(home: Home, person: int) -> None:
    """A receipt that is another's, in a tree of theirs."""
    receipt = Receipt("rcp_another", "", 1, "", "own", "permitted", "own", "person")
    ground = Ground(1, "", Standing("", DEFAULT, 1, "", 0))
    home.ledger.append_receipts([[Pending(receipt, ground, customer=person)]], lambda *_: True)


def test_a_cosigned_checkpoint_is_published_for_a_minute_and_then_the_newest(
    home: Home, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = start("w.example", home.ledger.receipt_log.key)
    log = PublishedLog(home.ledger.receipt_log, Cosignatures(home.ledger.db))
    home.reads()
    assert "w.example" not in str(log.checkpoint())
    asker(home, witness).ask()
    signed = log.checkpoint()
    assert "w.example" in str(signed)
    home.reads()
    newest = home.ledger.receipt_log.checkpoint()
    assert log.checkpoint() == signed != newest
    real = time.time_ns
    for step in (61, -61, 10 * 365 * 86_400, -10 * 365 * 86_400):  # also where the clock was set
        monkeypatch.setattr(time, "time_ns", lambda step=step: real() + step * 10**9)
        assert log.checkpoint() == newest


@pytest.mark.parametrize("step", [-10 * 365 * 86_400, -3_601, 3_601, 10 * 365 * 86_400])
def test_whatever_the_clock_of_the_node_does_it_is_cosigned_by_the_clock_of_the_witness(
    home: Home, start: Start, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    asker(home, witness).ask()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + step * 10**9)
    assert asker(home, witness).ask()  # anew, since the last was long ago, or is to come
    assert not asker(home, witness).ask()
    done = verify.verify(bundle(home, person), witnesses=[witness.vkey])
    assert done["problem"] is None
    assert abs(done["witnesses"][0]["at"] - real() // 10**9) < 60


# -- what a witness refuses


def test_a_node_that_was_rolled_back_is_refused_also_once_it_grew_again(home: Home, start: Start) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    asker(home, witness).ask()
    copied(home, "away")
    for _ in range(3):
        home.reads()
    asker(home, witness).ask()
    head = verify.verify(bundle(home, person), witnesses=[witness.vkey])["head"]
    copied(home, "back")
    home.reads()
    with pytest.raises(Unwitnessed, match="an older ledger was put back"):
        asker(home, witness).ask()
    rolled = bundle(home, person)
    assert "rolled back" in verify.verify(rolled, since=head)["problem"]
    assert not verify.verify(rolled, witnesses=[witness.vkey])["ok"]  # the heads of after are signed by nobody
    for _ in range(9):
        home.reads()
    with pytest.raises(Unwitnessed, match="refuses this log"):
        asker(home, witness).ask()
    grown = bundle(home, person)
    assert "rewritten" in verify.verify({**grown, "log": forged_proof(home, grown, head)}, since=head)["problem"]
    assert not verify.verify(grown, since=head)["ok"]
    assert not verify.verify(grown, witnesses=[witness.vkey])["ok"]


def forged_proof(home: Home, made: dict[str, Any], head: str) -> dict[str, Any]:
    """A log with the best proof the node has, that it continues what it does not."""
    old = verify.read_head(head)["log"]["size"]
    size = home.ledger.receipt_log.size()
    proof = [verify.b64(part) for part in home.ledger.receipt_log.consistency(old, size)]
    return {**made["log"], "consistency": {**made["log"]["consistency"], str(old): proof}}


def test_of_a_forked_log_only_one_branch_is_cosigned(home: Home, start: Start) -> None:
    """Two ledgers with one key, of one beginning: also where both have the same size."""
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    asker(home, witness).ask()
    copied(home, "away")
    home.reads()
    asker(home, witness).ask()
    copied(home, "back")
    home.reads()
    with pytest.raises(Unwitnessed, match="refuses this log"):
        asker(home, witness).ask()


def test_a_witness_remembers_over_a_restart_and_a_lost_answer_is_made_good(home: Home, start: Start) -> None:
    log = home.ledger.receipt_log.key
    witness = start("w.example", log)
    home.reads()
    asker(home, witness).ask()
    witness.stop()
    home.reads()
    with pytest.raises(Unwitnessed, match="cannot be reached"):
        asker(home, witness).ask()
    again = start("w.example", log)
    assert again.vkey == witness.vkey
    Cosignatures(home.ledger.db).only([])  # as if its answers had never come
    assert asker(home, again).ask()
    assert (
        "text/x.tlog.size"
        in asked(again, "old 0\n\n" + str(home.ledger.receipt_log.checkpoint())).headers["content-type"]
    )


def asked(witness: Running, body: str) -> Answer:
    return http("POST", f"{witness.url}/add-checkpoint", body.encode())


def test_the_witness_itself_refuses_what_its_specification_says(home: Home, start: Start) -> None:
    """The witness of these tests is one that can say no."""
    witness = start("w.example", home.ledger.receipt_log.key)
    home.reads()
    first = str(home.ledger.receipt_log.checkpoint())
    home.reads()
    second = str(home.ledger.receipt_log.checkpoint())
    proof = "".join(f"{verify.b64(part)}\n" for part in home.ledger.receipt_log.consistency(1, 2))
    assert asked(witness, f"old 0\n\n{first}".replace("rapport.node", "another")).status == 404
    assert asked(witness, f"old 0\n\n{first}".replace("\n1\n", "\n2\n")).status == 403
    assert asked(witness, f"old 9\n\n{first}").status == 400
    assert asked(witness, f"old 00\n\n{first}").status == 400
    assert asked(witness, f"old 0\n\n{first}").status == 200
    assert asked(witness, f"old 0\n\n{second}").body == b"1\n"
    assert asked(witness, f"old 1\n\n{second}").status == 422
    assert asked(witness, f"old 1\n{proof}\n{second}").status == 200
    assert asked(witness, f"old 1\n{proof}\n{second}").status == 409
    assert asked(witness, f"old 2\n\n{second}").status == 200


# -- a whole node


def test_a_node_has_its_log_cosigned_publishes_it_and_cares_little_for_a_dead_witness(
    tmp_path: Path, start: Start
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    settings = Settings(data=str(data))
    key = open_ledger(settings).receipt_log.key
    witness, dead = start("w.example", key), start("dead.example", key)
    dead.stop()
    asked_of = {"RAPPORT_WITNESSES": f"{dead.setting} {witness.setting}", "RAPPORT_WITNESS_EVERY_S": "1"}
    node = Node(data, env=asked_of)
    try:
        org = node.org()
        org.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada"}})
        org.view("user_id:ada", events=1)
        made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(data), "--json")
        person = json.loads(made.stdout)["person"]
        org.view("user_id:ada", events=1)
        assert org.read("user_id:ada").status == 200
        note = until(lambda: published(node), lambda note: "w.example" in note)
        assert note.count("\n— ") == 2
        file = tmp_path / "mine.json"
        with_witness = ("verify", str(file), "--witness", witness.vkey, "--witness", dead.vkey, "--witnesses", "1")

        def checked() -> subprocess.CompletedProcess[str]:
            run("person", "bundle", person, "--out", str(file), "--data", str(data))
            return run(*with_witness, "--log", f"{node.url}/log", "--json")

        done = until(checked, lambda done: done.returncode == 0)
        told = json.loads(done.stdout)
        assert [(one["name"], one["all"]) for one in told["witnesses"]] == [("w.example", True)]
        assert told["latest"]["trees"] == 1
        said = run(*with_witness)
        assert said.returncode == 0
        assert "Witness w.example signed a log with all of them" in said.stdout
        assert run(*with_witness[:-1], "2").returncode == 1
        assert run("verify", str(file), "--witness", "nonsense").returncode == 1
        assert b"\nrapport_witnesses_failing 1" in http("GET", f"{node.url}/metrics").body
        assert node.output().count("witness dead.example did not sign the log") == 1
    finally:
        node.stop()


def published(node: Node) -> str:
    return http("GET", f"{node.url}/log/checkpoint").body.decode()


def until(made: Callable[[], Any], held: Callable[[Any], bool], within_s: float = 60) -> Any:
    deadline = time.monotonic() + within_s
    while not held(found := made()):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found
