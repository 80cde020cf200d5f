"""Collection over HTTP: the Segment tracking API and PostHog's, in the spellings of their SDKs.

This is the busiest path of the node, so it is plain ASGI with one look-up of the path: no request or response objects
where all goes well, and nothing is parsed before it is needed.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, ParamSpec, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from rapport.collect import LIMITS, NOTE, Code, Limits, Validated, note, validate, write_key
from rapport.collect.errors import Refused
from rapport.collect.segment import KINDS
from rapport.collect.unpacking import too_large, unpack
from rapport.kernel.errors import RapportError, Unauthorized
from rapport.kernel.ports import Log, LogEntry, Source, SourceDirectory
from rapport.kernel.times import now
from rapport.web.api import cors
from rapport.web.api.problems import answer, json_answer, problem
from rapport.web.api.sdk_settings import sdk_routes

HEAD = 2_048
"""Bytes that are kept of a body too large to keep."""

DRAINED = 64 * 1024 * 1024
"""Bytes of an oversized body that are read and dropped, so that its sender gets to read why it was refused."""

THREADED = 256 * 1024
"""Bytes from which a body is unpacked and judged in a thread, so that it does not hold up everyone else's."""


class Target(msgspec.Struct, frozen=True):
    """What is sent to a path."""

    wire: str
    path: str


def _paths() -> Mapping[str, Target]:
    table = {}
    for kind in (*KINDS, "batch", "import"):
        target = Target("segment", kind)
        table[f"/v1/{kind}"] = table[f"/v1/{kind}/"] = target
        if kind != "import":
            # analytics.js: the initial, with or without the version.
            table[f"/v1/{kind[0]}"] = table[f"/{kind[0]}"] = target
    for path in ("/batch", "/capture", "/e", "/i/v0/e"):
        table[path] = table[f"{path}/"] = Target("posthog", path.rpartition("/")[2])
    return table


PATHS = _paths()
SUCCESS = [(b"content-type", b"application/json"), cors.ALLOW_ORIGIN]
P = ParamSpec("P")
T = TypeVar("T")


class Said(msgspec.Struct):
    """What a request's headers say."""

    key: str | None = None
    encoding: bytes = b""
    gpc: bool = False


class CollectRoute(BaseRoute):
    """Every path of collection as one route, found in one look-up."""

    def __init__(self, log: Log, sources: SourceDirectory, limits: Mapping[str, Limits] = LIMITS) -> None:
        self._log = log
        self._sources = sources
        self._limits = limits

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http":
            target = PATHS.get(scope["path"])
            if target is not None:
                return Match.FULL, {"target": target}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._answer(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": cors.preflight(scope["headers"])})
            await send({"type": "http.response.body"})
        else:
            refusal = problem(405, "method_not_allowed", "events are sent with POST")
            refusal.headers["Allow"] = "POST, OPTIONS"
            await _respond(refusal, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        target: Target = scope["target"]
        try:
            raw, size = await _read(receive, self._limits[target.wire].body)
            verdict = await self._take(target, said(scope["headers"]), raw, size)
        except RapportError as error:
            await _respond(answer(error), scope, receive, send)
        except Refused as refused:
            await _respond(problem(_status(refused.code), refused.code, refused.message), scope, receive, send)
        except ClientDisconnect:
            pass  # nobody is left to answer, and nothing was kept
        else:
            if verdict.rejected:
                await _respond(_with_rejections(verdict, target), scope, receive, send)
            else:
                content = b'{"success":true,"accepted":%d,"rejected":[]}' % verdict.accepted
                headers = [*SUCCESS, (b"content-length", b"%d" % len(content))]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await send({"type": "http.response.body", "body": content})

    async def _take(self, target: Target, headers: Said, raw: bytes, size: int) -> Validated:
        """Judge and keep a body of `size` bytes on the wire (of an oversized one, `raw` is the beginning).

        Raises Refused for a body that cannot be unpacked, Unauthorized without a known write key, and whatever the
        log raises where there is no place.
        """
        source = self._sources.by_write_key(headers.key) if headers.key else None
        limit = self._limits[target.wire].body
        try:
            if size > limit:
                raise too_large(size, limit)
            body = await _threaded(size, unpack, raw, headers.encoding, limit)
        except Refused as refused:
            if source is not None:
                await self._keep(source, target.wire, NOTE, note(refused.code, refused.message, raw[:HEAD]), gpc=False)
            raise
        verdict = await _threaded(len(body), validate, target.wire, target.path, body, self._limits)
        if source is None:
            source = self._by_body(target, headers, body, verdict)
        if source is not None:
            sound = not verdict.rejected
            await self._keep(source, target.wire, target.path, body, gpc=headers.gpc, sound=sound)
        return verdict

    def _by_body(self, target: Target, headers: Said, body: bytes, verdict: Validated) -> Source | None:
        """The source whose write key is in the body; None where the body is such that no key can be seen in it."""
        key = write_key(target.wire, target.path, body, self._limits)
        source = self._sources.by_write_key(key) if key else None
        if source is None and (key or headers.key):
            raise Unauthorized("this write key is not known here", code="unknown_key")
        if source is None and (verdict.accepted or verdict.rejected[0].code != Code.BAD_JSON):
            message = "a write key is needed: as Basic user name, as Bearer token, or in the body"
            raise Unauthorized(message, code="missing_key")
        return source

    async def _keep(self, source: Source, wire: str, path: str, body: bytes, *, gpc: bool, sound: bool = False) -> None:
        await self._log.append(LogEntry(source.org, source.name, wire, path, now(), body, gpc, sound))


def collect_routes(
    log: Log, sources: SourceDirectory, origin: str = "", limits: Mapping[str, Limits] = LIMITS
) -> list[BaseRoute]:
    """Every path that takes events, and what SDKs ask for before they send any.

    `origin` is the node's own, such as `https://rapport.example.com`; with it analytics.js needs no other setting.
    """
    return [CollectRoute(log, sources, limits), *sdk_routes(sources, origin)]


def said(headers: list[tuple[bytes, bytes]]) -> Said:
    """The few headers that matter here."""
    found = Said()
    for name, value in headers:
        if name == b"authorization":
            found.key = _credential(value)
        elif name == b"content-encoding":
            found.encoding = value
        elif name == b"sec-gpc":
            found.gpc = value.strip() == b"1"
    return found


def _credential(value: bytes) -> str | None:
    """The user name of Basic credentials, or the Bearer token."""
    scheme, _, rest = value.strip().partition(b" ")
    scheme = scheme.lower()
    try:
        if scheme == b"basic":
            return base64.b64decode(rest, validate=True).split(b":", 1)[0].decode() or None
        return (rest.strip().decode() or None) if scheme == b"bearer" else None
    except (binascii.Error, UnicodeDecodeError):
        return None


async def _read(receive: Receive, limit: int) -> tuple[bytes, int]:
    """A request's body and its size; of a body over the limit only the beginning. Raises ClientDisconnect."""
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    if not message.get("more_body") and message["type"] == "http.request":
        return body, size
    chunks = [body]
    while message.get("more_body") and size <= DRAINED:
        message = await receive()
        chunk = message.get("body", b"")
        if size <= limit:
            chunks.append(chunk)
        size += len(chunk)
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return b"".join(chunks), size


async def _threaded(size: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    if size < THREADED:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


def _with_rejections(verdict: Validated, target: Target) -> Response:
    rejected = [{"index": r.index, "code": r.code, "message": r.message} for r in verdict.rejected]
    if verdict.accepted:
        return json_answer({"success": True, "accepted": verdict.accepted, "rejected": rejected})
    first = verdict.rejected[0]
    whole = first.index is None or target.path in KINDS
    message = first.message if whole else f"none of the events was accepted; the first: {first.message}"
    return problem(_status(first.code) if whole else 400, first.code, message, rejected=rejected)


def _status(code: str) -> int:
    return {Code.TOO_LARGE: 413, Code.BAD_ENCODING: 415}.get(Code(code), 400)


async def _respond(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    response.raw_headers += [cors.ALLOW_ORIGIN, cors.EXPOSE]
    await response(scope, receive, send)
