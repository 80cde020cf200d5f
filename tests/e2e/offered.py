"""A customer whose every value is a canary, and everything that a node offers, to look for them in it."""

import contextlib
import socket
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from tests.e2e.api import bearer
from tests.e2e.refusing import Cast, browser, unmarked
from tests.e2e.running import Node, Org
from tests.e2e.running import http as ask
from tests.e2e.test_canary import sightings
from tests.e2e.test_console_node import Browser

IDENTIFYING = {
    "email": "zelda.canary@example.com",
    "phone": "+447700905678",
    "user": "canaryuser4811",
    "anonymous": "canaryanon4812",
    "loyalty": "canaryloyal4813",
}
SAID = {
    "name": "Zeldarina",
    "surname": "Canarowska",
    "health": "canaryallergy4814",
    "unclassified": "canaryfrob4815",
    "group": "canarygroup4816",
    "group trait": "canarytrait4817",
    "property": "canaryproperty4818",
    "page": "canarypage4819",
    "campaign": "canarycampaign4820",
    "context": "canarycontext4821",
    "rejected": "canaryrejected4822",
}
HAPPENED = {"event": "Canaryish Tune Sung", "message": "canarymessage4823"}
BOUGHT = {"sku": "canarysku4824"}
MASKED = {"masked e-mail": "z•••@e•••.com", "masked phone": "+4•••78", "masked user": "ca•••11"}
ALL = {**IDENTIFYING, **SAID, **HAPPENED, **BOUGHT}

API = ("user_id:{user}", "email:{email}", "phone:{phone}", "anonymous_id:{anonymous}", "loyalty_id:{loyalty}")


def events() -> list[dict[str, Any]]:
    c = ALL
    return [
        {
            "type": "identify",
            "userId": c["user"],
            "anonymousId": c["anonymous"],
            "messageId": c["message"],
            "traits": {
                "email": c["email"],
                "phone": c["phone"],
                "firstName": c["name"],
                "last_name": c["surname"],
                "allergies": c["health"],
                "frobnication": c["unclassified"],
            },
            "context": {
                "campaign": {"name": c["campaign"]},
                "page": {"url": f"https://x.example/{c['page']}"},
                "mood": c["context"],
                "externalIds": [{"id": c["loyalty"], "type": "loyalty_id", "collection": "users", "encoding": "none"}],
            },
        },
        {"type": "group", "userId": c["user"], "groupId": c["group"], "traits": {"plan": c["group trait"]}},
        {"type": "track", "userId": c["user"], "event": c["event"], "properties": {"p": c["property"]}},
        {"type": "track", "userId": c["user"], "event": "Order Completed", "properties": {"sku": c["sku"]}},
        {"type": "page", "anonymousId": c["anonymous"], "name": c["page"]},
    ]


def rejected() -> list[dict[str, Any]]:
    return [
        {"type": "track", "userId": ALL["user"], "event": "", "properties": {"p": ALL["rejected"]}},
        {"type": "track", "userId": ALL["user"], "event": "X", "timestamp": ALL["rejected"]},
        {"type": ALL["rejected"], "userId": ALL["user"]},
    ]


@dataclass
class Offered:
    """Everything the node offers, asked with all credentials that a company has."""

    node: Node
    org: Org
    browser: Browser
    person: str
    handle: str
    evidence: list[str]
    record: str
    cursor: str
    found: list[str] = field(default_factory=list)
    statuses: dict[str, set[int]] = field(default_factory=dict)

    def note(self, place: str, status: int, content: bytes, secrets: dict[str, str], *asked: str) -> None:
        self.statuses.setdefault(place, set()).add(status)
        told = unmarked(content.decode("utf-8", "replace"), *asked).encode()
        self.found += sightings(f"{place} ({status})", told, secrets)

    def api(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        answer = ask(method, self.node.url + path, body, bearer(self.org.api_token))
        return answer.status, b"\n".join(f"{k}: {v}".encode() for k, v in answer.headers.items()) + answer.body

    def go(self, path: str) -> tuple[int, bytes]:
        self.browser.go(path)
        return self.browser.status, self.browser.page.encode()

    def send(self, path: str, **fields: str) -> tuple[int, bytes]:
        self.browser.go("/console/sources")  # any page that has the session's forms
        self.browser.send(path, **fields)
        return self.browser.status, self.browser.page.encode()

    def stream(self, within_s: float = 60.0) -> tuple[int, bytes]:
        """What the live stream says while more of the same comes in, until it says what came last."""
        jar = next(
            h.cookiejar for h in self.browser._opener.handlers if isinstance(h, urllib.request.HTTPCookieProcessor)
        )
        cookie = "; ".join(f"{c.name}={c.value}" for c in jar)
        wish = f"GET /console/live/news HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"
        content, sent = b"", False
        with socket.create_connection(("127.0.0.1", self.node.port), 0.1) as line:
            line.sendall(wish.encode())
            deadline = time.monotonic() + within_s
            while b"Seen" not in content and time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    content += line.recv(65_536)
                if content and not sent:
                    sent = True
                    stamp = time.monotonic_ns()
                    self.org.send(*({**event, "messageId": f"{n}-{stamp}"} for n, event in enumerate(events()[1:])))
                    self.org.send({"type": "track", "userId": "visible", "event": "Seen", "messageId": f"v{stamp}"})
        assert b"Seen" in content, "the stream is not listened to"
        return int(content.split()[1]), content


def ids(it: Offered) -> list[str]:
    return [*(form.format(**ALL) for form in API), it.handle]


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offered]:
    directory = tmp_path_factory.mktemp("gate")
    node = Node(directory / "data")
    try:
        org = node.org("canary")
        node.source("canary", "spare")
        assert org.send(*({"messageId": f"m{n}", **event} for n, event in enumerate(events()))).status == 200
        org.send(*rejected())
        org.send({"type": "identify", "userId": "visible", "messageId": "v1", "traits": {"firstName": "Visible"}})
        org.view("user_id:visible")
        seen = org.view(f"user_id:{ALL['user']}", events=5)
        evidence = org.read(f"user_id:{ALL['user']}", "evidence").json["evidence"]
        cursor = org.read(f"user_id:{ALL['user']}", "events", limit="1").json["next"]
        people = open_people(Settings(data=str(node.data)))
        person = people.add([f"canary:user_id:{ALL['user']}", f"canary:email:{ALL['email']}"]).handle
        visitor = browser(Cast(node, org, org, people), org)
        record = seen["records"][0]["record"]
        yield Offered(node, org, visitor, person, seen["customer"], [e["id"] for e in evidence], record, cursor)
    finally:
        node.stop()
