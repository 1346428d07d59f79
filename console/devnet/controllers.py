"""The seam to the nodes' controllers: how the devnet starts one, and what it asks of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from console.devnet.layout import Layout, NodeLayout
from console.devnet.process_identity import ProcessIdentity, boot_id, is_alive
from console.devnet.record import Record
from console.model import NodeStatus


class Controllers(Protocol):
    """One controller per node."""

    def command(self, layout: Layout, record: Record, node: str) -> list[str]:
        """Program and arguments of a node's controller."""
        ...

    async def status(self, state_dir: Path) -> NodeStatus:
        """The controller's word. Raises ControllerDown when nobody answers, NodeError when it is not understood."""
        ...

    def journalled(self, state_dir: Path, name: str) -> NodeStatus | None:
        """What the controller last wrote down; None when there is no journal. Raises JournalError."""
        ...

    async def start(self, state_dir: Path) -> NodeStatus:
        """Start the node, ending an operator's stop. Raises ControllerDown or NodeError."""
        ...

    async def stop(self, state_dir: Path) -> NodeStatus:
        """Stop the node until the operator starts it again. Raises ControllerDown or NodeError."""
        ...


class SocketControllers:
    """The real controllers: `node run` as a process, its socket, its journal."""

    def command(self, layout: Layout, record: Record, node: str) -> list[str]:
        """As in `Controllers`."""
        verb = ["node", "run", "--network", "devnet", "--dir", str(layout.folder), "--node", node]
        return [record.python, "-m", "console.cli", *verb]

    async def status(self, state_dir: Path) -> NodeStatus:
        """As in `Controllers`."""
        from console.node.client import NodeClient

        return await NodeClient(state_dir).status()

    def journalled(self, state_dir: Path, name: str) -> NodeStatus | None:
        """As in `Controllers`."""
        from console.node.journalled import journalled_status

        return journalled_status(state_dir, name)

    async def start(self, state_dir: Path) -> NodeStatus:
        """As in `Controllers`."""
        from console.node.client import NodeClient

        return await NodeClient(state_dir).start()

    async def stop(self, state_dir: Path) -> NodeStatus:
        """As in `Controllers`."""
        from console.node.client import NodeClient

        return await NodeClient(state_dir).stop()


def shim_and_node(node: NodeLayout) -> tuple[ProcessIdentity | None, ProcessIdentity | None]:
    """The living shim and node of a validator's last run, by what the shim wrote down; None for one that is gone."""
    try:
        document = json.loads(node.run_record.read_bytes())
        boot = boot_id()
        shim = ProcessIdentity(int(document["shim_pid"]), int(document["shim_started"]), boot)
        child = ProcessIdentity(int(document["child_pid"]), int(document["child_started"]), boot)
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    return (shim if is_alive(shim) else None), (child if is_alive(child) else None)
