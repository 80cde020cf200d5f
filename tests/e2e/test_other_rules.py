"""`rapport up --rules`: what is there is joined anew by a running node, also where its worker is killed at it."""

import os
import signal
import time
from importlib.resources import files
from pathlib import Path

from tests.e2e.running import Node

FAMILIES, OF_EACH = 400, 4


def customers(node: Node) -> set[str]:
    """The handles of the records of one family, and of the last one."""
    acme = node.org()
    numbers = [*range(OF_EACH), FAMILIES * OF_EACH - 1]
    return {acme.view(f"anonymous_id:a{number}")["customer"] for number in numbers}


def eventually(node: Node, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(customers(node)) != count:
        assert time.monotonic() < deadline, node.output()
        time.sleep(0.2)


def test_other_rules_hold_for_what_is_there_and_the_rules_of_before_bring_it_back(start, tmp_path: Path) -> None:
    tight = tmp_path / "tight.toml"
    known = files("rapport.resolve").joinpath("rules.toml").read_text()
    tight.write_text(known.replace("shared_above = 20\nper_customer = 5", "shared_above = 2\nper_customer = 5"))
    node = start()
    acme = node.org()
    for first in range(0, FAMILIES * OF_EACH, 400):
        said = [
            {"type": "identify", "anonymousId": f"a{n}", "messageId": f"m{n}", "traits": {"email": f"{n // 4}@x.de"}}
            for n in range(first, first + 400)
        ]
        assert acme.send(*said).status == 200
    acme.view(f"anonymous_id:a{FAMILIES * OF_EACH - 1}")
    assert len(customers(node)) == 2
    before = customers(node)
    node.stop()

    node = start("data", "--rules", str(tight))
    os.kill(node.children()["worker"], signal.SIGKILL)
    eventually(node, OF_EACH + 1)
    assert "the rules of joining are others than before" in node.output()
    node.stop()

    node = start()
    eventually(node, 2)
    assert customers(node) == before, "under the same handles"
