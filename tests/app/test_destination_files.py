"""Files of destinations: made by the node when their time has come, and told of as they fare."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from rapport.act.activation import Health, Wish
from rapport.adapters.embedded.audiences import Definitions
from rapport.app import exports
from rapport.app.destinations import Destinations
from rapport.app.embedded import open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.exports import ExportRunner
from rapport.kernel.times import DAY, HOUR, SECOND, now
from rapport.web.console.destinations import state_of
from tests.act.receiving import eventually
from tests.app.sending import Sent, sending_house
from tests.profile.house import ORG

GOLD = 'traits.plan == "gold"'
TABLE = Wish(
    "file", "service", audience="gold", format="csv", every_hours=24, fields={"plan": "traits.plan", "a": "true"}
)


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    """A house whose audience is filled."""
    monkeypatch.setattr(exports, "SWEEP_S", 0.02)
    monkeypatch.setattr(exports, "IDLE_S", 0.02)
    with sending_house() as sent:
        settle(sent)
        yield sent


def settle(it: Sent) -> None:
    it.house.worker._following._looked = 0.0
    it.house.worker.step()
    it.house.settle()
    with closing(Evaluator(it.settings)) as evaluator:
        evaluator.settle()


@pytest.fixture
def desk(it: Sent) -> Iterator[Destinations]:
    with closing(Destinations(it.settings, open_ledger(it.settings))) as desk:
        yield desk


def health(desk: Destinations) -> Health:
    return desk.named(ORG, "table")[1]


def test_a_file_is_made_by_itself_once_its_time_has_come_and_not_before(it: Sent, desk: Destinations) -> None:
    placed = desk.put(ORG, "table", TABLE)
    assert placed.health == Health()
    number, began = placed.destination.number, now()
    with closing(ExportRunner(it.settings)):
        eventually(lambda: health(desk).sent == 1)
        assert (health(desk).sent_at or 0) >= began
        it.book.filed(number, now() - 23 * HOUR)
        assert it.book.files_due(now()) == []
        it.book.pause(number)
        it.book.filed(number, now() - 25 * HOUR)
        assert it.book.files_due(now()) == []
        it.book.resume(number)
        eventually(lambda: health(desk).sent == 2)
    assert it.book.files_due(now()) == []
    assert [one.name for one in it.book.files_due(now() + DAY + SECOND)] == ["table"]
    desk.remove(ORG, "table")
    assert it.book.files_due(now() + DAY + SECOND) == []


def test_a_file_that_could_not_be_made_is_trouble_until_one_is(it: Sent, desk: Destinations) -> None:
    definitions = Definitions(it.ledger)
    desk.put(ORG, "table", TABLE)
    definitions.put_audience(ORG, "gold", GOLD, "offers", "test")
    with closing(ExportRunner(it.settings)):
        eventually(lambda: health(desk).error != "")
        found = health(desk)
        assert (found.sent, found.waiting) == (0, 0)
        assert "offers" in found.error
        assert state_of(desk.named(ORG, "table")[0], found) == "troubled"
        definitions.put_audience(ORG, "gold", GOLD, "service", "test")
        settle(it)
        desk.make(ORG, "table")
        eventually(lambda: health(desk).sent == 1)
    found = health(desk)
    assert desk.listed(ORG)[0][1] == found
    assert (found.failed_at or 0) < (found.sent_at or 0)
    assert state_of(desk.named(ORG, "table")[0], found) == "well"
