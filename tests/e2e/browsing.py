"""What tests look for on every page in a real browser: that it is accessible, fits its screen, and reports nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, expect

AXE = Path(__file__).parent / "node/node_modules/axe-core/axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
LETTERS = ["100%", "150%"]
ABSENT = {"absent", "nowhere", "tap", "of several"}
"""Pages whose status the browser itself reports: there is nothing at their addresses, or more than one."""
NARROWEST = {"width": 320, "height": 640}

expect.set_options(timeout=60_000)  # the machine may be busy with other tests


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach((fold) => (fold.open = true))")


def too_wide(page: Page) -> int:
    """By how many pixels a page would have to be pushed sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def problems(page: Page, axe: str, name: str) -> list[str]:
    page.wait_for_load_state()  # after a click it may be on its way still
    page.evaluate(axe)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    # What passed stays in the browser: to hand it over takes as long as to look for it.
    wrong = page.evaluate(
        "async (tags) => (await axe.run(document, {runOnly: tags, resultTypes: ['violations']})).violations", tags
    )
    found = [f"{name}: {one['id']} {[node['html'][:200] for node in one['nodes'][:3]]}" for one in wrong]
    sideways = too_wide(page)
    return found + ([f"{name}: {sideways} px too wide"] if sideways > 0 else [])


class Walk(NamedTuple):
    """What was seen on a way through all pages on the narrowest screen."""

    too_wide: dict[str, list[tuple[str, int]]]  # by the size of letters: pages, and by how many pixels
    said: dict[str, list[str]]  # what the browser reported on pages, where it did


def walked(page: Page, origin: str, pages: Mapping[str, str]) -> Walk:
    seen = Walk({letters: [] for letters in LETTERS}, {})
    here: list[str] = []
    page.on("console", lambda message: here.append(message.text))
    page.on("pageerror", lambda error: here.append(str(error)))
    for name, address in pages.items():
        page.goto(origin + address)
        page.wait_for_timeout(50)  # what its scripts have to say
        for letters in LETTERS:
            page.evaluate("(size) => (document.documentElement.style.fontSize = size)", letters)
            unfold(page)
            if (sideways := too_wide(page)) > 0:
                seen.too_wide[letters].append((name, sideways))
        if name not in ABSENT and here:
            seen.said[name] = [*here]
        here.clear()
    return seen
