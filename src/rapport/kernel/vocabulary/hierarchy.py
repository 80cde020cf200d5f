"""Which concept of the Data Privacy Vocabulary is below which: `dpv.txt`, read once.

The file holds ids and parents alone, of DPV 2.2's purposes (https://w3id.org/dpv) and of its extension for personal
data, DPV-PD (https://w3id.org/dpv/pd). A concept may have several parents; there are no cycles.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

PURPOSE: Final = "dpv:Purpose"
DATA: Final = "dpv:PersonalData"
SPECIAL_DATA: Final = "dpv:SpecialCategoryPersonalData"
FILE: Final = Path(__file__).with_name("dpv.txt")

Parents = Mapping[str, tuple[str, ...]]


def read(lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Concept → its parents, from lines of `id parent parent …`; `#` starts a remark."""
    words = (line.split() for line in lines if not line.startswith("#"))
    return {concept: tuple(parents) for concept, *parents in words}


def above(parents: Parents) -> dict[str, frozenset[str]]:
    """Concept → everything it is below, itself left out; roots, too, are in it."""
    known: dict[str, frozenset[str]] = {}

    def climb(concept: str) -> frozenset[str]:
        if concept not in known:
            direct = parents.get(concept, ())
            known[concept] = frozenset(direct).union(*(climb(parent) for parent in direct))
        return known[concept]

    for concept in parents:
        climb(concept)
    return known


def below(parents: Parents) -> dict[str, frozenset[str]]:
    """Concept → everything below it, itself left out."""
    higher = above(parents)
    found: dict[str, set[str]] = {concept: set() for concept in higher}
    for concept, ancestors in higher.items():
        for ancestor in ancestors:
            found[ancestor].add(concept)
    return {concept: frozenset(descendants) for concept, descendants in found.items()}


PARENTS: Final[Parents] = read(FILE.read_text(encoding="ascii").splitlines())
