"""`rapport import`: files of other systems, by a mapping, into the log."""

import shlex
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
from rapport.adapters.tables import address_of, open_table
from rapport.app import embedded
from rapport.app.waiting import wait_for
from rapport.cli import import_suggest as suggestion
from rapport.cli import options
from rapport.cli.import_into import Into, from_table
from rapport.cli.import_report import Bar, Report, say_summary, summary
from rapport.collect import mapping_toml
from rapport.collect.grouping import Groups
from rapport.collect.importing import Batch, Importer
from rapport.collect.mapping import FileFormat, Mapping
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
TableName = Annotated[
    str | None, typer.Option("--table", help="Import this table (or view, or schema.table) instead of files.")
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Where it is: postgresql://user@host/database, a SQLite file, or env:NAME of a variable with either.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="A column that grows, such as updated_at: read only what came since the last run."),
]


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
    table: TableName = None,
    from_: From = None,
    since: Since = None,
) -> None:
    """Import files, or a table of a database, by a mapping from their columns to identifiers, traits and events.

    A line that cannot be used is refused with a reason and stops nothing. A run that was killed is simply started
    again: what it had written is not counted twice.

    Exit 0: done, even where lines were refused. Exit 2: a file, a table or the mapping cannot be used.
    """
    files = files or []
    _check(files, table, from_, since, out, suggest=suggest)
    if suggest and not table:
        suggestion.suggest(files, out, as_json=json)
        return
    if suggest:
        with closing(open_table(address_of(from_ or ""), table or "")) as opened:
            names = tuple(opened.names)
            lines = Files([opened.rows(names)])
            given = f"--table {shlex.quote(opened.name)} --from ADDRESS"
            stem = opened.name.rpartition(".")[2] or opened.name  # without its schema: two tables are no one thing
            suggestion.tell(opened.name, stem, given, lines, FileFormat(), names, out, as_json=json)
        return
    if mapping is None:
        raise BadInput("say what the columns mean: --mapping MAPPING.toml (--suggest proposes one)")
    read = mapping_toml.load(mapping)
    settings = options.settings(data)
    if not dry_run and not (org and source):
        raise BadInput("say whose customers these are and where the files are from: --org ORG --source SOURCE")
    into = Into(settings, org or "", source or "", mapping)
    if table:
        with from_table(into, read, table, from_ or "", since or "", look=dry_run) as (lines, reached):
            told = _import(into, read, lines, None, report, wait=wait, as_json=json, dry_run=dry_run)
            reached()
        start: dict[str, Any] = {"table": table}
    else:
        lines = open_files(files, read)
        told = _import(into, read, lines, files, report, wait=wait, as_json=json, dry_run=dry_run)
        start = _files([one.path for one in lines.sources])
    if json:
        options.print_json({**start, **told})


def _check(
    files: list[Path], table: str | None, from_: str | None, since: str | None, out: Path | None, *, suggest: bool
) -> None:
    """Raise BadInput where the options do not go together."""
    if out and not suggest:
        raise BadInput("--out is where --suggest writes; an import writes to the log")
    if bool(table) != bool(from_):
        raise BadInput("a table needs both: --table TABLE --from postgresql://user@host/database (or a SQLite file)")
    if files and table:
        raise BadInput("import either files or a table")
    if not files and not table:
        raise BadInput("say which files to import, or which table: --table TABLE --from WHERE")
    if since and (suggest or not table):
        raise BadInput("--since is for importing a table again and again")


def _import(
    into: "Into",
    read: Mapping,
    lines: Files,
    files: list[Path] | None,
    report: Path | None,
    *,
    wait: bool,
    as_json: bool,
    dry_run: bool,
) -> dict[str, Any]:
    """Import, or only try; say the counts to people, and answer them for machines."""
    with Report(report, lines) as refused:
        if dry_run:
            return _try(read, lines, refused, as_json=as_json)
        run = Run(into, files)
        importer = run.importer(read, lines, refused)
        started = time.monotonic()
        try:
            with Bar(importer, lines) as bar:
                run.write(bar.follow(importer.batches(bar.watch(lines.read))))
                if wait and run.log:
                    bar.wait(run.log, lambda told: wait_for(into.settings, run.log, told))
        except KeyboardInterrupt:
            typer.echo("rapport: stopped; run the same command again to go on where this run ended", err=True)
            raise typer.Exit(130) from None
    told = summary(importer.tally, lines) | {
        "org": into.org,
        "source": into.source,
        "log": run.log,
        "resumed": run.resumed,
        "seconds": round(time.monotonic() - started, 3),
    }
    if not as_json:
        say_summary(importer.tally, lines, told, waited=wait)
    return told


class Run:
    """One import into one source: where its bodies go, and how many a run before it that was killed has written."""

    def __init__(self, into: Into, files: list[Path] | None) -> None:
        embedded.ensure_source(into.settings, into.org, into.source, trusted=True)
        self._settings = into.settings
        self._org, self._source = into.org, into.source
        # A table may have changed since a run that was killed: it is written whole again, and counts once.
        self._checkpoint = (
            None if files is None else Checkpoint(into.settings.directory, into.org, into.source, into.mapping, files)
        )
        self._spill = SealedSpill(embedded.prepare(into.settings))
        self.log = 0
        """The sequence number of the last log entry of this import."""
        self.resumed = 0
        """How many of its events a run before this one had written."""

    def importer(self, mapping: Mapping, table: Files, refused: Report) -> Importer:
        return Importer(mapping, mapping.columns(), Groups(self._spill), refused.add, table.line)

    def write(self, batches: Iterator[Batch]) -> None:
        """Append every body to the log, synced, but those that are in it."""
        with closing(embedded.open_log(self._settings)) as log, closing(self._spill):
            written = self._checkpoint.load() if self._checkpoint else Progress()
            if written.log > log.last():
                written = Progress()  # the log is another one: restored from a backup, or begun anew
            self.log = written.log
            for number, batch in enumerate(batches, 1):
                if number <= written.batches:
                    self.resumed += batch.events
                    continue
                self.log = self._append(log, batch.body)
                if self._checkpoint:
                    self._checkpoint.save(Progress(number, self.log))
        if self._checkpoint:
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


def _try(mapping: Mapping, table: Files, refused: Report, *, as_json: bool) -> dict[str, Any]:
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
        return {**told, "sample": shown}
    for event in shown:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(event), indent=2).decode() + "\n")
    say_summary(importer.tally, table, told, waited=False)
    return told


def _files(files: list[Path]) -> dict[str, Any]:
    return {"file": str(files[0]), "files": [str(file) for file in files]}
