"""Claiming by a purchase: the weakest proof opens the record that holds the order, where nobody could show more."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rapport.adapters.embedded import purchases as kept
from rapport.adapters.embedded.claims import ANOTHER, BY_PURCHASE, EXPIRED, TOO_LITTLE
from rapport.app import portal_proofs
from rapport.app.embedded import open_ledger
from rapport.app.portal_proofs import PortalProofs
from rapport.app.proving import Proving
from rapport.app.purchasing import Purchasing
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import BadInput, Conflict, NotFound, TooMany, Unauthorized
from rapport.kernel.times import DAY, HOUR, now, rfc3339
from rapport.signin.passkeys import Proved
from rapport.terms.own import own_parts
from rapport.terms.purchases import Rule
from rapport.web.portal.proofs_desk import Purchase
from rapport.web.portal.told import Session
from tests.app.hall import ADA, BO, MODULES, Hall
from tests.profile.house import ORG, told

RULE = Rule("Order Completed", "order_id")
SOLD_AT = now() - HOUR // 60
TODAY = rfc3339(SOLD_AT)[:10]
"""The day on which all is sold here: also where a midnight comes between the sale and who tells of it."""


class Shop(Hall):
    """A till that knows what was bought, and by whom at most by a loyalty card."""

    def __init__(self) -> None:
        super().__init__(recovery_hours=0)
        ledger = open_ledger(self.settings)
        ledger.add_source(ORG, "till", trusted=True)
        ledger.close()
        self.proofs.purchases.set(ORG, RULE)
        self.buying = Purchasing(self.proofs, self.reader)
        self.sold = 0

    def sell(self, order: str, total: float, *, who: str = "", source: str = "till", **more: Any) -> None:
        self.sold += 1
        more.setdefault("anonymousId", who or f"receipt-{order}-{source}")
        named = [{"type": "order_id", "id": order}, *more.pop("ids", [])]
        properties = {"total": total, "order_id": order, **more.pop("bought", {})}
        self.send(
            told(
                SOLD_AT,
                type="track",
                event="Order Completed",
                messageId=f"sale-{self.sold}",
                properties=properties,
                context={"externalIds": named},
                **more,
            ),
            source=source,
            received_at=now(),
        )
        self.settle()

    def customer(self, address: str = "") -> str:
        """A person with an address of theirs."""
        person = self.person()
        self.verify(person, address or f"p{self.made}{self.sold}{person[-6:].lower()}@example.com")
        return person

    def buy(self, person: str, order: str, total: str, day: str = TODAY, code: str = "", org: str = ORG) -> None:
        self.buying.prove(person, org, order, total, day, code)

    def fails(self, person: str, *said: str, **more: str) -> tuple[str, str]:
        with pytest.raises(Unauthorized) as refused:
            self.buy(person, *said, **more)
        return refused.value.message, refused.value.code

    def sees(self, person: str) -> set[str]:
        """Names of the records that are shown to a person."""
        claims = [(kind, value) for org, kind, value in self.held(person) if org == ORG]
        with self.reader.snapshot():
            return {part.record.key_value for part in own_parts(self.reader, ORG, claims)[0]}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    ahead = [0]

    def pass_by(span: int) -> None:
        ahead[0] += span
        for module in (*(f"adapters.embedded.{one}" for one in (*MODULES, "purchases")), "app.purchasing"):
            monkeypatch.setattr(f"rapport.{module}.now", lambda: now() + ahead[0])

    return pass_by


def test_a_purchase_claims_the_record_that_holds_it_and_no_other(shop: Shop) -> None:
    shop.sell("A1", 42.5, who="card-7")
    shop.sell("A2", 10, who="card-8")
    ada = shop.customer()
    shop.buy(ada, "A1", "£42.50")
    assert shop.held(ada) == {(ORG, "order_id", "A1")}
    assert shop.sees(ada) == {"card-7"}
    (claim,) = shop.claims(ada)
    assert (claim.how, claim.suspended) == (BY_PURCHASE, "")
    assert claim.until is not None
    shop.proofs.claims.unclaim(ada, claim.id)
    assert shop.held(ada) == set()


def test_whatever_is_wrong_is_answered_alike(shop: Shop) -> None:
    shop.sell("A1", 42.5)
    shop.sell("A2", 10)
    shop.sell("C1", 7, source="crm", userId="u1")
    shop.sell("D1", 7, source="web")  # by a browser's word alone
    bo = shop.customer()
    shop.sell("E1", 7)
    shop.buy(bo, "E1", "7")
    said = {
        shop.fails(shop.customer(), *one)
        for one in (("A1", "42.51"), ("A1", "10"), ("A1", "42.50", "2020-01-01"), ("Z9", "42.50"), ("D1", "7"),
                    ("C1", "7"), ("E1", "7"))
    }  # fmt: skip
    said.add(shop.fails(shop.customer(), "A1", "42.50", org="corner"))  # which takes none
    said.add(shop.fails(shop.customer(), "A1", "42.50", org="nowhere"))
    assert len(said) == 1


@pytest.mark.parametrize(
    "named", [("email", ADA), ("phone", "+447700900123"), ("user_id", "u1"), ("email_sha256", "ab" * 32)]
)
def test_where_somebody_could_show_more_a_purchase_shows_nothing(shop: Shop, named: tuple[str, str]) -> None:
    kind, value = named
    shop.sell("A1", 42.5, ids=[{"type": kind, "id": value}])
    shop.fails(shop.customer(), "A1", "42.50")


@pytest.mark.parametrize(
    "known", [{"address": "1 High Street"}, {"shipping_address": {"city": "Bath"}}, {"allergies": "nuts"}]
)
def test_a_receipt_opens_neither_where_somebody_lives_nor_what_is_delicate(shop: Shop, known: dict[str, Any]) -> None:
    shop.sell("A1", 42.5, who="card-7")
    shop.send(told(now(), type="identify", anonymousId="card-7", traits=known, messageId="k"), source="till")
    shop.settle()
    shop.fails(shop.customer(), "A1", "42.50")


@pytest.mark.parametrize("known", [{"address": "1 High Street"}, {"email": ADA}])
def test_what_a_receipt_would_not_open_closes_when_it_comes_later(shop: Shop, known: dict[str, Any]) -> None:
    shop.sell("A1", 42.5, who="card-7")
    finder = shop.customer()
    shop.buy(finder, "A1", "42.50")
    assert shop.buying.check() == 0
    shop.send(told(now(), type="identify", anonymousId="card-7", traits=known, messageId="k"), source="till")
    shop.settle()
    assert shop.buying.check() == 1
    assert shop.held(finder) == set()
    assert [one.suspended for one in shop.claims(finder)] == [TOO_LITTLE]


def test_nor_where_a_parcel_went(shop: Shop) -> None:
    shop.sell("A1", 42.5, bought={"delivery_address": "1 High Street"})
    shop.fails(shop.customer(), "A1", "42.50")


def test_a_number_that_is_on_a_strangers_record_too_opens_neither(shop: Shop) -> None:
    ledger = open_ledger(shop.settings)
    ledger.add_source(ORG, "kiosk", trusted=True)
    ledger.close()
    shop.sell("A1", 42.5)
    ada = shop.customer()
    shop.buy(ada, "A1", "42.50")
    shop.sell("A1", 9.99, source="kiosk")  # which counts its own numbers
    shop.fails(shop.customer(), "A1", "42.50")
    assert shop.buying.check() == 1
    assert shop.held(ada) == set()
    assert [one.suspended for one in shop.claims(ada)] == [TOO_LITTLE]


def test_nobody_takes_by_a_purchase_what_somebody_claims_and_they_are_told(shop: Shop) -> None:
    shop.sell("A1", 42.5, ids=[{"type": "loyalty_id", "id": "77"}])
    bo = shop.customer(BO)
    code, _ = shop.proofs.claims.mint(ORG, "loyalty_id", "77")
    shop.proofs.claims.claim_by_link(bo, code)
    shop.proofs.claims.told(1 << 62)
    ada = shop.customer()
    shop.fails(ada, "A1", "42.50")
    assert shop.held(ada) == set()
    assert shop.held(bo) == {(ORG, "loyalty_id", "77")}
    (news, *_) = shop.proofs.claims.news(bo)
    assert "told of a purchase" in news.said
    assert ada not in news.said
    assert shop.proofs.claims.untold()[0] == {shop.proofs.people.person(bo).id: [news.said]}


def test_whoever_shows_more_has_it_before_whoever_told_of_a_purchase(shop: Shop) -> None:
    shop.sell("A1", 42.5, ids=[{"type": "loyalty_id", "id": "77"}])
    finder, owner = shop.customer(), shop.customer()
    shop.buy(finder, "A1", "42.50")
    code, _ = shop.proofs.claims.mint(ORG, "loyalty_id", "77")
    shop.proofs.claims.claim_by_link(owner, code)
    shop.buying.outweigh(owner)
    assert shop.held(finder) == set()
    assert [one.suspended for one in shop.claims(finder)] == [ANOTHER]
    assert shop.sees(owner) == {"receipt-A1-till"}


def test_what_came_together_later_is_found_by_looking_again(shop: Shop) -> None:
    shop.sell("A1", 42.5)
    finder, owner = shop.customer(), shop.customer()
    code, _ = shop.proofs.claims.mint(ORG, "loyalty_id", "77")
    shop.proofs.claims.claim_by_link(owner, code)
    shop.buy(finder, "A1", "42.50")
    assert shop.buying.check() == 0
    shop.sell("A1", 42.5, ids=[{"type": "loyalty_id", "id": "77"}])  # the card was shown after all
    assert shop.buying.check() == 1
    assert shop.held(finder) == set()


def test_a_purchase_counts_for_as_long_as_the_company_says(shop: Shop, later: Callable[[int], None]) -> None:
    shop.sell("A1", 42.5)
    ada = shop.customer()
    shop.buy(ada, "A1", "42.50")
    later(60 * DAY + HOUR)
    assert shop.proofs.claims.expire() == 1
    assert [one.suspended for one in shop.claims(ada)] == [EXPIRED]
    shop.fails(ada, "A1", "42.50")
    shop.proofs.purchases.set(ORG, None)
    assert shop.proofs.purchases.rules() == {}
    with pytest.raises(NotFound):
        shop.proofs.purchases.set("nowhere", RULE)


def test_claims_end_where_a_company_takes_purchases_no_longer(shop: Shop) -> None:
    shop.sell("A1", 42.5)
    ada = shop.customer()
    shop.buy(ada, "A1", "42.50")
    shop.proofs.purchases.set(ORG, None)
    assert shop.buying.check() == 1
    assert shop.held(ada) == set()


def test_who_has_shown_no_address_tells_of_no_purchase(shop: Shop) -> None:
    shop.sell("A1", 42.5)
    with pytest.raises(Conflict) as refused:
        shop.buy(shop.person(), "A1", "42.50")
    assert refused.value.code == "no_contact"


def test_guessing_ends_soon_for_a_person_an_order_and_a_company(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.sell("A1", 42.5)
    ada = shop.customer()
    for number in range(5):
        shop.fails(ada, f"X{number}", "1")
    with pytest.raises(TooMany):
        shop.buy(ada, "A1", "42.50")
    for number in range(25):
        shop.fails(shop.customer(), "A1", f"1{number}")
    for order in ("A1", "A1"):
        with pytest.raises(TooMany):
            shop.buy(shop.customer(), order, "42.50")
    for _ in range(25):
        shop.fails(shop.customer(), "Z1", "1")  # one that never was is slowed down alike
    with pytest.raises(TooMany):
        shop.buy(shop.customer(), "Z1", "1")
    monkeypatch.setattr(kept, "MOST", ((("org",), 56, DAY),))
    shop.fails(shop.customer(), "Y1", "1")
    with pytest.raises(TooMany):
        shop.buy(shop.customer(), "Y2", "1")


def test_who_alone_tries_all_that_they_may_keeps_no_buyer_out(shop: Shop, later: Callable[[int], None]) -> None:
    shop.sell("A1", 42.5)
    thief = shop.customer()
    for number in range(5):
        shop.fails(thief, "A1", f"1{number}")
    later(DAY + 1)
    with pytest.raises(TooMany):  # a week has not gone by
        shop.buy(thief, "A1", "42.50")
    for number in range(5):
        shop.fails(thief, f"B{number}", "1")
    ada = shop.customer()
    shop.buy(ada, "A1", "42.50")
    assert shop.held(ada)


def test_of_a_hundred_guesses_at_one_order_a_few_are_looked_at(shop: Shop) -> None:
    shop.sell("A1", 42.5)
    tried = 0
    for cents in range(4200, 4300):
        person = shop.customer()
        try:
            shop.fails(person, "A1", f"{cents / 100:.2f}") if cents != 4250 else shop.buy(person, "A1", "42.50")
            tried += 1
        except TooMany:
            assert shop.held(person) == set()
    assert tried == 25


def test_nothing_of_tries_outlasts_an_erasure(shop: Shop) -> None:
    ada = shop.customer()
    shop.fails(ada, "A1", "1")
    shop.proofs.people.set_status(ada, "erasing")
    shop.proofs.people.forget_claims(ada)
    assert shop.proofs.people.db.execute("SELECT count(*) FROM purchase_try").fetchone() == (0,)


def test_a_stolen_ledger_names_no_order(shop: Shop) -> None:
    shop.sell("ORDER-NUMBER-1", 42.5)
    shop.buy(shop.customer(), "ORDER-NUMBER-1", "42.50")
    assert b"ORDER-NUMBER-1" not in b"".join(path.read_bytes() for path in shop.directory.glob("ledger.db*"))


def test_a_joined_account_brings_its_purchases_along(shop: Shop) -> None:
    shop.sell("A1", 42.5, who="card-7")
    ada, old = shop.customer(), shop.customer()
    shop.buy(old, "A1", "42.50")
    shop.enrol(old)
    key = shop.accounts.passkeys(old)[0]
    shop.proofs.joining.join(ada, key, Proved(0, synced=True), (b"joining" * 6, 1 << 62))
    assert shop.buying.check() == 0
    assert shop.sees(ada) == {"card-7"}


# -- as the page asks


def test_on_the_page_a_companys_link_outweighs_a_purchase_at_once(shop: Shop) -> None:
    shop.sell("A1", 42.5, ids=[{"type": "loyalty_id", "id": "77"}])
    finder, owner = shop.customer(), shop.customer()
    proving = Proving(shop.settings)
    signin = HouseSignin(lambda: open_ledger(shop.settings), b"s" * 32, shop.settings.url)
    desk = PortalProofs(proving, signin, str)
    try:
        asyncio.run(desk.buy(Session(finder, 1, now()), ORG, Purchase("A1", "42.50", TODAY, ""), "here"))
        assert shop.held(finder)
        code, _ = shop.proofs.claims.mint(ORG, "loyalty_id", "77")
        asyncio.run(desk.take(Session(owner, 2, now()), code, "there"))
        assert not shop.held(finder)
    finally:
        proving.close()
        signin.close()


def test_the_page_answers_a_wrong_purchase_after_the_same_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal_proofs, "QUIET_S", 0.3)
    shop.sell("A1", 42.5)
    proving = Proving(shop.settings)
    signin = HouseSignin(lambda: open_ledger(shop.settings), b"s" * 32, shop.settings.url)
    desk = PortalProofs(proving, signin, str)

    def took(order: str, total: str) -> float:
        who = Session(shop.customer(), 1, now())
        started = time.monotonic()
        with pytest.raises(Unauthorized):
            asyncio.run(desk.buy(who, ORG, Purchase(order, total, TODAY, ""), "here"))
        return time.monotonic() - started

    try:
        took("Q0", "1")  # what is opened first takes its time
        for said in (("A1", "1"), ("Q1", "42.50")):
            assert took(*said) >= 0.3
        who = Session(shop.customer(), 1, now())
        assert [one.org for one in asyncio.run(desk.claims(who)).sellers] == [ORG]
        asyncio.run(desk.buy(who, ORG, Purchase("A1", "42.50", TODAY, ""), "here"))
        assert len(asyncio.run(desk.claims(who)).claims) == 1
        with pytest.raises(BadInput):
            asyncio.run(desk.buy(who, ORG, Purchase("A1", "much", TODAY, ""), "here"))
        asyncio.run(desk.keep())
    finally:
        proving.close()
        signin.close()


def test_looking_again_goes_on_whatever_happens_to_one_look(shop: Shop) -> None:
    looks, done = [], asyncio.Event()

    class Desk:
        async def keep(self) -> None:
            looks.append(1)
            if len(looks) == 4:
                done.set()
            if len(looks) < 3:
                raise (Conflict("not now"), sqlite3.OperationalError("disk I/O error"))[len(looks) - 1]

    async def some() -> None:
        task = asyncio.create_task(portal_proofs.keep_claims(Desk(), shop.settings, 0.001))  # type: ignore[arg-type]
        await done.wait()
        task.cancel()

    asyncio.run(asyncio.wait_for(some(), 60))
