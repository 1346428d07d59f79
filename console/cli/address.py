"""`address VALUE`: one address in every form, with nothing asked of any chain unless a network is named."""

from __future__ import annotations

import argparse
import asyncio
import re

from console.cli.printing import print_json
from console.errors import InputError
from console.settings import NetworkSettings, load_network

_COMET = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)


def run(arguments: argparse.Namespace) -> int:
    """Print every form of an address.

    Raises:
        ConsoleError: Not an address, or a CometBFT address that no validator of the network has.
    """
    from console.addresses import prefix_of
    from console.chain.address import address_forms, system_owned

    text: str = arguments.value
    network = None if arguments.network is None else load_network(arguments.network, arguments.dir)
    if network is not None and _COMET.fullmatch(text.strip()):
        text = asyncio.run(_of_validator(network, text.strip().upper()))
    forms = address_forms(text, prefix=None if network is None else prefix_of(network.chain_id))
    if arguments.json:
        print_json(
            {
                "ethereum": forms.ethereum,
                "f410": forms.f410,
                "t410": forms.t410,
                "actor_id": forms.actor_id,
                "subnet": forms.subnet or None,
                "network_name": forms.network_name or None,
                "public_key": forms.public_key or None,
                "public_key_base64": forms.public_key_base64 or None,
                "cometbft": forms.consensus or None,
                "can_sign": not system_owned(forms.ethereum),
            }
        )
        return 0
    rows = (
        ("Ethereum", forms.ethereum),
        ("Filecoin mainnet", forms.f410),
        ("Filecoin test networks", forms.t410),
        ("actor id", "" if forms.actor_id is None else str(forms.actor_id)),
        ("subnet", forms.subnet),
        ("network name", forms.network_name),
        ("public key", forms.public_key),
        ("public key, base64", forms.public_key_base64),
        ("CometBFT", forms.consensus),
    )
    for name, value in rows:
        if value:
            print(f"{name:<23} {value}")
    return 0


async def _of_validator(network: NetworkSettings, consensus: str) -> str:
    """The Ethereum address of the validator with this CometBFT address, which alone leads to no key."""
    from console.chain.ipc import IpcChain

    chain = IpcChain(network)
    try:
        view = await chain.view()
    finally:
        await chain.close()
    for validator in view.validators:
        if validator.consensus_address == consensus and validator.address:
            return validator.address
    raise InputError(
        f"none of the {len(view.validators)} validators of network {network.name} has the CometBFT address {consensus}"
    )
