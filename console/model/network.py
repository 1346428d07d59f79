"""Who takes part in a network."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Validator:
    """A validator of the current set."""

    address: str
    """Checksummed Ethereum address."""
    moniker: UntrustedText
    power: int
    """CometBFT voting power."""
    consensus_address: str
    """CometBFT address: 40 upper-case hex digits."""
