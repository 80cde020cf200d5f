"""In a real browser, over real mail: somebody proves an address, claims by it, loses everything, and comes back."""

import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from rapport.act.webhooks import fresh_secret
from rapport.terms import by_hand
from tests.conftest import PROVE
from tests.e2e.browsing import AXE, LOOKS, problems
from tests.e2e.devices import REVOKE, Device, enrol, go, seen
from tests.e2e.mailbox import Mailbox
from tests.e2e.running import Answer, Node, Org, http, run

pytestmark = pytest.mark.needs("chromium")

BOX = "ada@example.com"
CODE = "Your code"


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path_factory.mktemp("mail"))
    yield box
    box.stop()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, mailbox: Mailbox) -> Iterator[Node]:
    mail = {"RAPPORT_SMTP": mailbox.url, "RAPPORT_MAIL_FROM": "node@rapport.example", "RAPPORT_RECOVERY_HOURS": "0"}
    mail |= {"RAPPORT_SMS_URL": "https://sms.invalid/", "RAPPORT_SMS_SECRET": fresh_secret()}
    node = Node(tmp_path_factory.mktemp("node") / "data", env=mail)
    yield node
    node.stop()


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("mine")
    run("org", "purchases", "mine", "--event", "Order Completed", "--code", "slip", "--data", str(node.data))
    traits = {"email": BOX, "nickname": "Countess"}
    # By a system whose word on addresses counts: one that a visitor typed would show nobody anything.
    crm = node.source("mine", "crm", "--trusted")
    made.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": traits}, write_key=crm)
    made.view("user_id:ada", events=1)
    return made


def person(node: Node) -> str:
    return str(json.loads(run("person", "add", "--data", str(node.data), "--json").stdout)["person"])


def code_in(text: str) -> str:
    found = re.search(r"\b(\d{4} \d{4})\b", text)
    assert found is not None
    return found.group(1)


def codes_to(mailbox: Mailbox, address: str) -> int:
    """How many came so far: letters that tell of something come as well."""
    return len([one for one in mailbox.letters(address) if one.subject == CODE])


def show(device: Device, node: Node, mailbox: Mailbox, address: str) -> None:
    """Show that an address is one's own, by the code that comes."""
    before = codes_to(mailbox, address)
    go(device, node, "/me/contacts")
    device.page.get_by_label("Your e-mail address").fill(address)
    device.page.get_by_role("button", name="Send a code").click()
    letter = mailbox.wait(address, before + 1, subject=CODE)
    device.page.get_by_label("Code").fill(code_in(letter.text))
    device.page.get_by_role("button", name="It is mine").click()
    expect(device.page.get_by_role("status").first).to_contain_text("yours here from now on")


@pytest.mark.usefixtures("org")
def test_come_in_sign_lose_everything_recover_and_revoke(node: Node, browser: Browser, mailbox: Mailbox) -> None:
    who = person(node)
    old, planted = Device(browser), Device(browser)
    enrol(old, node, who)
    old.forget_session()
    go(old, node, "/signin")
    old.page.wait_for_url("**/me")  # without a key pressed
    enrol(planted, node, who)  # somebody was here before
    show(old, node, mailbox, BOX)
    go(planted, node, "/me")
    assert planted.page.url.endswith("/signin")  # and is out by the first proof
    # Claim by the address, and see what the company knows.
    go(old, node, "/me/claim")
    old.page.get_by_role("button", name="Claim it").click()
    expect(old.page.get_by_role("status").first).to_contain_text("yours from now on")
    go(old, node, "/me/known/mine")
    expect(old.page.locator("main")).to_contain_text("Countess")
    another_passkey(old, node)
    sign_terms(old, node)
    go(old, node, "/me/devices")
    old.page.get_by_role("button", name="Make recovery codes").click()
    expect(old.page.locator(".recovery-codes code")).to_have_count(10)
    papers = old.page.locator(".recovery-codes code").all_inner_texts()
    assert len(set(papers)) == 10
    # Everything is lost: another device, which nobody knows.
    letters = codes_to(mailbox, BOX)
    new = Device(browser)
    go(new, node, "/signin")
    new.page.get_by_role("link", name="I lost every passkey").click()
    new.page.get_by_label("Your e-mail address").fill(BOX)
    new.page.get_by_role("button", name="Send a code").click()
    code = code_in(mailbox.wait(BOX, letters + 1, subject=CODE).text)
    new.page.get_by_label("The code of eight digits").fill(code)
    new.page.get_by_label("One of your recovery codes").fill("AAAA-AAAA-AAAA-AAAA")
    new.page.get_by_role("button", name="Begin").click()
    expect(new.page.get_by_role("alert")).to_contain_text("did not prove")
    new.page.get_by_label("The code of eight digits").fill(code)
    new.page.get_by_label("One of your recovery codes").fill(papers[0])
    new.page.get_by_role("button", name="Begin").click()
    expect(new.page.get_by_role("heading", level=1)).to_have_text("Make this device your key")
    mailbox.wait(BOX, subject="Your account is being recovered")
    # Whoever is still signed in sees it on every page, and could stop it.
    go(old, node, "/me")
    expect(old.page.get_by_role("alert")).to_contain_text("Somebody is recovering your account")
    new.page.get_by_role("button", name="Make a passkey").click()
    new.page.wait_for_url("**/me/contacts")
    expect(new.page.locator("main")).to_contain_text("You have no recovery codes")
    go(old, node, "/me")
    assert old.page.url.endswith("/signin")  # what was lost opens nothing
    old.page.get_by_role("button", name="Sign in with a passkey").click()
    expect(old.page.get_by_role("status")).not_to_be_empty()
    assert old.page.url.endswith("/signin")
    new.forget_session()
    go(new, node, "/me/known/mine")
    new.page.wait_for_url("**/me")  # by the new passkey, without a key pressed
    go(new, node, "/me/known/mine")
    expect(new.page.locator("main")).to_contain_text("Countess")  # and what was claimed by the address is there
    # One more passkey, and the one that recovered is revoked: its sign-in ends here too, and the other comes in.
    another_passkey(new, node)
    new.page.locator("summary").filter(has_text=REVOKE).first.click()
    new.page.get_by_role("button", name="Yes, revoke it").click()
    new.page.wait_for_url("**/me")
    for device in (old, planted, new):
        device.context.close()


def another_passkey(device: Device, node: Node) -> None:
    """Make one on something else, and leave what held those before."""
    device.unplug()
    device.authenticator = device.plug_in()
    go(device, node, "/me/devices")
    device.page.get_by_role("button", name="Make another passkey").click()
    expect(device.page.get_by_role("status").first).to_contain_text("opens your page from now on")


def sign_terms(device: Device, node: Node) -> None:
    """Choose terms, sign what they agree on with the passkey, and check the copy without the node."""
    page = device.page
    go(device, node, "/me/terms/change?way=preset&value=balanced")
    expect(page.get_by_role("heading", name="What you sign")).to_be_visible()
    page.get_by_role("button", name="Yes, choose it").click()
    page.wait_for_url("**/me/terms?done=changed*")
    go(device, node, "/me/agreements")
    expect(page.locator("main")).to_contain_text("Signed by your own hand")
    path = page.get_by_role("link", name="Keep a copy").first.get_attribute("href")
    copy = page.request.get(f"http://localhost:{node.port}{path}").json()
    origin = f"http://localhost:{node.port}"
    assert by_hand.wrong(copy["agreement"], copy["hand"], origin) == ""
    assert by_hand.wrong({**copy["agreement"], "since": "2020-01-01"}, copy["hand"], origin)


def test_any_sign_in_stops_a_recovery(node: Node, browser: Browser, mailbox: Mailbox) -> None:
    box, device, other = "bo@example.com", Device(browser), Device(browser)
    enrol(device, node, person(node))
    show(device, node, mailbox, box)
    go(device, node, "/me/devices")
    device.page.get_by_role("button", name="Make recovery codes").click()
    paper = device.page.locator(".recovery-codes code").first.inner_text()
    go(other, node, "/signin/recover")
    other.page.get_by_label("Your e-mail address").fill(box)
    other.page.get_by_role("button", name="Send a code").click()
    other.page.get_by_label("The code of eight digits").fill(code_in(mailbox.wait(box, 2, subject=CODE).text))
    other.page.get_by_label("One of your recovery codes").fill(paper)
    other.page.get_by_role("button", name="Begin").click()
    expect(other.page.get_by_role("button", name="Make a passkey")).to_be_visible()
    go(device, node, "/me/devices")
    device.page.get_by_role("button", name="Stop it").click()
    expect(device.page.get_by_role("status").first).to_contain_text("Stopped")
    other.page.get_by_role("button", name="Make a passkey").click()
    expect(other.page.get_by_role("status")).to_contain_text("did not prove")
    go(other, node, "/signin/recover")
    expect(other.page.get_by_role("heading", level=1)).to_have_text("I lost every passkey")
    for one in (device, other):
        one.context.close()


def test_a_companys_link_claims_once(node: Node, browser: Browser, org: Org) -> None:
    device = Device(browser)
    enrol(device, node, person(node))
    answer = org.operate("/v1/claim-links", {"customer": "user_id:ada"})
    assert answer.status == 201
    url = answer.json["url"].replace("127.0.0.1", "localhost")
    device.page.goto(url)
    device.page.goto(url)  # looking at it spends nothing
    expect(device.page.get_by_role("heading", level=2).first).to_contain_text("says that this is you")
    device.page.get_by_role("button", name="Yes, it is me").click()
    expect(device.page.get_by_role("status").first).to_contain_text("yours from now on")
    go(device, node, "/me/known/mine")
    expect(device.page.locator("main")).to_contain_text("Countess")
    device.page.goto(url)
    expect(device.page.get_by_role("heading", level=2).first).to_have_text("This link is used up")
    go(device, node, "/me/claim")
    device.page.get_by_text("Let go…").first.click()
    device.page.get_by_role("button", name="Yes, let it go").click()
    expect(device.page.get_by_role("status").first).to_contain_text("Let go")
    for wrong in (
        {"customer": "ada"},
        {"customer": "user_id:"},
        {"customer": 1},
        {},
        {"customer": "user_id:" + "x" * 2000},
    ):
        assert org.operate("/v1/claim-links", wrong).status == 400
    device.context.close()


def test_whoever_opens_a_link_comes_back_to_it(node: Node, browser: Browser, org: Org) -> None:
    device = Device(browser)
    page = device.page
    enrol(device, node, person(node))

    def from_a_letter() -> None:
        url = org.operate("/v1/claim-links", {"customer": "user_id:ada"}).json["url"].replace("127.0.0.1", "localhost")
        page.goto("about:blank")
        page.set_content(f'<a href="{url}">See what we know of you</a>')
        page.get_by_role("link").click()
        page.wait_for_url(url)
        expect(page.get_by_role("heading", level=2).first).to_contain_text("says that this is you")

    # Signed in: another site's link comes without the session, and goes on by itself all the same.
    device.unplug()
    from_a_letter()
    # A stranger: signed in by the passkey, they are where they wanted to be.
    device.forget_session()
    device.authenticator = device.plug_in()
    enrol(device, node, person(node))
    device.forget_session()
    from_a_letter()
    go(device, node, "/signin")
    page.wait_for_url("**/me")  # once
    device.context.close()


def asked(node: Node, address: str) -> Answer:
    headers = {"origin": f"http://localhost:{node.port}", "content-type": "application/x-www-form-urlencoded"}
    return http("POST", f"{node.url}/signin/recover", urlencode({"address": address}).encode(), headers)


def test_asking_for_a_code_says_nothing_of_who_is_known(node: Node, mailbox: Mailbox, browser: Browser) -> None:
    known = "cy@example.com"
    device = Device(browser)
    enrol(device, node, person(node))
    show(device, node, mailbox, known)
    device.context.close()
    seen: dict[str, set[tuple[int, str]]] = {"known": set(), "unknown": set()}
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(4):
        for name, address in (("known", known), ("unknown", f"nobody{number}@example.com")):
            begun = time.perf_counter()
            answer = asked(node, address)
            took[name].append(time.perf_counter() - begun)
            seen[name].add((answer.status, re.sub(r"cod_[a-z0-9]+", "cod", answer.body.decode())))
    assert seen["known"] == seen["unknown"]
    assert len(seen["known"]) == 1
    assert not mailbox.letters("nobody0@example.com")
    # The same work is done for both, and letters go out later: what is left is noise, and no letter's time.
    if PROVE:  # where nothing else keeps the machine busy
        assert abs(statistics.median(took["known"]) - statistics.median(took["unknown"])) < 0.25
    for _ in range(6):
        last = asked(node, known)
    assert last.status == 429


def test_without_mail_the_support_desk_tells_codes(tmp_path: Path) -> None:
    told = run("person", "code", "ada@example.com", "--data", str(tmp_path / "data"))
    assert told.returncode == 1
    assert "no code is waiting" in told.stderr


@pytest.mark.usefixtures("org")
@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_the_pages_pass_axe_and_fit(node: Node, browser: Browser, mailbox: Mailbox) -> None:
    device = Device(browser)
    page, axe = device.page, AXE.read_text()
    enrol(device, node, person(node))
    own = {"contacts": "/me/contacts", "claims": "/me/claim", "join": "/me/claim/join"}
    found = seen(device, node, axe, own)
    show(device, node, mailbox, "bo@example.com")
    found += problems(page, axe, "contact", LOOKS)
    go(device, node, "/me/claim?code=x")
    found += problems(page, axe, "claim", LOOKS)
    go(device, node, "/me/devices")
    page.get_by_role("button", name="Make recovery codes").click()
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    found += problems(page, axe, "codes", LOOKS)
    device.forget_session()
    go(device, node, "/signin/recover")
    found += problems(page, axe, "recover", LOOKS)
    page.get_by_label("Your e-mail address").fill("bo@example.com")
    page.get_by_role("button", name="Send a code").click()
    expect(page.get_by_label("The code of eight digits")).to_be_visible()
    found += problems(page, axe, "two codes", LOOKS)
    device.context.close()
    assert found == []
