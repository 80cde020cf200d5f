"""Computed traits over HTTP: saved, used, and shown as far as a purpose lets through."""

from typing import Any

import pytest

from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from rapport.terms import Clause, Terms
from tests.e2e.api import House, is_problem
from tests.e2e.sixty import call, home, put, why

__all__ = ["home"]


def test_a_computed_trait_is_saved_used_and_kept_while_it_is(home: House) -> None:
    made = call(home, "PUT", "/v1/traits/orders", {"expression": 'count("Order Completed")', "purpose": "service"})
    assert (made.status, made.json["version"]) == (201, 1)
    on = call(home, "PUT", "/v1/traits/many", {"expression": "computed.orders > 1", "purpose": "service"})
    assert on.status == 201
    assert put(home, "often", "computed.orders >= 2").status == 201
    held = call(home, "DELETE", "/v1/traits/orders")
    assert is_problem(held, 409, "in_use", "name")
    assert "often" in held.json["message"]
    assert "many" in held.json["message"]
    round_ = call(home, "PUT", "/v1/traits/orders", {"expression": "computed.many ? 1 : 2", "purpose": "service"})
    assert is_problem(round_, 409, "cycle", "name")
    told = home.get("/v1/traits/orders").json
    assert (told["expression"], told["learned"]) == ('count("Order Completed")', None)
    told = why(home, "often", "user_id:u1").json
    assert told["inside"] is True
    assert [one["text"] for one in told["why"]] == ["computed.orders >= 2", 'count("Order Completed")']
    for path in ("/v1/audiences/often", "/v1/traits/many", "/v1/traits/orders"):
        assert call(home, "DELETE", path).status == 204
    assert home.get("/v1/traits").json == {"traits": [], "next": None}


def test_computed_traits_are_in_the_view_as_far_as_its_purpose_lets_through(home: House) -> None:
    assert home.acme.view("user_id:u7")["computed"] == {}
    for name, expression in {
        "bought": 'count("Order Completed")',
        "worth": "computed.bought * 100",
        "unknown": "traits.never_said + 1",
        "failing": "1 / (computed.bought - computed.bought)",
    }.items():
        assert call(home, "PUT", f"/v1/traits/{name}", {"expression": expression, "purpose": "analytics"}).status == 201
    view = home.acme.view("user_id:u7")
    assert view["computed"] == {
        "bought": {"value": 2, "source": "computed", "version": 1},
        "worth": {"value": 200, "source": "computed", "version": 1},
    }
    (kept,) = [one for one in home.receipts(limit=10_000) if one.id == view["receipt"]]
    assert "computed.bought" in kept.fields
    book = open_people(Settings(data=str(home.node.data)))
    person = book.add(["acme:user_id:u7"]).handle
    book.set_terms(person, Terms("own", (Clause("some", "allow", categories=("account",)),)))
    told = home.acme.read("user_id:u7").json  # whose orders are withheld, and with them what rests on them
    assert (told["events"]["total"], [*told["traits"]]) == (0, ["plan"])
    assert {name: one["value"] for name, one in told["computed"].items()} == {"bought": 0, "worth": 0}
    book.set_terms(person, Terms())
    for name in ("worth", "failing", "unknown", "bought"):
        assert call(home, "DELETE", f"/v1/traits/{name}").status == 204


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, "bad_trait"),
        ({"expression": "1", "model": "rfm", "event": "Order Completed"}, "bad_trait"),
        ({"expression": "1", "event": "Order Completed"}, "bad_trait"),
        ({"model": "oracle", "event": "Order Completed"}, "unknown_model"),
        ({"model": "rfm"}, "bad_event"),
        ({"model": "rfm", "event": ""}, "bad_event"),
        ({"model": "rfm", "event": "x" * 2_000}, "bad_event"),
        ({"expression": "days(3)"}, "bad_expression"),
        ({"expression": "computed.selfish + 1"}, "cycle"),
    ],
)
def test_a_trait_that_cannot_be_is_refused(home: House, wish: dict[str, Any], code: str) -> None:
    answer = call(home, "PUT", "/v1/traits/selfish", {"purpose": "service", **wish})
    assert answer.json["code"] == code, answer
    assert home.get("/v1/traits/selfish").status == 404
    assert call(home, "PUT", "/v1/traits/with-dash", {"purpose": "service", "expression": "1"}).status == 400


def test_models_that_ship_are_traits(home: House) -> None:
    wish = {"model": "lifetime_value", "event": "Order Completed", "value": "revenue", "purpose": "service"}
    made = call(home, "PUT", "/v1/traits/lifetime_value", wish)
    assert (made.status, made.json["expression"], made.json["model"]) == (201, None, "lifetime_value")
    assert call(home, "DELETE", "/v1/traits/lifetime_value").status == 204
