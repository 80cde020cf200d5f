"""Every example of docs/how-to/send-events.md is run as it stands, but for the node's address and the key."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NODE_TESTS, ROOT
from tests.e2e.running import Node, Org

GUIDE = (ROOT / "docs/how-to/send-events.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def filled_in(example: str, org: Org) -> str:
    return example.replace("WRITE_KEY", org.write_key).replace("http://localhost:8080", org.node.url)


def run(command: list[str | Path], text: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr


def orders(org: Org, events: int = 1) -> int:
    count: int = org.view("user_id:ada", events=events)["events"]["by_name"]["Order Completed"]["count"]
    return count


def test_the_python_examples_work(node: Node) -> None:
    org = node.org("guide-python")
    assert len(examples("python")) == 3
    for example in examples("python"):
        run([sys.executable, "-"], filled_in(example, org))
    assert orders(org, 3) == 3


@pytest.mark.needs("node")
def test_the_javascript_examples_work(node: Node, need: Callable[[str], Path]) -> None:
    org = node.org("guide-js")
    assert len(examples("js")) == 3
    for example in examples("js"):
        run([need("node"), "--input-type=module", "-"], filled_in(example, org), NODE_TESTS)
    assert orders(org, 3) == 3


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_examples_with_curl_work(node: Node) -> None:
    org = node.org("guide-curl")
    commands = [example for example in examples("sh") if example.startswith("curl")]
    assert len(commands) == 2
    for command in commands:
        run(["sh", "-e"], filled_in(command, org).replace("curl ", "curl --fail --silent --show-error ", 1))
    view = org.view("user_id:ada", events=2)
    assert view["traits"]["name"]["value"] == "Ada"
    assert view["events"]["by_name"]["Order Completed"]["count"] == 1
