"""Amounts of benefits as pages say them: `£36.20`, `6 minutes`, `£10–20, twice`. Nothing is rounded: what has more
digits than a currency's two shows them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MINUTES = "minutes"
_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
_BAND = re.compile(r"(-?)([0-9.]+) ?[–-] ?(-?)([0-9.]+)")


def money(amount: str, unit: str) -> str:
    """An amount (a decimal number as text) in a unit: a currency (ISO 4217) or minutes."""
    number = Decimal(amount)
    if unit == MINUTES:
        return f"{_number(abs(number), 0, number < 0)} {'minute' if number == 1 else 'minutes'}"
    text = _number(abs(number), 2, number < 0)
    sign = _SIGNS.get(unit)
    return f"{text} {unit}" if sign is None else f"−{sign}{text[1:]}" if number < 0 else f"{sign}{text}"


def _number(size: Decimal, places: int, less: bool) -> str:
    whole, _, rest = format(size, "f").partition(".")
    rest = rest.rstrip("0").ljust(places, "0")
    return f"{'−' if less else ''}{int(whole):,}{'.' + rest if rest else ''}"


def band(text: str, unit: str) -> str:
    """A band as it was told, with the currency's sign where it has one."""
    found = _BAND.fullmatch(text)
    if unit not in _SIGNS or found is None:
        return f"{text} {unit}"
    low, high = (f"{'−' if less else ''}{_SIGNS[unit]}{size}" for less, size in (found.group(1, 2), found.group(3, 4)))
    return f"{low}–{high.lstrip(_SIGNS[unit])}" if not found[3] else f"{low} to {high}"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count) or f"{count:,} times"


def sum_of(one: Mapping[str, Any]) -> str:
    """An entry of a statement's sums, without how often a band was told."""
    return money(one["amount"], one["unit"]) if "amount" in one else band(one["band"], one["unit"])


def said(one: Mapping[str, Any]) -> str:
    """An entry of a statement's sums: an amount, or a band with how often it was told."""
    return sum_of(one) if "amount" in one else f"{sum_of(one)}, {times(one['count'])}"
