"""The console's desk for audiences: numbers as they are, people as the gate lets them through, and ready-made traits
that learn from nobody else."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rapport.adapters.embedded.audiences import Definitions
from rapport.app.audiences import open_audiences
from rapport.app.console_audiences import PAGE, ConsoleAudiences
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.learning import ACTION, Learner
from rapport.decide.models import Fitted
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import DAY, now
from rapport.web.audiences import Saved, Standing, TraitWish
from rapport.web.console.session import Session
from tests.act.receiving import eventually
from tests.profile.house import ORG, House, told

SESSION = Session("s-1", ORG, "Olga", "service", "owner", "opr_1")
CUSTOMERS = 60
GOLD = 'traits.plan == "gold"'


@pytest.fixture
def house() -> Iterator[House]:
    """Everybody is gold and bought twice; one is of an age that is no number."""
    with House() as house:
        today = now()
        for number in range(CUSTOMERS):
            who = f"u{number}"
            traits = {"plan": "gold", "age": "old" if number == 7 else 30, "email": f"{who}@example.com"}
            house.send(
                told(today, type="identify", userId=who, messageId=who, traits=traits), source="crm", received_at=today
            )
            for order in (200, 20 + number):
                bought = {"type": "track", "userId": who, "event": "Order Completed", "messageId": f"{who}-{order}"}
                event = told(today - order * DAY, **bought, properties={"revenue": 10 + number})
                house.send(event, source="crm", received_at=today)
        yield house.settle()


@pytest.fixture
def desk(house: House) -> Iterator[ConsoleAudiences]:
    audiences, traits = open_audiences(house.settings, house.reader, house.gate, open_keys(house.settings))
    yield ConsoleAudiences(audiences, traits)
    audiences.close()


def evaluated(house: House) -> None:
    house.worker._following._looked = 0.0  # the worker looks now and then whether anybody follows
    house.worker.step()
    house.settle()
    with contextlib.closing(Evaluator(house.settings)) as evaluator:
        evaluator.settle()


def put(desk: ConsoleAudiences, house: House, name: str = "gold", expression: str = GOLD) -> Saved[Any]:
    saved = asyncio.run(desk.put(SESSION, name, expression, "service", None))
    evaluated(house)
    return saved


def lock(house: House, *users: str) -> None:
    for user in users:
        house.people.lock(house.people.add([f"{ORG}:user_id:{user}"]).handle)


def pages(desk: ConsoleAudiences, what: str) -> list[Any]:
    """All rows of all pages of people or moves."""
    found: list[Any] = []
    cursor = None
    while True:
        page = asyncio.run(getattr(desk, what)(SESSION, "gold", cursor))
        assert len(page.rows) <= PAGE
        found += page.rows
        if page.next is None:
            return found
        cursor = page.next


@pytest.mark.parametrize("what", ["people", "moves"])
def test_who_locks_is_in_no_list_from_then_on_and_pages_are_as_long(
    house: House, desk: ConsoleAudiences, what: str
) -> None:
    put(desk, house)
    everybody = {row.person.customer for row in pages(desk, what)}
    assert len(everybody) == CUSTOMERS
    lock(house, "u3", "u10", "u59")  # the evaluator does not know it yet
    seen = pages(desk, what)
    assert len(seen) == CUSTOMERS - 3
    assert {row.person.customer for row in seen} < everybody
    first = asyncio.run(getattr(desk, what)(SESSION, "gold", None))
    assert len(first.rows) == PAGE
    shown = repr(seen)
    assert "@example.com" not in shown.replace("•••@e•••.com", "")
    for number in range(CUSTOMERS):
        assert f"'u{number}'" not in shown


def test_who_is_in_is_told_for_the_audience_s_own_purpose_alone(house: House, desk: ConsoleAudiences) -> None:
    put(desk, house)
    other = msgspec.structs.replace(SESSION, purpose="analytics")
    for asked in (
        desk.people(other, "gold", None), desk.moves(other, "gold", None), desk.stumbles(other, "gold"),
        desk.why(other, "gold", "user_id:u1"), desk.people(SESSION, "nobody_made_it", None),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            asyncio.run(asked)
    for what in (desk.people, desk.moves):
        with pytest.raises(BadInput) as caught:
            asyncio.run(what(SESSION, "gold", "cus_none"))
        assert caught.value.code == "bad_cursor"


def test_another_organization_has_no_part_in_any_of_it(house: House, desk: ConsoleAudiences) -> None:
    put(desk, house)
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        ledger.add_org("rival")
    rival = msgspec.structs.replace(SESSION, org="rival")
    assert asyncio.run(desk.page(rival, "", 10)) == []
    for asked in (
        desk.named(rival, "gold", 30), desk.people(rival, "gold", None), desk.why(rival, "gold", "user_id:u1"),
        desk.delete(rival, "gold"), desk.preview(rival, GOLD, "service", "gold"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            asyncio.run(asked)
    cursor = asyncio.run(desk.people(SESSION, "gold", None)).next
    asyncio.run(desk.put(rival, "gold", GOLD, "service", 0))
    with pytest.raises(BadInput):
        asyncio.run(desk.people(rival, "gold", cursor))
    assert asyncio.run(desk.words(rival)).traits == ()


def test_a_customer_s_page_tells_the_audiences_of_its_purpose_alone(house: House, desk: ConsoleAudiences) -> None:
    put(desk, house)
    put(desk, house, "grown", "traits.age > 18")
    asyncio.run(desk.put(SESSION, "offered", GOLD, "offers", None))
    inside = asyncio.run(desk.inside(SESSION))
    told_of = {part.record.key_value: inside(found) for found in house.found() for part in found.parts}
    assert told_of["u1"] == ("gold", "grown")
    assert told_of["u7"] == ("gold",)
    elsewhere = asyncio.run(desk.inside(msgspec.structs.replace(SESSION, purpose="offers")))
    assert {elsewhere(found) for found in house.found()} == {()}


def test_numbers_tell_on_how_many_it_fails_and_why_and_never_with_what(house: House, desk: ConsoleAudiences) -> None:
    put(desk, house, "grown", "traits.age > 18")
    looked = asyncio.run(desk.named(SESSION, "grown", 30))
    ((reason, count),) = looked.reasons
    assert (count, looked.standing.count) == (1, CUSTOMERS - 1)
    assert "old" not in reason
    (listed,) = asyncio.run(desk.page(SESSION, "", 10))
    assert (listed.failing, listed.counts[-1], len(listed.counts)) == (1, CUSTOMERS - 1, 30)
    (stumble,) = asyncio.run(desk.stumbles(SESSION, "grown"))
    assert stumble.reason == reason
    assert asyncio.run(desk.why(SESSION, "grown", stumble.person.customer))["error"]
    lock(house, "u7")
    assert asyncio.run(desk.stumbles(SESSION, "grown")) == ()


def test_an_editor_replaces_the_version_that_they_saw_and_is_named_in_the_audit_log(
    house: House, desk: ConsoleAudiences
) -> None:
    assert asyncio.run(desk.put(SESSION, "gold", GOLD, "service", 0)).definition.version == 1
    for expected in (0, 2):
        with pytest.raises(Conflict) as caught:
            asyncio.run(desk.put(SESSION, "gold", "true", "service", expected))
        assert caught.value.code == "outdated"
    assert asyncio.run(desk.put(SESSION, "gold", "traits.age > 1", "service", 1)).definition.version == 2
    looked = asyncio.run(desk.named(SESSION, "gold", 30))
    assert [one.expression for one in looked.versions] == ["traits.age > 1", GOLD]
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        rows = ledger.db.execute("SELECT who FROM audit WHERE about = 'gold'").fetchall()
    assert {who for (who,) in rows} == {"opr_1"}


def test_a_trait_is_previewed_by_of_whom_it_is_known(desk: ConsoleAudiences) -> None:
    known = asyncio.run(desk.preview_trait(SESSION, "traits.plan", "service"))
    assert (known.known, known.unknown, known.failing) == (CUSTOMERS, 0, 0)
    known = asyncio.run(desk.preview_trait(SESSION, "traits.nothing", "service"))
    assert (known.known, known.unknown) == (0, CUSTOMERS)
    assert known.warnings
    known = asyncio.run(desk.preview_trait(SESSION, "traits.age + 1", "service"))
    assert (known.known, known.unknown, known.failing) == (CUSTOMERS - 1, 0, 1)


# -- ready-made traits


def learned(house: House, name: str) -> Fitted:
    """What a learner that finds this to do makes of it."""
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        definitions = Definitions(ledger)
        with contextlib.closing(Learner(house.settings, check_s=0.01)):
            eventually(lambda: name in definitions.fitted(ORG))
        return definitions.fitted(ORG)[name]


def take(desk: ConsoleAudiences, model: str, event: str = "Order Completed", value: str = "revenue") -> None:
    asyncio.run(desk.put_trait(SESSION, model, TraitWish("service", model=model, event=event, value=value), 0))


def test_what_is_ready_made_is_offered_with_the_events_that_are_purchases(desk: ConsoleAudiences) -> None:
    offers = asyncio.run(desk.offers(SESSION))
    assert offers.purchases == (("Order Completed", ("revenue",)),)
    assert {one.made for one in offers.offers} == {""}
    take(desk, "rfm")
    assert {one.model: one.made for one in asyncio.run(desk.offers(SESSION)).offers}["rfm"] == "rfm"


def test_a_model_learns_from_those_who_may_be_read_and_leaves_their_receipts(
    house: House, desk: ConsoleAudiences
) -> None:
    lock(house, "u1", "u2")
    take(desk, "lifetime_value")
    assert asyncio.run(desk.trait(SESSION, "lifetime_value")).learned is None
    fitted = learned(house, "lifetime_value")
    assert (fitted.customers, fitted.trouble) == (CUSTOMERS - 2, "")
    told_of = asyncio.run(desk.trait(SESSION, "lifetime_value")).learned
    assert told_of is not None
    assert (told_of.at, told_of.customers) == (fitted.at, CUSTOMERS - 2)
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        receipts = [one for one in ledger.receipts(ORG, 500) if one.action == ACTION]
    assert sum(one.decision == "permitted" for one in receipts) == CUSTOMERS - 2
    put(desk, house, "valued", "has(computed.lifetime_value)")
    assert asyncio.run(desk.named(SESSION, "valued", 30)).standing.count == CUSTOMERS - 2
    assert asyncio.run(desk.trait(SESSION, "lifetime_value")).uses == ("the audience “valued”",)
    with pytest.raises(Conflict):
        asyncio.run(desk.delete_trait(SESSION, "lifetime_value"))


def test_where_there_is_nothing_to_learn_the_trait_says_so_and_moves_nothing(
    house: House, desk: ConsoleAudiences
) -> None:
    take(desk, "next_purchase", "Never Seen", "")
    fitted = learned(house, "next_purchase")
    assert fitted.trouble == "this is learned from at least 50 customers, and there are 0"
    told_of = asyncio.run(desk.trait(SESSION, "next_purchase")).learned
    assert told_of is not None
    assert told_of.trouble == fitted.trouble
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        definitions = Definitions(ledger)
        assert definitions.rulebook(ORG).fitted_at("next_purchase") == 0
        before = definitions.version()
        learned(house, "next_purchase")  # a learner that was started anew
        assert definitions.version() == before


def test_another_version_of_a_trait_learns_anew(house: House, desk: ConsoleAudiences) -> None:
    take(desk, "rfm", "Never Seen")
    assert learned(house, "rfm").trouble
    asyncio.run(desk.put_trait(SESSION, "rfm", TraitWish("service", model="rfm", event="Order Completed"), 1))
    assert asyncio.run(desk.trait(SESSION, "rfm")).learned is None
    with contextlib.closing(Learner(house.settings, check_s=0.01)):
        eventually(lambda: asyncio.run(desk.trait(SESSION, "rfm")).learned is not None)
    found = asyncio.run(desk.trait(SESSION, "rfm")).learned
    assert found is not None
    assert (found.customers, found.trouble) == (CUSTOMERS, "")


def test_an_audience_that_is_deleted_while_it_is_looked_at_is_not_there(
    desk: ConsoleAudiences, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(desk, house)
    named = desk._audiences.named

    async def then_deleted(org: str, name: str) -> Standing:
        standing = await named(org, name)
        await desk.delete(SESSION, name)
        return standing

    monkeypatch.setattr(desk._audiences, "named", then_deleted)
    with pytest.raises(NotFound):
        asyncio.run(desk.named(SESSION, "gold", 30))
