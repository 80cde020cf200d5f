"""A port in use, two nodes on one directory, a full disk, damaged files: a clear word each, and nothing is lost."""

import shutil
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.running import Node, free_port, run


def up(data: Path, *arguments: str, **env: str) -> tuple[int, str]:
    """Start a node that is not expected to come up; its exit code and what it said."""
    done = run("up", "--data", str(data), *arguments, env=env, timeout=60)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a node that took in an event and was stopped; `kept` copies it."""
    node = Node(tmp_path_factory.mktemp("stopped") / "data")
    try:
        org = node.org()
        org.send({"type": "track", "userId": "ada", "event": "Ticked", "messageId": "m1"})
        org.view("user_id:ada")
    finally:
        node.stop()
    return node.data


@pytest.fixture
def kept(stopped: Path, tmp_path: Path) -> Path:
    """A test's own copy of the data directory of a stopped node."""
    return Path(shutil.copytree(stopped, tmp_path / "data"))


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = up(tmp_path / "data", "--port", str(port))
    assert code == 2
    assert f"port {port} is in use" in said


def test_two_nodes_do_not_share_a_directory(start: Callable[..., Node]) -> None:
    node = start()
    code, said = up(node.data, "--port", str(free_port()))
    assert code == 2
    assert "another node runs on" in said


def test_another_key_encryption_key_opens_nothing(kept: Path) -> None:
    code, said = up(kept, "--port", str(free_port()), RAPPORT_KEK="A" * 43 + "=")
    assert code == 2
    assert "another key-encryption key" in said


def test_a_key_encryption_key_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    code, said = up(tmp_path / "data", "--port", str(free_port()), RAPPORT_KEK="c2hvcnQ=")
    assert code == 2
    assert "RAPPORT_KEK must be 32 bytes in base64" in said


@pytest.mark.parametrize("name", ["log.db", "ledger.db", "keys.db"])
def test_a_damaged_file_is_named_and_left_as_it_is(kept: Path, name: str) -> None:
    path = kept / name
    for beside in kept.glob(f"{name}-*"):
        beside.unlink()
    damaged = b"\xff" * 4096 + path.read_bytes()[4096:]
    path.write_bytes(damaged)
    code, said = up(kept, "--port", str(free_port()))
    assert code == 3
    assert name in said
    assert "restore it from a backup" in said
    assert path.read_bytes() == damaged


def test_damaged_state_stops_the_node_with_a_word(kept: Path) -> None:
    for beside in kept.glob("state.db-*"):
        beside.unlink()
    path = kept / "state.db"
    path.write_bytes(b"\xff" * 4096 + path.read_bytes()[4096:])
    code, said = up(kept, "--port", str(free_port()))
    assert code != 0
    assert "state.db" in said


def test_a_truncated_key_file_is_named(kept: Path) -> None:
    (kept / "node.key").write_bytes(b"short")
    code, said = up(kept, "--port", str(free_port()))
    assert code == 3
    assert "node.key" in said


def test_a_newer_schema_is_not_touched(kept: Path) -> None:
    with sqlite3.connect(kept / "ledger.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    code, said = up(kept, "--port", str(free_port()))
    assert code == 2
    assert "newer version" in said


def test_a_directory_that_cannot_be_written_is_named() -> None:
    """/proc is closed to everyone, to the administrator too."""
    code, said = up(Path("/proc/rapport"), "--port", str(free_port()))
    assert code == 2
    assert "cannot be made" in said


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    code, said = up(file, "--port", str(free_port()))
    assert code == 2
    assert "cannot be made" in said


def test_a_full_disk_refuses_and_keeps_nothing_half(start: Callable[..., Node]) -> None:
    node = start("data", env={"RAPPORT_MIN_FREE_MB": str(1 << 40)})
    org = node.org()
    answer = org.send({"type": "track", "userId": "ada", "event": "Ticked", "messageId": "m1"})
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json["code"] == "full"
    assert org.read("user_id:ada").status == 503, "without a receipt nothing is read"
    node.stop()
    roomy = start("data")
    again = roomy.org()
    assert again.read("user_id:ada").status == 404
    again.send({"type": "track", "userId": "ada", "event": "Ticked", "messageId": "m1"})
    assert again.view("user_id:ada")["events"]["total"] == 1


def test_a_worker_that_is_far_behind_slows_senders_down(start: Callable[..., Node]) -> None:
    node = start("data", env={"RAPPORT_LOG_LIMIT_MB": "0"})
    answer = node.org().send({"type": "track", "userId": "ada", "event": "Ticked", "messageId": "m1"})
    assert answer.status == 503
    assert answer.json["code"] == "full"
    assert int(answer.headers["retry-after"]) > 0
