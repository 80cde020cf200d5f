"""`rapport action`, as it is typed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rapport.app.embedded import open_ledger
from rapport.cli import command_line
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.expressions import ExpressionError
from tests.profile.house import House, at, told

Typed = Callable[..., str]
EXAMPLE = str(Path(__file__).parents[2] / "examples" / "actions.toml")
ONE = """
[action.hello]
kind = "thank"
purpose = "service"
content.inbox.en = "Thank you, {traits.firstName or 'whoever you are'}."
"""


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        house.send(told(at("10:00"), type="identify", userId="u1", traits={"firstName": "Ada"}))
        yield house.settle()


@pytest.fixture
def typed(house: House) -> Typed:
    """What a command prints; raises what it raises."""

    def typed(*words: str) -> str:
        line = ["action", *words, "--data", str(house.directory)]
        # With another command, so that typer keeps the group's name.
        result = CliRunner().invoke(command_line(["action", "audience"]), line)
        if result.exception is not None:
            raise result.exception
        return result.output

    return typed


def as_json(typed: Typed, *words: str) -> Any:
    return json.loads(typed(*words, "--json"))


def file(directory: Path, content: str, name: str = "some.toml") -> str:
    path = directory / name
    path.write_text(content)
    return str(path)


def test_a_shops_catalogue_is_loaded_listed_shown_tried_and_let_go(typed: Typed) -> None:
    loaded = typed("load", EXAMPLE)
    assert "thank_first_order" in loaded
    assert "14 actions, beside silence." in loaded
    listed = typed("list")
    assert "help_after_refund" in listed
    assert "in GBP" in listed
    assert len(as_json(typed, "list")["actions"]) == 14
    shown = typed("show", "help_after_refund")
    assert "2.80 to the customer, 0.85 to the company, in GBP" in shown
    assert "within(" in shown
    assert as_json(typed, "show", "notice_recall")["mandatory"] is True
    preview = typed("preview", "thank_first_order", "user_id:u1", "inbox", "--language", "en")
    assert "Thank you, Ada!" in preview
    assert "They would not get it: eligible" in preview
    assert "rcp_" in preview
    assert typed("remove", "thank_first_order") == "thank_first_order is no more.\n"
    with pytest.raises(NotFound):
        typed("show", "thank_first_order")


def test_loading_again_changes_nothing_and_another_text_is_another_version(typed: Typed, tmp_path: Path) -> None:
    assert "(new)" in typed("load", file(tmp_path, ONE))
    assert "(version 1)" in typed("load", file(tmp_path, ONE))
    assert "(version 2)" in typed("load", file(tmp_path, ONE.replace("Thank you", "Thanks")))
    assert as_json(typed, "load", file(tmp_path, ONE))["actions"][0]["version"] == 3


def test_of_files_with_a_fault_nothing_is_taken_and_the_fault_is_placed(typed: Typed, tmp_path: Path) -> None:
    good = file(tmp_path, ONE)
    bad = file(tmp_path, ONE.replace("hello", "bad").replace("thank", "thnak"), "bad.toml")
    with pytest.raises(BadInput) as caught:
        typed("load", good, bad)
    assert caught.value.message.startswith(f"{bad}: action.bad.kind: 'thnak' is no kind")
    assert as_json(typed, "list") == {"actions": []}
    with pytest.raises(BadInput, match=r"action hello is in .*some\.toml, too"):
        typed("load", good, file(tmp_path, ONE, "again.toml"))
    with pytest.raises(BadInput, match="cannot be read"):
        typed("load", str(tmp_path / "nothing.toml"))


def test_of_an_expression_all_that_is_wrong_is_told(typed: Typed, tmp_path: Path) -> None:
    wrong = ONE.replace('purpose = "service"', 'purpose = "service"\neligible = "cuont() > 1 && trait.x"')
    with pytest.raises(ExpressionError) as caught:
        typed("load", file(tmp_path, wrong))
    assert caught.value.field == "action.hello.eligible"
    assert len(caught.value.problems) == 2


def test_units_are_set_by_a_file_and_shown(typed: Typed, tmp_path: Path) -> None:
    assert "(no currency is set)" in typed("units")
    units = '[units]\ncurrency = "NOK"\nminute = 2\nkinds.thank = { customer = 5, company = 1 }\n'
    typed("load", file(tmp_path, units + ONE))
    shown = typed("units")
    assert "A minute of a customer's time is worth 2 NOK." in shown
    assert "5.00     1.00  say thanks, and want nothing (set by you)" in shown
    assert as_json(typed, "units")["worth"]["help"] == {"customer": 8.0, "company": 4.0}


def test_where_there_are_several_organizations_one_is_named(house: House, typed: Typed, tmp_path: Path) -> None:
    ledger = open_ledger(house.settings)
    ledger.add_org("rival")
    ledger.close()
    with pytest.raises(BadInput, match="--org"):
        typed("load", file(tmp_path, ONE))
    typed("load", file(tmp_path, ONE), "--org", "rival")
    assert len(as_json(typed, "list", "--org", "rival")["actions"]) == 1
    with pytest.raises(NotFound, match="nowhere"):
        typed("list", "--org", "nowhere")
