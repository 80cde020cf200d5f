"""A person signs in to a real node in a real browser, with passkeys of a virtual authenticator: nothing is typed."""

import json
import sqlite3
import time

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import AXE, LOOKS, problems
from tests.e2e.devices import REVOKE, Device, device, enrol, go, invited, seen
from tests.e2e.running import Node, Org, run

__all__ = ["device"]
pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("mine")
    made.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada"}})
    made.view("user_id:ada", events=1)
    return made


@pytest.fixture
def person(node: Node, org: Org) -> str:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    return str(json.loads(made.stdout)["person"])


def test_who_was_invited_comes_in_again_without_a_key_pressed(node: Node, device: Device, person: str) -> None:
    enrol(device, node, person)
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Companies and me")
    device.forget_session()
    go(device, node, "/me/terms")
    device.page.wait_for_url("**/me")  # by /signin, of itself
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Companies and me")


def test_a_link_is_used_up_by_one_passkey(node: Node, device: Device, person: str) -> None:
    url = invited(node, person)
    device.page.goto(url)
    device.page.goto(url)  # looking at it spends nothing
    device.page.get_by_role("button", name="Make a passkey").click()
    device.page.wait_for_url("**/me")
    device.page.goto(url)
    expect(device.page.get_by_role("heading", level=1)).to_have_text("This link is used up")


ASKED = """
    const get = navigator.credentials.get.bind(navigator.credentials);
    window.asked = [];
    navigator.credentials.get = (options) => {
        asked.push(options.uiMode || options.mediation || "anything");
        return get(options);
    };
"""


def test_a_button_waits_for_the_script_that_does_its_work(node: Node, device: Device, person: str) -> None:
    """What was pressed before it would have done nothing, and nobody would have known."""
    device.page.route("**/signin.*.js", lambda script: script.abort())
    device.page.goto(invited(node, person))
    button = device.page.get_by_role("button", name="Make a passkey")
    expect(button).to_be_disabled()
    device.page.unroute("**/signin.*.js")
    device.page.reload()
    expect(button).to_be_enabled()


def test_without_a_passkey_nobody_comes_in(node: Node, device: Device) -> None:
    device.page.add_init_script(ASKED)
    go(device, node, "/me")
    device.page.wait_for_url("**/signin")
    device.page.wait_for_function("asked.length")
    device.page.get_by_role("button", name="Sign in with a passkey").click()
    # What is on this device was asked for first, which fails at once; then anything is, such as a phone.
    expect(device.page.get_by_role("status")).to_contain_text("Press again")
    device.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(device.page.get_by_role("status")).to_contain_text("did not prove")
    assert device.page.evaluate("asked") == ["conditional", "immediate", "anything"]
    assert device.page.url.endswith("/signin")


def test_a_second_passkey_is_made_the_first_revoked_and_the_second_opens(
    node: Node, device: Device, person: str
) -> None:
    enrol(device, node, person)
    go(device, node, "/me/devices")
    expect(device.page.locator("summary").filter(has_text=REVOKE)).to_have_count(0)  # never the last one
    (first,) = device.credentials()
    device.unplug()
    device.authenticator = device.plug_in()
    device.page.get_by_role("button", name="Make another passkey").click()
    expect(device.page.get_by_role("status").first).to_contain_text("opens your page from now on")
    device.page.locator("summary").filter(has_text=REVOKE).first.click()
    device.page.get_by_role("button", name="Yes, revoke it").click()
    device.page.wait_for_url("**/me")  # what the first had opened is closed, here too: by /signin, with the second
    go(device, node, "/me/devices")
    expect(device.page.locator("summary").filter(has_text=REVOKE)).to_have_count(0)
    # A password manager that holds the first still is told that it opens nothing, and lets go of it.
    device.unplug()
    device.authenticator = device.plug_in()
    device.chrome.send("WebAuthn.addCredential", {"authenticatorId": device.authenticator, "credential": first})
    assert len(device.credentials()) == 1
    go(device, node, "/me/devices")
    deadline = time.monotonic() + 60
    while device.credentials() and time.monotonic() < deadline:
        device.page.wait_for_timeout(50)
    assert device.credentials() == []


def test_signing_out_everywhere_else_holds_at_once(node: Node, browser: Browser, device: Device, person: str) -> None:
    enrol(device, node, person)
    other = Device(browser)
    enrol(other, node, person)
    go(device, node, "/me/devices")
    device.page.get_by_text("End all others…").click()
    device.page.get_by_role("button", name="Yes, end all others").click()
    expect(device.page.get_by_role("status").first).to_contain_text("Ended")
    other.unplug()
    go(other, node, "/me/asked")
    assert other.page.url.endswith("/signin")
    other.context.close()


def test_what_cannot_be_taken_back_asks_again_who_is_there(node: Node, device: Device, person: str, org: Org) -> None:
    enrol(device, node, person)
    cookie = device.context.cookies()[0]
    go(device, node, "/me/erase")
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Erase everything")
    _age(node, person)
    go(device, node, "/me/erase")
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Show that it is you")
    device.page.get_by_role("button", name="Use my passkey").click()
    device.page.wait_for_url("**/me/erase")
    assert device.context.cookies()[0]["value"] != cookie["value"]  # another session than before
    assert org.read("user_id:ada").status == 200


def _age(node: Node, person: str) -> None:
    """Let six minutes pass for a person's sessions."""
    with sqlite3.connect(node.data / "ledger.db", timeout=20) as db:
        db.execute(
            "UPDATE own_session SET verified_at = verified_at - 360000000 "
            "WHERE person = (SELECT id FROM person WHERE handle = ?)",
            (person,),
        )


def test_an_authenticator_that_verifies_nobody_is_refused(node: Node, device: Device, person: str) -> None:
    enrol(device, node, person)
    device.forget_session()
    wanting = {"authenticatorId": device.authenticator, "isUserVerified": False}
    device.chrome.send("WebAuthn.setUserVerified", wanting)
    go(device, node, "/signin")
    device.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(device.page.get_by_role("status")).not_to_be_empty()
    assert device.page.url.endswith("/signin")


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_pages_for_signing_in_pass_axe_and_fit(node: Node, browser: Browser, person: str) -> None:
    device = Device(browser)
    axe = AXE.read_text()
    device.page.goto(invited(node, person))
    found = problems(device.page, axe, "invite", LOOKS)
    enrol(device, node, person)
    run("person", "terms", person, "--preset", "balanced", "--data", str(node.data))
    signing = {"sign": "/me/terms/change?way=preset&value=open", "unsigned": "/me/agreements"}
    found += seen(device, node, axe, {"devices": "/me/devices", "again": "/me/again?back=/me/erase", **signing})
    device.unplug()
    device.forget_session()
    nobodys = {"signin": "/signin", "used up": "/signin/invite?code=x", "nowhere": "/signin/nowhere"}
    found += seen(device, node, axe, nobodys)
    device.context.close()
    assert found == []
