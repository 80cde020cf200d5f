"""Proofs: those made here verify, the vectors of others are judged as they say, and what was touched fails."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel import merkle, verify

VECTORS = Path(__file__).parents[3] / "shared/data/vectors/merkle"
LEAVES = [merkle.leaf_hash(bytes([number % 256, number // 256])) for number in range(300)]


def vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json")) if VECTORS.is_dir() else []
    return [pytest.param(json.loads(file.read_bytes()), id=str(file.relative_to(VECTORS))) for file in files]


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not on this machine")
@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vectors(vector: dict[str, Any]) -> None:
    proof = [raw(part) for part in vector["proof"] or []]
    leaf, root = raw(vector["leafHash"]), raw(vector["root"])
    assert verify.includes(vector["leafIdx"], vector["treeSize"], leaf, proof, root) is not vector["wantErr"]


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the vectors are not on this machine")
@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vectors(vector: dict[str, Any]) -> None:
    proof = [raw(part) for part in vector["proof"] or []]
    old, new = raw(vector["root1"]), raw(vector["root2"])
    says = verify.continues(vector["size1"], vector["size2"], old, new, proof)
    assert says is not (vector["wantErr"] or vector["size1"] == 0)  # a tree of nothing proves nothing


@given(size=st.integers(1, 300), data=st.data())
def test_what_is_in_a_tree_is_proved_and_nothing_else(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    leaves = LEAVES[:size]
    root, proof = merkle.root_of(leaves), merkle.inclusion(index, size, merkle.over(leaves))
    assert root == verify.root_of(leaves)
    assert verify.includes(index, size, leaves[index], proof, root)
    other = data.draw(st.integers(0, size - 1))
    assert verify.includes(other, size, leaves[index], proof, root) is (other == index)
    if proof:
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        touched = [*proof]
        touched[place] = bytes(b ^ ((bit % 8 and 1) or 1) if i == bit // 8 else b for i, b in enumerate(proof[place]))
        assert not verify.includes(index, size, leaves[index], touched, root)


@given(new=st.integers(1, 300), data=st.data())
def test_a_tree_is_proved_to_continue_each_of_its_beginnings_and_no_other(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    read = merkle.over(LEAVES)
    proof = merkle.consistency(old, new, read)
    before, after = merkle.root_of(LEAVES[:old]), merkle.root_of(LEAVES[:new])
    assert verify.continues(old, new, before, after, proof)
    changed = [merkle.leaf_hash(b"another"), *LEAVES[1:old]]
    assert not verify.continues(old, new, merkle.root_of(changed), after, proof)


def test_a_frontier_is_all_that_appending_needs() -> None:
    frontier = merkle.Frontier()
    for size, leaf in enumerate(LEAVES):
        assert frontier.root() == merkle.root_of(LEAVES[:size])
        frontier = merkle.Frontier(frontier.size, frontier.hashes)
        frontier.append(leaf)
    with pytest.raises(ValueError, match="as many hashes"):
        merkle.Frontier(3, [merkle.EMPTY])
