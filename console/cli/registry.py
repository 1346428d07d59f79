"""`registry show` and `registry follow`: a registry's rules, and going over to the one that follows it."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict

from console.addresses import ZERO_ADDRESS
from console.cli.calling import calling
from console.cli.confirming import confirm
from console.cli.printing import print_json
from console.cli.sources import Target, load_target
from console.model import RegistryRules
from console.operations.registry_follow import Following, follow_registry, read_successor


def show(arguments: argparse.Namespace) -> int:
    """Print the rules. Raises ConsoleError."""
    target = load_target(arguments)
    rules = asyncio.run(_rules(target))
    if arguments.json:
        successor = None if rules.successor == ZERO_ADDRESS else rules.successor
        print_json({"registry": target.network.registry, **asdict(rules), "successor": successor})
    else:
        print("\n".join(rule_lines(target.network.registry, rules)))
    return 0


def follow(arguments: argparse.Namespace) -> int:
    """Go over to the registry that follows this one, once the operator has confirmed it. Raises ConsoleError."""
    target = load_target(arguments)
    found: Following = asyncio.run(read_successor(target.network))
    if not arguments.json:
        print("\n".join(rule_lines(found.address, found.rules)), flush=True)
    confirm(target.network.name, arguments.confirm)
    path = follow_registry(target.network, found)
    if arguments.json:
        print_json({"registry": found.address, "before": target.network.registry, "settings": str(path)})
    else:
        print(f"{target.network.name} is at {found.address} now, as {path} says; restart its controllers.")
    return 0


def rule_lines(registry: str, rules: RegistryRules) -> list[str]:
    """The rules in words."""
    vote = (
        "every release and every contract call is voted on" if rules.voting_required else "contract calls are voted on"
    )
    nobody = rules.min_proposer_power >= 1 << 255
    validators = "no validator" if nobody else f"validators with {max(1, rules.min_proposer_power)} power and more"
    admin = "" if rules.admin == ZERO_ADDRESS else f", and {rules.admin}"
    lines = [
        f"Registry   {registry}",
        f"Votes      {vote}; open for at least {rules.min_voting_blocks} blocks, expedited"
        f" {rules.min_expedited_blocks}",
        f"Proposers  {validators}{admin}",
        f"Blocks     freeze {rules.freeze_blocks}, least lead {rules.minimum_lead}, window {rules.execution_window}",
        f"Power      of {rules.power_source}, configuration {rules.configuration_number}",
        f"Council    {rules.council_threshold} of {len(rules.council)} stop an upgrade"
        if rules.council
        else "Council    none: nobody can stop an upgrade in an emergency",
        *(f"           {member}" for member in rules.council),
        *(f"Target     {target}" for target in rules.targets),
    ]
    if rules.successor != ZERO_ADDRESS:
        lines.append(f"FOLLOWED BY {rules.successor}: `upgrade-console registry follow` goes over to it.")
    return lines


async def _rules(target: Target) -> RegistryRules:
    async with calling(target) as (reader, _):
        return await reader.rules()
