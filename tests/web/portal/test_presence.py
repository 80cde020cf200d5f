"""Bound devices on the person's page: who came by a link binds none, and presence stands beside what they correct."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.profile.house import ORG
from tests.web.portal.person import Home, Person


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


def recognised(home: Home, person: str) -> None:
    presence = home.desk().presence
    assert asyncio.run(presence._tell(person, ORG, "watch", 0, "home")) is not None
    home.settle()
    presence.close()


def test_who_came_by_a_link_is_told_to_make_a_passkey_first(home: Home) -> None:
    person = Person(home)
    page = person.get("/me/devices/pair")
    assert "Make a passkey first" in page.text
    assert 'name="code"' not in page.text
    assert person.post("/me/devices/pair", code="BCDF-GHJK").status_code == 409


def test_a_tap_that_is_none_has_ended(home: Home) -> None:
    person = Person(home)
    for code in ("", "x", "x.shop", "%00", "é" * 300):
        assert person.get(f"/me/tap?code={code}").status_code == 404
        assert person.post("/me/tap", code=code).status_code == 404
    assert person.post("/me/devices/unbind", device="x").status_code == 404
    assert person.post("/me/devices/unbind", device="7").status_code == 404


def test_forms_about_devices_come_from_the_persons_own_pages(home: Home) -> None:
    person = Person(home)
    for path in ("/me/devices/pair", "/me/devices/unbind", "/me/devices/everything", "/me/tap"):
        assert person.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
        assert person.post(path, csrf="x").status_code == 403


def test_presence_is_shown_to_its_person_and_their_own_word_is_taken_as_before(home: Home) -> None:
    person = Person(home)
    recognised(home, person.person)
    known = person.json(f"/me/known/{ORG}")
    assert known["events"]["by_name"]["Presence Recognised"]["count"] == 1
    said = person.post(f"/me/known/{ORG}/correct", trait="name", value="Ada Lovelace")
    assert said.status_code == 303
    recognised(home, person.person)
    known = person.json(f"/me/known/{ORG}")
    assert (known["traits"]["name"]["value"], known["traits"]["name"]["source"]) == ("Ada Lovelace", "you")
    assert known["events"]["by_name"]["Presence Recognised"]["count"] == 2


def test_everything_that_is_revoked_closes_this_page_too(home: Home) -> None:
    person = Person(home)
    assert person.post("/me/devices/everything").headers["location"] == "/signin"
    assert person.get("/me").headers["location"].startswith("/signin")
