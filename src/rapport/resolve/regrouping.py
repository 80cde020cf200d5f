"""What a change touches, and the groups that come of it (design §4.7).

A change touches the ends of every edge that came or went; the records whose label changed, with their neighbours; and
the records of an identifier that became, or ceased to be, shared at some level. The blocks that those had, and the
blocks that they and theirs have now, are joined anew; so are the users at the rims of these blocks, as far as needed.

A user's records can be many, so a user is not gathered whole unless a guard may be broken: it is then marked as
*guarded*, and gathered where a change may alter what its main group takes, until its guards hold again. Whether a user
id is on too many records to be one is a mark as well, kept by counting.
"""

from collections.abc import Iterable, Iterator

from rapport.resolve.admission import Outcome
from rapport.resolve.evidence import EMAIL, USER
from rapport.resolve.graph import Change, Mark, Move
from rapport.resolve.guards import (
    Groups,
    Main,
    base_of_user,
    breaks_guard,
    group_handle,
    limited,
    split_base,
    split_piece,
)
from rapport.resolve.joining import join_block, piece_of
from rapport.resolve.learned import Learned, Recent
from rapport.resolve.rules import Rules
from rapport.resolve.view import A_FEW, NEVER, Block, Piece, Reads, View


class Regrouping:
    """One change: the state before, the state after, and what lies between."""

    def __init__(
        self,
        reads: Reads,
        rules: Rules,
        outcome: Outcome,
        popularity: Recent[int],
        mains: Recent[Main],
        learned: Learned,
    ) -> None:
        self._reads = reads
        self._rules = rules
        self._popularity = popularity
        self._mains = mains
        self._learned = learned
        self._overlay = outcome.overlay
        self._edges = [*outcome.gained, *outcome.lost]
        self.old = View(reads, rules)
        self.new = View(reads, rules, outcome.overlay)
        self._only_grows = not outcome.lost
        self._marks: list[tuple[Mark, bytes, bool]] = []
        self._maybe_relabelled: dict[bytes, None] = {}
        self._records: dict[bytes, None] = {}
        self._identifiers: dict[bytes, str] = {}
        self._was: list[Block] = []
        self._is: list[Block] = []
        self._handles: dict[bytes, bytes] = {}
        self._believes_nothing = False

    def run(self, change: Change) -> None:
        self._count_users()
        self._seed()
        self._find_blocks()
        self._assign()
        change.moves.extend(self._moves())
        change.marks.extend(self._marks)
        change.too_connected = sum(block.cut != NEVER for block in self._is)

    def run_anew(self, records: Iterable[bytes], change: Change) -> None:
        """Join what hangs together with these records, whatever they are in and whatever is noted of guards: that may
        be by other rules."""
        self._believes_nothing = True
        for record in records:
            self._records[record] = None
            self._identifiers |= self._identifiers_of(record)
        self._is = _distinct(self._blocks(self.new, self._records, self._identifiers))
        self._assign()
        change.moves.extend(self._moves())
        change.marks.extend(self._marks)

    # -- users

    def _count_users(self) -> None:
        """Find users that are now, or no longer, on too many records to be users."""
        named = [edge for edge in self._edges if edge.level == 0]
        self._maybe_relabelled |= dict.fromkeys(edge.record for edge in named)
        for user in dict.fromkeys(edge.other for edge in named):
            records = dict.fromkeys(edge.record for edge in named if edge.other == user)
            difference = sum(_names(self.new, r, user) - _names(self.old, r, user) for r in records)
            count = self._count_before(user) + difference
            self._learned.popularity[user] = count if count >= A_FEW else None
            popular = count > self._rules.records_per_user
            if popular != self._reads.marked(Mark.POPULAR, user):
                self._overlay.popular[user] = popular
                self._marks.append((Mark.POPULAR, user, popular))
                self._maybe_relabelled |= dict.fromkeys(self.old.records_of_user(user))

    def _count_before(self, user: bytes) -> int:
        known = self._popularity.get(user)
        if known is not None:
            return known
        edges, complete = self.old.identifier_edges(user, A_FEW)
        if complete or edges[-1].level:
            return len({edge.record for edge in edges if edge.level == 0})
        return self._reads.store.popularity(user)

    # -- seeds

    def _seed(self) -> None:
        for edge in self._edges:
            self._records[edge.record] = None
            if edge.kind != "identifies":
                self._records[edge.other] = None
            elif edge.type != USER:
                self._identifiers[edge.other] = edge.type
        doubtful = dict(self._identifiers)
        for record in self._maybe_relabelled:
            if self.old.label(record) != self.new.label(record):
                self._seed_neighbours(record)
                doubtful |= self._identifiers_of(record)
        for record in {edge.record for edge in self._edges if edge.type == EMAIL}:
            doubtful |= {n: t for n, t in self._identifiers_of(record).items() if self._rules.of(t).one_email}
        for node, identifier_type in doubtful.items():
            self._seed_if_flipped(node, identifier_type)

    def _seed_neighbours(self, record: bytes) -> None:
        """A record became, or is no longer, a wall, or is another user's."""
        if self.old.edges(record):
            self._only_grows = False
        self._records[record] = None
        for edge in self.old.edges(record):
            if edge.kind != "identifies":
                self._records |= dict.fromkeys((edge.record, edge.other))
            elif edge.type != USER:
                self._identifiers[edge.other] = edge.type

    def _identifiers_of(self, record: bytes) -> dict[bytes, str]:
        """Those named before; the ends of what came are seeds already."""
        edges = self.old.edges(record)
        return {edge.other: edge.type for edge in edges if edge.kind == "identifies" and edge.type != USER}

    def _seed_if_flipped(self, node: bytes, identifier_type: str) -> None:
        """An identifier may be shared at other levels than before: then the records in between are seeds."""
        before, after = self.old.shared_at(node), self.new.shared_at(node)
        if before == after:
            return
        self._only_grows &= not self.old.usable(node)
        self._identifiers[node] = identifier_type
        lower, wider = (before, self.new) if before < after else (after, self.old)
        self._records |= dict.fromkeys(edge.record for edge in wider.usable(node) if edge.level >= lower)

    # -- blocks

    def _find_blocks(self) -> None:
        """The blocks that the seeds had, and those that seeds and their old blocks have now."""
        self._is = _distinct(self._blocks(self.new, self._records, self._identifiers))
        if self._only_grows and all(block.cut == NEVER for block in self._is):
            # What was together still is: each old block lies inside a new one.
            return
        self._was = _distinct(self._blocks(self.old, self._records, self._identifiers))
        records, identifiers = dict(self._records), dict(self._identifiers)
        for block in self._was:
            records |= dict.fromkeys(block.records)
            identifiers |= block.identifiers
        self._is = _distinct(self._blocks(self.new, records, identifiers))

    @staticmethod
    def _blocks(view: View, records: Iterable[bytes], identifiers: dict[bytes, str]) -> Iterator[Block]:
        for record in records:
            if view.label(record) is None:
                yield view.block_of_record(record)
        for node, identifier_type in identifiers.items():
            yield view.block_of_identifier(node, identifier_type)

    # -- groups

    def _assign(self) -> None:
        attached: dict[bytes, list[tuple[Block, Piece]]] = {}
        users: dict[bytes, None] = {}
        for block in self._is:
            users |= dict.fromkeys(block.labels)
            for piece in join_block(self.new, block):
                if piece.label is None:
                    self._assign_unlabelled(piece)
                else:
                    attached.setdefault(piece.label, []).append((block, piece))
        for block in self._was:
            users |= dict.fromkeys(block.labels)
        walls: dict[bytes, list[bytes]] = {}
        for record in self._records:
            user = self.new.label(record)
            if user is not None:
                walls.setdefault(user, []).append(record)
            users |= dict.fromkeys(u for u in (self.old.label(record), user) if u is not None)
        for user in users:
            self._assign_user(user, attached.get(user, []), walls.get(user, []))

    def _assign_unlabelled(self, piece: Piece) -> None:
        if len(piece.records) == 1:
            self._handles[piece.records[0]] = piece.records[0]
        elif piece.records and breaks_guard(self.new, piece):
            self._assign_groups(split_base(self.new, piece)[0])
        elif piece.records:
            self._assign_groups({group_handle(piece): piece.records})

    def _assign_groups(self, groups: Groups) -> None:
        for handle, records in groups.items():
            self._handles |= dict.fromkeys(records, handle)

    def _assign_user(self, user: bytes, attached: list[tuple[Block, Piece]], walls: list[bytes]) -> None:
        records = [*walls, *(record for _, piece in attached for record in piece.records)]
        was_guarded = self._reads.marked(Mark.GUARDED, user)
        if was_guarded and not self._believes_nothing:
            beside = self._beside_main(user, attached, records)
            if beside is not None:
                self._handles |= dict.fromkeys(walls, user)
                self._assign_groups(beside)
                return
        pieces = [piece for _, piece in attached]
        if was_guarded or self._believes_nothing or self._may_break_guard(user, pieces, records):
            base = base_of_user(self.new, user)
            guarded = breaks_guard(self.new, base)
            if guarded != was_guarded:
                self._marks.append((Mark.GUARDED, user, guarded))
            self._learned.mains[user] = None
            if guarded:
                groups, self._learned.mains[user] = split_base(self.new, base)
                self._assign_groups(groups)
                return
            records = base.records
        self._handles |= dict.fromkeys(records, user)

    # -- guards

    def _beside_main(self, user: bytes, attached: list[tuple[Block, Piece]], records: list[bytes]) -> Groups | None:
        """The groups of a guarded user's pieces that changed, where they change nothing else; None where they may."""
        main = self._mains.get(user)
        if main is None:
            return None
        touched = [block for block in (*self._was, *self._is) if user in block.labels]
        looked_at = (*records, *(record for block in touched for record in block.records))
        if any(edge.kind == "cannot_link" for record in looked_at for edge in self.new.edges(record)):
            return None
        identifiers = {node: name for block in touched for node, name in block.identifiers.items()}
        if not main.nodes.isdisjoint(identifiers):
            return None
        totals = self._totals(user, main, attached, identifiers)
        if all(number <= self._rules.of(name).per_customer for name, number in totals.items()):
            return None
        groups: Groups = {}
        for block, piece in attached:
            split = split_piece(self.new, block, piece, main)
            if split is None:
                return None
            for handle, members in split.items():
                groups.setdefault(handle, []).extend(members)
        self._learned.mains[user] = main._replace(totals=totals)
        return groups

    def _totals(
        self, user: bytes, main: Main, attached: list[tuple[Block, Piece]], identifiers: dict[bytes, str]
    ) -> dict[str, int]:
        """How many of each limited type there are now in a guarded user's base."""
        kept = {node: name for node, name in identifiers.items() if self._rules.of(name).per_customer}
        before = limited(self._rules, {node: name for node, name in kept.items() if self._was_with(user, node, name)})
        after = limited(self._rules, {node: name for _, piece in attached for node, name in piece.identifiers.items()})
        names = {*main.totals, *after}
        return {name: main.totals.get(name, 0) - before.get(name, 0) + after.get(name, 0) for name in names}

    def _may_break_guard(self, user: bytes, pieces: list[Piece], records: list[bytes]) -> bool:
        """Whether a user whose guards held may break one now, by the records and identifiers that touch it."""
        new_types: set[str] = set()
        for piece in pieces:
            for node, name in piece.identifiers.items():
                if self._rules.of(name).per_customer and not self._was_with(user, node, name):
                    new_types.add(name)
        if any(self._names_too_many(user, name, records) for name in new_types):
            return True
        for record in records:
            for edge in self.new.edges(record):
                if edge.kind == "cannot_link":
                    other = edge.other if edge.record == record else edge.record
                    if self._base_label(other) == user:
                        return True
        return False

    def _was_with(self, user: bytes, node: bytes, name: str) -> bool:
        return piece_of(self.old, self.old.block_of_identifier(node, name), node).label == user

    def _names_too_many(self, user: bytes, name: str, records: Iterable[bytes]) -> bool:
        """Whether a user's records name more identifiers of a type than they may join."""
        limit = self._rules.of(name).per_customer
        named: set[bytes] = set()
        for record in (*records, *(member for member in self._reads.store.members(user) if member != user)):
            named.update(edge.other for edge in self.new.edges(record) if edge.type == name)
            if len(named) > limit:
                return True
        return False

    def _base_label(self, record: bytes) -> bytes | None:
        label = self.new.label(record)
        if label is not None:
            return label
        return piece_of(self.new, self.new.block_of_record(record), record).label

    def _moves(self) -> Iterator[Move]:
        for record, after in self._handles.items():
            known = self._believes_nothing or self.old.edges(record)
            before = self._reads.store.group_of(record) if known else record
            if before != after:
                yield Move(record, before, after)


def _names(view: View, record: bytes, user: bytes) -> bool:
    return any(edge.level == 0 and edge.other == user for edge in view.edges(record))


def _distinct(blocks: Iterable[Block]) -> list[Block]:
    return list({id(block): block for block in blocks}.values())
