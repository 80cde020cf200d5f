"""What an organization promises: declared by itself, and published for anybody to read and to verify."""

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.times import parse_rfc3339
from rapport.terms import promises
from rapport.terms.declaration import Standing
from rapport.web.api import cors
from rapport.web.api.customers import Tokens, body_of, caller_of, noted
from rapport.web.api.problems import json_answer

PATH = "/v1/declaration"
PUBLISHED = "/.well-known/rapport/{org}/declaration.json"
VERSION = "/.well-known/rapport/{org}/declaration/{version}.json"
KEY = "/.well-known/rapport/{org}/key.json"
GPC = "/.well-known/gpc.json"
GPC_UPDATED = "2026-11-22"
"""The day of the last change to how the node honours Global Privacy Control."""

SIGNATURE, SIGNER, SINCE = "Rapport-Signature", "Rapport-Key", "Rapport-Since"
"""Headers of an organization that signs for itself: the signature and the key (base64url), and the time it signed."""


class Promises(Protocol):
    """The book of declarations, as HTTP needs it."""

    def standing(self, org: str) -> Standing:
        """The declaration in force."""

    def document(self, org: str, number: int | None = None) -> dict[str, Any]:
        """The published document, in force or of a version. Raises NotFound."""

    def known_key(self, org: str) -> promises.OrgKey | None:
        """The key that it signs with, if it has one."""

    def sending_public(self, org: str) -> bytes:
        """The key by which the node signs what it sends in the organization's name: the same, or, where the
        organization holds that itself, one for such letters alone."""

    def remarks(self, org: str) -> list[str]:
        """What counts for less than its writer may think."""

    def put(
        self,
        org: str,
        body: bytes,
        form: promises.Format = "json",
        own: promises.OwnSignature = promises.UNSIGNED,
        expected: int | None = None,
    ) -> Standing:
        """Declare. Raises BadInput, Conflict `outdated`, Full."""


class Outdated(Conflict):
    """What was to be replaced has been replaced already."""

    code = "outdated"
    status = 412


class DeclarationApi:
    def __init__(self, book: Promises, tokens: Tokens) -> None:
        self._book = book
        self._tokens = tokens

    async def own(self, request: Request) -> Response:
        """`GET` answers the published document, `PUT` declares another → `{"published", "changes", "remarks"}`."""
        caller = caller_of(request, self._tokens, "operator")
        if request.method == "PUT":
            with noted(self._tokens, caller, "declared a promise"):
                return await self._declare(request, caller.org)
        return _conditional(request, self._book.document(caller.org))

    async def _declare(self, request: Request, org: str) -> Response:
        body = await body_of(request, promises.MAX_BYTES)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form: promises.Format = "toml" if media == "application/toml" else "json"
        promises.parse(body, form)  # what is wrong with it is of more use than that it comes too late
        before = self._book.standing(org)
        expected = _expected(request, before, self._book.document(org))
        own = _own_signature(request)
        try:
            after = self._book.put(org, body, form, own, expected)
        except Conflict as conflict:
            raise Outdated(conflict.message) from None
        document = self._book.document(org)
        changes = promises.changes(before.declaration, after.declaration)
        response = json_answer({"published": document, "changes": changes, "remarks": self._book.remarks(org)})
        response.headers["ETag"] = _tag(document)
        return response

    async def published(self, request: Request) -> Response:
        """The declaration in force, for anyone."""
        return _open(_conditional(request, self._book.document(request.path_params["org"])), "no-cache")

    async def version(self, request: Request) -> Response:
        """A version, in force or not, for anyone."""
        number = request.path_params["version"]
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise NotFound("there is no such declaration")
        document = self._book.document(request.path_params["org"], int(number))
        return _open(_conditional(request, document), "public, max-age=300")

    async def key(self, request: Request) -> Response:
        """The key that an organization signs with, and those it signed with earlier, for anyone."""
        org = request.path_params["org"]
        key = self._book.known_key(org)
        if key is None:
            raise NotFound("there is no such key: nothing was signed yet")
        told = {
            "organization": org,
            "key": promises.jwk(key.public),
            "held_by": "organization" if key.own else "node",
            "earlier": [promises.jwk(public) for public in key.earlier],
            "sends": promises.jwk(self._book.sending_public(org)),
        }
        return _open(json_answer(told), "no-cache")

    async def gpc(self, _: Request) -> Response:
        """That the signal of browsers against selling and sharing is honoured (W3C, Global Privacy Control)."""
        return _open(json_answer({"gpc": True, "lastUpdate": GPC_UPDATED}), "public, max-age=86400")


def _tag(document: dict[str, Any]) -> str:
    return f'"{document["version"]}-{document["hash"].removeprefix("sha256:")[:24]}"'


def _named(header: str) -> set[str]:
    return {each.strip().removeprefix("W/") for each in header.split(",")}


def _conditional(request: Request, document: dict[str, Any]) -> Response:
    tag = _tag(document)
    known = {tag, "*"} & _named(request.headers.get("if-none-match", ""))
    response = Response(status_code=304) if known else json_answer(document)
    response.headers["ETag"] = tag
    return response


def _open(response: Response, kept: str) -> Response:
    """Whoever wants to verify a declaration may, from a page of any origin, too."""
    response.headers["Cache-Control"] = kept
    response.raw_headers.append(cors.ALLOW_ORIGIN)
    return response


def _expected(request: Request, before: Standing, document: dict[str, Any]) -> int | None:
    """The version that the request is to replace, where it says so (RFC 9110 §13.1.1). Raises Outdated."""
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    if _tag(document) not in _named(wanted):
        raise Outdated(f"version {before.version} is in force, another than you had: look at what changed")
    return int(document["version"])


def _own_signature(request: Request) -> promises.OwnSignature:
    """What the headers say of the organization's own signature. Raises BadInput."""
    signature, public = _raw(request, SIGNATURE, 64), _raw(request, SIGNER, 32)
    since = request.headers.get(SINCE)
    return promises.OwnSignature(signature, public, None if since is None else parse_rfc3339(since))


def _raw(request: Request, name: str, size: int) -> bytes | None:
    """The bytes in a header. Raises BadInput `wrong_key` where they are not so many."""
    text = request.headers.get(name)
    if text is None:
        return None
    raw = promises.from_base64url(text.strip().rstrip("="), size)
    if raw is None:
        raise BadInput(f"{name} must be {size} bytes in base64url", code="wrong_key", field=name)
    return raw


def declaration_routes(book: Promises, tokens: Tokens) -> list[Route]:
    api = DeclarationApi(book, tokens)
    return [
        Route(PATH, api.own, methods=["GET", "PUT"]),
        Route(PUBLISHED, api.published),
        Route(VERSION, api.version),
        Route(KEY, api.key),
        Route(GPC, api.gpc),
    ]
