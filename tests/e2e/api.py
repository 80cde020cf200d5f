"""What the tests of the HTTP API share: a node with two organizations, and requests as no client library sends them."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.terms import Receipt
from tests.e2e.running import Answer, Node, Org, http

PARTS = ("view", "traits", "identifiers", "events", "evidence")


@dataclass
class House:
    """A running node, two organizations on it that collected of the same people, and its ledger."""

    node: Node
    acme: Org
    rival: Org
    ledger: LedgerFile

    def receipts(self, org: str = "acme", limit: int = 1) -> list[Receipt]:
        return self.ledger.receipts(org, limit)

    def raw(self, request: bytes, wait_s: float = 20) -> bytes:
        """The answer to bytes as they are; the connection is asked to close."""
        with socket.create_connection(("127.0.0.1", self.node.port), wait_s) as line:
            line.sendall(request)
            answer = b""
            while chunk := line.recv(65_536):
                answer += chunk
        return answer

    def get(self, path: str, token: str | None = None) -> Answer:
        """A GET of a path as it is written."""
        return http("GET", self.node.url + path, headers=bearer(token or self.acme.api_token))

    def post(self, path: str, body: Any, token: str | None = None, **headers: str) -> Answer:
        """A POST; what is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return http("POST", self.node.url + path, content, {**bearer(token or self.acme.api_token), **headers})

    def ask(self, customer: Any, purpose: Any = "service", **more: Any) -> Answer:
        return self.post("/v1/customers/view", {"id": customer, "purpose": purpose}, **more)


@contextmanager
def house(directory: Path) -> Iterator[House]:
    """A house that, when it is left, must not have broken anywhere."""
    node = Node(directory / "data")
    try:
        ledger = open_ledger(Settings(data=str(node.data)))
        yield House(node, node.org("acme"), node.org("rival"), ledger)
        ledger.close()
        assert "Traceback" not in node.output(), node.output()[-6000:]
    finally:
        node.stop()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def path_of(customer: str, part: str = "view", query: str = "purpose=service") -> str:
    return f"/v1/customers/{quote(customer, safe='')}/{part}?{query}"


def is_problem(answer: Answer, status: int, code: str, field: str | None = None) -> bool:
    """Whether it is this problem, and well formed; an AssertionError says what it was instead."""
    told = answer.json
    assert (answer.status, told["code"], told.get("field")) == (status, code, field), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["status"] == status
    assert told["type"] == "about:blank"
    assert told["title"]
    assert told["message"] == told["detail"] != ""
    return True


def seen(answer: Answer) -> tuple[Any, ...]:
    """All that a client can see of an answer."""
    return answer.status, tuple(sorted(answer.headers.items())), answer.body
