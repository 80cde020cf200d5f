"""Where a request came from, as far as it is slowed down by that."""

from ipaddress import IPv6Address, IPv6Network

from starlette.requests import Request


def client_of(request: Request) -> str:
    """The address that a request came from; of IPv6 its network, for whoever has one address there has them all."""
    host = request.client.host if request.client is not None else ""
    return network_of(host) if ":" in host else host


def network_of(host: str) -> str:
    """`2001:db8::/64`; an IPv4 address that is written as IPv6 is itself, and what is no address stays what it is."""
    try:
        address = IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else str(IPv6Network((address, 64), strict=False))
