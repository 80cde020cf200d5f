"""Guard-rails on a node: an action that harms is switched off by itself, told everywhere, and switched on again only by
somebody who says why."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest
from typer.testing import CliRunner

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audit import AuditLog
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.guard_rails import Look, RailBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app import evaluating, guarding
from rapport.app.actions import open_actions
from rapport.app.console_operators import who_of
from rapport.app.guarding import Guard, has_news
from rapport.app.judging import look
from rapport.cli import command_line
from rapport.decide.actions import Benefit
from rapport.decide.catalogue import Catalogue
from rapport.decide.decision import Decision, Learnt, Manner, Moment, decide
from rapport.decide.features import Context
from rapport.decide.kinds import SILENCE, Worth
from rapport.decide.posterior import Posterior, Prior
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.expressions import Facts
from rapport.kernel.times import DAY, now
from rapport.learn.outcomes import Lesson, Outcome, Step
from rapport.learn.verdicts import Rail, Verdict
from tests.app.desk import HELP, Desk, house
from tests.profile.house import ORG, House, told

__all__ = ["house"]

LATER = 8 * DAY
PEOPLE = 40
SAYS = {"web": {"en": {"text": "Here is how."}}}
HURT = msgspec.structs.replace(
    HELP, id="hurt", eligible="true", content=SAYS, benefit=Benefit("minutes_saved", minutes=4)
)
NOTICE = msgspec.structs.replace(HURT, id="recall", kind="notice", benefit=None, value=0.0)


class Shop:
    """A desk whose customers were decided for, many times; what came of it is put in as it would have come."""

    def __init__(self, house: House, *actions) -> None:
        house.send(*(told(type="identify", userId=f"u{n}", messageId=f"i{n}", traits={}) for n in range(PEOPLE)))
        house.settle()
        self.desk = Desk(house, *actions)
        self.ledger = self.desk.ledger
        self.records = [part.number for found in house.found() for part in found.parts]
        self.number = 0

    def live(self, gave: dict[str, Worth], times: int = 6, ago: int = 0) -> None:
        """So many decisions for everybody, out of the actions in force: what each gave, and silence nothing. `ago`: how
        long before now (µs)."""
        catalogue = Catalogue(ActionBook(self.ledger).actions(ORG), units=ActionBook(self.ledger).units(ORG))
        customer = Posterior(Prior("customer"))
        learnt = Learnt(customer, Posterior(Prior("company"), beside=customer))
        decisions, outcomes = DecisionBook(self.ledger), OutcomeBook(self.ledger)
        with self.ledger.db:
            self.ledger.db.execute("BEGIN IMMEDIATE")
            for record in self.records * times:
                self.number += 1
                moment = Moment("service", "web", Facts({}), Context(now() - ago, channel="web"), ("en",))
                one = decide(f"dec_{self.number:06}", catalogue, Manner(holdout=0), learnt, moment)
                assert decisions.keep(decisions.at([record], one.at), ORG, record, one, "delivered", "rcp_1")
                self._report(outcomes, decisions, one, gave)

    def _report(self, outcomes: OutcomeBook, decisions: DecisionBook, one: Decision, gave: dict[str, Worth]) -> None:
        if one.action == SILENCE:
            return
        worth = gave[one.action]
        moved = Worth(worth.customer + self.number % 3 - 1, worth.company + self.number % 5 - 2)
        kept = decisions.decision(ORG, one.id)
        awaited = outcomes.awaited(kept)
        assert awaited is not None
        step = Step(awaited, Outcome(one.id, "came", "", moved, one.at), Lesson(one.id, moved))
        outcomes.keep_along(kept, step, one.at)

    def look(self, at: int | None = None, **more) -> list[str]:
        found = look(self.ledger, ORG, now() + LATER if at is None else at, **more)
        assert found is not None
        return [f"{rail.action} {rail.state}" for rail in found]

    def standing(self) -> dict[str, Rail]:
        return RailBook(self.ledger).standing(ORG)

    def excluded(self) -> list[str]:
        answer = self.desk.decide("user_id:u1")
        return [one["action"] for one in answer["excluded"] if one["rule"] == "switched_off"]

    def audited(self) -> list[tuple[str, str, str]]:
        rows, _ = AuditLog(self.ledger).page(ORG)
        about = [row for row in rows if "switched" in row.what or "harms" in row.what]
        return [(who_of(row, {}), row.what, row.about) for row in about]

    def close(self) -> None:
        self.desk.close()


@pytest.fixture
def shop(house: House) -> Iterator[Shop]:
    shop = Shop(house, HURT)
    yield shop
    shop.close()


HARM = {"hurt": Worth(-4.0, 3.0), "mild": Worth(2.0, 2.0)}
MILD = msgspec.structs.replace(HURT, id="mild")


def test_an_action_that_harms_is_switched_off_from_the_next_decision_on_and_told_with_its_figures(shop: Shop) -> None:
    ActionBook(shop.ledger).put(MILD, "eve")
    shop.live(HARM)
    assert shop.excluded() == []
    assert shop.look() == ["hurt off"]
    rail = shop.standing()["hurt"]
    (verdict,) = rail.verdicts
    assert (rail.state, rail.version, verdict.side) == ("off", 1, "customer")
    assert verdict.high is not None
    assert verdict.high < 0
    answer = shop.desk.decide("user_id:u1")
    (why,) = [one["said"] for one in answer["excluded"] if one["action"] == "hurt"]
    assert why.startswith("it was switched off, for it harms customers: -")
    assert shop.audited() == [("the guard-rails", "switched an action off: it harms", "hurt")]
    assert shop.look() == []  # which is told once


def test_what_is_not_shown_to_harm_stays(shop: Shop) -> None:
    shop.live({"hurt": Worth(0.0, 0.0)})
    assert shop.look() == []
    assert shop.standing() == {}


def test_decisions_whose_windows_are_open_tell_nothing_yet(shop: Shop) -> None:
    shop.live(HARM)
    assert not has_news(shop.ledger, ORG, now())
    assert not has_news(shop.ledger, "other", now() + LATER)
    assert shop.look(now()) == []
    assert shop.look() == ["hurt off"]


def test_another_version_stands_for_itself(shop: Shop) -> None:
    shop.live(HARM)
    assert shop.look() == ["hurt off"]
    ActionBook(shop.ledger).put(msgspec.structs.replace(HURT, cost=0.1), "eve")
    assert shop.standing() == {}
    assert shop.excluded() == []
    assert shop.look(now() + 2 * LATER) == []  # what an earlier version did is no evidence against this one
    shop.live(HARM)
    assert shop.look() == ["hurt off"]
    assert shop.standing()["hurt"].version == 2


def test_somebody_may_switch_it_on_again_and_it_is_judged_by_what_comes_later(shop: Shop) -> None:
    shop.live(HARM)
    shop.look()
    book = RailBook(shop.ledger)
    for reason in ("", "   ", "x" * 201, "a\x00b"):
        with pytest.raises(BadInput) as refused:
            book.switch_on(ORG, "hurt", "opr_1", reason)
        assert (refused.value.code, refused.value.field) == ("bad_reason", "reason")
    assert book.switch_on(ORG, "hurt", "opr_1", "the price\nwas wrong ").reason == "the price was wrong"
    assert shop.excluded() == []
    assert shop.look(now() + 2 * LATER) == []
    assert shop.audited()[0] == ("opr_1", "switched an action on again: the price was wrong", "hurt")
    shop.live(HARM)
    assert shop.look() == ["hurt off"]


def test_only_what_is_off_is_switched_on_and_nobody_elses(shop: Shop) -> None:
    shop.ledger.add_org("other")
    book = RailBook(shop.ledger)
    with pytest.raises(NotFound):
        book.switch_on(ORG, "nothing", "opr_1", "why not")
    with pytest.raises(Conflict) as refused:
        book.switch_on(ORG, "hurt", "opr_1", "why not")
    assert refused.value.code == "not_switched_off"
    shop.live(HARM)
    shop.look()
    with pytest.raises(NotFound):
        book.switch_on("other", "hurt", "opr_1", "why not")
    assert book.standing("other") == {}


def test_where_an_organization_says_so_harm_is_told_and_the_action_left_on_until_it_says_otherwise(shop: Shop) -> None:
    manners = MannerBook(shop.ledger)
    manners.put_manner(ORG, Manner(holdout=0, guard_rails=False), "eve")
    shop.live(HARM)
    assert shop.look() == ["hurt harm"]
    assert shop.excluded() == []
    assert shop.look() == []
    assert shop.audited() == [("the guard-rails", "found that an action harms, and left it on", "hurt")]
    manners.put_manner(ORG, Manner(holdout=0), "eve")
    assert shop.look() == ["hurt off"]


def test_what_must_be_said_is_never_switched_off(house: House) -> None:
    shop = Shop(house, NOTICE)
    harm = Verdict("recall", "customer", True, -1.0, -2.0, -0.1, 100, 100, 0.05, "recall harms customers")
    RailBook(shop.ledger).found(ORG, [Rail("recall", 1, "off", now(), (harm,))])
    assert shop.desk.decide("user_id:u1")["action"] == "recall"
    shop.live({"recall": Worth(-9.0, -9.0)}, 3)
    assert shop.look() == []
    shop.close()


def test_a_look_that_is_broken_off_keeps_nothing_and_is_made_again(shop: Shop) -> None:
    shop.live(HARM)
    at = now() + LATER
    assert look(shop.ledger, ORG, at, lambda _: False) is None
    assert RailBook(shop.ledger).looked(ORG) == Look()
    assert has_news(shop.ledger, ORG, at)
    assert shop.look(at) == ["hurt off"]
    assert not has_news(shop.ledger, ORG, at)


def test_only_so_many_are_looked_at_and_epochs_begin_where_the_first_is_out_of_reach(shop: Shop) -> None:
    book, mild = RailBook(shop.ledger), {"hurt": Worth(0.5, 0.5)}
    many = len(shop.records)
    epochs = []
    for _ in range(5):
        shop.live(mild, 1)
        shop.look(most=2 * many)
        epochs.append((book.looked(ORG).epoch, book.looked(ORG).since))
    # The second look reads all there is room for; from the fourth on, every other finds the beginning gone.
    assert epochs == [(0, 0), (1, many + 1), (1, many + 1), (2, 3 * many + 1), (2, 3 * many + 1)]


def test_the_last_decision_before_an_instant_is_found_whatever_the_gaps(shop: Shop) -> None:
    shop.live({"hurt": Worth()}, 1)
    db = shop.ledger.db
    db.execute("UPDATE decision SET at = seq * 10")
    db.execute("DELETE FROM decision WHERE seq BETWEEN 11 AND 37 OR seq IN (1, 50)")
    left = [seq for (seq,) in db.execute("SELECT seq FROM decision ORDER BY seq")]
    book = DecisionBook(shop.ledger)
    for at in range(0, 700, 5):
        assert book.last_before(ORG, at) == max((seq for seq in left if seq * 10 < at), default=0)
    assert book.last_before("other", 1 << 60) == 0


def test_the_book_of_estimates_is_told_once_a_day_where_a_currency_is_said(shop: Shop) -> None:
    book, at = BenefitFile(shop.ledger), now() + LATER
    shop.live(HARM)
    shop.look(at)
    first = {one.side: one for one in book.estimates(ORG)}
    assert set(first) == {"customer", "company"}
    assert first["customer"].group == "people who got hurt, each time"
    assert float(first["customer"].low) < -4 < float(first["customer"].high) < 0
    assert (first["company"].unit, first["company"].method, first["company"].n) == (
        "GBP",
        "off_policy",
        len(shop.records),
    )
    shop.live({"hurt": Worth(-8.0, 3.0)})
    shop.look(at + 1_000_000)
    assert {one.side: one for one in book.estimates(ORG)} == first
    shop.look(at + DAY)
    assert {one.side: one for one in book.estimates(ORG)} != first


def test_the_thread_looks_by_itself_only_where_something_is_new(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.live(HARM)
    at, looked = now() + LATER, threading.Event()
    kept = RailBook.note

    def note(self: RailBook, org: str, told: Look) -> None:
        kept(self, org, told)
        looked.set()

    monkeypatch.setattr(RailBook, "note", note)
    monkeypatch.setattr(guarding, "BETWEEN", 0)
    with contextlib.closing(Guard(shop.desk.house.settings, clock=lambda: at)):
        assert looked.wait(60)
    assert shop.standing()["hurt"].state == "off"
    assert not has_news(shop.ledger, ORG, at)


def test_what_cannot_be_read_at_one_organization_keeps_no_other_from_being_looked_at(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.live(HARM)
    shop.ledger.add_org("aaa")
    at, looked, before = now() + LATER, threading.Event(), guarding.has_news

    def has_news(ledger: LedgerFile, org: str, at: int) -> bool:
        if org == "aaa":
            raise ZeroDivisionError
        looked.set()
        return before(ledger, org, at)

    monkeypatch.setattr(guarding, "has_news", has_news)
    with contextlib.closing(Guard(shop.desk.house.settings, clock=lambda: at)):
        assert looked.wait(60)


def test_the_evaluators_process_looks_as_it_starts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.live(HARM, ago=LATER)
    monkeypatch.setattr(guarding, "BETWEEN", 0)
    ended = threading.Event()
    settings = shop.desk.house.settings
    running = threading.Thread(target=evaluating.run, args=(settings, ended.wait, ended.is_set))
    running.start()
    try:
        while shop.standing() == {} and running.is_alive():
            ended.wait(0.02)
    finally:
        ended.set()
        running.join()
    assert shop.standing()["hurt"].state == "off"


def test_api_and_command_line_tell_where_an_action_stands_and_switch_it_on(shop: Shop) -> None:
    shop.live(HARM)
    shop.look()
    house = shop.desk.house
    with contextlib.closing(open_actions(house.settings, house.reader, shop.desk.gate)) as actions:
        assert asyncio.run(actions.rails(ORG))["hurt"].state == "off"
        previewed = asyncio.run(actions.preview(ORG, "hurt", "user_id:u1", "web", None, "test"))
        assert previewed["excluded"]["rule"] == "switched_off"
    typed = partial(_typed, str(house.directory))
    assert "switched off" in typed("show", "hurt")
    assert "switched off: it harms" in typed("list")
    assert "can be chosen again" in typed("on", "hurt", "--reason", "the price was wrong")
    assert "switched on again" in typed("show", "hurt")
    assert shop.excluded() == []


def _typed(data: str, *words: str) -> str:
    done = CliRunner().invoke(command_line(["action", "show"]), ["action", *words, "--data", data])
    assert done.exit_code == 0, done.output
    return done.output
