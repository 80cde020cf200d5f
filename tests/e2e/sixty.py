"""A company with sixty customers, and what is asked of its audiences and computed traits over HTTP."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from rapport.web.api.openapi import document
from tests.e2e.api import House, bearer, house
from tests.e2e.running import Answer, http

GOLD = 'traits.plan == "gold"'
BUYERS = 'count("Order Completed", days(30)) >= 2'
SHAPES = document("http://x")["components"]
CUSTOMERS = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("audiences")) as home:
        for start in range(0, CUSTOMERS, 20):
            home.acme.send(*(event for i in range(start, start + 20) for event in lived(i)))
        home.rival.send({"type": "identify", "userId": "u0", "traits": {"plan": "gold"}})
        home.acme.view(f"user_id:u{CUSTOMERS - 1}", events=2)
        home.rival.view("user_id:u0")
        yield home


def lived(number: int) -> list[dict[str, Any]]:
    """Every third customer is gold, every second has bought twice."""
    who = f"u{number}"
    plan = "gold" if number % 3 == 0 else "free"
    orders = [{"type": "track", "userId": who, "event": "Order Completed", "properties": {"revenue": number}}]
    return [{"type": "identify", "userId": who, "traits": {"plan": plan}}, *orders * (1 + number % 2)]


def call(home: House, method: str, path: str, body: Any = None, token: str | None = None) -> Answer:
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return http(method, home.node.url + path, content, bearer(token or home.acme.api_token))


def put(home: House, name: str, expression: str = GOLD, purpose: str = "service", token: str | None = None) -> Answer:
    body = {"expression": expression, "purpose": purpose}
    return call(home, "PUT", f"/v1/audiences/{quote(name, safe='')}", body, token)


def preview(home: House, expression: str, purpose: str = "service", **more: Any) -> Answer:
    return call(home, "POST", "/v1/audiences/preview", {"expression": expression, "purpose": purpose, **more})


def why(home: House, name: str, customer: str) -> Answer:
    return home.get(f"/v1/audiences/{name}/why?customer={quote(customer, safe='')}")


def filled(home: House, name: str) -> dict[str, Any]:
    """An audience once everybody was asked."""
    deadline = time.monotonic() + 120
    while True:
        told: dict[str, Any] = home.get(f"/v1/audiences/{name}").json
        if told["filling"] is None:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.02)


def settled(home: House, name: str, count: int) -> None:
    """Wait until so many are in."""
    deadline = time.monotonic() + 120
    while home.get(f"/v1/audiences/{name}").json["count"] != count:
        assert time.monotonic() < deadline, home.get(f"/v1/audiences/{name}").json
        time.sleep(0.02)


def members(home: House, name: str, limit: int = 500) -> list[dict[str, Any]]:
    """All pages."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = home.get(f"/v1/audiences/{name}/members?limit={limit}{cursor}").json
        found += page["members"]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def handle(home: House, customer: str) -> str:
    return str(home.acme.view(customer)["customer"])
