"""Contracts put on a chain, each once: journalled before it is sent, found after a crash, verified by its code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from console.chain.artefact_file import Compiled, compare_code
from console.chain.contract_sender import CREATE, OtherTransaction, build_other, created_address
from console.chain.cut_plan import ProposedFacet
from console.chain.diamond import Place, read_codes
from console.chain.fields import quantity
from console.chain.first_answer import first_answer
from console.chain.rpc import JsonRpc, endpoint_name
from console.chain.sent import sent_by_hand
from console.chain.writer import RECEIPT_DEADLINE_S, RegistryWriter
from console.errors import ChainError, InputError
from console.operations.deployment_journal import Deployment, DeploymentJournal, code_id, deployments_of
from console.ports.keys import KeyReference, Terminal
from console.settings import NetworkSettings


@dataclass(frozen=True, slots=True)
class NewContract:
    """A contract to be deployed."""

    name: str
    compiled: Compiled
    arguments: bytes = b""
    """Encoded arguments of its constructor."""

    @property
    def creation(self) -> bytes:
        """What the transaction carries."""
        return self.compiled.creation + self.arguments


class Deployer:
    """Deploys contracts from one key of a network.

    Args:
        network: Its Ethereum endpoints and chain id are used.
        key: Who pays.
        journal: Where deployments are written down; the usual place when not given.
        terminal: Where the signer may ask for a passphrase.
        deadline_s: Seconds from sending until the receipt.
    """

    def __init__(
        self,
        network: NetworkSettings,
        key: KeyReference,
        journal: DeploymentJournal | None = None,
        *,
        terminal: Terminal | None = None,
        deadline_s: float = RECEIPT_DEADLINE_S,
    ) -> None:
        self._network = network
        self._key = key
        self._journal = journal or deployments_of(network)
        self._rpc = JsonRpc(tokens=network.tokens)
        self._writer = RegistryWriter(
            network, network.ethereum_rpc, sent_by_hand(network), deadline_s=deadline_s, terminal=terminal
        )

    async def close(self) -> None:
        """End a waiting signer and close the connections."""
        await self._writer.close()
        await self._rpc.close()

    async def sender(self) -> str:
        """Checksummed address of the key. Raises SignerError."""
        return await self._writer.address(self._key)

    async def estimate(self, contract: NewContract) -> OtherTransaction:
        """What deploying it would cost now; nothing is sent.

        Raises:
            ContractRefused: Its constructor refuses.
            ChainError: No usable answer.
        """
        return await self._build(await self.sender(), contract, None)

    async def balance(self) -> int:
        """Wei of the key's account, from the first endpoint that answers. Raises ChainError."""
        return await self._number("eth_getBalance")

    async def deployed(self, contract: NewContract) -> str:
        """Where it is already, deployed from this machine and verified; empty when it is not.

        Raises:
            InputError: There is other code than what was sent.
            ChainError: No usable answer.
        """
        entry = self._journal.find(self._network.evm_chain_id, await self.sender(), contract.creation)
        return "" if entry is None or not await self._stands(contract, entry.address) else entry.address

    async def deploy(self, contract: NewContract) -> str:
        """Deploy it, unless an earlier run did.

        Returns:
            Its checksummed address, its code verified.

        Raises:
            ContractRefused: Its constructor refuses.
            ChainError: Not sent, or not seen in a block before the deadline; the next run finds out.
            SignerError: Not signed; nothing was sent.
            InputError: The journal cannot be used, or there is other code than what was sent.
        """
        sender = await self.sender()
        nonce: int | None = None
        entry = self._journal.find(self._network.evm_chain_id, sender, contract.creation)
        if entry is not None:
            if await self._stands(contract, entry.address):
                return entry.address
            # With the same nonce at most one of the two can ever be in a block.
            used = await self._number("eth_getTransactionCount")
            nonce = entry.nonce if used <= entry.nonce else None

        async def build(account: str) -> OtherTransaction:
            transaction = await self._build(account, contract, nonce)
            address = created_address(account, transaction.cost.nonce)
            self._journal.add(
                Deployment(
                    self._network.evm_chain_id,
                    account,
                    transaction.cost.nonce,
                    address,
                    contract.name,
                    code_id(contract.creation),
                )
            )
            return transaction

        # One that is on its way already, from a run that was interrupted, is awaited and nothing is built.
        wanted = (CREATE, "0x" + contract.creation.hex())
        receipt = await self._writer.send_built(self._key, build, wanted=wanted)
        entry = self._journal.find(self._network.evm_chain_id, sender, contract.creation)
        address = "" if entry is None else entry.address
        if not address or not await self._stands(contract, address):
            raise ChainError(
                f"transaction {receipt.transaction_hash} deployed {contract.name}, and there is no code at {address}",
                next_step="ask the endpoint for the transaction's receipt, and run this again",
            )
        return address

    async def deploy_facets(self, facets: Sequence[ProposedFacet]) -> dict[str, str]:
        """Deploy the facets of a cut; address by name. Raises as `deploy`, InputError for one that takes arguments."""
        for facet in facets:
            if facet.compiled.constructor:
                raise InputError(
                    f"the facet {facet.name} takes arguments when it is created",
                    safe="nothing was sent",
                    next_step="deploy it, and name it as NAME=FILE@ADDRESS",
                )
        return {facet.name: await self.deploy(NewContract(facet.name, facet.compiled)) for facet in facets}

    async def call(self, what: str, target: str, data: bytes) -> str:
        """Send a call of a contract that the key's account may make; the transaction's hash. Raises as `deploy`."""

        async def build(account: str) -> OtherTransaction:
            return await build_other(
                self._network, self._rpc, self._network.ethereum_rpc, account, what=what, target=target, data=data
            )

        receipt = await self._writer.send_built(self._key, build, wanted=(target, "0x" + data.hex()))
        return receipt.transaction_hash

    async def review(self, what: str, target: str, data: bytes) -> str:
        """The transaction that `call` would send, as plain text. Raises as `estimate`."""
        sender = await self.sender()
        built = await build_other(
            self._network, self._rpc, self._network.ethereum_rpc, sender, what=what, target=target, data=data
        )
        return built.shown

    async def _build(self, sender: str, contract: NewContract, nonce: int | None) -> OtherTransaction:
        return await build_other(
            self._network,
            self._rpc,
            self._network.ethereum_rpc,
            sender,
            what=f"deploy {contract.name}",
            target=CREATE,
            data=contract.creation,
            nonce=nonce,
        )

    async def _stands(self, contract: NewContract, address: str) -> bool:
        place = Place(contract.name, address, self._network.ethereum_rpc, self._network.evm_chain_id)
        code = (await read_codes(self._rpc, place, [address]))[address]
        if not code:
            return False
        verdict = compare_code(contract.compiled, code, address)
        if not verdict.matches:
            raise InputError(f"at {address} is other code than {contract.name}: {verdict.why}")
        return True

    async def _number(self, method: str) -> int:
        sender = await self.sender()

        async def ask(url: str) -> int:
            reply = await self._rpc.call(url, method, [sender, "latest"])
            return quantity(reply.value(f"{method} of {endpoint_name(url)}"), method)

        return await first_answer(self._network.ethereum_rpc, ask)


@asynccontextmanager
async def deploying(
    network: NetworkSettings,
    key: KeyReference,
    journal: DeploymentJournal | None = None,
    *,
    terminal: Terminal | None = None,
    deadline_s: float = RECEIPT_DEADLINE_S,
) -> AsyncIterator[Deployer]:
    """A deployer that is closed at the end."""
    deployer = Deployer(network, key, journal, terminal=terminal, deadline_s=deadline_s)
    try:
        yield deployer
    finally:
        await deployer.close()
