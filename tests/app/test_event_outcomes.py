"""Events settle outcomes by themselves: each once, for the decision that led to it, through the gate."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.outcome_rules import OutcomeRules
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app import event_outcomes
from rapport.decide.decision import Manner
from rapport.decide.kinds import Worth
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.times import DAY, HOUR, now
from rapport.kernel.vocabulary import category_of_event
from rapport.learn.outcomes import Gives, Outcome, Rule
from rapport.terms import Clause, Terms
from tests.app.deciding import Deciding
from tests.app.desk import HELP, NOBODY_HELD, Desk
from tests.profile.house import ORG, House, told

INBOX = msgspec.structs.replace(HELP, content={"inbox": {"en": {"text": "Here is how."}}})
BOUGHT = Rule("Order Completed", 7 * DAY, Gives("saved"), Gives("revenue", 0.5))


class Shop:
    """A house that decides, with an evaluator that follows what its customers do. Its clock is the real one, moved."""

    def __init__(self, house: House, *rules: Rule) -> None:
        self.house = house
        self.deciding = Deciding(house)
        self.begun = self.deciding.at = now()
        self.rules = OutcomeRules(self.deciding.ledger)
        if rules:
            self.rules.put(ORG, rules, "eve")
        for user in ("ada", "bo"):
            self.deciding.identify(user, name=user, plan="gold")
        self.desk = Desk(house, INBOX, manner=NOBODY_HELD)
        self.book = OutcomeBook(self.desk.ledger)

    def decide(self, user: str = "ada") -> dict[str, Any]:
        """Help in the inbox, or silence by lot; either reaches them."""
        return self.desk.decide(f"user_id:{user}", "inbox", deliver=True)

    def later(self, micros: int = HOUR) -> int:
        self.deciding.at = max(self.deciding.at, now()) + micros
        return self.deciding.at

    def buy(self, user: str = "ada", at: int | None = None, message: str = "m1", **fields: Any) -> None:
        at = self.later() if at is None else at
        properties = fields.pop("properties", {"saved": 2.0, "revenue": 30.0})
        name = fields.pop("event", "Order Completed")
        event = told(at, type="track", userId=user, event=name, messageId=message, properties=properties, **fields)
        self.house.send(event, received_at=max(at, self.deciding.at))
        self.deciding.settle()

    def outcomes(self, answer: dict[str, Any]) -> tuple[Outcome, ...]:
        waiting = self.book.awaited(self.desk.kept(answer))
        assert waiting is not None
        return waiting.outcomes

    def lessons(self) -> list[Worth]:
        return [one.worth for one in self.book.lessons(ORG, 0, 100)]

    def benefits(self) -> set[tuple[str, str, str, str]]:
        numbers = [part.number for found in self.house.found() for part in found.parts]
        kept = BenefitFile(self.desk.ledger).of_records(ORG, numbers, 0, 1 << 62)
        return {(one.side, one.kind, one.amount, one.evidence) for one in kept}

    def close(self) -> None:
        self.desk.close()
        self.deciding.close()


@contextlib.contextmanager
def open_shop(*rules: Rule) -> Iterator[Shop]:
    with House() as house, contextlib.closing(Shop(house, *rules)) as shop:
        yield shop


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop(BOUGHT) as shop:
        yield shop


def test_what_a_customer_buys_settles_the_decision_before_it_on_both_sides(shop: Shop) -> None:
    answer = shop.decide()
    shop.buy()
    (outcome,) = shop.outcomes(answer)
    assert (outcome.kind, outcome.source, outcome.worth, outcome.late) == ("Order Completed", "m1", Worth(2, 15), False)
    assert shop.benefits() == {("customer", "discount", "2", "m1"), ("company", "margin", "15", "m1")}
    assert shop.lessons() == [Worth(2, 15)]


def test_a_decision_that_cannot_be_read_keeps_no_other_from_being_settled(shop: Shop) -> None:
    broken, answer = shop.decide(), shop.decide("bo")
    shop.desk.ledger.db.execute("UPDATE decision SET body = x'00' WHERE id = ?", (broken["decision"],))
    shop.buy()
    shop.buy("bo", message="m2")
    assert [one.source for one in shop.outcomes(answer)] == ["m2"]
    assert shop.lessons() == [Worth(2, 15)]


@pytest.mark.parametrize("closed", [1, event_outcomes._FEW - 1, event_outcomes._FEW, event_outcomes._FEW + 3])
def test_it_goes_to_the_last_whose_window_is_open_however_many_closed_since(shop: Shop, closed: int) -> None:
    MannerBook(shop.desk.ledger).put_manner(ORG, Manner(holdout=0, days=30), "eve")
    answer = shop.decide()
    MannerBook(shop.desk.ledger).put_manner(ORG, Manner(holdout=0, days=1), "eve")
    for _ in range(closed):
        shop.decide()
    shop.buy(at=shop.later(2 * DAY))
    assert [one.source for one in shop.outcomes(answer)] == ["m1"]
    assert len(shop.lessons()) == 1


def test_it_is_looked_at_through_the_gate_with_a_receipt(shop: Shop) -> None:
    shop.decide()
    shop.buy()
    rows = shop.desk.ledger.receipts(ORG, limit=50)
    of_outcomes = [one for one in rows if one.action == event_outcomes.ACTION]
    assert [(one.decision, one.purpose, one.fields) for one in of_outcomes] == [("permitted", "service", ("events",))]


def test_copies_and_an_event_told_again_settle_nothing_more(shop: Shop) -> None:
    first = shop.decide()
    shop.buy()
    second = shop.decide()
    shop.buy(at=shop.deciding.at)  # a copy
    _told_again(shop)
    assert len(shop.outcomes(first)) == 1
    assert shop.outcomes(second) == ()
    assert len(shop.lessons()) == 1


def _told_again(shop: Shop) -> None:
    """As after a kill between the ledger's commit and the evaluator's own, or a power cut."""
    shop.deciding.evaluator.file.db.execute("UPDATE meta SET value = 0 WHERE name = 'touched'")
    shop.deciding.restart()
    shop.deciding.evaluator.settle()


def test_a_kill_before_the_cursor_moves_settles_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = shop.decide()
    evaluator = shop.deciding.evaluator

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(evaluator, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.buy()
    assert len(shop.outcomes(answer)) == 1
    shop.deciding.restart()
    shop.deciding.evaluator.settle()
    assert len(shop.outcomes(answer)) == 1
    assert len(shop.benefits()) == 2


def test_a_kill_before_the_outcome_leaves_no_benefit_and_is_made_good(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.decide()

    def killed(*_: object) -> None:
        raise Busy("no place")

    with monkeypatch.context() as patched:
        patched.setattr(OutcomeBook, "keep_along", killed)
        with pytest.raises(Busy):
            shop.buy()
    assert shop.benefits() == set()
    shop.deciding.restart()
    shop.deciding.evaluator.settle()
    assert len(shop.outcomes(answer)) == 1
    assert len(shop.benefits()) == 2


def helped(shop: Shop, *, deliver: bool) -> dict[str, Any]:
    for _ in range(50):
        answer: dict[str, Any] = shop.desk.decide("user_id:ada", "inbox", deliver=deliver)
        if answer["action"] == "help":
            return answer
    raise AssertionError("they are never helped")


def test_what_was_done_and_reached_them_is_settled(shop: Shop) -> None:
    shop.house.people.add([f"{ORG}:user_id:ada"])
    answer = helped(shop, deliver=True)
    assert shop.desk.kept(answer).delivery == "delivered"
    shop.buy()
    assert len(shop.outcomes(answer)) == 1


def test_a_decision_that_nobody_delivered_is_settled_by_no_event(shop: Shop) -> None:
    answer = helped(shop, deliver=False)
    shop.buy()
    assert shop.outcomes(answer) == ()


def test_an_event_of_before_the_decision_settles_nothing(shop: Shop) -> None:
    before = now() - HOUR
    answer = shop.decide()
    shop.buy(at=before)
    assert shop.outcomes(answer) == ()
    assert shop.benefits() == set()


def test_what_comes_late_counts_but_teaches_no_more(shop: Shop) -> None:
    answer = shop.decide()
    bought = shop.later(DAY)
    over = shop.later(30 * DAY)
    assert shop.book.lapse(over, 10) == 1
    shop.buy(at=bought)
    (outcome,) = shop.outcomes(answer)
    assert outcome.late
    assert shop.lessons() == [Worth()]


def test_an_event_of_a_clock_that_is_ahead_counts_as_of_when_it_came(shop: Shop) -> None:
    answer = shop.decide()
    came = shop.later()
    event = told(came + HOUR, type="track", userId="ada", event="Order Completed", messageId="m1")
    event["properties"] = {"saved": 1, "revenue": 1}
    shop.house.send(event, received_at=came)
    shop.deciding.settle()
    assert [one.at for one in shop.outcomes(answer)] == [came]


def test_one_that_cannot_be_kept_is_in_nobodys_way(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    of_ada, of_bo = shop.decide("ada"), shop.decide("bo")
    real = BenefitFile.put_along

    def put_along(book: BenefitFile, benefits: Any, *more: Any, **named: Any) -> Any:
        if benefits[0].evidence == "m1":
            raise BadInput("no such use")
        return real(book, benefits, *more, **named)

    monkeypatch.setattr(BenefitFile, "put_along", put_along)
    shop.buy("ada")
    shop.buy("bo", message="m2")
    assert (len(shop.outcomes(of_ada)), len(shop.outcomes(of_bo))) == (0, 1)


def test_of_somebody_who_was_erased_nothing_is_kept(shop: Shop) -> None:
    shop.decide()
    at = shop.later()
    properties = {"saved": 2.0, "revenue": 30.0}
    event = told(at, type="track", userId="ada", event="Order Completed", messageId="m1", properties=properties)
    shop.house.send(event, received_at=at)
    shop.house.settle()
    numbers = [part.number for found in shop.house.found() for part in found.parts]
    shop.desk.ledger.keys.destroy_records(numbers)
    shop.deciding.restart()
    shop.deciding.settle()
    assert counted(shop, "outcome") == counted(shop, "lesson") == counted(shop, "benefit") == 0


def counted(shop: Shop, table: str) -> int:
    return int(shop.desk.ledger.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_what_happens_after_the_window_settles_nothing(shop: Shop) -> None:
    answer = shop.decide()
    shop.buy(at=shop.later(8 * DAY))
    assert shop.outcomes(answer) == ()


def test_silence_is_settled_as_any_action_is(shop: Shop) -> None:
    shop.deciding.identify("ada", plan="free")
    answer = shop.decide()
    assert answer["action"] == "silence"
    shop.buy()
    assert len(shop.outcomes(answer)) == 1


def test_the_last_decision_of_several_gets_it_or_with_only_none(shop: Shop) -> None:
    first, second = shop.decide(), shop.decide()
    shop.buy()
    assert (len(shop.outcomes(first)), len(shop.outcomes(second))) == (0, 1)
    shop.rules.put(ORG, [Rule("Order Completed", 7 * DAY, attribution="only")], "eve")
    shop.buy(message="m2")
    assert (len(shop.outcomes(first)), len(shop.outcomes(second))) == (0, 1)


def test_the_decisions_of_a_merged_record_are_the_customers_and_a_split_settles_nothing_anew(shop: Shop) -> None:
    at = shop.deciding.at
    shop.house.send(told(at, type="track", event="Seen", anonymousId="tab", messageId="t1"), received_at=at)
    shop.deciding.settle()
    of_ada, of_tab = shop.decide(), shop.desk.decide("anonymous_id:tab", "inbox", deliver=True)
    at = shop.later()
    shop.house.send(told(at, type="identify", userId="ada", anonymousId="tab", messageId="t2"), received_at=at)
    shop.deciding.settle()
    shop.buy()
    assert (len(shop.outcomes(of_ada)), len(shop.outcomes(of_tab))) == (0, 1)
    known = shop.house.evidence("user_id:ada")
    shop.house.retract(*(one["id"] for one in known if one["rule"] == "named" and one["identifier"]["value"] == "tab"))
    shop.deciding.settle()
    assert len(shop.house.found()) == 3
    _told_again(shop)
    assert (len(shop.outcomes(of_ada)), len(shop.outcomes(of_tab))) == (0, 1)
    assert len(shop.lessons()) == 1


def test_sources_with_the_same_message_ids_are_told_apart(shop: Shop) -> None:
    for user, source in (("ada", "web"), ("bo", "crm")):
        answer = shop.decide(user)
        at = shop.later()
        properties = {"saved": 1, "revenue": 1}
        event = told(at, type="track", userId=user, event="Order Completed", messageId="1", properties=properties)
        shop.house.send(event, source=source, received_at=at)
        shop.deciding.settle()
        assert len(shop.outcomes(answer)) == 1


def test_of_whoever_shut_the_company_out_nothing_is_settled(shop: Shop) -> None:
    answer = shop.decide()
    people = shop.house.people
    people.lock(people.add([f"{ORG}:user_id:ada"]).handle)
    shop.buy()
    assert shop.outcomes(answer) == ()
    assert shop.benefits() == set()
    assert shop.lessons() == []


def test_an_event_that_may_not_be_seen_is_no_evidence(shop: Shop) -> None:
    answer = shop.decide()
    people = shop.house.people
    all_but = (
        Clause("in", "allow", purposes=("service",), categories=("everything", "unclassified")),
        Clause("no-orders", "deny", purposes=("any",), categories=(category_of_event("Order Completed"),)),
    )
    people.set_terms(people.add([f"{ORG}:user_id:ada"]).handle, Terms("own", all_but))
    shop.buy()
    assert "Order Completed" not in {one["name"] for one in shop.house.timeline("user_id:ada")}
    assert shop.outcomes(answer) == ()
    assert shop.benefits() == set()


@pytest.mark.parametrize("properties", [{}, {"saved": "2", "revenue": 1}, {"saved": 1e308, "revenue": 1}])
def test_an_event_that_says_nothing_sound_settles_nothing(shop: Shop, properties: dict[str, Any]) -> None:
    answer = shop.decide()
    shop.buy(properties=properties)
    assert shop.outcomes(answer) == ()
    shop.buy(message="m2")
    assert len(shop.outcomes(answer)) == 1


def test_an_event_that_no_rule_names_costs_nothing() -> None:
    with open_shop() as shop:
        shop.decide()
        shop.buy()
        assert shop.deciding.house.worker.assembler.touches.wanted == {}
        assert shop.desk.ledger.db.execute("SELECT count(*) FROM in_use").fetchone()[0] == 0
        shop.rules.put(ORG, [BOUGHT], "eve")
        shop.rules.put(ORG, [], "eve")
        assert shop.desk.ledger.db.execute("SELECT count(*) FROM in_use").fetchone()[0] == 0


def test_a_rule_counts_for_the_next_event(shop: Shop) -> None:
    answer = shop.decide()
    shop.buy(event="Visited")
    shop.rules.put(ORG, [BOUGHT, Rule("Visited", DAY, company=Gives(fixed=1))], "eve")
    shop.deciding.settle()
    shop.buy(event="Visited", message="m2")
    assert [one.source for one in shop.outcomes(answer)] == ["m2"]


def test_rules_are_kept_version_by_version(shop: Shop) -> None:
    assert shop.rules.rules(ORG).version == 1
    assert shop.rules.put(ORG, [BOUGHT], "eve", expected=1).version == 1
    assert shop.rules.put(ORG, [], "eve", expected=1).version == 2
    with pytest.raises(Conflict):
        shop.rules.put(ORG, [BOUGHT], "eve", expected=1)
    with pytest.raises(NotFound):
        shop.rules.put("nobody", [BOUGHT], "eve")
    with pytest.raises(BadInput):
        shop.rules.put(ORG, [BOUGHT, BOUGHT], "eve")


def test_the_node_keeps_them(shop: Shop) -> None:
    kept = asyncio.run(shop.desk.outcomes.put_rules(ORG, [BOUGHT], "eve"))
    assert asyncio.run(shop.desk.outcomes.rules(ORG)) == kept


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.sampled_from(["ada", "bo"])),
        st.tuples(st.just("buy"), st.sampled_from(["ada", "bo"]), st.sampled_from(["m1", "m2", "m3"])),
        st.tuples(st.just("restart")),
        st.tuples(st.just("again")),
    ),
    max_size=8,
)


@given(STEPS)
@settings(max_examples=15, deadline=None)
def test_whatever_comes_in_which_order_each_event_settles_once(steps: list[tuple[str, ...]]) -> None:
    with open_shop(BOUGHT) as shop:
        decided: dict[str, list[dict[str, Any]]] = {"ada": [], "bo": []}
        expected: dict[str, str] = {}
        bought: set[str] = set()
        for what, *more in steps:
            if what == "decide":
                decided[more[0]].append(shop.decide(more[0]))
            elif what == "buy":
                shop.buy(more[0], message=more[1], at=shop.later(0))
                if more[1] not in bought and decided[more[0]]:
                    expected[more[1]] = decided[more[0]][-1]["decision"]
                bought.add(more[1])
            elif what == "restart":
                shop.deciding.restart()
            else:
                _told_again(shop)
        every = [one for several in decided.values() for one in several]
        found = {outcome.source: outcome.decision for one in every for outcome in shop.outcomes(one)}
        assert found == expected
        assert len(shop.benefits()) == 2 * len(expected)
        assert sum(len(shop.outcomes(one)) for one in every) == len(expected)
