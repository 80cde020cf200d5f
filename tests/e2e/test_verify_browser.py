"""The verifier of the person's page, in a real browser: it says of every bundle what the one in Python says."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from rapport.kernel import verify
from rapport.web import pages
from tests.kernel.bundles import MALFORMED, Asked, Story, leaves, mutations, put, unchanged

pytestmark = pytest.mark.needs("chromium")

SCRIPT = Path(verify.__file__).parents[1] / "web/portal/static/verify.js"
PAGE_SCRIPT = SCRIPT.with_name("check.js")
ASKED = """async (asked) => {
  const { verify, Broken } = await import("/verify.js")
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
  const said = []
  for (const { text, since, witnesses, quorum, log } of asked) {
    const read = async (path) => {
      if (!(path in log)) throw new Broken(`the log lacks ${path}`)
      return bytes(log[path])
    }
    said.push(await verify(text, since, { witnesses, quorum, read: log && read }))
  }
  return said
}"""


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    page = browser.new_page()
    page.route("**/verify.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
    page.route("**/empty", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto("http://localhost:9/empty")
    return page


def said(page: Page, *asked: Asked) -> list[dict[str, Any]]:
    return page.evaluate(ASKED, [written(one) for one in asked])  # type: ignore[no-any-return]


def written(asked: Asked) -> dict[str, Any]:
    bundle = asked.bundle
    log = asked.log and {path: base64.b64encode(raw).decode() for path, raw in asked.log.items()}
    text = bundle if isinstance(bundle, str) else json.dumps(bundle, ensure_ascii=False)
    # Not the bundle as well: each part of each would be wrapped by itself on its way into the browser.
    return {"text": text, "since": asked.since, "witnesses": [*asked.witnesses], "quorum": asked.quorum, "log": log}


def test_it_says_what_the_one_in_python_says_of_what_holds(page: Page, story: Story) -> None:
    names, asked = zip(*unchanged(story), strict=True)
    told = zip(names, said(page, *asked), strict=True)
    assert list(told) == [(name, one.said()) for name, one in unchanged(story)]


def test_whatever_is_changed_is_found_for_the_same_reason(page: Page, story: Story) -> None:
    names, asked = zip(*mutations(story), strict=True)
    told = dict(zip(names, said(page, *asked), strict=True))
    assert [name for name, done in told.items() if done["ok"]] == []
    differ = {
        name: (done["problem"], one.said()["problem"])
        for (name, done), one in zip(told.items(), asked, strict=True)
        if done["problem"] != one.said()["problem"]
    }
    assert differ == {}


TEMPLATES = PAGE_SCRIPT.parents[1] / "templates"
WORDS = re.search(r"{% set said .*?%}", (TEMPLATES / "receipts.html").read_text(), re.DOTALL)
"""What the page tells its script to say."""
assert WORDS is not None
SAID = pages.environment(TEMPLATES).from_string(WORDS[0] + "{{ said | tojson }}").render()
SECTION = f"""<!doctype html>
<section data-check="per_x" data-bundle="/bundle" data-log="/log" data-verifier="/verify.js" data-words='{SAID}'>
<p role="status" data-said></p><p data-more></p></section><script type="module" src="/check.js"></script>"""


def shown(page: Page, asked: Asked) -> tuple[str, str]:
    """What the person's page says of a bundle, and of the log beside it."""

    def log(route: Route) -> None:
        raw = (asked.log or {}).get(route.request.url.partition("/log/")[2])
        route.fulfill(status=404) if raw is None else route.fulfill(body=raw)

    assert page.context.browser is not None
    page = page.context.browser.new_page()
    page.route("**/page", lambda route: route.fulfill(body=SECTION, content_type="text/html"))
    page.route("**/verify.js", lambda route: route.fulfill(path=SCRIPT, content_type="text/javascript"))
    page.route("**/check.js", lambda route: route.fulfill(path=PAGE_SCRIPT, content_type="text/javascript"))
    page.route("**/bundle", lambda route: route.fulfill(json=asked.bundle))
    page.route("**/log/**", log)
    page.goto("http://localhost:9/page")
    page.wait_for_selector("[data-state]")
    said = page.inner_text("[data-said]"), page.inner_text("[data-more]")
    page.close()
    return said


def test_the_page_tells_who_witnessed_the_log_and_whether_there_is_anything_newer(page: Page, story: Story) -> None:
    held, more = shown(page, Asked(story.new, log=story.log))
    assert held == f"All {len(story.new['receipts'])} receipts hold."
    assert "Nothing newer about you is in the log of " in more
    assert "The witness w.example/a signed a log with all of them on " in more
    assert "The witness w.example/b signed a log with all of them on " in more
    assert "signed the log before the newest on" in shown(page, Asked(story.later, log=story.later_log))[1]
    held, _ = shown(page, Asked(story.stale, log=story.later_log))
    assert held.startswith("Something does not hold: the log has a newer head of tree")
    held, _ = shown(page, Asked(story.new, log={"checkpoint": story.log["checkpoint"]}))
    assert held.startswith("Something does not hold: the log lacks tile/entries/")


def test_the_page_leaves_a_long_log_to_the_command_and_says_so(page: Page, story: Story) -> None:
    held, more = shown(page, Asked(story.new, log={"checkpoint": b"x\n20001\nx\n"}))
    assert held == f"All {len(story.new['receipts'])} receipts hold."
    assert "rapport verify --log does that" in more


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
            asked.append(Asked(flipped.decode(), story.head, story.witnesses))
    assert len(asked) > 100
    unseen = [one.bundle for one, done in zip(asked, said(page, *asked), strict=True) if done["ok"]]
    assert unseen == []


def test_whatever_stands_in_a_receipt_counts(page: Page, story: Story) -> None:
    one = {**story.new, "receipts": story.new["receipts"][:1]}
    places = [path for path, _ in leaves(one) if "receipt" in path]
    others = (None, True, 0, 1, 1.5, "", "x", [], {})
    changed = [put(story.new, path, other) for path in places for other in others]
    assert {done["ok"] for done in said(page, *(Asked(one) for one in changed if one != story.new))} == {False}


def test_what_is_no_bundle_or_no_head_is_said(page: Page, story: Story) -> None:
    texts = [raw.decode("utf-8", "replace") for name, raw in MALFORMED.items() if not name.startswith("deep")]
    texts += ["[" * 50_000, "[" * 50_000 + "]" * 50_000, '{"a": 1,}', "[1,]", "[1 2]", "{1: 2}", '"\\x"', "01", "tru"]
    heads = ["", "x", "====", "AAAA", "\ud800", base64.urlsafe_b64encode(b"[" * 9_000).decode()]
    for done in said(page, *(Asked(text) for text in texts), *(Asked(story.new, head) for head in heads)):
        assert (done["ok"], bool(done["problem"])) == (False, True)


def test_names_are_sorted_and_numbers_kept_as_the_commitment_has_them(page: Page) -> None:
    odd = {"\U0001f600": [1, -2, 10**15], "\uffee": '\x7f\x00\u2028"\\/', "b": None, "a": {"é": True, "e": []}}
    found = page.evaluate(
        'async (text) => import("/verify.js").then(({ parse, canonical }) => canonical(parse(text)))', json.dumps(odd)
    )
    assert found.encode() == verify.canonical(odd)
