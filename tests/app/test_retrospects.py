"""Looks back that somebody waits for: one at a time, bounded, kept for a while, and never of another organization."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.app import reviews
from rapport.app.console_looking import ConsoleLooking
from rapport.app.looking_job import Orders, Tell, carry_out
from rapport.app.retrospects import AT_ONCE, FRESH, OF_ONE, Found, Processes, Retrospects
from rapport.app.settings import Settings
from rapport.cli import reviewing
from rapport.decide.decision import Manner
from rapport.kernel.errors import BadInput, Busy, NotFound
from rapport.kernel.times import now
from rapport.learn.reviewed import Answered, Other, Review
from rapport.terms.aggregates import FLOOR
from rapport.web.console.session import Session
from tests.app.desk import HELP, SELL, Desk, desk, house
from tests.app.test_looking_back import LATER, lived
from tests.profile.house import ORG, House

__all__ = ["desk", "house"]

SESSION = Session("s-1", ORG, "Olga", "service", "owner", "opr_1")
STRANGER = Session("s-2", "another", "Eve", "service", "owner", "opr_2")


def looks(settings: Settings, work: Callable[[Orders, Tell], Found] = carry_out, wait_s: float = 60.0) -> Retrospects:
    """In a thread of this process."""
    return Retrospects(settings, work, wait_s=wait_s)


@pytest.fixture
def held(house: House) -> Iterator["Held"]:
    one = Held(house)
    yield one
    one.go.set()
    one.retrospects.close()


class Held:
    """Looks that stay under way until they may go on."""

    def __init__(self, house: House) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.carried_out: list[str] = []
        self.retrospects = looks(house.settings, self.work, wait_s=0.01)

    def let_go(self) -> None:
        self.go.set()
        self.retrospects._wait_s = 60.0  # who asks from now on waits until it is there

    def work(self, orders: Orders, tell: Tell) -> Found:
        tell(3, 8)
        self.begun.release()
        assert self.go.wait(60)
        self.carried_out.append(orders.org)
        if orders.other is not None and orders.other.without == "nothing":
            raise NotFound("no decision could have chosen 'nothing'", field="without")
        return carry_out(orders, tell)


def test_what_is_reviewed_is_what_the_command_line_looks_back_on(desk: Desk) -> None:
    lived(desk, 60)
    found = reviews.reviewed(desk.ledger, ORG, at=now() + LATER)
    assert found.decisions == found.looked_at > 20
    assert {one.action for one in found.actions} <= {"silence", "help", "sell"}
    assert (found.lot.share, found.lot.held_out, found.lot.declined) == (0.0, 0, None)
    early = reviews.reviewed(desk.ledger, ORG)
    assert (early.looked_at, early.decisions, early.waiting) == (0, 0, found.decisions)
    assert now() < early.due < now() + LATER
    nothing_yet = reviews.other(desk.ledger, ORG, Other(without="help"))
    assert (nothing_yet.decisions, nothing_yet.customer.verdict) == (0, "too_few")
    with pytest.MonkeyPatch.context() as patched:  # of very many, those that tell something, not the newest
        patched.setattr("rapport.app.reviews.MOST", 10)
        assert reviews.reviewed(desk.ledger, ORG, 10, at=now() + LATER).decisions <= 10
        assert reviews.reviewed(desk.ledger, ORG, 10).waiting == 10
    told = reviews.other(desk.ledger, ORG, Other(weight=0.9), at=now() + LATER)
    assert {told.customer.side, told.company.side} == {"customer", "company"}
    with pytest.raises(BadInput):
        reviews.other(desk.ledger, ORG, Other())


def test_who_declined_is_told_as_a_count_that_tells_of_nobody(desk: Desk) -> None:
    MannerBook(desk.ledger).put_manner(ORG, Manner(holdout=0.2), "eve")
    lived(desk, 40)
    found = reviews.reviewed(desk.ledger, ORG, at=now() + LATER)
    assert found.lot.share == 0.2
    assert 0 < found.lot.held_out < found.lot.customers
    assert found.lot.declined is None
    crowd = reviews.declining(desk.ledger, [f"{number}" for number in range(200)])
    assert crowd is not None
    assert crowd >= FLOOR
    assert reviews.declining(desk.ledger, ["1"] * (FLOOR - 1)) is None


def test_who_waits_is_told_how_far_it_is_and_then_what_was_found(held: Held) -> None:
    async def story() -> None:
        first = await held.retrospects.look(ORG)
        assert await asyncio.to_thread(held.begun.acquire, timeout=60)
        again = await held.retrospects.look(ORG)
        assert first.found is again.found is None
        assert again.progress is not None
        assert (again.progress.read, again.progress.of, again.progress.waiting) == (3, 8, False)
        held.let_go()
        known = await held.retrospects.look(ORG)
        assert isinstance(known.found, Review)
        assert known.progress is None
        assert held.carried_out == [ORG]  # one look, however often it was asked for

    asyncio.run(story())


def test_looks_that_are_asked_at_once_wait_for_each_other_and_are_limited(held: Held) -> None:
    async def story() -> None:
        await held.retrospects.look(ORG)
        second = await held.retrospects.look(ORG, Other(weight=0.7))
        assert second.progress is not None
        assert second.progress.waiting
        with pytest.raises(Busy) as refused:
            await held.retrospects.look(ORG, Other(weight=0.8))
        assert refused.value.retry_after > 0
        for number in range(AT_ONCE - OF_ONE):
            await held.retrospects.look(f"org-{number}")
        with pytest.raises(Busy):
            await held.retrospects.look("one-more")

    asyncio.run(story())


def test_what_cannot_be_asked_is_said_once_and_stands_in_nobodys_way(held: Held) -> None:
    async def story() -> None:
        await held.retrospects.look(ORG, Other(without="nothing"))
        held.let_go()
        with pytest.raises(NotFound):
            await held.retrospects.look(ORG, Other(without="nothing"))
        assert isinstance((await held.retrospects.look(ORG)).found, Review)

    asyncio.run(story())


def test_a_look_that_broke_off_is_begun_anew_by_whoever_asks_next(house: House) -> None:
    broken = [OSError("no process"), Busy("the look back broke off: ask again")]

    def work(orders: Orders, tell: Tell) -> Found:
        if broken:
            raise broken.pop()
        return carry_out(orders, tell)

    with contextlib.closing(looks(house.settings, work)) as retrospects:

        async def story() -> None:
            for _ in range(2):
                with pytest.raises(Busy, match="broke off"):
                    await retrospects.look(ORG)
            assert isinstance((await retrospects.look(ORG)).found, Review)

        asyncio.run(story())


def test_what_is_old_is_told_until_a_newer_look_is_there(house: House) -> None:
    with contextlib.closing(looks(house.settings)) as retrospects:

        async def story() -> None:
            first = (await retrospects.look(ORG)).found
            retrospects._fresh = dict.fromkeys(retrospects._fresh, now() + FRESH)
            assert (await retrospects.look(ORG)).found is first
            retrospects._fresh = dict.fromkeys(retrospects._fresh, 0)  # as if it were long ago
            told = await retrospects.look(ORG)
            while told.found is first:
                assert told.found is not None
                told = await retrospects.look(ORG)
                await asyncio.sleep(0.01)
            assert isinstance(told.found, Review)
            assert first is not None
            assert told.found.at > first.at

        asyncio.run(story())


def test_the_console_sees_its_own_organization_alone(desk: Desk) -> None:
    lived(desk, 12)
    with contextlib.closing(ConsoleLooking(desk.house.settings, looks(desk.house.settings))) as console:
        own, other = asyncio.run(console.review(SESSION)).found, asyncio.run(console.review(STRANGER)).found
        assert isinstance(own, Review)
        assert isinstance(other, Review)
        assert (own.waiting > 0, other.waiting) == (True, 0)
        setting = asyncio.run(console.setting(SESSION))
        assert set(setting.actions) <= {HELP.id, SELL.id}
        assert setting.units.currency == "GBP"
        assert asyncio.run(console.setting(STRANGER)).actions == ()


def test_a_look_in_a_process_of_its_own_tells_how_far_it_is_and_what_it_found(desk: Desk) -> None:
    lived(desk, 12)
    with transaction(desk.ledger.db):
        desk.ledger.db.execute("UPDATE decision SET at = at - ?", (LATER,))
    told: list[tuple[int, int]] = []
    processes = Processes()

    def asked(other: Other | None) -> Any:
        return processes.look(Orders(desk.house.settings, ORG, 100, other), lambda *far: told.append(far))

    found = asked(None)
    assert isinstance(found, Review)
    assert found.looked_at > 0
    assert told
    assert told[0] == (0, 12)
    assert (found.decisions, found.waiting) == (0, found.looked_at)  # each of them says until when it waits
    with pytest.raises(NotFound) as absent:
        asked(Other(without="nothing"))
    assert absent.value.field == "without"
    assert isinstance(asked(Other(weight=0.6)), Answered)
    processes.close()
    with pytest.raises(Busy):
        asked(None)


def test_the_command_line_tells_the_same_in_words(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    lived(desk, 60)
    data = str(desk.house.directory)
    reviewing.outcomes(ORG, data)
    said = capsys.readouterr().out
    assert "0 decisions whose time has passed" in said
    assert "Customers    not known yet   too few" in said
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rapport.app.reviews.now", lambda: now() + LATER)
        reviewing.outcomes(ORG, data)
        later = capsys.readouterr().out
        reviewing.experiments(ORG, data)
        known = capsys.readouterr().out
        reviewing.outcomes(ORG, data, json=True)
        told = json.loads(capsys.readouterr().out)
    assert "The company" in later
    assert "silence" in later
    assert "0 % of customers are left alone by lot: 0 of" in known
    assert "Declined to be: fewer than 20." in known
    assert "to customers is shown" in known or "too little is known to judge it for customers" in known
    assert told["decisions"] > 20
    with pytest.raises(NotFound):
        reviewing.outcomes("nobody", data)


def test_a_node_that_ends_waits_for_no_look(desk: Desk) -> None:
    lived(desk, 12)
    retrospects = Retrospects(desk.house.settings, wait_s=0.01)

    async def story() -> None:
        for other in (None, Other(weight=0.7)):
            assert (await retrospects.look(ORG, other)).found is None

    asyncio.run(story())
    retrospects.close()
    assert retrospects._processes._running is None
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("looking back")]
