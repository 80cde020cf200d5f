"""The settings of resolution, read from one file (`rules.toml` beside this module, or an operator's own)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from rapport.kernel.errors import Misconfigured
from rapport.kernel.ports import OWN_WORD
from rapport.resolve.evidence import USER

ANY_OTHER: Final = "*"
LAST: Final = 1 << 20
"""The level of what people say themselves: weaker than any that rules can give."""

Level = Annotated[int, Meta(ge=0, le=1000)]
Count = Annotated[int, Meta(ge=1)]


class TypeRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for one type of identifier; the fields are explained in `rules.toml`."""

    level: Level = 3
    trusted_level: Level = 3
    shared_above: Count = 20
    one_email: bool = False
    per_customer: Annotated[int, Meta(ge=0)] = 0


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of resolution; the fields are explained in `rules.toml`."""

    types: dict[str, TypeRules] = {}
    blocked: frozenset[str] = frozenset()
    too_connected: Count = 1000
    records_per_user: Count = 10_000
    identifiers_per_record: Count = 64
    trust: dict[str, Level] = {}

    def of(self, identifier_type: str) -> TypeRules:
        """The rules of a type; those of `*` where it has none of its own."""
        return self.types.get(identifier_type) or self.types[ANY_OTHER]

    def blocks(self, value: str) -> bool:
        """Whether a value stands for nobody in this company's systems, and so is no evidence."""
        return value.lower() in self.blocked

    def level(self, identifier_type: str, *, trusted: bool = False, trust: int = 0) -> int:
        """The level of evidence of a type of identifier.

        `trusted`: it was verified, or the source speaks for the organization's own systems. `trust` is the source's
        setting; one that the file does not list counts as the nearest listed one below it, or else the least. What
        a person says themselves comes last: such a record joins those that name its identifier, and at no other level
        does it count among them, so that it changes nothing about who the others are.
        """
        if identifier_type == USER:
            return 0
        if trust >= OWN_WORD:
            return LAST
        rules = self.of(identifier_type)
        return (rules.trusted_level if trusted else rules.level) + self._raised(trust)

    def _raised(self, trust: int) -> int:
        if not self.trust:
            return 0
        listed = self.trust.get(str(trust))
        if listed is not None:
            return listed
        known = sorted(map(int, self.trust))
        below = [t for t in known if t <= trust]
        return self.trust[str(below[-1] if below else known[0])]


MAX_BYTES = 4 * 1024 * 1024
"""Of a file of rules; it may name many values that stand for nobody."""


@cache
def default_rules() -> Rules:
    """The rules that Rapport brings along, read once."""
    return parse_rules(files("rapport.resolve").joinpath("rules.toml").read_text("utf-8"), "rules.toml")


def load_rules(path: Path) -> Rules:
    """An operator's rules; raises Misconfigured, which names file and line or field, where they cannot be used."""
    try:
        with path.open("rb") as file:  # what has no end is not read to it
            content = file.read(MAX_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the rules file {path} cannot be read: {error}", field=str(path)) from error
    if len(content) > MAX_BYTES:
        raise Misconfigured(f"the rules file {path} has more than {MAX_BYTES:,} bytes", field=str(path))
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str) -> Rules:
    """Rules from TOML; `name` is how errors call it."""
    try:
        rules = msgspec.convert(tomllib.loads(text), Rules)
    except ValueError as error:  # TOML's own, and that of a number of thousands of digits
        raise Misconfigured(f"{name} is not TOML: {error}", field=name) from error
    except RecursionError:
        raise Misconfigured(f"{name} has no rules: it nests too deep", field=name) from None
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{name}: {error}", field=name) from error
    for field, problem in _problems(rules):
        raise Misconfigured(f"{name}: {field} {problem}", field=field)
    return msgspec.structs.replace(rules, blocked=frozenset(value.strip().lower() for value in rules.blocked))


def _problems(rules: Rules) -> list[tuple[str, str]]:
    problems = [("trust", f"needs whole numbers as names, not {t!r}") for t in rules.trust if not _is_int(t)]
    if ANY_OTHER not in rules.types:
        problems.append(('types."*"', "is missing: it says what holds for types of identifiers not named here"))
    return problems + [problem for name, of in rules.types.items() for problem in _type_problems(name, of)]


def _type_problems(name: str, of: TypeRules) -> list[tuple[str, str]]:
    levels: Mapping[str, int] = {"level": of.level, "trusted_level": of.trusted_level}
    if name == USER:
        return [
            (f"types.{name}.{field}", "must be 0: a user id is what a label is") for field in levels if levels[field]
        ]
    low = [(f"types.{name}.{field}", "must be 1 or more: 0 is for user ids") for field in levels if not levels[field]]
    if of.trusted_level > of.level:
        low.append((f"types.{name}.trusted_level", "must not be above level: trusted evidence is never the weaker"))
    return low


def _is_int(text: str) -> bool:
    try:
        return str(int(text)) == text
    except ValueError:
        return False
