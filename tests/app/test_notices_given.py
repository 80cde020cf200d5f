"""A notice that must be given is given once, to whoever it is for: what was given is known from the decisions."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.own_decisions import OwnDecisions
from rapport.app import deciding
from rapport.decide.actions import Action, Trigger
from rapport.kernel.times import now
from tests.app.desk import HELP, Desk, house
from tests.app.triggering import notice, triggering
from tests.profile.house import ORG, House, at, told

__all__ = ["house"]
WORDS = {"web": {"en": {"text": "Do not use the kettle."}}, "inbox": {"en": {"text": "Do not use the kettle."}}}
RECALL = Action(ORG, "recall", "notice", "service", WORDS)
ORDERED = Trigger(event="Order Completed")


OPS = st.lists(st.sampled_from(("ask", "send", "report", "see", "change")), min_size=1, max_size=12)


@pytest.fixture
def shop(house: House) -> Iterator[Desk]:
    desk = Desk(house, RECALL, HELP)
    yield desk
    desk.close()


def rules(answer: dict[str, Any]) -> dict[str, str]:
    return {one["action"]: one["rule"] for one in answer["excluded"]}


def test_it_comes_until_it_was_said_to_have_been_given_and_then_no_more(shop: Desk) -> None:
    first = shop.decide()
    assert [shop.decide()["action"] for _ in range(2)] == ["recall", "recall"]
    assert first["action"] == "recall"
    shop.report(first, "shown")
    after = shop.decide()
    assert after["action"] != "recall"
    assert rules(after)["recall"] == "given"
    assert shop.decide("user_id:bo")["action"] == "recall"


def test_a_new_version_of_it_comes_again(shop: Desk) -> None:
    shop.report(shop.decide(), "shown")
    ActionBook(shop.ledger).put(replace(RECALL, language="en"), "eve")
    assert shop.decide()["action"] == "recall"


def test_what_waits_in_the_inbox_is_not_put_there_twice_and_is_said_elsewhere_until_it_was_seen(shop: Desk) -> None:
    person = shop.house.people.add([f"{ORG}:user_id:ada"])
    assert shop.decide(channel="inbox", deliver=True)["action"] == "recall"
    assert rules(shop.decide(channel="inbox", deliver=True))["recall"] == "given"
    assert shop.decide()["action"] == "recall"
    OwnDecisions(shop.ledger).see(person.id, 0, 1 << 62)
    assert rules(shop.decide())["recall"] == "given"


def test_what_is_on_its_way_is_not_sent_twice_and_what_came_back_is_sent_again() -> None:
    with triggering(notice()) as shop:

        def sent() -> dict[str, Any]:
            return shop.desk.decide(channel="email", deliver=True)

        first = sent()
        assert first["action"] == "confirm"
        assert sent()["action"] == "silence"
        assert MessageBook(shop.desk.ledger).came_back(first["decision"], "no such mailbox")
        assert sent()["action"] == "confirm"


def test_what_happens_anew_gives_anew_what_waits_for_it() -> None:
    with triggering(notice(ORDERED)) as shop:
        for number in range(3):
            shop.does("ada", "Order Completed", message=f"o{number}")
            shop.settle()
        assert shop.decided() == ["confirm"] * 3
        assert shop.desk.decide(channel="email", deliver=True)["action"] == "silence"


def test_a_report_that_comes_while_it_is_decided_is_known_to_the_decision(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, real = shop.decide(), deciding._along
    done: list[bool] = []

    def late(*what: Any) -> Any:
        if not done:
            done.append(True)
            shop.report(first, "shown")
        return real(*what)

    monkeypatch.setattr(deciding, "_along", late)
    assert rules(shop.decide())["recall"] == "given"
    assert len(done) == 1


@settings(max_examples=12, deadline=None)
@given(OPS)
def test_whatever_becomes_of_its_decisions_it_comes_where_it_was_not_given_and_nowhere_else(ops: list[str]) -> None:
    with House() as house:
        house.send(told(at("10:00"), type="identify", userId="ada", messageId="1"))
        person = house.settle().people.add([f"{ORG}:user_id:ada"])
        desk = Desk(house, RECALL)
        versions, shown, put, decided = 1, set[int](), dict[str, int](), list[tuple[dict[str, Any], int]]()
        for op in ops:
            if op == "change":
                versions += 1
                ActionBook(desk.ledger).put(replace(RECALL, value=float(versions)), "eve")
            elif op in ("ask", "send"):
                answer = desk.decide(channel="web") if op == "ask" else desk.decide(channel="inbox", deliver=True)
                is_known = versions in shown or (op == "send" and versions in put.values())
                assert (answer["action"] == "recall") is not is_known
                if not is_known:
                    decided.append((answer, versions))
                    put |= {answer["decision"]: versions} if op == "send" else {}
            elif op == "report" and decided:
                answer, version = decided[-1]
                desk.report(answer, "shown")
                shown.add(version)
            elif op == "see":
                OwnDecisions(desk.ledger).see(person.id, 0, 1 << 62)
                shown.update(put.values())
        desk.close()


def test_what_happened_again_is_told_again_where_it_is_asked_for_too() -> None:
    """Whoever can be reached by nothing that the node sends is told on the web site, of each by itself."""
    often = replace(RECALL, eligible='count("Order Completed") > 0', triggers=(ORDERED,), content={"web": WORDS["web"]})
    with triggering(often) as shop:
        for number in range(2):
            shop.does("ada", "Order Completed", message=f"o{number}", at=now())
            shop.settle()
            answers = [shop.desk.decide() for _ in range(2)]
            assert [one["action"] for one in answers] == ["recall", "recall"]
            shop.desk.report(answers[-1], "shown")
            assert rules(shop.desk.decide())["recall"] == "given"
        shop.does("ada", "Seen", at=now())
        shop.settle()
        assert rules(shop.desk.decide())["recall"] == "given"
