"""What an import can say and be told is documented."""

import re
from pathlib import Path

import msgspec
import pytest

from rapport.collect.mapping import ENCODINGS, FORMATS, TYPES, UNIX, FileFormat, Time
from rapport.collect.refusals import MEANING, Reason
from rapport.collect.segment import KINDS
from rapport.kernel.vocabulary import CATEGORIES

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to/import.md").read_text()
REFERENCE = (DOCS / "reference/mapping.md").read_text()

EVENT = ["type", "name", "when", "skip", "group_by", "message_id", "group_id", "previous_id"]
FIELD = ["column", "value", "compute", "sum", "count", "type", "decimals", "category", "empty"]
CONDITION = ["equals", "one_of", "starts_with", "present", "above", "below"]
TABLES = [*(field.name for field in msgspec.structs.fields(FileFormat)), "name", "key", *EVENT, *FIELD, *CONDITION]
TABLES += [field.name for field in msgspec.structs.fields(Time) if field.name != "field"]
WORDS = [*FORMATS, *ENCODINGS, *TYPES, *UNIX, *CATEGORIES, *KINDS]


def test_every_reason_has_a_meaning_and_a_row_in_the_how_to():
    assert set(MEANING) == set(Reason)
    assert set(re.findall(r"^\| `(\w+)` \| [A-Z]", HOW_TO, re.MULTILINE)) == {str(reason) for reason in Reason}


@pytest.mark.parametrize("key", sorted(set(TABLES)))
def test_every_key_of_a_mapping_has_a_row_in_the_reference(key):
    assert re.search(rf"^\|[^|]*`{key}`", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_every_choice_of_a_mapping_is_in_the_reference(word):
    assert re.search(rf"[`\"]{word}[`\"]", REFERENCE)


def test_every_option_of_the_command_is_in_the_how_to():
    from typer.main import get_command

    from rapport.cli import command_line

    command = get_command(command_line()).commands["import"]
    options = [name for option in command.params for name in option.opts if name.startswith("--")]
    assert {"--mapping", "--wait"} < set(options)
    assert [name for name in options if f"`{name}" not in HOW_TO and f"`{name}`" not in HOW_TO] == []


def test_every_example_is_in_the_how_to():
    mappings = {path.name for path in DOCS.parent.glob("examples/*.toml")} - {"actions.toml", "declaration.toml"}
    assert [name for name in sorted(mappings) if name not in HOW_TO] == []
