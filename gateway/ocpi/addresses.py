"""Which addresses a partner's URL may lead to: a partner must not make us call our own network.

The URL is looked at before a request, and what its host resolves to when the connection is made, so that a name
cannot change its meaning in between.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from gateway.errors import PartnerError
from gateway.flows.partner_urls import Fault

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215
_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 2.5.5.1


def check_url(text: str, *, allow_insecure: bool, networks: Sequence[Network] = ()) -> URL:
    """The URL, if we may call it.  Raises PartnerError saying why not.

    `networks` are private ones into which partners may lead us.
    """
    try:
        url = URL(text)
        host = url.host
    except ValueError as error:
        raise PartnerError(Fault.UNUSABLE, f"{text[:255]!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not host:
        raise PartnerError(Fault.UNUSABLE, f"{text[:255]!r} is not an http or https URL")
    if url.user is not None or url.password is not None:
        raise PartnerError(Fault.UNUSABLE, f"the URL of {host} carries a user or a password")
    if allow_insecure:
        return url
    if url.scheme != "https":
        raise PartnerError(Fault.UNUSABLE, f"{url} is not https (ocpi.allow_insecure_partners would allow it)")
    if _is_literal(host) and not is_callable(host, networks):
        raise PartnerError(Fault.UNUSABLE, f"{url} leads into a private network (ocpi.partner_networks would allow it)")
    return url


def is_same_origin(one: URL, other: URL) -> bool:
    """Scheme, host and port are the same."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def is_callable(address: str, networks: Sequence[Network]) -> bool:
    """Is this address public, or in one of the private networks that are allowed?"""
    if is_public(address):
        return True
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    return any((inner or ip) in network for network in networks)


def is_public(address: str) -> bool:
    """Is this address reachable from the whole internet, also when IPv6 wraps an IPv4 address?"""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else None
    if inner is not None:
        ip = inner
    if isinstance(ip, ipaddress.IPv6Address) and (ip.is_site_local or ip in _NAT64_LOCAL):
        return False  # RFC 3879: deprecated, yet nobody's but ours
    return ip.is_global and not ip.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, and to those in `networks`: the connection is made to what this gives.

    So the address that was looked at is the one that is called, whatever the name means a moment later.
    """

    def __init__(self, resolver: AbstractResolver | None = None, networks: Sequence[Network] = ()) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        public = [result for result in found if is_callable(result["host"], self._networks)]
        if not public:
            raise OSError(errno.EACCES, f"{host} leads into a private network")
        return public

    async def close(self) -> None:
        await self._resolver.close()


def _is_literal(host: str) -> bool:
    """Is it an address that nobody looks up?  Also one that is written oddly, such as 127.1."""
    return ":" in host or host.replace(".", "").isdigit()


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if ip in _COMPATIBLE and int(ip) > 1:
        return ipaddress.IPv4Address(int(ip))
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
