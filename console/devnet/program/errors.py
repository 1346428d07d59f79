"""The program's own error types; nothing here knows how they are shown."""

from __future__ import annotations


class NodeError(Exception):
    """The node cannot start or go on; the text is one sentence for the operator (exit code 1)."""


class ConsensusFailureError(NodeError):
    """More than 2/3 of the power committed a block that is invalid here.

    Attributes:
        height: The height of that block, in blocks.
    """

    def __init__(self, reason: str, height: int) -> None:
        super().__init__(reason)
        self.height = height


class MigrationFailedError(NodeError):
    """The release's migration cannot be done on this state: the block is not executed, now or ever."""


class MalformedError(ValueError):
    """Bytes from outside (a peer, a file, a caller) are not in the form that was agreed."""


class SignerRefusedError(Exception):
    """Signing would go back in height, round or step, or would sign two things at one step."""
