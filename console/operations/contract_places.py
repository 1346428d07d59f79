"""Contracts by name: `gateway`, `subnet-actor` and `registry`, or any address, here or on the parent chain."""

from __future__ import annotations

from console.addresses import checked_address, checksummed, prefix_of
from console.chain.abi import AbiError, decode
from console.chain.address import parse_address, parse_subnet_id
from console.chain.diamond import Place
from console.chain.fields import data as read_data
from console.chain.first_answer import first_answer
from console.chain.governance import GovernanceReader
from console.chain.plans import check_chain
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.chain.selectors import selector_of
from console.errors import InputError, SettingsError
from console.settings import NetworkSettings

GATEWAY, SUBNET_ACTOR, REGISTRY = "gateway", "subnet-actor", "registry"
NAMES = (GATEWAY, SUBNET_ACTOR, REGISTRY)
"""Diamonds that have a name here. `registry` is IPC's registry of subnets; the UpgradeRegistry is no diamond."""

ON_PARENT = "parent:"
"""Before an address: it is on the parent chain."""

CHILD_GATEWAY = "0x77aa40b105843728088c0132e43fc44348881da8"
CHILD_REGISTRY = "0x74539671a1d2f1c8f200826baba665179f53a1b7"
"""Where every subnet has them: actors 64 and 65 (facts/ipc.md §3.3)."""

_MOST_ANSWER = 64 * 1024


async def place_of(network: NetworkSettings, name: str, rpc: JsonRpc) -> Place:
    """Where a contract is.

    Args:
        network: The network.
        name: One of `NAMES`, an address in any form, or `parent:` and an address.
        rpc: Asked for the gateway that the registry's power comes from, where the settings do not name one.

    Raises:
        InputError: Neither a name nor an address.
        SettingsError: The settings lack what is needed to find it.
        ChainError: The registry does not tell which gateway its power comes from.
    """
    written = network.contracts
    if name == SUBNET_ACTOR:
        return _on_parent(network, name, written.subnet_actor or _actor(network))
    if name.startswith(ON_PARENT):
        return _on_parent(network, name, parse_address(name.removeprefix(ON_PARENT)))
    if name == GATEWAY:
        address = written.gateway or await _gateway_of_power(network, rpc)
    elif name == REGISTRY:
        address = written.subnet_registry or (CHILD_REGISTRY if _is_subnet(network) else "")
        if not address:
            raise SettingsError(
                f"network {network.name} does not say where IPC's registry of subnets is",
                next_step="set subnet_registry in its [contracts] table, or give the address",
            )
    else:
        address = _typed(network, name)
    return Place(
        name=name,
        address=checked_address(address),
        endpoints=network.ethereum_rpc,
        chain_id=network.evm_chain_id,
        registry=checked_address(network.registry),
    )


def _typed(network: NetworkSettings, name: str) -> str:
    try:
        return parse_address(name, prefix=prefix_of(network.chain_id))
    except InputError as error:
        if any(letter in name for letter in "0123456789/"):
            raise
        raise InputError(f"{error.what}, and not one of {', '.join(NAMES)}", next_step=error.next_step) from None


def _on_parent(network: NetworkSettings, name: str, address: str) -> Place:
    written = network.contracts
    if not written.parent_rpc:
        raise SettingsError(
            f"{name} is on the parent chain of network {network.name}, which the settings do not name",
            next_step="set parent_rpc and parent_evm_chain_id in its [contracts] table",
        )
    return Place(name, checked_address(address), written.parent_rpc, written.parent_evm_chain_id, on_parent=True)


def _actor(network: NetworkSettings) -> str:
    actor = parse_subnet_id(network.chain_id).actor if _is_subnet(network) else None
    if actor is None:
        raise SettingsError(
            f"network {network.name} does not say where its subnet actor is",
            next_step="set subnet_actor in its [contracts] table",
        )
    return actor


def _is_subnet(network: NetworkSettings) -> bool:
    """Whether the chain id is a subnet id, which says where the subnet's contracts are."""
    try:
        return parse_subnet_id(network.chain_id).actor is not None
    except InputError:
        return False


async def _gateway_of_power(network: NetworkSettings, rpc: JsonRpc) -> str:
    """The gateway that the registry's power source reads; where it reads none, that of every subnet."""
    source = (await GovernanceReader(network, network.ethereum_rpc, rpc).rules()).power_source
    found = await view_address(network, rpc, source, "gateway()")
    if found:
        return found
    if _is_subnet(network):
        return CHILD_GATEWAY
    raise SettingsError(
        f"network {network.name} does not say where its gateway is, and its power does not come from one",
        next_step="set gateway in its [contracts] table, or give the address",
    )


async def view_address(network: NetworkSettings, rpc: JsonRpc, target: str, signature: str) -> str:
    """The address that a view of a contract returns, checksummed; empty where it has no such view.

    Raises:
        ChainError: No usable answer.
    """
    call = Call("eth_call", [{"to": target, "data": selector_of(signature)}, "latest"])

    async def ask(url: str) -> str:
        where = endpoint_name(url)
        chain, reply = await rpc.batch(url, [Call("eth_chainId"), call])
        check_chain(chain, network, where)
        if reply.error is not None:
            return ""
        try:
            (found,) = decode(("address",), read_data(reply.result, signature, most=_MOST_ANSWER))
        except AbiError:
            return ""
        return checksummed(found)

    return await first_answer(network.ethereum_rpc, ask)
