"""A destination made for an audience that stands is told of everybody in it, once, whatever happens meanwhile."""

import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rapport.act.activation import Wish
from rapport.adapters.embedded import destination_members
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_file import Batch, DecideFile, Wanted
from rapport.adapters.embedded.destination_feed import Feeding
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.app.embedded import open_ledger
from rapport.decide import Member, Moved
from rapport.kernel.times import now
from tests.profile.house import IN_MEMORY, ORG, House

GOLD, SILVER = "gold", "silver"
CUSTOMERS = range(1, 12)
steps = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(CUSTOMERS)),
    st.tuples(st.just("tell"), st.none()),
    st.tuples(st.just("killed move"), st.sampled_from(CUSTOMERS)),
    st.tuples(st.just("killed tell"), st.none()),
    st.tuples(st.just("again"), st.none()),
)


class Killed(Exception):
    """In place of a kill: what was under way is rolled back."""


class Story:
    """An audience over a decide.db of its own, with one destination of a ledger."""

    def __init__(self, house: House, directory: Path) -> None:
        self.house = house
        self.ledger = open_ledger(house.settings)
        for name in (GOLD, SILVER):
            Definitions(self.ledger).put_audience(ORG, name, 'traits.plan == "gold"', "service", "test")
        self.file = DecideFile(directory)
        self.file.sync(ORG, {GOLD: Wanted(1, "x"), SILVER: Wanted(1, "x")})
        self.inside: set[int] = set()
        self.both: dict[str, set[int]] = {GOLD: self.inside, SILVER: set()}
        self.feed = Feeding(self.ledger, house.reader)
        self.number = 0

    def destined(self, audience: str | None = GOLD) -> None:
        """Made, or changed; for no audience: for events."""
        events = () if audience else ("Order Completed",)
        wish = Wish("webhook", "service", "https://shop.example/", audience=audience, events=events)
        made, _ = DestinationBook(self.ledger).put(ORG, "shop", wish)
        self.number = made.number

    def move(self, customer: int, audience: str = GOLD, *, killed: bool = False) -> None:
        inside = self.both[audience]
        kind: Any = "left" if customer in inside else "entered"
        batch = Batch(now())
        since = None if kind == "left" else batch.at
        batch.members[ORG, audience, customer] = Member(since, 1) if since is not None else None
        batch.moves.append((ORG, audience, customer, Moved(kind, batch.at, "event", 1)))
        self.feed.begin()

        def along(db: sqlite3.Connection, moves: Any) -> None:
            self.feed.along(db, moves)
            if killed:
                raise Killed

        if not killed:
            inside ^= {customer}
            self.file.write(batch, along)
            return
        with pytest.raises(Killed):
            self.file.write(batch, along)
        self.again()

    def tell(self) -> bool:
        return self.feed.tell_members(self.file.db)

    def killed_tell(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(destination_members.Places, "tell_some", _dies)
            patch.setattr(destination_members.Places, "leave_some", _dies_leaving)
            try:
                self.tell()
            except Killed:
                self.again()

    def again(self) -> None:
        """Another process begins."""
        self.feed = Feeding(self.ledger, self.house.reader)

    def told(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for customer, what in self.file.db.execute("SELECT customer, what FROM queue ORDER BY seq").fetchall():
            found.setdefault(customer, []).append(what)
        return found

    def close(self) -> None:
        self.file.close()
        self.ledger.close()


_tell_some = destination_members.Places.tell_some


def _dies(places: destination_members.Places, *where: Any) -> int | None:
    _tell_some(places, *where)
    raise Killed


_leave_some = destination_members.Places.leave_some


def _dies_leaving(places: destination_members.Places, *where: Any) -> None:
    _leave_some(places, *where)
    raise Killed


@pytest.fixture(scope="module")
def house() -> Any:
    with House() as house:
        yield house


@given(before=st.lists(st.sampled_from(CUSTOMERS), max_size=12), story=st.lists(steps, max_size=25))
def test_everybody_inside_is_told_once_and_each_in_turn(house: House, before: list[int], story: list[Any]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(destination_members, "AT_ONCE", 3)
        told = Story(house, Path(place))
        try:
            for customer in before:
                told.move(customer)
            told.destined()
            earlier = told.told()
            for what, customer in story:
                {
                    "move": lambda one=customer: told.move(one),
                    "killed move": lambda one=customer: told.move(one, killed=True),
                    "tell": told.tell,
                    "killed tell": told.killed_tell,
                    "again": told.again,
                }[what]()
            while told.tell():
                pass
            assert earlier == {}
            for customer in CUSTOMERS:
                said = told.told().get(customer, [])
                assert said == ["entered", "left"] * (len(said) // 2) + ["entered"] * (len(said) % 2)
                assert (said[-1:] == ["entered"]) == (customer in told.inside)
        finally:
            DestinationBook(told.ledger).remove(ORG, "shop")
            told.close()


moves = st.tuples(st.sampled_from(["move", "killed move"]), st.sampled_from(CUSTOMERS), st.sampled_from([GOLD, SILVER]))
changes = st.one_of(
    moves,
    st.tuples(st.sampled_from(["tell", "killed tell", "again"])),
    st.tuples(st.just("change"), st.sampled_from([GOLD, SILVER, None])),
)


@example([("move", 1, GOLD)], [("tell",), ("change", SILVER), ("move", 1, GOLD)], SILVER)
@given(
    before=st.lists(moves, max_size=15), story=st.lists(changes, max_size=25), audience=st.sampled_from([SILVER, None])
)
def test_who_is_given_another_audience_ends_up_with_its_members_alone(
    house: House, before: list[Any], story: list[Any], audience: str | None
) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(destination_members, "AT_ONCE", 3)
        told = Story(house, Path(place))
        happens: dict[str, Any] = {
            "move": told.move,
            "killed move": lambda *move: told.move(*move, killed=True),
            "tell": told.tell,
            "killed tell": told.killed_tell,
            "again": told.again,
            "change": told.destined,
        }
        try:
            told.destined()
            for what, *rest in [*before, *story, ("change", audience)]:
                happens[what](*rest)
            while told.tell():
                pass
            kept: dict[str, set[int]] = {GOLD: set(), SILVER: set()}
            rows = told.file.db.execute("SELECT customer, what, audience FROM queue ORDER BY seq").fetchall()
            for customer, what, name in rows:
                (kept[name].add if what == "entered" else kept[name].discard)(customer)
            assert kept == {GOLD: set(), SILVER: told.both[SILVER] if audience else set()}
        finally:
            DestinationBook(told.ledger).remove(ORG, "shop")
            told.close()


def test_who_was_in_a_deleted_audience_is_kept_until_the_destination_was_told(house: House, tmp_path: Path) -> None:
    told = Story(house, tmp_path)
    told.destined()
    for customer in CUSTOMERS:
        told.move(customer)
    while told.tell():
        pass
    told.destined(SILVER)
    told.file.sync(ORG, {SILVER: Wanted(1, "x")})
    while told.file.drop_some():
        pass
    while told.tell():
        pass
    rows = told.file.db.execute("SELECT customer FROM queue WHERE what = 'left' AND audience = 'gold'").fetchall()
    assert sorted(customer for (customer,) in rows) == [*CUSTOMERS]
    while told.file.drop_some():
        pass
    assert told.file.db.execute("SELECT count(*) FROM member").fetchone() == (0,)
    assert told.file.db.execute("SELECT name FROM audience").fetchall() == [(SILVER,)]
    DestinationBook(told.ledger).remove(ORG, "shop")
    told.close()


def test_who_is_in_waits_while_much_waits_already(house: House, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(destination_members, "AT_ONCE", 2)
    monkeypatch.setattr(destination_members, "MOST_WAITING", 4)
    told = Story(house, tmp_path)
    for customer in CUSTOMERS:
        told.move(customer)
    told.destined()
    while told.tell():
        pass
    assert len(told.told()) == 4
    told.file.db.execute("DELETE FROM queue")
    while told.tell():
        pass
    assert sorted(told.told()) == [5, 6, 7, 8]
    DestinationBook(told.ledger).remove(ORG, "shop")
    told.close()


def test_another_audience_under_the_same_name_is_another(house: House, tmp_path: Path) -> None:
    told = Story(house, tmp_path)
    told.move(1)
    told.destined()
    while told.tell():
        pass
    told.file.sync(ORG, {})
    told.file.sync(ORG, {GOLD: Wanted(1, "y")})
    told.inside.clear()
    told.move(2)
    told.move(1)
    while told.tell():
        pass
    assert told.told() == {1: ["entered", "entered"], 2: ["entered"]}
    DestinationBook(told.ledger).remove(ORG, "shop")
    told.close()
