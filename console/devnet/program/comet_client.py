"""What `eth run` asks of the CometBFT beside it: heights, the application's mempool, and to take transactions."""

from __future__ import annotations

import base64
import json

import aiohttp

from .abci_messages import NONCE_QUERY
from .evm_client import EvmUnavailableError
from .txpool import Submitted

_DEADLINE_S = 10.0


class CometView:
    """The node behind a CometBFT RPC, as an Ethereum port sees it (`eth_rpc.ChainView`).

    Args:
        url: Of the RPC.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_DEADLINE_S))

    async def height(self) -> int:
        """As in `ChainView`."""
        response = (await self._ask("abci_info"))["response"]
        return int(response.get("last_block_height", "0")) if isinstance(response, dict) else 0

    async def highest(self) -> int | None:
        """As in `ChainView`; CometBFT does not tell how far the others are, so its own next height stands for it."""
        sync = (await self._ask("status"))["sync_info"]
        return int(sync["latest_block_height"]) + 1 if isinstance(sync, dict) and sync["catching_up"] else None

    async def submit(self, raw: bytes) -> Submitted:
        """As in `ChainView`."""
        answer = await self._ask("broadcast_tx_sync", {"tx": base64.b64encode(raw).decode()})
        tx_hash = "0x" + str(answer.get("data", "")).lower() if answer.get("data") else ""
        refused = str(answer.get("log") or "the transaction is invalid")
        return Submitted(tx_hash, "" if answer.get("code") == 0 else refused)

    async def pending_nonce(self, sender: str, nonce: int) -> int:
        """As in `ChainView`."""
        data = f"{sender} {nonce}".encode().hex()
        response = (await self._ask("abci_query", {"path": NONCE_QUERY, "data": data}))["response"]
        value = response.get("value") if isinstance(response, dict) else None
        return int(base64.b64decode(value)) if isinstance(value, str) and value else nonce

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    async def _ask(self, method: str, params: dict[str, object] | None = None) -> dict[str, object]:
        call = {"jsonrpc": "2.0", "id": 0, "method": method, "params": params or {}}
        try:
            async with self._session.post(self._url, json=call) as response:
                answer = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise EvmUnavailableError(f"CometBFT at {self._url} does not answer: {error}") from None
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), dict):
            refused = answer.get("error") if isinstance(answer, dict) else answer
            words = refused.get("data") or refused.get("message") if isinstance(refused, dict) else refused
            raise EvmUnavailableError(str(words)[:300])
        return dict(answer["result"])
