"""Previews: who would be in, exactly, of those who may be read; and how many may not, told of many alone."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.app import previewing
from rapport.app.audiences import at_hand, daily, looking
from rapport.app.embedded import open_ledger
from rapport.app.previewing import Previewer, Walk, spread
from rapport.decide import Rule, audience
from rapport.decide.traits import Computation
from rapport.kernel.errors import Busy
from rapport.terms import Clause, Declaration, Promise, Terms
from rapport.web.audiences import Day, Preview
from tests.profile.house import ORG, House, at, told

EVERYBODY, REFUSING = 80, 40
GOLD = 'traits.plan == "gold"'


@contextlib.contextmanager
def furnished(refusing: int) -> Iterator[House]:
    """Every fourth customer is gold; the last ones refuse."""
    with House() as house:
        house.declare(Declaration(name="Shop", purposes={"service": Promise("contract")}))
        for number in range(EVERYBODY):
            traits = {"plan": "gold" if number % 4 == 0 else "free"}
            house.send(told(at("10:00"), type="identify", userId=f"u{number}", traits=traits))
            house.send(told(at("11:00"), type="track", userId=f"u{number}", event="Order Completed"), source="crm")
        for number in range(EVERYBODY - refusing, EVERYBODY):
            person = house.people.add([f"{ORG}:user_id:u{number}"]).handle
            house.people.set_terms(person, Terms("own", (Clause("no", "deny"),)))
        yield house.settle()


@pytest.fixture
def house() -> Iterator[House]:
    with furnished(REFUSING) as house:
        yield house


def rule(expression: str, purpose: str = "service") -> Rule:
    return Rule(audience(ORG, "tried", expression, purpose), Computation({}))


def preview(previewer: Previewer, expression: str) -> Preview:
    return previewer.preview(ORG, rule(expression), None, "test")


@given(st.integers(0, 3_000))
def test_every_place_is_looked_at_once(total: int) -> None:
    assert sorted(spread(total)) == list(range(total))


@given(st.integers(100, 30_000))
def test_the_first_places_stand_for_all(total: int) -> None:
    """Whatever came when, and in whichever turns."""
    part = total // 4
    some = [place for place, _ in zip(spread(total), range(part), strict=False)]
    expected = part / 4
    for start in range(4):
        quarter = sum(start * total / 4 <= place < (start + 1) * total / 4 for place in some)
        turn = sum(place % 4 == start for place in some)
        assert abs(quarter - expected) <= 5 * expected**0.5
        assert abs(turn - expected) <= 5 * expected**0.5


def test_those_who_refuse_are_in_no_number_but_one_and_that_is_rounded(house: House) -> None:
    previewer = Previewer(lambda: looking(house.settings), limit_s=60)
    found = preview(previewer, GOLD)
    assert (found.inside, found.share) == (REFUSING // 4, 1.0)
    assert found.refusing is not None
    assert found.refusing % 5 == 0
    assert abs(found.refusing - REFUSING) <= 30
    assert preview(previewer, "true").inside == REFUSING
    assert preview(previewer, 'count("Order Completed") == 1').inside == REFUSING


def test_how_many_refuse_does_not_hang_on_the_question_and_is_worked_out_once_a_day(house: House) -> None:
    """Else a series of expressions, or of comings and goings, would tell of one of them."""
    previewer = Previewer(lambda: looking(house.settings), limit_s=60)
    first = preview(previewer, GOLD).refusing
    person = house.people.add([f"{ORG}:user_id:u1"]).handle
    house.people.set_terms(person, Terms("own", (Clause("no", "deny"),)))
    for expression in ("true", f"!({GOLD})", 'count("*") > 3'):
        assert preview(previewer, expression).refusing == first
    assert preview(previewer, "true").inside == REFUSING - 1


def test_few_who_refuse_are_not_told() -> None:
    with furnished(19) as house:
        assert preview(Previewer(lambda: looking(house.settings), limit_s=60), GOLD).refusing is None


def test_receipts_are_durable_and_one_a_day(house: House) -> None:
    previewer = Previewer(lambda: looking(house.settings), limit_s=60)
    for expression in (GOLD, "true", GOLD):
        preview(previewer, expression)
    kept = [one for one in open_ledger(house.settings).receipts(ORG, 10_000) if one.action == previewing.ACTION]
    assert len(kept) == EVERYBODY
    assert sum(one.decision == "permitted" for one in kept) == REFUSING
    assert {one.fields for one in kept if one.decision == "permitted"} == {("plan",)}


def test_where_time_is_short_numbers_are_scaled_from_what_was_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "_TOGETHER", EVERYBODY // 2)
    found = preview(Previewer(lambda: looking(house.settings), limit_s=0), "true")
    assert 0.3 < found.share < 0.7
    assert abs(found.inside - REFUSING) <= 15


def test_an_organization_without_customers_has_none(house: House) -> None:
    ledger = open_ledger(house.settings)
    ledger.add_org("empty")
    found = Previewer(lambda: looking(house.settings)).preview("empty", rule("true"), None, "test")
    assert found == Preview(0, None, None, None, 0, "", 1.0)


@pytest.mark.parametrize(("together", "most"), [(2, 5), (2, 6), (50, 5), (3, 1 << 62), (50, 0)])
def test_a_walk_looks_at_each_customer_once_and_at_no_more_records_than_it_may(
    house: House, monkeypatch: pytest.MonkeyPatch, together: int, most: int
) -> None:
    monkeypatch.setattr(previewing, "_TOGETHER", together)
    with contextlib.closing(looking(house.settings)) as parts:
        everybody = parts.reader.newest_records(ORG, 1 << 62, 1_000)
        walk = Walk(parts.reader, ORG, most)
        seen: list[int] = []
        while not walk.done:
            with parts.reader.snapshot():
                seen += [found.number for found in walk.following()]
    assert walk.looked == min(most, len(everybody))
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(everybody)
    assert bool(seen) == bool(most)


def test_one_is_worked_out_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "WAIT_S", 0.05)
    opened, go_on = threading.Event(), threading.Event()

    def slowly() -> previewing.Looking:
        opened.set()
        go_on.wait(100)
        return looking(house.settings)

    previewer = Previewer(slowly)
    first = threading.Thread(target=preview, args=(previewer, GOLD))
    first.start()
    assert opened.wait(60)
    with pytest.raises(Busy):
        preview(previewer, GOLD)
    go_on.set()
    first.join()
    assert preview(previewer, GOLD).inside == REFUSING // 4


def test_whoever_waits_for_a_preview_holds_no_thread_that_others_need(house: House) -> None:
    opened, go_on = threading.Event(), threading.Event()

    def slowly() -> previewing.Looking:
        opened.set()
        go_on.wait(100)
        return looking(house.settings)

    async def all_of_them() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        previewer = Previewer(slowly, limit_s=60)
        first = asyncio.create_task(previewer.waited_for(ORG, rule(GOLD), None, "test"))
        await asyncio.to_thread(opened.wait, 60)
        more = [asyncio.create_task(previewer.waited_for(ORG, rule(GOLD), None, "test")) for _ in range(12)]
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "served"), 60) == "served"
        go_on.set()
        came = await asyncio.gather(first, *more, return_exceptions=True)
        done = [one for one in came if isinstance(one, Preview)]
        assert {one.inside for one in done} == {REFUSING // 4}
        # One organization's queue is short, so that another's turn comes.
        assert len(done) == 1 + previewing.MOST_WAITING
        assert sum(isinstance(one, Busy) for one in came) == 12 - previewing.MOST_WAITING

    asyncio.run(all_of_them())


def test_what_was_opened_for_previews_is_closed_with_the_audiences(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noting(*args: Any, **more: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **more))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", noting)
    audiences, traits = at_hand(house.settings, ORG)
    with contextlib.closing(audiences):
        assert asyncio.run(audiences.preview(ORG, GOLD, "service", None, "test")).inside == REFUSING // 4
        assert asyncio.run(traits.schema(ORG)).traits
    assert opened
    for one in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            one.execute("SELECT 1")


def test_days_on_which_nothing_moved_have_the_count_of_the_day_before() -> None:
    rows = [(10, 5, 5, 0), (12, 3, 1, 3)]
    assert daily(rows, 10, 13, 30) == [Day(10, 5, 5, 0), Day(11, 5, 0, 0), Day(12, 3, 1, 3), Day(13, 3, 0, 0)]
    assert daily(rows, 10, 13, 2) == [Day(12, 3, 1, 3), Day(13, 3, 0, 0)]
    assert daily(rows, 10, 13, 1) == [Day(13, 3, 0, 0)]
    assert daily([], 13, 13, 30) == [Day(13, 0, 0, 0)]


def test_a_definition_that_was_saved_twice_at_once_is_one_version_each(house: House) -> None:
    async def both() -> list[int]:
        audiences, _ = at_hand(house.settings, ORG)
        others, _ = at_hand(house.settings, ORG)
        puts = [
            who.put(ORG, "raced", f'count("Order Completed") > {number}', "service", "test")
            for number, who in enumerate((audiences, others) * 5)
        ]
        saved = await asyncio.gather(*puts)
        for who in (audiences, others):
            who.close()
        return [one.definition.version for one in saved]

    assert sorted(asyncio.run(both())) == list(range(1, 11))
