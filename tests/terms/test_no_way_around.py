"""No path in the code base reaches facts except through the gate (design §3, rule 4): the import rules say who may hold
a reader of profiles at all, and here is what each of these few does with it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from rapport.adapters.embedded.reader import StateReader

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src/rapport"
PART_OF_THE_GATE = ("terms", "adapters", "profile")

HARMLESS = {
    "snapshot": "a read transaction",
    "close": "its end",
    "volumes": "how much an organization's sources sent, which they know",
    "last_seen": "when an organization's sources sent anything",
    "largest": "a number",
    "sightings": "names that an organization's own sources sent, never a value",
    "rejected": "codes and messages; tests/e2e/test_gate_canary.py looks for values in them",
    "rejected_codes": "numbers",
    "node_of": "a name by content of a record at hand",
    "shown_handle": "the handle of records at hand",
    "finding": "what became of an edge at hand",
    "evidence_tables": "content hashes",
}
"""Of a reader: what tells nothing of anybody."""

LOOKED_AT = {
    ("app/desk.py", "_matching"): "customers for Gate.each, which gives out what may be seen of them",
    ("app/desk.py", "_customers"): "the same",
    ("app/desk.py", "_named"): "the same",
    ("app/desk.py", "whole"): "an answer of Gate.read, of what it let through",
    ("app/desk.py", "_timeline"): "the same, with permitted_event",
    ("app/desk.py", "_identity"): "the same",
    ("app/desk.py", "_preview"): "the same",
    ("app/desk.py", "_taken_back"): "the same",
    ("app/desk.py", "_owner"): "the handle that Gate.read is asked for",
    ("app/desk.py", "rejected_part"): "bytes that Gate.unsorted is asked about",
    ("app/portability.py", "give"): "timelines of records that OwnLooks.take found to be the person's own, for them",
    ("app/portal_desk.py", "_customers"): "which purposes and categories are open, in words, for the person alone",
    ("app/presence.py", "_customer"): "the identifier that Gate.read is asked for",
    ("app/audiences.py", "_standing"): "the number of the newest record, to tell how far a filling is",
    ("app/audiences.py", "customers"): "customers for Gate.each",
    ("app/histories.py", "folded_of"): "histories for an answer of the gate, of what it let through, with facts_of",
    ("app/exporting.py", "following"): "customers for Gate.each",
    ("app/previewing.py", "__init__"): "numbers of records alone",
    ("app/previewing.py", "following"): "customers for Gate.each",
    ("app/statements.py", "settle"): "the same",
    ("app/handing.py", "_event"): "an answer of Handover.hand, of what it let through, with permitted_event",
    ("app/membership.py", "following"): "customers for Gate.each",
    ("app/reaching.py", "_is_own"): "whether an address that the gate let through is on another customer, too",
    ("app/wanting.py", "_happened"): "an answer of Gate.read, of what it let through: events of open categories",
    ("app/unsubscribing.py", "_tell"): "whether an address that its owner used is still on one customer alone",
    ("app/answering.py", "_tell"): "whether an address that a mail went to is still on one customer alone",
    ("app/event_outcomes.py", "customers"): "customers for Gate.each",
    ("app/event_outcomes.py", "_seen"): "an answer of Gate.each, of what it let through, with permitted_event",
    ("app/evaluating.py", "_know"): "blocks of parts that Gate.each let through, for `terms.facts`",
    ("app/evaluating.py", "_fill"): "numbers of records, to be asked about through Gate.each",
    ("app/evaluating.py", "_ask"): "whether a record is there at all",
    ("app/evaluating.py", "_behind"): "customers for Gate.each",
    ("app/evaluating.py", "again"): "the same",
    ("app/evaluating.py", "recomputed"): "numbers of records, and blocks as in `_know`",
    ("app/evaluating.py", "customers"): "customers for Gate.each",
    ("app/noticing.py", "_source"): "from which source an event is, beside its message id: to notice it once",
    ("app/starting.py", "_customer"): "the handle that Gate.read is asked for",
    ("app/starting.py", "_is_seen"): "an answer of Gate.read, of what it let through, with permitted_event",
    ("app/rounds.py", "_slice"): "numbers of records, to be asked about through Gate.each",
    ("app/rounds.py", "customers"): "customers for Gate.each",
    ("app/live.py", "customers"): "customers for Gate.each",
    ("app/rule_change.py", "customers"): "customers for Gate.each",
    ("app/operators.py", "retract"): "the handle that Gate.read is asked for",
    ("app/operators.py", "_end"): "the same",
    ("app/operators.py", "_seen"): "an answer of Gate.read, of what it let through",
    ("app/operators.py", "locate"): "edges, for `_seen` and the console's preview alone, within Gate.read",
}
"""Where anything else is asked of a reader outside the gate, and how the gate decides on it: reviewed one by one."""


def calls(path: Path) -> Iterator[tuple[str, str]]:
    """(function, what it asks) of every use of a reader."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from walk(child, child.name)
                continue
            if isinstance(child, ast.Attribute):
                held = child.value
                name = held.attr if isinstance(held, ast.Attribute) else held.id if isinstance(held, ast.Name) else ""
                if name in {"_reader", "reader"}:
                    yield function, child.attr
            yield from walk(child, function)

    yield from walk(ast.parse(path.read_text()), "")


def asked() -> dict[tuple[str, str], set[str]]:
    """(module, function) → what it asks of a reader beyond what is harmless."""
    found: dict[tuple[str, str], set[str]] = {}
    known = {name for name in dir(StateReader) if not name.startswith("_")} | {"evidence_tables"}
    for path in sorted(SRC.rglob("*.py")):
        module = path.relative_to(SRC).as_posix()
        if not module.startswith(PART_OF_THE_GATE):
            for function, what in calls(path):
                if what in known and what not in HARMLESS:
                    found.setdefault((module, function), set()).add(what)
    return found


def test_whoever_asks_a_reader_was_looked_at() -> None:
    found = asked()
    assert found.keys() - LOOKED_AT.keys() == set(), "read through the gate, or say here how the gate decides on it"
    assert LOOKED_AT.keys() - found.keys() == set(), "this is no more: forget it here"


def test_a_new_way_around_would_be_found(tmp_path: Path) -> None:
    """The sentinel of the test above."""
    path = tmp_path / "sly.py"
    path.write_text("class Sly:\n    def peek(self):\n        return [self._reader.by_identifier('o', 'k', 'v')]\n")
    assert list(calls(path)) == [("peek", "by_identifier")]


@pytest.mark.parametrize(
    "protected",
    [
        "rapport.adapters.embedded.customers",
        "rapport.adapters.embedded.reader",
        "rapport.profile.view",
        "rapport.profile.store",
    ],
)
def test_the_import_rules_keep_pages_and_commands_from_facts(protected: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rules = [one for one in contracts if one["type"] == "protected" and protected in one["protected_modules"]]
    assert rules
    for rule in rules:
        assert not [name for name in rule["allowed_importers"] if name.startswith(("rapport.web", "rapport.cli"))]


MADE = {"Gate", "Handover", "CarryingOut"}


def test_a_gate_is_made_in_few_places_and_always_over_the_book() -> None:
    """Whoever could make a gate of their own could give it a book that keeps nothing."""
    made = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE
    }
    assert made == {
        "app/node.py",
        "app/audiences.py",
        "app/evaluating.py",
        "app/handing.py",
        "app/exporting.py",
        "app/messaging.py",
        "app/rights_desk.py",
        "app/rule_change.py",
        "app/starting.py",
        "app/statements.py",
        "cli/show.py",
    }
