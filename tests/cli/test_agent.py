"""`rapport agent`: whom an organization trusts, in the operator's hands."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.terms.data_rights import ACTIONS
from tests.app.agent_client import Signer
from tests.e2e.running import run


@pytest.fixture
def data(tmp_path: Path) -> str:
    ledger = open_ledger(Settings(data=str(tmp_path)))
    for org in ("acme-shop", "rival"):
        ledger.add_org(org)
    ledger.close()
    return str(tmp_path)


def agent(data: str, *words: str) -> Any:
    done = run("agent", *words, "--data", data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_agent_is_trusted_where_it_is_said_by_a_key_that_is_pinned(data: str) -> None:
    signer = Signer("PERMISSION_SLIP")
    pinned = ("add", "PERMISSION_SLIP", "--key", signer.verify_key)
    agent(data, *pinned, "--org", "acme-shop", "--attests")
    agent(data, *pinned, "--org", "rival")
    (one,) = json.loads(agent(data, "list", "--json"))
    assert (one["agent"], one["key"], one["orgs"]) == ("PERMISSION_SLIP", signer.verify_key, ["acme-shop", "rival"])
    assert one["attests"] == ["acme-shop"]
    assert "acme-shop (attests), rival\n" in agent(data, "list")
    refused = run(
        "agent", "add", "PERMISSION_SLIP", "--key", Signer(seed=2).verify_key, "--org", "rival", "--data", data
    )
    assert refused.returncode != 0
    assert "another key" in refused.stderr
    agent(data, "remove", "PERMISSION_SLIP", "--org", "rival")
    assert json.loads(agent(data, "list", "--json"))[0]["orgs"] == ["acme-shop"]
    agent(data, "remove", "PERMISSION_SLIP")
    assert "No agent is trusted yet" in agent(data, "list")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "X", "--key", "AAAA", "--org", "rival"), "32 bytes"),
        (("add", "X", "--key", base64.b64encode(bytes(32)).decode(), "--org", "rival"), "anybody could sign"),
        (("add", "X", "--key", Signer().verify_key), "--org ORG"),
        (("add", "X", "--key", Signer().verify_key, "--org", "nowhere"), "no organization"),
        (("add", "no name", "--key", Signer().verify_key, "--org", "rival"), "cannot name an agent"),
        (("remove", "NOBODY"), "no agent"),
        (("requests", "nowhere"), "no organization"),
        (("entry", "nowhere"), "no organization"),
    ],
)
def test_what_is_wrong_is_said(data: str, words: tuple[str, ...], why: str) -> None:
    done = run("agent", *words, "--data", data)
    assert done.returncode != 0
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_an_entry_is_what_a_directory_asks_for(data: str) -> None:
    entry = json.loads(agent(data, "entry", "acme-shop"))
    assert entry["id"] == "ACME_SHOP"
    assert entry["api_base"] == "http://localhost:8080/drp/acme-shop"
    assert entry["supported_actions"] == list(ACTIONS)
    assert agent(data, "requests", "acme-shop").strip() == "No agent asked for anything yet."
