"""Heads in the log: each tree's are found by their numbers, by nobody but whom it tells, and none can be withheld."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from typer.testing import CliRunner

from rapport.adapters.embedded.cosignatures import Cosignatures, PublishedLog
from rapport.adapters.embedded.receipt_log import ReceiptLog
from rapport.adapters.embedded.sqlite import transaction
from rapport.app import erasing
from rapport.app.bundling import open_bundler
from rapport.cli import command_line
from rapport.kernel import merkle, verify
from rapport.web.api.receipt_log import receipt_log_routes
from tests.kernel.bundles import Asked, another, bundle, holds, published, reads
from tests.profile.house import ORG
from tests.web.portal.person import Home

TAG, ENTRY = verify.TAG, 48


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


def ada(home: Home) -> str:
    return str(home.people.add([f"{ORG}:user_id:ada"]).handle)


def entries(home: Home) -> list[bytes]:
    """All entries of the log, as anybody can read them."""
    log = published(home)
    return list(verify._entries(log.__getitem__, home.ledger.receipt_log.size()))


def tags(home: Home, number: int) -> list[bytes]:
    """The tags of a tree's heads, up to the one after the newest."""
    log = home.ledger.receipt_log
    tree = log.tree(number)
    key = log.heads_key(tree)
    return verify._tags(verify.Tree("", [], 0, tree.number, key))


def trees(home: Home) -> list[int]:
    return [number for (number,) in home.ledger.db.execute("SELECT id FROM tree ORDER BY id")]


# -- numbers and tags


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(["ada", "another"]), min_size=1, max_size=12))
def test_in_whatever_order_trees_grow_each_entry_is_one_trees_next_head(order: list[str]) -> None:
    with Home() as home:
        ada(home)
        for whose in order:
            reads(home, 1) if whose == "ada" else another(home)
        found = [entry[:TAG] for entry in entries(home)]
        of_trees = [tags(home, number) for number in trees(home)]
        assert len(set(found)) == len(found)
        assert sorted(found) == sorted(tag for some in of_trees for tag in some[:-1])
        for number, (*heads, after) in zip(trees(home), of_trees, strict=True):
            places = [found.index(tag) for tag in heads]
            assert places == sorted(places)
            assert places[-1] == home.ledger.receipt_log.tree(number).entry
            assert after not in found


def test_several_receipts_of_one_commit_are_one_head(home: Home) -> None:
    ada(home)
    reads(home, 1)
    before = home.ledger.receipt_log.size()
    with transaction(home.ledger.db):
        (number, *_) = trees(home)
        tree = home.ledger.receipt_log.tree(number)
        home.ledger.receipt_log._give_keys([tree])
        home.ledger.receipt_log._put_heads([tree])
    assert home.ledger.receipt_log.size() == before + 1
    assert home.ledger.receipt_log.tree(number).number == tree.number


def test_once_erased_nothing_tells_which_entries_belong_together(home: Home) -> None:
    """The key of heads is made of the key that is destroyed: not even the node finds a tag again."""
    person = ada(home)
    reads(home, 2)
    number = trees(home)[0]
    before = tags(home, number)
    found = [entry[:TAG] for entry in entries(home)]
    assert all(tag in found for tag in before[:-1])
    head = verify.verify(bundle(home, person))["head"]
    home.worker.close()
    erasing.shred(home.settings, person, [(ORG, "user_id", "ada")])
    home._reader = None
    home.restart()
    log = home.ledger.receipt_log
    assert log.heads_key(log.tree(number)) is None
    kept = b"".join(path.read_bytes() for path in home.directory.glob("ledger.db*"))
    last = log.tree(number).salt[:TAG]
    others = [tag for tag in before if tag != last]
    assert kept.count(before[-1]) == 0
    assert all(kept.count(tag) >= 1 for tag in others[:-1])  # in the published entries, beside nothing that tells whose
    assert log.unnumbered([number]) == []
    after = json.loads(json.dumps(open_bundler(home.settings).bundle(person, head)))
    assert all("heads" not in tree for tree in after["trees"] if tree["tree"] == log.tree_name(number))
    done = Asked(after, head, log=published(home)).said()
    assert (done["problem"], done["ok"]) == (None, True)


# -- of before heads were numbered


def former(home: Home) -> None:
    """Make the ledger what it was before: one entry for each head, under a random salt, and none numbered."""
    db, log = home.ledger.db, home.ledger.receipt_log
    found = [log.tree(number) for number in trees(home)]
    with transaction(db):
        for table in ("log_tagged", "log_entries", "log_tile", "log_head", "issued"):
            db.execute(f"DELETE FROM {table}")
        old = []
        for entry, tree in enumerate(found):
            salt = bytes([entry + 1]) * 32
            old.append(verify.head_entry(salt, log.tree_name(tree.id), 0, tree.frontier.size, tree.frontier.root()))
            db.execute("UPDATE tree SET number = 0, salt = ?, entry = ? WHERE id = ?", (salt, entry, tree.id))
        log.put_entries(old)
        db.execute("DELETE FROM log_tagged")
        db.execute("INSERT INTO log_entries VALUES (0, ?)", (b"".join(old),))


def told_formerly(home: Home, person: str) -> dict[str, object]:
    """The bundle as it was written then."""
    made = bundle(home, person)
    former(home)
    log = home.ledger.receipt_log
    size = log.size()
    by_name = {log.tree_name(number): log.tree(number) for number in trees(home)}
    for told in made["trees"]:
        tree = by_name[told["tree"]]
        del told["heads"], told["number"]
        proof = [verify.b64(part) for part in log.inclusion(tree.entry, size)]
        told.update(entry=tree.entry, salt=verify.b64(tree.salt), proof=proof)
    made.update(format="rapport-bundle/1", log={"key": log.key, "checkpoint": log.checkpoint()})
    return made


def test_a_ledger_of_before_goes_on_and_what_it_said_then_still_holds(home: Home) -> None:
    person = ada(home)
    reads(home, 2)
    another(home)
    old = told_formerly(home, person)
    done = verify.verify(old)
    assert (done["problem"], done["ok"]) == (None, True)
    assert "before they were numbered" in Asked(old, log=published(home)).said()["problem"]
    first = bundle(home, person, done["head"])  # heads get numbers when somebody asks
    assert [tree["number"] for tree in first["trees"]] == [1]
    assert Asked(first, old, log=published(home)).said()["problem"] is None
    assert len({len(entry) for entry in entries(home)}) == 2
    reads(home, 3)
    another(home)
    second = bundle(home, person, done["head"])
    assert Asked(second, old, log=published(home)).said()["problem"] is None
    assert Asked(second, first, log=published(home)).said()["problem"] is None
    stale = Asked(first, log=published(home)).said()  # an older bundle of an older log: it tells what came after
    assert (stale["ok"], stale["latest"]["grown"]) == (True, 1)
    again = home.ledger.receipt_log.size()
    bundle(home, person)
    assert home.ledger.receipt_log.size() == again  # and only once


def test_a_tree_of_before_may_not_be_told_as_one_whose_key_is_gone(home: Home) -> None:
    person = ada(home)
    reads(home, 2)
    made = bundle(home, person)
    former(home)
    log = home.ledger.receipt_log
    for told in made["trees"]:
        (tree,) = [log.tree(number) for number in trees(home) if log.tree_name(number) == told["tree"]]
        del told["heads"]
        proof = [verify.b64(part) for part in log.inclusion(tree.entry, log.size())]
        told.update(number=0, entry=tree.entry, salt=verify.b64(tree.salt), proof=proof)
    made["log"] = {"key": log.key, "checkpoint": log.checkpoint()}
    assert not holds(made)


# -- walked where it is published


def test_a_log_of_several_tiles_is_walked_at_its_address_and_in_a_copy(home: Home, tmp_path: Path) -> None:
    person = ada(home)
    reads(home, 1)
    grow(home.ledger.receipt_log, home, 600)
    reads(home, 1)
    early = tmp_path / "early.json"
    early.write_text(json.dumps(open_bundler(home.settings).bundle(person)))
    copy(home, tmp_path / "early")
    reads(home, 1)
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(open_bundler(home.settings).bundle(person)))
    copy(home, tmp_path / "log")
    told = checked(file, tmp_path / "log")
    assert told["latest"] == {"trees": 1, "entries": home.ledger.receipt_log.size(), "grown": 0}
    assert checked(early, tmp_path / "log")["latest"]["grown"] == 1
    assert "cannot be read" in checked(file, tmp_path / "early")["problem"]
    (tmp_path / "log/tile/entries/001").write_bytes(bytes(256 * 50))
    assert checked(file, tmp_path / "log")["ok"] is False
    for place in (tmp_path / "nowhere", "http://127.0.0.1:1/log", "http://[", "https://"):
        assert "cannot be read" in checked(file, place)["problem"]


def grow(log: ReceiptLog, home: Home, count: int) -> None:
    with transaction(home.ledger.db):
        log.put_entries([merkle.leaf_hash(bytes([n % 256, n // 256])) + bytes(16) for n in range(count)])


def copy(home: Home, directory: Path) -> None:
    """What tlog-tiles publishes, as files: whole tiles, and the part of the last."""
    log = PublishedLog(home.ledger.receipt_log, Cosignatures(home.ledger.db))
    size = home.ledger.receipt_log.size()
    app = Starlette(routes=receipt_log_routes(log))

    async def fetched() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node.test") as client:
            for path in ("checkpoint", *(tile(number, size) for number in range(-(-size // 256)))):
                target = directory / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((await client.get(f"/log/{path}")).content)

    asyncio.run(fetched())


def tile(number: int, size: int) -> str:
    width = min(256, size - 256 * number)
    return f"tile/entries/{number:03}" + ("" if width == 256 else f".p/{width}")


def checked(file: Path, place: Path | str) -> dict:  # type: ignore[type-arg]
    done = CliRunner().invoke(command_line(["verify"]), ["verify", str(file), "--log", str(place), "--json"])
    return dict(json.loads(done.stdout))
