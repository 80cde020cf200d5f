"""What a person demands: clauses, in the person's own order, of which deny always wins."""

from typing import Literal

import msgspec

ANY = "any"
EVERYTHING = "everything"

Kind = Literal["benefit", "value", "retention", "onward", "place"]


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One condition on what an organization promises for the purpose; true, false, or unknown where it says nothing.

    | kind | true where |
    |---|---|
    | benefit | it offers at least `amount` of `unit` (`benefit` names the kind) |
    | value | it claims `value`; with `attested`, a known attester vouches for it |
    | retention | it keeps the data at most `days` |
    | onward | it shares the data onward |
    | place | it processes the data in `places` alone |

    `negated` turns true into false and false into true; unknown stays unknown.
    """

    kind: Kind
    negated: bool = False
    benefit: str = ""
    amount: float = 0.0
    unit: str = ""
    value: str = ""
    attested: bool = False
    days: int = 0
    places: tuple[str, ...] = ()


class Frequency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `times` uses in a `per`, of one organization for one purpose."""

    times: int
    per: Literal["day", "week", "month"]


class Elsewhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much of what the person did at other companies is shown. `detail`: `exact`, or `coarse`: category × month ×
    band. `named`: with the other company's name. `of`: the other companies, or all."""

    detail: Literal["exact", "coarse"] = "coarse"
    named: bool = False
    of: tuple[str, ...] = ()


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One clause. `who`: names of organizations; empty: anyone. `purposes` and `categories`: plain names or DPV ids,
    `any` and `everything` (all but special categories and unclassified facts, which must be named: `special`,
    `unclassified`). `data`: what the organization collected itself, what the person did elsewhere, or both.

    `quiet`: hours of the person's day (`22:00-08:00`) in which an allow does not hold for reaching out to them.
    """

    id: str
    effect: Literal["allow", "deny"]
    who: tuple[str, ...] = ()
    purposes: tuple[str, ...] = (ANY,)
    categories: tuple[str, ...] = (EVERYTHING,)
    data: Literal["collected", "elsewhere", "all"] = "collected"
    when: tuple[Criterion, ...] = ()
    frequency: Frequency | None = None
    quiet: str = ""
    elsewhere: Elsewhere = Elsewhere()


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person's terms. `preset`: the one they began from; `default` is the node's own, under which consent that
    sources carried counts too. `tell_why`: companies may learn what this person's refusal wanted. `zone`: IANA."""

    preset: str = "default"
    clauses: tuple[Clause, ...] = ()
    zone: str = "UTC"
    tell_why: bool = False
