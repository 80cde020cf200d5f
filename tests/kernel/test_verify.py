"""Bundles of a real ledger: as they are they verify, and whatever is changed about them is found."""

import base64
import copy
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rapport.app import erasing
from rapport.app.bundling import Bundler, open_bundler
from rapport.cli import command_line
from rapport.kernel import verify
from rapport.kernel.errors import Conflict, RapportError
from rapport.terms import Receipt
from rapport.terms.documents import canonical, document
from rapport.terms.own import OwnLooks
from tests.profile.house import ORG, at_once
from tests.web.portal.person import Home

Bundle = dict[str, Any]
NO_HASH = verify.b64(bytes(32))


class Story:
    """Ada's bundles as a ledger gives them: one, and a later one that continues it."""

    def __init__(self) -> None:
        with Home() as home:
            self.person = home.people.add([f"{ORG}:user_id:ada"]).handle
            reads(home, 3)
            self.old = bundle(home, self.person)
            other = home.people.add([f"{ORG}:user_id:ada"]).handle
            at_once(OwnLooks(home.reader, home.people, home.book).look(home.people.person(self.person).id, ORG))
            reads(home, 4)
            self.new = bundle(home, self.person)
            self.other = bundle(home, other)
        self.head = verify.verify(self.old)["head"]


def reads(home: Home, count: int) -> None:
    for number in range(count):
        assert home.reads() or number < 0
        home.reads("advertising")


def bundle(home: Home, person: str, since: str | None = None) -> Bundle:
    made = Bundler(home.ledger, home.people, home.reader).bundle(person, since)
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


def holds(bundle: Any, since: Any = None) -> bool:
    done = verify.verify(bundle, since=since)
    assert done["ok"] or (done["problem"] and done["head"] is None)
    return bool(done["ok"])


def test_bundles_as_they_are_hold_and_continue_one_another(story: Story) -> None:
    done = verify.verify(story.new, since=story.head, key=story.new["log"]["key"])
    assert (done["ok"], done["problem"]) == (True, None)
    assert done["receipts"] == len(story.new["receipts"]) > verify.verify(story.old)["receipts"] > 0
    assert holds(story.new, story.old)
    assert holds(story.new, done["head"])
    assert len(story.new["trees"]) == 2


# -- every bit


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


def test_every_flipped_bit_is_found(story: Story, proof_size: Callable[[int, int], int]) -> None:
    """Of the file as it is written: a flip makes it no JSON, or changes a value, a name, or the shape."""
    raw = json.dumps({name: part for name, part in story.new.items() if name != "person"}).encode()
    step = proof_size(41, 1)
    unseen = []
    for bit in range(0, len(raw) * 8, step):
        place = bit // 8
        flipped = raw[:place] + bytes([raw[place] ^ (1 << bit % 8)]) + raw[place + 1 :]
        try:
            read = json.loads(flipped)
        except ValueError:
            continue
        if read != json.loads(raw) and holds(read, story.head):
            unseen.append(flipped[max(0, place - 30) : place + 30])
    assert unseen == []


def test_every_byte_that_is_written_in_base64_counts(story: Story, proof_size: Callable[[int, int], int]) -> None:
    """Every bit of every key, salt, root, proof, hidden leaf and signature, as bytes."""
    step = proof_size(37, 1)
    bits = 0
    for path, value in leaves(story.new):
        if not isinstance(value, str) or "person" in path or "receipt" in path or path[:2] == ("log", "key"):
            continue
        raw = decoded(value)
        if raw is None or (path[:2] == ("log", "checkpoint")):
            continue
        for bit in range(bits % step, len(raw) * 8, step):
            flipped = bytes(b ^ (1 << bit % 8) if at == bit // 8 else b for at, b in enumerate(raw))
            changed = put(story.new, path, base64.b64encode(flipped).decode())
            assert not holds(changed, story.head), path
        bits += len(raw) * 8
    assert bits > 5_000


def decoded(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 32 else None


def test_every_value_of_a_receipt_counts(story: Story) -> None:
    for path, value in leaves(story.new):
        if "receipt" in path:
            for other in (None, True, False, 0, 1, -1, 1.5, "", "x", [], {}, f"{value} "):
                if other != value or type(other) is not type(value):
                    assert not holds(put(story.new, path, other)), (path, other)


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
    "number not told": lambda b: b["trees"][0].pop("number"),
    "told as of before there were numbers": lambda b: b.update(format="rapport-bundle/1"),
    "hidden added": lambda b: b["trees"][0].update(hidden={"99": verify.b64(bytes(32))}),
    "hidden over a receipt": lambda b: b["trees"][0].update(hidden={"0": verify.b64(bytes(32))}),
    "hidden instead of one": lambda b: (b["receipts"].pop(0), b["trees"][0].update(hidden={"0": NO_HASH})),
    "hidden is no object": lambda b: b["trees"][0].update(hidden=[]),
    "head unsigned": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].partition("—")[0]),
    "head of another size": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].replace("\n1", "\n2", 1)),
    "head cut off": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"][:-1]),
    "head with another end": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"][:-1] + "\v"),
    "head with a line more": lambda b: b["log"].update(checkpoint=b["log"]["checkpoint"].replace("\n\n", "\nx\n\n")),
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


def test_a_receipt_that_was_shown_once_cannot_be_withheld(story: Story) -> None:
    seen = verify.verify(story.new)["head"]
    hidden = of(story.new, withheld)
    assert verify.verify(hidden)["hidden"] == verify.verify(story.new)["hidden"] + 1
    assert holds(story.new, seen)
    assert "withheld" in verify.verify(hidden, since=seen)["problem"]


@pytest.mark.parametrize("change", FOUND)
def test_structural_changes_are_found(story: Story, change: str) -> None:
    changed = of(story.new, FOUND[change])
    assert changed != story.new
    assert not holds(changed)
    assert not holds(changed, story.head)


@pytest.mark.parametrize("change", FOUND_SINCE)
def test_changes_of_the_whole_are_found_by_who_saw_it_before(story: Story, change: str) -> None:
    assert not holds(of(story.new, FOUND_SINCE[change]), story.head)


def test_an_old_bundle_is_no_answer_to_a_newer_head(story: Story) -> None:
    assert holds(story.old)
    newer = verify.verify(story.new)["head"]
    assert "rolled back" in verify.verify(story.old, since=newer)["problem"]
    mixed = {**story.new, "trees": story.old["trees"], "receipts": story.old["receipts"]}
    assert not holds(mixed, newer)


def test_who_knows_the_key_is_told_of_another(story: Story) -> None:
    assert not verify.verify(of(story.new, resigned), key=story.new["log"]["key"])["ok"]


def test_what_tells_another_is_hidden_and_counted(story: Story) -> None:
    """The first of Ada's two accounts sees what was before there was the second; both trees verify."""
    assert holds(story.other)
    assert verify.verify(story.other)["hidden"] >= 0


# -- what is no bundle

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1 << 64, -1 << 200, 10**4000, 0, -1, 1])
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.sampled_from(["\ud800", "tre_1", "", "AAAA", "—", "\n\n", "rapport-bundle/1", "x+00000000+AQ==", "\0", "٣"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@given(odd=ODD, since=ODD)
def test_nothing_at_all_is_taken_for_a_bundle(odd: Any, since: Any) -> None:
    assert not holds(odd, since)


@given(data=st.data())
def test_whatever_stands_anywhere_is_answered(story: Story, data: st.DataObject) -> None:
    places = data.draw(st.sampled_from([path for path, _ in leaves(story.new) if path != ("person",)]))
    depth = data.draw(st.integers(1, len(places)))
    changed = put(story.new, places[:depth], data.draw(ODD))
    if changed != story.new:
        verify.verify(changed, since=story.head)
    verify.verify(story.new, since=changed)
    verify.verify(story.new, since=data.draw(ODD))


@given(data=st.data())
def test_whatever_a_head_says_is_answered(story: Story, data: st.DataObject) -> None:
    head = json.loads(base64.urlsafe_b64decode(story.head + "==="))
    place = data.draw(st.sampled_from([path for path, _ in leaves(head)]))
    changed = put(head, place[: data.draw(st.integers(1, len(place)))], data.draw(ODD))
    done = verify.verify(story.new, since=changed)
    assert changed == head or not done["ok"] or changed["trees"] != head["trees"]


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


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_read_is_said_without_a_traceback(
    name: str, tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(MALFORMED[name])
    assert verify.main([str(file)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], bool(told["problem"])) == (False, True)
    good = tmp_path / "good.json"
    good.write_text(json.dumps(story.new))
    for arguments in ([str(file)], [str(good), "--since", str(file)], [str(good), "--since", name]):
        done = CliRunner().invoke(command_line(["verify"]), ["verify", *arguments])
        assert done.exit_code in {1, 2}, done.output
        assert done.exception is None or isinstance(done.exception, (SystemExit, RapportError)), done.exception


@pytest.mark.parametrize("arguments", [["/nowhere/x"], ["/"], ["\0"]])
def test_the_program_alone_always_answers(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main(arguments) == 1
    assert json.loads(capsys.readouterr().out)["problem"]


def test_the_program_alone_needs_nothing_of_the_rest(story: Story, tmp_path: Path) -> None:
    alone = shutil.copy(verify.__file__, tmp_path / "alone.py")
    (tmp_path / "bundle.json").write_text(json.dumps(story.new))
    done = subprocess.run(
        [sys.executable, "-P", alone, tmp_path / "bundle.json", story.head],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True), done.stderr


@given(text=st.text(), number=st.integers(-(1 << 53), 1 << 53))
def test_what_is_committed_is_what_the_verifier_writes(text: str, number: int) -> None:
    told = Receipt(
        "rcp_1", text, 1, text, text, text, text, text, (text, text), elsewhere=number, retention_days=number
    )
    assert canonical(told) == verify.canonical(document(told))


# -- what an operator does to the ledger by hand


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


BY_HAND = {
    "edit of what is sealed": "UPDATE receipt SET body = (SELECT body FROM receipt WHERE seq = 2) WHERE seq = 1",
    "receipt deleted": "DELETE FROM receipt WHERE seq = 2",
    "last receipt deleted": "DELETE FROM receipt WHERE seq = (SELECT max(seq) FROM receipt)",
    "receipts deleted": "DELETE FROM receipt",
    "receipt out of the tree": "UPDATE receipt SET tree = NULL WHERE seq = 2",
    "order turned": "UPDATE receipt SET place = 1000 - place",
    "tree deleted": "DELETE FROM tree",
    "tree shortened": "UPDATE tree SET size = size - 1",
    "tree's frontier": "UPDATE tree SET frontier = zeroblob(length(frontier))",
    "tree's entry": "UPDATE tree SET entry = 0",
    "tree's number of heads": "UPDATE tree SET number = number + 1",
    "log's tiles": "UPDATE log_tile SET hashes = zeroblob(length(hashes))",
    "log's tiles deleted": "DELETE FROM log_tile",
    "log's head deleted": "DELETE FROM log_head",
    "log's size": "UPDATE log_head SET size = size - 1",
    "log's checkpoint": "UPDATE log_head SET checkpoint = replace(checkpoint, char(10) || size, char(10) || 1)",
}


@pytest.mark.parametrize("statement", BY_HAND)
def test_an_edit_of_the_ledger_by_hand_is_found(home: Home, statement: str) -> None:
    """Either no bundle can be made of it any more, with a message, or the verifier says what does not hold."""
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 3)
    head = verify.verify(bundle(home, person))["head"]
    edit(home, BY_HAND[statement])
    try:
        made = open_bundler(home.settings).bundle(person, head)
    except RapportError:
        pass
    else:
        assert not holds(made, head)


def edit(home: Home, statement: str) -> None:
    with sqlite3.connect(home.directory / "ledger.db") as db:
        assert db.execute(statement).rowcount


def test_an_older_ledger_put_back_is_found_also_once_it_grew_again(home: Home) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 2)
    with sqlite3.connect(home.directory / "ledger.db") as now, sqlite3.connect(home.directory / "older.db") as older:
        now.backup(older)
    reads(home, 3)
    head = verify.verify(bundle(home, person))["head"]
    with sqlite3.connect(home.directory / "ledger.db") as now, sqlite3.connect(home.directory / "older.db") as older:
        older.backup(now)
    restored = open_bundler(home.settings)
    with pytest.raises(Conflict, match="rolled back"):
        restored.bundle(person, head)
    assert "rolled back" in verify.verify(restored.bundle(person), since=head)["problem"]
    reads(home, 6)
    assert not holds(restored.bundle(person, head), head)


def test_who_is_erased_stays_hidden_and_the_log_verifies(home: Home) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 2)
    before = verify.verify(bundle(home, person))
    home.worker.close()  # now whoever asks is the worker
    erasing.shred(home.settings, person, [(ORG, "user_id", "ada")])
    home._reader = None
    home.restart()
    reads_nothing = open_bundler(home.settings).bundle(person, before["head"])
    after = verify.verify(reads_nothing, since=before["head"])
    assert after["ok"], after["problem"]
    assert after["hidden"] >= before["receipts"]
    assert not {"permitted"} & {one["receipt"]["decision"] for one in reads_nothing["receipts"]}
