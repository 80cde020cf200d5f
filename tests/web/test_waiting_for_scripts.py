"""Buttons whose work a script does: none can be pressed before it hears them, and where it never comes that is said."""

import re
from pathlib import Path

import pytest

from rapport.web import pages

SCRIPTED = [path for path in sorted(pages.SHARED.glob("*/templates/*.html")) if "data-signin=" in path.read_text()]
SIGNING = pages.SHARED / "portal/templates/signing.html"


def test_there_are_such_pages_in_every_area() -> None:
    assert {path.parent.parent.name for path in SCRIPTED} == {"console", "portal", "signin"}


@pytest.mark.parametrize("template", SCRIPTED, ids=lambda path: f"{path.parent.parent.name}-{path.name}")
def test_a_button_begins_disabled_and_its_page_says_what_it_lacks(template: Path) -> None:
    source = template.read_text()
    section = source[source.index("data-signin=") :]
    button = re.search(r"<button[^>]*>", section)
    assert button is not None
    assert " disabled" in button[0]
    said = section + (SIGNING.read_text() if "signing.what(" in section else "")
    assert "<noscript><p" in said


def test_terms_are_changed_without_a_script_too() -> None:
    source = (pages.SHARED / "portal/templates/change.html").read_text()
    assert re.search(r"<noscript><button class=\"primary big\">{{ yes }}</button></noscript>", source)
