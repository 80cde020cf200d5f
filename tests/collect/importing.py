"""What the tests of importing share: a run over lines that are in memory."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from rapport.adapters.files import SealedSpill
from rapport.collect import mapping_toml
from rapport.collect.grouping import BUDGET, Groups
from rapport.collect.importing import Importer, Tally

TRACK = """
[identifiers]
user_id = "who"
[[event]]
name = "Seen"
[event.properties]
what = "what"
"""


@dataclass
class Outcome:
    events: list[dict[str, Any]]
    bodies: list[bytes]
    refused: list[tuple[int, str]]
    messages: list[str]
    tally: Tally = field(default_factory=Tally)

    @property
    def ids(self) -> list[str]:
        return [event["messageId"] for event in self.events]


def run(mapping: str, rows: Sequence[dict[str, Any]], budget: int = BUDGET) -> Outcome:
    """Import rows (column → value) by a mapping in TOML; lines count from 1."""
    read = mapping_toml.parse(mapping)
    columns = read.columns()
    lines = [(number, tuple(row.get(column) for column in columns)) for number, row in enumerate(rows, 1)]
    outcome = Outcome([], [], [], [])

    def refuse(place: int, reason: str, message: str) -> None:
        outcome.refused.append((place, reason))
        outcome.messages.append(message)

    with tempfile.TemporaryDirectory() as directory:
        spill = SealedSpill(Path(directory))
        importer = Importer(read, columns, Groups(spill, budget), refuse)
        for batch in importer.batches(lambda: iter(lines)):
            outcome.bodies.append(batch.body)
            outcome.events.extend(msgspec.json.decode(batch.body)["batch"])
        spill.close()
    outcome.tally = importer.tally
    return outcome
