"""What kinds of actions there are, what each is worth by itself, and in which units both sides count.

A message does something to a relationship whatever it says: help that is wanted is worth more than an offer. So each
kind has a *relationship value* for both sides, declared openly, beside the benefit and the value that an action
declares for itself; with it thanking and helping can win before any outcome was seen. The defaults are in minutes of a
customer's time, so that they mean the same in any currency; what an organization sets in their place is in its own.
"""

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from rapport.kernel.errors import BadInput

SILENCE: Final = "silence"
"""To do nothing: an action too, which nobody can define. It declares nothing and is worth 0 to both."""
NOTICE: Final = "notice"
MOST: Final = 1_000_000_000
"""No amount of money, up or down, is larger."""
MOST_MINUTES: Final = 100_000
_CURRENCY = re.compile(r"[A-Z]{3}")


class Worth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What something is worth to each side. The two are never added."""

    customer: float = 0.0
    company: float = 0.0


class ActionKind(msgspec.Struct, frozen=True):
    """`minutes`: its relationship value for both sides, each in minutes; `mandatory`: it passes arbitration by (and
    caps, and quiet hours), never the gate."""

    tells: str
    minutes: Worth
    mandatory: bool = False


KINDS: Final[Mapping[str, ActionKind]] = {
    "inform": ActionKind("say something that is good to know", Worth(1.0, 0.5)),
    "help": ActionKind("do or show something that solves a trouble", Worth(4.0, 2.0)),
    "thank": ActionKind("say thanks, and want nothing", Worth(2.0, 1.0)),
    "ask": ActionKind("ask for an answer: it takes the customer's time", Worth(-1.0, 1.0)),
    "offer": ActionKind("offer something to buy: only what it declares counts", Worth(0.0, 0.0)),
    "invite": ActionKind("ask to come, or to take part", Worth(0.5, 0.5)),
    "remind": ActionKind("recall what the customer has or wants", Worth(1.0, 0.5)),
    NOTICE: ActionKind("what must be said: a recall, a confirmation", Worth(2.0, 0.0), mandatory=True),
}
"""The one table of kinds. `docs/reference/actions.md` shows it."""


SERVING: Final = 2.0
"""What it is worth to a customer, in minutes, that an action serves a goal which they let the organization know."""


class Units(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """In what an organization counts: money of one `currency` (ISO 4217; "" until it is said), and what a `minute` of a
    customer's time is worth in it, unless the customer says another rate. `kinds`: relationship values in that money,
    in place of the defaults. `version` counts from 0, where nothing was set."""

    currency: str = ""
    minute: float = 0.2
    kinds: Mapping[str, Worth] = msgspec.field(default_factory=dict)
    version: int = 0

    def worth(self, kind: str) -> Worth:
        """The relationship value of a kind, in money."""
        if kind in self.kinds:
            return self.kinds[kind]
        minutes = KINDS[kind].minutes
        return Worth(minutes.customer * self.minute, minutes.company * self.minute)


def checked_units(units: Units) -> Units:
    """Raises BadInput (`bad_units`), naming the field."""
    if units.currency:
        currency_of(units.currency, "currency")
    if not math.isfinite(units.minute) or not 0 <= units.minute <= MOST:
        raise _bad(f"a minute is worth an amount from 0 to {MOST:,}", "minute")
    for kind, worth in units.kinds.items():
        if kind not in KINDS:
            raise _bad(f"{kind[:40]!r} is no kind of action: {', '.join(KINDS)}", "kinds")
        for side in ("customer", "company"):
            amount = getattr(worth, side)
            if not math.isfinite(amount) or not -MOST <= amount <= MOST:
                raise _bad(f"this is no amount from -{MOST:,} to {MOST:,}", f"kinds.{kind}.{side}")
    return units


def currency_of(code: str, field: str) -> str:
    """Raises BadInput (`bad_currency`)."""
    if not _CURRENCY.fullmatch(code):
        raise BadInput("a currency is three capital letters (ISO 4217), such as GBP", code="bad_currency", field=field)
    return code


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_units", field=field)
