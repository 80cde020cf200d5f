"""Who was refused stays unknown to the company, but for those who choose to tell it what their terms wanted."""

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.populations import Populations, Told
from rapport.app.embedded import open_keys
from rapport.terms import Declaration, Promise
from rapport.terms.presets import PRESETS
from tests.conftest import sample
from tests.profile.house import ORG, told
from tests.web.portal.person import Home, Person

LONG = Declaration("Shop", {"personalisation": Promise("consent", retention_days=4000, onward=False)})
"""Keeps what it uses for longer than anybody's preset likes."""


def populations(home: Home) -> Populations:
    return Populations(home.ledger.db, open_keys(home.settings), home.people.terms_of)


def refused(home: Home) -> Person:
    """Somebody who wants it kept for a shorter time."""
    home.declare(LONG)
    ada = Person(home)
    home.people.set_terms(ada.person, PRESETS["balanced"])
    assert not home.reads("personalisation")
    return ada


def test_a_company_hears_of_nobody_who_does_not_tell_it() -> None:
    with Home() as home:
        ada = refused(home)
        assert populations(home).told_why(ORG) == []
        assert 'aria-checked="false" name="tell"' in ada.get("/me/terms").text


def test_who_tells_is_known_by_what_they_wanted_until_they_tell_no_more() -> None:
    with Home() as home:
        ada = refused(home)
        (customer,) = {found.customer for found in home.found()}
        assert ada.post("/me/terms/tell", tell="yes").status_code == 303
        assert 'aria-checked="true" name="tell"' in ada.get("/me/terms").text
        (one,) = populations(home).told_why(ORG)
        assert (one.customer, one.purpose) == (customer, "personalisation")
        assert one.unmet
        assert populations(home).told_why("corner") == []
        ada.post("/me/terms/tell", tell="no")
        assert populations(home).told_why(ORG) == []


def test_a_lock_silences_what_was_told() -> None:
    with Home() as home:
        ada = refused(home)
        ada.post("/me/terms/tell", tell="yes")
        for org in (ORG, None):
            home.people.lock(ada.person, org)
            assert populations(home).told_why(ORG) == []
            home.people.unlock(ada.person, org)
        assert len(populations(home).told_why(ORG)) == 1


def test_each_customer_and_purpose_is_told_once_and_the_latest_first() -> None:
    with Home() as home:
        ada = refused(home)
        ada.post("/me/terms/tell", tell="yes")
        for purpose in ("personalisation", "offers", "personalisation"):
            home.reads(purpose)
        found = populations(home).told_why(ORG)
        assert len({one.purpose for one in found}) == len(found)
        assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
        assert populations(home).told_why(ORG, 1) == found[:1]


def _crowd(home: Home, telling: set[int], count: int) -> Callable[[], tuple[int | None, list[Told]]]:
    """So many people who were refused for the same reason, some of whom tell it."""
    home.declare(LONG)
    for number in range(count):
        home.send(told(type="identify", userId=f"u{number}", messageId=f"u{number}"), source="crm")
    home.settle()
    for number in range(count):
        person = home.people.add([f"{ORG}:user_id:u{number}"]).handle
        terms = msgspec.structs.replace(PRESETS["balanced"], tell_why=number in telling)
        home.people.set_terms(person, terms)
        home.reads("personalisation", f"user_id:u{number}")
    found = populations(home)
    return lambda: (found.refusals(ORG).people, found.told_why(ORG))


@sample(30)
@given(st.sets(st.integers(0, 23), max_size=24))
def test_who_tells_takes_nobody_else_out_of_the_crowd(telling: set[int]) -> None:
    with Home() as home:
        people, found = _crowd(home, telling, 24)()
        assert len({one.customer for one in found}) == len(telling)
        if 24 - len(telling) < 20:
            assert people is None  # what the others wanted cannot be had by taking away what these told
