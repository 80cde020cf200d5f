"""The description of the HTTP API: valid, whole, and true to the code beside it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Route

from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.collect import LIMITS
from rapport.collect.errors import Code
from rapport.kernel.identifiers import MAX_LENGTH
from rapport.kernel.vocabulary import PURPOSES
from rapport.profile.paging import MAX_LIMIT
from rapport.web.api.collect import PATHS, CollectRoute
from rapport.web.api.customers import MAX_BODY, MAX_PATH
from rapport.web.api.openapi import document, openapi_routes

ROOT = Path(__file__).parents[3]
ORIGIN = "https://rapport.example.com"
DOCUMENT = document(ORIGIN)
PAGES = re.compile(r"/(console|me|signin|u)(/|$)")
IMPLIED = {"HEAD", "OPTIONS"}
FILLED = {
    "{id}": "user_id:ada",
    "{key}": "wk_key",
    "{rest:path}": "user_id:ada/traits",
    "{org}": "acme",
    "{request_id}": "c789ff35-7644-4ceb-9981-4b35c264aac3",
    "{agent_id}": "AGENT",
    "{secret}": "secret",
    "{version}": "1",
    "{name}": "gold",
    "{channel}": "email",
    "{level}": "0",
    "{tile}": "000",
    "{tile:path}": "000",
}


def within(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from within(value)
    elif isinstance(node, list):
        for value in node:
            yield from within(value)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def at(reference: str) -> Any:
    """What a `#/components/…` reference leads to; KeyError where it leads nowhere."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def whole(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that can look up what it refers to."""
    return {**schema, "components": DOCUMENT["components"]}


def test_it_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    assert OPENAPI_31_VALIDATOR.is_valid({**DOCUMENT, "paths": {"no-slash": {}}}) is False


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_each_schema_is_a_valid_one(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    jsonschema_rs.Draft202012Validator(whole(schema))


def test_every_reference_leads_somewhere_and_nothing_is_named_in_vain() -> None:
    used = {node["$ref"] for node in within(DOCUMENT) if "$ref" in node}
    for reference in used:
        assert at(reference)
    kinds = ("schemas", "responses", "requestBodies", "parameters")
    there = {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]}
    assert there - used == set()


def test_operations_have_names_of_their_own_and_known_tags() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {tag for _, _, operation in operations() for tag in operation["tags"]} == tags


def test_links_lead_to_operations() -> None:
    names = {operation["operationId"] for _, _, operation in operations()}
    links = [link for node in within(DOCUMENT) for link in node.get("links", {}).values()]
    assert links
    assert {link["operationId"] for link in links} <= names


def test_examples_are_what_they_are_examples_of() -> None:
    seen = 0
    for node in within(DOCUMENT):
        schema = node.get("schema", node)
        examples = [*node.get("examples", []), node["example"]] if "example" in node else node.get("examples", [])
        values = [each["value"] for each in examples.values()] if isinstance(examples, dict) else examples
        for value in values:
            jsonschema_rs.validate(whole({k: v for k, v in schema.items() if k != "examples"}), value)
            seen += 1
    assert seen > 10


def routes(tmp_path: Path) -> list[BaseRoute]:
    """The routes of the application as it is served."""

    async def made() -> list[BaseRoute]:
        async with application(Settings(data=str(tmp_path))) as app:
            return list(app.app.routes)

    return asyncio.run(made())


def address(template: str) -> str:
    for name, value in FILLED.items():
        template = template.replace(name, value)
    assert "{" not in template
    return template


def test_every_route_is_described(tmp_path: Path) -> None:
    described = {(address(path), method) for path, method, _ in operations()}
    unknown = set()
    for route in routes(tmp_path):
        if isinstance(route, CollectRoute):
            served = {(path, "POST") for path in PATHS}
        elif PAGES.match(route.path):
            continue
        else:
            assert isinstance(route, Route)
            methods = route.methods or {"GET"}  # the raw customer paths, which answer GET alone
            served = {(address(route.path), method) for method in methods - IMPLIED}
        unknown |= served - described
    assert unknown == set()


def test_nothing_is_described_that_is_not_routed(tmp_path: Path) -> None:
    there = routes(tmp_path)
    for path, method, _ in operations():
        scope = {"type": "http", "method": method, "path": address(path), "headers": []}
        assert any(route.matches(scope)[0] is Match.FULL for route in there), f"{method} {path}"


def test_it_says_what_the_code_says() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Purpose"]["enum"] == list(PURPOSES)
    assert schemas["Rejection"]["properties"]["code"]["enum"] == list(Code)
    for path, target in PATHS.items():
        description = DOCUMENT["paths"][path]["post"]["description"]
        limits = LIMITS[target.wire]
        assert all(f"{number:,}" in description for number in (limits.event, limits.body, limits.events)), path
    assert DOCUMENT["servers"] == [{"url": ORIGIN}]


def test_whoever_reads_customers_needs_a_token_and_whoever_sends_a_key() -> None:
    for path, _, operation in operations():
        needed = [name for each in operation.get("security", []) for name in each]
        areas = (
            "customers",
            "evidence",
            "declaration",
            "benefits",
            "exports",
            "statement",
            "claim-links",
            "audiences",
            "traits",
            "destinations",
            "actions",
            "units",
            "decisions",
            "deciding",
            "outcomes",
            "channels",
        )
        if path.startswith(tuple(f"/v1/{area}" for area in areas)):
            assert needed == ["api_token"], path
        elif path.startswith("/v1/spaces/"):
            assert needed == ["api_token_basic"], path
        elif path in PATHS:
            assert needed == ["write_key", "write_key_bearer"], path
        elif path.startswith("/drp/") and operation["operationId"] not in {"setUpAgentToken", "fetchResults"}:
            assert needed == ["agent_token"], path
        elif path.startswith("/presence/"):
            assert needed == (["api_token"] if path.startswith("/presence/taps") else ["device_proof"]), path
        else:
            assert needed == [], path


def fetch(method: str = "GET", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = Starlette(routes=openapi_routes(ORIGIN))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            return await client.request(method, "/openapi.json", headers=headers)

    return asyncio.run(ask())


def test_it_is_served_to_anyone() -> None:
    served = fetch()
    assert served.status_code == 200
    assert served.headers["content-type"] == "application/json"
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.headers["cache-control"].startswith("public, max-age=")
    assert served.json() == DOCUMENT


def test_who_has_it_is_not_sent_it_again() -> None:
    tag = fetch().headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = fetch(**{"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    for known in ('"other"', "", tag.strip('"')):
        assert fetch(**{"if-none-match": known}).status_code == 200


CODES = re.compile(r"code ?= ?\"([a-z_]+)\"|problem\(\s*\d+,\s*\"([a-z_]+)\"")
SPEAKING = ["web/api", "terms", "profile/paging.py", "profile/links.py", "kernel", "app/operators.py", "app/node.py"]


def test_every_code_that_can_be_answered_is_in_the_reference() -> None:
    files = [path for place in SPEAKING for path in _python(ROOT / "src/rapport" / place)]
    said = {code for path in files for found in CODES.findall(path.read_text()) for code in found if code}
    reference = "".join((ROOT / "docs/reference" / name).read_text() for name in ("http-api.md", "collect.md"))
    assert {code for code in said if f"`{code}`" not in reference} - UNSPOKEN == set()


UNSPOKEN = {"error", "misconfigured", "corrupt", "bad_name"}
"""Codes that no request can bring about."""


def _python(place: Path) -> Iterator[Path]:
    return iter([place]) if place.is_file() else place.rglob("*.py")


def test_every_path_is_in_the_reference() -> None:
    reference = "".join((ROOT / "docs/reference" / name).read_text() for name in ("http-api.md", "collect.md"))
    for path, _, operation in operations():
        if "spellings" in operation["tags"][0]:
            continue
        shown = path.replace("/v1/customers/{id}", "/v1/customers/{type}:{value}")
        part = shown.rpartition("/")[2]
        assert shown in reference or f"`{part}`" in reference, path


def test_the_reference_names_the_limits_that_hold() -> None:
    reference = (ROOT / "docs/reference/http-api.md").read_text()
    for limit in (MAX_BODY, MAX_PATH, MAX_LENGTH, MAX_LIMIT):
        assert f"{limit:,}" in reference, limit
