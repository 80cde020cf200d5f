"""Purchases as proofs: only the very values of a purchase prove it, however they are written."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.kernel.times import parse_rfc3339
from rapport.terms.purchases import Rule, Told, amount, checked, proves, read_told
from tests.profile.events import event as made

RULE = Rule("Order Completed", "order_id")
CODED = Rule("Order Completed", "order_id", code="slip")

orders = st.from_regex(r"A[A-Z0-9]{1,5}", fullmatch=True)
cents = st.integers(1, 10**7)
days = st.dates(dt.date(2024, 1, 1), dt.date(2026, 12, 31))


def sold(order: str, paid: Any, day: dt.date, **properties: Any) -> Event:
    return made(
        kind="track",
        name="Order Completed",
        time=parse_rfc3339(f"{day}T12:00:00Z"),
        identifiers=(("order_id", order),),
        properties={"total": paid, **properties},
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("42.50", "42.50"), ("42,5", "42.50"), ("£42.50", "42.50"), ("42.50 EUR", "42.50"), ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"), ("1,234", "1234"), ("1.234", "1234"), ("12 345,00", "12345"),
        (42.5, "42.5"), (42, "42"), (0.1 * 3, "0.3"), (1.1 + 2.2, "3.3"), (42.5049, None), (42.500_01, None),
        ("0", None), ("-3", None), ("", None), ("abc", None), (True, None), (None, None),
        (float("nan"), None), (float("inf"), None), (0.001, None), ("9" * 40, None), ([1], None), ("1\x002", None),
        (-1, None), (10.0**300, None),
    ],
)  # fmt: skip
def test_amounts_are_read_as_receipts_have_them(text: object, wanted: str | None) -> None:
    assert amount(text) == (None if wanted is None else Decimal(wanted))


def test_a_number_too_long_to_be_written_out_is_no_amount() -> None:
    assert amount(10**5000) is None


@pytest.mark.hypothesis
@given(orders, cents, days, orders, cents, days)
def test_no_other_orders_values_pass(
    order: str, paid: int, day: dt.date, other: str, other_paid: int, other_day: dt.date
) -> None:
    event = sold(order, paid / 100, day)
    told = read_told(RULE, other, f"{other_paid / 100:.2f}", other_day.isoformat(), "")
    assert proves(RULE, told, event) == ((order, paid, day) == (other, other_paid, other_day))
    right = read_told(RULE, f" {order} ", f"£{paid / 100:,.2f}", day.isoformat(), "ignored")
    assert proves(RULE, right, event)


@pytest.mark.hypothesis
@given(st.text(max_size=8), st.text(max_size=8))
def test_where_a_code_is_printed_it_must_be_told(printed: str, typed: str) -> None:
    event = sold("A1", 5, dt.date(2026, 1, 1), slip=printed)
    told = read_told(CODED, "A1", "5", "2026-01-01", typed)
    assume(told.code)
    kept = "".join(one for one in printed.upper() if one.isalnum())
    assert proves(CODED, told, event) == (kept == told.code)
    assert not proves(CODED, told._replace(code=""), event)
    assert not proves(CODED, told, sold("A1", 5, dt.date(2026, 1, 1)))


def test_only_the_event_that_was_named_counts() -> None:
    told = Told("A1", Decimal("5.00"), dt.date(2026, 1, 1), "")
    event = sold("A1", 5, dt.date(2026, 1, 1))
    assert proves(RULE, told, event)
    assert not proves(Rule("Cart Viewed", "order_id"), told, event)
    assert not proves(Rule("Order Completed", "receipt_id"), told, event)
    assert not proves(Rule("Order Completed", "order_id", total="subtotal"), told, event)


def test_a_day_is_that_of_the_shop() -> None:
    event = made(kind="track", name="Order Completed", time=parse_rfc3339("2026-07-01T23:30:00Z"),
                 identifiers=(("order_id", "A1"),), properties={"total": 5})  # fmt: skip
    berlin = Rule("Order Completed", "order_id", zone="Europe/Berlin")
    assert proves(RULE, Told("A1", Decimal("5.00"), dt.date(2026, 7, 1), ""), event)
    assert not proves(berlin, Told("A1", Decimal("5.00"), dt.date(2026, 7, 1), ""), event)
    assert proves(berlin, Told("A1", Decimal("5.00"), dt.date(2026, 7, 2), ""), event)


@pytest.mark.parametrize(
    "wrong",
    [
        {"identifier": "email"}, {"identifier": "user_id"}, {"identifier": "?"}, {"event": ""}, {"total": ""},
        {"days": 0}, {"days": 1000}, {"zone": "Nowhere/Land"}, {"zone": "../../etc/passwd"}, {"code": "x" * 101},
    ],
)  # fmt: skip
def test_a_rule_that_proves_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        checked(Rule(**{"event": "Order Completed", "identifier": "order_id", **wrong}))
    assert refused.value.code == "bad_rule"


@pytest.mark.parametrize(
    "typed",
    [("", "5", "2026-01-01"), ("A1", "", "2026-01-01"), ("A1", "5", "yesterday"), ("x" * 101, "5", "2026-01-01"),
     ("A1", "5", "9999999-01-01"), ("null", "5", "2026-01-01"), ("A1", "0", "2026-01-01")],
)  # fmt: skip
def test_what_is_no_purchase_is_said_to_be_none(typed: tuple[str, str, str]) -> None:
    with pytest.raises(BadInput) as refused:
        read_told(RULE, *typed, "")
    assert refused.value.code == "bad_purchase"
