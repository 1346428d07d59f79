"""How far away an address is, and which may be connected to (facts/safety.md §7, SSRF)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import IntEnum

from console.node.download.failure import SourceFailed
from console.node.download.urls import Url
from console.text import untrusted


class Reach(IntEnum):
    """Where an address is."""

    NOWHERE = 0
    """Never connected to: link-local with its metadata services, multicast, reserved, tunnels to any of these."""
    THIS_MACHINE = 1
    OWN_NETWORK = 2
    """Private ranges: the operator's own network, or that of whoever rents him the machine."""
    PUBLIC = 3


_OWN_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_TUNNELS = tuple(
    ipaddress.IPv6Network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96")
)
"""NAT64, 6to4, Teredo and old mappings: an IPv4 address is inside, and `is_global` says True for some of them."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def reach_of(address: str) -> Reach:
    """Where an address is; NOWHERE for what is no address, or one with a zone."""
    try:
        found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    except ValueError:
        return Reach.NOWHERE
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return Reach.NOWHERE
        if found == ipaddress.IPv6Address("::1"):
            return Reach.THIS_MACHINE
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in tunnel for tunnel in _TUNNELS):
            return Reach.NOWHERE
    if found.is_loopback:
        return Reach.THIS_MACHINE
    if any(found in network for network in _OWN_NETWORKS):
        return Reach.OWN_NETWORK
    if found.is_multicast or found.is_reserved or not found.is_global:
        return Reach.NOWHERE
    if isinstance(found, ipaddress.IPv6Address) and found not in _GLOBAL_UNICAST:
        return Reach.NOWHERE
    return Reach.PUBLIC


class Road:
    """The hosts that one download goes through, each checked with the addresses that it was looked up to.

    Args:
        own: Whether the operator named where it begins.
    """

    def __init__(self, *, own: bool) -> None:
        self._own = own
        self._start: tuple[str, Reach] | None = None

    def check(self, url: Url, addresses: Sequence[str]) -> None:
        """Refuse a hop that may not be made; the first is where the road begins.

        A road begins on this machine or in the operator's own network only where the operator named its beginning,
        and on this machine only where the URL itself says so. It never leads there from farther away, and within
        the own network to no other host.

        Raises:
            SourceFailed: It leads elsewhere.
        """
        if not addresses:
            raise SourceFailed(f"{url.shown} has no address")
        reaches = {reach_of(address) for address in addresses}
        for address in addresses:
            if reach_of(address) is Reach.NOWHERE:
                raise SourceFailed(f"{url.shown} leads to {untrusted(address, 60)}, which is never fetched from")
        if len(reaches) > 1:
            raise SourceFailed(f"{url.shown} has addresses both near and far, as nobody's file server has")
        reach = reaches.pop()
        first = self._start is None
        if self._start is None:
            self._start = (url.host, reach)
        if reach is Reach.PUBLIC:
            return
        host, begun = self._start
        where = "this machine" if reach is Reach.THIS_MACHINE else "a private network"
        if reach is Reach.THIS_MACHINE and not url.names_loopback:
            raise SourceFailed(f"{url.shown} leads to {where} under another name")
        if not self._own:
            raise SourceFailed(f"{url.shown} leads to {where}, which only a setting of the operator may name")
        if not first and (begun is not reach or (reach is Reach.OWN_NETWORK and url.host != host)):
            raise SourceFailed(f"{untrusted(host, 80)} sends on to {url.shown} in {where}, where it did not begin")
