"""From links to evidence: what a record names becomes edges, told to resolution at every commit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from rapport.kernel import ids
from rapport.kernel.errors import BadInput
from rapport.kernel.ports import Source
from rapport.profile import record as records
from rapport.profile.devices import TYPES
from rapport.profile.record import Record
from rapport.profile.working_set import Held
from rapport.resolve import Change, Edge, EvidenceStore, Resolver, Rules, alias, identifier_node, names, regrouped
from rapport.resolve.evidence import USER
from rapport.resolve.reasons import thing

ATTRIBUTION = "attribution"
"""The rule of evidence that a slice of a device is a user's."""


class NumberedEvidence(EvidenceStore, Protocol):
    """An evidence store that also knows the numbers of records."""

    def announce(self, edge: Edge, number: int) -> None:
        """Say which record an edge is of, before it is asked for or written."""

    def learn(self, node: bytes, number: int) -> None:
        """Take note of which record goes by a node, until `forget`."""

    def adopt(self, node: bytes, number: int) -> None:
        """Say which record goes by a node from now on; what operators said of the node is about this one."""

    def known(self, node: bytes) -> int | None:
        """The record of a node, or None where there is none."""

    def holders(self, node: bytes) -> list[tuple[int, bytes]]:
        """(record's number, edge's id) of all active edges to an identifier, whether they count or are set aside."""

    def forget(self) -> None:
        """After a commit: let go of what was announced."""


def edges_of(
    record: Record, node: bytes, links: dict[str, int], source: Source, rules: Rules
) -> Iterator[tuple[str, Edge]]:
    """The edges of some of a record's links, each with the link it comes from ("" for a slice's attribution). What the
    rules block is no evidence, in whatever way it was named."""
    org, origin = record.org, record.source
    own = f"{record.key_type}:{record.key_value}"
    for link, how in links.items():
        kind, _, value = link.partition(":")
        if rules.blocks(value):
            continue
        level = rules.level(kind, trusted=source.trusted, trust=source.trust)
        if how & records.OWN:
            rule = "key" if link == own else "named"
            yield link, names(org, node, kind, identifier_node(org, kind, value), level=level, rule=rule, origin=origin)
        if how & records.ALIAS:
            for edge in alias(org, node, value, level=level, origin=origin):
                yield link, edge
    if record.user is not None and own in links and record.key_type in TYPES and not rules.blocks(record.user):
        user = identifier_node(org, "user_id", record.user)
        yield "", names(org, node, "user_id", user, level=0, rule=ATTRIBUTION, origin=origin)


def evidence_handle(edge: Edge) -> str:
    """`evi_…`: the node of the evidence's record and its own content hash, so that no index is needed to find it."""
    return ids.text_of("evi", edge.record + edge.id)


def split_handle(handle: str) -> tuple[bytes, bytes]:
    """(record's node, evidence id); raises BadInput."""
    content = ids.bytes_of("evi", handle)
    if content is None or len(content) != 32:
        raise BadInput("this is no evidence id: it starts with evi_", code="bad_id", field="id")
    return content[:16], content[16:]


def carried(edge: Edge) -> int:
    """Which of a link's ways (OWN, ALIAS) hangs on an edge; the edge of an alias that never joins carries none."""
    if edge.rule != "alias":
        return records.OWN
    return 0 if edge.type == USER else records.ALIAS


_MOST_TOLD = 64
NEWSWORTHY = 60
"""Of larger changes (an import, a storm) no news is made: nobody could read it, and it would cost a second look."""


class Regrouping(msgspec.Struct, frozen=True):
    """News of customers that became one (`merged`), or of one that became several: how many, by what, from where."""

    org: str
    merged: bool
    count: int
    thing: str
    source: str
    record: int
    """One of theirs, by its number."""


Numbered = tuple[Edge, int]
"""An edge with its record's number."""


class Links:
    """The worker's bridge between its records and resolution. What it is told is gathered until `settle`."""

    def __init__(
        self, store: NumberedEvidence, resolver: Resolver, rules: Rules, source_of: Callable[[str, str], Source]
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._rules = rules
        self._source_of = source_of
        self._asserted: dict[bytes, dict[bytes, Numbered]] = {}
        """By record, then by id."""
        self._asserted_of: dict[bytes, list[Edge]] = {}
        self._withdrawn: dict[bytes, Numbered] = {}
        self._retracted: dict[bytes, Numbered | None] = {}
        self._orgs: dict[int, str] = {}
        self._renamed: set[bytes] = set()
        """Nodes that records went by until now: what operators said of them stays, and no move tells of it."""
        self.news: list[Regrouping] = []
        """What `settle` found to tell; whoever tells it empties it."""
        self.moved: Callable[[Iterable[int]], None] | None = None
        """Called with the records whose customers may be others now, where somebody wants to know."""

    def _edges(self, held: Held, links: dict[str, int]) -> Iterator[tuple[str, Edge]]:
        source = self._source_of(held.record.org, held.record.source)
        self._orgs[held.number] = held.record.org
        return edges_of(held.record, held.node, links, source, self._rules)

    def edges(self, held: Held) -> list[tuple[str, Edge]]:
        """All evidence of a record's own links, each with its link."""
        return list(self._edges(held, held.record.links))

    def assert_links(self, held: Held, links: dict[str, int]) -> dict[str, int]:
        never: dict[str, int] = {}
        for link, edge in self._edges(held, links):
            if edge.id in self._retracted or self._store.is_retracted(edge.id):
                never[link] = never.get(link, 0) | carried(edge)
            else:
                self.add(edge, held.number)
        return never

    def add(self, edge: Edge, number: int) -> None:
        """Assert evidence: a link's, or an operator's, which no link carries. `number` is its record's."""
        pending = self._asserted.setdefault(edge.record, {})
        if edge.id not in pending:
            self._asserted_of.setdefault(edge.other, []).append(edge)
        pending[edge.id] = (edge, number)
        if self._withdrawn.get(edge.id, (edge, -1))[1] == number:
            del self._withdrawn[edge.id]

    def withdraw_links(self, held: Held, links: dict[str, int]) -> None:
        for _, edge in self._edges(held, links):
            self._withdraw(edge, held.number)

    def withdraw_node(self, held: Held) -> None:
        node = held.node
        self._renamed.add(node)
        self._store.adopt(node, held.number)
        pending = [edge for edge, number in self._asserted.get(node, {}).values() if number == held.number]
        stored = [*self._store.edges_of_record(node), *self._store.edges_set_aside(node)]
        for withdraw, edges in ((self._withdraw, pending), (self._withdraw_stored, stored)):
            for edge in edges:
                if edge.kind == "identifies" and edge.record == node:
                    withdraw(edge, held.number)

    def withdraw_record(self, held: Held) -> None:
        """Withdraw all evidence of a record that is to go, and what operators said of it."""
        self.withdraw_node(held)
        for edge in self._store.edges_of_record(held.node):
            number = held.number if edge.record == held.node else self._store.known(edge.record)
            if edge.kind != "identifies" and number is not None:
                self._withdraw_stored(edge, number)

    def _withdraw_stored(self, edge: Edge, number: int) -> None:
        """Withdraw evidence that is stored under just this number."""
        self._withdrawn[edge.id] = (edge, number)
        self._withdraw(edge, number)

    def _withdraw(self, edge: Edge, number: int) -> None:
        """A node may pass from one record to another: one withdraws what the other asserts, and both hold. Where the
        other withdraws it, too, it is the first under whose number it is stored."""
        self._withdrawn.setdefault(edge.id, (edge, number))
        pending = self._asserted.get(edge.record, {})
        if pending.get(edge.id, (edge, -1))[1] == number:
            del pending[edge.id]

    def retract(self, edge: Edge, number: int) -> None:
        """Retract evidence for good."""
        self._retracted[edge.id] = (edge, number)
        self._asserted.get(edge.record, {}).pop(edge.id, None)

    def retract_unknown(self, edge_id: bytes) -> None:
        """Retract, for good, evidence that no record gives (any more, or yet)."""
        self._retracted.setdefault(edge_id, None)

    def holders(self, node: bytes) -> list[int]:
        found: dict[int, None] = {}
        for number, edge_id in self._store.holders(node):
            gone = self._withdrawn.get(edge_id)
            if edge_id not in self._retracted and (gone is None or gone[1] != number):
                found[number] = None
        for edge in self._asserted_of.get(node, ()):
            pending = self._asserted[edge.record].get(edge.id)
            if pending is not None:
                found[pending[1]] = None
        return list(found)

    # -- by other rules: see `resolve/anew`; nothing that was told may be left to settle

    def say_anew(self, several: Sequence[Held]) -> None:
        """Give records the evidence that they have by these rules."""
        for held in several:
            edges = [edge for _, edge in self.edges(held)]
            self._store.learn(held.node, held.number)
            for edge in edges:
                self._store.announce(edge, held.number)
            self._resolver.say_anew(held.node, edges)
        self._orgs.clear()
        self._store.forget()

    def count_users(self, several: Sequence[Held]) -> None:
        """Count anew which users of these records are on too many to be users."""
        self._resolver.count_users(self._nodes(several))
        self._store.forget()

    def join_anew(self, several: Sequence[Held]) -> None:
        """Join anew what hangs together with these records."""
        change = self._resolver.join_anew(self._nodes(several))
        self._tell_moved(change)
        self._store.forget()

    def _nodes(self, several: Sequence[Held]) -> list[bytes]:
        for held in several:
            self._store.learn(held.node, held.number)
        return [held.node for held in several]

    def settle(self) -> int:
        """Regroup what was touched; return how many records changed their group."""
        changed, renamed = 0, {number for _, number in self._withdrawn.values()}
        if self._withdrawn or self._retracted:
            # First of all, since the same evidence may come again as that of another record's number.
            changed += self._settle_lost()
        asserted: list[Edge] = []
        fresh: list[Numbered] = []
        for node, pending in self._asserted.items():
            for edge, number in pending.values():
                self._store.announce(edge, number)
                asserted.append(edge)
                fresh.append((edge, number))
                if edge.rule == ATTRIBUTION and number in renamed:
                    self.news.append(Regrouping(self._orgs[number], True, 2, "device", edge.origin, number))
            if pending:
                self._store.adopt(node, number)
                if number in renamed:
                    self._renamed.add(node)
        if asserted:
            self._notice(fresh)
            change = self._resolver.apply(asserted)
            changed += len(change.moves)
            self._tell_moved(change)
        self._tell_renamed()
        self._asserted.clear()
        self._asserted_of.clear()
        self._orgs.clear()
        self._store.forget()
        return changed

    def _settle_lost(self) -> int:
        for numbered in (*self._withdrawn.values(), *self._retracted.values()):
            if numbered is not None:
                self._store.announce(*numbered)
        if self._retracted:
            self._notice([numbered for numbered in self._retracted.values() if numbered], retracted=True)
        change = self._resolver.apply(withdrawn=list(self._withdrawn), retracted=list(self._retracted))
        self._tell_moved(change)
        self._withdrawn.clear()
        self._retracted.clear()
        return len(change.moves)

    def _tell_moved(self, change: Change) -> None:
        if self.moved is not None and change.moves:
            self._tell_members({move.before for move in change.moves if move.before != move.record})
            numbers = (self._store.known(move.record) for move in change.moves)
            self.moved([number for number in numbers if number is not None])

    def _tell_renamed(self) -> None:
        """Whoever an operator tied to a node has another record there now, or none."""
        if self.moved is not None:
            self._tell_members({self._store.group_of(node) for node in self._renamed})
        self._renamed.clear()

    def _tell_members(self, groups: Iterable[bytes]) -> None:
        """Any one stands for its group, but a node may be that of a record which goes by another now."""
        for group in groups:
            several = islice(self._store.members(group), _MOST_TOLD)
            if self.moved is not None:
                self.moved([number for one in several if (number := self._store.known(one)) is not None])

    def _notice(self, evidence: list[Numbered], *, retracted: bool = False) -> None:
        """Note which customers the evidence brings together or parts, where it is little enough to be told."""
        if not 0 < len(evidence) <= NEWSWORTHY:
            return
        edges = [edge for edge, _ in evidence]
        plan = self._resolver.plan(retracted=[e.id for e in edges]) if retracted else self._resolver.plan(edges)
        if not plan.moves:
            return
        for change in regrouped(self._store, plan):
            touched = frozenset().union(*change.before, *change.after)
            told = next(((e, n) for e, n in evidence if e.record in touched and n in self._orgs and e.level), None)
            parts, count = len(change.before) < len(change.after), max(len(change.before), len(change.after))
            if told is not None and len(change.before) != len(change.after) and parts == retracted and count > 1:
                edge, number = told
                self.news.append(Regrouping(self._orgs[number], not parts, count, thing(edge), edge.origin, number))
