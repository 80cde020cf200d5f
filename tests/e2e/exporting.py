"""Asking a running node for exports: what the tests of whole ones and of those that were cut short share."""

import json
import time
from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.exports import ExportBook, Held
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from tests.e2e.api import bearer
from tests.e2e.running import Answer, Node, Org, http

PROMISES = {
    "name": "Acme",
    "purposes": {"service": {"basis": "contract", "retention_days": 2, "recipients": ["Parcel Post", "Ümläut & Co"]}},
}
EVERYONE = range(1, 100_000)


def identify(number: int) -> dict[str, Any]:
    traits = {"email": f"p{number}@example.com", "name": f'Person, "{number}"', "visits": number}
    return {"type": "identify", "userId": f"u{number}", "traits": traits}


def declare(org: Org, declaration: dict[str, Any]) -> None:
    body, headers = json.dumps(declaration).encode(), bearer(org.api_token)
    assert http("PUT", f"{org.node.url}/v1/declaration", body, headers).status == 200


def ask(org: Org, form: str = "parquet", **more: Any) -> Answer:
    return org.operate("/v1/exports", {"purpose": "service", "format": form, **more})


def ended(org: Org, export: str, within_s: float = 90) -> Any:
    """How an export is, once it is neither waiting nor running."""
    return until(org, export, lambda one: one["status"] not in ("waiting", "running"), within_s)


def until(org: Org, export: str, is_so: Callable[[Any], bool], within_s: float = 90) -> Any:
    deadline = time.monotonic() + within_s
    while True:
        one = org.get(f"/v1/exports/{export}").json
        if is_so(one):
            return one
        assert time.monotonic() < deadline, one
        time.sleep(0.02)


def made(org: Org, form: str = "parquet", **more: Any) -> Any:
    asked = ask(org, form, **more)
    assert (asked.status, asked.json["status"]) == (202, "waiting"), asked
    assert asked.headers["location"] == f"/v1/exports/{asked.json['export']}"
    done = ended(org, asked.json["export"])
    assert done["status"] == "done", done
    return done


def delete(org: Org, export: str) -> Answer:
    return http("DELETE", f"{org.node.url}/v1/exports/{export}", headers=bearer(org.api_token))


def held(node: Node, org: str = "acme") -> list[Held]:
    return ExportBook(open_ledger(Settings(data=str(node.data)))).holding(org, EVERYONE)


def files(node: Node) -> set[str]:
    return {path.name for path in (node.data / "exports").glob("*") if path.suffix != ".lock"}
