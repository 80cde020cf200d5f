"""What `rapport import` tells: a bar while it runs, a summary at its end, and every refused line in a file."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from rapport.adapters.files import Files
from rapport.collect.errors import MEANING as EVENT_MEANING
from rapport.collect.importing import Batch, Importer, Read, Tally
from rapport.collect.refusals import MEANING
from rapport.kernel.errors import Misconfigured

_EVERY_LINES = 4096


class Report:
    """Refused lines as CSV: file, line, reason, message. Without a path they are only counted elsewhere."""

    def __init__(self, path: Path | None, table: Files) -> None:
        self._table = table
        self._file: IO[str] | None = None
        if path is None:
            return
        if path.resolve() in [source.path.resolve() for source in table.sources]:
            raise Misconfigured(f"the report {path} is one of the files to import", field="report")
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise Misconfigured(f"the report {path} cannot be written: {error.strerror}", field="report") from None
        self._write = csv.writer(self._file).writerow
        self._write(("file", "line", "reason", "message"))

    def add(self, place: int, reason: str, message: str) -> None:
        if self._file is not None:
            path, line = self._table.where(place)
            self._write((path, line, reason, message))

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


class Bar:
    """Progress on a terminal, with rate and time left; silent elsewhere."""

    def __init__(self, importer: Importer, table: Files) -> None:
        self._importer = importer
        self._table = table
        self._shown = sys.stderr.isatty()
        self._passes = 2 if importer.reads_twice else 1
        self._pass = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._shown,
            transient=True,
        )
        self._task = self._progress.add_task("reading", total=1.0, rate="")

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def watch(self, read: Callable[[], Iterable[Read]]) -> Callable[[], Iterable[Read]]:
        """The same lines, looked at as they pass."""
        return (lambda: self._watched(read())) if self._shown else read

    def follow(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches, looked at as they pass."""
        for batch in batches:
            yield batch
            self._look()

    def wait(self, log: int, wait: Callable[[Callable[[int], None]], None]) -> None:
        """Show how far the views are from log entry `log`."""
        first: list[int] = []

        def told(cursor: int) -> None:
            first.append(cursor)
            done = (cursor - first[0]) / max(log - first[0], 1)
            self._progress.update(self._task, completed=min(done, 1.0), rate="")

        self._progress.reset(self._task, description="into the views", total=1.0, rate="")
        wait(told)

    def _watched(self, lines: Iterable[Read]) -> Iterator[Read]:
        self._pass += 1
        self._progress.update(self._task, description="checking" if self._pass < self._passes else "importing")
        for number, line in enumerate(lines):
            yield line
            if not number % _EVERY_LINES:
                self._look()

    def _look(self) -> None:
        tally = self._importer.tally
        settled = tally.in_events + tally.left_out + sum(refused.lines for refused in tally.refused.values())
        read = self._table.progress()
        done = self._pass - 1 + read + read * settled / max(tally.lines, 1)
        task = self._progress.tasks[0]
        rate = f"{tally.lines / task.elapsed:,.0f} lines/s" if task.elapsed and tally.lines else ""
        self._progress.update(self._task, completed=done / (self._passes + 1), rate=rate)


def summary(tally: Tally, table: Files) -> dict[str, Any]:
    """The counts, as `--json` prints them."""
    first = {
        reason: [dict(zip(("file", "line"), _where(table, place), strict=True)) for place in refused.first]
        for reason, refused in tally.refused.items()
    }
    return {
        "rows": tally.lines,
        "events": tally.events,
        "in_events": tally.in_events,
        "left_out": tally.left_out,
        "rejected": {reason: refused.lines for reason, refused in tally.refused.items()},
        "first_rejected": first,
    }


def say_summary(tally: Tally, table: Files, told: dict[str, Any], *, waited: bool) -> None:
    """The counts for people."""
    log = told.get("log")
    where = f" (in the {'views' if waited else 'log'}, entry {log:,})" if log else ""
    resumed = f", {told['resumed']:,} of them by a run before this one" if told.get("resumed") else ""
    left_out = f", {tally.left_out:,} left out by the mapping" if tally.left_out else ""
    typer.echo(f"{tally.lines:,} lines: {tally.events:,} events of {tally.in_events:,} lines{where}{resumed}{left_out}")
    if not tally.refused:
        return
    rows = Table(title="Refused lines", title_justify="left", show_edge=False, pad_edge=False)
    for column in ("reason", "lines", "first", "what it means", "the first of them"):
        rows.add_column(column, justify="right" if column == "lines" else "left", overflow="fold")
    for reason, refused in sorted(tally.refused.items(), key=lambda item: -item[1].lines):
        first = ", ".join(_place(table, place) for place in refused.first)
        rows.add_row(reason, f"{refused.lines:,}", first, _meaning(reason), _plain(refused.message))
    typer.echo()
    Console().print(rows)


def _where(table: Files, place: int) -> tuple[str, int]:
    path, line = table.where(place)
    return str(path), line


def _place(table: Files, place: int) -> str:
    path, line = _where(table, place)
    return f"{line:,}" if len(table.sources) == 1 else f"{Path(path).name}:{line}"


def _meaning(reason: str) -> str:
    said: dict[str, str] = {
        **{str(code): text for code, text in EVENT_MEANING.items()},
        **{str(r): t for r, t in MEANING.items()},
    }
    return said.get(reason, "")


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in text).replace("[", r"\[")
