"""No connection to an address that is not on the open internet, whatever name leads there.

The name is resolved once, every address it has is judged, and the connection goes to an address that was
judged: there is no second look-up for a hostile name server to answer differently. TLS and the Host
header still bear the name. Surprising: Python 3.11 calls some NAT64, 6to4 and multicast addresses
global, so what is wrapped in an IPv6 address is unwrapped and judged too.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from connectors._base import Denied, Gone

if TYPE_CHECKING:
    from httpcore import SOCKET_OPTION

_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = IPv6Network("::/96")
_PORTS = {"http": 80, "https": 443}


def is_public(address: str) -> bool:
    """Whether an IP address is one host's on the open internet, also after unwrapping IPv4 inside IPv6."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip in _NAT64_LOCAL:
            return False
        wrapped = list(_wrapped(ip))
        if wrapped:
            return all(is_public(str(v4)) for v4 in wrapped)
        if ip.is_site_local:
            return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not ip.is_reserved
        and not ip.is_unspecified
        and not ip.is_loopback
    )


def _wrapped(ip: IPv6Address) -> Iterable[IPv4Address]:
    if ip.ipv4_mapped:
        yield ip.ipv4_mapped
    elif ip.sixtofour:
        yield ip.sixtofour
    elif ip.teredo:
        yield from ip.teredo
    elif ip in _NAT64 or (ip in _V4_COMPATIBLE and int(ip) > 1):
        yield IPv4Address(int(ip) & 0xFFFFFFFF)


def check_url(url: str, trusted: Collection[str]) -> tuple[str, str]:
    """`(scheme, host:port)` of an address that may be asked at all, before any name is resolved.

    Raises Gone for what is no web address, Denied for user names in it and for other ports than 80
    and 443 of hosts that are not trusted.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Gone("this is not a web address that can be read") from None
    if parts.scheme not in _PORTS or not host:
        raise Gone("only http and https addresses can be followed")
    if parts.username is not None or parts.password is not None:
        raise Denied("an address must not carry a user name or password", refreshable=False)
    port = port or _PORTS[parts.scheme]
    netloc = f"{host}:{port}"
    if netloc not in trusted and port not in _PORTS.values():
        raise Denied(
            f"port {port} of {host} is refused: only 80 and 443, or hosts named in EARSHOT_TRUSTED_HOSTS",
            refreshable=False,
        )
    return parts.scheme, netloc


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """A network backend of httpcore that connects to public addresses and trusted hosts only."""

    def __init__(self, trusted: Collection[str] = frozenset()) -> None:
        self._trusted = trusted
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        options = list(socket_options or ())
        if f"{host}:{port}" in self._trusted:
            return await self._inner.connect_tcp(host, port, timeout, local_address, options)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await public_addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Denied("a local socket is no platform", refreshable=False)

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


async def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a name, all of them public, in the resolver's order.

    Raises Denied if one of them is not (a name that also leads inside is not to be trusted at all) and
    httpcore.ConnectError if the name cannot be resolved.
    """
    try:
        addresses = await _looked_up(host, port)
    except (OSError, UnicodeError):
        raise httpcore.ConnectError(f"the name {host} cannot be resolved") from None
    if not all(is_public(address) for address in addresses):
        raise Denied(
            f"{host} leads to an address that is not public; if that is meant, name {host}:{port} in "
            "EARSHOT_TRUSTED_HOSTS",
            refreshable=False,
        )
    return addresses


_LOOK_UPS: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Task[list[str]]] = {}
"""Those under way."""


async def _looked_up(host: str, port: int) -> list[str]:
    """What the resolver says, asked once for all who ask at the same time: a name server that does not answer holds a
    thread of ours for as long as the system's patience lasts, also when nobody waits any more, and there are few."""
    key = asyncio.get_running_loop(), host, port
    if key not in _LOOK_UPS:
        _LOOK_UPS[key] = asyncio.create_task(_resolved(host, port))
        _LOOK_UPS[key].add_done_callback(lambda task: _forget(key, task))
    return await asyncio.shield(_LOOK_UPS[key])


async def _resolved(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _forget(key: tuple[asyncio.AbstractEventLoop, str, int], task: asyncio.Task[list[str]]) -> None:
    del _LOOK_UPS[key]
    if not task.cancelled():
        task.exception()  # those who wanted to know may have gone
