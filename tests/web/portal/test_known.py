"""What companies know, found by its words and source, page by page, with where it is from; and shown again."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import quote

import pytest

from rapport.web.portal.known import FACTS
from tests.profile.house import ORG, told
from tests.web.portal.person import Home, Person

MANY = FACTS + 30
PATH = f"/me/known/{ORG}"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home() as home:
        many = {f"shelf_{number}": f"row {number}" for number in range(MANY)}
        home.send(told(type="identify", userId="ada", messageId="many", traits=many))
        home.settle()
        yield home


@pytest.fixture(scope="module")
def ada(home: Home) -> Person:
    return Person(home, (f"{ORG}:user_id:ada", "corner:user_id:a1"))


def facts(page: str) -> list[str]:
    return re.findall(r'<div class="fact">\s*<dt><bdi>(.*?)</bdi>', page)


def test_each_company_that_knows_them_is_listed_also_one_that_has_nothing_yet(ada: Person) -> None:
    page = ada.get("/me/known").text
    assert [one["org"] for one in ada.json("/me/known")["companies"]] == ["shop", "corner"]
    assert f'href="{PATH}"' in page
    assert "user id" in page


def test_facts_come_page_by_page_each_once_and_all_of_them(ada: Person) -> None:
    seen, path = [], PATH
    while path:
        page = ada.get(path).text
        assert len(facts(page)) <= FACTS
        seen += facts(page)
        path = unescape(next(iter(re.findall(r'href="([^"]+)" rel="next"', page)), ""))
    assert len(seen) == len({*seen}) == len(ada.json(PATH)["traits"]) == MANY + 3


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=shelf 129", ["Shelf 129"]),
        ("q=ROW+77", ["Shelf 77"]),
        ("q=birthday", ["Birthday"]),
        ("source=crm", ["Birthday", "Email", "Name"]),
        ("source=crm&q=ada", ["Email", "Name"]),
        ("source=nobody", []),
        ("q=nothing of the kind", []),
        (f"q={'x' * 500}&source=crm", ["Birthday", "Email", "Name"]),  # longer than anything that makes sense
    ],
)
def test_a_fact_is_found_by_its_name_its_value_and_its_source(ada: Person, query: str, found: list[str]) -> None:
    answer = ada.get(f"{PATH}?{query}")
    assert (answer.status_code, sorted(facts(answer.text))) == (200, found)


def test_what_is_asked_for_goes_along_to_the_next_page_and_is_escaped(ada: Person) -> None:
    page = ada.get(f"{PATH}?q=shelf&source=web").text
    assert f"q=shelf&amp;source=web&amp;from={FACTS}" in page
    assert len(facts(ada.get(f"{PATH}?q=shelf&source=web&from={FACTS}").text)) == MANY - FACTS
    assert "<script>" not in ada.get(f"{PATH}?q={quote('<script>')}&source={quote('<script>')}").text


def test_each_fact_says_which_event_of_which_record_it_is_from(ada: Person) -> None:
    page = ada.get(f"{PATH}?q=birthday").text
    told_of = ada.json(PATH)["traits"]["birthday"]
    assert f"<bdi>{told_of['event']}</bdi>" in page
    assert told_of["record"] in page


def test_what_is_hidden_is_listed_and_leads_back(ada: Person) -> None:
    ada.post("/me/terms/change", way="hide", value=f"{ORG}:name")
    for path in ("/me/known", f"{PATH}?q=name"):
        back = unescape(re.findall(r'href="(/me/terms/change\?way=out[^"]+)">Show it again', ada.get(path).text)[0])
        assert ada.get(back).status_code == 200
    ada.post("/me/terms/change", way="out", value=f"hide:{ORG}:name")
    assert "Show it again" not in ada.get("/me/known").text


def test_a_copy_is_described_before_it_is_made(ada: Person) -> None:
    page = ada.get("/me/take").text
    assert 'action="/me/export"' in page
    assert "your goals" in page
