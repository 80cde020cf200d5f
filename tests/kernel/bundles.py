"""Bundles of a real ledger, the log they are of, and whatever somebody might change about them: shared by the tests of
both verifiers, the one in Python and the one in the browser."""

import base64
import copy
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.adapters.embedded.cosignatures import Cosignatures, PublishedLog
from rapport.app.bundling import Bundler
from rapport.kernel import verify
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from rapport.terms.own import OwnLooks
from tests.e2e.witness import Witness
from tests.profile.house import ORG, at_once
from tests.web.portal.person import Home

Bundle = dict[str, Any]
Log = dict[str, bytes]
"""What is published of a log, by its path."""
NO_HASH = verify.b64(bytes(32))
FORMER: Bundle = json.loads(Path(__file__).with_name("former_bundle.json").read_bytes())
"""A bundle as Rapport wrote it before heads were numbered."""


class Asked(NamedTuple):
    """What a verifier is asked: a bundle, or its text, and what whoever asks knows already."""

    bundle: Any
    since: str | None = None
    witnesses: Sequence[str] = ()
    quorum: int | None = None
    log: Log | None = None

    def said(self) -> dict[str, Any]:
        """What the verifier in Python says."""
        done = verify.verify(
            self.bundle,
            since=self.since,
            witnesses=self.witnesses,
            quorum=self.quorum,
            log=None if self.log is None else reading(self.log),
        )
        assert done["ok"] or (done["problem"] and done["head"] is None)
        return done


def reading(log: Log) -> verify.Read:
    def read(path: str) -> bytes:
        if path not in log:
            raise verify.Broken(f"the log lacks {path}")
        return log[path]

    return read


class Story:
    """Ada's bundles as a ledger gives them: one, and later ones that continue it. Two witnesses sign `new`; between
    their rounds the log grows by what is another's, and its first entry is. `log` was published with `new`, `later_log`
    later."""

    def __init__(self) -> None:
        with Home() as home:
            self.home = home
            self.person = home.people.add([f"{ORG}:user_id:ada"]).handle
            log = home.ledger.receipt_log.key
            self._asked = {name: Witness(made(home.directory / name), f"w.example/{name}", [log]) for name in "abc"}
            self.witnesses = [one.vkey for one in list(self._asked.values())[:2]]
            self.stranger = self._asked["c"].vkey
            another(home)
            reads(home, 1)
            self._signs("a")
            self.small = self._bundle()
            reads(home, 2)
            self.old = self._bundle()
            other = home.people.add([f"{ORG}:user_id:ada"]).handle
            at_once(OwnLooks(home.reader, home.people, home.book).look(home.people.person(self.person).id, ORG))
            reads(home, 4)
            self.plain = self._bundle()
            self._signs("b")
            another(home)
            self._signs("a")
            self.new = self._bundle()
            self.other = bundle(home, other)
            self.log = published(home)
            reads(home, 1)
            self.later = self._bundle()
            self.later_log = published(home)
            self.fork = self._fork(self.log)
            self.longer_fork = self._fork(self.later_log)
            self.stale = self._stale()
            self.twice = self._twice()
        self.head = str(verify.verify(self.old)["head"])
        self.new_head = str(verify.verify(self.new)["head"])

    def _bundle(self) -> Bundle:
        return bundle(self.home, self.person)

    def _signs(self, name: str) -> None:
        """A witness cosigns the log as it is."""
        witness, log, kept = self._asked[name], self.home.ledger.receipt_log, Cosignatures(self.home.ledger.db)
        old, size, checkpoint = kept.last(witness.vkey)[0], log.size(), str(log.checkpoint())
        proof = "".join(f"{verify.b64(part)}\n" for part in (log.consistency(old, size) if old else []))
        kept.keep(witness.vkey, size, checkpoint, witness.add_checkpoint(f"old {old}\n{proof}\n{checkpoint}"))

    def _fork(self, log: Log) -> Log:
        """A log in which the entry of somebody else is another, signed by the node like the true one."""
        forked = tiles(log, lambda entries: entries.__setitem__(0, bytes(48)))
        size = len(log) - 1
        entries = verify._entries(reading(forked), size)
        root = verify.root_of([verify.leaf_hash(one) for one in entries])
        return {**forked, "checkpoint": self.home.ledger.receipt_log._checkpoint(size, root).encode()}

    def _stale(self) -> Bundle:
        """The heads of before, as entries of the log of now: what a node would say to whoever never saw a newer one."""
        log = self.home.ledger.receipt_log
        told = copy.deepcopy(self.new)
        size = log.size()
        told["log"] = self.later["log"]
        for tree in told["trees"]:
            tree["proof"] = [verify.b64(part) for part in log.inclusion(tree["entry"], size)]
        return told

    def _twice(self) -> tuple[Bundle, Log]:
        """A tree that got two heads of one number, and the log it is in."""
        home = self.home
        name = self.later["receipts"][0]["tree"]
        numbers = [
            n for (n,) in home.ledger.db.execute("SELECT id FROM tree") if home.ledger.receipt_log.tree_name(n) == name
        ]
        home.ledger.db.execute("UPDATE tree SET number = number - 1 WHERE id = ?", numbers)
        reads(home, 1)
        return self._bundle(), published(home)


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def reads(home: Home, count: int) -> None:
    """Looks at Ada: some are permitted, some refused."""
    for _ in range(count):
        assert home.reads()
        home.reads("advertising")


def another(home: Home) -> None:
    """A receipt of somebody else, in a tree of theirs."""
    receipt = Receipt("rcp_another", "", 1, "", "own", "permitted", "own", "person")
    ground = Ground(1, "", Standing("", DEFAULT, 1, "", 0))
    pending = Pending(receipt, ground, customer=home.people.add([]).id)
    home.ledger.append_receipts([[pending]], lambda *_: True)


def bundle(home: Home, person: str, since: str | None = None) -> Bundle:
    written = Bundler(home.ledger, home.people, home.reader).bundle(person, since)
    return json.loads(json.dumps(written))  # type: ignore[no-any-return]


def published(home: Home) -> Log:
    """The log as anybody can read it."""
    log = PublishedLog(home.ledger.receipt_log, Cosignatures(home.ledger.db))
    size = home.ledger.receipt_log.size()
    found = {"checkpoint": str(log.checkpoint()).encode()}
    for width in range(1, size + 1):  # of any length, as the node answers
        assert size <= 255
        found[f"tile/entries/000.p/{width}"] = log.entries(0, width) or b""
    return found


def holds(bundle: Any, since: Any = None) -> bool:
    return bool(Asked(bundle, since).said()["ok"])


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Everything in a document that is no object and no list."""
    if isinstance(node, (dict, list)):
        for step, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(inner, (*path, step))
    else:
        yield path, node


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


# -- structural changes


def of(bundle: Bundle, change: Callable[[Bundle], Any]) -> Bundle:
    changed = copy.deepcopy(bundle)
    change(changed)
    return changed


def resigned(bundle: Bundle) -> None:
    """The same log signed with another key, under the same name or as a log of its own."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    body = bundle["log"]["checkpoint"].rpartition("\n\n")[0] + "\n"
    name = body.partition("\n")[0]
    signature = verify.key_id(name, public) + key.sign(body.encode())
    bundle["log"]["checkpoint"] = f"{body}\n— {name} {verify.b64(signature)}\n"
    bundle["log"]["key"] = verify.vkey(name, public)


def renumber(bundle: Bundle) -> None:
    """Leave the last receipt of the first tree out, and say so everywhere but in the log."""
    tree = bundle["trees"][0]
    tree["size"] -= 1
    bundle["receipts"] = [
        one for one in bundle["receipts"] if (one["tree"], one["index"]) != (tree["tree"], tree["size"])
    ]
    leaves = [verify._opened(one)[2] for one in bundle["receipts"] if one["tree"] == tree["tree"]]
    tree["root"] = verify.b64(verify.root_of(leaves))


def swap(bundle: Bundle, name: str) -> None:
    a, b = bundle["receipts"][0], bundle["receipts"][1]
    a[name], b[name] = b[name], a[name]


def graft(bundle: Bundle) -> None:
    first, second = bundle["trees"][:2]
    for name in ("heads", "number", "entry", "proof"):
        first[name], second[name] = second[name], first[name]


def head_key(tree: dict[str, Any]) -> str:
    """The key of a tree's head, which it tells no longer how to make."""
    heads = base64.b64decode(tree.pop("heads"))
    return verify.b64(hmac.digest(heads, verify.head_number(tree["number"]), "sha256"))


def falsely_signed(bundle: Bundle) -> None:
    """The log's checkpoint with a signature by another key, under the log's name and id."""
    body, signatures = verify.read_note(bundle["log"]["checkpoint"])
    name, ident, _ = signatures[0]
    line = f"— {name} {verify.b64(ident + Ed25519PrivateKey.generate().sign(body.encode()))}\n"
    bundle["log"]["checkpoint"] = f"{body}\n{line}"


def rekeyed(bundle: Bundle, kind: bytes = b"", ident: str = "") -> None:
    """The log's key with another byte for its kind, or another id."""
    name, its_id, encoded = bundle["log"]["key"].split("+", 2)
    raw = base64.b64decode(encoded)
    bundle["log"]["key"] = f"{name}+{ident or its_id}+{verify.b64(kind + raw[1:] if kind else raw)}"


FOUND: dict[str, Callable[[Bundle], Any]] = {
    "edit": lambda b: b["receipts"][0]["receipt"].update(purpose="training"),
    "field added": lambda b: b["receipts"][0]["receipt"].update(more=1),
    "field removed": lambda b: b["receipts"][0]["receipt"].pop("reason"),
    "drop the first": lambda b: b["receipts"].pop(0),
    "drop the last": lambda b: b["receipts"].pop(),
    "drop, and renumber": renumber,
    "swap receipts": lambda b: swap(b, "receipt"),
    "swap keys": lambda b: swap(b, "key"),
    "swap places": lambda b: swap(b, "index"),
    "duplicate": lambda b: b["receipts"].append(b["receipts"][0]),
    "duplicate as another": lambda b: b["receipts"].append({**b["receipts"][0], "index": 99}),
    "before the first": lambda b: b["receipts"].append({**b["receipts"][0], "index": -1}),
    "moved to another tree": lambda b: b["receipts"][0].update(tree=b["trees"][1]["tree"]),
    "moved to no tree": lambda b: b["receipts"].append({**b["receipts"][0], "tree": "tre_x"}),
    "tree removed": lambda b: b["trees"].pop(),
    "trees removed": lambda b: b["trees"].clear(),
    "tree twice": lambda b: b["trees"].append(b["trees"][0]),
    "tree renamed": lambda b: b["trees"][0].update(tree="tre_x"),
    "heads swapped": graft,
    "entry moved": lambda b: b["trees"][0].update(entry=b["trees"][0]["entry"] - 1),
    "entry far away": lambda b: b["trees"][0].update(entry=1 << 200),
    "proof longer": lambda b: b["trees"][0]["proof"].append(verify.b64(bytes(32))),
    "proof shorter": lambda b: b["trees"][0]["proof"].pop(),
    "key of heads longer": lambda b: b["trees"][0].update(
        heads=verify.b64(base64.b64decode(b["trees"][0]["heads"]) + b"\0")
    ),
    "key of heads not told": lambda b: b["trees"][0].pop("heads"),
    "number moved": lambda b: b["trees"][0].update(number=b["trees"][0]["number"] + 1),
    "key of the head told for that of heads": lambda b: b["trees"][0].update(salt=head_key(b["trees"][0])),
    "number of before there were any": lambda b: b["trees"][0].update(number=0),
    "a salt beside the key of heads": lambda b: b["trees"][0].update(salt=NO_HASH),
    "number not told": lambda b: b["trees"][0].pop("number"),
    "told as of before there were numbers": lambda b: b.update(format="rapport-bundle/1"),
    "hidden added": lambda b: b["trees"][0].update(hidden={"99": verify.b64(bytes(32))}),
    "hidden over a receipt": lambda b: b["trees"][0].update(hidden={"0": verify.b64(bytes(32))}),
    "hidden instead of one": lambda b: (b["receipts"].pop(0), b["trees"][0].update(hidden={"0": NO_HASH})),
    "hidden is no object": lambda b: b["trees"][0].update(hidden=[]),
    "head unsigned": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].partition("—")[0]),
    "head of another size": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].replace("\n1", "\n2", 1)),
    "head signed falsely": falsely_signed,
    "key of another kind": lambda b: rekeyed(b, kind=b"\4"),
    "key of another id": lambda b: rekeyed(b, ident="00000000"),
    "head cut off": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"][:-1]),
    "head with another end": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"][:-1] + "\v"),
    "head with a line more": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].replace("\n\n", "\nx\n\n")),
    "a name more": lambda b: b.update(more=1),
    "a name more in the log": lambda b: b["log"].update(more=1),
    "a name more in a tree": lambda b: b["trees"][0].update(more=1),
    "a name more beside a receipt": lambda b: b["receipts"][0].update(more=1),
    "another format": lambda b: b.update(format="rapport-bundle/3"),
}  # fmt: skip
FOUND_SINCE: dict[str, Callable[[Bundle], Any]] = {
    "signed with another key": resigned,
    "no proof of continuation": lambda b: b["log"].update(consistency={}),
    "another proof": lambda b: b["log"]["consistency"].update({key: [NO_HASH] for key in b["log"]["consistency"]}),
    "a tree and its receipts removed": lambda b: b.update(
        receipts=[one for one in b["receipts"] if one["tree"] != b["trees"][0]["tree"]], trees=b["trees"][1:]
    ),
}  # fmt: skip


def withheld(whole: Bundle) -> None:
    """Hide a receipt behind its own leaf, as if it told another."""
    receipt = whole["receipts"].pop(0)
    leaf = verify.leaf_hash(verify.commitment(base64.b64decode(receipt["key"]), receipt["receipt"]))
    tree = next(tree for tree in whole["trees"] if tree["tree"] == receipt["tree"])
    tree.setdefault("hidden", {})[str(receipt["index"])] = verify.b64(leaf)


# -- changes of what witnesses signed, and of the log


def signature_moved(bundle: Bundle) -> None:
    """What a witness signed of one checkpoint put under another."""
    line = bundle["log"]["witnessed"][0].rstrip("\n").rpartition("\n")[2]
    bundle["log"]["checkpoint"] += f"{line}\n"
    bundle["log"]["witnessed"] = []


def cosignature_of(key: Ed25519PrivateKey, name: str, ident: bytes, body: str, at: int = 1) -> str:
    signature = key.sign(f"cosignature/v1\ntime {at}\n{body}".encode())
    return f"— {name} {verify.b64(ident + at.to_bytes(8, 'big') + signature)}\n"


def forged(bundle: Bundle) -> None:
    """A cosignature under the witness's name and id, by another key."""
    body, signatures = verify.read_note(bundle["log"]["checkpoint"])
    name, ident, _ = signatures[1]
    ours = bundle["log"]["checkpoint"].split("\n— ")[1]
    line = cosignature_of(Ed25519PrivateKey.generate(), name, ident, body)
    bundle["log"]["checkpoint"] = f"{body}\n— {ours}\n{line}"


def by_another_key(bundle: Bundle, at: int = 1) -> None:
    """A witness that calls itself like the one trusted, told by the node with a key of its own."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    body, signatures = verify.read_note(bundle["log"]["checkpoint"])
    name = signatures[1][0]
    ours = bundle["log"]["checkpoint"].split("\n— ")[1]
    line = cosignature_of(key, name, verify.key_id(name, public, verify.WITNESS), body, at)
    told = [verify.vkey(name, public, verify.WITNESS), *bundle["log"]["witnesses"]]
    bundle["log"].update(checkpoint=f"{body}\n— {ours}\n{line}", witnesses=told)


def retimed(bundle: Bundle) -> None:
    body, signatures = verify.read_note(bundle["log"]["checkpoint"])
    name, ident, signature = signatures[1]
    later = (int.from_bytes(signature[:8], "big") + 1).to_bytes(8, "big")
    ours = bundle["log"]["checkpoint"].split("\n— ")[1]
    bundle["log"]["checkpoint"] = f"{body}\n— {ours}\n— {name} {verify.b64(ident + later + signature[8:])}\n"


def signed_as_a_log(bundle: Bundle) -> None:
    """The log's own signature in place of the witness's."""
    bundle["log"]["witnesses"] = [bundle["log"]["key"]]


FOUND_SIGNED: dict[str, Callable[[Bundle], Any]] = {
    "cosignature of another checkpoint": signature_moved,
    "forged cosignature": forged,
    "witness key of another": by_another_key,
    "time of a cosignature moved": retimed,
    "the log's key as a witness's": signed_as_a_log,
    "witness not named": lambda b: b["log"]["witnesses"].pop(),
    "witnesses are no list": lambda b: b["log"].update(witnesses={}),
    "witnessed are no texts": lambda b: b["log"].update(witnessed=[1]),
    "too many notes": lambda b: b["log"].update(witnessed=b["log"]["witnessed"] * 65),
    "witnessed checkpoint of another size": lambda b: b["log"].update(
        witnessed=[b["log"]["witnessed"][0].replace("\n1", "\n2", 1)]
    ),
    "cosigned before what is shown was": lambda b: b["log"].update(witnessed=[], checkpoint=unsigned(b)),
    "no proof from what was cosigned": lambda b: b["log"]["consistency"].pop(
        str(verify.read_checkpoint(b["log"]["witnessed"][0], *verify.read_vkey(b["log"]["key"]))[0])
    ),
}  # fmt: skip
"""Found by whoever trusts both witnesses."""


def unsigned(bundle: Bundle) -> str:
    """The checkpoint without those who cosigned it."""
    return "\n".join(bundle["log"]["checkpoint"].split("\n")[:5]) + "\n"


def tiles(log: Log, change: Callable[[list[bytes]], Any]) -> Log:
    """The log with other entries under the same checkpoint."""
    whole = max((path for path in log if path != "checkpoint"), key=lambda path: int(path.rpartition("/")[2]))
    raw, entries, at = log[whole], [], 0
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        entries.append(raw[at + 2 : end])
        at = end
    change(entries)
    changed = {"checkpoint": log["checkpoint"]}
    for width in range(1, len(entries) + 1):
        changed[f"tile/entries/000.p/{width}"] = b"".join(len(one).to_bytes(2, "big") + one for one in entries[:width])
    return changed


FOUND_IN_LOG: dict[str, Callable[[Log], Log]] = {
    "an entry changed": lambda log: tiles(log, lambda e: e.__setitem__(3, bytes(48))),
    "an entry of another changed": lambda log: tiles(log, lambda e: e.__setitem__(0, bytes(48))),
    "a tag changed": lambda log: tiles(log, lambda e: e.__setitem__(3, bytes(16) + e[3][16:])),
    "an entry dropped": lambda log: tiles(log, lambda e: e.pop(2)),
    "the last entry dropped": lambda log: tiles(log, lambda e: e.pop()),
    "an entry added": lambda log: tiles(log, lambda e: e.insert(0, bytes(48))),
    "entries swapped": lambda log: tiles(log, lambda e: e.__setitem__(slice(0, 2), [e[1], e[0]])),
    "entries of another length": lambda log: tiles(log, lambda e: e.__setitem__(3, e[3][:32])),
    "entries cut off": lambda log: {path: raw[:-1] if path != "checkpoint" else raw for path, raw in log.items()},
    "nothing": lambda log: {"checkpoint": log["checkpoint"]},
    "no checkpoint": lambda log: {path: raw for path, raw in log.items() if path != "checkpoint"},
    "no text": lambda log: {**log, "checkpoint": b"\xff\xfe"},
    "another's checkpoint": lambda log: {**log, "checkpoint": log["checkpoint"].replace(b"rapport", b"another")},
    "a checkpoint unsigned": lambda log: {**log, "checkpoint": log["checkpoint"].partition("—".encode())[0]},
}  # fmt: skip
"""Found by whoever walks it."""


def crafted(number: int) -> Asked:
    """The smallest bundle there is, of a log made by hand: one receipt, of a tree with so many heads."""
    key, name, heads = Ed25519PrivateKey.from_private_bytes(bytes(32)), "made.example", bytes(range(32))
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    root = verify.root_of([verify.leaf_hash(verify.commitment(bytes(32), {"said": "x"}))])
    head = hmac.digest(heads, verify.head_number(number), "sha256")
    entry = verify.head_entry(head, "tre_x", number, 1, root)
    body = f"{name}\n1\n{verify.b64(verify.root_of([verify.leaf_hash(entry)]))}\n"
    note = f"{body}\n— {name} {verify.b64(verify.key_id(name, public) + key.sign(body.encode()))}\n"
    tree = {"tree": "tre_x", "size": 1, "root": verify.b64(root), "entry": 0, "proof": []}
    bundle = {
        "format": verify.FORMAT,
        "log": {"key": verify.vkey(name, public), "checkpoint": note},
        "trees": [{**tree, "number": number, "heads": verify.b64(heads)}],
        "receipts": [{"tree": "tre_x", "index": 0, "key": NO_HASH, "receipt": {"said": "x"}}],
    }
    return Asked(bundle, log={"checkpoint": note.encode(), "tile/entries/000.p/1": b"\0\x30" + entry})


def unchanged(story: Story) -> Iterator[tuple[str, Asked]]:
    """All that holds."""
    yield "made by hand", crafted(1)
    yield "the first", Asked(story.small, None, story.witnesses[:1])
    yield "before there were witnesses", Asked(story.plain, story.head)
    yield "alone", Asked(story.new)
    yield "since a head", Asked(story.new, story.head)
    yield "since its own head", Asked(story.new, story.new_head)
    yield "with its log", Asked(story.new, story.head, log=story.log)
    yield "with a log that has grown", Asked(story.new, story.head, log=story.later_log)
    yield "of before heads were numbered", Asked(FORMER)
    yield "with witnesses", Asked(story.new, story.head, story.witnesses, log=story.log)
    yield "with one of two", Asked(story.new, None, [story.witnesses[0], story.stranger], 1)
    yield "of another, who sees less", Asked(story.other, log=story.log)
    yield "later", Asked(story.later, story.new_head, log=story.later_log)


def mutations(story: Story) -> Iterator[tuple[str, Asked]]:
    """Everything that must be found, by whoever knows so much."""
    knows = Asked(story.new, story.head, story.witnesses, None, story.log)
    for name, change in FOUND.items():
        yield name, Asked(of(story.new, change))
        yield f"{name}, known before", knows._replace(bundle=of(story.new, change))
    for name, change in FOUND_SINCE.items():
        yield name, Asked(of(story.new, change), story.head)
    for name, change in FOUND_SIGNED.items():
        yield name, Asked(of(story.new, change), None, story.witnesses)
    for name, changed in FOUND_IN_LOG.items():
        yield f"log: {name}", Asked(story.new, log=changed(story.log))
    for number in (2, 1 << 40):  # which nobody can have got to: to look for all before it would take forever
        yield f"the head of number {number} at the first place", crafted(number)._replace(log=None)
    yield "log: a fork", Asked(story.new, log=story.fork)
    yield "log: a fork that is longer", Asked(story.new, log=story.longer_fork)
    yield "log: the checkpoint of a fork", Asked(story.new, log={**story.log, "checkpoint": story.fork["checkpoint"]})
    yield "a receipt withheld", Asked(of(story.new, withheld), story.new_head)
    yield "rolled back", Asked(story.old, story.new_head)
    yield (
        "replayed",
        Asked({**story.new, "trees": story.old["trees"], "receipts": story.old["receipts"]}, story.new_head),
    )
    yield "of before heads were numbered", Asked(FORMER, log=story.log)
    yield "of before, told as of now", Asked({**FORMER, "format": verify.FORMAT})
    for name in ("edit", "swap receipts", "drop the last", "proof shorter", "entry moved"):
        yield f"of before: {name}", Asked(of(FORMER, FOUND[name]))
    yield "stale heads", Asked(story.stale, log=story.later_log)
    yield "stale heads, by who saw them", Asked(story.stale, log=story.later_log, since=story.new_head)
    yield "two heads of a number", Asked(story.twice[0], log=story.twice[1])
    yield "witnesses who did not sign", Asked(story.new, None, [story.stranger])
    yield "more witnesses than signed", Asked(story.new, None, [*story.witnesses, story.stranger])
    yield "more than are trusted", Asked(story.new, None, story.witnesses, 3)
    yield "none of them", Asked(story.new, None, story.witnesses, 0)
    yield "a witness that is none", Asked(story.new, None, ["x"])
    yield "a log's key for a witness's", Asked(story.new, None, [story.new["log"]["key"]])
    for witness in story.witnesses:
        yield f"not signed since by {witness}", Asked(story.later, None, [witness])
    yield "signed at a time beyond any", Asked(of(story.new, lambda b: by_another_key(b, 1 << 63)))


# -- what is no bundle

MALFORMED = {
    "nothing": b"",
    "no UTF-8": b"\xff\xfe{",
    "deep": b"[" * 200_000,
    "deep and whole": b"[" * 100_000 + b"]" * 100_000,
    "huge number": b'{"format":' + b"9" * 5000 + b"}",
    "NaN": b'{"format": NaN}',
    "infinite": b'{"format": -Infinity}',
    "twice": b'{"format": "rapport-bundle/1", "format": "rapport-bundle/1"}',
    "surrogates": b'{"format": "rapport-bundle/1", "log": {"key": "\\ud800+00+\\ud800", "checkpoint": "\\ud800"}, '
    b'"trees": [], "receipts": []}',
    "a list": b"[]",
    "a number": b"1e999",
}
