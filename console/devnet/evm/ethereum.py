"""Ethereum JSON-RPC on the ledger, as Fendermint's facade answers it, quirks included (facts/evm.md §5.1).

Every request comes with the height of the node that asks; the answer is as of the state after that block and never
beyond it. `latest`, `pending`, `safe` and `finalized` name block height-1 where a block is asked for, while calls
and accounts read the state after the height itself. Log and receipt look-ups use the ledger's own index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from eth.vm.forks.shanghai.state import ShanghaiState
from eth_typing import Address

from console.devnet.evm import execution, rows
from console.devnet.evm.blocks import Block, Need
from console.devnet.evm.ledger import Ledger

REVERTED, OUT_OF_GAS, OTHER_FAILURE = 33, 7, 34
"""FVM exit codes, which the facade gives as error codes."""
PRIORITY_FEE = 100_000
"""Wei per gas: the facade's least premium (facts/ipc.md §4)."""
FVM_NETWORK_VERSION = "21"
"""What the facade answers for net_version; it is not the chain id (facts/ipc.md §4)."""
MAX_LOGS = 10_000
MAX_FEE_HISTORY = 1024
MAX_KEPT_CALLS = 256
"""Answers of eth_call that are kept."""
TAGS = frozenset({"latest", "pending", "safe", "finalized"})


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Ethereum:
    """The methods. One thread uses it, the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._calls: dict[tuple[int, str], str] = {}
        self._methods: Mapping[str, Callable[[int, list[Any]], Any]] = {
            "eth_accounts": lambda height, params: [],
            "eth_blockNumber": lambda height, params: hex(_shown(height)),
            "eth_call": self._call,
            "eth_chainId": lambda height, params: hex(ledger.chain_id),
            "eth_estimateGas": self._estimate_gas,
            "eth_feeHistory": self._fee_history,
            "eth_gasPrice": lambda height, params: hex(execution.BASE_FEE),
            "eth_getBalance": self._balance,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getCode": self._code,
            "eth_getLogs": self._logs,
            "eth_getStorageAt": self._storage,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": self._nonce,
            "eth_getTransactionReceipt": self._receipt,
            "eth_maxPriorityFeePerGas": lambda height, params: hex(PRIORITY_FEE),
            "net_version": lambda height, params: FVM_NETWORK_VERSION,
        }

    def answer(self, height: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request.

        Args:
            height: The asking node's committed height; at most the ledger's tip.
            request: `method` and `params`.

        Returns:
            `{"result": ...}` or `{"error": {"code", "message", "data"?}}`.

        Raises:
            Need: The height is not stored yet.
        """
        if height > self._ledger.tip:
            raise Need(self._ledger.tip + 1)
        try:
            method = self._methods.get(str(request.get("method")))
            if method is None:
                raise RpcError(-32601, f"method {str(request.get('method'))[:80]} does not exist")
            params = request.get("params") or []
            if not isinstance(params, list):
                raise RpcError(-32602, "params must be an array")
            return {"result": method(height, params)}
        except RpcError as error:
            body: dict[str, Any] = {"code": error.code, "message": str(error)}
            if error.data is not None:
                body["data"] = error.data
            return {"error": body}
        except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
            return {"error": {"code": -32602, "message": f"invalid params: {str(error)[:200]}"}}

    # -- state

    def _call(self, height: int, params: list[Any]) -> str:
        # The state after a block never changes, and every console and controller asks the same of it.
        key = (height, json.dumps(params, sort_keys=True))
        known = self._calls.get(key)
        if known is None:
            known = self._calls[key] = self._called(height, params)
            while len(self._calls) > MAX_KEPT_CALLS:
                self._calls.pop(next(iter(self._calls)))
        return known

    def _called(self, height: int, params: list[Any]) -> str:
        called = execution.call(self._state(height, params, 1), _call_fields(params[0]))
        _raise_for(called)
        return "0x" + called.output.hex()

    def _estimate_gas(self, height: int, params: list[Any]) -> str:
        request = _call_fields(params[0])
        called = execution.call(self._state(height, params, 1), request)
        _raise_for(called)
        # A call within a call gets 63/64 of what is left, so that gas used may not be gas enough.
        most = min(request.gas, execution.CALL_GAS)
        guess = min(called.gas + called.gas // 4, most)
        while guess < most:
            trial = execution.Call(request.sender, request.to, request.data, request.value, guess)
            if not execution.call(self._state(height, params, 1), trial).failure:
                break
            guess = min(2 * guess, most)
        return hex(guess)

    def _balance(self, height: int, params: list[Any]) -> str:
        return hex(self._state(height, params, 1).get_balance(Address(_address(params[0]))))

    def _code(self, height: int, params: list[Any]) -> str:
        return "0x" + self._state(height, params, 1).get_code(Address(_address(params[0]))).hex()

    def _nonce(self, height: int, params: list[Any]) -> str:
        return hex(self._state(height, params, 1).get_nonce(Address(_address(params[0]))))

    def _storage(self, height: int, params: list[Any]) -> str:
        slot = int(params[1], 16)
        if not 0 <= slot < 2**256:
            raise RpcError(-32602, "invalid params: a slot has 256 bits")
        value = self._state(height, params, 2).get_storage(Address(_address(params[0])), slot)
        return "0x" + value.to_bytes(32, "big").hex()

    def _state(self, height: int, params: list[Any], position: int) -> ShanghaiState:
        tag = params[position] if len(params) > position else None
        if tag is None or (isinstance(tag, str) and tag in TAGS):
            return self._ledger.state(height)
        at = self._named_height(height, tag)
        if at is None or at > height:
            raise RpcError(-32602, f"block {tag} is not committed here, the height is {height}")
        return self._ledger.state(at)

    # -- blocks and transactions

    def _block_by_number(self, height: int, params: list[Any]) -> dict[str, Any] | None:
        at = self._named_height(height, params[0])
        return None if at is None else self._shown_block(height, self._ledger.block(at), full=_flag(params, 1))

    def _block_by_hash(self, height: int, params: list[Any]) -> dict[str, Any] | None:
        return self._shown_block(height, self._ledger.block_by_hash(_hash(params[0])), full=_flag(params, 1))

    def _shown_block(self, height: int, block: Block | None, *, full: bool) -> dict[str, Any] | None:
        if block is None or block.height > height:
            return None
        parent = self._ledger.block(block.height - 1)
        return rows.block(self._ledger, block, bytes(32) if parent is None else parent.hash, full=full)

    def _transaction(self, height: int, params: list[Any]) -> dict[str, Any] | None:
        stored = self._ledger.transaction(_hash(params[0]))
        if stored is None or stored.height > height:
            return None
        return rows.transaction(self._ledger, stored, self._block_hash(stored.height))

    def _receipt(self, height: int, params: list[Any]) -> dict[str, Any] | None:
        stored = self._ledger.transaction(_hash(params[0]))
        if stored is None or stored.height > height:
            return None
        return rows.receipt(self._ledger, stored, self._block_hash(stored.height))

    def _block_receipts(self, height: int, params: list[Any]) -> list[dict[str, Any]] | None:
        at = self._named_height(height, params[0])
        if at is None or at > height:
            return None
        digest = self._block_hash(at)
        return [rows.receipt(self._ledger, stored, digest) for stored in self._ledger.transactions(at)]

    def _logs(self, height: int, params: list[Any]) -> list[dict[str, Any]]:
        wanted: Mapping[str, Any] = params[0]
        if wanted.get("blockHash") is not None:
            block = self._ledger.block_by_hash(_hash(wanted["blockHash"]))
            if block is None or block.height > height:
                raise RpcError(-32602, "the block of this hash is not committed here")
            first = last = block.height
        else:
            first = self._limit(height, wanted.get("fromBlock"))
            last = min(height, self._limit(height, wanted.get("toBlock")))
        addresses = [_address(text) for text in _listed(wanted.get("address"))]
        topics = [[_hash(text) for text in _listed(entry)] for entry in wanted.get("topics") or []]
        if len(topics) > 4:
            raise RpcError(-32602, "invalid params: an event has at most 4 topics")
        found = self._ledger.logs(first, last, addresses, topics, MAX_LOGS + 1)
        if len(found) > MAX_LOGS:
            raise RpcError(-32005, f"more than {MAX_LOGS} logs match: ask for fewer blocks")
        return rows.logs(self._ledger, found)

    def _fee_history(self, height: int, params: list[Any]) -> dict[str, Any]:
        newest = min(height, self._limit(height, params[1]))
        count = params[0] if isinstance(params[0], int) else int(params[0], 16)
        count = max(0, min(count, MAX_FEE_HISTORY, newest + 1))
        percentiles = params[2] if len(params) > 2 else None
        used = []
        for at in range(newest - count + 1, newest + 1):
            block = self._ledger.block(at)
            used.append(0.0 if block is None else block.gas / execution.GAS_LIMIT)
        answer: dict[str, Any] = {
            "oldestBlock": hex(newest - count + 1),
            "baseFeePerGas": [hex(execution.BASE_FEE)] * (count + 1),
            "gasUsedRatio": used,
        }
        if percentiles:
            answer["reward"] = [[hex(PRIORITY_FEE)] * len(percentiles)] * count
        return answer

    def _block_hash(self, height: int) -> bytes:
        block = self._ledger.block(height)
        if block is None:
            raise Need(height)
        return block.hash

    def _named_height(self, height: int, name: Any) -> int | None:
        """The height that a tag, a number or an EIP-1898 object names; None for a hash that is not known."""
        if isinstance(name, dict):
            if "blockNumber" in name:
                return self._named_height(height, name["blockNumber"])
            block = self._ledger.block_by_hash(_hash(name["blockHash"]))
            return None if block is None else block.height
        if isinstance(name, str) and name in TAGS:
            return _shown(height)
        return 0 if name == "earliest" else int(name, 16)

    def _limit(self, height: int, name: Any) -> int:
        """One end of a range of blocks; without a name it is the latest."""
        at = self._named_height(height, "latest" if name is None else name)
        if at is None:
            raise RpcError(-32602, f"block {name} is not known")
        return at


def _shown(height: int) -> int:
    """The facade's block number lags the committed height by one."""
    return max(0, height - 1)


def _raise_for(called: execution.Called) -> None:
    if not called.failure:
        return
    if called.failure == "reverted":
        raise RpcError(REVERTED, f"contract reverted (exit code {REVERTED})", called.output.hex())
    if called.failure == "out of gas":
        raise RpcError(OUT_OF_GAS, f"out of gas (exit code {OUT_OF_GAS})", "")
    raise RpcError(OTHER_FAILURE, f"execution failed: {called.failure[:200]} (exit code {OTHER_FAILURE})", "")


def _call_fields(fields: Mapping[str, Any]) -> execution.Call:
    data = fields.get("input") or fields.get("data") or "0x"
    value, gas = int(fields.get("value") or "0x0", 16), int(fields.get("gas") or hex(execution.CALL_GAS), 16)
    if not 0 <= value < 2**255 or gas < 0:
        raise RpcError(-32602, "invalid params: value or gas is out of range")
    return execution.Call(
        sender=_address(fields.get("from") or "0x" + "00" * 20),
        to=_address(fields["to"]) if fields.get("to") else b"",
        data=_raw(data),
        value=value,
        gas=gas,
    )


def _listed(value: Any) -> list[Any]:
    """A filter's entry: nothing, one, or a list of alternatives, in which null is a wildcard."""
    if value is None:
        return []
    if isinstance(value, list):
        return [] if None in value else value
    return [value]


def _flag(params: list[Any], position: int) -> bool:
    return len(params) > position and bool(params[position])


def _raw(text: str) -> bytes:
    if not text.startswith("0x"):
        raise RpcError(-32602, "invalid params: hex starts with 0x")
    return bytes.fromhex(text[2:])


def _address(text: str) -> bytes:
    raw = _raw(text)
    if len(raw) != 20:
        raise RpcError(-32602, "invalid params: an address has 20 bytes")
    return raw


def _hash(text: str) -> bytes:
    raw = _raw(text)
    if len(raw) != 32:
        raise RpcError(-32602, "invalid params: a hash has 32 bytes")
    return raw
