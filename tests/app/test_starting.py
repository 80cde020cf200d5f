"""What happens to customers starts decisions by itself: once each, of the actions that wait for it, through the gate."""

from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.messages import MessageBook
from rapport.decide.actions import Trigger
from rapport.kernel.times import DAY, HOUR, MINUTE
from tests.app.triggering import Triggering, notice, triggering
from tests.profile.house import ORG

ORDERED = Trigger(event="Order Completed")


@pytest.fixture
def shop() -> Iterator[Triggering]:
    with triggering(notice(ORDERED), notice(name="other")) as made:
        yield made


def test_an_event_starts_a_decision_of_what_waits_for_it_and_its_message(shop: Triggering) -> None:
    shop.does("ada", "Order Completed")
    shop.settle()
    assert shop.decided() == ["confirm"]
    assert shop.started() == [[("event", "Order Completed")]]
    (kept,) = shop.kept()
    assert kept.content is not None
    assert kept.content.case.actions == ("confirm",)
    message = MessageBook(shop.desk.ledger).message(ORG, kept.id)
    assert message is not None
    assert (message.to, kept.delivery) == ("ada@example.com", "asked")
    assert shop.waiting() == 0
