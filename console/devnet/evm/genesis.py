"""The genesis of the devnet's EVM: balances and the signed transactions that deploy the contracts.

A pure function of its arguments: signatures are deterministic (RFC 6979), and contract addresses follow from the
deployer's nonces. eth_account is imported only when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from console.chain.contracts import artefact
from console.errors import InputError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

BALANCE = 10**24
"""Wei that each account of the devnet starts with: a million of the main unit."""
MAX_VALIDATORS = 128
"""More do not fit into one deploying transaction (EIP-3860)."""
DEPLOY_GAS = 50_000_000
OPERATOR_GAS = 20_000_000
SET_OPERATOR = "b3ab15fb"
"""Selector of setOperator(address)."""
TRANSFER_OWNERSHIP = "f2fde38b"
"""Selector of transferOwnership(address), of every diamond."""
GATEWAY_FACETS = (
    "DiamondCutFacet",
    "DiamondLoupeFacet",
    "OwnershipFacet",
    "GatewayGetterFacet",
    "GatewayMembershipFacet",
)
"""What the gateway diamond starts with. All their functions are cut in."""
ADD = 0
"""FacetCutAction of a function that the diamond did not have."""
CONFIG = "(address,address,uint256,bool,uint64,uint64,uint64,uint64,address[],uint8,address[])"
"""IUpgradeRegistry.Config: what the registry is deployed with."""
VOTING_BLOCKS = 40
"""Blocks that a vote is open at least."""
EXPEDITED_BLOCKS = 10
MAX_FEE = 1_000
"""Wei per gas: ten times the devnet's base fee, which does not move."""


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A validator of the first set."""

    key: str
    """Its private key, 0x-prefixed hex: the well-known devnet key, from which its address follows."""
    power: int
    """Voting power: the gateway's weight."""
    public_key: bytes
    """Uncompressed secp256k1 key of 65 bytes: the gateway's metadata."""
    operator: str
    """Address of the key that signals for it."""


@dataclass(frozen=True, slots=True)
class Genesis:
    """A genesis and what it deploys; addresses are checksummed."""

    document: dict[str, Any]
    """The file for the EVM process: chain_id, time, alloc, txs."""
    gateway: str
    """A diamond; the registry owns it."""
    power_source: str
    registry: str


def build_genesis(
    *,
    validators: Sequence[GenesisValidator],
    admin_key: str,
    gateway_parent: str,
    council: Sequence[str] = (),
    min_proposer_power: int = 0,
    voting_required: bool = False,
    voting_blocks: int = VOTING_BLOCKS,
    expedited_blocks: int = EXPEDITED_BLOCKS,
    freeze_blocks: int,
    execution_window: int,
    chain_id: int,
    time: int,
    extra_balances: Mapping[str, int] | None = None,
) -> Genesis:
    """Build the genesis of a devnet.

    Args:
        validators: The first validator set.
        admin_key: Private key that deploys the contracts, hands the gateway over to the registry and may propose.
        gateway_parent: Address that may change the gateway's validator set, as the parent chain does on a subnet.
        council: Addresses of those who may stop an upgrade, at most 16: more than half of them have to agree.
        min_proposer_power: The least power of a validator that may propose.
        voting_required: Whether a release needs a vote; linked calls always do.
        voting_blocks: The least that a vote is open, in blocks.
        expedited_blocks: The least that an expedited vote is open, in blocks.
        freeze_blocks: F of the registry, in blocks; at least 5.
        execution_window: The registry's execution window, in blocks.
        chain_id: The EVM's chain id.
        time: Genesis time in unix seconds.
        extra_balances: Wei of further accounts, by address.

    Returns:
        The document and the addresses of the contracts.

    Raises:
        InputError: There are too many validators, or a public key is not that of its private key.
    """
    from eth_abi.abi import encode
    from eth_account import Account
    from eth_utils.address import to_checksum_address

    if not 1 <= len(validators) <= MAX_VALIDATORS:
        raise InputError(f"a devnet has 1 to {MAX_VALIDATORS} validators, not {len(validators)}")
    admin: LocalAccount = Account.from_key(admin_key)
    accounts: list[LocalAccount] = [Account.from_key(validator.key) for validator in validators]
    for validator, account in zip(validators, accounts, strict=True):
        if validator.public_key != b"\x04" + bytes(account._key_obj.public_key.to_bytes()):
            raise InputError(f"the public key given for validator {account.address} is not its own")
    *facets, gateway, power_source, extension, registry = (
        _created(admin.address, nonce) for nonce in range(len(GATEWAY_FACETS) + 4)
    )
    members = [
        (validator.power, account.address, validator.public_key)
        for validator, account in zip(validators, accounts, strict=True)
    ]
    config = (
        power_source,
        admin.address,
        min_proposer_power,
        voting_required,
        voting_blocks,
        expedited_blocks,
        freeze_blocks,
        execution_window,
        list(council),
        len(council) // 2 + 1 if council else 0,
        [gateway],
    )
    cuts = [(facet, ADD, selectors(name)) for name, facet in zip(GATEWAY_FACETS, facets, strict=True)]
    deployed = [(name, b"") for name in GATEWAY_FACETS]
    deployed += [
        (
            "GatewayDiamond",
            encode(
                ["(address,uint8,bytes4[])[]", "address", "address", "(uint256,address,bytes)[]"],
                [cuts, admin.address, gateway_parent, members],
            ),
        ),
        ("GatewayPowerSource", encode(["address"], [gateway])),
        ("RegistryExtension", b""),
        ("UpgradeRegistry", encode([CONFIG, "address"], [config, extension])),
    ]
    signed = [
        _sign(admin, chain_id, nonce, None, artefact(name).bytecode + arguments, DEPLOY_GAS)
        for nonce, (name, arguments) in enumerate(deployed)
    ]
    signed.append(_hand_over(admin, chain_id, len(signed), gateway, registry))
    for validator, account in zip(validators, accounts, strict=True):
        data = bytes.fromhex(SET_OPERATOR) + encode(["address"], [validator.operator])
        signed.append(_sign(account, chain_id, 0, registry, data, OPERATOR_GAS))
    holders = [
        admin.address,
        gateway_parent,
        *(account.address for account in accounts),
        *(item.operator for item in validators),
    ]
    balances = {holder.lower(): BALANCE for holder in holders}
    balances |= {address.lower(): balance for address, balance in (extra_balances or {}).items()}
    document = {
        "chain_id": chain_id,
        "time": time,
        "alloc": {address: hex(balance) for address, balance in balances.items()},
        "txs": signed,
    }
    return Genesis(document, *(to_checksum_address(address) for address in (gateway, power_source, registry)))


def selectors(name: str) -> list[bytes]:
    """The selectors of all functions of a contract, as its ABI orders them: what a cut of the whole facet names."""
    from eth_utils.abi import function_abi_to_4byte_selector

    functions: Sequence[Any] = [entry for entry in artefact(name).abi if entry["type"] == "function"]
    return [bytes(function_abi_to_4byte_selector(entry)) for entry in functions]


def _hand_over(owner: LocalAccount, chain_id: int, nonce: int, diamond: str, new_owner: str) -> str:
    """The transaction that gives a diamond to another owner, at once and for good."""
    from eth_abi.abi import encode

    data = bytes.fromhex(TRANSFER_OWNERSHIP) + encode(["address"], [new_owner])
    return _sign(owner, chain_id, nonce, diamond, data, OPERATOR_GAS)


def _created(deployer: str, nonce: int) -> str:
    """The address of the contract that an account creates with a nonce."""
    import rlp
    from eth_utils.crypto import keccak

    digest: bytes = keccak(rlp.encode([bytes.fromhex(deployer.removeprefix("0x")), nonce]))
    return "0x" + digest[12:].hex()


def _sign(account: LocalAccount, chain_id: int, nonce: int, to: str | None, data: bytes, gas: int) -> str:
    from eth_utils.address import to_checksum_address

    fields: dict[str, Any] = {
        "chainId": chain_id,
        "nonce": nonce,
        "value": 0,
        "gas": gas,
        "maxFeePerGas": MAX_FEE,
        "maxPriorityFeePerGas": 0,
        "data": data,
        "type": 2,
    }
    if to is not None:
        fields["to"] = to_checksum_address(to)
    raw: bytes = bytes(account.sign_transaction(fields).raw_transaction)
    return "0x" + raw.hex()
