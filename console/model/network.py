"""Who takes part in a network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from console.text import UntrustedText


@dataclass(frozen=True, slots=True)
class NetworkIdentity:
    """The network on which everything on the screen happens."""

    name: str
    """The operator's name for it in the settings."""
    kind: str
    """`ipc` or `cosmos`."""
    chain_id: str
    """CometBFT's chain id."""


class Bond(StrEnum):
    """Where a validator stands with its stake; the words of x/staking."""

    BONDED = "bonded"
    UNBONDING = "unbonding"
    UNBONDED = "unbonded"


@dataclass(frozen=True, slots=True)
class Stake:
    """What a Cosmos chain says of a validator beside its power."""

    operator: UntrustedText
    """Its operator address: `…valoper1…`."""
    tokens: int
    """Bonded to it, in the smallest unit."""
    bond: Bond
    jailed: bool
    tombstoned: bool = False
    """Jailed for good: it signed twice."""
    missed_blocks: int | None = None
    """Of the newest `signing_window` blocks; None where it is not known."""
    signing_window: int = 0
    """0 where it is not known."""
    jailed_until: float | None = None
    """Unix seconds; None for never."""


@dataclass(frozen=True, slots=True)
class Validator:
    """A validator of the current set."""

    address: str
    """Checksummed Ethereum address; on a chain whose keys have none the consensus address."""
    moniker: UntrustedText
    power: int
    """CometBFT voting power."""
    consensus_address: str
    """CometBFT address: 40 upper-case hex digits."""
    stake: Stake | None = None
    """On a Cosmos chain; None elsewhere, and where it is not known."""
