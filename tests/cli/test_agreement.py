"""`rapport agreement` and `rapport declaration simulate`, as somebody at a terminal meets them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rapport.cli import COMMANDS, command_line
from rapport.kernel.errors import BadInput, NotFound

DECLARATION = """
name = "Shop"
[purposes.service]
basis = "contract"
categories = ["everything", "unclassified"]
retention_days = 90
onward = false
[purposes.analytics]
basis = "legal_obligation"
law = "a law"
categories = ["purchases"]
"""


def say(data: Path, *words: str) -> str:
    app = command_line([COMMANDS[words[0]][0]])  # as much of it as `rapport` reads for these words
    result = CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def ask(data: Path, *words: str) -> Any:
    return json.loads(say(data, *words, "--json"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    say(tmp_path, "org", "add", "shop")
    return tmp_path


def test_an_agreement_is_listed_shown_verified_and_has_its_receipt(data: Path) -> None:
    person = ask(data, "person", "add", "--claim", "shop:email:ada@example.com")["person"]
    assert "There is none" in say(data, "agreement", "list", "--org", "shop")
    say(data, "person", "terms", person, "--preset", "balanced")
    (listed,) = ask(data, "agreement", "list", "--org", "shop")
    (mine,) = ask(data, "agreement", "list", "--person", person)
    assert listed["agreement"] == mine["agreement"]
    shown = ask(data, "agreement", "show", mine["agreement"])
    assert (shown["status"], shown["verified"]) == ("active", True)
    told = say(data, "agreement", "show", mine["agreement"])
    assert "both are good" in told
    assert "not signed by the person's own hand" in told
    assert "ada@example.com" not in told
    receipt = json.loads(say(data, "agreement", "receipt", mine["agreement"]))
    assert receipt["record_id"] == mine["agreement"]
    say(data, "person", "lock", person)
    assert ask(data, "agreement", "list", "--org", "shop") == []
    (ended,) = ask(data, "agreement", "list", "--org", "shop", "--all")
    assert ended["status"] == "ended"
    assert "ended on" in say(data, "agreement", "show", mine["agreement"])


def test_whose_must_be_said_and_must_be_there(data: Path) -> None:
    with pytest.raises(BadInput):
        say(data, "agreement", "list")
    with pytest.raises(NotFound):
        say(data, "agreement", "list", "--org", "nobody")
    with pytest.raises(NotFound):
        say(data, "agreement", "show", "agr_0000")


def test_a_declaration_is_tried_without_being_put_and_reviewed_where_it_is(data: Path) -> None:
    file = data / "shop.toml"
    file.write_text(DECLARATION)
    person = ask(data, "person", "add", "--claim", "shop:email:ada@example.com")["person"]
    say(data, "person", "terms", person, "--preset", "balanced")
    told = say(data, "declaration", "simulate", "shop", str(file))
    assert "fewer than 20 people" in told
    assert "by law" in told
    assert ask(data, "declaration", "simulate", "shop", str(file))["floor"] == 20
    assert ask(data, "declaration", "show", "shop")["version"] == 0
    say(data, "declaration", "put", "shop", str(file))
    newest, oldest = ask(data, "agreement", "list", "--person", person)
    assert (newest["version"], newest["previous"], oldest["status"]) == (1, oldest["agreement"], "ended")
