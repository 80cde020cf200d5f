"""Rules by which events settle outcomes, as files and the API say them.

[[rules]]
event = "Order Completed"
days = 7
customer = {property = "saved"}
company = {property = "revenue", times = 0.3}
attribution = "last"
"""

import tomllib
from typing import Any, Final, Literal

import msgspec

from rapport.decide.decision import MOST_DAYS
from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.times import DAY
from rapport.learn.outcomes import Gives, Rule, checked_rules

MOST: Final = 200
"""Rules of one organization."""
MOST_BYTES: Final = 1_000_000


class Rules(msgspec.Struct, frozen=True):
    """An organization's rules. `version` counts from 0: none were ever said."""

    rules: tuple[Rule, ...] = ()
    version: int = 0


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    event: str
    days: int
    customer: Gives = Gives()
    company: Gives = Gives()
    attribution: Literal["last", "only"] = "last"


class _All(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[_Said]


def rules_of(raw: Any) -> tuple[Rule, ...]:
    """Rules as JSON has them, checked. Raises BadInput (`bad_rule`)."""
    try:
        said = msgspec.convert(raw, _All).rules
    except msgspec.ValidationError as error:
        raise BadInput(f"these are no rules: {error}", code="bad_rule", field="rules") from None
    if len(said) > MOST:
        raise BadInput(f"there are at most {MOST} rules", code="bad_rule", field="rules")
    for place, one in enumerate(said):
        if not 1 <= one.days <= MOST_DAYS:
            message = f"an event counts for 1 to {MOST_DAYS} days"
            raise BadInput(message, code="bad_rule", field=f"rules.{place}.days")
    return checked_rules([Rule(one.event, one.days * DAY, one.customer, one.company, one.attribution) for one in said])


def rules_in(body: bytes) -> tuple[Rule, ...]:
    """Rules of a TOML file. Raises BadInput (`bad_toml`, `bad_rule`), TooLarge."""
    if len(body) > MOST_BYTES:
        raise TooLarge(f"a file of rules has at most {MOST_BYTES:,} bytes")
    try:
        document = tomllib.loads(body.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"this is no TOML: {error}", code="bad_toml") from None
    return rules_of(document)


def told_rules(kept: Rules) -> dict[str, Any]:
    return {"rules": [told_rule(one) for one in kept.rules], "version": kept.version}


def told_rule(rule: Rule) -> dict[str, Any]:
    return {
        "event": rule.event,
        "days": rule.within // DAY,
        "customer": msgspec.to_builtins(rule.customer),
        "company": msgspec.to_builtins(rule.company),
        "attribution": rule.attribution,
    }
