"""What organizations are called to people. Each says its own name, and could say another's, so who is called alike is
told apart by the id that the node's operator gave it, which nobody else has."""

import unicodedata
from collections import Counter
from collections.abc import Mapping


def told_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Organization → what people read: the name that it says (`names`, "" for none), with its id where that looks like
    another's name, like another's id, or like what another is told apart by."""
    taken = Counter(look for org, name in names.items() for look in _looks(org, name))
    return {
        org: org if not name else name if taken[_look(name)] == 1 else f"{name} ({org})" for org, name in names.items()
    }


def _looks(org: str, name: str) -> set[str]:
    return {_look(org), _look(name), _look(f"{name} ({org})")} if name else {_look(org)}


def _look(text: str) -> str:
    """What is left of a text where neither case, width nor signs between letters count."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign.isalnum()) or text
