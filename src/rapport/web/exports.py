"""Exports as the API and the console ask for them, and their files as answers."""

from collections.abc import Iterator
from typing import Protocol

import msgspec
from starlette.responses import Response, StreamingResponse

from rapport.kernel.errors import NotFound
from rapport.kernel.times import rfc3339
from rapport.terms.exports import Export, Wish, metadata_of

MEDIA = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}
"""As registered with IANA."""


class Exports(Protocol):
    """What the node does about exports, each for one organization."""

    async def ask(self, org: str, wish: Wish) -> Export:
        """Raises BadInput, Busy where too many wait, Conflict where too many are kept."""

    async def named(self, org: str, handle: str) -> Export:
        """Raises NotFound, also where it is another organization's."""

    async def page(self, org: str, after: str | None, limit: int) -> list[Export]:
        """The newest first, those after one. Raises NotFound where that is none."""

    async def file(self, org: str, handle: str) -> tuple[Export, Iterator[bytes]]:
        """The file, piece by piece. Raises NotFound where there is none."""

    async def delete(self, org: str, handle: str) -> None:
        """Raises NotFound, Conflict where the node never had the file."""


def file_name(export: Export) -> str:
    """What a browser saves it as: names of ours and plain letters alone."""
    day = "" if export.exported_at is None else f"-{rfc3339(export.exported_at)[:10]}"
    purpose = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in export.wish.purpose)
    return f"{export.org}-{purpose}{day}-{export.id[-6:]}.{export.wish.format}"


def file_headers(export: Export, area: str) -> dict[str, str]:
    """A CSV file cannot say what it rests on: the header tells where that is (RFC 8288, W3C CSV on the Web)."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name(export)}"',
        "Content-Length": str(export.size),
        "Cache-Control": "no-store",
        "Link": f'<{area}/{export.id}/metadata>; rel="describedby"; type="application/json"',
    }


def streamed(export: Export, pieces: Iterator[bytes], area: str) -> Response:
    """The file as an answer; its pieces are opened in threads. `area` is the path that exports are below."""
    return StreamingResponse(pieces, media_type=MEDIA[export.wish.format], headers=file_headers(export, area))


def metadata(export: Export) -> Response:
    """What goes beside the file. Raises NotFound until there is one."""
    if export.exported_at is None:
        raise NotFound("this export is not done")
    body = msgspec.json.format(msgspec.json.encode(metadata_of(export))) + b"\n"
    named = {
        "Content-Disposition": f'attachment; filename="{file_name(export)}.meta.json"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type="application/json", headers=named)
