"""`rapport import`: files of other systems, by a mapping, into the log."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rapport.adapters.embedded.log import LogFile
from rapport.adapters.files import Checkpoint, Files, Progress, SealedSpill, open_files
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.app.waiting import wait_for
from rapport.cli import import_suggest as suggestion
from rapport.cli import options
from rapport.cli.import_report import Bar, Report, say_summary, summary
from rapport.collect import mapping_toml
from rapport.collect.grouping import Groups
from rapport.collect.importing import Batch, Importer
from rapport.collect.mapping import Mapping
from rapport.kernel.errors import BadInput, Busy, Full
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now

SHOWN_EVENTS = 5
_BUSY_SECONDS = 60.0

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE…", help="CSV, NDJSON, JSON or Parquet files, which are read as one table."),
]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="What the columns mean (TOML): docs/reference/mapping.md.")
]
Org = Annotated[str | None, typer.Option("--org", help="The organization the customers are of.")]
Source = Annotated[
    str | None, typer.Option("--source", help="The system the files are from, such as crm; made if new.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Return when the views hold the events, not when the log does.")]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write every refused line here (CSV), with its reason.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Write nothing: show the first events and what is refused.")]

Suggest = Annotated[
    bool, typer.Option("--suggest", help="Propose a mapping from the data, with the reasons; write nothing.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Write the proposed mapping to this file.")]


def register(app: typer.Typer) -> None:
    app.command("import")(import_files)


def import_files(
    files: Paths = None,
    mapping: MappingFile = None,
    org: Org = None,
    source: Source = None,
    data: options.Data = None,
    wait: Wait = False,
    report: ReportFile = None,
    json: options.Json = False,
    dry_run: DryRun = False,
    suggest: Suggest = False,
    out: Out = None,
) -> None:
    """Import files by a mapping from their columns to identifiers, traits and events.

    A line that cannot be used is refused with a reason and stops nothing. A run that was killed is simply started
    again: what it had written is not counted twice.

    Exit 0: done, even where lines were refused. Exit 2: a file or the mapping cannot be used.
    """
    files = files or []
    if out and not suggest:
        raise BadInput("--out is where --suggest writes; an import writes to the log")
    if suggest:
        suggestion.suggest(files, out, as_json=json)
        return
    if not files:
        raise BadInput("say which files to import")
    if mapping is None:
        raise BadInput("say what the columns mean: --mapping MAPPING.toml (--suggest proposes one)")
    read = mapping_toml.load(mapping)
    table = open_files(files, read)
    settings = options.settings(data)
    with Report(report, table) as refused:
        if dry_run:
            _try(read, table, refused, as_json=json)
            return
        if not org or not source:
            raise BadInput("say whose customers these are and where the files are from: --org ORG --source SOURCE")
        run = Run(settings, org, source, mapping, files)
        importer = run.importer(read, table, refused)
        started = time.monotonic()
        try:
            with Bar(importer, table) as bar:
                run.write(bar.follow(importer.batches(bar.watch(table.read))))
                if wait and run.log:
                    bar.wait(run.log, lambda told: wait_for(settings, run.log, told))
        except KeyboardInterrupt:
            typer.echo("rapport: stopped; run the same command again to go on where this run ended", err=True)
            raise typer.Exit(130) from None
    told = summary(importer.tally, table) | {
        "org": org,
        "source": source,
        "log": run.log,
        "resumed": run.resumed,
        "seconds": round(time.monotonic() - started, 3),
    }
    if json:
        options.print_json({**_files(files), **told})
    else:
        say_summary(importer.tally, table, told, waited=wait)


class Run:
    """One import into one source: where its bodies go, and how many a run before it that was killed has written."""

    def __init__(self, settings: Settings, org: str, source: str, mapping: Path, files: list[Path]) -> None:
        embedded.ensure_source(settings, org, source, trusted=True)
        self._settings = settings
        self._org, self._source = org, source
        self._checkpoint = Checkpoint(settings.directory, org, source, mapping, files)
        self._spill = SealedSpill(embedded.prepare(settings))
        self.log = 0
        """The sequence number of the last log entry of this import."""
        self.resumed = 0
        """How many of its events a run before this one had written."""

    def importer(self, mapping: Mapping, table: Files, refused: Report) -> Importer:
        return Importer(mapping, mapping.columns(), Groups(self._spill), refused.add, table.line)

    def write(self, batches: Iterator[Batch]) -> None:
        """Append every body to the log, synced, but those that are in it."""
        with closing(embedded.open_log(self._settings)) as log, closing(self._spill):
            written = self._checkpoint.load()
            if written.log > log.last():
                written = Progress()  # the log is another one: restored from a backup, or begun anew
            self.log = written.log
            for number, batch in enumerate(batches, 1):
                if number <= written.batches:
                    self.resumed += batch.events
                    continue
                self.log = self._append(log, batch.body)
                self._checkpoint.save(Progress(number, self.log))
        self._checkpoint.done()

    def _append(self, log: LogFile, body: bytes) -> int:
        if shutil.disk_usage(self._settings.directory).free < self._settings.min_free_mb << 20:
            raise Full("the disk of the log is full: make room and run the same command again", retry_after=30)
        entry = LogEntry(self._org, self._source, "import", "batch", now(), body)
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                return log.append([entry])
            except Full:
                raise
            except Busy as error:
                if time.monotonic() > deadline:
                    raise
                time.sleep(min(error.retry_after, 0.2))


def _try(mapping: Mapping, table: Files, refused: Report, *, as_json: bool) -> None:
    """Do everything but write; print the first events."""
    shown: list[Any] = []
    with tempfile.TemporaryDirectory() as directory, closing(SealedSpill(Path(directory))) as spill:
        importer = Importer(mapping, mapping.columns(), Groups(spill), refused.add, table.line)
        with Bar(importer, table) as bar:
            for batch in bar.follow(importer.batches(bar.watch(table.read))):
                if len(shown) < SHOWN_EVENTS:
                    shown.extend(msgspec.json.decode(batch.body)["batch"][: SHOWN_EVENTS - len(shown)])
    told = summary(importer.tally, table)
    if as_json:
        options.print_json({**_files([source.path for source in table.sources]), **told, "sample": shown})
        return
    for event in shown:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(event), indent=2).decode() + "\n")
    say_summary(importer.tally, table, told, waited=False)


def _files(files: list[Path]) -> dict[str, Any]:
    return {"file": str(files[0]), "files": [str(file) for file in files]}
