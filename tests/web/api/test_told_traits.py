"""Computed traits as they are told: as the description of the API has it."""

import jsonschema_rs
import pytest

from rapport.decide.models import shipped
from rapport.decide.traits import expressed
from rapport.kernel.times import now
from rapport.web.api.openapi import document
from rapport.web.audiences import Learned, told_trait

BY_MODEL = shipped("acme", "worth", "rfm", "Order Completed", "revenue", "service")
BY_EXPRESSION = expressed("acme", "orders", 'count("Order Completed")', "service")


@pytest.mark.parametrize("learned", [None, Learned(now(), 2_357), Learned(now(), 0, "there are too few customers")])
def test_what_a_model_learned_is_told_as_it_is_described(learned: Learned | None) -> None:
    told = told_trait(BY_MODEL, learned)
    schema = {"$ref": "#/components/schemas/ComputedTraitLearned", "components": document("http://x")["components"]}
    assert jsonschema_rs.validator_for(schema).is_valid(told)
    if learned is None:
        assert told["learned"] is None
        return
    assert told["learned"]["customers"] == learned.customers
    assert told["learned"]["trouble"] == (learned.trouble or None)


def test_one_by_an_expression_learns_nothing() -> None:
    assert told_trait(BY_EXPRESSION, None)["learned"] is None
