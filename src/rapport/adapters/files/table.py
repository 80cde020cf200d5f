"""Several files read as one table: a group of lines may begin in one and end in the next."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from rapport.adapters.files.delimited import Delimited
from rapport.adapters.files.objects import JsonLines, JsonList
from rapport.adapters.files.source import Source, check, format_of
from rapport.collect.importing import Read
from rapport.collect.mapping import FileFormat, Mapping


class Files:
    """Lines of all files in order. A place goes on counting from file to file; `where` tells the file and its line."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._starts = [0]
        self._reading = 0

    def read(self) -> Iterator[Read]:
        """Every line of every file, from the first. Raises BadInput where a file turns out damaged."""
        self._starts = [0]
        if len(self.sources) == 1:
            yield from self.sources[0].read()
            return
        for index, source in enumerate(self.sources):
            self._reading = index
            start = place = self._starts[index]
            for line, values in source.read():
                place = start + line
                yield place, values
            self._starts.append(place)

    def where(self, place: int) -> tuple[Path, int]:
        """The file, and the line in it, of a place that was read."""
        index = bisect_right(self._starts, place - 1, hi=min(len(self._starts), len(self.sources))) - 1
        return self.sources[index].path, place - self._starts[index]

    def line(self, place: int) -> int:
        return place if len(self.sources) == 1 else self.where(place)[1]

    def progress(self) -> float:
        """How much of all files the present reading has done, 0 to 1; a large file counts as much as a small one."""
        return (self._reading + self.sources[self._reading].progress()) / len(self.sources)


def open_files(paths: Sequence[Path], mapping: Mapping) -> Files:
    """Open all files; the values of their lines are those of `mapping.columns()`, in that order.

    Raises BadInput for the first that cannot be used.
    """
    return Files([open_columns(path, mapping.file, mapping.columns()) for path in paths])


def open_columns(path: Path, written: FileFormat, columns: tuple[str, ...]) -> Source:
    """One file, of whose lines these columns are read."""
    format_ = format_of(path, written.format)
    check(path, format_, written.encoding)
    match format_:
        case "csv":
            return Delimited(path, written, columns)
        case "ndjson":
            return JsonLines(path, columns)
        case "json":
            return JsonList(path, columns)
        case _:
            from rapport.adapters.files.parquet import Parquet  # noqa: PLC0415 - DuckDB is dear to load for who has no Parquet

            return Parquet(path, columns)
