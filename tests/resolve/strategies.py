"""Small worlds of evidence, dense enough to hit every rule: walls, shared identifiers, guards, limits, links."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from unittest.mock import patch

from hypothesis import strategies as st

from rapport.resolve.evidence import Edge, alias, cannot_link, identifier_node, must_link, names, record_node
from rapport.resolve.graph import EvidenceStore
from rapport.resolve.incremental import Resolver
from rapport.resolve.rules import Rules, TypeRules
from rapport.resolve.twin import Said

ORG = "shop"
RECORDS = [record_node(ORG, "web", "anonymous_id", str(number)) for number in range(9)]


class Flavour(NamedTuple):
    """What there is more of in a world than in others."""

    named: tuple[tuple[str, str], ...]
    links: int
    """Of 20 pieces of evidence, how many are an operator's links, about half of which keep apart."""
    limits: dict[str, list[int]]
    """Limits that are in reach in this world; the others are sometimes."""


USERS = tuple(("user_id", user) for user in ("ada", "bo", "cleo"))
EMAILS = tuple(("email", f"{number}@example.com") for number in range(6))
DEVICES = tuple(("anonymous_id", name) for name in ("tablet", "laptop", "ada"))
PHONES = tuple(("phone", f"+4400{number}") for number in range(3))
CARDS = tuple(("loyalty_id", str(number)) for number in range(3))

FLAVOURS = (
    Flavour((*USERS, *EMAILS[:4], *PHONES[:2], *DEVICES, CARDS[0]), 3, {}),
    # One user with too many e-mail addresses, whose records also name other things.
    Flavour(
        (*USERS[:1] * 5, *EMAILS, *EMAILS, *CARDS, PHONES[0]),
        1,
        {
            "shared_above": [20],
            "per_customer": [1, 2],
            "too_connected": [1000],
            "records_per_user": [7, 1000],
            "identifiers_per_record": [64],
        },
    ),
    # Operators at work.
    Flavour((*USERS[:2], *EMAILS[:3], CARDS[0]), 12, {"too_connected": [3, 5, 1000], "records_per_user": [1000]}),
    # Much that hangs together, at several levels, with a user here and there.
    Flavour((*USERS, *CARDS, *PHONES, *EMAILS[:3]), 2, {"too_connected": [2, 3, 5, 8], "shared_above": [20]}),
)


def rules(
    shared_above: int = 3,
    per_customer: int = 2,
    too_connected: int = 12,
    records_per_user: int = 3,
    identifiers_per_record: int = 4,
) -> Rules:
    """The rules of the house with limits that a handful of records reaches."""
    return Rules(
        types={
            "user_id": TypeRules(level=0, trusted_level=0),
            "email": TypeRules(3, 2, shared_above, per_customer=per_customer),
            "loyalty_id": TypeRules(3, 2, shared_above),
            "phone": TypeRules(3, 3, shared_above, one_email=True),
            "anonymous_id": TypeRules(3, 3, max(shared_above - 1, 1), one_email=True),
            "*": TypeRules(3, 3, shared_above),
        },
        too_connected=too_connected,
        records_per_user=records_per_user,
        identifiers_per_record=identifiers_per_record,
        trust={"0": 0, "-1": 20},
    )


class Kind(NamedTuple):
    """A kind of world: its flavour and its rules."""

    flavour: Flavour
    rules: Rules


@st.composite
def worlds(draw: st.DrawFn) -> Kind:
    """Worlds of any flavour, with rules whose limits are sometimes in reach, and sometimes not."""
    flavour = draw(st.sampled_from(FLAVOURS))
    limits = {
        "shared_above": [2, 3, 5, 20],
        "per_customer": [1, 2, 5],
        "too_connected": [3, 5, 8, 12, 1000],
        "records_per_user": [1, 2, 3, 1000],
        "identifiers_per_record": [2, 4, 64, 64],
    } | flavour.limits
    return Kind(flavour, rules(**{name: draw(st.sampled_from(limit)) for name, limit in limits.items()}))


@st.composite
def edges_of(draw: st.DrawFn, kind: Kind) -> tuple[Edge, ...]:
    """One piece of evidence: mostly that a record names an identifier; sometimes an alias or an operator's link."""
    record = draw(st.sampled_from(RECORDS))
    what = draw(st.integers(0, 19))
    if what < kind.flavour.links:
        other = draw(st.sampled_from([node for node in RECORDS if node != record]))
        link = draw(st.sampled_from([must_link, cannot_link]))
        return (link(ORG, record, other, operator="ops"),)
    if what == 19:
        return alias(ORG, record, draw(st.sampled_from(["tablet", "ada", "bo"])), level=3, origin="web")
    name, value = draw(st.sampled_from(kind.flavour.named))
    verified = draw(st.booleans())
    level = kind.rules.level(name, trusted=verified, trust=draw(st.sampled_from([0, 0, 0, -1])))
    node = identifier_node(ORG, name, value)
    weight = draw(st.sampled_from([1.0, 1.0, 0.5]))
    rule = draw(st.sampled_from(["trait", "trait", "external"]))
    return (names(ORG, record, name, node, level=level, rule=rule, origin="web", verified=verified, weight=weight),)


@st.composite
def books(draw: st.DrawFn, kind: Kind) -> list[Said]:
    """An append-only book of evidence: assertions, again and again, retractions, also before them, and withdrawals."""
    # Left alone, Hypothesis draws short lists, and little happens in small worlds.
    least = draw(st.sampled_from([1, 12, 30]))
    said = draw(st.lists(edges_of(kind), min_size=least, max_size=3 * least + 10))
    asserted = [edge for edges in said for edge in edges]
    again = st.builds(Said, st.sampled_from(["retract", "withdraw", "assert"]), st.sampled_from(asserted))
    book = [*(Said("assert", edge) for edge in asserted), *draw(st.lists(again, max_size=10))]
    return draw(st.permutations(book))


def in_batches(book: Sequence[Said], size: int) -> list[list[Said]]:
    """A book cut into batches, in each of which what ends comes before what begins."""
    order = ["retract", "withdraw", "assert"]
    cut = [book[start : start + size] for start in range(0, len(book), size)]
    return [sorted(batch, key=lambda said: order.index(said.what)) for batch in cut]


def take_in(resolver: Resolver, batch: Sequence[Said]) -> None:
    """Tell resolution a batch at once."""

    def edges(what: str) -> list[Edge]:
        return [said.edge for said in batch if said.what == what]

    retracted, withdrawn = ([edge.id for edge in edges(what)] for what in ("retract", "withdraw"))
    resolver.apply(edges("assert"), retracted=retracted, withdrawn=withdrawn)


def write_down(book: Sequence[Said], store: EvidenceStore, of: Rules) -> Resolver:
    """Take in a book, one entry at a time."""
    resolver = Resolver(store, of, remembered_users=2)
    for said in book:
        take_in(resolver, [said])
    return resolver


@contextmanager
def reading_few(few: int) -> Iterator[None]:
    """As if an identifier were popular from so few edges on: then not all of its edges are read at once."""
    with ExitStack() as stack:
        for module in ("view", "incremental", "regrouping", "explain"):
            stack.enter_context(patch(f"rapport.resolve.{module}.A_FEW", few))
        yield
