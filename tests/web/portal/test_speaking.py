"""A language that somebody chooses while they are signed in is that of letters to them as well."""

from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.tongues import Tongues
from rapport.web.language import COOKIE
from tests.web.portal.person import Home, Person


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


def kept(home: Home, person: Person) -> str | None:
    return Tongues(home.people).of(home.people.person(person.person).id)


def test_choosing_a_language_holds_for_letters_and_for_this_person_alone(home: Home) -> None:
    ada, bo = Person(home), Person(home, ())
    assert kept(home, ada) is None
    answer = ada.post("/me/language", language="de", back="/me/lock")
    assert (answer.status_code, answer.headers["location"], ada.cookies[COOKIE]) == (303, "/me/lock", "de")
    assert (kept(home, ada), kept(home, bo)) == ("de", None)


@pytest.mark.parametrize("named", ["", "xx", "DE", "d" * 400, "de\0"])
def test_what_is_no_language_here_changes_nothing(home: Home, named: str) -> None:
    ada = Person(home)
    ada.post("/me/language", language="de")
    assert ada.post("/me/language", language=named).status_code == 303
    assert kept(home, ada) == "de"


def test_a_stranger_and_another_site_choose_for_nobody(home: Home) -> None:
    ada = Person(home)
    elsewhere = ada.post("/me/language", headers={"Origin": "https://elsewhere.example"}, language="de")
    assert (elsewhere.status_code, kept(home, ada)) == (403, None)
    assert ada.post("/me/leave").status_code == 303
    assert ada.post("/me/language", language="de").status_code == 303
    assert kept(home, ada) is None
