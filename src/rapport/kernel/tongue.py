"""In which language words are made: whoever makes sentences takes a `Tongue`, and makes them in English if it is given
none.

Sentences are whole, with named places (`keeps your data for %(days)s`), and stand in the code as GNU gettext's message
ids. What is kept for good (receipts, notices, agreements) is always English; only what goes onto a person's page, or
into a letter to them, is said in another tongue, which the pages' part of the house has (`rapport.web.language`).
"""

from typing import Final, Protocol


class Tongue(Protocol):
    def say(self, text: str, /, **values: object) -> str:
        """A sentence with its places filled; a percent sign is written `%%`."""

    def count(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The form for a number, which `%(count)s` stands for."""

    def listed(self, words: list[str], last: str, /) -> str:
        """Several as one: `crm, shop and till`, with the `last` word between the last two (`and`, `or`)."""


class _English:
    def say(self, text: str, /, **values: object) -> str:
        return text % values

    def count(self, one: str, many: str, count: int, /, **values: object) -> str:
        return (one if count == 1 else many) % {"count": f"{count:,}", **values}

    def listed(self, words: list[str], last: str, /) -> str:
        return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


ENGLISH: Final[Tongue] = _English()
