"""`rapport audience` and `rapport trait`, as they are typed."""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from rapport.adapters.embedded.audiences import Definitions
from rapport.app.audiences import at_hand
from rapport.app.embedded import open_ledger
from rapport.app.evaluating import Evaluator
from rapport.cli import command_line
from rapport.decide.models import Fitted
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.expressions import ExpressionError
from rapport.kernel.times import now
from tests.profile.house import ORG, House, at, told

GOLD = 'traits.plan == "gold"'
Typed = Callable[..., str]


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        for number in range(6):
            plan = "gold" if number < 2 else "free"
            house.send(told(at("10:00"), type="identify", userId=f"u{number}", traits={"plan": plan}))
        house.send(told(at("11:00"), type="track", userId="u0", event="Order Completed", properties={"revenue": 5}))
        yield house.settle()


@pytest.fixture
def typed(house: House) -> Typed:
    """What a command prints; raises what it raises."""

    def typed(*words: str) -> str:
        line = [*words, "--data", str(house.directory)]
        result = CliRunner().invoke(command_line(["audience", "trait"]), line)
        if result.exception is not None:
            raise result.exception
        return result.output

    return typed


def as_json(typed: Typed, *words: str) -> Any:
    return json.loads(typed(*words, "--json"))


def evaluated(house: House) -> None:
    evaluator = Evaluator(house.settings)
    house.worker._following._looked = 0.0
    house.worker.step()
    house.settle()
    evaluator.settle()
    evaluator.close()


def test_a_saved_audience_tells_on_how_many_it_fails(house: House, typed: Typed) -> None:
    typed("audience", "add", ORG, "odd", f"{GOLD} || 1 / 0 > 1", "--purpose", "service")
    evaluated(house)
    assert "2 in\nit fails on 4, who are not in: it divides by zero, in 1 / 0 > 1" in typed(
        "audience", "show", ORG, "odd"
    )
    told_of = as_json(typed, "audience", "list", ORG)[0]
    assert (told_of["failing"], told_of["reason"]) == (4, "it divides by zero, in 1 / 0 > 1")


def test_an_audience_is_tried_saved_looked_at_explained_and_removed(house: House, typed: Typed) -> None:
    assert typed("audience", "preview", ORG, GOLD, "--purpose", "service").startswith("2 in; fewer than 20 may not")
    said = typed("audience", "add", ORG, "gold", GOLD, "--purpose", "service")
    assert said.startswith(f"gold, version 1, for service: {GOLD}")
    evaluated(house)
    shown = as_json(typed, "audience", "show", ORG, "gold")
    assert (shown["count"], shown["filling"], len(shown["days"])) == (2, None, 1)
    assert "2" in typed("audience", "list", ORG)
    assert "2 in" in typed("audience", "show", ORG, "gold")
    members = as_json(typed, "audience", "members", ORG, "gold")["members"]
    assert len(members) == 2
    assert len(typed("audience", "members", ORG, "gold", "--limit", "1").splitlines()) == 1
    assert f'{GOLD}  →  true  (traits.plan is "gold")' in typed("audience", "why", ORG, "gold", "user_id:u1")
    assert as_json(typed, "audience", "why", ORG, "gold", "user_id:u5")["inside"] is False
    compared = typed("audience", "preview", ORG, "true", "--purpose", "service", "--against", "gold")
    assert compared.startswith("6 in, 4 of them new; 0 would leave")
    assert typed("audience", "remove", ORG, "gold") == "gold is no more.\n"
    assert typed("audience", "list", ORG) == "There is no audience yet.\n"


def test_all_that_is_wrong_is_told(typed: Typed) -> None:
    with pytest.raises(ExpressionError):
        typed("audience", "add", ORG, "gold", "cuont(1) > 1", "--purpose", "service")
    with pytest.raises(BadInput):
        typed("audience", "add", ORG, "preview", "true", "--purpose", "service")
    for words in (("show", ORG, "gold"), ("members", ORG, "gold"), ("remove", ORG, "gold"), ("list", "nowhere")):
        with pytest.raises(NotFound):
            typed("audience", *words)


def test_what_was_never_seen_is_noted(typed: Typed) -> None:
    said = typed("audience", "add", ORG, "gold", 'traits.plam == "gold"', "--purpose", "advertising")
    assert "no trait 'plam' was seen so far; did you mean traits.plan?" in said
    assert "promises nothing for advertising" in said


def test_values_are_shown_and_not_obeyed(house: House, typed: Typed) -> None:
    house.send(told(at("12:00"), type="identify", userId="u5", traits={"plan": "\x1b[31mred\u202e"}))
    house.settle()
    typed("audience", "add", ORG, "gold", GOLD, "--purpose", "service")
    said = typed("audience", "why", ORG, "gold", "user_id:u5")
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_trait_is_saved_listed_kept_while_in_use_and_removed(house: House, typed: Typed) -> None:
    assert typed("trait", "add", ORG, "orders", 'count("Order Completed")', "--purpose", "service").startswith("orders")
    model = ("--model", "rfm", "--event", "Order Completed", "--value", "revenue")
    assert "rfm by Order Completed, revenue of it" in typed(
        "trait", "add", ORG, "score", "--purpose", "service", *model
    )
    typed("audience", "add", ORG, "buyers", "computed.orders > 0", "--purpose", "service")
    why = typed("audience", "why", ORG, "buyers", "user_id:u1")
    assert '  computed.orders = count("Order Completed")  →  ' in why
    with pytest.raises(Conflict):
        typed("trait", "remove", ORG, "orders")
    typed("audience", "remove", ORG, "buyers")
    assert [one["name"] for one in as_json(typed, "trait", "list", ORG)] == ["orders", "score"]
    shown = as_json(typed, "trait", "show", ORG, "score")
    assert (shown["model"], shown["learned"]) == ("rfm", None)
    assert "It has learned nothing yet" in typed("trait", "show", ORG, "score")
    with contextlib.closing(open_ledger(house.settings)) as ledger:
        Definitions(ledger).put_fitted(ORG, "score", Fitted(now(), trouble="nobody bought twice"))
    assert ": nobody bought twice\n" in typed("trait", "show", ORG, "score")
    learned = as_json(typed, "trait", "show", ORG, "score")["learned"]
    assert {**learned, "at": ""} == {"at": "", "customers": 0, "trouble": "nobody bought twice"}
    assert as_json(typed, "trait", "show", ORG, "orders")["learned"] is None
    assert "learn" not in typed("trait", "show", ORG, "orders")
    for name in ("orders", "score"):
        assert typed("trait", "remove", ORG, name) == f"{name} is no more.\n"
    with pytest.raises(BadInput):
        typed("trait", "add", ORG, "nothing", "--purpose", "service")
    with pytest.raises(NotFound):
        at_hand(house.settings, "nowhere")
