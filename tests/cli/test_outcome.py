"""`rapport outcome`, as it is typed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rapport.cli import command_line
from rapport.kernel.errors import BadInput
from tests.profile.house import House

Typed = Callable[..., str]
RULES = """
[[rules]]
event = "Order Completed"
days = 7
customer = {property = "saved"}
company = {property = "revenue", times = 0.3, fixed = 1.0}

[[rules]]
event = "Problem Solved"
days = 3
customer = {fixed = 5.0}
attribution = "only"
"""


@pytest.fixture
def typed() -> Iterator[Typed]:
    with House() as house:

        def typed(*words: str) -> str:
            line = ["outcome", *words, "--data", str(house.directory)]
            done = CliRunner().invoke(command_line(["outcome", "show"]), line)
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            return done.output

        yield typed


def test_rules_are_loaded_from_a_file_and_shown(typed: Typed, tmp_path: Path) -> None:
    assert "No event settles outcomes yet" in typed("show")
    file = tmp_path / "rules.toml"
    file.write_text(RULES)
    told = typed("rules", str(file))
    assert '"Order Completed" settles the last decision of at most 7 days before' in told
    assert '1 × "saved" to the customer, 0.3 × "revenue" + 1 to the company' in told
    assert "5 to the customer, 0 to the company" in told
    shown = json.loads(typed("show", "--json"))
    assert shown["version"] == 1
    assert shown["rules"][1] == {
        "event": "Problem Solved",
        "days": 3,
        "customer": {"property": "", "times": 1.0, "fixed": 5.0},
        "company": {"property": "", "times": 1.0, "fixed": 0.0},
        "attribution": "only",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("what is this", "bad_toml"),
        ("", "bad_rule"),
        ("rules = 3", "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 0', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 91', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 99999999999999999999', "bad_rule"),
        ('[[rules]]\nevent = ""\ndays = 1', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 1\nwithin = 2', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 1\ncustomer = {fixed = nan}', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 1\ncustomer = {times = 1e308}', "bad_rule"),
        ('[[rules]]\nevent = "x"\ndays = 1\n[[rules]]\nevent = "x"\ndays = 2', "bad_rule"),
        ("".join(f'[[rules]]\nevent = "x{n}"\ndays = 1\n' for n in range(201)), "bad_rule"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(typed: Typed, tmp_path: Path, body: str, code: str) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(body)
    with pytest.raises(BadInput) as caught:
        typed("rules", str(file))
    assert caught.value.code == code
    assert json.loads(typed("show", "--json")) == {"rules": [], "version": 0}
