"""What a browser asks before a page of another origin may send events (https://fetch.spec.whatwg.org/#http-cors-protocol).

Every origin may: a write key is public wherever a page carries it, nothing can be read with it, and no cookie counts.
"""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

ALLOW_ORIGIN = (b"access-control-allow-origin", b"*")
EXPOSE = (b"access-control-expose-headers", b"Retry-After")
_ALLOWED = b"Authorization, Content-Type, Content-Encoding, X-Retry-Count"


def preflight(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of the answer to an OPTIONS request: whatever request headers the browser asks for."""
    asked = next((value for name, value in headers if name == b"access-control-request-headers"), _ALLOWED)
    return [
        ALLOW_ORIGIN,
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", asked),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"Access-Control-Request-Headers"),
        (b"content-length", b"0"),
    ]
