"""The files that a transaction passes through: drafts for the daemon, exports for another signer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from pathlib import Path

from console.errors import InputError
from console.model import MessageReview
from console.settings import NetworkSettings, state_folder

_NOTHING_SENT = "nothing was sent"


class Drafts:
    """Files for the daemon, which nobody else reads; gone when they are closed.

    Args:
        network: Whose they are.
    """

    def __init__(self, network: NetworkSettings) -> None:
        self._network = network
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files = 0

    def new(self, name: str) -> Path:
        """Where a draft may be written; the name gets a number. Raises InputError: not here."""
        if self._folder is None:
            folder = (self._network.folder or state_folder()) / "drafts"
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._folder = tempfile.TemporaryDirectory(dir=folder)
            except OSError as error:
                raise InputError(
                    f"drafts cannot be written to {folder}: {os.strerror(error.errno or 0)}", safe=_NOTHING_SENT
                ) from error
        self._files += 1
        return Path(self._folder.name) / f"{name}-{self._files}.json"

    async def close(self) -> None:
        """Remove them."""
        if self._folder is not None:
            await asyncio.to_thread(self._folder.cleanup)


def export_message(review: MessageReview, network: NetworkSettings, path: Path | None = None) -> Path:
    """Write the unsigned transaction for another signer: a multisig, a hardware wallet, another machine.

    Args:
        review: What was reviewed.
        network: The network.
        path: Where to; a name of its own in the folder `exports` beside the state when not given.

    Raises:
        InputError: It cannot be written, or is there already.
    """
    if path is None:
        digest = hashlib.sha256(review.unsigned.encode()).hexdigest()[:8]
        path = (network.folder or state_folder()) / "exports" / f"{'-'.join(review.message.command[:2])}-{digest}.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, json.dumps(json.loads(review.unsigned), indent=2) + "\n")
    except OSError as error:
        raise InputError(
            f"the transaction cannot be written to {path}: {os.strerror(error.errno or 0)}", safe=_NOTHING_SENT
        ) from error
    return path


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet, for this user alone. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
