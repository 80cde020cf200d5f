"""What is committed to of a receipt: the same bytes for ever, or no receipt of before would fit its leaf."""

import json
from typing import Any

import msgspec

from rapport.kernel import verify
from rapport.terms import Receipt
from rapport.terms.benefits import Settled
from rapport.terms.documents import canonical, document

AT = 1_760_000_000_000_000
USE = Receipt(
    id="rcp_1",
    org="shop",
    at=AT,
    purpose="service",
    action="view",
    decision="permitted",
    reason="“because”",
    caller="token",
    fields=("email", "name"),
    categories=("contact",),
    records=(7, 8),
    asked=b"0123456789abcdef",
    clauses=("default",),
    agreement="agr_1",
    declaration="d" * 8,
    recipients=("courier",),
    retention_days=30,
    unmet=("é",),
    elsewhere=2,
)
BENEFIT = Settled("ben_1", "shop", AT, "customer", "discount", "5.00", "", "GBP", "rcp_1", "m1", (7,))

USE_SAYS = (
    '{"action":"view","agreement":"agr_1","at":"2025-10-09T08:53:20Z","caller":"token","categories":["contact"],'
    '"clauses":["default"],"decision":"permitted","declaration":"dddddddd","elsewhere":2,"fields":["email","name"],'
    '"id":"rcp_1","org":"shop","purpose":"service","reason":"“because”","recipients":["courier"],"records":[7,8],'
    '"retention_days":30,"unmet":["é"]}'
)
BENEFIT_SAYS = (
    '{"amount":"5.00","at":"2025-10-09T08:53:20Z","band":"","document":"benefit","evidence":"m1","id":"ben_1",'
    '"kind":"discount","org":"shop","records":[7],"side":"customer","unit":"GBP","use":"rcp_1"}'
)


def test_what_is_committed_to_never_changes() -> None:
    assert canonical(USE).decode() == USE_SAYS
    assert canonical(BENEFIT).decode() == BENEFIT_SAYS


def test_whoever_verifies_gets_what_was_committed_to() -> None:
    for one, says in ((USE, USE_SAYS), (BENEFIT, BENEFIT_SAYS)):
        given: dict[str, Any] = document(one)
        assert verify.canonical(given).decode() == says
        assert verify.canonical(json.loads(says)).decode() == says


def test_all_of_a_receipt_is_committed_to_but_for_what_was_asked() -> None:
    """A field that comes to a receipt is told there, beside the others, and changes no receipt that lacks it."""
    decided = msgspec.structs.replace(USE, treatment="thank-you", propensity="0.25")
    assert set(Receipt.__struct_fields__) - set(document(decided)) == {"asked"}
    assert verify.canonical(document(decided)) == canonical(decided) != canonical(USE)
    assert set(document(decided)) - set(document(USE)) == {"treatment", "propensity"}
    assert set(Settled.__struct_fields__) <= set(document(BENEFIT))
