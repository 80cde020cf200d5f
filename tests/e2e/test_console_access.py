"""Operators sign in to a real node's console in a real browser, with passkeys of a virtual authenticator."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import AXE, LOOKS, problems
from tests.e2e.devices import Device, device, go, seen
from tests.e2e.running import Node, Org, http, run

__all__ = ["device"]
pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return (f"access{number}" for number in range(100))


@pytest.fixture
def org(node: Node, names: Iterator[str]) -> Org:
    return node.org(next(names))


def told(node: Node, *words: str) -> str:
    said = run(*words, "--data", str(node.data), "--port", str(node.port), "--json")
    return str(json.loads(said.stdout)["url"])


def first_start(device: Device, node: Node, org: Org) -> None:
    """From the link of the first start to the first owner's passkey."""
    device.page.goto(told(node, "console", org.name))
    device.page.get_by_role("button", name="Sign in on this browser").click()
    device.page.wait_for_url("**/console/live")
    device.page.get_by_role("link", name="make a passkey").click()
    device.page.get_by_role("button", name="Make a passkey").click()
    device.page.wait_for_url("**/console/passkeys?done=made")


def age(node: Node) -> None:
    """Let six minutes pass for every session of the console."""
    with sqlite3.connect(node.data / "ledger.db", timeout=20) as db:
        db.execute("UPDATE session SET verified_at = verified_at - 360000000")


def test_from_the_first_start_to_coming_in_without_a_key_pressed(node: Node, device: Device, org: Org) -> None:
    first_start(device, node, org)
    assert told(node, "console", org.name).endswith("/console/signin")
    assert "/console/start?code=" in told(node, "console", org.name, "--recover")
    device.forget_session()
    go(device, node, "/console/live")
    device.page.wait_for_url("**/console/live")  # by /console/signin, of itself
    expect(device.page.locator("footer")).to_contain_text("signed in as Owner")


def test_somebody_is_invited_works_and_is_let_in_no_more(
    node: Node, browser: Browser, device: Device, org: Org
) -> None:
    first_start(device, node, org)
    go(device, node, "/console/operators")
    device.page.get_by_label("Their name").fill("Sam Elm")
    device.page.get_by_label("Their role").select_option("auditor")
    device.page.get_by_role("button", name="Add and invite").click()
    link = device.page.locator("#link").inner_text()
    sam = Device(browser)
    sam.page.goto(link)
    sam.page.get_by_role("button", name="Make a passkey").click()
    sam.page.wait_for_url("**/console/uses")
    expect(sam.page.get_by_role("navigation", name="Console").get_by_role("link")).to_have_text(
        ["Actions", "Outcomes", "Promise", "Use", "Access"]
    )
    go(sam, node, "/console/customers")
    expect(sam.page.locator("main")).to_contain_text(
        "This is for the role owner or agent. You are signed in as auditor"
    )
    sam.page.goto(link)
    expect(sam.page.get_by_role("heading", level=1)).to_have_text("This invitation is used up")
    go(device, node, "/console/operators")
    device.page.get_by_text("Change… Sam Elm").click()
    device.page.get_by_role("button", name="Remove Sam Elm").click()
    expect(device.page.get_by_role("status")).to_contain_text("Removed")
    go(sam, node, "/console/uses")
    sam.page.wait_for_url("**/console/signin")
    go(device, node, "/console/audit")
    for line in ("removed an operator, who was auditor", "added an operator as auditor", "came in by a link"):
        expect(device.page.get_by_role("table")).to_contain_text(line)
    sam.context.close()


def test_what_cannot_be_taken_back_asks_for_the_passkey_and_goes_on_with_what_was_typed(
    node: Node, device: Device, org: Org
) -> None:
    first_start(device, node, org)
    go(device, node, "/console/tokens")
    device.page.get_by_label("What it is for").fill("nightly figures")
    device.page.get_by_role("checkbox", name="operator").check()
    age(node)
    cookie = device.context.cookies()[0]["value"]
    device.page.get_by_role("button", name="Make it").click()
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Show that it is you")
    device.page.get_by_role("button", name="Use my passkey").click()
    token = device.page.locator("#token").inner_text()
    assert device.context.cookies()[0]["value"] != cookie
    expect(device.page.locator(".access-row").first).to_contain_text("nightly figures")
    asked = {"authorization": f"Bearer {token}"}
    assert http("GET", f"{node.url}/v1/exports", headers=asked).status == 200
    device.page.get_by_text("Change… the token nightly figures").click()
    device.page.get_by_role("button", name="Revoke nightly figures").click()
    expect(device.page.get_by_role("status")).to_contain_text("Revoked")
    device.page.wait_for_timeout(1000)
    assert http("GET", f"{node.url}/v1/exports", headers=asked).status == 401


def test_a_person_s_passkey_is_none_of_an_operator_s(node: Node, device: Device, org: Org) -> None:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    device.page.goto(told(node, "person", "invite", json.loads(made.stdout)["person"]))
    device.page.get_by_role("button", name="Make a passkey").click()
    device.page.wait_for_url("**/me")
    go(device, node, "/console/signin")
    device.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(device.page.get_by_role("status")).not_to_be_empty()
    assert device.page.url.endswith("/console/signin")


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_pages_for_who_comes_in_pass_axe_and_fit(node: Node, browser: Browser, org: Org) -> None:
    device = Device(browser)
    axe = AXE.read_text()
    first_start(device, node, org)
    told(node, "operator", "add", "Zoe Ash", "--org", org.name, "--role", "agent")
    inside = ("passkeys", "operators", "tokens", "audit", "again?back=/console/passkeys")
    found = seen(device, node, axe, {name: f"/console/{name}" for name in inside})
    device.unplug()
    device.forget_session()
    device.page.goto(told(node, "operator", "add", "Sam Elm", "--org", org.name, "--role", "agent"))
    found += problems(device.page, axe, "invite", LOOKS)
    found += seen(device, node, axe, {"signin": "/console/signin", "used up": "/console/signin/invite?code=x"})
    device.context.close()
    assert found == []


def test_what_programs_and_the_command_line_do_is_in_the_audit_log_too(node: Node, org: Org, tmp_path: Path) -> None:
    document = tmp_path / "promise.toml"
    document.write_text('[purposes.service]\nbasis = "contract"\n')
    assert run("declaration", "put", org.name, str(document), "--data", str(node.data)).returncode == 0
    assert org.operate("/v1/exports", {"purpose": "service", "format": "csv"}).status == 202
    assert org.operate("/v1/evidence/evi_nothing/retract", {}).status == 400
    said = run("audit", org.name, "--limit", "4", "--data", str(node.data), "--json")
    lines = [(line["name"], line["what"], line["failed"]) for line in json.loads(said.stdout)["audit"]]
    assert lines == [
        ("a token", "retracted evidence", "bad_id"),
        ("a token", "retracted evidence", ""),
        ("a token", "asked for an export", ""),
        ("the command line", "declared a promise", ""),
    ]
