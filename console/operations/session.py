"""The session behind the screens: the same operations as the command line's, for one network and one node."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from console import model
from console.errors import ConsoleError, InputError
from console.hand_lock import HandLock
from console.model import UNSAID

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable

    from console.log_store import LogStore
    from console.maintenance import MaintenanceWindow
    from console.model import (
        CallOutcome,
        FleetNode,
        Governance,
        JournalEntry,
        KnownRelease,
        LinkedReview,
        NodeCommand,
        NodeStatus,
        NodeStorage,
        ProcessTree,
        RegistryRules,
        Reviewed,
        Said,
        SigningRecord,
        Snapshot,
        Stance,
        Standing,
        Traffic,
    )
    from console.operations.connection import Connection, MessageSender
    from console.operations.node_abort import NetworkAbort
    from console.operations.node_inside import NodeInside
    from console.operations.stances import Stances
    from console.ports.keys import Terminal
    from console.ports.session import Audit, Timeline
    from console.procedures.desk import Desk
    from console.settings import NodeSettings

LOG_LINES = 200
"""Lines of each log that are shown at once when the log is opened."""


class ConsoleSession:
    """`console.ports.session.Session` on a real network; what an operation needs is imported when it is asked for.

    Args:
        network: The network's name.
        connect: Loads the settings and makes the connection, with the terminal that was lent; called once, when the
            network exists.
        standing: What is at stake there.
        hands: Whether changes are let through; None for freely.
        bring_up: Brings the devnet up, telling (steps done, steps in all, sentence); None when the network is there.
        clock: Unix seconds.
    """

    def __init__(
        self,
        network: str,
        connect: Callable[[Terminal | None], Connection],
        *,
        standing: Standing = UNSAID,
        hands: HandLock | None = None,
        bring_up: Callable[[], AsyncIterator[tuple[int, int, str]]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._network = network
        self._standing = standing
        self._connect = connect
        self._hands = hands or HandLock()
        self._bring_up = bring_up
        self._clock = clock
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._latest: Snapshot | None = None
        self._rules: RegistryRules | None = None
        self._stances: Stances | None = None
        self._terminal: Terminal | None = None
        self._inside: NodeInside | None = None

    @property
    def network(self) -> str:
        """The network's name."""
        return self._network

    @property
    def standing(self) -> Standing:
        """What is at stake there."""
        return self._standing

    @property
    def read_only(self) -> bool:
        """Whether nothing can ever be changed in this session."""
        return bool(self._hands.forbidden)

    @property
    def hands(self) -> HandLock:
        """Whether changes are let through now."""
        return self._hands

    @property
    def bringing_up_devnet(self) -> bool:
        """Whether `bring_up` has to run before anything can be shown."""
        return self._bring_up is not None

    @property
    def own_address(self) -> str:
        """Address of the validator whose node this session has, as the chain's validators have it; empty for none."""
        node = self._connection.node if self._connection is not None else None
        if node is None or node.address:
            return "" if node is None else node.address
        # Where no account is named, by the key that the node signs with.
        chain = self._latest.chain if self._latest is not None else None
        nodes = () if chain is None else chain.nodes
        return next((each.consensus_address for each in nodes if each.url == node.cometbft_rpc), "")

    @property
    def recording(self) -> Timeline | None:
        """None: chain and node are followed."""
        return None

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    async def bring_up(self) -> AsyncIterator[tuple[int, int, str]]:
        """Bring the devnet up, yielding (steps done, steps in all, sentence). Afterwards the session is connected.

        Raises:
            DevnetError: It did not come up; it is stopped again.
        """
        if self._bring_up is None:
            return
        async for done, total, sentence in self._bring_up():
            yield done, total, sentence
        self._bring_up = None

    def lend_terminal(self, terminal: Terminal) -> None:
        """Have the signer ask for passphrases on this terminal, which its owner leaves to it meanwhile."""
        self._terminal = terminal

    def check_proposal(self, fields: dict[str, str], snapshot: Snapshot | None) -> dict[str, str]:
        """Check the propose form as typed; see `propose.check_fields`, on a Cosmos chain `check_upgrade`."""
        from console.operations import propose_form

        return propose_form.problems_of(fields, snapshot, self._rules, on_cosmos=self._is_cosmos)

    @property
    def maintenance(self) -> tuple[MaintenanceWindow, ...]:
        """When operators of this network are at hand; one's own first."""
        connection = self._connection
        return () if connection is None else (*connection.own_windows, *connection.network.windows)

    async def traffic(self) -> Traffic:
        """How busy the chain was over the last hours, sampled; says itself why nothing is known."""
        latest = self._latest
        block_time_s = latest.chain.block_time_s if latest is not None and latest.chain is not None else None
        if latest is None or latest.height is None or block_time_s is None:
            return model.Traffic((), "", "the chain does not tell its block time")
        return await self._connected().traffic.read(latest.height, block_time_s)

    def earliest_height(self, fields: dict[str, str], snapshot: Snapshot | None) -> int | None:
        """The first target height that a proposal as typed can have now; None while the chain does not tell."""
        from console.operations import propose_form

        return propose_form.earliest_of(fields, snapshot, self._rules)

    async def manifest_fields(self, path: str, url: str, height: str) -> dict[str, str]:
        """What a manifest settles; raises as `manifest_fields`, on a Cosmos chain as `manifest_file_fields`."""
        from console.operations import propose_form

        return await propose_form.settled_by(self._connected().network, path, url, height)

    async def proposal_call(self, fields: dict[str, str]) -> Said:
        """What proposes as the form says, checked once more against the newest Snapshot.

        Raises:
            InputError: Read-only, or a field or file is not acceptable; nothing was sent.
            ManifestRefused: The release's manifest, where one is named, could not be used by anybody.
        """
        from console.operations import propose_form

        self._hands.require_free()
        if self._latest is None:
            raise InputError("the chain has not answered yet", safe="nothing was sent")
        connection = self._connected()
        return await propose_form.said_by(fields, self._latest, self._rules, connection.network, connection.messages)

    async def rules(self) -> RegistryRules:
        """What the registry was deployed with; proposals are checked against it from then on. Raises ChainError."""
        self._rules = await self._connected().governance.rules()
        return self._rules

    async def governance(self, proposal_id: int) -> Governance:
        """Votes, approvals and linked calls of a proposal. Raises ChainError."""
        return await self._connected().governance.read(proposal_id)

    async def signing(self, consensus_address: str) -> SigningRecord:
        """Which of the last blocks a validator signed; says itself why nothing is known."""
        height = self._latest.height if self._latest is not None else None
        return await self._connected().commits.read(consensus_address, height)

    async def stances(self, address: str) -> tuple[Stance, ...]:
        """What a validator said of the newest proposals, newest first. Raises ChainError."""
        from console.operations.stances import Stances

        if self._stances is None:
            self._stances = Stances(self._connected().governance)
        chain = self._latest.chain if self._latest is not None else None
        return await self._stances.of(address, () if chain is None else chain.proposals)

    async def linked_reviews(self, proposal_id: int) -> tuple[LinkedReview, ...]:
        """What the linked calls of a proposal change, from the chain as it is now. Raises ChainError."""
        connection = self._connected()
        calls = (await connection.governance.read(proposal_id)).calls
        from console.operations.contract_upgrade import review_linked

        return await review_linked(connection.network, calls)

    async def cut_file_reviews(self, path: str) -> tuple[LinkedReview, ...]:
        """What the calls in a file of exported calls change, from the chain as it is now. Raises ConsoleError."""
        from console.operations.contract_export import read_export
        from console.operations.contract_upgrade import review_linked

        exported = await asyncio.to_thread(read_export, Path(path).expanduser())
        calls = tuple(model.LinkedCall(each.target, each.data, "") for each in exported)
        return await review_linked(self._connected().network, calls)

    async def review(self, call: Said) -> Reviewed:
        """What would be signed; raises as `RegistryCalls.review`, of a message as `DaemonMessages.review`."""
        # A locked console may still show it: the confirmation of an emergency unlocks.
        self._hands.require_possible()
        if isinstance(call, model.ChainMessage):
            return await self._messages().review(call)
        return await self._connected().calls.review(call)

    async def send(self, review: Reviewed) -> CallOutcome:
        """Sign and send what was reviewed; raises as `RegistryCalls.send`, of a message as `DaemonMessages.send`."""
        self._hands.require_free()
        if isinstance(review, model.MessageReview):
            return await self._messages().send(review)
        return await self._connected().calls.send(review)

    async def export(self, review: Reviewed) -> str:
        """Write what was reviewed to a file for another signer; its path. Raises ConsoleError."""
        network = self._connected().network
        if isinstance(review, model.MessageReview):
            from console.operations.transaction_files import export_message

            return str(await asyncio.to_thread(export_message, review, network))
        from console.operations.registry_call import export_call

        return str(await asyncio.to_thread(export_call, review, network))

    def _messages(self) -> MessageSender:
        messages = self._connected().messages
        if messages is None:
            raise InputError(f"{self._network} is no Cosmos chain", safe="nothing was sent")
        return messages

    @property
    def _is_cosmos(self) -> bool:
        return self._connection is not None and self._connection.network.kind == "cosmos"

    async def ready(self, proposal_id: int) -> None:
        """Signal readiness for this session's node by hand; raises as `console.operations.ready.signal_ready`."""
        from console.operations.ready import signal_ready

        self._hands.require_free()
        connection = self._connected()
        if connection.node is None or connection.plans is None or connection.signals is None:
            raise self._no_node()
        await signal_ready(connection.node, proposal_id, connection.plans, connection.signals)

    async def node_command(self, command: NodeCommand) -> NodeStatus:
        """Have this session's node do it; raises as `console.operations.node_command.perform`."""
        from console.operations.node_command import perform

        self._hands.require_free()
        control = self._connected().control
        if control is None:
            raise self._no_node()
        return await perform(control, command)

    async def network_abort(self) -> NetworkAbort:
        """What the abort of a halted network needs; raises as `console.operations.node_abort.abort_case`."""
        from console.node.client import NodeClient
        from console.operations.node_abort import NetworkAbort, abort_case

        connection = self._connected()
        if connection.node is None:
            raise self._no_node()
        case = await asyncio.to_thread(abort_case, connection.network, connection.node)
        client = NodeClient(connection.node.state_dir)
        return NetworkAbort(case, connection.node, client, self._hands, self._terminal)

    async def node_processes(self) -> ProcessTree:
        """The processes of this session's node now. Raises InputError: there is none."""
        inside, latest = await self._looked_inside(), self._latest
        node = None if latest is None or latest.node_problem else latest.node
        return await asyncio.to_thread(inside.processes, None if node is None else node.controller_pid)

    async def node_storage(self) -> NodeStorage:
        """Generations, rollback points and disk of this session's node. Raises InputError: there is none."""
        return await asyncio.to_thread((await self._looked_inside()).storage)

    async def node_timeline(self) -> tuple[JournalEntry, ...]:
        """The newest entries of its controller's journal. Raises InputError: there is no node; JournalError."""
        return await asyncio.to_thread((await self._looked_inside()).timeline)

    async def fleet(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        """Yield what is known of every node in the settings, at each answer, until closed."""
        from console.operations.fleet import FleetReader

        async with aclosing(FleetReader((await self._connect_aside()).network, self._clock).follow()) as told:
            async for nodes in told:
                yield nodes

    async def release(self) -> KnownRelease:
        """What is verified of the newest plan's release; raises ControllerDown, or NodeError where it cannot tell."""
        control = self._connected().control
        if control is None:
            raise self._no_node()
        return await control.release()

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        """Yield a Snapshot at each change, until closed."""
        async with aclosing((await self._connect_aside()).source.snapshots()) as snapshots:
            async for snapshot in snapshots:
                self._latest = snapshot
                yield snapshot

    async def log_lines(self) -> AsyncGenerator[tuple[str, str], None]:
        """Yield (source, line) of the node's and the controller's log, from the last lines on, until closed."""
        from console.operations import logs

        node = (await self._connect_aside()).node
        if node is None:
            return
        async with aclosing(logs.follow(logs.logs_of(node), LOG_LINES)) as lines:
            async for source, line in lines:
                yield source, line

    def logs(self) -> LogStore | None:
        """Both logs whole; None where there is no node."""
        from console.log_store import LogStore
        from console.operations.logs import logs_of

        node = self._connected().node
        if node is None:
            return None
        found = logs_of(node)
        return LogStore(found.files, self._clock, found.journals)

    def audit(self) -> Audit:
        """What was decided and done on this machine."""
        from console.operations.audit import AuditTrail

        connection = self._connected()
        return AuditTrail(connection.network, connection.node)

    async def procedures(self) -> Desk:
        """The procedures and their runs, read anew. Raises SettingsError: the operator's own are not acceptable."""
        connection = await self._connect_aside()
        # In a thread: it imports everything that a procedure may do.
        return await asyncio.to_thread(connection.procedures, self._terminal, self._hands)

    async def save_lines(self, name: str, lines: Iterable[str]) -> tuple[str, int]:
        """Write lines to a new file; raises as `console.operations.logs.save_lines`."""
        from console.operations.logs import save_lines

        network = self._connected().network
        return await asyncio.to_thread(save_lines, network, name, lines, self._clock())

    async def close(self) -> None:
        """Close the connection; the network and the node go on."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

    async def _connect_aside(self) -> Connection:
        """The connection. What it takes is imported and read in a thread: keys and drawing go on meanwhile."""
        async with self._connecting:
            if self._connection is None:
                made = await asyncio.to_thread(self._connect, self._terminal)
                if self._connection is None:
                    self._connection = made
                else:
                    # An operation could not wait.
                    await made.close()
            return self._connection

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect(self._terminal)
        return self._connection

    async def _looked_inside(self) -> NodeInside:
        node = self._connected().node
        if node is None:
            raise self._no_node()
        if self._inside is None:
            # What it imports takes half a second, and only its view wants it.
            self._inside = await asyncio.to_thread(_inside_of, node, self._clock)
        return self._inside

    def _no_node(self) -> ConsoleError:
        return InputError(f"no node of network {self._network} is set up on this machine", safe="nothing was changed")


def _inside_of(node: NodeSettings, clock: Callable[[], float]) -> NodeInside:
    from console.operations.node_inside import NodeInside

    return NodeInside(node, clock)
