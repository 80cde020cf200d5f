"""Bundles of a real ledger: as they are they verify, and whatever is changed about them is found."""

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rapport.cli import command_line
from rapport.kernel import verify
from rapport.kernel.errors import RapportError
from rapport.terms import Receipt
from rapport.terms.documents import canonical, document
from tests.kernel.bundles import (
    FOUND,
    FOUND_IN_LOG,
    FOUND_SIGNED,
    FOUND_SINCE,
    MALFORMED,
    Asked,
    Story,
    holds,
    leaves,
    mutations,
    of,
    put,
    resigned,
    unchanged,
    withheld,
)


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


def test_bundles_as_they_are_hold_and_continue_one_another(story: Story) -> None:
    done = verify.verify(story.new, since=story.head, key=story.new["log"]["key"])
    assert (done["ok"], done["problem"]) == (True, None)
    assert done["receipts"] == len(story.new["receipts"]) > verify.verify(story.old)["receipts"] > 0
    assert holds(story.new, story.old)
    assert holds(story.new, done["head"])
    assert len(story.new["trees"]) == 2


# -- every bit


def test_every_flipped_bit_is_found(story: Story, proof_size: Callable[[int, int], int]) -> None:
    """Of the file as it is written: a flip makes it no JSON, or changes a value, a name, or the shape."""
    assert unseen_flips(Asked(story.new, story.head, story.witnesses), range(0, 1 << 30, proof_size(41, 1))) == []


def test_a_flip_in_any_byte_of_a_small_bundle_is_found(story: Story) -> None:
    asked = Asked(story.small, None, story.witnesses[:1])
    for bit in (0, 3, 5):
        assert unseen_flips(asked, range(bit, 1 << 30, 8)) == []


def unseen_flips(asked: Asked, bits: range) -> list[bytes]:
    """Where one of these bits of a bundle's file could be another, and the verifier said nothing."""
    raw = json.dumps({name: part for name, part in asked.bundle.items() if name != "person"}).encode()
    unseen = []
    assert asked.said()["ok"]
    for bit in bits[: len(range(bits.start, len(raw) * 8, bits.step))]:
        place = bit // 8
        flipped = raw[:place] + bytes([raw[place] ^ (1 << bit % 8)]) + raw[place + 1 :]
        try:
            read = json.loads(flipped)
        except ValueError:
            continue
        if read != json.loads(raw) and asked._replace(bundle=read).said()["ok"]:
            unseen.append(flipped[max(0, place - 30) : place + 30])
    return unseen


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


def test_whatever_is_unchanged_holds(story: Story) -> None:
    assert {name: problem for name, asked in unchanged(story) if (problem := asked.said()["problem"])} == {}


def test_whatever_is_changed_is_found(story: Story) -> None:
    found = list(mutations(story))
    assert len(dict(found)) == len(found) > 100
    changes = [*FOUND.values(), *FOUND_SINCE.values(), *FOUND_SIGNED.values()]
    assert all(of(story.new, change) != story.new for change in changes)
    assert all(change(story.log) != story.log for change in FOUND_IN_LOG.values())
    assert [name for name, asked in found if asked.said()["ok"]] == []


def test_what_only_the_log_tells_holds_without_it(story: Story) -> None:
    """Else these would prove nothing about looking for heads in the log."""
    for name in ("stale heads", "two heads of a number"):
        asked = dict(mutations(story))[name]
        assert asked._replace(log=None).said()["ok"], name
    assert "newer head" in dict(mutations(story))["stale heads"].said()["problem"]
    assert "one after another" in dict(mutations(story))["two heads of a number"].said()["problem"]


def test_a_receipt_that_was_shown_once_cannot_be_withheld(story: Story) -> None:
    seen = verify.verify(story.new)["head"]
    hidden = of(story.new, withheld)
    assert verify.verify(hidden)["hidden"] == verify.verify(story.new)["hidden"] + 1
    assert holds(story.new, seen)
    assert "withheld" in verify.verify(hidden, since=seen)["problem"]


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
