"""What a change of rules would merge and split in today's data: `rapport resolve --simulate`."""

from collections.abc import Callable
from contextlib import closing

import msgspec

from rapport.adapters.embedded.rule_change import RuleChange, Simulated
from rapport.app.embedded import Sources, open_keys, open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import NotFound
from rapport.profile.links import ATTRIBUTION
from rapport.resolve import Edge, Rules, identifier_node


def simulated(settings: Settings, org: str, rules: Rules, told: Callable[[int], None] = lambda _: None) -> Simulated:
    """Raises NotFound where there is no such organization."""
    with closing(open_ledger(settings)) as ledger, closing(open_keys(settings)) as keys:
        if not ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}; these exist: {', '.join(ledger.orgs()) or 'none'}")
        sources = Sources(ledger)
        with closing(RuleChange(settings.directory, keys, org, rules, _leveling(org, rules, sources))) as change:
            return change.run(told)


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
