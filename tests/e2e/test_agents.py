"""An authorised agent and a running node: from the pair-wise key setup to files that DuckDB reads, over HTTP, and
through a kill."""

import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from rapport.app.embedded import open_people, open_promises
from rapport.app.settings import Settings
from rapport.terms import Clause, Declaration, Promise, Terms
from rapport.terms.promises import canonical
from tests.app.agent_client import NAME, Signer, by_email
from tests.e2e.running import Answer, Node, Org, http, run

ADA, BO, CY = "ada@example.com", "bo@example.com", "cy@example.com"
ADVERTISING = Clause("adverts", "allow", purposes=("service", "advertising"), categories=("everything",))


class Callbacks:
    """Where an agent takes statuses."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/status"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Sent:
    """An agent that is trusted at an organization, and its way there."""

    node: Node
    org: Org
    signer: Signer
    token: str = ""

    def set_up(self) -> Answer:
        body = self.signer.sign(self.signer.head(self.org.name))
        return self.call("POST", f"/v1/agent/{self.signer.name}", body)

    def ask(self, exercise: str, address: str, **more: Any) -> Answer:
        return self.send(self.signer.asking(self.org.name, exercise, **by_email(address), **more))

    def send(self, message: Any, signer: Signer | None = None) -> Answer:
        return self.call("POST", "/v1/data-rights-request", (signer or self.signer).sign(message))

    def call(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"content-type": "text/plain"} | ({"authorization": f"Bearer {self.token}"} if self.token else {})
        return http(method, f"{self.node.url}/drp/{self.org.name}{path}", body, headers)

    def ended(self, request: str, within_s: float = 90) -> dict[str, Any]:
        """A request, once it is not in progress any more."""
        deadline = time.monotonic() + within_s
        while True:
            told: dict[str, Any] = self.call("GET", f"/v1/data-rights-request/{request}").json
            if told["status"] != "in_progress":
                return told
            assert time.monotonic() < deadline, told
            time.sleep(0.2)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    settings = {"RAPPORT_AGENT_ERASURE_DAYS": "0", "RAPPORT_PRIVATE_DESTINATIONS": "1"}
    node = Node(tmp_path_factory.mktemp("agents") / "data", env=settings)
    try:
        org = node.org("acme")
        node.org("rival")
        key = node.source("acme", "crm", "--trusted")
        for address in (ADA, BO, CY):
            name = address.partition("@")[0]
            traits = {"email": address, "name": name}
            org.post("/v1/batch", {"batch": [{"type": "identify", "userId": name, "traits": traits}]}, write_key=key)
            org.view(f"user_id:{name}", events=0)
        signer = Signer()
        trusted = ("agent", "add", NAME, "--key", signer.verify_key, "--org", "acme", "--attests")
        assert run(*trusted, "--data", str(node.data)).returncode == 0
        sent = Sent(node, org, signer)
        sent.token = sent.set_up().json["token"]
        yield sent
        assert "Traceback" not in node.output(), node.output()[-6000:]
    finally:
        node.stop()


def declare(data: Path) -> None:
    promise = Promise("consent", ("everything",))
    declaration = Declaration(name="Acme", purposes={"service": promise, "advertising": promise})
    open_promises(Settings(data=str(data))).put("acme", canonical(declaration), "json")


def test_a_token_is_set_up_by_signature_and_is_good_for_its_agent(agent: Sent) -> None:
    assert agent.call("GET", f"/v1/agent/{NAME}").json == {}
    assert agent.call("GET", "/v1/agent/SOMEBODY").status == 403
    thief = Sent(agent.node, agent.org, Signer(seed=8))
    refused = thief.set_up()
    assert (refused.status, refused.body) == (403, b"")
    unknown = Sent(agent.node, agent.org, Signer("STRANGER", 4)).set_up()
    assert (unknown.status, unknown.body, unknown.headers) == (403, b"", refused.headers)
    nowhere = http("POST", f"{agent.node.url}/drp/nowhere/v1/agent/{NAME}", b"x")
    assert (nowhere.status, nowhere.body, nowhere.headers) == (403, b"", refused.headers)
    assert thief.call("GET", f"/v1/agent/{NAME}").status == 401


def test_what_a_person_asks_by_an_agent_is_done(agent: Sent, tmp_path: Path) -> None:
    """Access, deletion and opting out, at once; each outcome shows in the words of the protocol."""
    declare(agent.node.data)
    people = open_people(Settings(data=str(agent.node.data)))
    cy = people.add([f"acme:email:{CY}"]).handle
    people.set_terms(cy, Terms("own", (ADVERTISING,)))
    assert agent.org.read("user_id:cy", purpose="advertising").status == 200
    callbacks = Callbacks()
    access = agent.ask("access", ADA, agent_request_id="mine", status_callback=callbacks.url)
    deletion, out = agent.ask("deletion", BO), agent.ask("sale:opt_out", CY)
    unknown = agent.ask("access", "nobody@example.com")
    first = [one.json for one in (access, deletion, out, unknown)]
    assert [one.status for one in (access, deletion, out, unknown)] == [200] * 4
    assert {one["status"] for one in first} == {"in_progress"}
    assert {*first[1]} == {*first[3]} == {"request_id", "received_at", "expected_by", "status"}

    done = agent.ended(first[0]["request_id"])
    assert (done["status"], done["agent_request_id"]) == ("fulfilled", "mine")
    address = agent.node.url + urlsplit(done["results_url"]).path
    assert http("HEAD", address).status == 200
    fetched = http("GET", address)
    assert (fetched.status, fetched.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
        archive.extractall(tmp_path)
    rows = duckdb.sql(f"SELECT organization, value FROM '{tmp_path}/identifiers.json' WHERE type = 'email'").fetchall()
    assert rows == [("acme", ADA)]
    assert http("GET", address).status == http("HEAD", address).status == 403
    assert "results_url" not in agent.ended(first[0]["request_id"])
    assert list((agent.node.data / "agent-results").iterdir()) == []

    assert agent.ended(first[1]["request_id"])["status"] == "fulfilled"
    assert agent.org.read("user_id:bo").status == 404
    assert agent.ended(first[2]["request_id"])["status"] == "fulfilled"
    assert agent.org.read("user_id:cy", purpose="advertising").status == 404
    assert agent.org.read("user_id:cy").status == 200
    assert agent.ended(first[3]["request_id"])["reason"] == "no_match"
    deadline = time.monotonic() + 60
    while not callbacks.taken and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [(one["status"], one["request_id"]) for one in callbacks.taken] == [("fulfilled", first[0]["request_id"])]
    callbacks.close()
    listed = json.loads(run("agent", "requests", "acme", "--data", str(agent.node.data), "--json").stdout)
    assert [one["status"] for one in listed] == ["denied", "fulfilled", "fulfilled", "fulfilled"]
    assert not {ADA, BO, CY} & {str(value) for one in listed for value in one.values()}


def test_what_is_forged_or_replayed_does_nothing(agent: Sent) -> None:
    message = agent.signer.asking("acme", "access", **by_email(ADA))
    other = Signer(seed=5)
    refusals = {
        403: [agent.send(message, other), agent.send({**message, "business-id": "rival"})],
        400: [
            agent.call("POST", "/v1/data-rights-request", b"no base64"),
            agent.call("POST", "/v1/data-rights-request", b""),
            agent.send([1]),
            agent.send({**message, "exercise": "access:categories"}),
            agent.send({**message, **agent.signer.head("acme", 1)}),
        ],
        413: [agent.call("POST", "/v1/data-rights-request", b"A" * 70_000)],
        401: [Sent(agent.node, Org(agent.node, "rival", "", ""), agent.signer, agent.token).send(message)],
    }
    for status, answers in refusals.items():
        for answer in answers:
            assert (answer.status, answer.json["code"]) == (status, str(status)), answer
            assert answer.json["message"]
            assert answer.headers["content-type"] == "application/json"
    first = agent.send(message)
    again = agent.call("POST", "/v1/data-rights-request/", agent.signer.sign(json.dumps(message, indent=2).encode()))
    assert first.json["request_id"] == again.json["request_id"]
    other_one = agent.call("GET", "/v1/data-rights-request/00000000-0000-4000-8000-000000000000")
    assert other_one.status == 403
    revoked = agent.call("DELETE", f"/v1/data-rights-request/{first.json['request_id']}", agent.signer.sign({}))
    assert (revoked.status, revoked.json["status"]) == (200, "revoked")


def test_what_was_taken_in_is_done_once_after_a_kill(tmp_path: Path) -> None:
    node = Node(tmp_path / "data", env={"RAPPORT_AGENT_ERASURE_DAYS": "0"})
    try:
        org = node.org("acme")
        key = node.source("acme", "crm", "--trusted")
        batch = [{"type": "identify", "userId": n, "traits": {"email": f"{n}@example.com"}} for n in ("ada", "bo")]
        org.post("/v1/batch", {"batch": batch}, write_key=key)
        org.view("user_id:bo", events=0)
        signer = Signer()
        add = ("agent", "add", NAME, "--key", signer.verify_key, "--org", "acme", "--attests", "--data", str(node.data))
        assert run(*add).returncode == 0
        sent = Sent(node, org, signer)
        sent.token = sent.set_up().json["token"]
        asked = [sent.ask("access", ADA).json["request_id"], sent.ask("deletion", BO).json["request_id"]]
        time.sleep(5.2)  # the work begins
        os.killpg(node.process.pid, signal.SIGKILL)
        node.process.wait()
        node.stop()
        again = Node(node.data, env={"RAPPORT_AGENT_ERASURE_DAYS": "0"})
        try:
            sent.node = again
            ended = [sent.ended(request) for request in asked]
            assert [one["status"] for one in ended] == ["fulfilled", "fulfilled"]
            assert Org(again, "acme", org.write_key, org.api_token).read("user_id:bo").status == 404
            times = json.loads(run("request", "times", "--data", str(node.data), "--json").stdout)
            assert {one["right"]: one["ended"] for one in times} == {"access": 1, "erasure": 1}
        finally:
            again.stop()
    finally:
        node.stop()
