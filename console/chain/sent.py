"""Transactions on their way, kept on disk: written before they are sent, so that nothing is ever said twice.

One sender has at most one transaction on its way. A process that dies between signing and the receipt leaves its
record; the next one sends the very same bytes again, which count once, and signs nothing new before that is settled.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from console import strict_json
from console.chain.signed_record import RECORD_NAME, Signed, SignedRecord
from console.errors import ChainError
from console.files import sync_folder, write_durably
from console.settings import NetworkSettings, NodeSettings, state_folder

_FOLDER = "sent"

LOCK_POLL_S = 0.05
"""Seconds between two tries for the lock of a sender."""

_MAX_RECORD = 256 * 1024
_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_BYTES = re.compile(r"0x(?:[0-9a-f]{2})+", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-f]{40}|[a-z]{1,40}1[02-9ac-hj-np-z]{38,100}", re.ASCII)


class SentBookError(ChainError):
    """The record of a transaction cannot be written or read; without it nothing is sent."""


@dataclass(frozen=True, slots=True)
class SentTransaction:
    """A signed transaction whose fate is not known."""

    hash: str
    """0x and 64 hex digits."""
    raw: str
    """0x hex: the bytes that are sent, and sent again."""
    chain_id: int | str
    """Of the EVM; of a Cosmos chain CometBFT's."""
    sender: str
    """0x and 40 lower-case hex digits, or an account's address on a Cosmos chain."""
    nonce: int
    """The sender's; on a Cosmos chain its sequence."""
    target: str
    """Who is called, or the type of the message."""
    data: str
    """What it is for: call data as 0x hex, or the messages themselves."""
    words: str
    """The call as an operator reads it."""

    def is_for(self, target: str, data: str) -> bool:
        """Whether it does the same."""
        return self.target.lower() == target.lower() and self.data.lower() == data.lower()


class SentBook:
    """The transactions on their way of the keys of one user.

    Args:
        folder: Where the records are; made when it is first needed.
        by: Who sends, for the record: `controller` or `hand`.
    """

    def __init__(self, folder: Path, by: str = "hand") -> None:
        self._folder = folder
        self._record = SignedRecord(folder / RECORD_NAME, by)

    @asynccontextmanager
    async def held(self, chain_id: int | str, sender: str, deadline_s: float) -> AsyncIterator[SenderBook]:
        """Hold the sender for one transaction; other processes with the same key wait.

        Args:
            chain_id: The chain.
            sender: Its address.
            deadline_s: Seconds to wait for another process.

        Raises:
            SentBookError: The folder cannot be used, or another process does not finish.
        """
        name = _name(chain_id, sender)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._folder / f"{name}.lock", flags, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            waited = 0.0
            while not _locked(descriptor):
                if waited >= deadline_s:
                    raise SentBookError(
                        f"another process is sending from {sender} for more than {deadline_s:g} s",
                        safe="nothing was sent",
                        next_step="wait for it, or find it with `fuser` on its lock in " + str(self._folder),
                    )
                await asyncio.sleep(LOCK_POLL_S)
                waited += LOCK_POLL_S
            yield SenderBook(self._folder / f"{name}.json", self._record)
        finally:
            os.close(descriptor)

    def _unusable(self, error: Exception) -> SentBookError:
        return SentBookError(
            f"transactions on their way cannot be kept in {self._folder}: {error}",
            safe="nothing was sent",
            next_step="make room there, or mend what is in it",
        )


def _name(chain_id: int | str, sender: str) -> str:
    """What the files of a sender are called."""
    return quote(f"{chain_id}-{sender.lower()}", safe="")


def on_its_way(folder: Path, act: Signed) -> bool:
    """Whether a signed transaction is not settled yet: somebody is at it, or goes on with it when next he sends.

    Args:
        folder: Where the record is in which the transaction stands.
        act: The transaction.
    """
    name = _name(act.chain_id, act.sender)
    try:
        pending = SenderBook(folder / f"{name}.json", SignedRecord(folder / RECORD_NAME)).read()
    except SentBookError:
        return False
    if pending is not None and pending.hash == act.id:
        return True
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def sent_by_node(node: NodeSettings, by: str = "hand") -> SentBook:
    """What a node's operator key has on its way: by its `controller`, or by `hand`."""
    return SentBook(node.state_dir / _FOLDER, by)


def sent_by_hand(network: NetworkSettings) -> SentBook:
    """What this user's other keys have on their way; a devnet's goes with its folder."""
    return SentBook((network.folder or state_folder()) / _FOLDER)


def record_by_node(node: NodeSettings) -> Path:
    """Where everything is recorded that a node's operator key ever sent."""
    return node.state_dir / _FOLDER / RECORD_NAME


def record_by_hand(network: NetworkSettings) -> Path:
    """Where everything is recorded that this user's other keys ever signed."""
    return (network.folder or state_folder()) / _FOLDER / RECORD_NAME


class SenderBook:
    """The record of one sender, while it is held."""

    def __init__(self, path: Path, record: SignedRecord) -> None:
        self._path = path
        self._record = record

    def read(self) -> SentTransaction | None:
        """The transaction on its way; None when there is none.

        Raises:
            SentBookError: The record cannot be read: what it stands for may be on the chain.
        """
        try:
            with self._path.open("rb") as stream:
                content = stream.read(_MAX_RECORD + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._broken(str(error)) from error
        try:
            document = strict_json.loads(content, max_depth=2)
            if not isinstance(document, dict):
                raise ValueError("it is no object")
            entry = SentTransaction(**document)
            fits = (
                _HASH.fullmatch(entry.hash)
                and _BYTES.fullmatch(entry.raw)
                and _ADDRESS.fullmatch(entry.sender)
                and type(entry.nonce) is int
                and type(entry.chain_id) in {int, str}
                and isinstance(entry.target, str)
                and isinstance(entry.data, str)
                and isinstance(entry.words, str)
            )
        except (ValueError, TypeError) as error:
            raise self._broken(str(error)) from error
        if not fits:
            raise self._broken("a field is not what it should be")
        return entry

    def write(self, entry: SentTransaction, effect: str = "") -> None:
        """Keep a transaction, durably, before it is sent, and record it for good.

        Args:
            entry: The transaction.
            effect: What the operator was told that it does.

        Raises:
            ChainError: Nothing may be sent.
        """
        self._record.begun(
            entry.hash,
            what="transaction",
            chain_id=entry.chain_id,
            sender=entry.sender,
            target=entry.target,
            words=entry.words,
            data=entry.data,
            nonce=entry.nonce,
            effect=effect,
        )
        try:
            write_durably(self._path, json.dumps(asdict(entry)).encode())
        except OSError as error:
            raise self._broken(str(error)) from error

    def close(self, entry: SentTransaction, outcome: str, *, block: int = 0) -> None:
        """Forget the transaction: it is in a block, or can never be in one; the record says which.

        Args:
            entry: The transaction.
            outcome: In a few words.
            block: Where it did what it was for; 0 where it did not.

        Raises:
            SentBookError: The record of it on its way cannot be removed.
        """
        self._record.ended(entry.hash, outcome, good=block > 0, block=block)
        try:
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        except OSError as error:
            raise self._broken(str(error)) from error

    def _broken(self, why: str) -> SentBookError:
        return SentBookError(
            f"the record of a transaction on its way, {self._path}, cannot be used: {why}",
            safe="nothing more was sent",
            next_step="look at the sender's last transaction on the chain, then remove the file",
        )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
