"""Hiding a kind of data from a company: shown before it is done, done at once, and taken back."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from rapport.terms import Request
from tests.profile.house import ORG, at_once, told
from tests.web.portal.person import Home, Person

VALUE = f"{ORG}:name"
PREVIEW = f"/me/terms/change?way=hide&value={quote(VALUE)}"


@pytest.fixture
def home() -> Iterator[Home]:
    home = Home()
    with home:
        yield home


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


def reads(home: Home) -> dict[str, object]:
    page = at_once(home.gate.view(Request(ORG, "user_id:ada", "service", "api token")))
    return {name: fact["category"] for name, fact in dict(page)["traits"].items()}


def test_what_hiding_would_do_is_shown_first_and_changes_nothing(home: Home, ada: Person) -> None:
    ada.post("/me/terms/change", way="preset", value="open")
    before = reads(home)
    assert "name" in before
    page = ada.get(PREVIEW).text
    assert "Hide this?" in page, page[page.index("<main") :]
    assert "may no longer use your name" in page, page[page.index("<main") :]
    assert reads(home) == before


@pytest.mark.parametrize("preset", [None, "open"])
def test_what_is_hidden_is_read_by_nobody_there_and_the_rest_still_is(
    home: Home, ada: Person, preset: str | None
) -> None:
    if preset:
        ada.post("/me/terms/change", way="preset", value=preset)
    before = reads(home)
    assert ada.post("/me/terms/change", way="hide", value=VALUE).status_code == 303
    assert reads(home) == {name: kind for name, kind in before.items() if kind != "name"}
    assert 'class="tag">hidden' in ada.get(f"/me/known/{ORG}").text
    assert "name" in ada.json(f"/me/known/{ORG}")["traits"]
    clause = next(line["id"] for line in ada.json("/me/terms")["lines"] if line["id"].startswith("hide:"))
    assert "cannot be put back" not in ada.get(f"/me/terms/change?way=out&value={quote(clause)}").text
    ada.post("/me/terms/change", way="out", value=clause)
    assert reads(home) == before


def test_what_is_hidden_stays_hidden_when_terms_begin_from_another_preset(home: Home, ada: Person) -> None:
    ada.post("/me/terms/change", way="hide", value=VALUE)
    ada.post("/me/terms/change", way="preset", value="open")
    assert "name" not in reads(home)


@pytest.mark.parametrize("value", [f"{ORG}:no-kind", "corner:name", "name", ":", f"{ORG}:everything"])
def test_what_cannot_be_hidden_is_refused(home: Home, ada: Person, value: str) -> None:
    before = home.people.person(ada.person).terms
    assert 400 <= ada.post("/me/terms/change", way="hide", value=value).status_code < 500
    assert 400 <= ada.get(f"/me/terms/change?way=hide&value={quote(value)}").status_code < 500
    assert home.people.person(ada.person).terms == before


def test_thousands_of_facts_come_page_by_page_and_each_is_on_one(home: Home, ada: Person) -> None:
    for first in range(0, 1200, 200):
        traits = {f"trait_{number:04}": "x" for number in range(first, first + 200)}
        home.send(told(type="identify", userId="ada", messageId=f"many {first}", traits=traits), source="crm")
    home.settle()
    path, seen = f"/me/known/{ORG}", []
    while path:
        page = ada.get(path).text
        seen += re.findall(r"<dt><bdi>(Trait \d+)</bdi>", page)
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        path = onward[1] if onward else ""
    assert len(seen) == len(set(seen)) == 1200
    for wrong in ("x", "-1", "9" * 9, "٣"):
        assert ada.get(f"/me/known/{ORG}?from={quote(wrong)}").status_code == 200
