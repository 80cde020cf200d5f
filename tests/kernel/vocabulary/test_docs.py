from pathlib import Path

import pytest

from rapport.kernel.vocabulary import CATEGORIES, GROUPS, PLAIN_WORDS, PURPOSES, SETS, SPECIAL, bit

PAGE = (Path(__file__).parents[3] / "docs/reference/vocabulary.md").read_text()


@pytest.mark.parametrize(("plain", "concept"), [*PURPOSES.items(), *CATEGORIES.items()])
def test_every_plain_name_stands_in_the_reference_with_its_ids_and_words(plain, concept):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{plain}` |"))
    assert all(f"`{written}`" in row for written in (concept, *GROUPS.get(plain, ())))
    assert PLAIN_WORDS[plain] in row
    assert row.endswith("| yes |") == (plain in CATEGORIES and bit(plain) & SPECIAL != 0)


@pytest.mark.parametrize("name", SETS)
def test_every_set_stands_in_the_reference(name):
    assert f"| `{name}` | `{SETS[name]}` |" in PAGE
