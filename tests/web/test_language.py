"""Pages in two languages: every string of those that speak both goes through the catalog, and the catalog has it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from rapport.app import portal_decided, portal_terms
from rapport.app.signing_in import HouseSignin
from rapport.kernel.vocabulary import CATEGORY_WORDS, PURPOSE_WORDS
from rapport.terms import benefits, presets, sentences
from rapport.terms.declaration import Benefit
from rapport.web import language, pages, retelling, words
from rapport.web.signin import signin_routes
from tests.web import msgids
from tests.web.portal.person import ORIGIN, Home

WEB = Path(language.__file__).parent
SHARED = WEB / "templates"
TRANSLATED = [
    *sorted((WEB / "signin" / "templates").glob("*.html")),
    *sorted((WEB / "portal" / "templates").glob("*.html")),
    *sorted((WEB / "unsubscribe" / "templates").glob("*.html")),
    *(SHARED / f"{name}.html" for name in ("frame", "problem", "parts", "statement_parts")),
]
"""The templates of areas that speak more than English."""
OF_THE_CONSOLE = ("live_line", "timeline", "graph", "party")
"""Pieces of pages that operators alone see: they are English."""
NO_WORDS = {
    *("narrow", 'class="mine"', "&amp;done=anew", "+44 7700 900123", ' <span class="sr">'),
    *("rapport verify erased.json", "rapport verify receipts.json", "rapport person open PERSON"),
}
"""Names, commands and examples, which are the same in every language."""
TABLES = {
    "amounts: text": ("%(amount)s minute", "%(amount)s minutes"),
    "portal_decided: one": portal_decided.RULES.values(),
    "portal_terms: LINES[name]": presets.LINES.values(),
    "portal_terms: TITLES[name]": presets.TITLES.values(),
    "portal_terms: TITLES[terms.preset]": (),
    "portal_terms: TITLES[value]": (),
    "portal_terms: text": (*portal_terms._MAY, *portal_terms._MAY_NOT),
    "sentences: _TIMES[frequency.times]": sentences._TIMES[1:],
    "sentences: _missed(criterion, known=known)": [text for pair in sentences._MISSED.values() for text in pair],
    "sentences: criterion.unit": sentences._UNITS,
    "sentences: mine(CATEGORY_WORDS[name])": map(sentences.mine, CATEGORY_WORDS.values()),
    "sentences: mine(PURPOSE_WORDS[purpose])": map(sentences.mine, PURPOSE_WORDS.values()),
    "words: _each(benefit.per)": ("a month", "a year", "a purchase", "an order"),
    "words: *(past if apart > 0 else yet)": [text for _, past, yet in words._AGO for text in (*past, *yet)],
    "words: CATEGORY_WORDS[name]": CATEGORY_WORDS.values(),
    "words: PURPOSE_WORDS[name]": PURPOSE_WORDS.values(),
    "words: benefit.kind": get_args(Benefit.__annotations__["kind"]),
    "words: f\"%(count)s {things or thing + 's'}\"": (),  # said by templates
    "words: f'%(count)s {thing}'": (),
    "words: f'%(times)s a {per}'": sentences._OFTEN.values(),
    "words: words[:1].upper() + (words[1:].lower() if _HUMPS.search(name) else words[1:])": words.TRAITS,
}
"""What Python asks for by something else than a text in its place, and which texts that may be."""
_PLACE = re.compile(r"%\((\w+)\)s")
LISTED = {"and", "or"}
"""What stands between the last two of several things."""
GERMAN = list(language.entries((language.LOCALE / "de.po").read_text()))
WRITTEN = list(language.entries((language.LOCALE / "written" / "de.po").read_text()))


def source_of(template: Path) -> str:
    source = template.read_text()
    for name in OF_THE_CONSOLE if template == SHARED / "parts.html" else ():
        source = re.sub(rf"\{{% macro {name}\(.*?\{{%- endmacro %\}}", "", source, flags=re.DOTALL)
    return source


@pytest.mark.parametrize("template", TRANSLATED, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_no_visible_string_of_a_translated_template_goes_past_the_catalog(template: Path) -> None:
    assert [text for text in msgids.past_the_catalog(source_of(template)) if text not in NO_WORDS] == []


@pytest.mark.parametrize(
    "sly",
    [
        "<p>Hello</p>",
        '<input placeholder="Your name">',
        '<p data-failed="It did not work">',
        "<p>{{ x }} of us</p>",
        "<b>{% if a %}x",
        '{{ "yes, it is" if x else _("no") }}',
        '{{ {"a": "done", "b": _("open")}[x] }}',
        '{{ _("It is %(x)s", x="not said") }}',
        '{{ parts.onwards(a, "Further facts") }}',
        '{{ "Some words" | trim }}',
    ],
)
def test_a_string_that_goes_past_it_would_be_found(sly: str) -> None:
    assert msgids.past_the_catalog(sly)


@pytest.mark.parametrize("fine", ["<p class=\"{{ 'shut' if x }}\">{{ _('Hello') }}</p>", '<a href="/me">{{ x }}</a> 7'])
def test_what_is_no_words_is_not_taken_for_some(fine: str) -> None:
    assert msgids.past_the_catalog(fine) == []


def test_the_catalog_has_every_string_and_no_other_none_empty_and_none_fuzzy() -> None:
    asked, dark = msgids.all_of_python()
    assert dark == TABLES.keys(), "asked for in a way that the test cannot read"
    wanted = {*asked, *(text for texts in TABLES.values() for text in texts), *LISTED}
    wanted |= {text for template in TRANSLATED for text in msgids.of_template(template.read_text())}
    told = {text for one in GERMAN for text in (one.one, one.many) if text}
    assert wanted - told == set(), "these have no German"
    assert told - wanted == set(), "nothing asks for these any more"


def test_what_is_said_has_the_same_places_and_is_finished() -> None:
    for one in (*GERMAN, *WRITTEN):
        assert not one.fuzzy, one.one
        assert all(one.said), one.one
        assert len(one.said) == (2 if one.many else 1), one.one
        for english, said in zip((one.one, one.many), one.said, strict=False):
            assert {*_PLACE.findall(said)} == {*_PLACE.findall(english)}, one.one
            assert said % dict.fromkeys(_PLACE.findall(said), "7"), "a percent sign is written twice"
            assert '"' not in said, "German has its own quotation marks"


def test_plural_entries_are_read_with_their_forms() -> None:
    head = 'msgid ""\nmsgstr ""\n\n'
    text = '#, fuzzy\nmsgid "%(n)s day"\nmsgid_plural "%(n)s "\n"days"\nmsgstr[0] "a"\nmsgstr[1] "b"\n'
    (one,) = language.entries(head + text)
    assert one == ("%(n)s day", "%(n)s days", ("a", "b"), True)


@pytest.mark.parametrize(
    ("wish", "spoken"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT, en;q=0.5", "de"),
        ("en-GB, de;q=0.9", "en"),
        ("fr, de;q=0.3, en;q=0.2", "de"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("de;q=x, en", "en"),
        ("de;q=1.2.3", "en"),
    ],
)
def test_a_page_speaks_what_the_browser_wishes_most(wish: str, spoken: str) -> None:
    assert language.chosen(request(wish), ("en", "de")) == spoken


@given(st.text(max_size=600))
def test_no_wish_breaks_a_page(wish: str) -> None:
    assert language.chosen(request(wish), ("en", "de")) in {"en", "de"}


def request(wish: str) -> Request:
    headers = [(b"accept-language", wish.encode("utf-8", "replace"))]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


@given(st.lists(st.sampled_from(sorted(CATEGORY_WORDS.values())), min_size=2, max_size=6, unique=True))
def test_any_list_of_kinds_of_data_is_told_again_also_of_those_with_an_and_of_their_own(kinds: list[str]) -> None:
    written = words.listed(kinds)
    with language.speaking("de"):
        said = [language.gettext(kind) for kind in kinds]
        assert retelling.retold(written) == words.listed(said)
        assert retelling.retold(", ".join(kinds)) == ", ".join(said)


def test_whatever_benefits_are_called_is_told_again() -> None:
    kinds = [kind.replace("_", " ") for some in benefits.KINDS.values() for kind in some]
    with language.speaking("de"):
        assert [text for text in (*benefits.KIND_WORDS.values(), *kinds) if retelling.retold(text) == text] == []


def test_times_are_said_in_the_language_that_is_spoken() -> None:
    at = 1_772_445_600_000_000
    with language.speaking("de"):
        assert (words.when(at), words.when(None)) == ("2. März 2026, 10:00", "Zeit unbekannt")
    assert words.when(at) == "2 Mar 2026, 10:00"


# -- the pages for signing in


@pytest.fixture(scope="module")
def app() -> Iterator[Starlette]:
    home = Home()
    with home:
        signin = HouseSignin(lambda: home.ledger, bytes(32), ORIGIN)
        yield Starlette(routes=signin_routes(signin, ORIGIN))


def send(app: Starlette, method: str, path: str, **more: object) -> httpx.Response:
    async def sent() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type]

    return asyncio.run(sent())


def test_signing_in_speaks_the_browser_s_language_and_says_so(app: Starlette) -> None:
    german = send(app, "GET", "/signin", headers={"Accept-Language": "de-CH, en;q=0.1"}).text
    assert '<html lang="de"' in german
    assert "Mit einem Passkey anmelden" in german
    assert "Sign in with a passkey" not in german
    english = send(app, "GET", "/signin").text
    assert '<html lang="en"' in english
    assert "Sign in with a passkey" in english


def test_what_is_refused_there_is_told_in_it_too(app: Starlette) -> None:
    refused = send(app, "POST", "/signin/language", headers={"Origin": "http://evil.test", "Accept-Language": "de"})
    assert "Dieses Formular kam nicht von den Seiten" in refused.text


def test_a_language_that_was_chosen_is_kept_before_the_browser_s(app: Starlette) -> None:
    form = {"language": "de", "back": "/signin/recover"}
    answer = send(app, "POST", "/signin/language", headers={"Origin": ORIGIN}, data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin/recover")
    kept = answer.headers["set-cookie"].partition(";")[0]
    page = send(app, "GET", "/signin", headers={"Accept-Language": "en", "Cookie": kept}).text
    assert '<html lang="de"' in page


@pytest.mark.parametrize(
    ("origin", "form", "status"),
    [
        ("http://evil.test", {"language": "de"}, 403),
        (ORIGIN, {"language": "xx"}, 303),
        (ORIGIN, {"language": "de", "back": "//evil.test"}, 303),
    ],
)
def test_nobody_else_chooses_and_nothing_leads_away(
    app: Starlette, origin: str, form: dict[str, str], status: int
) -> None:
    answer = send(app, "POST", "/signin/language", headers={"Origin": origin}, data=form)
    assert answer.status_code == status
    assert answer.headers.get("location", "/signin") == "/signin"
    assert ("set-cookie" in answer.headers) == (status == 303 and form["language"] == "de")


def test_pages_of_one_rendering_do_not_change_the_language_of_the_next() -> None:
    environment = pages.environment(WEB / "signin" / "templates", asset=str, own_asset=str, LONG=1)
    assert environment.from_string('{{ _("Back") }}').render() == "Back"
    with language.speaking("de"):
        assert environment.from_string('{{ _("Back") }}').render() == "Zurück"
    assert environment.from_string('{{ _("Back") }}').render() == "Back"
