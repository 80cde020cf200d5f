"""Looking for bytes in every file of a directory, or of an archive: what somebody who stole them could look for."""

import base64
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def sightings(place: Path, wanted: Mapping[str, Iterable[bytes]]) -> list[str]:
    """`what in which file`, for every file below a directory, or every member of an archive and the archive itself."""
    found: list[str] = []
    for where, content in _contents(place):
        for what, spellings in wanted.items():
            if any(spelling in content for spelling in spellings):
                found.append(f"{what} in {where}")
    return sorted(found)


def spellings(text: str) -> list[bytes]:
    """A text as it might lie about: UTF-8 as it is, in small letters, in UTF-16, in hexadecimal, and within base64 at
    each of the three offsets."""
    raw = text.encode()
    within = [base64.b64encode(b"\0" * offset + raw)[4 : -(4 if len(raw) > 8 else 1)] for offset in range(3)]
    return [raw, text.lower().encode(), text.encode("utf-16-le"), raw.hex().encode(), *within]


def _contents(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for file in sorted(path for path in place.rglob("*") if path.is_file()):
            yield file.name, file.read_bytes()
        return
    yield place.name, place.read_bytes()
    if tarfile.is_tarfile(place):
        with tarfile.open(place) as archive:
            for member in archive:
                content = archive.extractfile(member)
                if content is not None:
                    yield f"{place.name}/{member.name}", content.read()
