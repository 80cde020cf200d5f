"""What every page shares: templates that escape everything, headers that fence a page in, files that never go stale.

A page may load only this node's own files; it holds no inline script or style, so that a value which slipped through
escaping would still run nothing. (Widths in charts are attributes of SVG, which the policy leaves alone.)
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import parse_qsl, quote

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rapport.kernel.errors import BadInput, TooLarge
from rapport.web import language
from rapport.web.retelling import retold

SHARED = Path(__file__).parent
"""Beside this module: `static` and `templates` of every area."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

FORM_BYTES = 256 * 1024
"""A whole declaration is a field, and every letter of it may take three bytes."""
FORM_FIELDS = 160

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class SecurityHeaders:
    """Adds `HEADERS` to every answer, and `Cache-Control: no-store` where it says nothing about keeping, and that other
    sites are not told of it where it does not say that nobody is (`silenced`)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def fenced(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.update(HEADERS)
            await send(message)

        await self.app(scope, receive, fenced if scope["type"] == "http" else send)


def inner(routes: Sequence[BaseRoute]) -> Router:
    """What is below an area's path. An address with a slash too many is none: it would be led on to where the request
    says that this node is (`Host`), which anybody can write."""
    return Router(routes, redirect_slashes=False)


class Assets:
    """The files of some folders, held in memory and served under names that change with their content."""

    def __init__(self, prefix: str, *folders: Path) -> None:
        self.prefix = prefix
        self._names: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, bytes, str]] = {}
        for path in (path for folder in folders for path in sorted(folder.iterdir())):
            if not path.is_file():
                continue
            plain = path.read_bytes()
            hashed = f"{path.stem}.{hashlib.blake2b(plain, digest_size=6).hexdigest()}{path.suffix}"
            media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self._names[path.name] = hashed
            self._files[hashed] = (plain, gzip.compress(plain, mtime=0), media)

    def url(self, name: str) -> str:
        """The address of a file by its plain name."""
        return f"{self.prefix}/{self._names[name]}"

    def route(self, path: str) -> Route:
        return Route(f"{path}/{{name}}", self._serve)

    async def _serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            return Response(status_code=404)
        plain, small, media = self._files[name]
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "ETag": f'"{name}"',
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(small, media_type=media, headers={**headers, "Content-Encoding": "gzip"})
        return Response(plain, media_type=media, headers=headers)


class _Compiled(BytecodeCache):
    """What this process compiled: most of a page's first showing is its compiling. Code belongs to a template's file
    and text, so any environment made below may run it; what differs between them (`names`) is looked up as it runs.
    """

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def environment(folder: Path, **names: Any) -> Environment:
    """The templates of a folder, and those that every area shares; `names` are known to all of them."""
    made = Environment(
        loader=FileSystemLoader([folder, SHARED / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]  # the extension's
    made.globals["LANGUAGE_NAMES"] = language.NAMES
    made.globals.update(link=link, bdi=partial(_within, "bdi"), strong=partial(_within, "strong"))
    made.globals.update(names, code=partial(_within, "code"))
    made.filters["quoted"] = quoted
    made.filters["retold"] = retold
    return made


def link(path: str, words: str) -> Markup:
    """A link to be put into a place of a sentence, so that a sentence is translated whole."""
    return Markup('<a href="{}">{}</a>').format(path, words)


def _within(element: str, words: object) -> Markup:
    """Words in an element, likewise."""
    return Markup("<{0}>{1}</{0}>").format(element, words)


def quoted(text: str) -> str:
    """A text as a part of an address. Unlike Jinja's `urlencode` it takes any text, lone surrogates too."""
    return quote(text, safe="", errors="replace")


def page(templates: Environment, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A template as an answer. What HTML cannot hold (control characters, lone surrogates) is shown by a sign."""
    with language.speaking(values.get("language", language.ENGLISH)):
        text = _UNWRITABLE.sub(_sign, templates.get_template(name).render(values))
    return Response(text.encode(), status, media_type="text/html")


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


async def form(request: Request) -> dict[str, str]:
    """The fields of a submitted form; of repeated ones the last. Raises BadInput or TooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadInput("This address takes a submitted form.", code="not_a_form")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > FORM_BYTES:
                raise TooLarge(f"The form is longer than {FORM_BYTES // 1024} KB.")
    except ClientDisconnect:  # nobody reads the answer, and nothing is wrong here
        raise BadInput("The form broke off.", code="broken_off") from None
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict"))
    except ValueError:
        raise BadInput("The form cannot be read.", code="not_a_form") from None
