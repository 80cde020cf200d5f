"""`/v1/exports`: the customers that may be read for a purpose, as a file that the node makes and keeps for a while."""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import rfc3339
from rapport.terms.exports import Export, Wish, metadata_of
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.problems import json_answer

PATH = "/v1/exports"
ONE = "/v1/exports/{id}"
FILE = "/v1/exports/{id}/file"
METADATA = "/v1/exports/{id}/metadata"
MEDIA = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}
"""As registered with IANA."""
MOST_RECIPIENTS, LONGEST_NAME, MOST_CUSTOMERS = 100, 200, 1 << 53
SCOPE = "operator"
_SHOULD = '{"purpose": "…", "format": "parquet" or "csv", "limit"?: n, "recipients"?: ["…"]}'


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


class ExportsApi:
    def __init__(self, exports: Exports, tokens: Tokens) -> None:
        self._exports = exports
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`GET` lists exports, the newest first; `POST` asks for one → 202, with where to look for it."""
        org = self._org(request)
        if request.method == "POST":
            asked = await self._exports.ask(org, checked(shaped(await body_of(request), Wish, _SHOULD)))
            told = json_answer({"export": asked.id, "status": asked.status}, 202)
            told.headers["Location"] = f"{PATH}/{asked.id}"
            return told
        limit = limit_of(request.query_params.get("limit"))
        try:
            found = await self._exports.page(org, request.query_params.get("cursor"), limit + 1)
        except NotFound:
            raise BadInput("this cursor is none of ours", code="bad_cursor", field="cursor") from None
        following = found[limit - 1].id if len(found) > limit else None
        return json_answer({"exports": [shown(one) for one in found[:limit]], "next": following})

    async def one(self, request: Request) -> Response:
        """`GET` says how it is; `DELETE` deletes its file at once, or what was to become one."""
        org, handle = self._org(request), request.path_params["id"]
        if request.method == "DELETE":
            await self._exports.delete(org, handle)
            return Response(status_code=204)
        return json_answer(shown(await self._exports.named(org, handle)))

    async def file(self, request: Request) -> Response:
        """The file itself."""
        org, handle = self._org(request), request.path_params["id"]
        if request.method == "HEAD":
            one = await self._exports.named(org, handle)
            if one.status != "done" or not one.size:
                raise NotFound("this export has no file here")
            return Response(headers=file_headers(one), media_type=MEDIA[one.wish.format])
        one, pieces = await self._exports.file(org, handle)
        return streamed(one, pieces)

    async def metadata(self, request: Request) -> Response:
        """What the file rests on, and until when it may be kept."""
        one = await self._exports.named(self._org(request), request.path_params["id"])
        return metadata(one)

    def _org(self, request: Request) -> str:
        return caller_of(request, self._tokens, SCOPE).org


def checked(wish: Wish) -> Wish:
    """Raises BadInput for a limit or recipients beyond all measure."""
    if wish.limit is not None and not 1 <= wish.limit <= MOST_CUSTOMERS:
        raise BadInput(f"limit must be a number from 1 to {MOST_CUSTOMERS:,}", code="bad_limit", field="limit")
    if len(wish.recipients) > MOST_RECIPIENTS or any(not 0 < len(name) <= LONGEST_NAME for name in wish.recipients):
        message = f"at most {MOST_RECIPIENTS} recipients, each with a name of at most {LONGEST_NAME} characters"
        raise BadInput(message, code="unknown_recipient", field="recipients")
    return wish


def shown(export: Export) -> dict[str, Any]:
    """An export as the API tells of it."""
    there = export.status == "done" and export.kept_until is not None
    return {
        "export": export.id,
        "status": export.status,
        "place": export.place,
        "purpose": export.wish.purpose,
        "format": export.wish.format,
        "limit": export.wish.limit,
        "recipients": export.wish.recipients,
        "asked_at": rfc3339(export.asked_at),
        "progress": {"records": export.walked, "customers": export.customers},
        "customers": export.customers if export.exported_at is not None else None,
        "declaration": export.declaration or None,
        "exported_at": _time(export.exported_at),
        "expires_at": _time(export.expires_at),
        "kept_until": _time(export.kept_until),
        "bytes": export.size or None,
        "fetched": export.fetched,
        "reason": export.reason or None,
        "metadata": metadata_of(export) if export.exported_at is not None else None,
        "file": f"{PATH}/{export.id}/file" if there else None,
    }


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def file_name(export: Export) -> str:
    """What a browser saves it as: names of ours and plain letters alone."""
    day = "" if export.exported_at is None else f"-{rfc3339(export.exported_at)[:10]}"
    purpose = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in export.wish.purpose)
    return f"{export.org}-{purpose}{day}-{export.id[-6:]}.{export.wish.format}"


def file_headers(export: Export) -> dict[str, str]:
    """A CSV file cannot say what it rests on: the header tells where that is (RFC 8288, W3C CSV on the Web)."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name(export)}"',
        "Content-Length": str(export.size),
        "Cache-Control": "no-store",
        "Link": f'<{PATH}/{export.id}/metadata>; rel="describedby"; type="application/json"',
    }


def streamed(export: Export, pieces: Iterator[bytes]) -> Response:
    """The file as an answer; its pieces are opened in threads."""
    return StreamingResponse(pieces, media_type=MEDIA[export.wish.format], headers=file_headers(export))


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


def export_routes(exports: Exports, tokens: Tokens) -> list[Route]:
    api = ExportsApi(exports, tokens)
    return [
        Route(PATH, api.all, methods=["GET", "POST"]),
        Route(ONE, api.one, methods=["GET", "DELETE"]),
        Route(FILE, api.file, methods=["GET"]),
        Route(METADATA, api.metadata, methods=["GET"]),
    ]
