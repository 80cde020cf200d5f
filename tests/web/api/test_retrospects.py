"""The summary of what decisions gave over HTTP: as its description says, of whoever asks alone, and never a sum."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import jsonschema_rs
import pytest
from starlette.applications import Starlette

from rapport.kernel.errors import Busy, RapportError
from rapport.learn.reviewed import Other
from rapport.web.api.openapi import document
from rapport.web.api.problems import on_error
from rapport.web.api.retrospects import PATH, retrospect_routes
from rapport.web.retrospects import Looked, Progress, told_review
from tests.web.console.sample_looking import sample_review

SHAPES = document("http://node.test")["components"]


class Tokens:
    """`rap_good` is the shop's; `rap_narrow` may read nothing."""

    def caller(self, token: str) -> Any:
        scopes = {"rap_good": {"read"}, "rap_narrow": {"operator"}}.get(token)
        return None if scopes is None else SimpleNamespace(org="shop", scopes=scopes, token="t")


def asked(look: Callable[[], Looked], token: str = "rap_good") -> httpx.Response:
    orgs: list[str] = []

    class Retrospects:
        async def look(self, org: str, other: Other | None = None) -> Looked:
            orgs.append(org)
            assert other is None
            return look()

    routes = retrospect_routes(Retrospects(), Tokens())  # type: ignore[arg-type]  # of tokens no more is asked
    app = Starlette(routes=routes, exception_handlers={RapportError: on_error})

    async def answered() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node.test") as client:
            return await client.get(PATH, headers={"authorization": f"Bearer {token}"})

    answer = asyncio.run(answered())
    assert set(orgs) <= {"shop"}
    return answer


def shaped(told: Any, name: str) -> None:
    jsonschema_rs.validate({"$ref": f"#/components/schemas/{name}", "components": SHAPES}, told)


@pytest.mark.parametrize("number", [0, 3, 40, 300, 6_000])
def test_what_is_told_is_as_described_whatever_is_known(number: int) -> None:
    answer = asked(lambda: Looked(sample_review(number)))
    assert answer.status_code == 200
    told = answer.json()
    shaped(told, "OutcomeSummary")
    assert told["decisions"] == number
    assert (told["since"] is None) == (number == 0)


def test_each_side_is_told_by_itself() -> None:
    told = told_review(sample_review(6_000))
    assert (told["customer"]["standing"], told["company"]["standing"]) == ("better", "better")
    both = told["customer"]["added"]["value"] + told["company"]["added"]["value"]
    assert f"{both:.4f}" not in str(told)
    (silence, *actions) = told["actions"]
    assert (silence["action"], silence["customer"], silence["company"]) == ("silence", None, None)
    assert silence["gave"]["customer"]["value"] is not None
    assert all(one["customer"]["got"] == one["decisions"] for one in actions)


def test_who_comes_first_is_told_how_far_it_is_and_when_to_come_again() -> None:
    answer = asked(lambda: Looked(None, Progress(12, 90, waiting=False)))
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (202, True)
    assert answer.json() == {"read": 12, "of": 90, "waiting": False}
    shaped(answer.json(), "LookingBack")
    assert asked(lambda: Looked(None)).json()["waiting"] is True


def test_a_token_that_may_not_read_is_told_nothing_and_too_much_at_once_comes_back_later() -> None:
    def busy() -> Looked:
        raise Busy("other looks back are under way: ask again in a moment", retry_after=5)

    assert asked(busy, "rap_narrow").status_code == 403
    assert asked(busy, "rap_unknown").status_code == 401
    refused = asked(busy)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "busy", "5")
