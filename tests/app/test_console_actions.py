"""The console's desk for actions: the catalogue as it is, customers through the gate for the session's purpose."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from rapport.app.actions import open_actions
from rapport.app.console_actions import ConsoleActions
from rapport.decide.decision import Manner
from rapport.decide.kinds import Units
from rapport.decide.wishes import ActionWish
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.web.console.actions_desk import VERSIONS
from rapport.web.console.session import Session
from rapport.web.decisions import DecisionWish
from tests.app.desk import HELP, SELL, Desk, house
from tests.profile.house import ORG, House

__all__ = ["house"]

SESSION = Session("s-1", ORG, "Olga", "service", "owner", "opr_1")
OFFERS = Session("s-2", ORG, "Olga", "offers", "owner", "opr_1")
STRANGER = Session("s-3", "another", "Eve", "service", "owner", "opr_2")
THANK = ActionWish("thank", "service", {"inbox": {"en": "Thank you, {traits.name}."}})


class Both:
    """What decides, and the console's desk over it."""

    def __init__(self, house: House) -> None:
        self.deciding = Desk(house, HELP, SELL)
        self.actions = open_actions(house.settings, house.reader, self.deciding.gate)
        self.desk = ConsoleActions(house.settings, self.actions, self.deciding.decisions)

    def close(self) -> None:
        self.desk.close()
        self.actions.close()
        self.deciding.close()


@pytest.fixture
def both(house: House) -> Iterator[Both]:
    both = Both(house)
    yield both
    both.close()


def test_a_catalogue_is_listed_with_how_often_each_was_chosen_and_none_of_anothers(both: Both) -> None:
    for _ in range(3):
        both.deciding.decide()
    found = asyncio.run(both.desk.page(SESSION, "", 10))
    assert [row.action.id for row in found.rows] == ["help", "sell"]
    (helped, _) = found.rows
    assert helped.chosen + found.silent == 3
    assert (helped.worth.customer, helped.worth.company, helped.delivered) == (1.8, 2.4, 0)
    assert asyncio.run(both.desk.page(STRANGER, "", 10)).rows == ()
    with pytest.raises(NotFound):
        asyncio.run(both.desk.named(STRANGER, "help"))


def test_an_action_is_put_version_by_version_and_by_who_had_the_one_in_force(both: Both) -> None:
    saved = asyncio.run(both.desk.put(SESSION, "thank", THANK, 0))
    assert (saved.action.version, saved.fresh) == (1, True)
    with pytest.raises(Conflict):
        asyncio.run(both.desk.put(SESSION, "thank", THANK, 0))
    wish = ActionWish("thank", "service", {"inbox": {"en": "Thanks."}})
    assert asyncio.run(both.desk.put(SESSION, "thank", wish, 1)).action.version == 2
    assert [one.version for one in asyncio.run(both.desk.named(SESSION, "thank")).versions] == [2, 1]
    for number in range(2, VERSIONS + 3):
        asyncio.run(both.desk.put(SESSION, "thank", msgspec.structs.replace(wish, cost=number), number))
    told = asyncio.run(both.desk.named(SESSION, "thank")).versions
    assert [one.version for one in told] == list(range(VERSIONS + 3, 2, -1))
    asyncio.run(both.desk.delete(SESSION, "thank"))
    with pytest.raises(NotFound):
        asyncio.run(both.desk.named(SESSION, "thank"))


def test_customers_are_read_for_the_session_s_purpose_alone(both: Both) -> None:
    told = asyncio.run(both.desk.preview(SESSION, "help", "user_id:ada", "web", None))
    assert told["content"] == {"text": "Dear Ada, here is how."}
    with pytest.raises(NotFound):
        asyncio.run(both.desk.preview(OFFERS, "help", "user_id:ada", "web", None))
    with pytest.raises(BadInput):
        asyncio.run(both.desk.trial(OFFERS, DecisionWish("user_id:ada", "service", "web")))
    tried = asyncio.run(both.desk.trial(SESSION, DecisionWish("user_id:ada", "service", "web")))
    receipts = {one.id: one for one in both.deciding.ledger.receipts(ORG)}
    assert receipts[tried.head["receipt"]].action == "decision trial"
    assert receipts[tried.head["receipt"]].caller == "console s-1"
    assert both.deciding.book.page(ORG, 1 << 62, 10) == []


def test_how_it_is_decided_and_the_units_are_kept_for_who_had_the_version_in_force(both: Both) -> None:
    before = asyncio.run(both.desk.manner(SESSION))
    assert asyncio.run(both.desk.put_manner(SESSION, Manner(0.7), before.version)).weight == 0.7
    with pytest.raises(Conflict):
        asyncio.run(both.desk.put_manner(SESSION, Manner(0.6), before.version))
    units = asyncio.run(both.desk.units(SESSION))
    assert asyncio.run(both.desk.put_units(SESSION, Units("EUR"), units.version)).currency == "EUR"
    with pytest.raises(Conflict):
        asyncio.run(both.desk.put_units(SESSION, Units("USD"), units.version))
