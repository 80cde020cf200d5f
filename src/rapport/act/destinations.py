"""Where deliveries may go: what an address must look like, and which machines it may lead to.

An address is checked when it is given, and the machines that its name leads to each time something is sent: a name may
lead elsewhere tomorrow. Whoever sends connects to the very address that was checked.
"""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from rapport.kernel.errors import BadInput

MAX_URL = 2_000
PORTS = {"http": 80, "https": 443}
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Global IPv4 seen from networks that have IPv6 alone (RFC 6052)."""
_NOT_FOR_OTHERS = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("168.63.129.16/32"))
"""What has a global number and is not for others: special uses (RFC 6890), and a cloud's own services."""
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Destination(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str
    """With its query."""


def destination(url: str) -> Destination:
    """The parts of an address that something can be sent to. Raises BadInput `bad_url`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _unusable("it cannot be read") from None
    host = (parts.hostname or "").rstrip(".")
    if not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\^`{|}') or len(url) > MAX_URL:
        raise _unusable(f"at most {MAX_URL:,} plain ASCII characters, others percent-encoded (a host in punycode)")
    if parts.scheme not in PORTS:
        raise _unusable("it must begin with https:// or http://")
    if "@" in parts.netloc:
        raise _unusable("no user name or password may be in it")
    if not host or "%" in host or port == 0:
        raise _unusable("it names no host and port that can be reached")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme, host, port or PORTS[parts.scheme], path)


def usable(url: str, *, private: bool) -> str:
    """An address as it may be kept: whole, and where it names a machine by number, one that may be reached. Raises
    BadInput `bad_url`."""
    host = destination(url).host
    try:
        # Whoever resolves names takes 127.1, 2130706433 and 0x7f.1 for the number that they are, too.
        numbered = host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        if not private and (host == "localhost" or host.endswith(".localhost")):
            raise _unusable(_INSIDE.format(host)) from None
        return url
    problem = address_problem(numbered, private=private)
    if problem:
        raise _unusable(problem)
    return url


def _unusable(why: str) -> BadInput:
    return BadInput(f"this address cannot be delivered to: {why}", code="bad_url", field="url")


_INSIDE = "{} is inside a network: such destinations are refused unless RAPPORT_PRIVATE_DESTINATIONS=1"


def address_problem(text: str, *, private: bool = False, called: str = "") -> str:
    """Why nothing may be sent to an IP address, or "". `private`: those inside a network may be reached, too; `called`:
    the name that led there, which is said instead: what number a name has inside is told to nobody outside."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return f"{text[:60]!r} is no IP address"
    hidden = _hidden(address)
    if any(one.is_multicast or one.is_unspecified or one == _BROADCAST for one in (address, hidden) if one is not None):
        return f"{called or address} is no single machine"
    if private or _is_public(address):
        return ""
    return _INSIDE.format(called or address)


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _is_public(address: _Address) -> bool:
    hidden = _hidden(address)
    if hidden is not None:
        return address in _NAT64 and _is_public(hidden)
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_FOR_OTHERS)
    return address.is_global and address in _GLOBAL_V6


def _hidden(address: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, by any of the ways there were and are."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
