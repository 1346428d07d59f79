"""Compiled contracts from where an operator has them: a file, a URL or IPFS, or sources compiled again here.

Nothing fetched needs a hash beforehand: it is used only as far as it is the same as the code on the chain, or as an
operator's own proposal, which others hold against the chain in turn.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from console import strict_json
from console.addresses import prefix_of
from console.chain.address import parse_address
from console.chain.artefact_file import MOST_FILE, Compiled, parse_compiled, read_compiled
from console.chain.cut_plan import ProposedFacet
from console.errors import InputError
from console.settings import NetworkSettings
from console.text import untrusted

COMPILE_DEADLINE_S = 600.0
"""Seconds that compiling may take."""

SETTINGS_FILE = "solc-settings.json"
"""In the folder of the sources: what solc is told, where it is not the usual."""

USUAL_SETTINGS: Mapping[str, Any] = {
    "optimizer": {"enabled": True, "runs": 200},
    "evmVersion": "paris",
    "viaIR": True,
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
"""What our contracts are compiled with; IPC's too, but for what is appended about the sources (facts/ipc.md §3.2)."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}", re.ASCII)
_MOST_OUTPUT = 64 << 20


@dataclass(frozen=True, slots=True)
class FacetOption:
    """`NAME=WHERE[@ADDRESS]` as typed: a facet, its artefact, and where it is deployed already."""

    name: str
    where: str
    address: str = ""


def facet_option(text: str, network: NetworkSettings) -> FacetOption:
    """Read one facet as typed. Raises InputError."""
    name, equals, rest = text.strip().partition("=")
    if not equals or not _NAME.fullmatch(name) or not rest:
        raise InputError(
            f"{untrusted(text, 80)!s} does not say a facet",
            next_step="give NAME=FILE, or NAME=FILE@ADDRESS for one that is deployed",
        )
    where, at, address = rest.rpartition("@")
    if not at or not where:
        return FacetOption(name, rest)
    return FacetOption(name, where, parse_address(address, prefix=prefix_of(network.chain_id)))


async def proposed_facets(network: NetworkSettings, options: Sequence[FacetOption]) -> tuple[ProposedFacet, ...]:
    """The facets that options name, their artefacts read. Raises InputError."""
    return tuple(
        [ProposedFacet(option.name, await load_compiled(network, option.where), option.address) for option in options]
    )


async def load_compiled(network: NetworkSettings, where: str) -> Compiled:
    """Read an artefact from a file, an https URL or `ipfs://CID/path`.

    Args:
        network: Its first node's `ipfs_gateways` are asked for what is on IPFS.
        where: The file or the URL.

    Raises:
        InputError: It cannot be read, or is no artefact.
        ReleaseError: It is on IPFS and no gateway is set.
    """
    if "://" not in where:
        return read_compiled(Path(where).expanduser())
    # Late: a verb that reads a file needs no network stack of its own.
    from console.node.download import DownloadRules, fetch_small, sources_of

    node = network.nodes[0] if network.nodes else None
    gateways = () if node is None else node.ipfs_gateways
    sources = sources_of(where, gateways=gateways, local=node is not None and node.local_downloads)
    found = await fetch_small(sources.urls, MOST_FILE, DownloadRules(own=sources.own))
    body = next((found[url] for url in sources.urls if url in found), None)
    if body is None:
        raise InputError(f"{untrusted(where)} cannot be fetched", next_step="look whether it is there")
    return parse_compiled(body, str(untrusted(where)), fallback=Path(where).stem)


async def recompile(folder: Path) -> dict[str, Compiled]:
    """Compile the sources of a folder with the npm solc that is installed in it.

    Args:
        folder: With `node_modules/solc`, and `solc-settings.json` where they are not the usual ones.

    Returns:
        Every contract that has code, by name.

    Raises:
        InputError: There is no Node.js or no solc, or the sources do not compile.
    """
    node = shutil.which("node")
    if node is None:
        raise InputError("there is no Node.js here to compile with", next_step="install it, or give artefacts")
    if not (folder / "node_modules" / "solc").is_dir():
        raise InputError(f"{folder} has no npm solc", next_step=f"run `npm ci` in {folder}")
    script = resources.files(__package__).joinpath("recompile.mjs")
    with resources.as_file(script) as path:
        process = await asyncio.create_subprocess_exec(
            node,
            str(path),
            str(folder),
            json.dumps(_settings(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMPILE_DEADLINE_S):
                output, complaint = await process.communicate()
        except TimeoutError:
            raise InputError(f"compiling {folder} took more than {COMPILE_DEADLINE_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if process.returncode != 0:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        raise InputError(f"{folder} does not compile: {untrusted(lines[0] if lines else 'solc failed', 300)}")
    return _contracts(output, folder)


def _settings(folder: Path) -> object:
    path = folder / SETTINGS_FILE
    if not path.exists():
        return USUAL_SETTINGS
    try:
        return strict_json.loads(path.read_bytes())
    except (OSError, strict_json.NotStrictJson) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def _contracts(output: bytes, folder: Path) -> dict[str, Compiled]:
    document: Any = json.loads(output) if len(output) <= _MOST_OUTPUT else {"contracts": []}
    found: dict[str, Compiled] = {}
    for entry in document["contracts"]:
        try:
            compiled = parse_compiled(json.dumps(entry).encode(), f"{folder}/{entry['file']}")
        except InputError:
            # One that still lacks its libraries cannot be compared; the others can.
            continue
        found[compiled.name] = compiled
    return found
