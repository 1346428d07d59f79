"""Keys as they are named outside of the signer process, and the terminal that is left to it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class KeyKind(StrEnum):
    """What the signer found in a key's file; it looks at the content, never at the name."""

    RAW = "raw"
    """One key in hex, mode 0600: a devnet's."""
    KEYSTORE = "keystore"
    """A Web3 JSON keystore of version 3, closed by a passphrase."""
    IPC_CLI = "ipc-cli"
    """ipc-cli's `evm_keystore.json`: keys in plain text, read and never written."""


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where the signer process finds a key. The key itself is never in this process (DESIGN §1)."""

    path: Path
    """The file; which of `KeyKind` it is, its content says."""
    address: str = ""
    """The key's address, 0x and 40 hex digits, or `default-key` of ipc-cli's file; empty: the only key in it."""
    passphrase_file: Path | None = None
    """File of mode 0600 with the passphrase of a keystore that is opened unattended; None: a person is asked."""
    credential: str = ""
    """Name of a systemd credential with that passphrase, instead of a file."""


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What is known of a key without using it."""

    address: str
    """Checksummed. A keystore's own word until it is opened."""
    kind: KeyKind
    warnings: tuple[str, ...] = ()
    """Sentences about how the file is kept."""


class Terminal(Protocol):
    """The terminal on which the signer process may ask a person for a passphrase."""

    def lent(self) -> AbstractAsyncContextManager[None]:
        """Leave it to the signer: whoever draws on it stops, and goes on at the end."""
        ...
