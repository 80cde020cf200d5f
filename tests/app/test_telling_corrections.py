"""Whoever has what was corrected is told what it is now, as long as it may know it."""

import asyncio

import pytest

from rapport.act.delivery import Answer
from rapport.act.webhooks import message
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.rights import RightsBook
from rapport.app import rights
from rapport.app.correction_letters import CorrectionLetters
from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, now
from rapport.terms import Terms
from tests.app.corrections import MAIL, NO_CONTACT, SERVICE, Shop, shop
from tests.profile.house import ORG

__all__ = ["shop"]


def test_systems_that_know_the_person_are_told_with_what_they_know_them_by(shop: Shop) -> None:
    shop.crm_says("bo", source="app", name="Bo")
    shop.crm_says("ada", source="web", nickname="A")
    hooks = shop.listen("crm", "web", "app")
    case = shop.correct("phone", "1")
    letters = shop.letters()
    assert letters.keys() == {"crm", "web"}
    told_crm = letters["crm"]
    assert told_crm["type"] == "rectification"
    customer = shop.view("user_id:ada")["customer"]
    ids = [{"type": "user_id", "value": "ada"}, {"type": "email", "value": MAIL}]
    head = {"id": case.id, "organization": ORG, "customer": customer, "trait": "phone", "value": "1"}
    assert told_crm["data"] == {
        **head,
        "identifiers": ids,
        "taken_back": False,
        "corrected_at": told_crm["data"]["corrected_at"],
    }
    assert letters["web"]["data"]["identifiers"] == ids[:1]
    receipt = next(one for one in shop.ledger.receipts(ORG) if one.action == "telling its systems of your correction")
    assert (receipt.recipients, receipt.fields, receipt.decision) == (("crm", "web"), ("phone",), "permitted")
    assert receipt.id in case.receipts
    assert [(one.source, one.status) for one in shop.corrector.told(case)] == [("crm", "waiting"), ("web", "waiting")]
    outbox = OutboxFile(shop.ledger)
    for one in outbox.listed():
        outbox.done(one) if one.about == "crm" else outbox.tried(one, Answer(410), 0)
    outbox.sweep(now() + 400 * DAY)
    assert [(one.source, one.status) for one in shop.corrector.told(case)] == [("crm", "done"), ("web", "failed")]
    assert hooks.urls(ORG).keys() == {"crm", "web", "app"}


def test_systems_are_told_that_it_was_taken_back(shop: Shop) -> None:
    shop.correct("phone", "1")
    shop.listen("crm")
    shop.correct("phone", None)
    said = shop.letters()["crm"]["data"]
    assert (said["value"], said["taken_back"]) == (None, True)


@pytest.mark.parametrize("shut", ["lock", "terms"])
def test_a_company_that_is_shut_out_is_told_nothing(shop: Shop, shut: str) -> None:
    shop.declare(SERVICE)
    shop.listen("crm")
    if shut == "lock":
        shop.people.lock(shop.person, ORG)
    else:
        shop.people.set_terms(shop.person, NO_CONTACT)
    case = shop.correct("phone", "1")
    assert (case.status, "were not told" in case.answer, case.told) == ("done", True, ())
    assert shop.letters() == {}
    if shut == "lock":
        shop.people.unlock(shop.person, ORG)
    else:
        shop.people.set_terms(shop.person, Terms())
    assert shop.trait("phone")["value"] == "1"


@pytest.mark.parametrize("shut", ["lock", "terms", ""])
def test_what_waits_is_told_only_while_it_may_be(shop: Shop, shut: str) -> None:
    shop.declare(SERVICE)
    hooks = shop.listen("crm")
    shop.correct("phone", "1")
    (letter,) = OutboxFile(shop.ledger).listed()
    body = OutboxFile(shop.ledger).body(letter) or b""
    if shut == "lock":
        shop.people.lock(shop.person, ORG)
    elif shut == "terms":
        shop.people.set_terms(shop.person, NO_CONTACT)
    letters = CorrectionLetters(shop.settings, shop.ledger, hooks.dress)
    if shut:
        with pytest.raises(NotFound):
            letters.dress(letter, body)
    else:
        assert letters.dress(letter, body).body == body
    other = message("other", {"anything": 1}, now())
    assert letters.dress(letter, other).body == other


def test_what_waits_to_be_told_goes_with_an_erasure(shop: Shop) -> None:
    shop.listen("crm")
    shop.correct("phone", "1")
    assert shop.letters()
    shop.worker.close()
    rights.shred_person(shop.settings, shop.person)
    shop.restart()
    assert shop.letters() == {}


def test_told_and_ended_are_one_step(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.listen("crm")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RightsBook, "_end", die)
        with pytest.raises(KeyboardInterrupt):
            shop.correct("phone", "1")
    assert shop.letters() == {}
    assert asyncio.run(shop.corrector.take_up(now() + DAY)) == 1
    assert len(OutboxFile(shop.ledger).listed()) == 1
