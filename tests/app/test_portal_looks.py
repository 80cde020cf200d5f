"""What a use is told to have looked at: some things alone, or all that was allowed."""

import pytest

from rapport.app import asking, audiences, exporting, handing, learning, portal_looks, previewing
from rapport.terms import Receipt

ALLOWED = ("name", "email")


def told(action: str, *fields: str) -> str:
    receipt = Receipt("rcp_1", "shop", 0, "service", action, "permitted", "", "", fields, ALLOWED)
    return portal_looks._what(receipt)


@pytest.mark.parametrize(
    "action",
    [asking.ACTION, audiences.WHY_ACTION, handing.ACTION, learning.ACTION, previewing.ACTION, exporting.ACTION],
)
def test_a_use_of_some_things_is_told_of_these_alone(action: str) -> None:
    assert (
        told(action, "audience gold", "plan", "Order Completed") == "your place in “gold”, “Plan” and “Order Completed”"
    )
    assert told(action, "events", "identifiers") == "what you did and what you are known by"
    assert told(action) == told("view") != ""


def test_a_whole_customer_is_told_by_all_that_was_allowed() -> None:
    assert told(exporting.ACTION, "identifiers", "events", "plan") == told("view", "plan") == told("view")
