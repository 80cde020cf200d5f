"""Fixtures of the end-to-end tests: a node of one's own, or one that a module shares."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browsing import FLAGS
from tests.e2e.running import Node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A running node, shared by a module's tests: give each its own organization or its own ids."""
    running = Node(tmp_path_factory.mktemp("node") / "data")
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Start nodes of a test's own: `start("name", *arguments, env=…)`; the same name is the same data directory."""
    nodes: list[Node] = []

    def begin(name: str = "data", *arguments: str, env: dict[str, str] | None = None, fresh: bool = False) -> Node:
        running = Node(tmp_path / name, *arguments, env=env, fresh=fresh)
        nodes.append(running)
        return running

    yield begin
    for running in nodes:
        running.stop()


@pytest.fixture(scope="module")
def browser(need: Callable[[str], Path]) -> Iterator[Browser]:
    """A browser that a module's tests share: each takes a context of its own, with nothing remembered."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=FLAGS)
        yield browser
        browser.close()
