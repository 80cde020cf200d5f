"""The documentation says what the code does: every setting, command, option, route and error code, and nothing else."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from starlette.routing import BaseRoute, Mount, Route

from rapport.app.node import application
from rapport.app.settings import DESCRIPTIONS, PREFIX, Settings
from rapport.cli import command_line
from rapport.web.api import collect as collecting

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
COMMON = {"--data", "--port", "--json", "--help", "--version"}


def text_of(*names: str) -> str:
    return "\n".join((REFERENCE / name).read_text("utf-8") for name in names)


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next of its rank."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section {heading!r}"
    return found.group(1)


# -- settings


def test_every_setting_is_listed_with_its_variable_its_default_and_its_meaning() -> None:
    page, defaults = text_of("settings.md"), Settings()
    assert DESCRIPTIONS.keys() == set(Settings.__struct_fields__)
    for name, meaning in DESCRIPTIONS.items():
        value = getattr(defaults, name)
        shown = "(empty)" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        assert f"| `{name}` | `{PREFIX}{name.upper()}` | {shown} | {meaning} |" in page


def test_no_setting_is_listed_that_is_none() -> None:
    listed = re.findall(r"^\| `(\w+)` \| `RAPPORT_", text_of("settings.md"), re.MULTILINE)
    assert sorted(listed) == sorted(Settings.__struct_fields__)


# -- the command line


def commands(group: Any, path: str = "rapport") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name. (Typer brings click inside itself, so there is no type of it to name.)"""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands(typer.main.get_command(command_line())))


def options(command: Any) -> set[str]:
    every = (long for parameter in command.params for long in (*parameter.opts, *parameter.secondary_opts))
    return {long for long in every if long.startswith("--")}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_described(name: str) -> None:
    page = text_of("cli.md")
    about = section(page, " ".join(name.split()[:2]))
    if name == "rapport show":
        about += section(page, "rapport explain")
    assert name in about or f"## {name}" in page
    missing = {option for option in options(COMMANDS[name]) - {"--help"} if f"`{option}`" not in about}
    assert not missing


def test_no_command_or_option_is_described_that_is_none() -> None:
    page = text_of("cli.md")
    known = set().union(*map(options, COMMANDS.values())) | COMMON
    assert set(re.findall(r"`(--[a-z-]+)", page)) <= known
    headings = re.findall(r"^## rapport (\w+)", page, re.MULTILINE)
    assert set(headings) == {name.split()[1] for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_of_its_own(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name}"


# -- HTTP


def served(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Route):
            yield route.path
        elif isinstance(route, Mount):
            yield route.path  # the console's pages, which have a guide of their own
        else:
            yield from collecting.PATHS


def test_every_path_the_node_answers_is_described(tmp_path: Path) -> None:
    async def paths() -> set[str]:
        async with application(Settings(data=str(tmp_path))) as whole:
            return set(served(whole.app.routes))

    described = re.sub(r"\{[^}]*\}", "{}", text_of("http-api.md", "collect.md").replace("{type}:{value}", "{}"))
    for path in asyncio.run(paths()):
        plain = re.sub(r"\{[^}]*\}", "{}", path)
        # Below a customer the parts are told apart by hand, on the raw path.
        plain = "/v1/customers/{}/view" if plain == "/v1/customers/{}" else plain
        ways = {plain, plain.rstrip("/"), f"{plain}/", re.sub(r"^/(?=[a-z]$)", "/v1/", plain)}
        assert any(f"{way}`" in described or f"{way}?" in described for way in ways), path


def test_every_error_code_is_described() -> None:
    page = text_of("http-api.md", "collect.md")
    source = "\n".join(
        file.read_text("utf-8")
        for area in ("kernel", "profile", "terms", "app", "adapters/embedded", "web/api")
        for file in (ROOT / "src/rapport" / area).rglob("*.py")
        if file.name not in {"supervise.py", "process.py", "desk.py"}  # never answered over HTTP, or by pages alone
    )
    codes = set(re.findall(r'code="([a-z_]+)"', source)) | set(re.findall(r'problem\(\d+, "([a-z_]+)"', source))
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in page} <= {"bad_name"}, "names are given on the command line"


# -- pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", page.read_text("utf-8")):
        link = target[0] or target[1]
        if link.startswith(("http:", "https:", "mailto:")) or "`" in link:
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path) if path else page
        assert there.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text("utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub and most others make it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def test_every_page_can_be_found_from_the_index() -> None:
    index = (DOCS / "index.md").read_text("utf-8") + (DOCS / "decisions/index.md").read_text("utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.name in index or page.name == "index.md", page


def test_the_two_commands_stand_at_the_top_of_the_readme() -> None:
    top = "\n".join((ROOT / "README.md").read_text("utf-8").splitlines()[:12])
    assert "make up" in top
    assert "make test" in top
