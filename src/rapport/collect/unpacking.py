"""From the bytes on the wire to the bytes of the JSON, never more of them than the limit.

The bytes decide, not the labels: rudder-sdk-node sends gzip as a form, posthog-js as text, proxies forget the header.
"""

import base64
import binascii
import zlib
from urllib.parse import unquote_to_bytes

from rapport.collect.errors import Code, Refused

_GZIP = b"\x1f\x8b"
_KNOWN = frozenset({b"", b"identity", b"gzip", b"x-gzip", b"deflate"})
_ANY_ZLIB = zlib.MAX_WBITS | 32  # gzip or zlib, whichever the header says
_RAW = -zlib.MAX_WBITS
_MEMBERS = 16  # gzip may have any number of parts; no client sends more than one, and a million cost hours


def unpack(body: bytes, encoding: bytes, limit: int) -> bytes:
    """The JSON in a body. `encoding` is the Content-Encoding header's value, `limit` bytes of JSON.

    Raises Refused(too_large) as soon as the limit is passed, and Refused(bad_encoding) for what cannot be unpacked.
    """
    if body.startswith(_GZIP):
        return _inflated(body, limit, _ANY_ZLIB)
    encoding = encoding.strip().lower()
    if encoding not in _KNOWN:
        raise Refused(Code.BAD_ENCODING, "Content-Encoding is unknown; send gzip, deflate or none")
    if encoding == b"deflate" and not body.lstrip().startswith((b"{", b"[")):
        return _inflated(body, limit, _ANY_ZLIB if _has_zlib_header(body) else _RAW)
    if body.startswith(b"data="):
        return _from_form(body, limit)
    if len(body) > limit:
        raise too_large(len(body), limit)
    return body


def too_large(size: int, limit: int) -> Refused:
    """What is raised for a body over its limit."""
    return Refused(Code.TOO_LARGE, f"the body is {size:,} bytes; the limit is {limit:,}")


def _inflated(body: bytes, limit: int, window: int) -> bytes:
    inflated = b""
    for _ in range(_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            inflated += stream.decompress(body, limit + 1 - len(inflated))
        except zlib.error:
            raise Refused(Code.BAD_ENCODING, "the body is compressed, but damaged") from None
        if len(inflated) > limit or stream.unconsumed_tail:
            raise Refused(Code.TOO_LARGE, f"the body inflates to more than {limit:,} bytes, which is the limit")
        if not stream.eof:
            raise Refused(Code.BAD_ENCODING, "the body is compressed, but its end is missing")
        body = stream.unused_data
        if not body.startswith(_GZIP):
            return inflated
    raise Refused(Code.BAD_ENCODING, f"the body is compressed in more than {_MEMBERS} parts")


def _has_zlib_header(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _from_form(body: bytes, limit: int) -> bytes:
    """`data=` of older PostHog libraries: base64 of JSON or of gzip, percent-encoded as a form."""
    field = unquote_to_bytes(body[5:].split(b"&", 1)[0].replace(b"+", b" "))
    if field[:1] in (b"{", b"["):
        packed = field
    else:
        # Some libraries leave base64's own `+` as it is, which a form reads as a space.
        field = field.replace(b" ", b"+")
        try:
            packed = base64.b64decode(field + b"=" * (-len(field) % 4), validate=True)
        except binascii.Error:
            raise Refused(Code.BAD_ENCODING, "the form's `data` is not base64") from None
    if packed.startswith(_GZIP):
        return _inflated(packed, limit, _ANY_ZLIB)
    if len(packed) > limit:
        raise too_large(len(packed), limit)
    return packed
