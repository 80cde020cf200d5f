"""One person across a browser, a watch, a TV, an IoT button and a till, at a real node, over HTTP: recognised by
presence, and by nothing any more once they revoke everything."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browsing import AXE, LOOKS, problems
from tests.e2e.devices import Device, enrol, go
from tests.e2e.running import Answer, Node, Org, http, run
from tests.signin.device import SoftDevice, turned

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("present")
    made.send(
        {"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada"}},
        {"type": "identify", "userId": "bo", "messageId": "2", "traits": {"name": "Bo"}},
    )
    made.view("user_id:ada", events=1)
    made.view("user_id:bo", events=1)
    return made


@pytest.fixture
def phone(browser: Browser) -> Iterator[Device]:
    made = Device(browser, viewport={"width": 390, "height": 860})
    yield made
    made.context.close()


@pytest.fixture
def person(node: Node, org: Org) -> str:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    return str(json.loads(made.stdout)["person"])


class Thing(SoftDevice):
    """A device that speaks to a node over HTTP."""

    def __init__(self, node: Node, kind: str, name: str) -> None:
        super().__init__(f"http://localhost:{node.port}")
        self.kind, self.name = kind, name

    def send(self, path: str, body: Any = None, method: str = "POST", proof: str = "") -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {"dpop": proof or self.proof(method, path, raw), "content-type": "application/json"}
        return http(method, self.origin + path, raw if method == "POST" else None, headers)

    def pair(self) -> str:
        """The code, once the node takes one more: tests together may pair more than one address may in a minute."""
        while (answer := self.send("/presence/pair", {"kind": self.kind, "name": self.name})).status == 429:
            time.sleep(min(int(answer.headers["retry-after"]), 5))
        assert answer.status == 200
        return str(answer.json["code"])

    def poll(self) -> Answer:
        return self.send("/presence/pair/poll")

    def here(self, org: Org, **more: str) -> Answer:
        return self.send("/presence/here", {"organization": org.name, **more})

    def session(self) -> Answer:
        return self.send("/presence/session", method="GET")


class Till:
    """A shop's till."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def show(self) -> dict[str, Any]:
        return dict(self.org.operate("/presence/taps", {}).json)

    def who(self, shown: dict[str, Any]) -> Answer:
        return self.org.operate("/presence/taps/result", {"tap": shown["tap"]})


def bind(phone: Device, node: Node, thing: Thing) -> None:
    """Pair a device as a person does: its code, then the number that it shows."""
    go(phone, node, "/me/devices")
    phone.page.get_by_role("link", name="Add a device").click()
    phone.page.get_by_label("Code").fill(thing.pair().lower())
    phone.page.get_by_role("button", name="Go on").click()
    expect(phone.page.get_by_role("heading", level=2)).to_have_text(thing.name)
    phone.page.get_by_label("The number that it shows now").fill(thing.poll().json["number"])
    phone.page.get_by_role("button", name="Yes, it is mine").click()
    expect(phone.page.get_by_role("status").first).to_contain_text("is yours from now on")
    assert thing.poll().json["status"] == "paired"


def test_one_person_is_recognised_everywhere_and_after_revoking_everything_nowhere(
    node: Node, phone: Device, person: str, org: Org
) -> None:
    enrol(phone, node, person)
    watch, tv, button = (
        Thing(node, kind, name) for kind, name in (("watch", "Ada’s watch"), ("tv", "Sofa TV"), ("button", "Coffee"))
    )
    for thing in (watch, tv, button):
        bind(phone, node, thing)
    till, sessions = Till(org), set()
    for thing, place in ((watch, "way"), (tv, "home"), (button, "home")):
        told = thing.here(org, place=place)
        assert (told.status, told.json["told"]) == (200, True)
        sessions.add(told.json["session"])
    shown = till.show()
    assert shown["qr"] is None  # no phone gets to this machine's own name for itself
    assert till.who(shown).status == 404
    phone.page.goto(shown["link"])
    expect(phone.page.get_by_role("heading", level=1)).to_contain_text(org.name)
    phone.page.get_by_role("button", name="Yes, it is me").click()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Done")
    known = till.who(shown)
    assert known.json["customer"] == org.view("user_id:ada")["customer"]
    assert known.json["level"] == 2  # a passkey was used a moment ago
    sessions.add(known.json["session"])
    shown = till.show()
    assert watch.send("/presence/tap", {"tap": shown["tap"]}).json == {"level": 1}
    sessions.add(till.who(shown).json["session"])
    (stay,) = tv.session().json["sessions"]
    sessions.add(stay["session"])
    assert len(sessions) == 1
    assert org.view("user_id:ada", events=6)["events"]["by_name"]["Presence Recognised"]["count"] == 5
    cookies = {"cookie": "; ".join(f"{one['name']}={one['value']}" for one in phone.context.cookies())}
    assert http("GET", f"{node.url}/me/devices", headers={**cookies, "accept": "application/json"}).status == 200
    pending = till.show()
    watch.send("/presence/tap", {"tap": pending["tap"]})

    go(phone, node, "/me/devices")
    phone.page.get_by_text("Revoke everything…").click()
    phone.page.get_by_role("button", name="Yes, revoke everything").click()
    phone.page.wait_for_url("**/signin")
    for thing in (watch, tv, button):
        assert [thing.here(org).status, thing.session().status, thing.poll().status] == [401, 401, 401]
    late = till.show()
    assert watch.send("/presence/tap", {"tap": late["tap"]}).status == 401
    assert [till.who(late).status, till.who(pending).status] == [404, 404]
    gone = http("GET", f"{node.url}/me/devices", headers={**cookies, "accept": "application/json"})
    assert gone.status in {303, 401} or b"signin" in gone.body
    assert b"Coffee" not in gone.body


def test_what_another_process_revokes_is_refused_at_once(node: Node, phone: Device, person: str, org: Org) -> None:
    """The node looks each time, so that what another process takes away is away."""
    from rapport.adapters.embedded.accounts import Accounts
    from rapport.app.embedded import open_ledger
    from rapport.app.settings import Settings

    enrol(phone, node, person)
    watch = Thing(node, "watch", "Mine")
    bind(phone, node, watch)
    assert watch.here(org).status == 200
    Accounts(open_ledger(Settings(data=str(node.data)))).end_everything(person)
    assert watch.here(org).status == 401


def test_codes_that_are_unknown_ended_or_another_s_are_one_page(node: Node, phone: Device, person: str) -> None:
    enrol(phone, node, person)
    go(phone, node, "/me/devices/pair")
    csrf = phone.page.locator("input[name=csrf]").first.input_value()
    origin = f"http://localhost:{node.port}"
    headers = {
        "cookie": "; ".join(f"{one['name']}={one['value']}" for one in phone.context.cookies()),
        "origin": origin,
        "content-type": "application/x-www-form-urlencoded",
    }

    def typed(code: str, **more: str) -> Answer:
        form = urlencode({"csrf": csrf, "code": code, **more}).encode()
        return http("POST", f"{node.url}/me/devices/pair", form, headers)

    theirs, ended = Thing(node, "tv", "Theirs"), Thing(node, "tv", "Ended")
    codes = {theirs: theirs.pair(), ended: ended.pair()}
    with sqlite3.connect(node.data / "ledger.db", timeout=20) as db:
        hashed = {thing: hashlib.sha256(code.replace("-", "").encode()).digest() for thing, code in codes.items()}
        db.execute("UPDATE pairing SET person = 999, number = '11' WHERE code = ?", (hashed[theirs],))
        db.execute("UPDATE pairing SET expires_at = 1 WHERE code = ?", (hashed[ended],))
    answers = [
        typed("BCDF-GHJK"),
        typed(codes[theirs]),
        typed(codes[ended]),
        typed(codes[theirs], number="11"),
        typed(codes[ended], number="11"),
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}


def test_a_device_of_nobody_and_each_changed_request_are_refused_alike(
    node: Node, phone: Device, person: str, org: Org
) -> None:
    enrol(phone, node, person)
    watch, stranger = Thing(node, "watch", "Mine"), Thing(node, "watch", "Nobody's")
    bind(phone, node, watch)
    body = {"organization": org.name}
    raw = json.dumps(body).encode()
    answers = [
        stranger.here(org),
        stranger.poll(),
        stranger.session(),
        watch.send("/presence/here", body, proof=watch.proof("GET", "/presence/here", raw)),
        watch.send("/presence/here", body, proof=watch.proof("POST", "/presence/tap", raw)),
        watch.send("/presence/here?x=1", body, proof=watch.proof("POST", "/presence/here", raw)),
        watch.send("/presence/here?x=1", body),
        watch.send("/presence/here", {**body, "place": "shop"}, proof=watch.proof("POST", "/presence/here", raw)),
        watch.send("/presence/here", body, proof=watch.proof("POST", "/presence/here", raw, iat=int(time.time()) - 61)),
        watch.send("/presence/here", body, proof=watch.proof("POST", "/presence/here", raw, jti="short")),
        watch.send("/presence/here", body, proof=stranger.proof("POST", "/presence/here", raw)),
        watch.send("/presence/here", body, proof="x"),
        http("POST", f"{node.url}/presence/here", raw),
    ]
    good = watch.proof("POST", "/presence/here", raw)
    assert watch.send("/presence/here", body, proof=good).status == 200
    answers += [watch.send("/presence/here", body, proof=again) for again in (good, turned(good))]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    once = watch.proof("POST", "/presence/here", raw)
    with ThreadPoolExecutor(16) as crowd:
        all_at_once = list(crowd.map(lambda _: watch.send("/presence/here", body, proof=once).status, range(50)))
    assert sorted(all_at_once) == [200, *[401] * 49]


def test_devices_that_pair_at_once_each_get_a_code_of_their_own(node: Node) -> None:
    things = [Thing(node, "other", f"Thing {number}") for number in range(15)]
    with ThreadPoolExecutor(8) as crowd:
        codes = list(crowd.map(Thing.pair, things))
    assert len(set(codes)) == 15
    assert {thing.poll().json["status"] for thing in things} == {"waiting"}


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_pages_about_devices_pass_axe_and_fit(node: Node, browser: Browser, person: str, org: Org) -> None:
    device = Device(browser)
    axe, found = AXE.read_text(), []
    enrol(device, node, person)
    thing = Thing(node, "screen", "The screen at the counter")
    bind(device, node, thing)
    go(device, node, "/me/devices")
    found += problems(device.page, axe, "devices", LOOKS)
    go(device, node, "/me/devices/pair")
    found += problems(device.page, axe, "pair", LOOKS)
    device.page.get_by_label("Code").fill(Thing(node, "watch", "W" * 60).pair())
    device.page.get_by_role("button", name="Go on").click()
    expect(device.page.get_by_label("The number that it shows now")).to_be_visible()
    found += problems(device.page, axe, "approve", LOOKS)
    go(device, node, "/me/devices/pair")
    device.page.get_by_label("Code").fill("BCDF-GHJK")
    device.page.get_by_role("button", name="Go on").click()
    expect(device.page.get_by_role("alert")).to_contain_text("no such code")
    found += problems(device.page, axe, "unknown", LOOKS)
    shown = Till(org).show()
    device.page.goto(shown["link"])
    found += problems(device.page, axe, "tap", LOOKS)
    device.page.get_by_role("button", name="Yes, it is me").click()
    expect(device.page.get_by_role("heading", level=1)).to_have_text("Done")
    found += problems(device.page, axe, "tapped", LOOKS)
    device.page.goto(shown["link"] + "x")
    expect(device.page.get_by_role("heading", level=1)).to_have_text("This code has ended")
    found += problems(device.page, axe, "ended", LOOKS)
    device.context.close()
    assert found == []
