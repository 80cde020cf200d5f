"""`rapport import --suggest`: a mapping proposed from the data; nothing is written but the file that is asked for."""

import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import typer

from rapport.adapters.files import Files, SealedSpill, open_peeked, peek
from rapport.cli import options
from rapport.cli.import_report import summary
from rapport.collect import mapping_toml
from rapport.collect.grouping import Groups
from rapport.collect.importing import Importer, Read
from rapport.collect.mapping import FileFormat
from rapport.collect.refusals import Unreadable
from rapport.collect.suggesting import SAMPLE_BYTES, SAMPLE_LINES, is_of_values, plan, written
from rapport.kernel.errors import BadInput, Conflict

MOST_COLUMNS = 2_000
"""More are no table that anybody wrote, and each is judged by its values."""


def suggest(files: list[Path], out: Path | None, *, as_json: bool) -> None:
    """Print a mapping for the file, or write it to `out`."""
    if len(files) != 1:
        raise BadInput("--suggest looks at one file; give one that is like the others")
    path = files[0]
    peeked = peek(path)
    times = Counter(peeked.names)
    names = tuple(name for name, count in times.items() if name and count == 1)
    _check_names(path.name, names)
    if is_of_values(names):
        message = (
            f"where the names of columns should stand, {path.name} has values: put a line of names above them, such as "
            "email,name,created_at"
        )
        raise BadInput(message, code="unusable_file", field="file")
    lines = open_peeked(path, peeked, names)
    name = path.name.removesuffix(".gz")
    tell(name, Path(name).stem, path.name, lines, peeked.file, names, out, as_json=as_json)
    if doubled := sorted(name for name, count in times.items() if count > 1 and name):
        shown = ", ".join(map(repr, doubled[:10]))
        typer.echo(f"rapport: columns that are there more than once cannot be mapped: {shown}", err=True)


def tell(
    table: str,
    stem: str,
    given: str,
    lines: Files,
    file: FileFormat,
    names: tuple[str, ...],
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    """Suggest from the first lines of what `lines` reads, try it on the same lines, and say both. `stem`: what the
    lines are, in a word; `given`: how a command line names them."""
    if out is not None and out.exists():
        raise Conflict(f"{out} is there already; name another file, or remove it", field="out")
    _check_names(table, names)
    sample = _sample(lines)
    proposed = plan(stem, names, [row for _, row in sample if not isinstance(row, Unreadable)], file)
    tally = _tried(written(proposed), names, lines, sample)
    text = written(proposed, _head(table, given, len(sample), tally))
    mapping_toml.parse(text, "the suggestion")
    if out is not None:
        _write(out, text)
    if as_json:
        columns = [msgspec.to_builtins(told) for told in proposed.told]
        shown = None if out is None else str(out)
        options.print_json({"file": table, "out": shown, "mapping": text, "columns": columns, "tried": tally})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"{out}: {_head(table, given, len(sample), tally)[1]}")


def _check_names(table: str, names: tuple[str, ...]) -> None:
    """Before they are looked for in every line. Raises BadInput."""
    if not names:
        raise BadInput(
            f"{table} has no line, or no column whose name is there once", code="no_suggestion", field="file"
        )
    if len(names) > MOST_COLUMNS:
        message = f"{table} has {len(names):,} columns whose names are there once; 1 to {MOST_COLUMNS:,} can be judged"
        raise BadInput(message, code="unusable_file", field="file")


def _sample(lines: Files) -> list[Read]:
    sample: list[Read] = []
    size = 0
    for read in lines.read():
        sample.append(read)
        size += 64 if isinstance(read[1], Unreadable) else sum(_size(cell) for cell in read[1])
        if len(sample) >= SAMPLE_LINES or size >= SAMPLE_BYTES:
            break
    return sample


def _size(cell: Any) -> int:
    return len(cell) + 50 if isinstance(cell, str) else 24 if isinstance(cell, int | float | None) else len(str(cell))


def _tried(text: str, names: tuple[str, ...], lines: Files, sample: list[Read]) -> dict[str, Any]:
    """How the sample fares under the mapping."""
    mapping = mapping_toml.parse(text, "the suggestion")
    columns = mapping.columns()
    index = [names.index(column) for column in columns]

    def read() -> list[Read]:
        return [(place, row if isinstance(row, Unreadable) else tuple(row[i] for i in index)) for place, row in sample]

    with tempfile.TemporaryDirectory() as directory, closing(SealedSpill(Path(directory))) as spill:
        importer = Importer(mapping, columns, Groups(spill), lambda *_: None)
        for _ in importer.batches(read):
            pass
    return summary(importer.tally, lines)


def _head(table: str, given: str, lines: int, tally: dict[str, Any]) -> list[str]:
    refused = ", ".join(f"{count:,} {reason}" for reason, count in tally["rejected"].items()) or "none"
    fared = f"{tally['events']:,} events of {tally['in_events']:,}, {tally['left_out']:,} left out, refused: {refused}"
    return [
        f"Suggested from the first lines of {table}. Read it before it is used: what is called a guess is one.",
        f"Of {lines:,} lines: {fared}.",
        f"  rapport import {given} --org ORG --source SOURCE --mapping THIS.toml",
    ]


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}", field="out") from None
