"""An UpgradeRegistry of our own put on a network: estimated, deployed once, verified by its code and its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.abi import encode
from console.chain.artefact_file import Compiled, compare_code, shipped
from console.chain.contracts import artefact
from console.chain.diamond import Place, read_codes, read_owner
from console.chain.governance import GovernanceReader
from console.chain.rpc import JsonRpc
from console.errors import ChainError, InputError
from console.model import CodeVerdict, RegistryRules
from console.operations.contract_deploy import Deployer, NewContract
from console.operations.contract_places import view_address
from console.operations.settings_document import changed_settings
from console.settings import NetworkSettings, config_file

CONFIG = "(address,address,uint256,bool,uint64,uint64,uint64,uint64,address[],uint8,address[])"
"""IUpgradeRegistry.Config."""

POWER_SOURCES = ("GatewayPowerSource", "SubnetActorPowerSource", "StaticPowerSource")
NOBODY_BY_POWER = (1 << 256) - 1
"""The least power to propose where no validator may."""

MIN_FREEZE, MAX_FREEZE = 5, 10_000
MOST_COUNCIL = MOST_TARGETS = 16
_UINT64 = 1 << 64


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """What a registry is deployed with; contracts/UpgradeRegistry.sol has the rules."""

    power_kind: str
    """One of `POWER_SOURCES`, to be deployed; empty where `power_at` is a power source itself."""
    power_at: str
    """The gateway or subnet actor that it reads, or the power source; checksummed."""
    admin: str = ZERO_ADDRESS
    min_proposer_power: int = 0
    voting_required: bool = True
    min_voting_blocks: int = 604_800
    min_expedited_blocks: int = 86_400
    freeze_blocks: int = MIN_FREEZE
    execution_window: int = 86_400
    council: tuple[str, ...] = ()
    council_threshold: int = 0
    targets: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what the constructor would refuse, before anything is deployed. Raises InputError."""
        if not MIN_FREEZE <= self.freeze_blocks <= MAX_FREEZE:
            raise InputError(f"a freeze has {MIN_FREEZE} to {MAX_FREEZE} blocks, not {self.freeze_blocks}")
        for name, blocks in (
            ("execution window", self.execution_window),
            ("shortest vote", self.min_voting_blocks),
            ("shortest expedited vote", self.min_expedited_blocks),
        ):
            if not 1 <= blocks < _UINT64:
                raise InputError(f"the {name} must be at least one block, not {blocks}")
        if self.min_voting_blocks < self.min_expedited_blocks:
            raise InputError("an expedited vote must not be longer than the usual one")
        count, least = len(self.council), len(self.council) // 2 + 1
        if count > MOST_COUNCIL or len(set(self.council)) != count or ZERO_ADDRESS in self.council:
            raise InputError(f"a council has at most {MOST_COUNCIL} members, each once and none of them zero")
        if self.council_threshold != 0 if not count else not least <= self.council_threshold <= count:
            raise InputError(f"of a council of {count}, {least if count else 0} to {count} have to agree")
        if len(self.targets) > MOST_TARGETS or len(set(self.targets)) != len(self.targets):
            raise InputError(f"at most {MOST_TARGETS} diamonds can be cut, each named once")
        if not 0 <= self.min_proposer_power <= NOBODY_BY_POWER:
            raise InputError("the least power to propose is out of range")

    def encoded(self, power_source: str, extension: str) -> bytes:
        """Arguments of the registry's constructor."""
        config = (
            power_source,
            self.admin,
            self.min_proposer_power,
            self.voting_required,
            self.min_voting_blocks,
            self.min_expedited_blocks,
            self.freeze_blocks,
            self.execution_window,
            list(self.council),
            self.council_threshold,
            list(self.targets),
        )
        return encode((CONFIG, "address"), (config, extension))

    def differences(self, rules: RegistryRules, power_source: str) -> list[str]:
        """Where a registry's rules are not what it was deployed with, one sentence each."""
        wanted: dict[str, tuple[object, object]] = {
            "power source": (power_source, rules.power_source),
            "admin": (self.admin, rules.admin),
            "least power to propose": (self.min_proposer_power, rules.min_proposer_power),
            "need of a vote": (self.voting_required, rules.voting_required),
            "shortest vote": (self.min_voting_blocks, rules.min_voting_blocks),
            "shortest expedited vote": (self.min_expedited_blocks, rules.min_expedited_blocks),
            "freeze": (self.freeze_blocks, rules.freeze_blocks),
            "execution window": (self.execution_window, rules.execution_window),
            "council": (self.council, rules.council),
            "council's threshold": (self.council_threshold, rules.council_threshold),
            "targets": (self.targets, rules.targets),
        }
        return [f"the {name} is {there}, not {here}" for name, (here, there) in wanted.items() if here != there]


@dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """What a deployment will do: shown first, done later."""

    contracts: tuple[tuple[str, str, int], ...]
    """(name, address where it is already, most wei); the registry's own cost is known once the others are there."""
    sender: str
    balance: int


@dataclass(frozen=True, slots=True)
class DeployedRegistry:
    """A registry that was deployed and verified."""

    address: str
    extension: str
    power_source: str


@dataclass(frozen=True, slots=True)
class RegistryVerdict:
    """Whether a registry is ours."""

    codes: tuple[CodeVerdict, ...]
    """Of the registry, its second half and its power source."""
    owners: tuple[tuple[str, str], ...]
    """(diamond, its owner) of each target."""
    problems: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether all code is what was compiled, and nothing else is wrong."""
        return not self.problems and all(code.matches for code in self.codes)


async def plan_registry(deployer: Deployer, config: RegistryConfig) -> DeploymentPlan:
    """Estimate what can be estimated; nothing is sent.

    The registry's own constructor reads its power source, so that it can be tried only when that is deployed; its
    rules are checked here in the constructor's stead.

    Raises:
        InputError: The configuration is not acceptable.
        ContractRefused: A constructor refuses.
        ChainError: No usable answer.
    """
    config.check()
    rows: list[tuple[str, str, int]] = []
    for contract in _before_the_registry(config):
        there = await deployer.deployed(contract)
        cost = 0
        if not there:
            built = await deployer.estimate(contract)
            cost = built.cost.most_wei
        rows.append((contract.name, there, cost))
    plan = DeploymentPlan(tuple(rows), await deployer.sender(), await deployer.balance())
    missing = sum(cost for _, _, cost in rows)
    if plan.balance < missing:
        raise InputError(
            f"{plan.sender} has {plan.balance} wei, and the first contracts alone may cost {missing}",
            safe="nothing was sent",
            next_step="give it funds",
        )
    return plan


async def deploy_registry(
    network: NetworkSettings, deployer: Deployer, config: RegistryConfig, say: Callable[[str], None]
) -> DeployedRegistry:
    """Deploy power source, second half and registry, each unless an earlier run did, and verify the whole.

    Args:
        network: The network; its own `registry` is not used.
        deployer: Deploys from the key that pays.
        config: The rules.
        say: Told one line after each step.

    Raises:
        ConsoleError: A step failed; what was deployed before it is found again by the next run.
    """
    config.check()
    placed: dict[str, str] = {}
    for contract in _before_the_registry(config):
        placed[contract.name] = await deployer.deploy(contract)
        say(f"{contract.name} is at {placed[contract.name]}")
    power_source = placed.get(config.power_kind, config.power_at)
    extension = placed["RegistryExtension"]
    registry = NewContract(
        "UpgradeRegistry", shipped(artefact("UpgradeRegistry")), config.encoded(power_source, extension)
    )
    address = await deployer.deploy(registry)
    say(f"UpgradeRegistry is at {address}")
    async with JsonRpc(tokens=network.tokens) as rpc:
        at = _at(network, address)
        differences = config.differences(await GovernanceReader(at, at.ethereum_rpc, rpc).rules(), power_source)
    if differences:
        raise ChainError(f"the registry at {address} was deployed otherwise: {'; '.join(differences)}")
    say("its code and its rules are as they were given")
    return DeployedRegistry(address, extension, power_source)


async def verify_registry(network: NetworkSettings) -> RegistryVerdict:
    """Hold a registry against what this release was compiled from: both halves, and where its power comes from.

    Raises:
        ChainError: No usable answer.
    """
    async with JsonRpc(tokens=network.tokens) as rpc:
        registry = checksummed(network.registry)
        rules = await GovernanceReader(network, network.ethereum_rpc, rpc).rules()
        extension = await view_address(network, rpc, registry, "extension()")
        place = Place("registry", registry, network.ethereum_rpc, network.evm_chain_id, registry)
        asked = [registry, rules.power_source, *([extension] if extension else [])]
        codes = await read_codes(rpc, place, asked)
        own = compare_code(_ours("UpgradeRegistry"), codes[registry], registry)
        found = [own]
        problems: list[str] = []
        if extension:
            found.append(compare_code(_ours("RegistryExtension"), codes[extension], extension))
            if all(value[-40:] != extension[2:].lower() for _, value in own.immutables):
                problems.append(f"the registry says that its second half is {extension}, and its code does not")
        else:
            problems.append("the registry does not say where its second half is")
        found.append(_power_source(rules.power_source, codes[rules.power_source]))
        owners = [(target, await read_owner(rpc, _of(network, target))) for target in rules.targets]
    return RegistryVerdict(tuple(found), tuple(owners), tuple(problems))


def network_table(network: NetworkSettings, registry: str) -> dict[str, Any]:
    """What is written about a network that has a new registry: a table of the settings."""
    return {
        "kind": "ipc",
        "chain_id": network.chain_id,
        "evm_chain_id": network.evm_chain_id,
        "registry": registry,
        "cometbft_rpc": list(network.cometbft_rpc),
        "ethereum_rpc": list(network.ethereum_rpc),
    }


def write_network(name: str, table: Mapping[str, Any]) -> None:
    """Write a network into the settings; keys and comments that are there and not in `table` stay.

    Raises:
        SettingsError: The settings cannot be read or written.
    """
    import tomlkit

    with changed_settings(config_file(), new=True) as document:
        networks = document.setdefault("networks", tomlkit.table(is_super_table=True))
        own = networks.setdefault(name, tomlkit.table())
        for key, value in table.items():
            own[key] = value


def _before_the_registry(config: RegistryConfig) -> tuple[NewContract, ...]:
    extension = NewContract("RegistryExtension", _ours("RegistryExtension"))
    if not config.power_kind:
        return (extension,)
    source = NewContract(config.power_kind, _ours(config.power_kind), encode(("address",), (config.power_at,)))
    return (source, extension)


def _ours(name: str) -> Compiled:
    return shipped(artefact(name))


def _power_source(address: str, code: bytes) -> CodeVerdict:
    verdicts = [compare_code(_ours(name), code, address) for name in POWER_SOURCES]
    fallback = CodeVerdict("power source", address, verdicts[0].code_hash, False, "none of our power sources")
    return next((verdict for verdict in verdicts if verdict.matches), fallback)


def _at(network: NetworkSettings, registry: str) -> NetworkSettings:
    return replace(network, registry=registry)


def _of(network: NetworkSettings, target: str) -> Place:
    return Place(target, target, network.ethereum_rpc, network.evm_chain_id, checksummed(network.registry))
