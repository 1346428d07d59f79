"""A controller's notifications: what it knows as a Snapshot, looked at beside its work and never in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console.chain.comet_node import CometNode
from console.chain.cometbft import HeaderTimes
from console.chain.rpc import JsonRpc
from console.model import ChainView, Crossing, NetworkIdentity, ProposalStatus, Snapshot, upgrade_of
from console.node.bell import Bell
from console.node.metrics.gauges import Known, network_height
from console.notify.outbox import Outbox
from console.notify.sending import Sender
from console.notify.watch import Addressed, FreshSettings, Watch, again_and_again
from console.settings import NetworkSettings, NodeSettings, default_devnet_folder

OUTBOX = "notify.db"
"""In the state folder."""
_LOOK_S = 2.0
"""Seconds between two looks, however much happens."""
_QUIET_S = 20.0
"""Seconds after which it is looked though nothing happened: countdowns go on."""
_TIMES_S = 15.0
"""Seconds between two readings of header times while a plan has a height."""
_HOLD_S = 60.0
"""Seconds for which messages wait while the node crosses."""
_HEADERS = 4
_ON_ITS_WAY = {Crossing.QUIESCED, Crossing.BACKED_UP, Crossing.SWITCHED, Crossing.STARTING}


def option_of(network: NetworkSettings) -> str:
    """How the command line names a network."""
    own_folder = network.folder is not None and network.folder != default_devnet_folder()
    return f"--network {network.name}" + (f" --dir {network.folder}" if own_folder else "")


class ControllerNotices:
    """Tells what concerns one node; of its network too, when it is the first of it here.

    Args:
        network: The network.
        node: Its node.
        known: What the controller has read and decided.
        bell: Rings when that changes.
    """

    def __init__(self, network: NetworkSettings, node: NodeSettings, known: Callable[[], Known], bell: Bell) -> None:
        self._network = network
        self._known = known
        self._bell = bell
        self._of_network = not network.nodes or network.nodes[0].name == node.name
        self._times = HeaderTimes()
        self._times_at: float | None = None
        self._rpc = JsonRpc(tokens=network.tokens)
        self._comet = CometNode(self._rpc, node.cometbft_rpc, network.chain_id, time.monotonic)
        self._crosses_since: float | None = None
        addressed = Addressed(network.name, network.chain_id, option_of(network))
        outbox = Outbox(outbox_of(node))
        self._watch = Watch(outbox, addressed, FreshSettings(), Sender(), busy=self._crosses)

    async def run(self) -> None:
        """Look and send until cancelled; what goes wrong is logged, and tried again."""
        try:
            await asyncio.gather(again_and_again(self._look), again_and_again(self._watch.deliver))
        finally:
            await self._comet.close()
            await self._rpc.close()

    async def _look(self) -> None:
        with self._bell.listen() as rung:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_QUIET_S):
                        await rung.wait()
                rung.clear()
                if await self._watch.wanted():
                    known = self._known()
                    await self._read_times(known)
                    picture = picture_of(known, self._network, self._times.seconds_per_block)
                    await self._watch.look(picture, of_network=self._of_network)
                await asyncio.sleep(_LOOK_S)

    async def _read_times(self, known: Known) -> None:
        """Read what the countdown needs, while there is one."""
        scheduled = known.plans is not None and any(
            plan.status is ProposalStatus.SCHEDULED for plan in known.plans.proposals
        )
        now = time.monotonic()
        if not scheduled or (self._times_at is not None and now - self._times_at < _TIMES_S):
            return
        self._times_at = now
        height = network_height(known) or 0
        reading = self._comet.ask(headers=self._times.missing(height, _HEADERS) if height else ())
        if reading is not None:
            await reading
        status = self._comet.status
        if status is not None and self._comet.reachable:
            self._times.add(status.height, status.time_ns)
            for header in self._comet.headers:
                self._times.add(header.height, header.time_ns)

    def _crosses(self) -> bool:
        """Whether the node is on its way from the halt to its start, which nothing may slow down."""
        attempt = self._known().status.attempt
        if attempt is None or attempt.crossing not in _ON_ITS_WAY:
            self._crosses_since = None
            return False
        self._crosses_since = self._crosses_since or time.monotonic()
        return time.monotonic() - self._crosses_since < _HOLD_S


def outbox_of(node: NodeSettings) -> Path:
    """Where a controller keeps its messages."""
    return node.state_dir / OUTBOX


def picture_of(known: Known, network: NetworkSettings, block_time_s: float | None) -> Snapshot:
    """What a controller knows, as a Snapshot; what it does not know of others is left empty.

    Args:
        known: Of the controller.
        network: Its network.
        block_time_s: Seconds per block; None where not known.
    """
    height, plans = network_height(known), known.plans
    chain = None
    if plans is not None and not known.contested:
        chain = ChainView(
            height=plans.height if height is None else height,
            block_time_s=block_time_s,
            block_time_unix=None,
            validators=(),
            nodes=(),
            proposals=plans.proposals,
            readiness=plans.readiness,
            age_s=0.0,
            problem="",
        )
    return Snapshot(
        network=NetworkIdentity(network.name, network.kind, network.chain_id),
        height=height,
        height_age_s=None,
        chain=chain,
        chain_problem="",
        node=known.status,
        node_problem="",
        upgrade=upgrade_of(chain, known.status, height),
        age_s=None,
        taken_at=time.time(),
    )
