"""Receipts of a real node: what it says over HTTP, to the command line and after it was killed is one log."""

import json
import os
import signal
import threading
from http.client import HTTPException
from pathlib import Path

from rapport.kernel import verify
from tests.act.receiving import eventually
from tests.e2e.running import Node, Org, http, run


def bundle(node: Node, person: str, file: Path, *since: str) -> dict[str, object]:
    """A person's bundle as the verifier judges it."""
    made = run("person", "bundle", person, "--out", str(file), "--data", str(node.data), *since, "--json")
    assert made.returncode == 0, made.stderr
    done = run("verify", str(file), *since, "--json")
    assert done.returncode == 0, done.stdout
    return dict(json.loads(done.stdout))


def logged(node: Node) -> tuple[int, bytes]:
    key = http("GET", f"{node.url}/log/key").body.decode()
    return verify.read_checkpoint(http("GET", f"{node.url}/log/checkpoint").body.decode(), *verify.read_vkey(key))


def test_a_node_that_is_killed_while_it_is_read_and_started_again_continues_its_log(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    try:
        org = node.org()
        org.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada"}})
        org.view("user_id:ada", events=1)
        made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
        person = json.loads(made.stdout)["person"]
        org.view("user_id:ada", events=1)
        first = bundle(node, person, tmp_path / "first.json")
        given = reads_until_killed(node, org)
    finally:
        node.stop(signal.SIGKILL)
    node = Node(tmp_path / "data")
    try:
        after = bundle(node, person, tmp_path / "after.json", "--since", str(first["head"]))
        told = {one["receipt"]["id"] for one in json.loads((tmp_path / "after.json").read_bytes())["receipts"]}
        assert given
        assert told >= given
        org = Org(node, org.name, org.write_key, org.api_token)
        org.view("user_id:ada", events=1)
        last = bundle(node, person, tmp_path / "last.json", "--since", str(after["head"]))
        assert int(str(last["receipts"])) > int(str(after["receipts"]))
        log = json.loads((tmp_path / "last.json").read_bytes())["log"]
        assert verify.read_checkpoint(log["checkpoint"], *verify.read_vkey(log["key"])) == logged(node)
    finally:
        node.stop()


def reads_until_killed(node: Node, org: Org) -> set[str]:
    """The receipts that came with answers, until the node was no more."""
    given: set[str] = set()

    def reading() -> None:
        try:
            while (answer := org.read("user_id:ada", "view")).status == 200:
                given.add(answer.json["receipt"])
        except (OSError, ValueError, HTTPException):
            return

    threads = [threading.Thread(target=reading) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(given) >= 20)
    children = node.children()
    os.kill(node.process.pid, signal.SIGKILL)
    for child in children.values():
        os.kill(child, signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    return given
