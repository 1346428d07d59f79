"""Names looked up and addresses connected to: the seam between a download and the network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


class Network:
    """The network as it is."""

    async def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of a host, in the system's order.

        Raises:
            OSError: There is none.
        """
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            pass
        if host.endswith(".localhost"):
            # RFC 6761: never asked of a name server.
            return ("127.0.0.1",)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    async def connect(self, address: str, port: int) -> socket.socket:
        """A blocking socket that is connected to just this address. Raises OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
            sock.setblocking(True)
        except BaseException:
            sock.close()
            raise
        return sock

    def tls(self) -> ssl.SSLContext:
        """TLS 1.2 or newer with the system's roots, certificate and host name checked."""
        import ssl

        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
