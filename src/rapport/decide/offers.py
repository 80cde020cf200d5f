"""Ready-made traits as they are offered: what each model says, and which events look like purchases."""

import re
from collections.abc import Mapping

from rapport.kernel.expressions import Kind, Schema

TELLS: Mapping[str, str] = {
    "lifetime_value": "what they can be expected to spend in the coming 365 days",
    "expected_purchases": "how often they can be expected to buy in 365 days",
    "chance_active": "how likely it is that they have not left for good, 0 to 1",
    "next_purchase": "when they will as likely as not have bought again",
    "rfm": "how recently, how often and for how much they bought: three digits, 5 the best",
    "rfm_segment": "champion, loyal, promising, new, drowsy, at_risk or lost",
}
"""Model → what it says of a customer. The order is that in which they are offered."""
_PURCHASES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"order completed|purchase[ds]?\b|bought",
        r"checkout completed|payment|paid",
        r"order|sale|invoice",
    )
)
"""The likeliest names first."""
_AMOUNTS = ("revenue", "total", "amount", "value", "grand_total", "subtotal", "price")
_NOT = re.compile(r"cancel|refund|return|fail|abandon|start|view|updat|ship|deliver|dispatch", re.IGNORECASE)


def purchases(schema: Schema) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Events that are purchases by their names, the likeliest first, each with its properties that are numbers, those
    that say for how much before others."""
    ranked = sorted((_likeness(name), name) for name in schema.events if _likeness(name) < len(_PURCHASES))
    return tuple((name, _numbers(schema.events[name])) for _, name in ranked)


def _likeness(name: str) -> int:
    if _NOT.search(name):
        return len(_PURCHASES)
    return next((place for place, pattern in enumerate(_PURCHASES) if pattern.search(name)), len(_PURCHASES))


def _numbers(properties: Mapping[str, frozenset[Kind]]) -> tuple[str, ...]:
    found = [name for name, kinds in properties.items() if Kind.NUMBER in kinds]
    place = {name: number for number, name in enumerate(_AMOUNTS)}
    return tuple(sorted(found, key=lambda name: (place.get(name.casefold(), len(place)), name)))
