"""Pages in two languages: every string of those that speak both goes through the catalog, and the catalog has it."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request

from rapport.app.signing_in import HouseSignin
from rapport.web import language, pages, words
from rapport.web.signin import signin_routes
from tests.web.portal.person import ORIGIN, Home

WEB = Path(language.__file__).parent
TRANSLATED = [*sorted((WEB / "signin" / "templates").glob("*.html")), WEB / "templates" / "frame.html"]
"""The templates of areas that speak more than English."""
FROM_PYTHON = {"unknown time"}
_CODE = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_ATTRIBUTES = re.compile(r"\{% block body_attributes %\}.*?\{% endblock %\}", re.DOTALL)
_HEARD = re.compile(r'\b(?:placeholder|title|alt|aria-label|data-failed|data-cannot|content)="([^"]*)"')
_NAMES_NO_WORDS = {"width=device-width, initial-scale=1"}


def visible(source: str) -> list[str]:
    """What of a template is read or heard as it stands there."""
    plain = _CODE.sub("\0", _ATTRIBUTES.sub("", source))
    heard = [text for text in _HEARD.findall(plain) if text not in _NAMES_NO_WORDS]
    read = re.split(r"<[^>]*>", plain, flags=re.DOTALL)
    return [text.strip("\0 \n") for text in (*heard, *read) if re.search(r"[A-Za-z]", text)]


def asked(source: str) -> set[str]:
    """The strings that a template asks the catalog for."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    found = environment.extract_translations(source)  # type: ignore[attr-defined]  # the extension's
    return {text for _, _, message in found for text in ([message] if isinstance(message, str) else message) if text}


@pytest.mark.parametrize("template", TRANSLATED, ids=lambda path: path.name)
def test_no_visible_string_of_a_translated_template_goes_past_the_catalog(template: Path) -> None:
    assert visible(template.read_text()) == []


@pytest.mark.parametrize(
    "sly", ["<p>Hello</p>", '<input placeholder="Name">', "<p>{{ x }} of us</p>", "<b>{% if a %}x"]
)
def test_a_string_that_goes_past_it_would_be_found(sly: str) -> None:
    assert visible(sly)


def test_the_catalog_has_every_string_and_no_other_none_empty_and_none_fuzzy() -> None:
    told = {one.one: one for one in language.entries((language.LOCALE / "de.po").read_text())}
    wanted = FROM_PYTHON.union(*(asked(template.read_text()) for template in TRANSLATED))
    assert wanted - told.keys() == set(), "these have no German"
    assert told.keys() - wanted == set(), "nothing asks for these any more"
    for one in told.values():
        assert not one.fuzzy, one.one
        assert all(one.said), one.one
        assert len(one.said) == (2 if one.many else 1), one.one
        places = sorted(re.findall(r"%\(\w+\)s", one.one))
        assert all(sorted(re.findall(r"%\(\w+\)s", said)) == places for said in one.said), one.one


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
