"""What the person's pages are told, by the desks that they ask.

Words that come from terms and promises come as words already, for they are the same wherever a person reads them. Times
are integer microseconds since the epoch, UTC.
"""

from typing import Any, Literal

import msgspec

from rapport.signin import FRESH

Way = Literal["preset", "out", "back", "hide", "apart"]
"""How terms are changed: another preset, a clause taken out, a clause put back, a kind of data hidden from a company
(`shop:purchases`), what is done elsewhere kept from a company (its name) or from everyone (`*`)."""


class Session(msgspec.Struct, frozen=True):
    """A browser in which somebody opened their own page."""

    person: str
    """`per_…`"""
    id: int = 0
    verified_at: int = 0
    """When they last showed by a passkey that it is they, µs; 0: never."""
    bound: bool = True
    """They have a passkey. Who has none yet came by a link, and cannot be asked for one."""
    recovering: int = 0
    """When the recovery that somebody began can be finished, µs; 0: nobody did."""
    unseen: int = 0
    """How much came into their inbox that they have not seen."""

    def fresh(self, at: int) -> bool:
        return not self.bound or 0 <= at - self.verified_at < FRESH


class May(msgspec.Struct, frozen=True):
    """What a company may use for a purpose, in words; where it may use nothing, why."""

    purpose: str
    why: str
    """The purpose as the end of a sentence: `to make you offers`."""
    what: str
    """`your name and what you bought`; "" where nothing."""
    elsewhere: str
    """The same of what was done at other companies."""
    reason: str
    unmet: tuple[str, ...]
    """What would have let it in: `passes nothing on`."""


class Claimed(msgspec.Struct, frozen=True):
    """A company where the person claims to be a customer, and by what."""

    org: str
    name: str
    locked: bool
    """It alone is locked out; a lock for everyone is the person's."""
    claims: tuple[tuple[str, str], ...]
    """(type, value)"""


class Company(Claimed, frozen=True):
    """What it may."""

    may: tuple[May, ...]


class Home(msgspec.Struct, frozen=True):
    locked: bool
    preset: str
    title: str
    companies: tuple[Company, ...]


class Use(msgspec.Struct, frozen=True):
    """How often a company used something, and asked in vain."""

    given: int
    refused: int


class Gave(msgspec.Struct, frozen=True):
    """What a month (`2026-11`) gave to each side, exact sums in the shape of `terms/statement`; and what is estimated
    for people like them, which is never added to it."""

    month: str
    customer: tuple[dict[str, Any], ...]
    company: tuple[dict[str, Any], ...]
    estimated: tuple[dict[str, Any], ...]


class Moment(msgspec.Struct, frozen=True):
    """Something that happened. `why` is a purpose as the end of a sentence (`used`, `sent`, `refused`), or the whole
    sentence (`told` by a company, `asked` by the person, of the `account`); `name` is whose: a company's, a passkey's,
    a device's. `times`: so often on that day. `others`: where it was `sent`."""

    at: int
    what: Literal["used", "sent", "refused", "told", "asked", "account", "passkey", "device"]
    name: str
    why: str = ""
    times: int = 1
    others: tuple[str, ...] = ()


class Waiting(msgspec.Struct, frozen=True):
    """What waits: a claim that opens nothing until it is shown `again` that it is theirs (`claim`) or soon will not
    (`again`); a first `passkey`, recovery `codes` (`said`: `address`, where one is to be shown first);
    agreements to `sign`; a `request` to be answered until then (µs)."""

    what: Literal["claim", "again", "passkey", "codes", "sign", "request"]
    name: str = ""
    said: str = ""
    until: int | None = None


class Overview(Home, frozen=True, kw_only=True):
    """The first page: who may what, what happened lately, what this month gave, and what waits. `uses`: by company, of
    this month."""

    uses: dict[str, Use]
    gave: Gave
    lately: tuple[Moment, ...]
    waits: tuple[Waiting, ...]


class Knowing(Claimed, frozen=True):
    """What the person hides from it, in words, with the clause that does."""

    hidden: tuple[tuple[str, str], ...]
    """(clause, words)"""


class Companies(msgspec.Struct, frozen=True):
    companies: tuple[Knowing, ...]


class Known(msgspec.Struct, frozen=True):
    """What a company knows. `traits`, `identifiers` and `events` are as the view of the contract has them (design
    §7)."""

    org: str
    name: str
    identifiers: list[dict[str, Any]]
    traits: dict[str, Any]
    events: dict[str, Any]
    records: int
    shared: tuple[str, ...]
    """Claims that show nothing here, since several people share them: `email:fam@example.com`."""
    receipt: str
    hidden: tuple[str, ...] = ()
    """Kinds of data that the person hides from it."""


class ClauseLine(msgspec.Struct, frozen=True):
    id: str
    sentence: str
    effect: str
    on: bool
    may_return: bool


class Preset(msgspec.Struct, frozen=True):
    name: str
    title: str
    about: str
    chosen: bool
    """It is what the person's terms began from."""


class MyTerms(msgspec.Struct, frozen=True):
    preset: str
    title: str
    lines: tuple[ClauseLine, ...]
    presets: tuple[Preset, ...]
    tell_why: bool


class Effect(msgspec.Struct, frozen=True):
    """What a change would mean at one company; each sentence goes on from its name."""

    org: str
    name: str
    gains: tuple[str, ...]
    losses: tuple[str, ...]


class Proposal(msgspec.Struct, frozen=True):
    """Terms as they would be, and what would change."""

    way: Way
    value: str
    title: str
    sentences: tuple[str, ...]
    effects: tuple[Effect, ...]
    """Companies for which something changes."""
    same: tuple[str, ...]
    """Names of those for which nothing does."""
    locked: bool
    for_good: bool
    """What is taken out is no preset's clause: it cannot be put back here."""


class Decided(msgspec.Struct, frozen=True):
    """What was decided with a look. `said`: what they were told, cut short; `message`: its place in their inbox, ""
    where it went elsewhere, and there `stop` is the decision to say stop to, "" where that would not hold; `why` it was
    silent, in a sentence; `chance`: what chance had to do with it, in another. `unreadable`: nothing of it can be told,
    since what was kept was damaged."""

    silent: bool = False
    said: str = ""
    message: str = ""
    stop: str = ""
    why: str = ""
    chance: str = ""
    unreadable: bool = False


class Look(msgspec.Struct, frozen=True):
    """One receipt, told to its person. `own`: they looked themselves; `what`, `why` and `unmet` are words."""

    id: str
    at: int
    org: str
    name: str
    own: bool
    given: bool
    what: str
    why: str
    action: str
    fields: tuple[str, ...]
    reason: str
    clauses: tuple[str, ...]
    unmet: tuple[str, ...]
    recipients: tuple[str, ...]
    retention_days: int | None
    elsewhere: int
    decided: Decided | None = None
    withheld: str = ""
    """What the person's terms kept back from a decision, in words: told to nobody else."""


class Looks(msgspec.Struct, frozen=True):
    """A page of looks, newest first."""

    rows: tuple[Look, ...]
    next: str | None


class Agreement(msgspec.Struct, frozen=True):
    """What was agreed with a company: for which purposes, from when, and until when."""

    handle: str
    org: str
    name: str
    status: str
    at: int
    ended_at: int | None
    purposes: tuple[str, ...]
    by_hand: bool = False
    """The person signed it themselves, by a passkey."""


class Told(msgspec.Struct, frozen=True):
    """News from a company about its promise, or about an agreement with it."""

    at: int
    org: str
    name: str
    headline: str
    sentences: tuple[str, ...]


class Agreements(msgspec.Struct, frozen=True):
    agreements: tuple[Agreement, ...]
    news: tuple[Told, ...]
