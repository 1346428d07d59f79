"""`devnet status`: one document with all that scripts need (issue 2, section "The devnet")."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from console.devnet.controllers import Controllers, SocketControllers, shim_and_node
from console.devnet.folder import require_devnet
from console.devnet.layout import Layout
from console.devnet.record import ValidatorRecord
from console.errors import ChainError, NodeError

if TYPE_CHECKING:
    from console.http import Http
    from console.model import NodeStatus

MAX_ANSWER_BYTES = 4 << 20
HEIGHT_DEADLINE_S = 1.0
"""Seconds that a node has for telling its height."""


class ReleaseEntry(TypedDict):
    """A build on the release server."""

    version: str
    url: str
    sha256: str


class NodeEntry(TypedDict):
    """One validator's node. Unknown is null."""

    name: str
    home: str
    address: str
    power: int
    pid: int | None
    state: str | None
    """The controller's word; when it is down, its last one from the journal."""
    version: str | None
    last_exit_code: int | None
    """Exit code of the run before the present one."""


class DevnetStatus(TypedDict):
    """The whole document; later versions only add keys."""

    dir: str
    chain_id: str
    height: int | None
    """Highest height that a node tells; when none answers, the highest journalled one."""
    registry: str
    gateway: str
    """The diamond that names the validators; the registry owns it. Empty in devnets from before it was one."""
    facets: list[str]
    """URLs of compiled facets that the gateway can be upgraded to."""
    cometbft_rpc: list[str]
    ethereum_rpc: list[str]
    releases: list[ReleaseEntry]
    """Oldest first."""
    nodes: list[NodeEntry]


async def status(folder: Path, controllers: Controllers | None = None) -> DevnetStatus:
    """Describe a devnet, running or not. A node or controller that is down costs unknowns, never the answer.

    Args:
        folder: The devnet's folder.
        controllers: The seam to the controllers; the real ones when not given.

    Raises:
        DevnetError: There is no devnet in the folder, or its record cannot be read.
    """
    layout = Layout.of(folder)
    record = require_devnet(layout)
    seam = controllers or SocketControllers()
    heights, statuses = await asyncio.gather(
        heights_of(each.cometbft_rpc for each in record.validators),
        asyncio.gather(*(_word(seam, layout, each) for each in record.validators)),
    )
    answered = [height for height in heights if height is not None]
    journalled = [each.height for each in statuses if each is not None and each.height is not None]
    return DevnetStatus(
        dir=str(layout.folder),
        chain_id=record.chain_id,
        height=max(answered or journalled, default=None),
        registry=record.registry,
        gateway=record.gateway,
        facets=[record.facet_url(each.name) for each in sorted(layout.contracts.glob("*.json"))],
        cometbft_rpc=[each.cometbft_rpc for each in record.validators],
        ethereum_rpc=[each.ethereum_rpc for each in record.validators],
        releases=[
            ReleaseEntry(version=each.version, url=record.release_url(each.version), sha256=each.sha256)
            for each in record.releases
        ],
        nodes=[_entry(layout, each, word) for each, word in zip(record.validators, statuses, strict=True)],
    )


def _entry(layout: Layout, validator: ValidatorRecord, word: NodeStatus | None) -> NodeEntry:
    node = layout.node(validator.name)
    _, process = shim_and_node(node)
    return NodeEntry(
        name=validator.name,
        home=str(node.home),
        address=validator.address,
        power=validator.power,
        pid=process.pid if process is not None else None,
        state=word.state if word is not None else None,
        version=(str(word.version) or None) if word is not None else None,
        last_exit_code=word.last_exit_code if word is not None else None,
    )


async def _word(controllers: Controllers, layout: Layout, validator: ValidatorRecord) -> NodeStatus | None:
    state_dir = layout.node(validator.name).state_dir
    try:
        return await controllers.status(state_dir)
    except NodeError:
        pass
    try:
        return controllers.journalled(state_dir, validator.name)
    except NodeError:
        return None


async def heights_of(urls: Iterable[str]) -> list[int | None]:
    """Block store height per CometBFT RPC, asked in parallel; None for one that does not tell it in time."""
    from console.http import Http

    http = Http(max_bytes=MAX_ANSWER_BYTES)
    try:
        return list(await asyncio.gather(*(_height(http, url) for url in urls)))
    finally:
        await http.close()


async def answered(http: Http, url: str, deadline_s: float) -> Any:
    """What a node of this devnet answers to a GET, decoded. Raises ChainError, or ValueError: no JSON."""
    return json.loads((await http.exchange("GET", url, "the node", deadline_s=deadline_s, headers={})).content)


async def _height(http: Http, url: str) -> int | None:
    try:
        answer = await answered(http, f"{url}/status", HEIGHT_DEADLINE_S)
        return int(answer["result"]["sync_info"]["latest_block_height"])
    except (ChainError, ValueError, KeyError, TypeError):
        return None
