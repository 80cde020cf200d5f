"""The company's statement and estimates over HTTP: for operators alone, and wrong ones are named."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from rapport.app import agreeing
from rapport.app.embedded import open_ledger
from rapport.app.node import application
from tests.profile.house import ORG, House, told

GOOD = {
    "side": "customer",
    "group": "people who got offers",
    "effect": "0.40",
    "low": "0.10",
    "high": "0.70",
    "unit": "GBP",
    "n": 1200,
    "method": "holdout",
    "date": "2026-01-31",
}


def asked(house: House, *requests: tuple[str, Any], scopes: Sequence[str] = ("operator",)) -> list[httpx.Response]:
    """What a node over the house's data answers: a path without a body is read."""

    async def answers() -> list[httpx.Response]:
        async with application(house.settings) as app:
            token = open_ledger(house.settings).mint_token(ORG, scopes)
            headers = {"authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
                return [
                    await client.get(path, headers=headers)
                    if body is None
                    else await client.post(path, content=json.dumps(body), headers=headers)
                    for path, body in requests
                ]

    return asyncio.run(answers())


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        house.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada"}), source="crm")
        yield house.settle()


def test_looks_are_counted_and_an_estimate_stands_by_itself(house: House) -> None:
    view = "/v1/customers/user_id:{}/view?purpose=service"
    *_, kept, statement = asked(
        house,
        (view.format("ada"), None),
        (view.format("nobody"), None),
        ("/v1/benefits/estimates", GOOD),
        ("/v1/statement", None),
        scopes=("read", "operator"),
    )
    assert (kept.status_code, kept.json()["estimate"]["effect"]) == (201, "0.40")
    told_ = statement.json()
    assert (told_["used"], told_["nothing"]) == (1, 1)
    assert told_["uses"] == [{"purpose": "service", "why": "to serve you", "count": 1}]
    assert [one["effect"] for one in told_["estimated"]["customer"]] == ["0.40"]
    assert told_["settled"] == {
        "customer": [], "company": [], "by_kind": {"customer": [], "company": []}, "count": 0
    }  # fmt: skip
    assert told_["promises"]["opened"]["purposes"][0]["people"] is None
    assert told_["months"][0]["month"] == told_["month"]


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"n": 3}, "bad_estimate", "n"),
        ({"low": "0.5"}, "bad_estimate", "effect"),
        ({"method": "a hunch"}, "bad_estimate", "method"),
        ({"effect": "much"}, "bad_type", None),
        ({"effect": "NaN"}, "bad_estimate", "effect"),
        ({"date": "2026-13-01"}, "bad_type", None),
        ({"side": "both"}, "bad_type", None),
        ({"more": 1}, "bad_type", None),
        ({"group": "\ud800"}, None, None),
        ({"group": "x" * 10_000}, "bad_estimate", "group"),
    ],
)
def test_what_is_wrong_with_an_estimate_is_named(house: House, wrong: Any, code: str | None, field: str | None) -> None:
    (answer,) = asked(house, ("/v1/benefits/estimates", {**GOOD, **wrong}))
    assert answer.status_code == 400
    if code is not None:
        assert (answer.json()["code"], answer.json().get("field")) == (code, field)


@pytest.mark.parametrize("month", ["2026", "2026-13", "0000-01", "x" * 5000, "２０２６-01"])
def test_what_is_no_month_is_said(house: House, month: str) -> None:
    (answer,) = asked(house, (f"/v1/statement?month={month}", None))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_month")


def test_both_are_for_operators(house: House) -> None:
    answers = asked(house, ("/v1/statement", None), ("/v1/benefits/estimates", GOOD), scopes=("read",))
    assert [answer.status_code for answer in answers] == [403, 403]


def test_after_too_many_simulations_the_rest_is_told_still(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = agreeing.Simulator.__init__

    def few(self: agreeing.Simulator, open_parts: Any, most: int = 1) -> None:
        made(self, open_parts, most)

    monkeypatch.setattr(agreeing.Simulator, "__init__", few)
    _, answer = asked(house, ("/v1/declaration/simulate", {"purposes": {}}), ("/v1/statement", None))
    opened = answer.json()["promises"]["opened"]
    assert (answer.status_code, opened["purposes"]) == (200, None)
    assert "enough for today" in opened["said"]
