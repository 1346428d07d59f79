"""What a verb does on a node's files when no controller runs: alone, by the controller's own lock, and journalled."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.errors import HeldByOther, NodeError
from console.node.journal import Journal
from console.settings import NodeSettings
from console.this_user import this_user

LOCK_NAME = "controller.lock"
JOURNAL_NAME = "journal.db"


def controller_holds(node: NodeSettings) -> bool:
    """Whether a controller of this node runs, by its lock. Raises NodeError: the lock cannot be looked at."""
    try:
        descriptor = os.open(node.state_dir / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unreadable(node.state_dir, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def alone(node: NodeSettings, method: str, **detail: object) -> Iterator[Journal]:
    """Work on the node's files as its controller would: nobody else does meanwhile, and the journal says who did.

    Args:
        node: The node.
        method: What is done, as the socket's methods are called.
        detail: What goes with it into the journal.

    Raises:
        HeldByOther: A controller runs.
        NodeError: Lock or folder cannot be had.
        JournalError: The journal cannot be written.
    """
    try:
        node.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(node.state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unreadable(node.state_dir, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldByOther(
                f"a controller of {node.name} runs and does not answer",
                safe="nothing was changed",
                next_step="look at its log with `upgrade-console node logs --source controller`",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        journal = Journal(node.state_dir / JOURNAL_NAME)
        try:
            journal.record("asked", method=method, who=this_user(), parameters=detail, controller=False)
            yield journal
        finally:
            journal.close()
    finally:
        os.close(descriptor)


@contextmanager
def reading(node: NodeSettings) -> Iterator[Journal | None]:
    """The node's journal for reading; None when there is none yet. Raises JournalError: it cannot be read."""
    path = node.state_dir / JOURNAL_NAME
    if not path.is_file():
        yield None
        return
    journal = Journal(path, read_only=True)
    try:
        yield journal
    finally:
        journal.close()


def _unreadable(folder: Path, error: OSError) -> NodeError:
    return NodeError(f"cannot use {folder}: {error.strerror or error}", safe="nothing was changed")
