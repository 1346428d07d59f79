"""What peers tell each other: votes and proposals at once, round states when nothing moves, blocks on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .block import int_field
from .consensus import Step
from .errors import MalformedError
from .messages import ProposedBlock, proposal_message, vote_message
from .node import Node
from .p2p import Hello, Message, Network, Peer, encode
from .votes import VoteType

TICK_S = 0.2
_ROUNDS_TOLD = 6
_MAX_ROUNDS = 4 * _ROUNDS_TOLD
_MAX_SERVED = 50
_MAX_SERVED_BYTES = 2 * 1024 * 1024


class Gossip:
    """Connects a node to its peers.

    Args:
        node: Whose consensus is fed.
        identity: The node's hello without its height.
        on_tx: A transaction came from a peer.
    """

    def __init__(self, node: Node, identity: Hello, on_tx: Callable[[Peer, Message], None]) -> None:
        self._node = node
        self._identity = identity
        self._on_tx = on_tx
        self._seen_progress = -1
        self._quiet_ticks = 0
        self.network = Network(
            node.config.p2p, node.config.peers, self._hello, self._peer_came, self._message, self._peer_gone
        )
        node.peers = self.network.peers

    async def run(self) -> None:
        """Tells the round state whenever nothing has moved since the last tick, and once a second anyhow."""
        while True:
            await asyncio.sleep(TICK_S)
            node = self._node
            moved, self._seen_progress = node.progress != self._seen_progress, node.progress
            self._quiet_ticks += 1
            waiting = node.machine.step is Step.NEW_HEIGHT
            if (not moved and not waiting) or self._quiet_ticks >= 5:
                self._quiet_ticks = 0
                self.network.broadcast(self._state())
            node.request_blocks()

    def _hello(self) -> Hello:
        own = self._identity
        return Hello(own.chain_id, own.address, own.node_id, own.moniker, own.version, self._node.store.height)

    def _peer_came(self, peer: Peer) -> None:
        self._node.peer_has(peer, peer.height)
        peer.send(encode(self._state()))
        self._node.request_blocks()

    def _peer_gone(self, peer: Peer) -> None:
        self._node.peer_gone()

    def _message(self, peer: Peer, message: Message) -> None:
        match message.get("t"):
            case "vote" | "proposal":
                self._note_round(peer, message)
                self._node.consensus_message(message)
            case "block":
                height = self._node.block_message(message)
                self._node.peer_has(peer, height)
                if height <= self._node.store.height:
                    peer.send(encode({"t": "have", "height": height}))
            case "have":
                self._node.peer_has(peer, int_field(message, "height"))
            case "state":
                self._state_came(peer, message)
            case "get":
                self._serve(peer, message)
            case "tx":
                self._on_tx(peer, message)
            case _:
                raise MalformedError("unknown message")

    def _note_round(self, peer: Peer, message: Message) -> None:
        height, round_ = int_field(message, "height", 1), int_field(message, "round")
        self._node.peer_has(peer, height - 1)
        if message.get("address") == peer.hello.address:
            step = {1: Step.PREVOTE, 2: Step.PRECOMMIT}.get(int_field(message, "kind") if "kind" in message else 0)
            peer.round_state = max(peer.round_state, (height, round_, int(step or Step.PROPOSE)))

    def _state(self) -> Message:
        machine = self._node.machine
        return {
            "t": "state",
            "stored": self._node.store.height,
            "height": machine.height,
            "round": machine.round,
            "step": int(machine.step),
            "proposals": sorted(machine.proposals),
            "votes": {
                str(round_): [self._bits(round_, VoteType.PREVOTE), self._bits(round_, VoteType.PRECOMMIT)]
                for round_ in self._rounds()
            },
        }

    def _rounds(self) -> list[int]:
        # The latest rounds, and those whose polka a proposal may rest on, however old.
        machine = self._node.machine
        latest = machine.rounds()[-_ROUNDS_TOLD:]
        polkas = {
            machine.valid_round,
            *(machine.proposals[each].pol_round for each in latest if each in machine.proposals),
        }
        return sorted({*latest, *(each for each in polkas if each >= 0)})

    def _bits(self, round_: int, kind: VoteType) -> str:
        votes = self._node.machine.votes(round_, kind)
        return "".join("x" if each.address in votes else "_" for each in self._node.machine.validators.members)

    def _state_came(self, peer: Peer, message: Message) -> None:
        height, round_, step = (int_field(message, key) for key in ("height", "round", "step"))
        votes, proposals = message.get("votes"), message.get("proposals")
        if not isinstance(votes, dict) or not isinstance(proposals, list):
            raise MalformedError("bad state")
        self._node.peer_has(peer, int_field(message, "stored"))
        peer.round_state = (height, round_, step)
        peer.bits = {}
        for key, pair in list(votes.items())[:_MAX_ROUNDS]:
            if not key.isdigit() or not isinstance(pair, list) or len(pair) != 2:
                raise MalformedError("bad votes")
            peer.bits[int(key[:9])] = (str(pair[0])[:1000], str(pair[1])[:1000])
        if height == self._node.machine.height:
            self._fill_gaps(peer, {each for each in proposals if isinstance(each, int)})
        elif peer.height < self._node.store.height and not self._node.committing:
            peer.send(encode(self._state()))

    def _fill_gaps(self, peer: Peer, proposals: set[int]) -> None:
        machine = self._node.machine
        members = machine.validators.members
        for round_ in self._rounds():
            proposal = machine.proposals.get(round_)
            if proposal is not None and round_ not in proposals:
                block = self._node.blocks[proposal.block_hash]
                peer.send(encode(proposal_message(ProposedBlock(proposal, block))))
            for kind in VoteType:
                known = peer.bits.get(round_, ("", ""))[kind - 1]
                votes = machine.votes(round_, kind)
                for index, member in enumerate(members):
                    vote = votes.get(member.address)
                    if vote is not None and known[index : index + 1] != "x":
                        peer.send(encode(vote_message(vote)))

    def _serve(self, peer: Peer, message: Message) -> None:
        first, last = int_field(message, "from", 1), int_field(message, "to", 1)
        sent = 0
        for height in range(first, min(last, first + _MAX_SERVED - 1, self._node.store.height) + 1):
            stored = self._node.store.load(height)
            if stored is None or sent > _MAX_SERVED_BYTES:
                return
            frame = encode({"t": "block", "block": stored.block.to_json(), "commit": stored.commit.to_json()})
            sent += len(frame)
            peer.send(frame)
