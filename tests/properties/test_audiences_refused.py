"""Whoever refuses a purpose is, in audiences for it, as if they had never been (design §3, rule 8): whatever is asked,
the answers are those of a house in which they are not."""

import asyncio
from collections.abc import Collection
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rapport.app.audiences import HouseAudiences, at_hand
from rapport.app.evaluating import Evaluator
from rapport.kernel.errors import NotFound
from rapport.terms import Clause, Declaration, Promise, Terms
from tests.conftest import sample
from tests.profile.house import ORG, House, at, told

PLANS = ("gold", "free", 7, None)
EXPRESSIONS = (
    'traits.plan == "gold"',
    "!has(traits.plan)",
    'count("Order Completed") >= 2 || traits.plan == "free"',
    'sum("Order Completed", "revenue") / count("Order Completed") > 2',
    "traits.plan > 5",
    "true",
)

Customer = tuple[Any, int, bool]
"""Plan, how many orders, and whether they refuse."""
customers = st.lists(st.tuples(st.sampled_from(PLANS), st.integers(0, 3), st.booleans()), max_size=7)


def furnish(house: House, everybody: Collection[tuple[int, Customer]]) -> None:
    house.declare(Declaration(name="Shop", purposes={"service": Promise("contract")}))
    for number, (plan, orders, _) in everybody:
        who = f"u{number}"
        house.send(told(at("10:00"), type="identify", userId=who, messageId=f"i{who}", traits={"plan": plan}))
        for order in range(orders):
            event = {"event": "Order Completed", "messageId": f"o{who}{order}", "properties": {"revenue": order * 3}}
            house.send(told(at("11:00"), type="track", userId=who, **event))
    for number, (_, _, refuses) in everybody:
        if refuses:
            person = house.people.add([f"{ORG}:user_id:u{number}"]).handle
            house.people.set_terms(person, Terms("own", (Clause("no", "deny"),)))
    house.settle()


def answers(house: House, expression: str, tried: str, asked: Collection[int]) -> list[Any]:
    """All that an organization can learn of an audience, but for handles, times and receipts."""
    audiences, _ = at_hand(house.settings, ORG)
    try:
        asyncio.run(audiences.put(ORG, "some", expression, "service", "test"))
        evaluator = Evaluator(house.settings)
        house.worker._following._looked = 0.0  # type: ignore[union-attr]
        house.worker.step()
        house.settle()
        evaluator.settle()
        evaluator.close()
        standing = asyncio.run(audiences.named(ORG, "some"))
        members, cursor = asyncio.run(audiences.members(ORG, "some", "test", None, 500))
        short, _ = asyncio.run(audiences.members(ORG, "some", "test", None, 2))
        days = asyncio.run(audiences.history(ORG, "some", 30))
        tried_now = asyncio.run(audiences.preview(ORG, tried, "service", "some", "test"))
        return [
            (standing.count, standing.filling, len(members), cursor, len(short)),
            [(day.inside, day.entered, day.left) for day in days],
            (tried_now.inside, tried_now.new, tried_now.left, tried_now.failing, tried_now.reason, tried_now.refusing),
            [why(audiences, f"user_id:u{number}") for number in asked],
        ]
    finally:
        audiences.close()


def why(audiences: HouseAudiences, customer: str) -> Any:
    try:
        told_why = asyncio.run(audiences.why(ORG, "some", customer, "test"))
    except NotFound as error:
        return error.message
    return told_why["inside"], told_why["error"], told_why["why"]


@sample(15)
@given(customers, st.sampled_from(EXPRESSIONS), st.sampled_from(EXPRESSIONS))
def test_who_refuses_is_as_if_they_had_never_been(everybody: list[Customer], expression: str, tried: str) -> None:
    numbered = list(enumerate(everybody))
    with House() as house, House() as without:
        furnish(house, numbered)
        furnish(without, [(number, one) for number, one in numbered if not one[2]])
        asked = range(len(everybody) + 1)
        assert answers(house, expression, tried, asked) == answers(without, expression, tried, asked)
