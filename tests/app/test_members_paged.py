"""Pages of an audience's members: a bounded walk, which does not tell that people are there who may not be told of."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app import audiences as audiences_of
from rapport.app.audiences import HouseAudiences, at_hand, open_audiences
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.receipting import DirectReceipts
from rapport.terms import Clause, Declaration, Gate, Promise, Terms
from tests.profile.house import ORG, House, at, told

EVERYBODY = 90
ALL = "all"
REFUSES = Terms("own", (Clause("no", "deny"),))
Page = tuple[list[str], str | None]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """Everybody is in the audience `all`; nobody evaluates it any more."""
    with House() as house:
        for number in range(EVERYBODY):
            house.send(told(at("10:00"), type="identify", userId=f"u{number}", traits={"plan": "gold"}))
        house.settle()
        with contextlib.closing(open_ledger(house.settings)) as ledger:
            Definitions(ledger).put_audience(ORG, ALL, 'traits.plan == "gold"', "service", "test")
        with contextlib.closing(Evaluator(house.settings)) as evaluator:
            house.worker._following._looked = 0.0
            house.worker.step()
            house.settle()
            evaluator.settle()
        yield house


@pytest.fixture
def everybody(house: House) -> Iterator[list[str]]:
    """Handles, in the order of the pages; all may be read."""
    house.declare(Declaration(name="Shop", purposes={"service": Promise("contract")}))
    with contextlib.closing(at_hand(house.settings, ORG)[0]) as it:
        yield [one for page, _ in walked(it, 50) for one in page]


def page(it: HouseAudiences, limit: int, cursor: str | None = None) -> Page:
    rows, following = asyncio.run(it.members(ORG, ALL, "test", cursor, limit))
    return [row.customer for row in rows], following


def walked(it: HouseAudiences, limit: int) -> list[Page]:
    pages = [page(it, limit)]
    while pages[-1][1] is not None:
        pages.append(page(it, limit, pages[-1][1]))
        assert len(pages) < 1_000
    return pages


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each look at decide.db gives from now on."""
    counts: list[int] = []
    look = DecideReader.members

    def counting(self: DecideReader, *args: Any, **more: Any) -> list[tuple[int, int]]:
        rows = look(self, *args, **more)
        counts.append(len(rows))
        return rows

    monkeypatch.setattr(DecideReader, "members", counting)
    return counts


def test_where_nobody_may_be_read_one_request_looks_at_so_many_and_no_more(
    house: House, everybody: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(everybody) == EVERYBODY
    monkeypatch.setattr(audiences_of, "_SPARE", 3)
    house.declare(Declaration(name="Shop", purposes={}))
    counts = looked_at(monkeypatch)
    with contextlib.closing(at_hand(house.settings, ORG)[0]) as it:
        first = page(it, 10)
        assert counts == [10] * 4
        assert first[0] == []
        pages = walked(it, 10)
    assert [len(one) for one, _ in pages] == [0] * len(pages)
    assert len(pages) == 3


@contextlib.contextmanager
def refusing(house: House, numbers: Iterable[int]) -> Iterator[None]:
    """These customers are of a person who refuses everything, for a while."""
    person = house.people.add([f"{ORG}:user_id:u{number}" for number in numbers]).handle
    house.people.set_terms(person, REFUSES)
    try:
        yield
    finally:
        house.people.forget_claims(person)


@pytest.mark.parametrize("limit", [1, 7, 43, EVERYBODY, 200])
def test_pages_are_full_but_the_last_whoever_is_left_out(house: House, everybody: list[str], limit: int) -> None:
    with contextlib.closing(at_hand(house.settings, ORG)[0]) as it:
        assert [one for page, _ in walked(it, limit) for one in page] == everybody
        with refusing(house, (0, 3, 4, EVERYBODY - 1)):
            pages = walked(it, limit)
    told_of = [one for page, _ in pages for one in page]
    left = EVERYBODY - 4
    assert told_of == [one for one in everybody if one in told_of]
    assert [len(one) for one, _ in pages] == [limit] * (left // limit) + [left % limit]


@pytest.mark.usefixtures("everybody")
def test_a_short_page_takes_twenty_people_and_ends_in_whole_tens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nobody tells by it that one of them refuses, and has not left."""
    monkeypatch.setattr(audiences_of, "_SPARE", 1)
    with contextlib.closing(at_hand(house.settings, ORG)[0]) as it, refusing(house, range(5, 40)):
        pages = walked(it, 25)
        told_of = [one for page, _ in pages for one in page]
        assert len(told_of) == len(set(told_of)) == EVERYBODY - 35
        assert len(pages[0][0]) == 10  # of fifteen that were seen among fifty
        with refusing(house, [2]):
            assert len(page(it, 25)[0]) == 10


@pytest.mark.usefixtures("everybody")
@pytest.mark.parametrize("shut", [(), (0, 1), range(5, 45)])
def test_the_time_of_a_page_is_a_multiple_of_the_quiet_time(
    house: House, shut: Iterable[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    until: list[float] = []

    async def waiting(seconds: float) -> None:  # nobody does: so it may be longer than any machine works
        until.append(time.monotonic() + seconds)

    monkeypatch.setattr(asyncio, "sleep", waiting)
    ledger, keys, quiet = open_ledger(house.settings), open_keys(house.settings), 60.0
    gate = Gate(house.reader, house.people, DirectReceipts(ledger), quiet_s=quiet)
    it, _ = open_audiences(house.settings, house.reader, gate, keys)
    with refusing(house, shut):
        began = time.monotonic()
        assert len(page(it, 10)[0]) == 10
    (ended,) = until
    assert quiet <= ended - began < 2 * quiet
    it.close()
    ledger.close()
    keys.close()
