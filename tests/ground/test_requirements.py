"""The locked packages: held to their hashes, found by name alone, the same for running and for developing."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = [ROOT / "requirements/runtime.txt", ROOT / "requirements/dev.txt"]
NODE_TESTS = ROOT / "tests/e2e/node"
FILES = [*LOCKED, *(path.with_suffix(".in") for path in LOCKED), *NODE_TESTS.glob("*.json")]

# What only builds the editable package: locked with the runtime, no dependency of a running node.
BUILD = {"hatchling", "editables"}


def pins(path: Path) -> list[tuple[str, str]]:
    """The (pin, hashes) of each locked package; a pin is `name==version` and perhaps a marker."""
    logical_lines = path.read_text().replace("\\\n", " ").splitlines()
    return [tuple(line.split(" --hash=", 1)) if " --hash=" in line else (line, "") for line in logical_lines if line]


def names(path: Path) -> set[str]:
    return {line for line in path.read_text().splitlines() if line and not line.startswith(("#", "-"))}


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_every_locked_package_has_an_exact_version_and_hashes(path):
    assert len(pins(path)) > 10
    for pin, hashes in pins(path):
        assert re.match(r"[a-z0-9-]+==\S+", pin), pin
        assert re.fullmatch(r"sha256:[0-9a-f]{64}(\s+--hash=sha256:[0-9a-f]{64})*", hashes.strip()), pin


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_requirement_file_names_an_address(path):
    assert not re.search(r"://|file:|git\+|--(extra-)?index|--find-links|--trusted-host| @ ", path.read_text())


def test_developing_uses_the_very_versions_that_run():
    runtime, dev = (dict(pins(path)) for path in LOCKED)
    assert {pin: dev.get(pin) for pin in runtime} == runtime


def test_the_package_depends_on_exactly_what_is_locked_for_running():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert names(ROOT / "requirements/runtime.in") - BUILD == set(project["dependencies"])


def test_every_locked_javascript_package_has_an_integrity_hash_and_no_address():
    packages = json.loads((NODE_TESTS / "package-lock.json").read_text())["packages"]
    assert len(packages) > 5
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
