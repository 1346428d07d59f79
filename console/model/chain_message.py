"""What is said to a Cosmos chain through its own daemon, from the words of it to what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from console.model.governance import CallReview, RegistryCall

DOCUMENT = "{document}"
"""In a command: the path of the file that holds the message's document."""


class DaemonRole(StrEnum):
    """Whose key of the daemon's keyring signs; names in the settings."""

    PROPOSER = "proposer"
    """Proposes, deposits, takes back."""
    VOTER = "voter"
    """The validator's own account."""
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class ChainMessage:
    """One transaction of the daemon, before it is built: the same for the console and the command line."""

    command: tuple[str, ...]
    """After `DAEMON tx`: `gov vote 42 yes`; `DOCUMENT` stands for the path of the file."""
    role: DaemonRole
    proposal_id: int
    """0 for one about no proposal, and for a new one."""
    effect: str
    """One sentence: what it does when it is in a block."""
    undo: str = ""
    """One sentence: what taking it back costs, or that there is no way back."""
    document: str = ""
    """JSON text of the file that the command names."""
    upgrade: tuple[str, int] | None = None
    """Name and height of the upgrade that it proposes: looked for on the chain, so that none is proposed twice."""


@dataclass(frozen=True, slots=True)
class MessageReview:
    """What would be signed, as the daemon built it: shown before anything is."""

    message: ChainMessage
    commands: tuple[str, ...]
    """Each as one would type it, in the order in which they run."""
    messages: tuple[tuple[str, str], ...]
    """Every field of the transaction's messages by name; safe to be shown."""
    chain_id: str
    sender: str
    """The account's address."""
    key: str
    """How the settings name its key."""
    fee: str
    """The most that it costs, as `2000stake`; `none` where there is none."""
    gas: int
    """The most gas that it may use."""
    memo: str
    unsigned: str
    """The transaction as the daemon made it: JSON text."""
    warnings: tuple[str, ...] = ()


Said: TypeAlias = RegistryCall | ChainMessage
"""What is wanted of a chain, before it is reviewed: of a registry, or of a Cosmos chain by its daemon."""
Reviewed: TypeAlias = CallReview | MessageReview
"""What would be signed for it."""
