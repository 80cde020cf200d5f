"""A person's own word on what a company knows of them: which traits can be corrected, in which records it is said, and
where it is seen.

It is said in a record of the source `you`, keyed by an identifier that the person claims and that leads to one customer
alone. A claim that several users share, or one of a device, leads nowhere: nothing is corrected by a guess.
"""

import math
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import Any, NamedTuple

import msgspec

from rapport.collect.correction import Key, message_id
from rapport.kernel.errors import BadInput
from rapport.kernel.ports import OWN_WORD, YOU
from rapport.profile import view
from rapport.profile.devices import TYPES
from rapport.profile.record import Fact, Record
from rapport.profile.store import ProfileReader
from rapport.profile.timeline import UNKNOWN
from rapport.profile.view import Part
from rapport.terms.deciding import holds_firmly
from rapport.terms.own import own_parts

_LARGEST = 2**63 - 1
_UNSEEN = {"Cc", "Cs"}
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_PREFERRED = ("user_id", "email", "loyalty_id", "phone")


class Correctable(NamedTuple):
    """A trait as it is shown, with the other values beside it; and where a correction of it is said.

    `keys`: of the records to say it in, one for each of the person's customers that have the trait; none where nothing
    leads to one customer alone. `said`: of those in which they have said something of it. `newest`: when they said the
    last of it (µs), whether it stands or was taken back. `customers` are those that a claim leads to, `sources` whom
    it concerns, as `concerned` says, by the claims `telling`, which nobody shares.
    """

    shown: dict[str, Any]
    keys: tuple[Key, ...]
    said: tuple[Key, ...]
    newest: int
    customers: tuple[str, ...]
    sources: dict[str, list[Key]]
    telling: tuple[Key, ...]

    @property
    def theirs(self) -> Any:
        """The value that systems say; the person's own where none does."""
        said = (one["value"] for one in (self.shown, *self.shown["others"]) if one["source"] != YOU)
        return next(said, self.shown["value"])


def correctable(reader: ProfileReader, org: str, claims: Sequence[Key], trait: str) -> Correctable | None:
    """A trait that a company surely knows of a person who makes these claims; None where there is none. Within a
    reader's snapshot."""
    parts, shared = own_parts(reader, org, claims)
    shown = view.traits([_only(part, trait) for part in parts if trait in part.record.facts]).get(trait)
    if shown is None:
        return None
    said = [part for part in parts if part.trust >= OWN_WORD and trait in part.record.facts]
    ways = _ways(reader, org, claims, {part.number for part in parts if _knows(part, trait)})
    telling = [(kind, value) for kind, value in claims if kind not in TYPES and f"{kind}:{value}" not in shared]
    return Correctable(
        shown,
        tuple(sorted(set(ways.values()), key=_preference)),
        tuple(_key(part) for part in said if _knows(part, trait)),
        max((_time(part.record.facts[trait]) for part in said), default=UNKNOWN),
        tuple(ways),
        concerned(parts, telling),
        tuple(telling),
    )


def _ways(reader: ProfileReader, org: str, claims: Iterable[Key], knowing: Collection[int]) -> dict[str, Key]:
    """Each customer that has one of the records `knowing`, with the best claim that leads to it and to no other."""
    found: dict[str, Key] = {}
    for kind, value in sorted(claims, key=_preference):
        customers = [] if kind in TYPES else reader.by_identifier(org, kind, value)
        if len(customers) == 1 and any(part.number in knowing for part in customers[0].parts):
            found.setdefault(customers[0].customer, (kind, value))
    return found


def _preference(claim: Key) -> tuple[int, Key]:
    kind = claim[0]
    return (_PREFERRED.index(kind) if kind in _PREFERRED else len(_PREFERRED), claim)


def is_heard(
    reader: ProfileReader, org: str, claims: Sequence[Key], trait: str, correction: str, at: int, keys: Sequence[Key]
) -> bool:
    """Whether readers see what was said of a trait at a time, or something newer, in a record that is the person's with
    others. Within a reader's snapshot."""
    parts, _ = own_parts(reader, org, claims)
    words = {_key(part): part.record.facts.get(trait) for part in parts if part.trust >= OWN_WORD}
    for key in keys:
        fact = words.get(key)
        if fact is not None and (_time(fact), fact.event) >= (at, message_id(correction, key)):
            return True
    return False


def concerned(parts: Iterable[Part], claims: Iterable[Key]) -> dict[str, list[Key]]:
    """The sources whose records are surely the person's, each with those of the claimed identifiers that it knows
    itself: by what may be read of a customer's records."""
    claimed = list(claims)
    links = frozenset(f"{kind}:{value}" for kind, value in claimed)
    known: dict[str, set[Key]] = {}
    for part in parts:
        record = part.record
        if part.trust < OWN_WORD and holds_firmly(part, links):
            held = {link for link, how in record.links.items() if how & ~record.unlinked.get(link, 0)}
            known.setdefault(record.source, set()).update(key for key in claimed if f"{key[0]}:{key[1]}" in held)
    return {source: sorted(keys, key=_preference) for source, keys in sorted(known.items()) if keys}


def fitting(value: Any, found: Correctable) -> Any:
    """A corrected value as it is kept: of the kind that systems say, where it comes as text. Of what has parts, such as
    an address, some of these. Raises BadInput, naming the field `value`."""
    theirs, shown = found.theirs, found.shown["value"]
    if isinstance(theirs, dict):
        shown = shown if isinstance(shown, dict) else theirs
        if not isinstance(value, dict) or value.keys() - shown.keys():
            raise _unfit(f"this has parts: say some of {', '.join(map(str, shown))}"[:300])
        if any(isinstance(shown[part], dict | list) for part in value):
            raise _unfit("this has parts of parts, which cannot be corrected here: ask the company")
        return {**shown, **{part: _scalar(said, shown[part], may_be_empty=True) for part, said in value.items()}}
    if isinstance(theirs, list):
        raise _unfit("this is a list, which cannot be corrected here: ask the company")
    return _scalar(value, theirs)


def _scalar(value: Any, shown: Any, *, may_be_empty: bool = False) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) if isinstance(value, float) else abs(value) > _LARGEST:
            raise _unfit("this number is none that can be kept")
        return value
    if not isinstance(value, str):
        raise _unfit("a value is a text, a number, or true or false")
    if any(unicodedata.category(character) in _UNSEEN and character not in "\n\t" for character in value):
        raise _unfit("there are characters in it that cannot be seen")
    text = value.strip()
    if not text and not may_be_empty:
        raise _unfit("say what is right: there is nothing in it")
    if isinstance(shown, bool):
        if text.lower() not in _TRUTH:
            raise _unfit("this is true or false")
        return _TRUTH[text.lower()]
    if isinstance(shown, int | float) and text:
        return _number(text)
    return text


def _number(text: str) -> int | float:
    try:
        return _scalar(msgspec.json.decode(text, type=int | float), 0)  # type: ignore[no-any-return]  # a number
    except (msgspec.DecodeError, RecursionError):
        raise _unfit("this is a number") from None


def _unfit(message: str) -> BadInput:
    return BadInput(message, code="bad_request", field="value")


def with_own_word(whole: Sequence[Part], opened: list[Part]) -> list[Part]:
    """What may be read of a customer, with the person's own word on each trait of which something may be read.

    A correction opens where what it corrects is open, and opens nothing else: its record carries no consent, so that by
    itself a company would go on seeing what is wrong wherever it needs some.
    """
    words = [part for part in whole if part.trust >= OWN_WORD]
    if not words:
        return opened
    told = {
        (trait, part.category(trait, fact))
        for part in opened
        if part.trust < OWN_WORD
        for trait, fact in part.record.facts.items()
        if fact.value is not None
    }
    by_number = {part.number: part for part in opened}
    for part in words:
        facts = {t: fact for t, fact in part.record.facts.items() if (t, part.category(t, fact)) in told}
        known = by_number.get(part.number)
        if known is None and facts:
            bare = Record(part.record.org, part.record.source, part.record.key_type, part.record.key_value, facts=facts)
            by_number[part.number] = msgspec.structs.replace(part, record=bare, mask=0)
        elif known is not None and facts.keys() - known.record.facts.keys():
            record = copy(known.record)
            record.facts = {**known.record.facts, **facts}
            by_number[part.number] = msgspec.structs.replace(known, record=record)
    return [by_number[part.number] for part in whole if part.number in by_number]


def _knows(part: Part, trait: str) -> bool:
    fact = part.record.facts.get(trait)
    return fact is not None and fact.value is not None


def _key(part: Part) -> Key:
    return part.record.key_type, part.record.key_value


def _time(fact: Fact) -> int:
    return UNKNOWN if fact.time is None else fact.time


def _only(part: Part, trait: str) -> Part:
    record = part.record
    return msgspec.structs.replace(
        part, record=Record(record.org, record.source, "", "", facts={trait: record.facts[trait]})
    )
