"""Where a file may be had: the operator's mirrors instead of the plan's URL, and gateways for what is on IPFS."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass

from console.errors import ReleaseError
from console.model import FailureCode
from console.text import untrusted

_SCHEME = "ipfs://"
_CID = re.compile(r"[A-Za-z0-9]{10,120}")
"""Letters and digits in every base, so that it cannot lead out of its place."""
_OLD_CID = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*")
_SUBDOMAIN = "{cid}"


@dataclass(frozen=True, slots=True)
class Sources:
    """URLs of one file, in the order in which they are tried."""

    urls: tuple[str, ...]
    own: bool
    """Whether the operator named the hosts."""


def sources_of(url: str, *, mirrors: Sequence[str] = (), gateways: Sequence[str] = (), local: bool = False) -> Sources:
    """Where the file of a plan's URL is asked for.

    Args:
        url: As the plan writes it: https, or `ipfs://CID/path`.
        mirrors: The operator's base URLs; with any, the plan's own URL is not asked.
        gateways: The operator's IPFS gateways: `http://127.0.0.1:8080` (the CID goes into the path) or
            `https://{cid}.ipfs.example` (it goes where it says so).
        local: Whether the operator lets a plan's own URL lead to this machine or into a private network.

    Raises:
        ReleaseError: It is on IPFS and nobody was named to ask, or it names no content there.
    """
    if mirrors:
        return Sources(tuple(mirrored(url, mirror) for mirror in mirrors), own=True)
    if not url.lower().startswith(_SCHEME):
        return Sources((url,), own=local)
    cid, path = _content(url)
    if not gateways:
        raise ReleaseError(
            f"{untrusted(url)} is on IPFS, and no gateway is set",
            code=FailureCode.DOWNLOAD_FAILED,
            safe="nothing was changed",
            next_step="set one with `upgrade-console node config set ipfs_gateways=http://127.0.0.1:8080`",
        )
    return Sources(tuple(through(gateway, cid, path) for gateway in gateways), own=True)


def mirrored(url: str, mirror: str) -> str:
    """The same file name under the operator's mirror."""
    return f"{mirror.rstrip('/')}/{url.partition('?')[0].partition('#')[0].rsplit('/', 1)[-1]}"


def through(gateway: str, cid: str, path: str) -> str:
    """Content on IPFS by way of a gateway, in its path or as part of its name."""
    base = gateway.rstrip("/")
    if _SUBDOMAIN in base:
        return base.replace(_SUBDOMAIN, in_lower_case(cid)) + (path or "/")
    return f"{base.removesuffix('/ipfs')}/ipfs/{cid}{path}"


def in_lower_case(cid: str) -> str:
    """A content id for a host's name, where case is lost: version 0 (base58) as version 1 in base32, others as is."""
    if not _OLD_CID.fullmatch(cid):
        return cid.lower() if cid[0] in "bB" else cid
    number = 0
    for letter in cid:
        number = number * 58 + _BASE58.index(letter)
    # Version 1, content type dag-pb, then the same multihash of 34 bytes.
    return "b" + b32encode(b"\x01\x70" + number.to_bytes(34, "big")).decode().rstrip("=").lower()


def _content(url: str) -> tuple[str, str]:
    cid, slash, rest = url[len(_SCHEME) :].partition("/")
    path = f"{slash}{rest}".rstrip("/")
    if not _CID.fullmatch(cid) or not _PATH.fullmatch(path):
        raise ReleaseError(
            f"{untrusted(url)} names no content on IPFS",
            code=FailureCode.DOWNLOAD_FAILED,
            safe="nothing was changed",
        )
    return cid, path
