"""What an operator can tell a node's controller to do: the same words for the command line, the menu and the view."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NodeVerb(StrEnum):
    """One thing that can be done to a node by hand."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    ARM = "arm"
    DISARM = "disarm"
    ARM_UNPROVEN = "arm --unproven"
    SWAP = "swap"
    ROLLBACK = "rollback"
    RESTORE = "restore"
    RESYNC = "resync"
    RESYNC_FROM_GENESIS = "resync --from-genesis"
    PAUSE = "pause"
    RESUME = "resume"
    RESUME_WITHOUT_POINT = "resume --without-rollback-point"
    RESUME_CROSS = "resume --cross"


@dataclass(frozen=True, slots=True)
class NodeCommand:
    """One verb with what it needs to be told."""

    verb: NodeVerb
    reason: str = ""
    """The operator's words, for the journal."""
    name: str = ""
    """Folder of the generation to swap to, or name of the rollback point to restore."""
