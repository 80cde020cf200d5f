"""People without terms of their own: what sources carried of their consent decides, and Global Privacy Control."""

from typing import Any

import pytest

from rapport.kernel.errors import NotFound
from rapport.terms import Declaration, Promise, Request
from tests.profile.house import ORG, House, at_once, told

DECLARED = Declaration(
    purposes={
        "service": Promise("contract", ("everything", "unclassified", "health"), onward=False),
        "offers": Promise("consent", ("everything",), onward=False),
        "advertising": Promise("consent", ("everything",), onward=True),
        "analytics": Promise("legitimate_interest", ("everything",)),
    },
    consent={
        "marketing": ("offers", "advertising"),
        "measuring": ("analytics",),
        "medical": ("service:health",),
    },
)


@pytest.fixture
def house():
    with House() as house:
        house.declare(DECLARED)
        yield house


def consent(**preferences: bool) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": preferences}}


def read(house: House, purpose: str, customer: str = "user_id:ada") -> dict[str, Any] | None:
    try:
        return at_once(house.gate.view(Request(ORG, customer, purpose, "test")))
    except NotFound:
        return None


def identify(house: House, number: int, *, source: str = "crm", **fields: Any) -> None:
    house.send(told(**{"type": "identify", "userId": "ada", "messageId": f"m{number}", **fields}), source=source)
    house.settle()


def test_without_any_signal_only_service_is_open(house: House) -> None:
    identify(house, 1, traits={"name": "Ada"})
    assert [p for p in DECLARED.purposes if read(house, p)] == ["service"]


def test_consent_opens_what_the_mapping_says_and_its_refusal_closes_it(house: House) -> None:
    identify(house, 1, traits={"name": "Ada"}, context=consent(marketing=True, measuring=False))
    assert [p for p in DECLARED.purposes if read(house, p)] == ["service", "offers", "advertising"]
    identify(house, 2, context=consent(marketing=False, measuring=True))
    assert [p for p in DECLARED.purposes if read(house, p)] == ["service", "analytics"]


def test_consent_opens_the_record_that_carried_it_and_a_refusal_closes_the_whole_customer(house: House) -> None:
    identify(house, 1, traits={"name": "Ada"}, context=consent(marketing=True))
    identify(house, 2, source="app", traits={"city": "Bath"})
    view = read(house, "offers")
    assert view is not None
    assert list(view["traits"]) == ["name"]
    assert [record["source"] for record in view["records"]] == ["crm"]
    identify(house, 3, source="app", context=consent(marketing=False))
    assert read(house, "offers") is None
    assert read(house, "service") is not None


def test_global_privacy_control_closes_advertising_and_nothing_else(house: House) -> None:
    identify(house, 1, traits={"name": "Ada"}, context=consent(marketing=True) | {"gpc": True})
    assert [p for p in DECLARED.purposes if read(house, p)] == ["service", "offers"]


def test_special_categories_need_a_consent_that_names_them(house: House) -> None:
    identify(house, 1, traits={"name": "Ada", "allergies": "nuts", "frobnication": 7})
    view = read(house, "service")
    assert view is not None
    assert sorted(view["traits"]) == ["frobnication", "name"]
    identify(house, 2, context=consent(medical=True))
    view = read(house, "service")
    assert view is not None
    assert sorted(view["traits"]) == ["allergies", "frobnication", "name"]


def test_what_is_unclassified_is_for_its_collectors_service_alone(house: House) -> None:
    identify(house, 1, traits={"name": "Ada", "frobnication": 7}, context=consent(marketing=True))
    view = read(house, "offers")
    assert view is not None
    assert list(view["traits"]) == ["name"]


@pytest.mark.parametrize(
    "shape", [None, [], "yes", {"categoryPreferences": ["marketing"]}, {"categoryPreferences": {"marketing": "true"}}]
)
def test_consent_of_another_shape_says_nothing(house: House, shape: Any) -> None:
    identify(house, 1, traits={"name": "Ada"}, context={"consent": shape})
    assert read(house, "offers") is None
    assert read(house, "service") is not None
