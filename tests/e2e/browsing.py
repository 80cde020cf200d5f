"""What tests look for on every page in a real browser: that it is accessible, fits its screen, and reports nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Page, ViewportSize, expect

AXE = Path(__file__).parent / "node/node_modules/axe-core/axe.min.js"
# Of a flag that is given twice the last one holds: what Playwright puts away stands here again.
PUT_AWAY = [
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding", "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin", "OptimizationHints", "NetworkTimeServiceQuerying",
    "AimEnabled", "PreconnectToSearch",
    # Two pages behind the address bar of each window, which nobody sees here: they take a second of each context.
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup",
]  # fmt: skip
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", f"--disable-features={','.join(PUT_AWAY)}",
    # A page lives for a second here: to compile its scripts well, and to collect garbage beside it, is never repaid.
    "--js-flags=--no-opt,--no-maglev,--single-threaded-gc",
]  # fmt: skip
LETTERS = ["100%", "150%"]
ABSENT = {"absent", "nowhere", "tap", "of several"}
"""Pages whose status the browser itself reports: there is nothing at their addresses, or more than one."""
NARROWEST: ViewportSize = {"width": 320, "height": 640}
TALL = 900

Look = tuple[Literal["light", "dark"], int]
"""Colours, and how wide the screen is."""
LOOKS: tuple[Look, ...] = (("light", 390), ("dark", 1280))
"""Between them, these two have every colour and every layout."""

UNFOLD = "document.querySelectorAll('main details').forEach((fold) => (fold.open = true))"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LOOK = f"""async (tags) => {{
  const {{ violations }} = await axe.run(document, {{ runOnly: tags, resultTypes: ["violations"], preload: false }})
  return [violations, {SIDEWAYS}]
}}"""
"""What passed stays in the browser: to hand it over takes as long as to look for it. No rule here needs what axe would
load first: style sheets are for one that is an experiment, and no page has sound or film."""
LETTERED = f"""(sizes) => sizes.map((size) => {{
  document.documentElement.style.fontSize = size
  {UNFOLD}
  return {SIDEWAYS}
}})"""
"""How wide a page is with letters of each size. No page has a script that answers to one: it can be asked at once."""

expect.set_options(timeout=120_000)  # the machine may be busy with other tests


def unfold(page: Page) -> None:
    page.evaluate(UNFOLD)


def too_wide(page: Page) -> int:
    """By how many pixels a page would have to be pushed sideways."""
    return int(page.evaluate(SIDEWAYS))


def problems(page: Page, axe: str, name: str, looks: Iterable[Look] = ()) -> list[str]:
    """What axe (whose text is empty where the page has it) finds on a page, and whether it is too wide: as it is, or in
    each of several looks. For these it is read once: what makes a look is in its style sheets alone, no script asks for
    colours or widths, and to read a page and axe anew takes three times as long as to look at it once more."""
    page.wait_for_load_state()  # after a click it may be on its way still
    if axe:
        page.evaluate(axe)
    found = [] if looks else _found(page, name)
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": TALL})
        found += _found(page, f"{name}, {scheme}, {width} px wide")
    return found


def _found(page: Page, name: str) -> list[str]:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    wrong, sideways = page.evaluate(LOOK, tags)
    found = [f"{name}: {one['id']} {[node['html'][:200] for node in one['nodes'][:3]]}" for one in wrong]
    return found + ([f"{name}: {sideways} px too wide"] if sideways > 0 else [])


class Walk(NamedTuple):
    """What was seen on a way through all pages."""

    wrong: list[str]  # what axe found in any look, pages too wide for one, and any in another language
    too_wide: dict[
        str, list[tuple[str, int]]
    ]  # on the narrowest screen, by the size of letters: pages, and by how much
    said: dict[str, list[str]]  # what the browser reported on pages, where it did


def walked(
    page: Page,
    origin: str,
    pages: Mapping[str, str],
    looks: Iterable[Look],
    widths: Iterable[int] = (),
    language: str = "en",
) -> Walk:
    """Read each page once, in a language; axe looks at it in `looks`, and of `widths` it must not be too wide for any.
    Where axe is not installed, it does not look: who asks for what is wrong needs it."""
    seen = Walk([], {letters: [] for letters in LETTERS}, {})
    here: list[str] = []
    page.on("console", lambda message: here.append(message.text))
    page.on("pageerror", lambda error: here.append(str(error)))
    if looking := AXE.exists():
        page.context.add_init_script(path=AXE)
    for name, address in pages.items():
        page.goto(origin + address)
        page.wait_for_timeout(50)  # what its scripts have to say
        # With everything that can be unfolded: what is folded away would not be looked at.
        unfold(page)
        if page.locator("html").get_attribute("lang") != language:
            seen.wrong.append(f"{name}: in another language")
        if looking:
            seen.wrong.extend(problems(page, "", name, looks))
        for width in widths:
            page.set_viewport_size({"width": width, "height": TALL})
            if (sideways := too_wide(page)) > 0:
                seen.wrong.append(f"{name}: {sideways} px too wide for {width}")
        page.set_viewport_size(NARROWEST)
        for letters, sideways in zip(LETTERS, page.evaluate(LETTERED, LETTERS), strict=True):
            if sideways > 0:
                seen.too_wide[letters].append((name, sideways))
        if name not in ABSENT and here:
            seen.said[name] = [*here]
        here.clear()
    return seen
