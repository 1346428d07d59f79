"""What the controller sees of consensus: `console.ports.chain.PeerView` over CometBFT's RPC."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from console.chain.cometbft import (
    Block,
    SignedHeader,
    Status,
    ValidatorSet,
    commit_call,
    overview_calls,
    parse_abci_info,
    parse_block,
    parse_net_info,
    parse_round,
    parse_signed_header,
    parse_status,
    parse_validator_set,
    validator_calls,
)
from console.chain.commits import FLAG_COMMIT, is_signed_by, verify_commit
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.ports.chain import MOST_SIGNED_HEIGHTS, ConsensusReading
from console.settings import NetworkSettings, NodeSettings

_UNKNOWN_METHOD = -32601


class CometPeers:
    """`console.ports.chain.PeerView` on CometBFT.

    Args:
        network: The network.
        node: Our node.
    """

    def __init__(self, network: NetworkSettings, node: NodeSettings) -> None:
        self._rpc = JsonRpc(tokens=network.tokens)
        self._chain_id = network.chain_id
        self._address = node.address
        self._own = node.cometbft_rpc
        own = _comparable(node.cometbft_rpc)
        self._others = tuple(url for url in dict.fromkeys(network.cometbft_rpc) if _comparable(url) != own)
        self._validators: ValidatorSet | None = None
        self._validators_hash = ""
        self._round_method = "consensus_state"

    async def own(self) -> ConsensusReading:
        """Read our own node in one request (two when the validator set has just changed).

        Raises:
            ChainError: It does not answer, or not as it should.
        """
        status, replies, block = await self._read_own(with_validators=self._validators is None)
        if block is not None and block.header.validators_hash != self._validators_hash:
            status, replies, block = await self._read_own(with_validators=True)
        validators = self._validators
        assert validators is not None
        where = endpoint_name(self._own)
        app = parse_abci_info(replies[1].value(f"abci_info of {where}"))
        # The commit that the newest block carries holds the late signatures too; `/commit` of the newest height is
        # what this node happened to have seen when it went on.
        carried = None if block is None else block.last_commit
        signatures = () if carried is None else carried.signatures
        signers = {entry.consensus_address for entry in signatures if entry.flag == FLAG_COMMIT}
        own_address = self._address or status.consensus_address
        ours = validators.of(own_address)
        return ConsensusReading(
            height=status.height,
            app_height=app.height,
            app_hash=app.app_hash,
            version=str(app.version),
            catching_up=status.catching_up,
            peers=parse_net_info(replies[2].value(f"net_info of {where}")),
            signed_power=sum(entry.power for entry in validators.validators if entry.consensus_address in signers),
            total_power=validators.total_power,
            own_signature=ours is not None and ours.consensus_address in signers,
            own_power=0 if ours is None else ours.power,
            own_address=own_address if ours is None else ours.address,
            own_consensus_address=status.consensus_address,
            protocol=app.protocol,
        )

    async def highest_peer(self) -> int | None:
        """Highest block height that any other endpoint of our chain tells, None when none answers."""
        heights = await asyncio.gather(*(self._peer_height(url) for url in self._others))
        return max((height for height in heights if height is not None), default=None)

    async def verified_commit(self, height: int) -> frozenset[str]:
        """Verify the commit of a height on our own node.

        Returns:
            Addresses of the validators whose signatures for the block verified: checksummed Ethereum addresses, or
            the consensus address of a key that has none.

        Raises:
            ChainError: No such commit, no more than 2/3 of that height's power, or a wrong signature.
        """
        where = endpoint_name(self._own)
        replies = await self._rpc.batch(self._own, [commit_call(height), *validator_calls(height)])
        signed = self._signed_header(replies[0], where)
        validators = parse_validator_set(replies[1:])
        if signed.header.height != height or validators.height != height:
            raise BadAnswer(f"{where} answered height {signed.header.height} when asked for {height}")
        verified = await asyncio.to_thread(
            verify_commit, signed.commit, validators.validators, chain_id=self._chain_id, height=height
        )
        return frozenset(entry.address for entry in verified)

    async def agreed_app_hash(self, height: int) -> str:
        """The app hash after `height` that our own node and every other endpoint that answers agree on.

        Returns:
            Upper-case hex digits, from the header of `height + 1`.

        Raises:
            ChainError: Our own node does not have that header yet, or an endpoint has another hash there.
        """
        own = await self._app_hash_after(self._own, height)
        answers = await asyncio.gather(
            *(self._app_hash_after(url, height) for url in self._others), return_exceptions=True
        )
        for url, answer in zip(self._others, answers, strict=True):
            if isinstance(answer, str) and answer != own:
                raise BadAnswer(
                    f"{endpoint_name(url)} has app hash {answer} after height {height}, our own node has {own}",
                    next_step="find out which of them runs the wrong release",
                )
            if isinstance(answer, BaseException) and not isinstance(answer, ChainError):
                raise answer
        return own

    async def app_hashes(self, height: int) -> tuple[str, ...]:
        """The app hash after `height`, upper-case hex digits, one per other endpoint that has the next block."""
        answers = await asyncio.gather(*(self._told_app_hash(url, height) for url in self._others))
        return tuple(answer for answer in answers if answer is not None)

    async def consensus_round(self) -> int:
        """Round of the height that is being decided, as our own node sees it.

        Raises:
            ChainError: It does not answer, or not as it should.
        """
        method = self._round_method
        reply = await self._rpc.call(self._own, method, {})
        if reply.error is not None and reply.error.code == _UNKNOWN_METHOD:
            # The small answer is not everywhere; the large one is asked for from the next time on.
            self._round_method = "dump_consensus_state"
        return parse_round(reply.value(f"{method} of {endpoint_name(self._own)}"))

    async def signed_by_us(self, heights: Sequence[int], consensus_address: str) -> frozenset[int] | None:
        """Which of these heights hold a signature of our key, by what any other endpoint shows; see PeerView."""
        wanted = tuple(sorted(set(heights)))[-MOST_SIGNED_HEIGHTS:]
        if not wanted or not consensus_address:
            return None
        answers = await asyncio.gather(*(self._told_signed(url, wanted, consensus_address) for url in self._others))
        told = [answer for answer in answers if answer is not None]
        return frozenset().union(*told) if told else None

    async def close(self) -> None:
        """Close the connections."""
        await self._rpc.close()

    async def _told_app_hash(self, url: str, height: int) -> str | None:
        try:
            return await self._app_hash_after(url, height)
        except ChainError:
            return None

    async def _told_signed(self, url: str, heights: Sequence[int], consensus_address: str) -> frozenset[int] | None:
        where = endpoint_name(url)
        try:
            calls = [*(commit_call(height) for height in heights), *validator_calls(heights[-1])]
            replies = await self._rpc.batch(url, calls)
            validators = parse_validator_set(replies[len(heights) :]).validators
        except ChainError:
            return None
        # That an address is its key's own was looked at when the set was read.
        ours = [entry for entry in validators if entry.consensus_address == consensus_address]
        found: set[int] = set()
        for height, reply in zip(heights, replies, strict=False):
            try:
                commit = self._signed_header(reply, where).commit
            except ChainError:
                continue
            signed = any(is_signed_by(commit, entry, chain_id=self._chain_id) for entry in ours)
            if signed and commit.height == height:
                found.add(height)
        return frozenset(found)

    async def _app_hash_after(self, url: str, height: int) -> str:
        reply = await self._rpc.call(url, "commit", {"height": str(height + 1)})
        signed = self._signed_header(reply, endpoint_name(url))
        if signed.header.height != height + 1:
            raise BadAnswer(f"{endpoint_name(url)} answered height {signed.header.height}, not {height + 1}")
        return signed.header.app_hash

    async def _read_own(self, *, with_validators: bool) -> tuple[Status, tuple[Reply, ...], Block | None]:
        where = endpoint_name(self._own)
        calls: list[Call] = [*overview_calls(), Call("block", {})]
        if with_validators:
            calls.extend(validator_calls())
        replies = await self._rpc.batch(self._own, calls)
        status = self._status(replies[0], where)
        # Before its first block a node has none.
        block = None if status.height == 0 else parse_block(replies[3].value(f"block of {where}"))
        if with_validators:
            self._validators = parse_validator_set(replies[4:])
            self._validators_hash = "" if block is None else block.header.validators_hash
        return status, replies, block

    async def _peer_height(self, url: str) -> int | None:
        try:
            reply = await self._rpc.call(url, "status", {})
            return self._status(reply, endpoint_name(url)).height
        except ChainError:
            return None

    def _status(self, reply: Reply, where: str) -> Status:
        status = parse_status(reply.value(f"status of {where}"))
        if status.chain_id != self._chain_id:
            raise BadAnswer(
                f"{where} belongs to chain {status.chain_id!a}, not to {self._chain_id}",
                next_step="check the URL and chain_id in the settings",
            )
        return status

    def _signed_header(self, reply: Reply, where: str) -> SignedHeader:
        signed = parse_signed_header(reply.value(f"commit of {where}"))
        if signed.header.chain_id != self._chain_id:
            raise BadAnswer(f"{where} gave a commit of another chain")
        return signed


def _comparable(url: str) -> str:
    return url.rstrip("/").lower()
