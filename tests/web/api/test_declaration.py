"""Declarations over HTTP: put by an organization, read and verified by anyone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.app.embedded import open_ledger, open_promises
from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.kernel.times import now, rfc3339
from rapport.terms import promises

SERVICE = {"purposes": {"service": {"basis": "contract", "retention_days": 30}}}
ROOT = Path(__file__).parents[3]


class Caller:
    """A client of one node, with the tokens of an organization."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient) -> None:
        self.settings = settings
        self.client = client
        ledger = open_ledger(settings)
        ledger.add_org("acme")
        self.token = ledger.mint_token("acme", ["read", "operator"])
        self.reading = ledger.mint_token("acme", ["read"])
        ledger.close()

    async def put(self, body: Any, token: str | None = None, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {token or self.token}", **headers}
        return await self.client.put("/v1/declaration", content=content, headers=sent)

    async def get(self, token: str | None = None, **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {token or self.token}", **headers}
        return await self.client.get("/v1/declaration", headers=sent)

    async def public(self, path: str = "declaration.json", org: str = "acme", **headers: str) -> httpx.Response:
        return await self.client.get(f"/.well-known/rapport/{org}/{path}", headers=headers)


def talk(tmp_path: Path, story: Callable[[Caller], Awaitable[None]]) -> None:
    """Tell a story to a node's application."""

    async def told() -> None:
        settings = Settings(data=str(tmp_path))
        async with application(settings) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                await story(Caller(settings, client))

    asyncio.run(told())


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["code"], answer.json().get("field")


def test_what_is_put_is_what_anyone_reads(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        before = await acme.get()
        assert (before.status_code, before.json()["version"], before.json()["signature"]) == (200, 0, None)
        assert (await acme.public("key.json")).status_code == 404

        done = await acme.put(SERVICE)
        assert done.status_code == 200
        told = done.json()
        assert "keeps your data for 30 days" in " ".join(told["changes"])
        assert told["remarks"] == []

        own, open_ = await acme.get(), await acme.public()
        assert own.json() == open_.json() == told["published"]
        assert own.headers["etag"] == open_.headers["etag"] == done.headers["etag"] != before.headers["etag"]
        assert open_.headers["access-control-allow-origin"] == "*"
        key = (await acme.public("key.json")).json()
        assert key["held_by"] == "node"
        assert promises.verify(open_.json(), promises.from_base64url(key["key"]["x"], 32))
        assert (await acme.public("declaration/1.json")).json() == open_.json()
        assert (await acme.public("declaration/0.json")).json() == before.json()

    talk(tmp_path, story)


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        first = (await acme.put(SERVICE)).json()
        text = b"[purposes.service]\nretention_days = 30\nbasis = 'contract'"
        again = (await acme.put(text, **{"content-type": "Application/TOML; charset=utf-8"})).json()
        assert again == {"published": first["published"], "changes": [], "remarks": []}

    talk(tmp_path, story)


def test_the_example_can_be_put(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        example = (ROOT / "examples/declaration.toml").read_bytes()
        done = await acme.put(example, **{"content-type": "application/toml"})
        assert done.status_code == 200
        assert "'Fair Work Board' is no attester" in done.json()["remarks"][0]

    talk(tmp_path, story)


def test_only_operators_declare(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        for answer in (await acme.put(SERVICE, "rap_nobody"), await acme.get("rap_nobody")):
            assert problem(answer) == (401, "unauthorized", None)
        for answer in (await acme.put(SERVICE, acme.reading), await acme.get(acme.reading)):
            assert problem(answer) == (403, "forbidden", None)
        posted = await acme.client.post("/v1/declaration")
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD, PUT")
        assert (await acme.get()).json()["version"] == 0

    talk(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "field"),
    [
        (b"{", {}, 400, "bad_json", None),
        (b"name =", {"content-type": "application/toml"}, 400, "bad_toml", None),
        ({"purposes": {"offers": {"basis": "wish"}}}, {}, 400, "bad_declaration", "purposes.offers.basis"),
        (b" " * (promises.MAX_BYTES + 1), {}, 413, "too_large", None),
        (SERVICE, {"content-encoding": "gzip"}, 415, "bad_encoding", None),
        (SERVICE, {"rapport-signature": "AAAA"}, 400, "wrong_key", "Rapport-Signature"),
        (SERVICE, {"rapport-signature": "A" * 85 + "B"}, 400, "wrong_key", "Rapport-Signature"),
        (SERVICE, {"rapport-signature": "A" * 86}, 400, "wrong_key", "signature"),
        (SERVICE, {"rapport-key": "A" * 43}, 400, "wrong_key", "signature"),
        (SERVICE, {"rapport-since": "yesterday"}, 400, "bad_time", None),
        (SERVICE, {"if-match": '"7-abc"'}, 412, "outdated", None),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    tmp_path: Path, body: Any, headers: dict[str, str], status: int, code: str, field: str | None
) -> None:
    async def story(acme: Caller) -> None:
        assert problem(await acme.put(body, **headers)) == (status, code, field)
        assert (await acme.get()).json()["version"] == 0

    talk(tmp_path, story)


def test_of_two_who_change_the_same_version_one_is_told(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        tag = (await acme.get()).headers["etag"]
        first = await acme.put(SERVICE, **{"if-match": tag})
        assert first.status_code == 200
        assert problem(await acme.put({"name": "Acme"}, **{"if-match": tag})) == (412, "outdated", None)
        for current in (first.headers["etag"], f'"x", W/{first.headers["etag"]}', "*"):
            assert (await acme.put(SERVICE, **{"if-match": current})).status_code == 200
        assert (await acme.get()).json()["version"] == 1

    talk(tmp_path, story)


def test_who_has_it_is_not_sent_it_again(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        tag = (await acme.public()).headers["etag"]
        for answer in (await acme.public(**{"if-none-match": tag}), await acme.get(**{"if-none-match": f"W/{tag}"})):
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (await acme.public(**{"if-none-match": '"other"'})).status_code == 200

    talk(tmp_path, story)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        for path in ("declaration/1.json", "declaration/x.json", "declaration/-1.json", "declaration/9999999999.json",
                     "declaration/١.json", "declaration/1.txt", "other.json", "key.json"):  # fmt: skip
            assert (await acme.public(path)).status_code == 404, path
        for path in ("declaration.json", "declaration/0.json", "key.json"):
            assert (await acme.public(path, "nobody")).status_code == 404, path
        assert (await acme.client.get("/.well-known/rapport.json")).status_code == 404, "organizations are not listed"

    talk(tmp_path, story)


def test_an_organization_with_its_own_key_signs_over_http(tmp_path: Path) -> None:
    own = Ed25519PrivateKey.generate()
    public = own.public_key().public_bytes_raw()

    async def story(acme: Caller) -> None:
        book = open_promises(acme.settings)
        book.set_key("acme", public)
        assert problem(await acme.put(SERVICE)) == (400, "missing_signature", "signature")

        since = now()
        document = promises.published("acme", 1, SERVICE, since, None)

        def headers(key: Ed25519PrivateKey) -> dict[str, str]:
            value = promises.base64url(key.sign(promises.canonical_json(document)))
            return {"rapport-signature": value, "rapport-since": rfc3339(since)}

        wrong = await acme.put(SERVICE, **headers(Ed25519PrivateKey.generate()))
        assert problem(wrong) == (400, "wrong_key", "signature")
        done = await acme.put(SERVICE, **headers(own), **{"rapport-key": promises.base64url(public)})
        assert done.status_code == 200
        assert promises.verify(done.json()["published"], public)
        assert (await acme.public("key.json")).json()["held_by"] == "organization"

    talk(tmp_path, story)


def test_that_global_privacy_control_is_honoured_is_published_for_anyone(tmp_path: Path) -> None:
    async def story(acme: Caller) -> None:
        answer = await acme.client.get("/.well-known/gpc.json")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["access-control-allow-origin"] == "*"
        said = answer.json()
        assert said.keys() == {"gpc", "lastUpdate"}
        assert said["gpc"] is True
        date.fromisoformat(said["lastUpdate"])

    talk(tmp_path, story)
