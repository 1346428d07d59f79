"""What an operator tells a node's controller to do: once, for the command line, the menu and the node's view.

Each is one question to the controller, which checks it again: what is let through here may still be refused there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from console.errors import InputError
from console.model import NodeCommand, NodeStatus, NodeVerb


class CommandedNode(Protocol):
    """What a command needs of a controller's client. All raise ControllerDown, or NodeError when refused."""

    async def start(self) -> NodeStatus: ...
    async def stop(self) -> NodeStatus: ...
    async def restart(self) -> NodeStatus: ...
    async def arm(self, reason: str) -> NodeStatus: ...
    async def arm_unproven(self, reason: str) -> NodeStatus: ...
    async def disarm(self, reason: str) -> NodeStatus: ...
    async def swap(self, name: str, reason: str) -> NodeStatus: ...
    async def rollback(self, reason: str) -> NodeStatus: ...
    async def restore(self, name: str, reason: str) -> NodeStatus: ...
    async def resync(self, reason: str, *, from_genesis: bool) -> NodeStatus: ...
    async def pause(self, reason: str) -> NodeStatus: ...
    async def resume(self, *, without_rollback_point: str = "", cross: str = "") -> NodeStatus: ...


@dataclass(frozen=True, slots=True)
class CommandWords:
    """What a command does and what it costs to undo."""

    does: str
    undo: str
    reason: bool = True
    """Whether a reason has to be typed for it."""
    bare: bool = False
    """Whether the command line lets it be done without the reason."""

    def sentence(self, verb: str, node: str, network: str) -> str:
        """The one sentence that is said before it is done."""
        return f"{verb}: {self.does.format(node=node, network=network)}; {self.undo}."


WORDS: dict[NodeVerb, CommandWords] = {
    NodeVerb.START: CommandWords(
        "starts {node} of {network} with its current generation, armed as its plan says, and lets automation go on",
        "`node stop` undoes it",
        reason=False,
    ),
    NodeVerb.STOP: CommandWords(
        "stops {node} of {network}: it signs nothing, and no automation starts it again, not even an upgrade",
        "`node start` undoes it; the blocks of meanwhile stay unsigned by it",
        reason=False,
    ),
    NodeVerb.RESTART: CommandWords(
        "stops {node} of {network} and starts it again with the same binary and halt height",
        "nothing has to be undone; the blocks of meanwhile stay unsigned by it",
        reason=False,
    ),
    NodeVerb.ARM: CommandWords(
        "restarts {node} of {network} now, whoever's turn it is, with a rollback point while it is down; the chain"
        " pauses if too little power stays",
        "`node disarm` undoes it at the cost of one more restart",
    ),
    NodeVerb.DISARM: CommandWords(
        "restarts {node} of {network} without its halt height: at H it goes on under the old rules",
        "`node arm` undoes it before H at the cost of one more restart; after H only `node resync` does",
    ),
    NodeVerb.ARM_UNPROVEN: CommandWords(
        "lets {node} of {network} arm in its turn, count for GO and cross with a release that the network named in"
        " the settings has not proven",
        "`node disarm` before H keeps the node from halting; once the network has crossed there is no way back",
    ),
    NodeVerb.SWAP: CommandWords(
        "stops {node} of {network} and starts it with the other generation",
        "a swap back costs one more restart, and needs the rollback point if the data was changed",
    ),
    NodeVerb.ROLLBACK: CommandWords(
        "puts the old binary of {node} of {network} back, with the rollback point's data where H was executed, and"
        " leaves the node stopped",
        "from there it crosses again with `node swap`, or goes on with the old binary if the network aborts",
    ),
    NodeVerb.RESTORE: CommandWords(
        "stops {node} of {network} and puts the rollback point's data in place of its data; the signer state stays",
        "the data of now is kept beside it as `.bad-N` and takes its room until an upgrade is far behind",
    ),
    NodeVerb.RESYNC: CommandWords(
        "takes the data of {node} of {network} back to before its halt and lets the old binary come to H again",
        "the data of now is kept beside it; catching up costs the time of the blocks in between",
    ),
    NodeVerb.RESYNC_FROM_GENESIS: CommandWords(
        "sets the data of {node} of {network} aside and replays everything from genesis",
        "the data of now is kept beside it; catching up costs the time of all blocks",
    ),
    NodeVerb.PAUSE: CommandWords(
        "pauses every automatic step of {node} of {network}; what is armed halts all the same",
        "`node resume` undoes it",
        bare=True,
    ),
    NodeVerb.RESUME: CommandWords(
        "lets automation of {node} of {network} go on where it stands",
        "`node pause` holds it again; what it did meanwhile stays",
        reason=False,
    ),
    NodeVerb.RESUME_WITHOUT_POINT: CommandWords(
        "lets {node} of {network} cross without a rollback point, which switches automatic rollback off",
        "there is no way back to the data of before H",
    ),
    NodeVerb.RESUME_CROSS: CommandWords(
        "lets {node} of {network} cross although it cannot read the verdict; its signature counts only if more than 2/3"
        " do the same",
        "`node rollback` while H was not executed; if the chain's verdict is ABORT it goes back by itself",
    ),
}
"""By verb. Operators read these before a command is done."""


def typed_reason(verb: str, reason: str | None) -> str:
    """The reason of a command that needs one.

    Raises:
        InputError: There is none.
    """
    if reason is None or not reason.strip():
        raise InputError(
            f"{verb} needs a reason, for the journal",
            safe="nothing was changed",
            next_step='"…" after it' if "--" in verb and "resync" not in verb else '--reason "…"',
        )
    return reason.strip()


async def perform(control: CommandedNode, command: NodeCommand) -> NodeStatus:
    """Have the controller do it; the node's status afterwards.

    Raises:
        InputError: A reason is needed and there is none.
        ControllerDown: Nobody answers.
        NodeError: The controller refused.
    """
    verb, name = command.verb, command.name
    words = WORDS[verb]
    reason = typed_reason(verb, command.reason) if words.reason and not words.bare else command.reason
    match verb:
        case NodeVerb.START:
            return await control.start()
        case NodeVerb.STOP:
            return await control.stop()
        case NodeVerb.RESTART:
            return await control.restart()
        case NodeVerb.ARM:
            return await control.arm(reason)
        case NodeVerb.DISARM:
            return await control.disarm(reason)
        case NodeVerb.ARM_UNPROVEN:
            return await control.arm_unproven(reason)
        case NodeVerb.SWAP:
            return await control.swap(name, reason)
        case NodeVerb.ROLLBACK:
            return await control.rollback(reason)
        case NodeVerb.RESTORE:
            return await control.restore(name, reason)
        case NodeVerb.RESYNC | NodeVerb.RESYNC_FROM_GENESIS:
            return await control.resync(reason, from_genesis=verb is NodeVerb.RESYNC_FROM_GENESIS)
        case NodeVerb.PAUSE:
            return await control.pause(reason)
        case NodeVerb.RESUME:
            return await control.resume()
        case NodeVerb.RESUME_WITHOUT_POINT:
            return await control.resume(without_rollback_point=reason)
        case NodeVerb.RESUME_CROSS:
            return await control.resume(cross=reason)
