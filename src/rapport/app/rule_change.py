"""What a change of rules would merge and split in today's data: `rapport resolve --simulate`.

Counts are of evidence alone, blinded as it is kept. The examples are customers, so they are read through the gate: each
that may be read for the purpose leaves a receipt and is shown masked, the others are left out.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing

import msgspec

from rapport.adapters.embedded.rule_change import Counts, Regroup, RuleChange
from rapport.app.embedded import Sources, open_keys, open_ledger, open_people, open_reader
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.app.telling import masked
from rapport.kernel import ids
from rapport.kernel.keys import BlindKey
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.profile.links import ATTRIBUTION
from rapport.profile.store import Found, ProfileReader
from rapport.resolve import Edge, Rules, identifier_node
from rapport.terms import Gate, Request

CALLER, ACTION = "command line", "resolve simulation"


class Shown(msgspec.Struct, frozen=True):
    """A customer of an example: the handle, and masked identifiers such as `email a•••@e•••.com`."""

    customer: str
    identifiers: list[str]


class Example(msgspec.Struct, frozen=True):
    """Customers that would become one, or that one would become; of the first few those that may be read."""

    customers: list[Shown]
    records: int
    by: dict[str, int]
    """As in Regroup."""


class Simulation(Counts, frozen=True):
    """As Simulated has it, with examples that may be shown."""

    merges: list[Example]
    splits: list[Example]


def simulated(
    settings: Settings,
    org: str,
    rules: Rules,
    purpose: str = "service",
    told: Callable[[int], None] = lambda _: None,
) -> Simulation:
    """Raises NotFound where there is no such organization, BadInput for an unknown purpose."""
    request = Request(org, "", known_purpose(purpose), CALLER, ACTION)
    with closing(open_ledger(settings)) as ledger, closing(open_keys(settings)) as keys:
        ledger.expect_org(org)
        sources = Sources(ledger)
        with closing(RuleChange(settings.directory, keys, org, rules, _leveling(org, rules, sources))) as change:
            found = change.run(told)
        with closing(open_reader(settings, sources.by_name)) as reader:
            gate = Gate(reader, open_people(settings, ledger), DirectReceipts(ledger), quiet_s=0)

            def shown(several: Sequence[Regroup], *, apart: bool) -> list[Example]:
                numbers = {number for one in several for number in one.parts}
                let = _let_through(reader, gate, request, numbers, keys.handles(org), apart=apart)
                return [Example([let[n] for n in one.parts if n in let], one.records, one.by) for one in several]

            merges, splits = shown(found.merges, apart=False), shown(found.splits, apart=True)
    counts = {name: getattr(found, name) for name in Counts.__struct_fields__}
    return Simulation(**counts, merges=merges, splits=splits)


def _let_through(
    reader: ProfileReader, gate: Gate, request: Request, numbers: set[int], key: BlindKey, *, apart: bool
) -> dict[int, Shown]:
    """Those of some records whose customers may be read, by their numbers. `apart`: each as it would be by itself."""

    def customers() -> list[Found]:
        found = (reader.found(request.org, number) for number in sorted(numbers))
        return list({one.number: one for one in found if one is not None}.values())

    def answer(found: Found) -> dict[int, Shown]:
        mine = [part for part in found.parts if part.number in numbers]
        handles = ids.handles(key, ids.CUSTOMER, [part.number for part in mine])
        return {
            part.number: Shown(handle, [" ".join(one) for one in masked([part] if apart else found.parts)])
            for part, handle in zip(mine, handles, strict=True)
        }

    answers = asyncio.run(gate.each(request, customers, answer, lambda _: ("identifiers",)))
    return {number: shown for _, several, _ in answers for number, shown in several.items()}


def _leveling(org: str, rules: Rules, sources: Sources) -> Callable[[Edge], Edge | None]:
    """What an edge would be under the rules: of another level, or nothing where its value is blocked."""
    blocked: dict[str, frozenset[bytes]] = {}

    def blocks(edge: Edge) -> bool:
        nodes = blocked.get(edge.type)
        if nodes is None:
            # Evidence knows its identifiers by their hashes, so the usual ways to write a value are tried.
            ways = {way for value in rules.blocked for way in (value, value.upper(), value.capitalize(), value.title())}
            nodes = blocked[edge.type] = frozenset(identifier_node(org, edge.type, way) for way in ways)
        return edge.other in nodes

    def leveled(edge: Edge) -> Edge | None:
        if edge.kind != "identifies":
            return edge
        if rules.blocked and blocks(edge):
            return None
        if edge.rule == ATTRIBUTION:
            return edge
        source = sources.by_name(org, edge.origin)
        # An alias that might name a user has the level of the device's id that it is taken for.
        kind = "anonymous_id" if edge.rule == "alias" else edge.type
        level = rules.level(kind, trusted=edge.verified or source.trusted, trust=source.trust)
        return edge if level == edge.level else msgspec.structs.replace(edge, level=level)

    return leveled
