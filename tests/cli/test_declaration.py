"""`rapport declaration` and `rapport attester`, as somebody at a terminal meets them."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from rapport.cli import COMMANDS, command_line
from rapport.kernel.errors import BadInput, Conflict, NotFound, RapportError
from rapport.terms import promises

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/declaration.toml"


class Terminal:
    """Somebody who types commands about one data directory."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RAPPORT_DATA", str(directory / "data"))
        monkeypatch.chdir(directory)
        self.directory = directory

    def run(self, *words: str) -> Result:
        app = command_line([COMMANDS[words[0]][0]])  # as much of it as `rapport` reads for these words
        return CliRunner().invoke(app, words)

    def says(self, *words: str) -> str:
        done = self.run(*words)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    def told(self, *words: str) -> Any:
        return json.loads(self.says(*words, "--json"))

    def error(self, *words: str) -> RapportError:
        done = self.run(*words)
        assert isinstance(done.exception, RapportError), done.output
        return done.exception

    def key(self, name: str) -> tuple[str, str]:
        """Files with a fresh private key and its public half."""
        key = Ed25519PrivateKey.generate()
        private, public = self.directory / f"{name}.pem", self.directory / f"{name}.pub"
        pem = serialization.Encoding.PEM
        private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
        return str(private), str(public)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    found = Terminal(tmp_path, monkeypatch)
    found.says("org", "add", "acme")
    return found


def test_a_declaration_is_checked_put_shown_and_looked_back_on(terminal: Terminal) -> None:
    assert "nothing was declared yet" in terminal.says("declaration", "show", "acme")
    assert "is a valid declaration: service, offers" in terminal.says("declaration", "check", str(EXAMPLE))
    assert "Version 1 is in force. Acme Outdoor" in terminal.says("declaration", "put", "acme", str(EXAMPLE))
    assert "in force already" in terminal.says("declaration", "put", "acme", str(EXAMPLE))
    shorter = terminal.directory / "shorter.toml"
    shorter.write_text(EXAMPLE.read_text().replace("retention_days = 365", "retention_days = 180"))
    assert "· keeps your data for 180 days instead of 365 for offers" in terminal.says(
        "declaration", "put", "acme", str(shorter)
    )
    shown = terminal.says("declaration", "show", "acme")
    for words in ("180 days", "legal_obligation (Commercial Code", "or else", "service:health", "self-declared"):
        assert words in shown
    assert "365 days" in terminal.says("declaration", "show", "acme", "--version", "1")
    history = terminal.told("declaration", "history", "acme")
    assert [each["version"] for each in history] == [2, 1]
    assert history[0]["changes"] == ["keeps your data for 180 days instead of 365 for offers"]
    assert "version 1" in terminal.says("declaration", "history", "acme")
    assert promises.verify(terminal.told("declaration", "show", "acme"))


def test_the_checked_hash_is_the_declared_one(terminal: Terminal) -> None:
    checked = terminal.told("declaration", "check", str(EXAMPLE))
    assert terminal.told("declaration", "put", "acme", str(EXAMPLE))["published"]["hash"] == checked["hash"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "[purposes.offers]\nbasis = \n", "at line 2"),
        ("a.json", '{"name":\n}', "line 2 column"),
        ("a", '{"name": 1}', "name must be a text, not a whole number"),
        ("a.toml", "[purposes.offers]\nbasis='consent'\nplace=['UK']", "purposes.offers.place[0] 'UK' is no place"),
        ("a.toml", "#" * 70_000, "at most 65,536 bytes"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(terminal: Terminal, name: str, content: str, said: str) -> None:
    (terminal.directory / name).write_text(content)
    for words in (("check", name), ("put", "acme", name)):
        error = terminal.error("declaration", *words)
        assert isinstance(error, BadInput)
        assert error.message.startswith(f"{name}: ")
        assert said in error.message
    assert "version 0" in terminal.says("declaration", "show", "acme")


def test_what_is_not_there_is_said(terminal: Terminal) -> None:
    assert "cannot be read" in terminal.error("declaration", "check", "nothing.toml").message
    for command in ("show", "history", "key"):
        error = terminal.error("declaration", command, "nobody")
        assert isinstance(error, NotFound)
        assert "no organization 'nobody'" in error.message
    assert isinstance(terminal.error("declaration", "show", "acme", "--version", "7"), NotFound)


def test_an_organization_signs_for_itself(terminal: Terminal) -> None:
    private, public = terminal.key("acme")
    stranger, _ = terminal.key("stranger")
    assert "held by the node" in terminal.says("declaration", "key", "acme")
    assert isinstance(terminal.error("declaration", "key", "acme", "--set", private), BadInput), "never a private one"
    assert terminal.told("declaration", "key", "acme", "--set", public)["held_by"] == "organization"
    assert terminal.error("declaration", "put", "acme", str(EXAMPLE)).code == "missing_signature"
    assert terminal.error("declaration", "put", "acme", str(EXAMPLE), "--key", stranger).code == "wrong_key"
    assert terminal.error("declaration", "put", "acme", str(EXAMPLE), "--key", public).code == "bad_key"
    published = terminal.told("declaration", "put", "acme", str(EXAMPLE), "--key", private)["published"]
    assert promises.verify(published, promises.public_key(Path(public).read_bytes()))


def test_an_attester_signs_a_claim_that_then_counts(terminal: Terminal) -> None:
    private, public = terminal.key("board")
    assert "There is none yet" in terminal.says("attester", "list")
    added = terminal.told("attester", "add", "Board", public)
    assert terminal.told("attester", "list") == [added]
    assert isinstance(terminal.error("attester", "add", "Board", public), Conflict)

    block = terminal.says(
        "attester", "sign", "Board", "acme", "living_wage", "--key", private, "--expires", "2199-12-31"
    )
    (terminal.directory / "a.toml").write_text(block)
    terminal.says("declaration", "put", "acme", "a.toml")
    assert "attested, until 2200-01-01T00:00:00Z" in terminal.says("declaration", "show", "acme")

    (terminal.directory / "b.toml").write_text(block.replace("2199", "2198"))
    assert terminal.error("declaration", "put", "acme", "b.toml").code == "forged_claim"

    terminal.says("attester", "remove", "Board")
    shown = terminal.says("declaration", "show", "acme")
    assert "self-declared, until" in shown
    assert "no attester that this node knows" in shown
