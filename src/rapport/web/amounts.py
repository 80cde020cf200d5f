"""Amounts of benefits as pages say them: `£36.20`, `6 minutes`, `£10–20, twice`. Nothing is rounded: what has more
digits than a currency's two shows them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rapport.web import language
from rapport.web.language import SPOKEN

MINUTES = "minutes"
_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
_AMOUNT = "%(sign)s%(amount)s"
_OFTEN = ("%(count)s time", "%(count)s times")
_BAND = re.compile(r"(-?)([0-9.]+) ?[–-] ?(-?)([0-9.]+)")


def money(amount: str, unit: str) -> str:
    """An amount (a decimal number as text) in a unit: a currency (ISO 4217) or minutes."""
    number = Decimal(amount)
    if unit == MINUTES:
        text = "%(amount)s minute" if number == 1 else "%(amount)s minutes"
        return SPOKEN.say(text, amount=_number(abs(number), 0, number < 0))
    text = _number(abs(number), 2, number < 0)
    sign = _SIGNS.get(unit)
    if sign is None:
        return f"{text}\N{NO-BREAK SPACE}{unit}" if language.spoken() != language.ENGLISH else f"{text} {unit}"
    less, size = ("−", text[1:]) if number < 0 else ("", text)
    return less + SPOKEN.say(_AMOUNT, sign=sign, amount=size)


def _number(size: Decimal, places: int, less: bool) -> str:
    whole, _, rest = format(size, "f").partition(".")
    rest = rest.rstrip("0").ljust(places, "0")
    return language.figures(f"{'−' if less else ''}{int(whole):,}{'.' + rest if rest else ''}")


def band(text: str, unit: str) -> str:
    """A band as it was told, with the currency's sign where it has one."""
    found = _BAND.fullmatch(text)
    if unit not in _SIGNS or found is None:
        return f"{text} {unit}"
    sign = _SIGNS[unit]
    low, high = language.figures(found[2]), language.figures(found[4])
    if found[3]:
        whole = (
            f"−{SPOKEN.say(_AMOUNT, sign=sign, amount=low)}" if found[1] else SPOKEN.say(_AMOUNT, sign=sign, amount=low)
        )
        return SPOKEN.say("%(low)s to %(high)s", low=whole, high=f"−{SPOKEN.say(_AMOUNT, sign=sign, amount=high)}")
    return ("−" if found[1] else "") + SPOKEN.say(_AMOUNT, sign=sign, amount=f"{low}–{high}")


def times(count: int) -> str:
    return SPOKEN.say({1: "once", 2: "twice"}[count]) if count in (1, 2) else SPOKEN.count(*_OFTEN, count)


def sum_of(one: Mapping[str, Any]) -> str:
    """An entry of a statement's sums, without how often a band was told."""
    return money(one["amount"], one["unit"]) if "amount" in one else band(one["band"], one["unit"])


def said(one: Mapping[str, Any]) -> str:
    """An entry of a statement's sums: an amount, or a band with how often it was told."""
    if "amount" in one:
        return sum_of(one)
    return SPOKEN.say("%(band)s, %(times)s", band=sum_of(one), times=times(one["count"]))
