"""The first page: what waits, who used what, what it gave, what happened lately; and the way to every other page."""

import re
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.kernel.times import now, rfc3339
from rapport.terms import Declaration, Promise
from rapport.terms.benefits import Estimate, parse_mapping
from tests.app.test_signing_agreements import Signer
from tests.profile.house import ORG, told
from tests.web.portal.person import Home, Person
from tests.web.portal.test_levels import PASSKEY

PLACES = (
    *("/me", "/me/known", "/me/terms", "/me/goals", "/me/asked"),
    *("/me/sharing", "/me/devices", "/me/lock", "/me/take", "/me/erase"),
)
"""The ten that the page has, the most wanted first."""
BENEATH = ("/me/claim", "/me/agreements", "/me/statement", "/me/contacts", "/me/rights", f"/me/known/{ORG}")
MAPPING = b'[[benefit]]\nevent = "Voucher Redeemed"\nproperty = "value"\nkind = "discount"\nunit = "GBP"\n'


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


def moments(person: Person) -> list[tuple[str, str]]:
    return [(one["what"], one["why"]) for one in person.json("/me")["lately"]]


@pytest.mark.parametrize("path", [*PLACES, *BENEATH])
def test_every_place_can_be_reached_from_every_page_and_the_page_one_is_on_is_marked(ada: Person, path: str) -> None:
    page = ada.get(path).text
    head = re.findall(r"<nav.*?</nav>", page, re.DOTALL)[0]
    thumb = re.findall(r'class="thumb".*?</nav>', page, re.DOTALL)[0]
    for nav in (head, thumb):
        assert set(PLACES) <= set(re.findall(r'href="([^"]+)"', nav))
        assert "aria-current" in nav or (nav == thumb and 'class="here"' in nav)
    assert page.index('class="skip"') < page.index("<nav")


def test_somebody_whom_nobody_knows_is_told_how_to_begin(home: Home) -> None:
    page = Person(home, ()).get("/me").text
    assert "No company yet" in page
    assert 'href="/me/claim"' in page[page.index("<main") :]


def test_uses_and_refusals_of_this_month_are_counted_by_company_and_told_once_a_day() -> None:
    with Home() as home:  # in which nobody else says anything of her
        _are_counted(home, Person(home))


def _are_counted(home: Home, ada: Person) -> None:
    ada.post("/me/terms/change", way="preset", value="balanced")
    assert ada.json("/me")["uses"] == {}
    for _ in range(3):
        assert home.reads("service")
    assert not home.reads("advertising")
    content = ada.json("/me")
    assert content["uses"] == {ORG: {"given": 3, "refused": 1}}
    told_once = {(one["what"], one["times"]) for one in content["lately"] if one["what"] in {"used", "refused"}}
    assert told_once == {("used", 3), ("refused", 1)}
    assert "used your data 3 times this month" in ada.get("/me").text


def test_what_a_person_did_themselves_is_told_but_not_their_own_looks(ada: Person) -> None:
    ada.get(f"/me/known/{ORG}")
    ada.post("/me/lock", org=ORG, lock="yes")
    ada.post("/me/lock", org=ORG, lock="no")
    ada.post("/me/terms/change", way="preset", value="alone")
    said = [why for what, why in moments(ada) if what == "account"]
    assert said == [
        "You began your terms from “Leave me alone”.",
        f"You let {ORG} in again, as far as your terms allow.",
        f"You locked {ORG} out.",
    ]
    assert not [what for what, _ in moments(ada) if what == "used"]


def test_it_is_told_in_the_language_of_the_page(ada: Person) -> None:
    ada.post("/me/lock", org=ORG, lock="yes")
    page = ada.get("/me", **{"Accept-Language": "de"}).text
    assert f"Sie haben {ORG} ausgesperrt." in page
    assert "You locked" not in page


def test_a_passkey_that_is_there_is_told_once_by_its_name(home: Home) -> None:
    told = moments(Signer(home))
    assert [what for what, _ in told if what == "passkey"] == ["passkey"]
    assert "A passkey was made for your account." not in dict(map(reversed, told))


def test_what_is_settled_this_month_and_what_is_estimated_stand_apart(home: Home, ada: Person) -> None:
    book = BenefitFile(home.ledger)
    book.set_mapping(ORG, parse_mapping(MAPPING))
    voucher = {"event": "Voucher Redeemed", "properties": {"value": 2.5}, "timestamp": rfc3339(now())}
    home.send(told(type="track", userId="ada", messageId="v1", **voucher), source="crm", received_at=now())
    home.settle()
    guess = Estimate("customer", "everybody", "0.40", "0.10", "0.70", "GBP", 1_200, "experiment", "2026-11-01")
    book.estimate(ORG, [guess])
    gave = ada.json("/me")["gave"]
    assert gave["customer"] == [{"amount": "2.5", "unit": "GBP"}]
    assert [(one["effect"], one["low"], one["high"]) for one in gave["estimated"]] == [("0.40", "0.10", "0.70")]
    page = ada.get("/me").text
    assert "£2.50" in page
    assert "between £0.10 and £0.70" in page
    assert "£2.90" not in page


def test_a_passkey_codes_and_open_requests_wait(home: Home, ada: Person) -> None:
    assert [one["what"] for one in ada.json("/me")["waits"]] == ["passkey"]
    Accounts(home.ledger).add_passkey(ada.person, PASSKEY, "my telephone", (b"challenge", now() + 10**9))
    content = ada.json("/me")
    assert [one["what"] for one in content["waits"]] == ["codes"]
    assert "Make the codes after it" in ada.get("/me").text, "the first address ends codes that were made before"
    assert ("passkey", "my telephone") in {(one["what"], one["name"]) for one in content["lately"]}
    assert "Waits for you" in ada.get("/me").text


def test_whoever_began_from_another_preset_is_led_back_to_the_one_before(ada: Person) -> None:
    ada.post("/me/terms/change", way="preset", value="balanced")
    changed = ada.post("/me/terms/change", way="preset", value="open").headers["location"]
    page = ada.get(changed).text
    assert "Back to “Balanced”…" in page
    assert 'href="/me/terms/change?way=preset&amp;value=balanced"' in page
    ada.post("/me/terms/change", way="preset", value="alone")
    assert "Back to “" not in ada.get(changed).text, "something else holds by now"


def test_own_looks_name_companies_and_what_was_corrected_as_people_read_them() -> None:
    with Home() as home:
        home.declare(Declaration(name="Lantern Lane", purposes={"service": Promise("contract", retention_days=30)}))
        ada = Person(home)
        ada.post(f"/me/known/{ORG}/correct", trait="birthday", value="1988-03-15")
        assert "You corrected “Birthday” at Lantern Lane." in ada.get("/me/asked").text


def test_a_company_that_says_anothers_name_is_told_apart_from_it_wherever_it_is_named() -> None:
    with Home() as home:
        for org in (ORG, "corner"):
            home.declare(Declaration(name="Lantern Lane", purposes={"service": Promise("contract")}), org)
        ada = Person(home)
        for page in ("/me", "/me/known", "/me/claim"):
            assert f"Lantern Lane ({ORG})" in ada.get(page).text, page
        home.declare(Declaration(name="Corner"), "corner")
        assert "Lantern Lane (" not in ada.get("/me").text
