"""Events settle outcomes on a real node: a moment after they came, and once, whatever is killed."""

import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from tests.e2e.running import Node, Org, http
from tests.e2e.test_evaluator import until

USERS = 20
RULES = {"rules": [{"event": "Order Completed", "days": 7, "company": {"property": "revenue", "times": 0.5}}]}


def asked(org: Org, method: str, path: str, content: object, status: int = 200) -> None:
    headers = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    answer = http(method, f"{org.node.url}{path}", json.dumps(content).encode(), headers)
    assert answer.status == status, answer


def counted(node: Node, query: str) -> int:
    with closing(sqlite3.connect(node.data / "ledger.db")) as db:
        return int(db.execute(query).fetchone()[0])


def test_every_purchase_settles_one_decision_whatever_is_killed(start: Callable[..., Node]) -> None:
    dice = random.Random(7)
    node = start()
    org = node.org()
    asked(org, "PUT", "/v1/units", {"currency": "GBP"})
    asked(org, "PUT", "/v1/outcomes/rules", RULES)
    asked(org, "PUT", "/v1/outcomes/rules", {"rules": [{"event": "x", "days": 91}]}, 400)
    for user in range(USERS):
        assert org.send({"type": "identify", "userId": f"u{user}", "messageId": f"i{user}"}).status == 200
    org.view(f"user_id:u{USERS - 1}")
    for user in range(USERS):
        wish = {"customer": f"user_id:u{user}", "purpose": "service", "channel": "web"}
        asked(org, "POST", "/v1/decisions", wish)  # silence: there is nothing else
    for turn in range(4):
        for user in range(USERS):
            message = f"order-{turn % 3}-{user}"
            event = {"type": "track", "userId": f"u{user}", "event": "Order Completed", "messageId": message}
            assert org.send({**event, "properties": {"revenue": 3}}).status == 200
        victim = node.children().get(dice.choice(["evaluator", "evaluator", "worker"]))
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
        time.sleep(dice.random() / 2)
    until(lambda: counted(node, "SELECT count(*) FROM outcome") == 3 * USERS)
    time.sleep(1.0)
    assert counted(node, "SELECT count(*) FROM outcome") == 3 * USERS
    assert counted(node, "SELECT count(*) FROM lesson") == USERS
    assert counted(node, "SELECT count(*) FROM benefit") == 3 * USERS
