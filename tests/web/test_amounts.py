"""Amounts and months as pages say them: nothing rounded, nothing lost."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.web import amounts, months


@pytest.mark.parametrize(
    ("amount", "unit", "said"),
    [
        ("36.2", "GBP", "£36.20"),
        ("0", "GBP", "£0.00"),
        ("-1.05", "EUR", "−€1.05"),
        ("1204.5", "USD", "$1,204.50"),
        ("0.000125", "GBP", "£0.000125"),
        ("12", "CHF", "12.00 CHF"),
        ("-12", "CHF", "−12.00 CHF"),
        ("1", "minutes", "1 minute"),
        ("-2.50", "minutes", "−2.5 minutes"),
        ("0", "minutes", "0 minutes"),
    ],
)
def test_amounts_are_said_as_people_write_them(amount: str, unit: str, said: str) -> None:
    assert amounts.money(amount, unit) == said


@pytest.mark.parametrize(
    ("band", "unit", "said"),
    [
        ("10–20", "GBP", "£10–20"),
        ("10 - 20", "GBP", "£10–20"),
        ("-10–20", "GBP", "−£10–20"),
        ("-20–-10", "GBP", "−£20 to −£10"),
        ("10–20", "CHF", "10–20 CHF"),
    ],
)
def test_bands_are_too(band: str, unit: str, said: str) -> None:
    assert amounts.band(band, unit) == said
    assert amounts.said({"band": band, "unit": unit, "count": 2}) == f"{said}, twice"


@given(st.decimals(-(10**12), 10**12, places=6), st.sampled_from(["GBP", "SEK", "minutes"]))
def test_no_digit_is_lost(amount: Decimal, unit: str) -> None:
    said = amounts.money(format(amount, "f"), unit)
    digits = said.replace("−", "-").replace("£", "").replace(",", "").split()[0]
    assert Decimal(digits) == amount


@given(st.integers(1000, 2999), st.integers(1, 12))
def test_months_are_walked_one_by_one_and_back(year: int, number: int) -> None:
    month = f"{year:04}-{number:02}"
    assert months.beside(months.beside(month, 1), -1) == month
    assert months.beside(month, 12) == f"{year + 1:04}-{number:02}"
    assert months.name(month).endswith(f" {year}")
    steps = months.steps(month, "/me/statement")
    assert (steps["before"] is None) == (month == months.FIRST)
    assert (steps["after"] is None) == (month >= months.present())
