"""A person's bundle: the receipts that touch what they claim, with all that is needed to verify them offline."""

from collections.abc import Iterable, Mapping
from typing import Any

from rapport.adapters.embedded.cosignatures import Cosignatures, Cosigned
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.adapters.embedded.reader import StateReader
from rapport.adapters.embedded.receipt_log import Kept
from rapport.adapters.embedded.sqlite import transaction
from rapport.adapters.embedded.told_too import places_of
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.kernel import verify
from rapport.kernel.errors import BadInput, Conflict
from rapport.terms.documents import document
from rapport.terms.own import own_parts

SEEN = 2
"""Heads given out before, the newest of them, to which a bundle proves that it continues them."""


class Bundler:
    """Bundles over one ledger connection and one reader of profiles."""

    def __init__(self, ledger: LedgerFile, people: PeopleFile, reader: StateReader) -> None:
        self._ledger = ledger
        self._people = people
        self._reader = reader

    def bundle(self, handle: str, since: str | None = None) -> dict[str, Any]:
        """The bundle of a person, in the shape of `kernel/verify`. `since`: a head that it must be shown to continue.

        Raises NotFound, BadInput for a head that is none, Conflict where the log is shorter than that head's,
        Corrupt where the ledger is not what was written.
        """
        person = self._people.person(handle)
        own = self._own_records(person)
        log = self._ledger.receipt_log
        self._number_heads(person, own)
        with self._people.snapshot():
            size = log.size()
            old = {*log.issued(person.id, SEEN), *_size_of(since)} - {0}
            if any(before > size for before in old):
                raise Conflict("the log is shorter than the head you saw: it was rolled back", code="rolled_back")
            told = [self._tree(number, size, person, own) for number in self._trees(person, own)]
            signed = self._cosigned(size, max((tree["entry"] for tree, _ in told), default=-1))
            old.update(note.size for note in signed)
            proofs = {str(before): _texts(log.consistency(before, size)) for before in sorted(old) if before < size}
            checkpoint = log.checkpoint() or log.empty_checkpoint()
        log.note_issued(person.id, size)
        return {
            "format": verify.FORMAT,
            "person": handle,
            "log": {"key": log.key, **_witnessed(checkpoint, signed), "consistency": proofs},
            "trees": [tree for tree, _ in told],
            "receipts": [receipt for _, receipts in told for receipt in receipts],
        }

    def _trees(self, person: Person, own: Mapping[str, set[int]]) -> list[int]:
        records = [(org, number) for org, numbers in own.items() for number in numbers]
        return self._ledger.receipt_log.trees_of(person.id, records)

    def _number_heads(self, person: Person, own: Mapping[str, set[int]]) -> None:
        """Trees that have not grown since heads are numbered get one that is, which can be looked for in the log."""
        log = self._ledger.receipt_log
        if late := log.unnumbered(self._trees(person, own)):
            with transaction(self._ledger.db):
                log.number_heads(late)

    def _cosigned(self, size: int, last: int) -> list[Cosigned]:
        """Checkpoints that witnesses signed: all those with the last entry shown, else the newest."""
        notes = [note for note in Cosignatures(self._ledger.db).notes() if note.size <= size]
        return [note for note in notes if note.size > last] or notes[:1]

    def _own_records(self, person: Person) -> dict[str, set[int]]:
        """Organization → numbers of the records that are firmly the person's; a person's own looks have none."""
        own: dict[str, set[int]] = {"": {person.id}}
        with self._reader.snapshot():
            for org in person.orgs:
                parts, _ = own_parts(self._reader, org, person.claims_at(org))
                own[org] = {part.number for part in parts}
        return own

    def _tree(
        self, number: int, size: int, person: Person, own: Mapping[str, set[int]]
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        log = self._ledger.receipt_log
        tree = log.tree(number)
        name, heads = log.tree_name(number), log.heads_key(tree)
        receipts, hidden, too = [], {}, places_of(self._ledger.db, person.id, number)
        for kept in log.kept(number):
            theirs = kept.place in too or _touches(kept, person.id, own.get(tree.org, set()))
            if kept.sealed is not None and theirs:
                entry = {"tree": name, "index": kept.place, "key": verify.b64(kept.sealed.key)}
                receipts.append({**entry, "receipt": document(kept.sealed.receipt)})
            else:
                hidden[str(kept.place)] = verify.b64(kept.leaf)
        told: dict[str, Any] = {
            "tree": name,
            "size": tree.frontier.size,
            "root": verify.b64(tree.frontier.root()),
            "number": tree.number,
            **({"salt": verify.b64(tree.salt)} if heads is None else {"heads": verify.b64(heads)}),
            "entry": tree.entry,
            "proof": _texts(log.inclusion(tree.entry, size)),
        }
        return ({**told, "hidden": hidden} if hidden else told), receipts


def _witnessed(checkpoint: str, signed: Iterable[Cosigned]) -> dict[str, Any]:
    """The log's checkpoint, with the lines of witnesses where it has any, and those before it that have."""
    witnesses = sorted({witness for note in signed for witness in note.witnesses})
    before = [note.note for note in signed if not note.note.startswith(checkpoint)]
    newest = next((note.note for note in signed if note.note.startswith(checkpoint)), checkpoint)
    told = {"checkpoint": newest, "witnesses": witnesses, "witnessed": before}
    return {name: value for name, value in told.items() if value}


def _touches(kept: Kept, person: int, own: set[int]) -> bool:
    return kept.person == person or (kept.sealed is not None and not own.isdisjoint(kept.sealed.receipt.records))


def _size_of(since: str | None) -> tuple[int, ...]:
    if since is None:
        return ()
    try:
        return (int(verify.read_head(since)["log"]["size"]),)
    except verify.Broken as broken:
        raise BadInput(str(broken), code="bad_head", field="since") from None


def _texts(hashes: Iterable[bytes]) -> list[str]:
    return [verify.b64(one) for one in hashes]


def open_bundler(settings: Settings) -> Bundler:
    ledger, keys = embedded.open_ledger(settings), embedded.open_keys(settings)
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    return Bundler(ledger, embedded.open_people(settings, ledger, keys), reader)
