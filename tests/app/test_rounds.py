"""A time starts decisions: everybody is gone through in slices, and each is decided about as it comes to them."""

import contextlib
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.noticed import NoticedBook, RoundRow
from rapport.app import rounds
from rapport.app.rounds import Rounds
from rapport.decide.actions import Action, Trigger
from rapport.kernel.times import DAY, HOUR, MINUTE, parse_rfc3339, rfc3339
from tests.app.triggering import Triggering, notice, triggering
from tests.profile.house import ORG

SPRING = parse_rfc3339("2026-03-28T00:00:00Z")
"""The night before clocks are put forward in Vienna."""


@contextlib.contextmanager
def in_spring(*actions: Action) -> Iterator[Triggering]:
    """`ada` is in Vienna, `bo` in no zone that is known."""
    with triggering() as shop:
        shop.deciding.at = SPRING
        shop.does("ada", type="identify", traits={"timezone": "Europe/Vienna"})
        for one in actions:
            shop.actions.put(one, "eve")
        shop.settle()
        yield shop


def until(shop: Triggering, at: str) -> None:
    """Time passes, as far as anything is to do in it."""
    end = parse_rfc3339(at)
    while (due := shop.starting.next_due()) is not None and due <= end:
        shop.deciding.at = max(shop.deciding.at, due)
        shop.starting.settle()
    shop.deciding.at = end
    shop.starting.settle()


def came(shop: Triggering) -> list[tuple[str, str]]:
    who = {shop.number(user): user for user in ("ada", "bo")}
    return [(who[one.record], rfc3339(one.content.started[0].at)) for one in shop.kept() if one.content]


def test_a_time_of_the_wall_comes_to_each_where_they_are_and_over_a_change_of_clocks() -> None:
    with in_spring(notice(Trigger(daily="02:30"))) as shop:
        until(shop, "2026-03-30T12:00:00Z")
        assert [at for who, at in came(shop) if who == "ada"] == [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:30:00Z",  # half past two does not come on that day: as much later as clocks jump
            "2026-03-30T00:30:00Z",
        ]
        assert [at for who, at in came(shop) if who == "bo"] == [
            "2026-03-28T02:30:00Z",
            "2026-03-29T02:30:00Z",
            "2026-03-30T02:30:00Z",
        ]


def test_a_notice_of_every_day_is_given_once() -> None:
    with in_spring(notice(Trigger(daily="09:00", zone="UTC"))) as shop:
        until(shop, "2026-03-30T12:00:00Z")
        assert sorted(shop.decided()) == ["confirm", "confirm", "silence", "silence", "silence", "silence"]


def test_a_time_of_a_zone_is_one_for_all() -> None:
    with in_spring(notice(Trigger(daily="09:00", zone="Europe/Vienna", days=("mon",)))) as shop:
        until(shop, "2026-04-05T00:00:00Z")
        assert sorted(came(shop)) == [("ada", "2026-03-30T07:00:00Z"), ("bo", "2026-03-30T07:00:00Z")]


def test_an_instant_comes_once_and_one_that_is_over_never() -> None:
    past, once = notice(Trigger(at=SPRING - 1), name="past"), notice(Trigger(at=SPRING + HOUR))
    with in_spring(past, once) as shop:
        until(shop, "2026-04-05T00:00:00Z")
        assert sorted(came(shop)) == [("ada", "2026-03-28T01:00:00Z"), ("bo", "2026-03-28T01:00:00Z")]
        shop.restart()
        until(shop, "2026-04-06T00:00:00Z")
        assert len(shop.kept()) == 2


def test_it_is_for_those_whom_the_action_is_for_then() -> None:
    with in_spring(notice(Trigger(at=SPRING + HOUR), eligible='traits.plan == "gold"')) as shop:
        shop.does("bo", type="identify", traits={"plan": "gold"})
        shop.deciding.settle()
        until(shop, "2026-03-28T12:00:00Z")
        assert [who for who, _ in came(shop)] == ["bo"]


def test_whoever_is_gone_through_has_a_receipt_once() -> None:
    with in_spring(notice(Trigger(at=SPRING + HOUR)), notice(Trigger(at=SPRING + HOUR), name="second")) as shop:
        until(shop, "2026-03-28T12:00:00Z")
        receipts = [one for one in shop.desk.ledger.receipts(ORG, limit=50) if one.action == rounds.ACTION]
        assert len(receipts) == 2
        assert {one.decision for one in receipts} == {"permitted"}


def test_a_node_that_was_down_makes_good_what_is_no_day_late() -> None:
    with in_spring(notice(Trigger(daily="09:00", zone="UTC"))) as shop:
        shop.deciding.at = parse_rfc3339("2026-04-02T08:00:00Z")
        shop.restart()
        shop.settle()
        assert {at for _, at in came(shop)} == {"2026-04-01T09:00:00Z"}
        until(shop, "2026-04-02T10:00:00Z")
        assert {at for _, at in came(shop)} == {"2026-04-01T09:00:00Z", "2026-04-02T09:00:00Z"}


def test_a_kill_within_a_round_has_nobody_wait_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SLICE", 3)
    users = [f"u{number}" for number in range(10)]
    with in_spring() as shop:
        for user in users:
            shop.does(user, type="identify", traits={"email": f"{user}@example.com"})
        shop.deciding.settle()
        shop.actions.put(notice(Trigger(at=SPRING + MINUTE)), "eve")
        shop.starting.settle()
        shop.later(MINUTE)
        real = NoticedBook.went_on
        calls = iter(range(100))

        def killed(self: NoticedBook, *what: object) -> None:
            if next(calls) % 2:
                raise KeyboardInterrupt
            real(self, *what)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(NoticedBook, "went_on", killed)
            for _ in range(10):
                with contextlib.suppress(KeyboardInterrupt):
                    shop.starting.settle()
                shop.restart()
        shop.settle()
        assert len(shop.kept()) == len({one.record for one in shop.kept()}) == 12


def test_a_slice_is_small_whoever_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a decision of what happened is between two slices."""
    monkeypatch.setattr(rounds, "SLICE", 3)
    with in_spring(notice(Trigger(event="Seen"), name="seen"), notice(Trigger(at=SPRING + MINUTE))) as shop:
        for number in range(30):
            shop.does(f"u{number}", type="identify", traits={"email": f"u{number}@example.com"})
        shop.deciding.settle()
        shop.starting.settle()
        shop.later(MINUTE)
        slices = 0
        real = Rounds._slice

        def counted(self: Rounds, *what: object) -> None:
            nonlocal slices
            slices += 1
            real(self, *what)  # type: ignore[arg-type]

        monkeypatch.setattr(Rounds, "_slice", counted)
        shop.starting.step()
        assert slices == 1
        shop.does("ada", "Seen")
        shop.deciding.settle()
        shop.starting.step()
        assert slices == 2
        assert "seen" in shop.decided()


def test_rounds_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SLICE", 3)
    actions = [notice(Trigger(at=SPRING + MINUTE + number), name=name) for number, name in enumerate("cab")]
    with in_spring(*actions) as shop:
        for number in range(20):
            shop.does(f"u{number}", type="identify", traits={"email": f"u{number}@example.com"})
        shop.deciding.settle()
        shop.starting.settle()
        shop.later(HOUR)
        turns: list[str] = []
        real = Rounds._slice

        def counted(self: Rounds, one: RoundRow, at: int) -> None:
            turns.append(one.action)
            real(self, one, at)

        monkeypatch.setattr(Rounds, "_slice", counted)
        for _ in range(6):
            shop.starting.step()
        assert turns == [*"abcabc"]


def test_a_round_that_nobody_can_go_on_with_stops_no_other_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    actions = [notice(Trigger(at=SPRING + MINUTE), name=name) for name in "ab"]
    with in_spring(*actions) as shop:
        real = Rounds._slice

        def broken(self: Rounds, one: RoundRow, at: int) -> None:
            if one.action == "a":
                raise OverflowError
            real(self, one, at)

        shop.later(2 * MINUTE)
        with monkeypatch.context() as patched:
            patched.setattr(Rounds, "_slice", broken)
            shop.starting.settle()
        assert set(shop.decided()) == {"b"}
        assert shop.starting.next_due() == shop.deciding.at + HOUR
        shop.later(HOUR)
        shop.settle()
        assert set(shop.decided()) == {"a", "b"}


def test_what_is_late_by_more_than_a_day_is_let_go() -> None:
    with in_spring(notice(Trigger(at=SPRING + HOUR))) as shop:
        shop.later(4 * DAY)
        shop.settle()
        assert (shop.decided(), shop.waiting()) == ([], 0)
