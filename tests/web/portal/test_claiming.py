"""The pages for claiming, as a signed-in person sees them: what fails says nothing of what there is."""

import re
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.purchases import PurchaseFile
from rapport.app.embedded import open_ledger
from rapport.app.proving import open_proofs
from rapport.kernel.times import now, rfc3339
from rapport.terms.purchases import Rule
from tests.profile.house import ORG, told
from tests.web.portal.person import Home
from tests.web.portal.test_intents import Browser, House

SOLD_AT = now() - 10**6
TODAY = rfc3339(SOLD_AT)[:10]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with Home() as home:
        ledger = open_ledger(home.settings)
        ledger.add_source(ORG, "till", trusted=True)
        PurchaseFile(ledger).set(ORG, Rule("Order Completed", "order_id"))
        named = [{"type": "order_id", "id": "A1"}]
        bought = told(SOLD_AT, type="track", event="Order Completed", anonymousId="till1", messageId="t1",
                      properties={"total": 42.5}, context={"externalIds": named})  # fmt: skip
        home.send(bought, source="till", received_at=now())
        home.settle()
        house = House(home)
        contacts = open_proofs(home.settings).contacts
        waiting = contacts.start(house.person, "email", "ada@example.com")
        contacts.verify(
            house.person, waiting.handle, waiting.code or "", 0, Accounts(home.ledger).passkeys(house.person)[0].id
        )
        yield house


def post(browser: Browser, path: str, **fields: str) -> tuple[int, str, str]:
    page = browser.send("GET", "/me/claim").text
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found is not None
    answer = browser.form(path, {"csrf": found.group(1), **fields})
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_a_wrong_purchase_and_one_that_never_was_make_the_same_page(house: House) -> None:
    browser = house.browser()
    house.sign_in(browser)
    assert "It was me" in browser.send("GET", "/me/claim").text
    said = {"org": ORG, "order": "A1", "total": "1", "day": TODAY}
    wrong = post(browser, "/me/claim/purchase", **said)
    never = post(browser, "/me/claim/purchase", **{**said, "order": "Z9"})
    assert wrong == never
    assert wrong[0] == 401
    assert "not as the company has it" in wrong[2]
    assert post(browser, "/me/claim/purchase", **{**said, "total": "lots"})[0] == 400
    assert post(browser, "/me/claim/purchase", **{**said, "total": "42,50"})[:2] == (303, "/me/claim?done=claimed")
    assert "you told of a purchase" in browser.send("GET", "/me/claim").text


def test_without_text_messages_the_page_says_that_no_phone_can_be_shown(house: House) -> None:
    browser = house.browser()
    house.sign_in(browser)
    page = browser.send("GET", "/me/contacts").text
    assert "No text messages are sent" in page
    assert 'type="tel"' not in page
    assert post(browser, "/me/contacts", address="+447700900123")[0] == 400
