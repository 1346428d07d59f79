"""What the parent of a network intends, read again and again beside everything else, and what it means for a height.

Console and controller both ask here. A parent that does not answer is told and holds nothing up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from console.errors import ConsoleError
from console.model import ChainView, Proposal, ProposalStatus, Snapshot
from console.model.cross_subnet import ChildWindow, ParentIntent, ParentUpgrade, outside, safe_heights
from console.operations.chains import chain_of
from console.operations.child_windows import named_manifest, window_for, windows_in_manifest, windows_in_texts
from console.settings import NetworkSettings, parent_network

LOOK_S = 30.0
"""Seconds from one reading of the parent to the next."""
FIRST_WAIT_S = 5.0
"""Seconds that one who asks once waits for the first reading."""
AGAIN_S = 300.0
"""Seconds after which a manifest that could not be had is tried again."""
LONG_OVER_BLOCKS = 1000
"""Blocks of the parent after a window has closed in which it is still told."""

_TOLD = frozenset({ProposalStatus.VOTING, ProposalStatus.APPROVED, ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED})
_MOST_MANIFESTS = 16
_MOST_READINGS = 4

FetchManifest = Callable[[Proposal], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came of asking for a manifest."""

    at: float
    """Unix seconds."""
    windows: tuple[ChildWindow, ...] | None
    """What it says; None where it could not be had."""
    why: str = ""
    """Why it could not, without a full stop."""


class ParentWatch:
    """Reads the parent of one network.

    Args:
        child: The network; its settings name the parent.
        view: Reads the parent's chain.
        fetch: Has the manifest of a proposal of the parent; None, or a ConsoleError, where it cannot be had.
        parent: The parent's name.
        clock: Unix seconds.
    """

    def __init__(
        self,
        child: NetworkSettings,
        parent: str,
        view: Callable[[], Awaitable[ChainView]],
        fetch: FetchManifest,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._child = child
        self._parent = parent
        self._view = view
        self._fetch = fetch
        self._clock = clock
        self._latest: ParentIntent | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun_at = 0.0
        self._manifests: dict[str, _Asked] = {}

    def latest(self) -> ParentIntent | None:
        """What is known; begins the next reading where it is due."""
        if (self._task is None or self._task.done()) and self._clock() - self._begun_at >= LOOK_S:
            self._begun_at = self._clock()
            self._task = asyncio.ensure_future(self._read())
        return self._latest

    async def settled(self) -> ParentIntent | None:
        """What is known, once the first reading came or took too long."""
        self.latest()
        if self._latest is None and self._task is not None:
            await asyncio.wait({self._task}, timeout=FIRST_WAIT_S)
        return self._latest

    async def close(self) -> None:
        """End what is being read."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            self._latest = await self._intent()
        except ConsoleError as error:
            problem = f"what {self._parent} intends is not known: {error.what}"
            if self._latest is None:
                self._latest = ParentIntent(self._parent, (), 0, None, self._clock(), problem)
            else:
                self._latest = replace(self._latest, problem=problem)

    async def _intent(self) -> ParentIntent:
        view = await self._view()
        if view.block_time_s is None:
            # Heights can only be told by how fast blocks come, and who has just begun to read may not know it yet.
            view = await self._view()
        upgrades, problem = [], ""
        for proposal in view.proposals:
            if proposal.status not in _TOLD or not proposal.has_height:
                continue
            said = await self._said(proposal)
            if said.windows is None and proposal.target_height + LONG_OVER_BLOCKS >= view.height:
                problem = problem or (
                    f"what {proposal.name} of {self._parent} says to its children is not known: {said.why}"
                )
            window = window_for(self._child.chain_id, said.windows or ())
            if window is None:
                continue
            upgrade = ParentUpgrade(proposal.id, proposal.name, proposal.status, proposal.target_height, window)
            if upgrade.closes_at + LONG_OVER_BLOCKS >= view.height:
                upgrades.append(upgrade)
        read_at = self._clock() - view.age_s
        return ParentIntent(self._parent, tuple(upgrades), view.height, view.block_time_s, read_at, problem)

    async def _said(self, proposal: Proposal) -> _Asked:
        if not named_manifest(proposal):
            return _Asked(self._clock(), windows_in_texts(proposal))
        known = self._manifests.get(proposal.release_hash)
        if known is None or (known.windows is None and self._clock() - known.at >= AGAIN_S):
            known = await self._asked_for(proposal)
            while len(self._manifests) >= _MOST_MANIFESTS:
                del self._manifests[next(iter(self._manifests))]
            self._manifests[proposal.release_hash] = known
        return known

    async def _asked_for(self, proposal: Proposal) -> _Asked:
        try:
            content = await self._fetch(proposal)
        except ConsoleError as error:
            return _Asked(self._clock(), None, f"its manifest cannot be had: {error.what.rstrip('.')}")
        if content is None:
            return _Asked(self._clock(), None, "its manifest cannot be had")
        try:
            return _Asked(self._clock(), windows_in_manifest(content, proposal.release_hash))
        except ConsoleError:
            # Nobody can use it: it says nothing to us either.
            return _Asked(self._clock(), ())


class ParentBound:
    """`console.ports.chain.HeightBound` of a network with a parent: for the controller, which reads no Snapshots.

    Args:
        child: Reads the network itself, for its block time.
        watch: Reads its parent.
        clock: Unix seconds.
    """

    def __init__(
        self, child: Callable[[], Awaitable[ChainView]], watch: ParentWatch, clock: Callable[[], float] = time.time
    ) -> None:
        self._child = child
        self._watch = watch
        self._clock = clock

    async def judge(self, target_height: int, release: str) -> str:
        """Why a height does not go with the parent; empty when it does, or when it cannot be told.

        Raises:
            ChainError: The own chain does not answer.
        """
        intent = await self._watch.settled()
        if intent is None or not intent.upgrades:
            return ""
        view = await self._child()
        executed = executed_names(view)
        bounds = safe_heights(intent, view.height, view.block_time_s, self._clock(), executed)
        return outside(target_height, release, bounds)


async def held_against_parent(
    network: NetworkSettings, read: Callable[[], Awaitable[Snapshot]]
) -> tuple[Snapshot, str]:
    """Read until it is known what the network above intends and which heights that means here, or a few times in vain.

    Args:
        network: The network; its settings name the parent, or none.
        read: Reads chain and parent once.

    Returns:
        What was read last, and why a height cannot be held against the parent; empty where it can, or there is none.
    """
    snapshot = await read()
    for _ in range(_MOST_READINGS - 1):
        if not _unheld(network, snapshot):
            break
        snapshot = await read()
    why = _unheld(network, snapshot)
    return snapshot, f"{why}: the height was not held against it" if why else ""


def _unheld(network: NetworkSettings, snapshot: Snapshot) -> str:
    if not network.parent:
        return ""
    parent = snapshot.parent
    if parent is None:
        return f"what {network.parent} intends was not heard in time"
    if parent.problem:
        return parent.problem.rstrip(".")
    untold = next((each for each in snapshot.safe_heights if each.upgrade.decided and each.last is None), None)
    return "" if untold is None else f"{untold.intent}, and how fast blocks come is not known"


def executed_names(view: ChainView) -> frozenset[str]:
    """Names of the releases that a network went over to, as far as it shows them."""
    return frozenset(str(each.name) for each in view.proposals if each.status is ProposalStatus.EXECUTED)


def watch_of(child: NetworkSettings) -> tuple[ParentWatch, Callable[[], Awaitable[None]]] | None:
    """What reads a network's parent, and what is closed at the end; None where the settings name none.

    Raises:
        SettingsError: The parent is not in the settings.
    """
    if not child.parent:
        return None
    parent = parent_network(child)
    chain = chain_of(parent)

    async def fetch(proposal: Proposal) -> bytes | None:
        return await _fetched(parent, proposal)

    watch = ParentWatch(child, parent.name, chain.view, fetch)

    async def close() -> None:
        await watch.close()
        await chain.close()

    return watch, close


async def _fetched(parent: NetworkSettings, proposal: Proposal) -> bytes | None:
    """The bytes behind a proposal's URL; its hash is looked at by whoever reads them. Raises ConsoleError."""
    from console.node.download import DownloadRules, fetch_small, sources_of
    from console.node.release.manifest import MAX_MANIFEST_BYTES

    node = parent.nodes[0] if parent.nodes else None
    sources = sources_of(
        str(proposal.release_url),
        gateways=() if node is None else node.ipfs_gateways,
        local=parent.folder is not None or (node is not None and node.local_downloads),
    )
    found = await fetch_small(sources.urls, MAX_MANIFEST_BYTES, DownloadRules(own=sources.own))
    return next((found[each] for each in sources.urls if each in found), None)
