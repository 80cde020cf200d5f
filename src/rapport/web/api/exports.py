"""`/v1/exports`: the customers that may be read for a purpose, as a file that the node makes and keeps for a while."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import rfc3339
from rapport.terms.exports import Export, Wish, metadata_of
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, noted, shaped
from rapport.web.api.problems import json_answer
from rapport.web.exports import MEDIA, Exports, file_headers, metadata, streamed

PATH = "/v1/exports"
ONE = "/v1/exports/{id}"
FILE = "/v1/exports/{id}/file"
METADATA = "/v1/exports/{id}/metadata"
MOST_RECIPIENTS, LONGEST_NAME, MOST_CUSTOMERS = 100, 200, 1 << 53
SCOPE = "operator"
_SHOULD = (
    '{"purpose": "…", "format": "parquet" or "csv", "limit"?: n, "recipients"?: ["…"], "audience"?: "…", '
    '"fields"?: {"…": "…"}}'
)


class ExportsApi:
    def __init__(self, exports: Exports, tokens: Tokens) -> None:
        self._exports = exports
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`GET` lists exports, the newest first; `POST` asks for one → 202, with where to look for it."""
        caller = caller_of(request, self._tokens, SCOPE)
        org = caller.org
        if request.method == "POST":
            wish = checked(shaped(await body_of(request), Wish, _SHOULD))
            with noted(self._tokens, caller, "asked for an export"):
                asked = await self._exports.ask(org, wish)
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
        caller, handle = caller_of(request, self._tokens, SCOPE), request.path_params["id"]
        org = caller.org
        if request.method == "DELETE":
            with noted(self._tokens, caller, "deleted an export", handle):
                await self._exports.delete(org, handle)
            return Response(status_code=204)
        return json_answer(shown(await self._exports.named(org, handle)))

    async def file(self, request: Request) -> Response:
        """The file itself."""
        caller, handle = caller_of(request, self._tokens, SCOPE), request.path_params["id"]
        org = caller.org
        if request.method == "HEAD":
            one = await self._exports.named(org, handle)
            if one.status in ("waiting", "running", "failed"):
                raise Conflict("this export has no file yet", code="not_done")
            if one.status != "done" or not one.size:
                raise NotFound("this export has no file here")
            return Response(headers=file_headers(one, PATH), media_type=MEDIA[one.wish.format])
        with noted(self._tokens, caller, "fetched an export", handle):
            one, pieces = await self._exports.file(org, handle)
        return streamed(one, pieces, PATH)

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
        "audience": export.wish.audience or None,
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


def export_routes(exports: Exports, tokens: Tokens) -> list[Route]:
    api = ExportsApi(exports, tokens)
    return [
        Route(PATH, api.all, methods=["GET", "POST"]),
        Route(ONE, api.one, methods=["GET", "DELETE"]),
        Route(FILE, api.file, methods=["GET"]),
        Route(METADATA, api.metadata, methods=["GET"]),
    ]
