"""What a real node sends by mail arrives by a real server, and one click in a real browser stops more."""

import json
import os
import random
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.act.postman import Postman
from tests.act.receiving import Receiver, eventually
from tests.e2e.browsing import AXE, NARROWEST, problems, too_wide
from tests.e2e.running import Node, Org, http

WRITE = {
    "kind": "help",
    "purpose": "service",
    "content": {
        "email": {
            "en": {"subject": "Your boiler, {traits.name}", "text": "Book a check.", "html": "<p>Book a check.</p>"}
        },
        "webhook": {"en": {"text": "Book a check."}},
    },
    "benefit": {"customer": {"kind": "minutes_saved", "minutes": 500}},
    "value": {"company": 150},
}


def asked(org: Org, method: str, path: str, content: object = None):
    headers = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    body = None if content is None else json.dumps(content).encode()
    return http(method, f"{org.node.url}{path}", body, headers)


@pytest.fixture(scope="module")
def postman() -> Iterator[Postman]:
    with Postman() as postman:
        yield postman


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, postman: Postman) -> Iterator[Node]:
    env = {"RAPPORT_SMTP": postman.url, "RAPPORT_MAIL_FROM": "node@rapport.example"}
    running = Node(tmp_path_factory.mktemp("node") / "data", env={**env, "RAPPORT_PRIVATE_DESTINATIONS": "1"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("boilers")
    for who in ("ada", "bo", "cy"):
        traits = {"name": who.title(), "email": f"{who}@example.com"}
        made.send({"type": "identify", "userId": who, "messageId": who, "traits": traits})
        made.view(f"user_id:{who}")
    assert asked(made, "PUT", "/v1/units", {"currency": "GBP"}).status == 200
    assert asked(made, "PUT", "/v1/deciding", {"holdout": 0}).status == 200
    assert asked(made, "PUT", "/v1/actions/check", WRITE).status == 201
    assert asked(made, "PUT", "/v1/channels/email", {"from": "Boilers <hello@boilers.example>"}).status == 201
    return made


def decided(org: Org, customer: str, channel: str = "email") -> dict:
    wish = {"customer": customer, "purpose": "service", "channel": channel, "deliver": True}
    answer = asked(org, "POST", "/v1/decisions", wish)
    assert answer.status == 200, answer
    return answer.json


def sent(org: Org, customer: str, channel: str = "email") -> dict:
    """A decision that was not silence."""
    for _ in range(100):
        answer = decided(org, customer, channel)
        if answer["action"] == "check":
            return answer
    raise AssertionError(f"silence, a hundred times: {answer}")


def mail_of(postman: Postman, answer: dict):
    name = f"<{answer['decision']}@boilers.example>"

    def found():
        return [mail for mail in postman.got if mail["Message-ID"] == name]

    eventually(found)
    return found()[0]


def path_of(mail) -> str:
    link = mail["List-Unsubscribe"].strip("<>")
    return re.sub(r"^https?://[^/]+", "", link)


def test_a_decision_is_with_the_mail_server_within_moments(org: Org, postman: Postman) -> None:
    mail = mail_of(postman, sent(org, "user_id:ada"))
    assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Your boiler, Ada")


def test_a_decision_is_with_the_companys_machine(org: Org) -> None:
    with Receiver() as receiver:
        assert asked(org, "PUT", "/v1/channels/webhook", {"url": receiver.url}).status == 201
        answer = sent(org, "user_id:bo", "webhook")
        (got,) = receiver.wait()
        assert got.headers["webhook-id"] == answer["decision"]
        assert got.json["data"]["content"] == {"text": "Book a check."}


def told(node: Node, file: str, query: str) -> int:
    with closing(sqlite3.connect(node.data / f"{file}.db")) as db:
        return int((db.execute(query).fetchone() or (0,))[0])


def defined(node: Node) -> int:
    """The change of definitions that the worker follows once it was told."""
    return told(node, "ledger", "SELECT version FROM defined")


def waited_with(org: Org, event: str, subject: str) -> None:
    """An action that must be said waits for an event, and the node knows."""
    content = {"email": {"en": {"subject": subject, "text": "It is on its way."}}}
    said = {"kind": "notice", "purpose": "service", "content": content, "triggers": [{"event": event}]}
    assert asked(org, "PUT", "/v1/actions/confirm", said).status in (200, 201)
    eventually(lambda: told(org.node, "state", "SELECT value FROM meta WHERE name = 'defined'") == defined(org.node))


def test_what_somebody_does_has_a_letter_with_the_mail_server_by_itself(org: Org, postman: Postman) -> None:
    waited_with(org, "Order Completed", "Your order")
    org.send({"type": "track", "event": "Order Completed", "userId": "cy", "messageId": "o1"})
    eventually(lambda: [mail for mail in postman.got if mail["Subject"] == "Your order"])
    (mail,) = [mail for mail in postman.got if mail["Subject"] == "Your order"]
    assert mail["To"] == "cy@example.com"
    assert asked(org, "DELETE", "/v1/actions/confirm").status == 204


def test_everybody_has_one_decision_of_what_they_did_whatever_is_killed(org: Org, postman: Postman) -> None:
    dice, users = random.Random(8), [f"p{number}" for number in range(20)]
    for user in users:
        traits = {"email": f"{user}@example.com"}
        org.send({"type": "identify", "userId": user, "messageId": user, "traits": traits})
    waited_with(org, "Paid", "Paid")
    count = "SELECT coalesce(sum(decided), 0) FROM started WHERE org = 'boilers'"
    before = told(org.node, "ledger", count)
    for _ in range(4):
        for user in users:
            org.send({"type": "track", "event": "Paid", "userId": user, "messageId": f"paid {user}"})
        victim = org.node.children().get(dice.choice(["evaluator", "evaluator", "worker"]))
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
    everybody = {f"{user}@example.com" for user in users}
    eventually(lambda: {mail["To"] for mail in postman.got if mail["Subject"] == "Paid"} == everybody)
    assert told(org.node, "ledger", count) - before == len(users)
    assert len({mail["Message-ID"] for mail in postman.got if mail["Subject"] == "Paid"}) == len(users)
    assert asked(org, "DELETE", "/v1/actions/confirm").status == 204


def test_what_a_mail_program_posts_is_seen_on_the_customer(org: Org, node: Node, postman: Postman) -> None:
    path = path_of(mail_of(postman, sent(org, "user_id:bo")))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert http("POST", node.url + path, b"List-Unsubscribe=One-Click", form).status == 200
    after = decided(org, "user_id:bo")
    assert {one["rule"] for one in after["excluded"]} == {"unreachable"}
    eventually(lambda: "Unsubscribed" in org.view("user_id:bo")["events"]["by_name"])


@pytest.mark.needs("chromium")
@pytest.mark.needs("node")
@pytest.mark.parametrize(("locale", "stop"), [("en-GB", "Stop these mails"), ("de-DE", "Diese Mails beenden")])
def test_one_button_stops_the_mails_and_another_takes_it_back(browser, org, node, postman, locale, stop) -> None:
    path = path_of(mail_of(postman, sent(org, "user_id:cy")))
    for scheme in ("light", "dark"):
        context = browser.new_context(locale=locale, color_scheme=scheme, viewport=NARROWEST)
        page = context.new_page()
        page.goto(node.url + path)
        assert problems(page, AXE.read_text(), "asked") == []
        page.get_by_role("button", name=stop).click()
        expect(page.get_by_role("status")).to_be_visible()
        assert problems(page, AXE.read_text(), "stopped") == []
        assert too_wide(page) <= 0
        assert {one["rule"] for one in decided(org, "user_id:cy")["excluded"]} == {"unreachable"}
        page.locator("main form button").click()
        expect(page.get_by_role("button", name=stop)).to_be_visible()
        page.get_by_role("button", name="dark" if locale == "en-GB" else "dunkel").click()
        expect(page.get_by_role("button", name=stop)).to_be_visible()
        context.close()
