"""A correction in a real node: shown at once, above what systems say later, told to them signed, proved by receipts,
and carried out even where the node is killed on the way."""

import json
import os
import re
import signal
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from rapport.act import webhooks
from tests.e2e.running import Node, Org, run

PRIVATE = {"RAPPORT_PRIVATE_DESTINATIONS": "1"}
"""A tenth of a second where nothing else runs."""
HOSTILE = '<img src=x onerror="alert(1)">'


class Receiver:
    """A CRM's end of its webhook, on loopback; `secret` is that which the node signs with."""

    def __init__(self) -> None:
        self.secret = ""
        self.got: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                genuine = webhooks.verified(headers, body, outer.secret, time.time_ns() // 1000)
                outer.got.append({**json.loads(body), "genuine": genuine})
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Portal:
    """A person's page, opened without a browser."""

    def __init__(self, node: Node, person: str) -> None:
        self.node = node
        said = run("person", "open", person, "--data", str(node.data), "--port", str(node.port), "--json")
        code = json.loads(said.stdout)["url"].partition("code=")[2]
        self.cookie, self.csrf = "", ""
        answer = self.post("/me/open", code=code)
        self.cookie = answer[1]["set-cookie"].partition(";")[0]
        self.csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', self.get("/me"))[0]

    def send(self, method: str, path: str, body: str = "") -> tuple[int, dict[str, str], str]:
        connection = HTTPConnection("127.0.0.1", self.node.port, timeout=30)
        origin = f"http://localhost:{self.node.port}"
        headers = {"cookie": self.cookie, "origin": origin, "content-type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        try:
            return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> str:
        return self.send("GET", path)[2]

    def post(self, path: str, **fields: str) -> tuple[int, dict[str, str], str]:
        return self.send("POST", path, urllib.parse.urlencode({"csrf": self.csrf, **fields}))


def phone(org: Org) -> dict[str, Any]:
    found: dict[str, Any] = org.read("user_id:ada").json["traits"]["phone"]
    return found


def identify(value: str, number: int) -> dict[str, Any]:
    return {"type": "identify", "userId": "ada", "messageId": f"m{number}", "traits": {"phone": value, "name": "Ada"}}


def person_of(node: Node, org: Org) -> str:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    return str(json.loads(made.stdout)["person"])


def requests(node: Node, person: str) -> list[dict[str, Any]]:
    return list(json.loads(run("person", "requests", person, "--data", str(node.data), "--json").stdout))


def until(found: Any, within_s: float = 60.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)
    return value


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "data", env=PRIVATE)
    yield node
    node.stop(signal.SIGKILL)


def test_a_correction_is_shown_told_proved_and_taken_back(node: Node, tmp_path: Path) -> None:
    org = node.org()
    crm = node.source(org.name, "crm", "--trusted", "--trust", "5")
    org.send(identify("+44 1", 1), write_key=crm)
    org.view("user_id:ada", events=1)
    person, receiver = person_of(node, org), Receiver()
    hooking = ("source", "webhook", org.name, "crm", "--url", receiver.url, "--data", str(node.data), "--json")
    hook = run(*hooking, env=PRIVATE)
    receiver.secret = json.loads(hook.stdout)["secret"]
    portal = Portal(node, person)
    where = f"/me/known/{org.name}/correct"

    status, headers, _ = portal.post(where, trait="phone", value=HOSTILE)
    shown = phone(org)
    assert (status, shown["value"], shown["source"]) == (303, HOSTILE, "you")
    assert headers["location"].startswith(f"/me/known/{org.name}?done=corrected")
    known = portal.get(f"/me/known/{org.name}")
    assert "you said so" in known
    assert HOSTILE not in known
    org.send(identify("+44 2", 2), write_key=crm)
    org.view("user_id:ada", events=3)
    assert [phone(org)["value"], *(other["value"] for other in phone(org)["others"])] == [HOSTILE, "+44 2"]

    (message,) = until(lambda: receiver.got)
    data = message["data"]
    assert (message["genuine"], message["type"], data["trait"], data["value"]) == (
        True,
        "rectification",
        "phone",
        HOSTILE,
    )
    assert data["identifiers"] == [{"type": "user_id", "value": "ada"}]
    assert data["customer"] == org.read("user_id:ada").json["customer"]
    until(lambda: re.search(r"who was told</dt><dd>crm, on \d+ \w+ 20\d\d", portal.get("/me/rights")))

    done = run(
        *("person", "correct", person, "--org", org.name, "--trait", "phone", "--value", "+44 3"),
        *("--data", str(node.data), "--json"),
    )
    case = json.loads(done.stdout)
    assert (case["status"], case["told"][0]["source"], phone(org)["value"]) == ("done", "crm", "+44 3")
    assert case["seconds"] < 30
    until(lambda: len(receiver.got) == 2)
    assert portal.post(where, trait="phone", back="yes")[0] == 303
    assert phone(org)["value"] == "+44 2"
    until(lambda: len(receiver.got) == 3)
    assert (receiver.got[2]["data"]["value"], receiver.got[2]["data"]["taken_back"]) == (None, True)

    for fields, problem in (
        ({"trait": "phone", "value": "x" * 5000}, 400),
        ({"trait": "phone", "value": "\x00"}, 400),
        ({"trait": "shoe", "value": "44"}, 404),
        ({"trait": "phone", "back": "yes"}, 400),
        ({}, 404),
        ({"trait": "phone", "value": "x" * 2_000_000}, 413),
    ):
        assert portal.post(where, **fields)[0] == problem, fields
    assert portal.post("/me/known/nobody/correct", trait="phone", value="1")[0] == 404
    assert phone(org)["value"] == "+44 2"

    file = tmp_path / "bundle.json"
    run("person", "bundle", person, "--out", str(file), "--data", str(node.data))
    proved = run("verify", str(file), "--json")
    assert proved.returncode == 0, proved.stdout
    receipts = [one["receipt"] for one in json.loads(file.read_bytes())["receipts"]]
    cases = requests(node, person)
    assert {one for case in cases for one in case["receipts"]} <= {receipt["id"] for receipt in receipts}
    telling = [one for one in receipts if one["action"] == "telling its systems of your correction"]
    assert {tuple(one["recipients"]) for one in telling} == {("crm",)}


def test_a_correction_that_a_kill_cuts_short_is_carried_out_by_the_next_node(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    try:
        org = node.org()
        org.send(identify("+44 1", 1))
        org.view("user_id:ada", events=1)
        person = person_of(node, org)
        portal = Portal(node, person)
        worker = node.children()["worker"]
        os.kill(worker, signal.SIGSTOP)
        asked = threading.Thread(
            target=lambda: portal.post(f"/me/known/{org.name}/correct", trait="phone", value="+44 2")
        )
        asked.daemon = True
        asked.start()
        until(lambda: requests(node, person))
        assert (requests(node, person)[0]["status"], phone(org)["value"]) == ("open", "+44 1")
    finally:
        os.kill(worker, signal.SIGKILL)
        node.stop(signal.SIGKILL)
    node = Node(tmp_path / "data")
    try:
        again = Org(node, org.name, org.write_key, org.api_token)
        until(lambda: requests(node, person)[0]["status"] == "done")
        assert phone(again)["value"] == "+44 2"
        assert len(requests(node, person)) == 1
        assert again.read("user_id:ada").json["events"]["total"] == 2
    finally:
        node.stop()
