"""The reference of the language says what there is, and its examples can be read."""

import re
from pathlib import Path

import pytest

from rapport.kernel.expressions import FUNCTIONS, ExpressionError, Kind, compile_expression
from rapport.kernel.expressions.syntax import MAX_DEPTH, MAX_NODES
from rapport.kernel.expressions.tokens import MAX_LENGTH

PAGE = (Path(__file__).parents[3] / "docs/reference/expressions.md").read_text("utf-8")
TABLE = PAGE.partition("## Functions")[2].partition("## Time")[0]


def test_every_function_is_in_the_reference_and_no_other() -> None:
    rows = [line.split("|")[1] for line in TABLE.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(FUNCTIONS)


def test_every_example_in_the_table_of_functions_can_be_read() -> None:
    examples = [example for line in TABLE.splitlines() for example in re.findall(r"`([^`]*\([^`]*)`", line)]
    assert len(examples) >= len(FUNCTIONS) - 8
    for example in examples:
        text = f'within("a", {example})' if example.startswith("days(") else example
        text = text if not text.startswith(("since(", "until(")) or ">" in text or "<" in text else f"{text} > days(1)"
        compile_expression(text, Kind.ANY)


def test_the_examples_at_the_head_can_be_read() -> None:
    block = PAGE.split("```")[1].strip()
    for line in block.splitlines():
        compile_expression(line)


@pytest.mark.parametrize("limit", [MAX_LENGTH, MAX_DEPTH, MAX_NODES, 64, 200, 100])
def test_limits_are_those_of_the_code(limit: int) -> None:
    assert f" {limit:,} " in PAGE.partition("## Limits")[2]


@pytest.mark.parametrize(
    ("text", "said"), [('traits.plan = "x"', "column 13: one '='"), ('cuont("a")', "there is no function cuont()")]
)
def test_errors_read_as_the_reference_shows(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert said in caught.value.message
    assert caught.value.message in PAGE
