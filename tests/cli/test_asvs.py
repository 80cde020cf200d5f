"""What docs/reference/asvs.md says of tests and limits is so."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/asvs.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d\.\d\.\d+)(?:–(\d\.\d\.\d+))? \| [^|]+ \| (\w[\w ]*) \| (.*) \|$", PAGE, re.MULTILINE)
WANTED = {
    "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
}  # fmt: skip
"""Rows of each section of ASVS 5.0."""
MODULES = {
    "ceremonies": "rapport.app.ceremonies",
    "proving": "rapport.app.proving",
    "presence": "rapport.app.presence",
    "codes": "rapport.signin.codes",
    "door": "rapport.web.door",
}


def test_every_row_of_both_chapters_is_there_once() -> None:
    found = []
    for first, last, *_ in ROWS:
        section, _, number = first.rpartition(".")
        until = int(last.rpartition(".")[2]) if last else int(number)
        found += [f"{section}.{one}" for one in range(int(number), until + 1)]
    assert sorted(found) == sorted(f"{section}.{one}" for section, rows in WANTED.items() for one in range(1, rows + 1))


def test_what_is_met_names_a_test_and_every_row_says_how_it_is() -> None:
    for first, _, how, told in ROWS:
        assert how in {"met", "partly", "not met", "none"}, first
        assert how != "met" or "::test_" in told, first


NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_is_named_exists(file: str) -> None:
    there = {
        node.name for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
    }
    assert {name for where, name in NAMED if where == file} <= there


def test_limits_are_as_the_page_has_them() -> None:
    told = re.findall(r"`(\w+)\.([A-Z_]+)` = (\d+)", PAGE)
    assert len(told) > 8
    for module, name, value in told:
        assert getattr(import_module(MODULES[module]), name) == int(value), name
