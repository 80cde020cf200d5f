"""The verifier of the person's page, in a real browser: it says of every bundle what the one in Python says."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from rapport.kernel import verify
from tests.e2e.test_console import FLAGS
from tests.kernel.test_verify import FOUND, FOUND_SINCE, MALFORMED, Story, leaves, of, put
from tests.kernel.test_verify import story as story  # noqa: PLC0414 (the fixture)

pytestmark = pytest.mark.needs("chromium")

SCRIPT = Path(verify.__file__).parents[1] / "web/portal/static/verify.js"
ASKED = """async (asked) => {
  const { verify } = await import("/verify.js")
  const said = []
  for (const [text, since] of asked) said.push(await verify(text, since))
  return said
}"""


@pytest.fixture(scope="module")
def page(need: Callable[[str], Path]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=FLAGS)
        page = browser.new_page()
        page.route("**/verify.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
        page.route("**/empty", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
        page.goto("http://localhost:9/empty")
        yield page
        browser.close()


def said(page: Page, *asked: tuple[Any, str | None]) -> list[dict[str, Any]]:
    texts = [(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False), since) for one, since in asked]
    return page.evaluate(ASKED, texts)  # type: ignore[no-any-return]


def test_it_says_what_the_one_in_python_says_of_what_holds(page: Page, story: Story) -> None:
    head = verify.verify(story.new)["head"]
    asked = [(story.old, None), (story.new, None), (story.new, story.head), (story.new, head), (story.other, None)]
    assert said(page, *asked) == [verify.verify(bundle, since=since) for bundle, since in asked]


def test_structural_changes_are_found(page: Page, story: Story) -> None:
    asked: list[tuple[Any, str | None]] = [(of(story.new, change), None) for change in FOUND.values()]
    asked += [(of(story.new, change), story.head) for change in (*FOUND.values(), *FOUND_SINCE.values())]
    asked.append((story.old, verify.verify(story.new)["head"]))
    assert [done["ok"] for done in said(page, *asked)] == [False] * len(asked)


def test_flipped_bits_are_found(page: Page, story: Story, proof_size: Callable[[int, int], int]) -> None:
    bundle = {name: part for name, part in story.new.items() if name != "person"}
    raw = json.dumps(bundle).encode()
    asked = []
    for bit in range(5, len(raw) * 8, proof_size(193, 7)):
        flipped = bytes(b ^ (1 << bit % 8) if at == bit // 8 else b for at, b in enumerate(raw))
        try:
            read = json.loads(flipped)
        except ValueError:
            continue
        if read != bundle:
            asked.append((flipped.decode(), story.head))
    assert len(asked) > 100
    unseen = [text for (text, _), done in zip(asked, said(page, *asked), strict=True) if done["ok"]]
    assert unseen == []


def test_whatever_stands_in_a_receipt_counts(page: Page, story: Story) -> None:
    one = {**story.new, "receipts": story.new["receipts"][:1]}
    places = [path for path, _ in leaves(one) if "receipt" in path]
    others = (None, True, 0, 1, 1.5, "", "x", [], {})
    asked = [(put(story.new, path, other), None) for path in places for other in others]
    asked = [(changed, since) for changed, since in asked if changed != story.new]
    assert {done["ok"] for done in said(page, *asked)} == {False}


def test_what_is_no_bundle_or_no_head_is_said(page: Page, story: Story) -> None:
    texts = [raw.decode("utf-8", "replace") for name, raw in MALFORMED.items() if not name.startswith("deep")]
    texts += ["[" * 50_000, "[" * 50_000 + "]" * 50_000, '{"a": 1,}', "[1,]", "[1 2]", "{1: 2}", '"\\x"', "01", "tru"]
    heads = ["", "x", "====", "AAAA", "\ud800", base64.urlsafe_b64encode(b"[" * 9_000).decode()]
    whole: list[tuple[Any, str | None]] = [*((text, None) for text in texts), *((story.new, head) for head in heads)]
    for done in said(page, *whole):
        assert (done["ok"], bool(done["problem"])) == (False, True)


def test_names_are_sorted_and_numbers_kept_as_the_commitment_has_them(page: Page) -> None:
    odd = {"\U0001f600": [1, -2, 10**15], "\uffee": '\x7f\x00\u2028"\\/', "b": None, "a": {"é": True, "e": []}}
    found = page.evaluate(
        'async (text) => import("/verify.js").then(({ parse, canonical }) => canonical(parse(text)))', json.dumps(odd)
    )
    assert found.encode() == verify.canonical(odd)
