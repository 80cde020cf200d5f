"""Backup beside a busy node, restore, and going on: with the commands themselves."""

import json
import threading

import pytest

from tests.e2e.running import run


@pytest.fixture
def node(start):
    return start("data")


def event(number):
    return {"type": "track", "userId": "ada", "event": "Ticked", "messageId": f"m{number}"}


def test_a_backup_of_a_busy_node_restores_to_what_was_acknowledged_before_it(node, start, tmp_path):
    org = node.org()
    acknowledged, done = [], threading.Event()

    def keep_sending():
        while not done.is_set():
            if org.send(event(len(acknowledged))).status == 200:
                acknowledged.append(len(acknowledged))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    org.view("user_id:ada", events=50)
    before = len(acknowledged)
    archive, keys = tmp_path / "a.tar", tmp_path / "a.keys"
    made = run("backup", str(archive), "--keys", str(keys), "--data", str(node.data), "--json")
    done.set()
    sender.join()
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout).keys() == {"archive", "keys"}
    node.stop()
    backup_key = node.data / "backup.key"
    restored = run(
        *("restore", str(archive), "--keys", str(keys), "--backup-key", str(backup_key)),
        *("--data", str(tmp_path / "again"), "--json"),
    )
    assert restored.returncode == 0, restored.stderr
    told = json.loads(restored.stdout)
    assert (told["records_without_key"], told["requests_lost"]) == (0, 0)
    again = start("again")
    org.node = again
    view = org.view("user_id:ada", events=before)
    assert before <= view["events"]["total"] <= len(acknowledged)
    # Whatever the backup did not hold is sent again by its client, and everything counts once.
    for first in range(0, len(acknowledged) + 1, 400):
        org.send(*(event(number) for number in range(first, min(first + 400, len(acknowledged) + 1))))
    assert org.view("user_id:ada", events=len(acknowledged) + 1)["events"]["total"] == len(acknowledged) + 1


def test_exit_codes_and_errors_of_backup_and_restore(node, tmp_path):
    node.org()
    data = ("--data", str(node.data))
    assert run("backup", *data).returncode == 2
    archive, keys = str(tmp_path / "a.tar"), str(tmp_path / "a.keys")
    assert run("backup", archive, "--keys", keys, *data).returncode == 0
    again = run("backup", archive, *data)
    assert (again.returncode, "never written over" in again.stderr) == (1, True)
    assert run("backup", str(tmp_path / "b"), "--data", str(tmp_path / "nothing")).returncode == 2
    rest = ("--keys", keys, "--data", str(tmp_path / "again"))
    unsaid = run("restore", archive, *rest)
    assert (unsaid.returncode, "--backup-key" in unsaid.stderr) == (2, True)
    given = ("--backup-key", str(node.data / "backup.key"))
    (tmp_path / "cut.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:-50_000])
    cut = run("restore", str(tmp_path / "cut.tar"), *rest, *given)
    assert (cut.returncode, "nothing was restored" in cut.stderr) == (3, True)
    assert run("restore", archive, *rest, *given).returncode == 0
    full = run("restore", archive, *rest, *given)
    assert (full.returncode, "not empty" in full.stderr) == (1, True)


def test_keys_are_rotated_only_while_the_node_stands_still(node, start):
    org = node.org()
    org.send(event(1))
    org.view("user_id:ada")
    data = ("--data", str(node.data))
    running = run("keys", "rotate", *data)
    assert (running.returncode, "another node runs" in running.stderr) == (2, True)
    node.stop()
    assert json.loads(run("keys", "show", *data, "--json").stdout)["record_key"] == 1
    for more in ((), ("--organization", "acme")):
        done = run("keys", "rotate", *data, *more, "--json")
        assert done.returncode == 0, done.stderr
    org.node = start("data")
    org.send(event(2))
    assert org.view("user_id:ada", events=2)["events"]["total"] == 2
