"""What the forms of every page rest on: they come from this node's own pages, and from the session that they were made
for.

Two checks stand for that: the browser's word about where the form was (`Origin`, or `Sec-Fetch-Site` where there is
none), and a token on the page that follows from the session's. Either would do; cookies are `SameSite=Strict` besides.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rapport.kernel.errors import Forbidden
from rapport.web import pages


async def own_form(request: Request, origin: str, token: str) -> dict[str, str]:
    """What was submitted, by one of this session's own pages; raises Forbidden where it was not."""
    check_origin(request, origin)
    fields = await pages.form(request)
    if not hmac.compare_digest(fields.get("csrf", "").encode(), csrf_token(token).encode()):
        raise Forbidden("This form is from an older session. Open the page again and repeat it.", code="stale_form")
    return fields


def check_origin(request: Request, origin: str) -> None:
    """Raises Forbidden unless the browser says that the request came from the node's own pages. A page that tells
    nobody its address (`silence`) says `Origin: null` with its forms; then `Sec-Fetch-Site`, which no page writes
    itself, says whose it is."""
    said = request.headers.get("origin")
    own = request.headers.get("sec-fetch-site") == "same-origin" if said in {None, "null"} else said == origin
    if not own:
        message = f"This form did not come from the pages at {origin}. Open that address, and repeat it there."
        raise Forbidden(message, code="foreign_origin")


def silence(response: Response, origin: str) -> None:
    """Let a page whose address holds a code tell it nobody, this node included. Where browsers do not send
    `Sec-Fetch-Site` (neither over TLS nor to the machine itself), it tells the node's origin, without the code: else
    its own form would be refused."""
    parts = urlsplit(origin)
    host = parts.hostname or ""
    fetches = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost") or host.startswith("127.")
    response.headers["Referrer-Policy"] = "no-referrer" if fetches or host == "::1" else "strict-origin"


def csrf_token(token: str) -> str:
    """What a session's forms carry: follows from its token, and tells nothing of it."""
    return hashlib.blake2b(b"console form", key=token.encode()[:64], digest_size=16).hexdigest()


def go(path: str) -> Response:
    """On to another page of this node, by GET."""
    return RedirectResponse(path, 303)


def whole(text: str, digits: int = 18) -> int | None:
    """A number that was submitted; None where it is none, or longer than anything that makes sense."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def inner_path(path: str, area: str) -> str | None:
    """A path to go back to, if it is within an area (`/console/`); None where it is anything else."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    return path if plain and len(path) < 500 and path.startswith(area) and "//" not in path else None
