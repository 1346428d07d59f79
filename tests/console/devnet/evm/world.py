"""A small devnet EVM for the tests: four validators, their operators, an admin, and blocks on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from console.chain.registry import proposal_input, registry_interface
from console.devnet.evm.blocks import Executed
from console.devnet.evm.ethereum import Ethereum
from console.devnet.evm.genesis import Genesis, GenesisValidator, build_genesis
from console.devnet.evm.ledger import Ledger

CHAIN_ID = 31337
START = 1_700_000_000
FREEZE = 5
WINDOW = 20
RELEASE_HASH = b"\xaa" * 32


def account(number: int) -> LocalAccount:
    """A well-known test key."""
    made: LocalAccount = Account.from_key("0x" + number.to_bytes(32, "big").hex())
    return made


VALIDATORS = [account(number) for number in range(1, 5)]
OPERATORS = [account(number) for number in range(101, 105)]
ADMIN = account(99)
PARENT = account(98)
POOR = account(77)


def genesis(
    powers: Sequence[int] = (10, 10, 10, 10),
    *,
    time: int = START,
    council: Sequence[str] = (),
    voting_required: bool = False,
) -> Genesis:
    """The genesis of the tests."""
    validators = [
        GenesisValidator(
            key="0x" + validator.key.hex(),
            power=power,
            public_key=b"\x04" + validator._key_obj.public_key.to_bytes(),
            operator=operator.address,
        )
        for validator, operator, power in zip(VALIDATORS, OPERATORS, powers, strict=True)
    ]
    return build_genesis(
        validators=validators,
        admin_key="0x" + ADMIN.key.hex(),
        gateway_parent=PARENT.address,
        council=council,
        extra_balances=dict.fromkeys(council, 10**24),
        voting_required=voting_required,
        freeze_blocks=FREEZE,
        execution_window=WINDOW,
        chain_id=CHAIN_ID,
        time=time,
    )


def sign(
    sender: LocalAccount,
    nonce: int,
    *,
    to: str | None = None,
    data: bytes = b"",
    value: int = 0,
    gas: int = 3_000_000,
    chain_id: int = CHAIN_ID,
    legacy: bool = False,
    fee: int = 1000,
    tip: int = 0,
) -> str:
    """A raw transaction."""
    fields: dict[str, Any] = {"nonce": nonce, "value": value, "gas": gas, "data": data, "chainId": chain_id}
    fields |= {"gasPrice": fee} if legacy else {"maxFeePerGas": fee, "maxPriorityFeePerGas": tip, "type": 2}
    if to is not None:
        fields["to"] = to_checksum_address(to)
    return "0x" + bytes(sender.sign_transaction(fields).raw_transaction).hex()


def call_data(signature: str, *arguments: Any) -> bytes:
    """Selector and arguments; the signature must not hold tuples."""
    inner = signature[signature.index("(") + 1 : -1]
    kinds = inner.split(",") if inner else []
    return bytes(keccak(text=signature)[:4]) + encode(kinds, list(arguments))


def propose_data(height: int, *, url: str = "http://127.0.0.1:20001/v0.2.0") -> bytes:
    """A proposal of a release for a height, as the proposer's transaction calls it."""
    given = proposal_input(name="v0.2.0", releaseHash=RELEASE_HASH, releaseUrl=url, targetHeight=height, breaking=True)
    return bytes.fromhex(registry_interface().encode("propose", (given, (), ()))[2:])


def creation(runtime: str) -> bytes:
    """Creation code that deploys these bytes of code (hex)."""
    size = len(runtime) // 2
    return bytes.fromhex(f"60{size:02x}600c60003960{size:02x}6000f3{runtime}")


def block_hash(height: int, salt: str = "") -> str:
    """What stands for CometBFT's hash of a block."""
    return bytes(keccak(text=f"block {height} {salt}")).hex().upper()


class World:
    """A ledger with a clock and nonces."""

    def __init__(self, folder: Path, made: Genesis | None = None) -> None:
        self.genesis = made or genesis()
        self.folder = folder
        self.ledger = Ledger(self.genesis.document, folder)
        self.ethereum = Ethereum(self.ledger)

    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.genesis.document, self.folder)
        self.ethereum = Ethereum(self.ledger)

    def mine(self, *raws: str) -> Executed:
        """The next block."""
        height = self.ledger.tip + 1
        return self.ledger.execute(height, block_hash(height), START + height, list(raws))

    def mine_to(self, height: int) -> None:
        """Empty blocks until the tip is `height`."""
        while self.ledger.tip < height:
            self.mine()

    def nonce(self, sender: LocalAccount) -> int:
        return int(self.result("eth_getTransactionCount", sender.address, "latest"), 16)

    def send(self, sender: LocalAccount, signature: str, *arguments: Any) -> bool:
        """Call the registry in a block of its own; returns whether it succeeded."""
        return self.send_data(sender, call_data(signature, *arguments))

    def send_data(self, sender: LocalAccount, data: bytes) -> bool:
        """Call the registry with these bytes in a block of its own; returns whether it succeeded."""
        raw = sign(sender, self.nonce(sender), to=self.genesis.registry, data=data)
        (result,) = self.mine(raw).results
        return result.ok

    def view(self, signature: str, returns: str, *arguments: Any, at: int | None = None, of: str | None = None) -> Any:
        """Call a view of the registry, or of another contract."""
        request = {"to": of or self.genesis.registry, "data": "0x" + call_data(signature, *arguments).hex()}
        tag = "latest" if at is None else hex(at)
        return decode([returns], bytes.fromhex(self.result("eth_call", request, tag)[2:]))[0]

    def answer(self, method: str, *params: Any, height: int | None = None) -> dict[str, Any]:
        at = self.ledger.tip if height is None else height
        return self.ethereum.answer(at, {"method": method, "params": list(params)})

    def result(self, method: str, *params: Any, height: int | None = None) -> Any:
        answer = self.answer(method, *params, height=height)
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, *params: Any, height: int | None = None) -> dict[str, Any]:
        answer = self.answer(method, *params, height=height)
        error: dict[str, Any] = answer["error"]
        return error
