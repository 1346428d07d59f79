"""What a rollback of the state does and costs, in the words that are said before it."""

from __future__ import annotations


def sentence(node: str, network: str, *, hard: bool) -> str:
    """The one sentence that is said before it is done."""
    block = "undo and delete its last block, which has to come from peers again" if hard else "undo its last block"
    return (
        f"rollback-state: has the daemon of {node} of {network}, which is stopped, {block}; a rollback point is taken"
        " before, `node restore` puts it back; the signer state stays."
    )
