"""Links for claims over HTTP: an operator's token makes them, and the audit log says that it did, never for whom."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from rapport.adapters.embedded.audit import AuditLog
from rapport.app.embedded import open_ledger
from rapport.app.node import application
from tests.profile.house import ORG, House

WHO = "user_id:ada"


def post(house: House, customer: str, *scopes: str) -> httpx.Response:
    async def answer() -> httpx.Response:
        async with application(house.settings) as app:
            headers = {"authorization": f"Bearer {open_ledger(house.settings).mint_token(ORG, list(scopes))}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
                return await client.post("/v1/claim-links", content=json.dumps({"customer": customer}), headers=headers)

    return asyncio.run(answer())


def noted(house: House) -> list[tuple[str, str, str]]:
    with closing(open_ledger(house.settings)) as ledger:
        rows, _ = AuditLog(ledger).page(ORG)
    return [(one.what, one.about, one.failed) for one in rows if "claim link" in one.what]


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        yield house


def test_the_audit_log_says_that_a_link_was_made_and_not_whose(house: House) -> None:
    made = post(house, WHO, "operator")
    assert made.status_code == 201
    assert "/me/claim?code=" in made.json()["url"]
    assert noted(house) == [("made a claim link", "", "")]


def test_it_says_that_one_was_refused_too(house: House) -> None:
    assert post(house, "nothing:", "operator").status_code == 400
    assert noted(house)[0] == ("made a claim link", "", "bad_claim")
    assert post(house, WHO, "read").status_code == 403
