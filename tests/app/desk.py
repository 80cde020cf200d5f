"""A desk that decides, over a house with two customers and real receipts."""

import asyncio

import pytest

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.deciding import HouseDecisions
from rapport.app.embedded import open_ledger
from rapport.app.outcomes import HouseOutcomes
from rapport.app.receipting import DirectReceipts
from rapport.decide.actions import Action, Benefit
from rapport.decide.decision import Manner
from rapport.decide.kinds import Units
from rapport.terms import Gate
from rapport.web.decisions import DecisionWish
from tests.profile.house import ORG, House, at, at_once, told

HELP = Action(
    ORG,
    "help",
    "help",
    "service",
    {"web": {"en": {"text": "Dear {traits.name}, here is how."}}, "email": {"en": {"subject": "Help", "text": "How."}}},
    eligible='traits.plan == "gold"',
    benefit=Benefit("minutes_saved", minutes=5),
    value=2.0,
)
SELL = Action(
    ORG,
    "sell",
    "offer",
    "service",
    {"web": {"en": {"text": "Buy!"}}},
    benefit=Benefit("discount", amount=-1.0),
    value=9,
)
NOBODY_HELD = Manner(holdout=0)


@pytest.fixture
def house():
    with House() as house:
        house.send(
            told(at("10:00"), type="identify", userId="ada", traits={"name": "Ada", "plan": "gold"}, messageId="1"),
            told(at("10:00"), type="identify", userId="bo", traits={"name": "Bo", "plan": "free"}, messageId="2"),
        )
        yield house.settle()


class Desk:
    def __init__(self, house, *actions, manner=NOBODY_HELD):
        self.house = house
        self.ledger = house._open_ledger()
        for one in actions:
            ActionBook(self.ledger).put(one, "eve")
        self.book = DecisionBook(self.ledger)
        MannerBook(self.ledger).put_manner(ORG, manner, "eve")
        ActionBook(self.ledger).put_units(ORG, Units("GBP"), "eve")
        receipts = DirectReceipts(house._open_ledger())
        self.gate = Gate(house.reader, house.people, receipts, quiet_s=0)
        self.decisions = HouseDecisions(house.settings, house.people, house.reader, self.gate)
        self.outcomes = HouseOutcomes(lambda: open_ledger(house.settings))
        self.lessons = OutcomeBook(self.ledger)

    def decide(self, customer="user_id:ada", channel="web", **more):
        return at_once(self.decisions.decide(ORG, DecisionWish(customer, "service", channel, **more), "test"))

    def report(self, answer, kind="bought", org=ORG, **gave):
        return asyncio.run(self.outcomes.report(org, {"decision": answer["decision"], "kind": kind, **gave}))

    def close(self):
        self.decisions.close()
        self.outcomes.close()

    def kept(self, answer):
        return self.book.decision(ORG, answer["decision"])


@pytest.fixture
def desk(house):
    desk = Desk(house, HELP, SELL)
    yield desk
    desk.decisions.close()
