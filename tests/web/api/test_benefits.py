"""Benefits over HTTP: accepted once, refused like everywhere, and wrong bodies named."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from rapport.app.embedded import open_ledger
from rapport.app.node import application
from tests.profile.house import ORG, House, told

SAID = {"customer": "user_id:ada", "side": "customer", "kind": "refund", "unit": "GBP", "evidence": "2"}


def post(house: House, *bodies: Any, token: str | None = None) -> list[httpx.Response]:
    """What a node over the house's data answers to each body."""

    async def answers() -> list[httpx.Response]:
        async with application(house.settings) as app:
            ledger = open_ledger(house.settings)
            headers = {"authorization": f"Bearer {token or ledger.mint_token(ORG, ['read'])}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
                sent = (body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies)
                return [await client.post("/v1/benefits", content=body, headers=headers) for body in sent]

    return asyncio.run(answers())


@pytest.fixture
def house() -> Any:
    with House() as house:
        house.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada"}), source="crm")
        house.send(told(type="track", userId="ada", messageId="2", event="Order Completed"), source="crm")
        yield house.settle()


def test_a_benefit_is_accepted_and_again(house: House) -> None:
    said = {**SAID, "amount": "5.00"}
    first, again, number = post(house, said, said, {**SAID, "kind": "discount", "amount": 0.1})
    assert (first.status_code, again.status_code, number.status_code) == (201, 201, 201)
    assert first.json()["status"] == "accepted"
    assert first.json()["benefit"] == again.json()["benefit"] != number.json()["benefit"]


def test_refused_looks_like_unknown(house: House) -> None:
    house.people.lock(house.people.add([f"{ORG}:user_id:ada"]).handle)
    locked, unknown = post(house, {**SAID, "amount": "1"}, {**SAID, "amount": "1", "customer": "user_id:nobody"})
    assert locked.status_code == unknown.status_code == 404
    assert locked.json() == unknown.json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**SAID, "amount": "1", "evidence": "3"}, "no_evidence"),
        ({**SAID, "amount": "1", "receipt": "rcp_x"}, "no_use"),
        ({**SAID, "amount": "much"}, "bad_type"),
        ({**SAID, "amount": True}, "bad_type"),
        ({**SAID, "amount": "1", "more": 1}, "bad_type"),
        (SAID, "bad_benefit"),
        ({**SAID, "amount": "1", "customer": "ada"}, "bad_id"),
        (b"{", "bad_json"),
        (b"\xff", "bad_json"),
    ],
)
def test_what_is_wrong_is_named(house: House, body: Any, code: str) -> None:
    (answer,) = post(house, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_token_is_needed(house: House) -> None:
    (answer,) = post(house, SAID, token="rap_nothing")
    assert answer.status_code == 401
