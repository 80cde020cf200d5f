"""The node's log of receipts, public, in the form of C2SP tlog-tiles (https://c2sp.org/tlog-tiles): anybody may watch
it, keep what it said, or cosign it. Its entries are blinded, so that it tells nothing but how many heads there were."""

import re
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import NotFound
from rapport.web.api import cors

FULL = 256
OCTETS = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"
_LEVEL = re.compile("entries|[1-5]?[0-9]|6[0-3]")
_TILE = re.compile(r"((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class ReceiptLog(Protocol):
    """The log, as HTTP needs it."""

    @property
    def key(self) -> str:
        """Its verifier key: `name+id+key`."""

    def checkpoint(self) -> str | None:
        """Its signed head; None while it is empty."""

    def empty_checkpoint(self) -> str: ...

    def tile(self, level: int, number: int, width: int = FULL) -> bytes | None:
        """The first hashes of a tile; None where there are not so many."""

    def entries(self, number: int, width: int = FULL) -> bytes | None:
        """The first entries of a bundle, each behind its length; None where there are not so many."""


class ReceiptLogApi:
    def __init__(self, log: ReceiptLog) -> None:
        self._log = log

    async def checkpoint(self, _: Request) -> Response:
        return _open(Response(self._log.checkpoint() or self._log.empty_checkpoint(), media_type="text/plain"))

    async def key(self, _: Request) -> Response:
        return _open(Response(self._log.key + "\n", media_type="text/plain"))

    async def tile(self, request: Request) -> Response:
        """Hashes or entries. What a tile begins with never changes, so that a part of it is kept like a whole one."""
        level, number, width = _asked(request.path_params["level"], request.path_params["tile"])
        found = self._log.entries(number, width) if level is None else self._log.tile(level, number, width)
        if found is None:
            raise NotFound("the log has no such tile")
        return _open(Response(found, media_type=OCTETS), FOREVER)


def _asked(level: str, tile: str) -> tuple[int | None, int, int]:
    """(level, None for entries; number; width) of a tile's path. Raises NotFound."""
    found = _TILE.fullmatch(tile)
    if found is None or not _LEVEL.fullmatch(level):
        raise NotFound("the log has no such tile")
    number, part = found[1].replace("x", "").replace("/", ""), found[2]
    # Of the ways to write a number in groups of three digits one is right: no group of zeros leads.
    if (part is not None and int(part) >= FULL) or (len(number) > 3 and number.startswith("000")):
        raise NotFound("the log has no such tile")
    return None if level == "entries" else int(level), int(number), int(part or FULL)


def _open(response: Response, kept: str = "no-cache") -> Response:
    """Whoever wants to watch the log may, from a page of any origin, too."""
    response.headers["Cache-Control"] = kept
    response.raw_headers.append(cors.ALLOW_ORIGIN)
    return response


def receipt_log_routes(log: ReceiptLog) -> list[Route]:
    api = ReceiptLogApi(log)
    return [
        Route("/log/checkpoint", api.checkpoint),
        Route("/log/key", api.key),
        Route("/log/tile/{level}/{tile:path}", api.tile),
    ]
