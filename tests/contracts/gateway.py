"""The gateway diamond, as the tests deploy it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.chain.contracts import artefact
from console.devnet.evm.genesis import ADD, GATEWAY_FACETS, selectors
from tests.contracts.evm import Chain, Contract, signature_of

Cut = tuple[str, int, list[bytes]]


def union(*names: str) -> list[Any]:
    """The ABI of a diamond of these facets: each entry once."""
    entries = [
        entry for name in names for entry in artefact(name).abi if entry["type"] in ("function", "error", "event")
    ]
    return list({(entry["type"], signature_of(entry)): entry for entry in entries}.values())


def deploy_gateway(
    chain: Chain,
    owner: str,
    parent: str,
    validators: Sequence[tuple[int, str, bytes]],
    *,
    names: Sequence[str] = GATEWAY_FACETS,
) -> Contract:
    """Deploy facets and the diamond of them; the contract has the functions of all."""
    facets = [chain.deploy(name) for name in names]
    cuts: list[Cut] = [(facet.address, ADD, selectors(name)) for name, facet in zip(names, facets, strict=True)]
    diamond = chain.deploy("GatewayDiamond", cuts, owner, parent, list(validators))
    return Contract(chain, diamond.address, union("GatewayDiamond", *names))
