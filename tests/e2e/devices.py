"""A person's or an operator's browser, with a virtual authenticator that holds passkeys, and what is done with it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from tests.e2e.browsing import LOOKS, problems
from tests.e2e.running import Node, run

REVOKE = re.compile("^Revoke…")


class Device:
    """A browser on a device that unlocks by itself."""

    def __init__(self, browser: Browser, **how: Any) -> None:
        self.context: BrowserContext = browser.new_context(reduced_motion="reduce", **how)
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.page.bring_to_front()
        self.chrome: CDPSession = self.context.new_cdp_session(self.page)
        self.chrome.send("WebAuthn.enable")
        self.authenticator = self.plug_in()

    def plug_in(self) -> str:
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = self.chrome.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return str(made["authenticatorId"])

    def unplug(self) -> None:
        self.chrome.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": self.authenticator})

    def credentials(self) -> list[dict[str, Any]]:
        """What its password manager holds."""
        named = {"authenticatorId": self.authenticator}
        return list(self.chrome.send("WebAuthn.getCredentials", named)["credentials"])

    def forget_session(self) -> None:
        self.context.clear_cookies()


@pytest.fixture
def device(browser: Browser) -> Iterator[Device]:
    made = Device(browser)
    yield made
    made.context.close()


def invited(node: Node, person: str) -> str:
    said = run("person", "invite", person, "--data", str(node.data), "--port", str(node.port), "--json")
    return str(json.loads(said.stdout)["url"])


def enrol(device: Device, node: Node, person: str) -> None:
    device.page.goto(invited(node, person))
    device.page.get_by_role("button", name="Make a passkey").click()
    device.page.wait_for_url("**/me")


def go(device: Device, node: Node, path: str) -> None:
    """Open a page. It may lead elsewhere before it is whole, where a passkey signs its person in of itself."""
    device.page.goto(f"http://localhost:{node.port}{path}", wait_until="commit")


def seen(device: Device, node: Node, axe: str, pages: Mapping[str, str]) -> list[str]:
    """What is wrong with pages, in every look: name → address."""
    found = []
    for name, path in pages.items():
        go(device, node, path)
        found += problems(device.page, axe, name, LOOKS)
    return found
