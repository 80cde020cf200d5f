"""Where the demo may play: its organization and sources, and a note beside the node's data of what was sent already."""

from pathlib import Path

import msgspec

from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import MINUTE, now

ORG = "demo"
DEFAULT_SEED = 1

SOURCES = {"web": (False, 0), "app": (False, 0), "till": (True, 0), "crm": (True, 1), "support": (True, 0)}
"""The shop's sources: whether they are systems of its own rather than a browser or a phone, and how far their values
are trusted. The customer file is kept with most care, so where names differ, its spelling is shown."""


class Note(msgspec.Struct):
    """What an organization got from the demo. Its history ends at `end` (µs) for good, so that a repeat is a copy.
    `accounts`: how many of its customers were given terms of their own; `alice`: the handle of Alice's account;
    `lived`: whether her month was; `offered`: the node knows what the shop can do; `decided`: what it did for Alice."""

    seed: int
    end: int
    households: int = 0
    accounts: int = 0
    alice: str = ""
    lived: bool = False
    offered: bool = False
    decided: bool = False


def admit(settings: Settings, org: str, *, sure: bool) -> None:
    """Make the organization where it is not there, unless the data directory is somebody's: then ask to be sure.

    Raises Conflict where the directory holds other organizations than the demo's own and nobody said `sure`.
    """
    ledger = embedded.open_ledger(settings)
    try:
        orgs = ledger.orgs()
        if not sure and (others := [name for name in {*orgs, org} if name != ORG]):
            named = ", ".join(sorted(others))
            message = (
                f"invented data would enter {settings.directory}, which is for {named}: is that meant? Then add --yes"
            )
            raise Conflict(message, field="org")
        if org not in orgs:
            ledger.add_org(org)
    finally:
        ledger.close()


def write_key(settings: Settings, org: str, source: str) -> str:
    """The write key of one of the shop's sources, made where it is not there."""
    trusted, trust = SOURCES[source]
    ledger = embedded.open_ledger(settings)
    try:
        return ledger.add_source(org, source, trusted=trusted, trust=trust).write_key
    except Conflict:
        return ledger.source(org, source).write_key
    finally:
        ledger.close()


def recall(settings: Settings, org: str, seed: int | None) -> Note:
    """The note of earlier runs, or a new one whose history ends now. Raises BadInput where it was of another seed."""
    place = _place(settings, org)
    if place.exists():
        note = msgspec.json.decode(place.read_bytes(), type=Note)
        if seed is not None and seed != note.seed:
            message = (
                f"organization {org!r} was made with seed {note.seed}; another seed needs an organization of its own"
            )
            raise BadInput(message, field="seed")
        return note
    note = Note(DEFAULT_SEED if seed is None else seed, now() // MINUTE * MINUTE)
    keep(settings, org, note)
    return note


def keep(settings: Settings, org: str, note: Note) -> None:
    """Write the note, whole or not at all."""
    place = _place(settings, org)
    draft = place.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(note))
    draft.replace(place)


def _place(settings: Settings, org: str) -> Path:
    return settings.directory / f"demo-{org}.json"
