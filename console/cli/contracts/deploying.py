"""`contracts deploy`: an UpgradeRegistry put on a network."""

from __future__ import annotations

import argparse
import asyncio

from console.addresses import ZERO_ADDRESS, prefix_of
from console.chain.address import parse_address
from console.chain.agreement import require_agreement
from console.chain.fields import exact_text, quantity, table
from console.chain.rpc import JsonRpc, endpoint_name
from console.chain.signing import PlainTerminal
from console.cli.confirming import confirm
from console.cli.contracts.cutting import paying_key
from console.cli.printing import complain, print_json
from console.errors import ChainError, InputError, SettingsError
from console.operations.contract_deploy import Deployer, deploying
from console.operations.registry_deploy import (
    NOBODY_BY_POWER,
    DeployedRegistry,
    DeploymentPlan,
    RegistryConfig,
    deploy_registry,
    network_table,
    plan_registry,
    write_network,
)
from console.settings import DEVNET, NetworkSettings, load_network


def deploy(arguments: argparse.Namespace) -> int:
    """Estimate, deploy, verify, and keep the network in the settings.

    Raises:
        ConsoleError: It is not possible, not confirmed, or a step failed; the next run goes on where this one stopped.
    """
    network = asyncio.run(_network(arguments))
    config = _config(arguments, prefix_of(network.chain_id))
    config.check()
    found = asyncio.run(_deploy(arguments, network, config))
    if found is None:
        return 0
    settings = network_table(network, found.address)
    if not arguments.json:
        print(f"\n[networks.{network.name}]")
        print("\n".join(f"{key} = {value!r}".replace("'", '"') for key, value in settings.items()))
    if network.name != DEVNET:
        write_network(network.name, settings)
    if arguments.json:
        print_json({"registry": found.address, "extension": found.extension, "power_source": found.power_source})
    elif network.name != DEVNET:
        print(f"Network {network.name} is in the settings with this registry.")
    return 0


async def _deploy(
    arguments: argparse.Namespace, network: NetworkSettings, config: RegistryConfig
) -> DeployedRegistry | None:
    async with deploying(network, paying_key(arguments, network), terminal=PlainTerminal()) as deployer:
        plan = await plan_registry(deployer, config)
        if not arguments.json:
            print("\n".join(_lines(network, config, plan)), flush=True)
        if arguments.dry_run:
            if arguments.json:
                print_json({"sender": plan.sender, "balance": plan.balance, "contracts": list(plan.contracts)})
            return None
        confirm(network.name, arguments.confirm)
        if network.registry != ZERO_ADDRESS:
            # It is the registry that endpoints are held against each other by; before the first there is none.
            await require_agreement(network)
        return await _deployed(network, deployer, config)


async def _deployed(network: NetworkSettings, deployer: Deployer, config: RegistryConfig) -> DeployedRegistry:
    return await deploy_registry(network, deployer, config, complain)


def _lines(network: NetworkSettings, config: RegistryConfig, plan: DeploymentPlan) -> list[str]:
    proposers = "no validator" if config.min_proposer_power == NOBODY_BY_POWER else "validators"
    return [
        f"network {network.name}, chain {network.evm_chain_id}, paid by {plan.sender} ({plan.balance} wei)",
        *(
            f"{name}: {f'is at {there}' if there else f'to be deployed, at most {cost} wei'}"
            for name, there, cost in plan.contracts
        ),
        "UpgradeRegistry: tried when these are there",
        *([] if network.registry == ZERO_ADDRESS else [f"in the settings it takes the place of {network.registry}"]),
        f"power from {config.power_kind or 'the power source'} {config.power_at}",
        f"proposers: admin {config.admin}, {proposers} with at least {config.min_proposer_power}",
        f"votes: {'needed' if config.voting_required else 'for contract calls only'}, open for at least"
        f" {config.min_voting_blocks} blocks, {config.min_expedited_blocks} where expedited",
        f"freeze {config.freeze_blocks} blocks, execution window {config.execution_window} blocks",
        f"council: {config.council_threshold} of {len(config.council)} {', '.join(config.council)}".rstrip(),
        f"targets: {', '.join(config.targets) or 'none'}",
    ]


def _config(arguments: argparse.Namespace, prefix: str | None) -> RegistryConfig:
    def address(text: str) -> str:
        return parse_address(text, prefix=prefix)

    council = tuple(address(part) for part in arguments.council.split(",") if part.strip())
    threshold = arguments.council_threshold
    if threshold is None:
        threshold = len(council) // 2 + 1 if council else 0
    kind, at = next(
        (kind, given)
        for kind, given in (
            ("GatewayPowerSource", arguments.gateway),
            ("SubnetActorPowerSource", arguments.subnet_actor),
            ("", arguments.power_source),
        )
        if given is not None
    )
    return RegistryConfig(
        power_kind=kind,
        power_at=address(at),
        admin=ZERO_ADDRESS if arguments.admin is None else address(arguments.admin),
        min_proposer_power=NOBODY_BY_POWER if arguments.no_validator_proposes else arguments.min_proposer_power,
        voting_required=not arguments.without_votes,
        min_voting_blocks=arguments.voting_blocks,
        min_expedited_blocks=arguments.expedited_blocks,
        freeze_blocks=arguments.freeze_blocks,
        execution_window=arguments.execution_window,
        council=council,
        council_threshold=threshold,
        targets=tuple(address(target) for target in arguments.target),
    )


async def _network(arguments: argparse.Namespace) -> NetworkSettings:
    """The network of the settings, or the one that the options describe."""
    if arguments.network is None:
        raise InputError("say for which network: --network NAME", safe="nothing was sent")
    try:
        known = load_network(arguments.network, arguments.dir)
    except SettingsError:
        if not arguments.ethereum_rpc or not arguments.cometbft_rpc:
            raise
        return await _described(arguments)
    if arguments.ethereum_rpc or arguments.cometbft_rpc:
        raise InputError(f"network {known.name} is in the settings: its endpoints are there", safe="nothing was sent")
    return known


async def _described(arguments: argparse.Namespace) -> NetworkSettings:
    rpc = JsonRpc()
    ethereum, comet = arguments.ethereum_rpc[0], arguments.cometbft_rpc[0]
    try:
        number = quantity(
            (await rpc.call(ethereum, "eth_chainId")).value(f"eth_chainId of {endpoint_name(ethereum)}"), "eth_chainId"
        )
        status = table((await rpc.call(comet, "status")).value(f"status of {endpoint_name(comet)}"), "status")
        name = exact_text(table(status.get("node_info"), "node_info").get("network"), "node_info.network")
    finally:
        await rpc.close()
    if not number:
        raise ChainError(f"{endpoint_name(ethereum)} says that its chain id is 0")
    return NetworkSettings(
        name=arguments.network,
        kind="ipc",
        chain_id=name,
        evm_chain_id=number,
        registry=ZERO_ADDRESS,
        cometbft_rpc=tuple(arguments.cometbft_rpc),
        ethereum_rpc=tuple(arguments.ethereum_rpc),
        proposer_key=None,
        nodes=(),
    )
