"""The node: feeds the consensus machine with the network, the clock and the disk, and does what it says.

One asyncio loop, no threads in the consensus. The order at each decided block is CometBFT's (facts/ipc.md §1.5): block
and commit are durable, then handed to the peers, then executed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from .abci import Abci
from .block import EMPTY_COMMIT, Block, Commit, int_field
from .config import NodeConfig
from .consensus import (
    Action,
    Consensus,
    Decide,
    Event,
    InvalidCommit,
    NeedBlock,
    Proposal,
    ProposalSeen,
    SetTimeout,
    SignProposal,
    SignVote,
    Start,
    Step,
    TimeoutFired,
    TimeoutKind,
    Vote,
    VoteSeen,
)
from .errors import ConsensusFailureError, MalformedError, SignerRefusedError
from .execution import execute_block
from .keys import Genesis
from .mempool import Mempool
from .messages import ProposedBlock, log_entry, proposal_message, read_log_entry, read_proposal, read_vote, vote_message
from .p2p import Message, Peer, encode
from .signer_state import Signer
from .store import BlockStore, StoredBlock
from .validation import ChainState, Validation, commit_of
from .wal import ConsensusLog

HAND_OVER_S = 1.0
_MAX_AHEAD = 60


class Node:
    """Consensus, execution and durability of one validator.

    Attributes:
        state: The chain after the last executed block.
        machine: The consensus of the height being worked on.
        height_start: Seconds since 1970 when that height began here.
        blocks: Known blocks of that height by hash.
        listeners: Called after each executed block.
        step_listeners: Called when height, round or step may have changed.
    """

    def __init__(
        self,
        config: NodeConfig,
        genesis: Genesis,
        signer: Signer,
        store: BlockStore,
        app: Abci,
        state: ChainState,
        wal: ConsensusLog,
        mempool: Mempool,
        log: Callable[[str], None],
    ) -> None:
        self.config = config
        self.genesis = genesis
        self.signer = signer
        self.store = store
        self.app = app
        self.state = state
        self.mempool = mempool
        self.validation = Validation(genesis.chain_id)
        self.peers: dict[str, Peer] = {}
        self.machine = self._new_machine()
        self.previous: Consensus | None = None
        self.blocks: dict[str, Block] = {}
        self.height_start = time.time()
        self.progress = 0
        self.committing = False
        self.listeners: list[Callable[[], None]] = []
        self.step_listeners: list[Callable[[], None]] = []
        self._wal = wal
        self._log = log
        self._loop = asyncio.get_running_loop()
        self.failed: asyncio.Future[None] = self._loop.create_future()
        self._queue: deque[Event] = deque()
        self._draining = False
        self._early: dict[int, list[Message]] = {}
        self._ahead: dict[int, Message] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._heights_moved = asyncio.Event()
        self._asked = 0
        self._commit_task: asyncio.Task[None] | None = None

    # The height's life.

    def start(self) -> None:
        """Takes up the height that was worked on when the process ended, from the consensus log."""
        events = self._wal.read(self.machine.height)
        if not events:
            self._enter_height()
            return
        self._wal.resume()
        actions: list[Action] = []
        for entry in events:
            try:
                event = read_log_entry(entry)
            except MalformedError:
                self._log("E a line of the consensus log cannot be read and is left out")
                continue
            actions += self.machine.handle(self._proposal_event(event) if isinstance(event, ProposedBlock) else event)
        for action in actions:
            if isinstance(action, Decide | InvalidCommit) or (
                isinstance(action, SetTimeout) and action.round == self.machine.round
            ):
                self._act(action)
        if not self.machine.decided:
            for action in self.machine.unsigned():
                self._act(action)
        self._drain()
        if self.machine.step is Step.NEW_HEIGHT:
            self._feed(Start())

    def _new_machine(self) -> Consensus:
        return Consensus(self.state.validators, self.signer.key.address, self.state.height + 1)

    def _enter_height(self) -> None:
        self.machine = self._new_machine()
        self.blocks = {}
        self._wal.begin(self.machine.height)
        self.progress += 1
        now = time.time()
        interval = self.config.timeouts.commit
        # The proposer's clock paces the chain, so that work is part of the interval and nobody drifts.
        begins = min(max(now, self.state.time_ns / 1e9 + interval), now + interval)
        if self.state.height == 0:
            begins = now
        self.height_start = begins
        self._stepped()
        height = self.machine.height
        self._timers.append(self._loop.call_later(begins - now, self._begin_rounds, height))
        for message in self._early.pop(height, []):
            try:
                self.consensus_message(message)
            except MalformedError:
                continue
        self._early = {at: messages for at, messages in self._early.items() if at > height}
        self._ahead = {at: message for at, message in self._ahead.items() if at >= height}
        if height in self._ahead:
            try:
                self.block_message(self._ahead.pop(height))
            except MalformedError:
                self._log(f"E a peer sent a block {height} that does not hold; asking another")

    def _begin_rounds(self, height: int) -> None:
        if height == self.machine.height and not self.committing:
            self._feed(Start())

    # Events in.

    def _feed(self, event: Event) -> None:
        self._queue.append(event)
        if not self._draining:
            self._drain()

    def _drain(self) -> None:
        self._draining = True
        try:
            while self._queue:
                event = self._queue.popleft()
                if not self.machine.decided:
                    self._wal.append(log_entry(event, self.blocks))
                    self.progress += 1
                for action in self.machine.handle(event):
                    self._act(action)
                self._stepped()
        except Exception as error:  # The loop would only print it; the node must end with it.
            self.fail(error)
        finally:
            self._draining = False

    def _stepped(self) -> None:
        for listener in self.step_listeners:
            listener()

    def fail(self, error: BaseException) -> None:
        """Ends the node with `error`."""
        if not self.failed.done():
            self.failed.set_exception(error)

    def _proposal_event(self, proposed: ProposedBlock) -> ProposalSeen:
        self.blocks[proposed.block.hash] = proposed.block
        reason = self.validation.block(self.state, proposed.block)
        if reason:
            self._log(f"E prevote step: the proposal is invalid; voting nil err={reason!r}")
        return ProposalSeen(proposed.proposal, not reason)

    def consensus_message(self, message: Message) -> None:
        """A vote or proposal from a peer; one for the next height waits until this one is executed.

        Raises:
            MalformedError: It is malformed or not signed by whom it says.
        """
        height = message.get("height")
        if not isinstance(height, int):
            raise MalformedError("bad height")
        if height == self.machine.height + 1:
            waiting = self._early.setdefault(height, [])
            if len(waiting) < 8 * len(self.state.next_validators.members):
                waiting.append(message)
        elif message.get("t") == "vote" and height in (self.machine.height, self.machine.height - 1):
            self._take_vote(message)
        elif message.get("t") == "proposal" and height == self.machine.height and not self.machine.decided:
            self._take_proposal(message)

    def _take_vote(self, message: Message) -> None:
        vote = read_vote(message)
        late = vote.height != self.machine.height
        machine = self.previous if late else self.machine
        if machine is None or vote.height != machine.height or vote.validator in machine.votes(vote.round, vote.kind):
            return
        if not self.validation.vote(machine.validators, vote):
            raise MalformedError("a vote with a wrong signature")
        if late:
            machine.handle(VoteSeen(vote))
        else:
            self._feed(VoteSeen(vote))

    def _take_proposal(self, message: Message) -> None:
        if int_field(message, "round") in self.machine.proposals:
            return
        proposed = read_proposal(message)
        if not self.validation.proposal(self.machine.validators, proposed.proposal):
            raise MalformedError("a proposal with a wrong signature")
        self._feed(self._proposal_event(proposed))

    def block_message(self, message: Message) -> int:
        """A decided block and its commit from a peer; returns its height.

        Raises:
            MalformedError: It is malformed, or its commit does not hold.
        """
        block, commit = Block.from_json(message.get("block")), Commit.from_json(message.get("commit"))
        height = block.header.height
        if height <= self.store.height or self.failed.done():
            return height
        if self.committing or height != self.machine.height:
            if height <= self.store.height + _MAX_AHEAD:
                self._ahead[height] = message
            return height
        if not self.validation.commit(self.state.validators, commit, height, block.hash):
            raise MalformedError("a commit that does not hold")
        self._commit(block, commit)
        return height

    # Actions out.

    def _act(self, action: Action) -> None:
        match action:
            case SetTimeout(kind, round_):
                self._schedule(kind, round_)
            case SignVote():
                self._sign_vote(action)
            case SignProposal():
                self._propose(action)
            case Decide(_, block_hash):
                self._commit(self.blocks[block_hash], commit_of(self.machine))
            case InvalidCommit(_, block_hash):
                reason = self.validation.block(self.state, self.blocks[block_hash])
                self.fail(ConsensusFailureError(reason, self.machine.height))
            case NeedBlock():
                self.request_blocks()

    def _schedule(self, kind: TimeoutKind, round_: int) -> None:
        times = self.config.timeouts
        base, delta = {
            TimeoutKind.PROPOSE: (times.propose, times.propose_delta),
            TimeoutKind.PREVOTE: (times.prevote, times.prevote_delta),
            TimeoutKind.PRECOMMIT: (times.precommit, times.precommit_delta),
        }[kind]
        after = base + delta * round_
        self._timers.append(self._loop.call_later(after, self._timed_out, self.machine.height, kind, round_))

    def _timed_out(self, height: int, kind: TimeoutKind, round_: int) -> None:
        if height == self.machine.height and round_ == self.machine.round and not self.committing:
            self._feed(TimeoutFired(kind, round_))

    def _sign_vote(self, action: SignVote) -> None:
        if self.machine.validators.power(self.signer.key.address) == 0:
            # A full node follows and says nothing.
            return
        height = self.machine.height
        # A restart must come to this same choice again, also after a power cut, or it would be refused for ever.
        self._wal.sync()
        try:
            signed = self.signer.vote(action.kind, height, action.round, action.block_hash, time.time_ns())
        except SignerRefusedError as error:
            self._log(f"I no vote is signed: {error}")
            return
        vote = Vote(
            action.kind,
            height,
            action.round,
            action.block_hash,
            self.signer.key.address,
            signed.time_ns,
            signed.signature,
        )
        self.broadcast(vote_message(vote))
        self._queue.append(VoteSeen(vote))

    def _propose(self, action: SignProposal) -> None:
        block = self.blocks[action.block_hash] if action.block_hash else self._new_block()
        height, time_ns = self.machine.height, time.time_ns()
        try:
            signed = self.signer.proposal(height, action.round, action.pol_round, block.hash, time_ns)
        except SignerRefusedError as error:
            self._log(f"I no proposal is signed: {error}")
            return
        self.blocks[block.hash] = block
        proposal = Proposal(
            height,
            action.round,
            block.hash,
            action.pol_round,
            self.signer.key.address,
            signed.time_ns,
            signed.signature,
        )
        self.broadcast(proposal_message(ProposedBlock(proposal, block)))
        self._queue.append(ProposalSeen(proposal, True))

    def _new_block(self) -> Block:
        txs = tuple(tx.raw for tx in self.mempool.reap())
        return self.validation.make_block(self.state, self.last_commit(), txs, self.signer.key.address, time.time_ns())

    def last_commit(self) -> Commit:
        """The commit of the last executed block with every precommit that came since."""
        if self.previous is not None and self.previous.decided == self.state.block_hash != "":
            return commit_of(self.previous)
        stored = self.store.load(self.state.height)
        return stored.commit if stored is not None else EMPTY_COMMIT

    def broadcast(self, message: Message) -> None:
        """Sends to every peer."""
        if self.peers:
            frame = encode(message)
            for peer in list(self.peers.values()):
                peer.send(frame)

    # Deciding.

    def _commit(self, block: Block, commit: Commit) -> None:
        if self.committing or self.failed.done():
            return
        self.committing = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._commit_task = self._loop.create_task(self._finalize(block, commit))
        self._commit_task.add_done_callback(self._finalized)

    def _finalized(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _finalize(self, block: Block, commit: Commit) -> None:
        height = block.header.height
        reason = self.validation.block(self.state, block)
        if reason:
            raise ConsensusFailureError(reason, height)
        self.store.save(StoredBlock(block, commit))
        self.progress += 1
        self._hand_over(block, commit)
        if height == self.config.halt_height:
            # Without this the last validator to decide would never learn of H: everyone else is gone.
            await self._handed_over(height)
        self.state = await execute_block(self.app, self.store.validators, self.state, block)
        self._log(f"I executed block height={height} app_hash={self.state.app_hash} txs={len(block.txs)}")
        self.previous = self.machine
        self.mempool.drop(block.txs)
        self.committing = False
        self._enter_height()
        for listener in self.listeners:
            listener()
        if height not in self._ahead:
            self.request_blocks()

    def _hand_over(self, block: Block, commit: Commit) -> None:
        height = block.header.height
        have = encode({"t": "have", "height": height})
        whole: bytes | None = None
        for peer in list(self.peers.values()):
            if peer.height >= height:
                peer.send(have)
                continue
            if whole is None:
                whole = encode({"t": "block", "block": block.to_json(), "commit": commit.to_json()})
            peer.send(whole)

    async def _handed_over(self, height: int) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_S):
                while any(peer.height < height for peer in self.peers.values()):
                    self._heights_moved.clear()
                    await self._heights_moved.wait()
        except TimeoutError:
            self._log(f"I not every peer acknowledged block {height} within {HAND_OVER_S} s")

    # Peers' heights.

    def peer_has(self, peer: Peer, height: int) -> None:
        """Learns that `peer` has stored blocks up to `height`."""
        if height > peer.height:
            peer.height = height
        self._heights_moved.set()

    def peer_gone(self) -> None:
        """A peer's connection ended."""
        self._heights_moved.set()

    def request_blocks(self) -> None:
        """Asks one of the peers that have them for the blocks that are missing here; another one each time."""
        first = self.store.height + 1
        having = [peer for peer in self.peers.values() if peer.height >= first]
        if not having or self.committing or self.failed.done() or first in self._ahead:
            return
        self._asked += 1
        asked = having[self._asked % len(having)]
        asked.send(encode({"t": "get", "from": first, "to": min(asked.height, first + 49)}))

    @property
    def catching_up(self) -> bool:
        """True when a peer is more than one block ahead."""
        return any(peer.height > self.store.height + 1 for peer in self.peers.values())
