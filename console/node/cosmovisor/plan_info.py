"""plan.info in all its forms, and the one artefact in it that is for this machine (facts/cosmos.md §1.7).

Nothing is downloaded here (console.node.releases does). A checksum in a plan is of the downloaded file, which may be an
archive, and not of the binary in it.
"""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote_plus, urlsplit

from console.errors import NodeError
from console.json_depth import MAX_DEPTH, deeper_than
from console.node.download.checksum import Checksum, read_checksum
from console.text import UntrustedText, untrusted

MAX_INFO_BYTES = 1 << 20
ANY_PLATFORM = "any"

_PLATFORM = re.compile(r"[a-zA-Z0-9]+/[a-zA-Z0-9]+")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_GETTER_PARAMETERS = frozenset({"checksum", "archive", "filename"})
"""What go-getter takes out of the URL for itself."""
_ARCHIVES = (
    "tar.bz2",
    "tar.gz",
    "tar.xz",
    "tar.zst",
    "tbz2",
    "tgz",
    "txz",
    "tzst",
    "tar",
    "zip",
    "bz2",
    "gz",
    "xz",
    "zst",
)
"""What go-getter unpacks, longest first; the last four hold one file."""
_MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "i386": "386",
    "i686": "386",
    "loongarch64": "loong64",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where bytes can be had, as a plan writes it."""

    url: str
    """https, http or ipfs, without the parameters that only go-getter understands. Foreign text: show with
    `untrusted`."""
    checksum: Checksum | None
    """Of the bytes behind the URL."""
    packing: str
    """How the bytes are packed (`tar.gz`, `zip`, `gz` …); empty for a plain file."""

    @property
    def archive(self) -> bool:
        """Whether the bytes have to be unpacked, and the checksum is not the binary's."""
        return bool(self.packing)


@dataclass(frozen=True, slots=True)
class Promised:
    """Bytes that a plan vouches for by their checksum."""

    url: str
    """As in Address."""
    checksum: Checksum
    """Of the bytes behind the URL."""
    packing: str
    """As in Address."""
    lists: bool = False
    """Whether the bytes are only a list of binaries, for `listed_elsewhere`."""

    @property
    def binary_sha256(self) -> str:
        """sha256 of the binary itself, 64 hex digits; empty where only the bytes will tell."""
        plain = not self.packing and not self.lists and self.checksum.algorithm == "sha256"
        return self.checksum.digest if plain else ""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The list is in the plan itself: platform (`linux/amd64`, `any`) to URL as written."""

    urls: tuple[tuple[str, str], ...]

    @property
    def platforms(self) -> tuple[UntrustedText, ...]:
        """What there is, to show."""
        return tuple(untrusted(key, 40) for key, _ in self.urls)


@dataclass(frozen=True, slots=True)
class BinariesElsewhere:
    """The list is behind a URL: fetch it, check it, and read it with `listed_elsewhere`."""

    address: Address


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """A URL with nothing to say that it is a list: most likely a page for people."""

    url: UntrustedText


@dataclass(frozen=True, slots=True)
class Words:
    """Text for people, or nothing at all: there is nothing to download."""

    text: UntrustedText


PlanInfo = Binaries | BinariesElsewhere | ReleasePage | Words


def this_platform() -> str:
    """This machine as Go names it: `linux/amd64`, `darwin/arm64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_MACHINES.get(machine, machine)}"


def parse_plan_info(info: str) -> PlanInfo:
    """Tell what a plan's info is.

    Raises:
        NodeError: It is a list of binaries, or the address of one, that cannot be trusted as it is.
    """
    text = info.strip()
    if len(text) > MAX_INFO_BYTES:
        raise NodeError(f"the plan's info is larger than {MAX_INFO_BYTES} bytes", safe="it was not read")
    if text.startswith("{"):
        return _binaries(text)
    if not _SCHEME.match(text) or len(text.split()) != 1:
        return Words(untrusted(text))
    parts = _split(text)
    has_checksum = any(key == "checksum" for key, _ in parse_qsl(parts.query, keep_blank_values=True))
    if has_checksum or parts.path.lower().endswith(".json"):
        return BinariesElsewhere(parse_address(text))
    return ReleasePage(untrusted(text))


def choose(info: PlanInfo, platform_name: str) -> Promised:
    """The artefact for a platform, else the one for any; where they are listed elsewhere, that list.

    DAEMON_DOWNLOAD_MUST_HAVE_CHECKSUM need not be asked: nothing unverified runs (DESIGN §4.2), and what a list
    without a checksum says is nobody's word.

    Args:
        info: What `parse_plan_info` found.
        platform_name: As `this_platform` says it.

    Raises:
        NodeError: There is none, its URL cannot be used, or it has no checksum.
    """
    match info:
        case BinariesElsewhere():
            if info.address.archive:
                raise NodeError(
                    f"the plan's URL {untrusted(info.address.url)} is an archive and no list of binaries",
                    safe="nothing was downloaded",
                    next_step="give the binary in it with `upgrade-console node add-upgrade`",
                )
            return replace(_promised(info.address), lists=True)
        case ReleasePage():
            raise NodeError(
                f"the plan names only {info.url}, which looks like a release page and not a list of binaries",
                safe="nothing was downloaded",
                next_step="get the binary and its checksum there and give both with"
                " `upgrade-console node add-upgrade NAME FILE --checksum sha256:…`",
            )
        case Words():
            raise NodeError(
                "the plan says nothing about binaries",
                safe="nothing was downloaded",
                next_step="give the binary with `upgrade-console node add-upgrade`",
            )
        case Binaries():
            urls = dict(info.urls)
            url = urls.get(platform_name) or urls.get(ANY_PLATFORM)
            if not url:
                raise NodeError(
                    f"the plan has no binary for {platform_name}, only for {', '.join(info.platforms)}",
                    safe="nothing was downloaded",
                    next_step="build it and give it with `upgrade-console node add-upgrade`",
                )
            return _promised(parse_address(url))


def listed_elsewhere(body: bytes) -> Binaries:
    """Read a list of binaries that was fetched and checked.

    Raises:
        NodeError: It is no such list.
    """
    try:
        text = body.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise NodeError("the plan's list of binaries is not UTF-8", safe="nothing was downloaded") from error
    if len(body) > MAX_INFO_BYTES or not text.startswith("{"):
        # A list of lists could go on for ever.
        raise NodeError("the plan's list of binaries is no list", safe="nothing was downloaded")
    return _binaries(text)


def parse_address(url: str) -> Address:
    """Read one URL of a plan, with its `checksum` and `archive`.

    Raises:
        NodeError: It is no http(s) URL, or its checksum is weak, unreadable or given twice.
    """
    parts = _split(url.strip())
    query = parse_qsl(parts.query, keep_blank_values=True)
    checksums = [value for key, value in query if key == "checksum"]
    if len(checksums) > 1:
        raise _unusable(url, "it gives more than one checksum")
    checksum = _checksum(url, checksums[0]) if checksums and checksums[0] else None
    kept = [piece for piece in parts.query.split("&") if piece and _key(piece) not in _GETTER_PARAMETERS]
    forced = [value for key, value in query if key == "archive"]
    return Address(
        url=parts._replace(query="&".join(kept), fragment="").geturl(),
        checksum=checksum,
        packing=_packing(url, parts.path, forced[-1] if forced else ""),
    )


def _key(piece: str) -> str:
    return unquote_plus(piece.partition("=")[0])


def _split(url: str) -> SplitResult:
    """Raises NodeError for what is no plain http(s) URL."""
    if "::" in url.partition("/")[0]:
        raise _unusable(url, "it asks for another way of fetching than http")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _unusable(url, "it holds blanks or control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _unusable(url, f"it is no URL ({untrusted(error)})") from error
    if parts.scheme not in ("http", "https", "ipfs"):
        raise _unusable(url, "only https, http and ipfs are fetched")
    if not parts.hostname:
        raise _unusable(url, "it names no host")
    return parts


def _checksum(url: str, text: str) -> Checksum:
    try:
        return read_checksum(text)
    except ValueError as error:
        raise _unusable(url, f"its checksum {error}") from error


def _packing(url: str, path: str, forced: str) -> str:
    if forced:
        if forced.lower() in ("false", "0", "f"):
            return ""
        if forced not in _ARCHIVES:
            raise _unusable(url, f"it says to unpack {untrusted(forced, 20)}, which is not known")
        return forced
    return next((kind for kind in _ARCHIVES if path.endswith(f".{kind}")), "")


def _binaries(text: str) -> Binaries:
    if deeper_than(text.encode("utf-8", "replace"), MAX_DEPTH):
        raise NodeError("the plan's info is nested too deeply", safe="nothing was downloaded")
    try:
        document = json.loads(text, object_pairs_hook=_members)
    except ValueError as error:
        raise NodeError(f"the plan's info is not JSON: {untrusted(error)}", safe="nothing was downloaded") from error
    binaries = document.get("binaries") if isinstance(document, dict) else None
    if not isinstance(binaries, dict) or not binaries:
        raise NodeError("the plan's info lists no binaries", safe="nothing was downloaded")
    urls = []
    for key, url in binaries.items():
        if key != ANY_PLATFORM and not _PLATFORM.search(key):
            raise NodeError(f"the plan's info has a binary for {untrusted(key, 40)!r}, which is no platform")
        if not isinstance(url, str):
            raise NodeError(f"the plan's info has no URL for {untrusted(key, 40)}")
        urls.append((key, url))
    return Binaries(tuple(urls))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it says the same key twice")
    return found


def _promised(address: Address) -> Promised:
    if address.checksum is None:
        raise _no_checksum(address.url)
    return Promised(address.url, address.checksum, address.packing)


def _no_checksum(url: str) -> NodeError:
    return NodeError(
        f"the plan's URL {untrusted(url)} has no checksum, and nothing unverified is run",
        safe="nothing was downloaded",
        next_step="check the binary by other means and give it with `upgrade-console node add-upgrade`",
    )


def _unusable(url: str, why: str) -> NodeError:
    return NodeError(f"the plan's URL {untrusted(url)} is not used: {why}", safe="nothing was downloaded")
