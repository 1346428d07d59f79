"""URLs that may be fetched: https, or http to this machine itself, and a host that means one thing to everybody.

What looks like a number and is not a plain dotted address is refused: 2852039166, 0xA9FEA9FE, 0251.254.169.254 and
127.1 all lead somewhere (facts/safety.md §7).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from console.node.download.failure import SourceFailed
from console.text import UntrustedText, untrusted

_MAX_URL = 4096
"""Characters; signed addresses of object stores have about a thousand."""
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_AS_THEY_ARE = "/%:@!$&'()*+,;=~-._?[]"


@dataclass(frozen=True, slots=True)
class Url:
    """One URL, read and found acceptable. What it leads to is checked when it is looked up."""

    scheme: str
    host: str
    """A name in ASCII, or an address without brackets."""
    port: int
    target: str
    """Path and query, as a request has them."""

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> UntrustedText:
        """Host and port, to show; the rest of a URL may hold a key."""
        return untrusted(self.authority, 100)

    @property
    def names_loopback(self) -> bool:
        """Whether the text itself, and no name server, says that it is this machine."""
        return is_loopback_host(self.host)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def is_loopback_host(host: str) -> bool:
    """Whether a host is this machine by its own words: an address, or a name that RFC 6761 keeps for it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_url(text: str) -> Url:
    """Read a URL.

    Raises:
        SourceFailed: It is none that is fetched; the words say why.
    """
    if len(text) > _MAX_URL:
        raise SourceFailed(f"the URL is longer than {_MAX_URL} characters")
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in text):
        raise SourceFailed("the URL holds blanks, backslashes or control characters")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise SourceFailed(f"that is no URL ({untrusted(error, 100)})") from error
    if parts.scheme not in _DEFAULT_PORTS:
        raise SourceFailed("only https is fetched, and http from this machine itself")
    if "@" in parts.netloc:
        raise SourceFailed("a URL with a user name is not fetched")
    if "#" in text:
        raise SourceFailed("a URL with a fragment is not fetched")
    if port == 0:
        raise SourceFailed("port 0 is none")
    host = _host(host, bracketed="[" in parts.netloc)
    if parts.scheme == "http" and not is_loopback_host(host):
        raise SourceFailed("only https is fetched, and http from this machine itself")
    path = quote(parts.path or "/", safe=_AS_THEY_ARE)
    query = f"?{quote(parts.query, safe=_AS_THEY_ARE)}" if parts.query else ""
    return Url(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path + query)


def _host(host: str, *, bracketed: bool) -> str:
    if bracketed:
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else _not_an_address(host)
        except ValueError:
            return _not_an_address(host)
    try:
        name = host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except UnicodeError:
        name = ""
    # One dot at the end says that the name is whole: it is the same host.
    name = name.removesuffix(".")
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise SourceFailed(f"{untrusted(host, 80) or 'nothing'} is no host")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # Whatever ends in a number is an address to some resolver; in wide digits, to some reader.
        try:
            return str(ipaddress.IPv4Address(host.removesuffix(".")))
        except ValueError:
            return _not_an_address(name)
    return name


def _not_an_address(host: str) -> str:
    raise SourceFailed(f"{untrusted(host, 80)} is not a plain address")
