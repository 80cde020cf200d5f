"""The page on which people correct what a company knows: it says first what would follow, and can be gone back on."""

from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.webhooks import WebhookFile
from tests.profile.house import ORG, told
from tests.web.portal.person import Home, Person

WHERE = f"/me/known/{ORG}/correct"
HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as house:
        traits = {"address": {"street": "14 Mill Lane", "city": "Leeds", "zip": 12345}, "vip": True, "tags": ["a"]}
        house.send(told(type="identify", userId="ada", messageId="more", traits=traits), source="crm")
        house.settle()
        yield house


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


def shown(home: Home, trait: str) -> tuple[object, str]:
    fact = home.view("user_id:ada")["traits"][trait]
    return fact["value"], fact["source"]


def test_each_value_can_be_corrected_but_for_lists(ada: Person) -> None:
    page = ada.get(f"/me/known/{ORG}").text
    for trait in ("name", "address", "vip"):
        assert f'href="{WHERE}?trait={trait}"' in page
    assert f'href="{WHERE}?trait=tags"' not in page


def test_a_visit_says_what_would_follow_and_changes_nothing(home: Home, ada: Person) -> None:
    WebhookFile(home.ledger).set(ORG, "crm", "https://crm.example/hook")
    last = home.log.last()
    page = ada.get(f"{WHERE}?trait=name").text
    for said in ("What is there now", "What would follow", "Of its systems, crm will be told", 'value="Ada"'):
        assert said in page
    assert "Take my word back" not in page
    assert home.log.last() == last
    content = ada.json(f"{WHERE}?trait=name")
    assert (content["shown"]["value"], content["told"], content["own"]) == ("Ada", ["crm"], False)
    assert content["receipt"] in {one.id for _, one in home.ledger.receipts_of(home.people.person(ada.person).id)}


def test_what_is_said_is_shown_at_once_as_ones_own_with_theirs_beside_it(home: Home, ada: Person) -> None:
    answer = ada.post(WHERE, trait="name", value=HOSTILE)
    assert answer.status_code == 303
    page = ada.get(answer.headers["location"]).text
    assert ("Corrected: your word is shown now" in page, "you said so" in page, HOSTILE in page) == (True, True, False)
    assert shown(home, "name") == (HOSTILE, "you")
    assert "Take my word back" in ada.get(f"{WHERE}?trait=name").text
    assert "You corrected “Name”" in ada.get("/me/rights").text
    back = ada.post(WHERE, trait="name", back="yes")
    assert "Taken back" in ada.get(back.headers["location"]).text
    assert shown(home, "name") == ("Ada", "crm")
    assert "took back your correction" in ada.get("/me/rights").text


def test_an_address_is_corrected_part_by_part_and_the_rest_stays_of_its_kind(home: Home, ada: Person) -> None:
    page = ada.get(f"{WHERE}?trait=address").text
    for part in ("street", "city", "zip"):
        assert f'name="part:{part}"' in page
    unchanged = {"part:street": "14 Mill Lane", "part:zip": "12345"}
    assert ada.post(WHERE, trait="address", **unchanged, **{"part:city": "York"}).status_code == 303
    assert shown(home, "address") == ({"street": "14 Mill Lane", "city": "York", "zip": 12345}, "you")
    again = ada.post(WHERE, trait="address", **unchanged, **{"part:city": "York"})
    assert (again.status_code, "you left it as it is" in again.text) == (400, True)


def test_yes_and_no_are_chosen(home: Home, ada: Person) -> None:
    assert "<select" in ada.get(f"{WHERE}?trait=vip").text
    ada.post(WHERE, trait="vip", value="no")
    assert shown(home, "vip") == (False, "you")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"trait": "name", "value": ""}, 400),
        ({"trait": "name", "value": "a\x00b"}, 400),
        ({"trait": "name", "value": "x" * 5000}, 400),
        ({"trait": "name", "part:x": "y"}, 400),
        ({"trait": "name", "back": "yes"}, 400),
        ({"trait": "tags", "value": "b"}, 400),
        ({"trait": "address", "part:planet": "Mars"}, 400),
        ({"trait": "nickname", "value": "who"}, 404),  # a guess: it is shown to nobody as theirs
        ({"trait": "x" * 5000, "value": "y"}, 404),
        ({}, 404),
    ],
)
def test_what_cannot_be_is_said_beside_the_form_and_changes_nothing(
    home: Home, ada: Person, fields: dict[str, str], status: int
) -> None:
    last = home.log.last()
    answer = ada.post(WHERE, **fields)
    assert answer.status_code == status
    assert home.log.last() == last
    assert ("Nothing was changed: " in answer.text) == (status == 400)


def test_nobody_corrects_at_a_company_that_is_none_of_theirs(home: Home, ada: Person) -> None:
    home.send(told(type="identify", userId="zoe", messageId="z", traits={"name": "Zoe"}), source="crm")
    home.settle()
    for org in ("corner", "nobody"):
        assert ada.get(f"/me/known/{org}/correct?trait=name").status_code == 404
        assert ada.post(f"/me/known/{org}/correct", trait="name", value="X").status_code == 404
    assert home.view("user_id:zoe")["traits"]["name"]["value"] == "Zoe"


def test_a_form_that_is_not_of_this_session_corrects_nothing(home: Home, ada: Person) -> None:
    csrf, ada.csrf = ada.csrf, "0" * 32
    assert ada.post(WHERE, trait="name", value="X").status_code == 403
    ada.csrf = csrf
    assert shown(home, "name") == ("Ada", "crm")
