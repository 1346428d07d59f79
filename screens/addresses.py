"""The other spelling of an address, for views that show both on request."""

from __future__ import annotations

from console import addresses
from console.errors import InputError
from console.model import Snapshot


def prefix_of(snapshot: Snapshot | None) -> str:
    """The letter that addresses of this network begin with; `t` where its chain id does not tell: a test network."""
    return (addresses.prefix_of(snapshot.network.chain_id) if snapshot is not None else None) or "t"


def filecoin_form(address: str, prefix: str) -> str:
    """The f410 or t410 spelling; what is no address is said to be none."""
    try:
        return addresses.ethereum_to_f410(address, prefix=prefix)
    except InputError:
        return "no Filecoin form"
