"""The client of the subnet's one EVM process: JSON objects over HTTP/1.1 on loopback.

Written on asyncio streams because the node must be able to execute before the (slow to import) web framework of its
own ports is loaded: a validator's restart is measured in tenths of a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import MigrationFailedError, NodeError

_MAX_BODY = 64 * 1024 * 1024
_RETRY_S = (0.05, 0.1, 0.2, 0.5)


class EvmUnavailableError(Exception):
    """The EVM process does not answer now; the caller may try again."""


class EvmRefusedError(NodeError):
    """The EVM holds another history than this node (HTTP 409 `fork`), or refused in a way no retry can cure."""


class EvmNeedsError(Exception):
    """The EVM lacks earlier blocks.

    Attributes:
        height: The next height it needs, in blocks.
    """

    def __init__(self, height: int) -> None:
        super().__init__(f"the EVM needs block {height} first")
        self.height = height


@dataclass(frozen=True, slots=True)
class ExecuteBlock:
    """A block for the EVM: height in blocks, hash in upper hex, time in seconds since 1970, raw transactions.

    Attributes:
        migration: What is done before the transactions, as the release carries it; empty for nothing.
        before: The state root that it is built on; empty for whatever the EVM has at the height before.
    """

    height: int
    block_hash: str
    time_s: int
    txs: tuple[bytes, ...]
    migration: str = ""
    before: bytes = b""


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class EvmClient:
    """Asks the EVM process; connections are kept and reused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise NodeError(f'evm_url "{url}" is not like "http://127.0.0.1:8600"')
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path or "/"
        self._idle: list[_Connection] = []

    async def genesis(self) -> bytes:
        """The state root after genesis, 32 bytes; waits for the EVM for as long as it takes."""
        return self._root(await self._insist({"op": "genesis"}))

    async def execute(self, block: ExecuteBlock) -> bytes:
        """Executes a block; returns the state root. Waits for the EVM for as long as it takes.

        Raises:
            EvmNeedsError: Earlier blocks are missing there.
            EvmRefusedError: The EVM already holds another block at this height.
            MigrationFailedError: The block's migration cannot be done.
        """
        request: dict[str, object] = {
            "op": "execute",
            "height": block.height,
            "block": block.block_hash,
            "time": block.time_s,
            "txs": ["0x" + tx.hex() for tx in block.txs],
        }
        if block.migration:
            request["migration"] = block.migration
        if block.before:
            request["before"] = block.before.hex()
        return self._root(await self._insist(request))

    async def check(self, height: int, raw: bytes) -> dict[str, object]:
        """Whether a transaction is good on the state after `height`.

        Raises:
            EvmUnavailableError: No answer, or the EVM is not at that height yet.
        """
        return await self._once({"op": "check", "height": height, "tx": "0x" + raw.hex()})

    async def rpc(self, height: int, requests: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
        """Ethereum JSON-RPC calls as of the state after `height`; one answer per request, in order.

        Raises:
            EvmUnavailableError: No answer, or the EVM is not at that height yet.
        """
        answer = await self._once({"op": "rpc", "height": height, "requests": list(requests)})
        responses = answer.get("responses")
        if not isinstance(responses, list) or len(responses) != len(requests):
            raise EvmUnavailableError(f"the EVM gave no usable answer: {str(answer)[:200]}")
        return [each if isinstance(each, dict) else {"result": None} for each in responses]

    async def call(self, height: int, to: str, data: bytes) -> bytes:
        """What a contract answers on the state after `height`; empty when the call fails.

        Waits for the EVM for as long as it takes.

        Args:
            height: In blocks.
            to: The contract's address in hex, without 0x.
            data: Selector and arguments.

        Raises:
            EvmNeedsError: That block is missing there.
        """
        call = {
            "jsonrpc": "2.0",
            "id": 0,
            "method": "eth_call",
            "params": [{"to": "0x" + to, "data": "0x" + data.hex()}, "latest"],
        }
        answer = await self._insist({"op": "rpc", "height": height, "requests": [call]})
        match answer.get("responses"):
            case [{"result": str(result)}]:
                return bytes.fromhex(result.removeprefix("0x"))
        return b""

    def close(self) -> None:
        """Closes kept connections."""
        for connection in self._idle:
            connection.writer.close()
        self._idle.clear()

    @staticmethod
    def _root(answer: Mapping[str, object]) -> bytes:
        try:
            root = bytes.fromhex(str(answer["root"]).removeprefix("0x"))
        except (KeyError, ValueError):
            root = b""
        if len(root) != 32:
            raise EvmRefusedError(f"the EVM answered without a state root: {str(answer)[:200]}")
        return root

    async def _insist(self, request: Mapping[str, object]) -> dict[str, object]:
        attempt = 0
        while True:
            try:
                status, answer = await self._exchange(request, 120)
            except EvmUnavailableError:
                status, answer = 503, {}
            if status == 200:
                return answer
            if status == 409:
                self._conflict(answer)
            elif answer.get("error") == "migration":
                raise MigrationFailedError(f"the migration failed: {str(answer.get('message'))[:400]}")
            elif 400 <= status < 500:
                raise EvmRefusedError(f"the EVM refused {request['op']} with status {status}: {str(answer)[:200]}")
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1

    @staticmethod
    def _conflict(answer: Mapping[str, object]) -> None:
        need = answer.get("need")
        if answer.get("error") == "need" and isinstance(need, int):
            raise EvmNeedsError(need)
        raise EvmRefusedError(f"the EVM holds another history than this node: {str(answer)[:300]}")

    async def _once(self, request: Mapping[str, object]) -> dict[str, object]:
        status, answer = await self._exchange(request, 30)
        if status != 200:
            raise EvmUnavailableError(f"the EVM answered status {status}: {str(answer)[:200]}")
        return answer

    async def _exchange(self, request: Mapping[str, object], timeout_s: float) -> tuple[int, dict[str, object]]:
        body = json.dumps(request).encode()
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        while True:
            kept = bool(self._idle)
            connection: _Connection | None = None
            try:
                async with asyncio.timeout(timeout_s):
                    connection = self._idle.pop() if kept else await self._connect()
                    connection.writer.write(head.encode() + body)
                    await connection.writer.drain()
                    status, answer, keep = await self._response(connection.reader)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                if connection is not None:
                    connection.writer.close()
                # A kept connection may have died with the EVM's last run; every operation may be sent twice.
                if kept and not isinstance(error, TimeoutError):
                    continue
                raise EvmUnavailableError(f"the EVM at {self._host}:{self._port} does not answer: {error}") from None
            except BaseException:
                if connection is not None:
                    connection.writer.close()
                raise
            if keep:
                self._idle.append(connection)
            else:
                connection.writer.close()
            return status, answer

    async def _connect(self) -> _Connection:
        return _Connection(*await asyncio.open_connection(self._host, self._port))

    @staticmethod
    async def _response(reader: asyncio.StreamReader) -> tuple[int, dict[str, object], bool]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        size = int(headers.get("content-length", "-1"))
        if not 0 <= size <= _MAX_BODY:
            raise ValueError("no usable Content-Length")
        body = await reader.readexactly(size)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {"error": body[:200].decode("utf-8", "replace")}
        keep = headers.get("connection", "").lower() != "close"
        return status, answer if isinstance(answer, dict) else {"error": str(answer)}, keep
