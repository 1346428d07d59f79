"""A diamond given to another owner: to the registry, so that votes decide over it, or back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from console.addresses import ZERO_ADDRESS, checksummed, prefix_of
from console.chain.abi import encode
from console.chain.address import parse_address, system_owned
from console.chain.agreement import require_agreement
from console.chain.diamond import Place, read_diamond, read_owner
from console.chain.governance import GovernanceReader
from console.chain.rpc import JsonRpc
from console.chain.selectors import selector_of
from console.errors import ChainError, InputError
from console.model import LinkedCall, Upgradable
from console.operations.contract_deploy import Deployer
from console.operations.contract_export import ExportedCall
from console.operations.contract_places import place_of
from console.settings import NetworkSettings

TO_REGISTRY = "registry"
"""What stands for the UpgradeRegistry as a new owner."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """A change of owner: a value that is shown first, and done later."""

    name: str
    place: Place
    owner: str
    new_owner: str
    warnings: tuple[str, ...]

    @property
    def data(self) -> bytes:
        """Call data of `transferOwnership`."""
        return bytes.fromhex(selector_of("transferOwnership(address)")[2:]) + encode(("address",), (self.new_owner,))

    @property
    def call(self) -> ExportedCall:
        """The call for its owner."""
        return ExportedCall(
            self.place.chain_id,
            self.place.address,
            self.data,
            f"transferOwnership of {self.name} to {self.new_owner}",
            self.owner,
        )

    @property
    def linked(self) -> LinkedCall:
        """The call for the registry, which has to be alone in its proposal."""
        return LinkedCall(self.place.address, self.data, "")

    @property
    def lines(self) -> tuple[str, ...]:
        """The change for the operator."""
        said = (
            f"{self.name} {self.place.address} goes from {self.owner}",
            f"to {self.new_owner}: at once, in one step, and only the new owner can give it back",
        )
        return (*said, *(f"! {warning}" for warning in self.warnings))


async def plan_hand_over(network: NetworkSettings, contract: str, to: str) -> HandOver:
    """Look at a change of owner; nothing is sent.

    Args:
        network: The network.
        contract: As `place_of` takes it.
        to: The new owner in any form of an address, or `registry`.

    Raises:
        InputError: Nobody could give it away, or the new owner could never do anything with it.
        ChainError: No usable answer.
    """
    async with JsonRpc(tokens=network.tokens) as rpc:
        place = await place_of(network, contract, rpc)
        view = (await read_diamond(rpc, place)).view
        registry = checksummed(network.registry)
        new = registry if to == TO_REGISTRY else parse_address(to, prefix=prefix_of(network.chain_id))
        if view.upgradable is Upgradable.NOBODY:
            raise InputError(
                f"{view.name} is owned by {view.owner}, for which nobody can sign: it cannot be handed over",
                safe="nothing was sent",
                next_step="only a migration in a release can change it",
            )
        if new == ZERO_ADDRESS or system_owned(new):
            raise InputError(f"nobody can sign for {new}: the diamond would be lost", safe="nothing was sent")
        if new == view.owner:
            raise InputError(f"{view.name} belongs to {new} already", safe="nothing was sent")
        if place.on_parent and new == registry:
            raise InputError("the registry cannot call a contract on the parent chain", safe="nothing was sent")
        warnings = []
        if new == registry:
            rules = await GovernanceReader(network, network.ethereum_rpc, rpc).rules()
            if place.address not in rules.targets:
                warnings.append(
                    f"the registry may not call {place.address} yet: setTarget has to be voted before it can be cut, or"
                    " handed back"
                )
    return HandOver(view.name, place, view.owner, new, tuple(warnings))


async def send_hand_over(
    network: NetworkSettings, plan: HandOver, deployer: Deployer, *, confirmed: Callable[[str], None]
) -> str:
    """Hand a diamond over by its owner's key.

    Args:
        network: The network.
        plan: What was shown.
        deployer: Sends from the owner's key.
        confirmed: Given the transaction as text before it is signed; raises when it must not be sent.

    Returns:
        The transaction's hash, once the diamond says that it has its new owner.

    Raises:
        InputError: The key is not the owner's, it is the registry's own (that takes a vote), or it is on the parent.
        ChainError: Not sent, refused, or the diamond says another owner afterwards.
    """
    if plan.owner == checksummed(network.registry):
        raise InputError(
            f"{plan.name} belongs to the registry: giving it away is a proposal of its own",
            safe="nothing was sent",
            next_step=f"upgrade-console propose-contract --contract {plan.name} --give-to {plan.new_owner}",
        )
    if plan.place.on_parent:
        raise InputError(
            f"{plan.name} is on the parent chain, where only its owner's own tools send",
            safe="nothing was sent",
            next_step="pass --out FILE to export the call",
        )
    sender = await deployer.sender()
    if sender != plan.owner:
        raise InputError(
            f"{plan.name} belongs to {plan.owner}, and this key is that of {sender}",
            safe="nothing was sent",
            next_step="pass its owner's --key, or --out FILE to export the call",
        )
    await require_agreement(network)
    what = f"transferOwnership(newOwner={plan.new_owner})"
    confirmed(await deployer.review(what, plan.place.address, plan.data))
    transaction = await deployer.call(what, plan.place.address, plan.data)
    async with JsonRpc(tokens=network.tokens) as rpc:
        owner = await read_owner(rpc, plan.place)
    if owner != plan.new_owner:
        raise ChainError(f"transaction {transaction} was executed and {plan.name} belongs to {owner}")
    return transaction
