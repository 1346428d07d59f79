"""Is our key used elsewhere? Our signature on a height that this node cannot have signed (DESIGN §4.1).

A signer writes the height into its state file before a signature leaves it, so a signature on a higher one than the
file says is another signer's, whenever it was made. With a remote signer there is no such file: there only heights
that others decided after this node was down for a while are looked at, and since that signer may well serve another
node too, the operator is called and nothing is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from console.errors import ChainError
from console.node.journal import Journal
from console.node.shape import NodeShape
from console.node.signer_guard import SignerStateError, read_hrs
from console.ports.chain import MOST_SIGNED_HEIGHTS, ConsensusReading, PeerView

DOWN_S = 10.0
"""Seconds down after which a start is preceded by a look at what others have: no halt of an upgrade is held up."""

LOOK_S = 3.0
"""Seconds that the look before a start may take; whom nobody answers is started."""

OWN_ADDRESS = "consensus_address"
"""The journal's fact on the key that the node signs with: 40 upper-case hex digits."""
REMEDY = "stop the other signer for good and put its priv_validator_state.json here, then start this node again"
"""What the operator does about it."""


class KeyElsewhere(SignerStateError):
    """Our key signed while this node did not run; the node must not be started by any automation."""


def not_ours_from(*, signed: int | None, last: int | None, decided_while_down: int | None) -> int | None:
    """The first height on which a signature of our key cannot be this node's, None when that cannot be told.

    Args:
        signed: Height in the live signer state file, None with a remote signer.
        last: Newest height that was read from the node and journalled; the node may have voted on the next one.
        decided_while_down: Height of the network when this node had been down for `DOWN_S`, None before. The commit of
            the height after it may hold a vote from before.
    """
    if signed is not None:
        return max(signed, 0 if last is None else last + 1) + 1
    return None if decided_while_down is None else max(decided_while_down, 0 if last is None else last) + 2


def heights_to_ask(first: int | None, newest: int | None, most: int = MOST_SIGNED_HEIGHTS) -> tuple[int, ...]:
    """At most `most` heights from `first` to `newest`, spread evenly, the newest always among them."""
    if first is None or newest is None or newest < first:
        return ()
    count = min(most, newest - first + 1)
    if count == 1:
        return (newest,)
    return tuple(first + (newest - first) * step // (count - 1) for step in range(count))


class KeyWatch:
    """Looks for our signature where this node cannot have made it.

    Args:
        journal: What the node was last seen to have, and its consensus address.
        shape: Where its signer state is.
        now: Unix seconds.
    """

    def __init__(self, journal: Journal, shape: NodeShape, now: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._shape = shape
        self._now = now
        self._decided_while_down: int | None = None
        self._elsewhere = 0
        """Highest height that was signed elsewhere; 0 for none."""
        self.found = ""
        """Why this node must not be started; empty while nothing speaks against it."""
        self.suspicion = ""
        """The same where the signer is remote: a reason to call the operator, not to refuse."""

    def learn(self, consensus: ConsensusReading | None) -> None:
        """Keep the address of the key that the running node signs with. Raises JournalError."""
        if consensus is None:
            return
        self._decided_while_down = None
        self.suspicion = ""
        address = consensus.own_consensus_address
        if address and address != self._journal.meta(OWN_ADDRESS):
            self._journal.set_meta(OWN_ADDRESS, address)

    async def before_start(self, peers: PeerView) -> None:
        """Look once more before a start after a downtime.

        Raises:
            KeyElsewhere: The key is used elsewhere.
            JournalError: It was found and could not be journalled.
        """
        if self._down_s < DOWN_S and not self.found:
            return
        with suppress(TimeoutError, ChainError):
            # An endpoint that is silent proves nothing, and everybody is down at a halt.
            async with asyncio.timeout(LOOK_S):
                await self.look(peers, await peers.highest_peer())
        first = self._first(remote=bool(self._shape.remote_signer()))
        if first is not None and self._elsewhere < first:
            # The other signer's state was put here.
            self.found = ""
        if self.found:
            raise KeyElsewhere(
                self.found,
                safe="the node was not started, because it could sign a height twice",
                next_step=REMEDY,
            )

    async def look(self, peers: PeerView, newest: int | None) -> None:
        """Look at what others decided while this node is down.

        Args:
            peers: Whom to ask.
            newest: Highest height of any other endpoint.
        """
        address = self._journal.meta(OWN_ADDRESS) or ""
        if newest is None or not address:
            return
        remote = bool(self._shape.remote_signer())
        if remote and self._decided_while_down is None:
            if self._down_s >= DOWN_S:
                self._decided_while_down = newest
            return
        heights = heights_to_ask(self._first(remote=remote), newest)
        if not heights:
            return
        signed = await peers.signed_by_us(heights, address)
        if not signed:
            return
        sentence = f"the key of this validator signed height {max(signed)}, which was decided without this node"
        if remote:
            self.suspicion = f"{sentence}: its remote signer serves another node, or the key is used elsewhere"
            return
        self._elsewhere = max(self._elsewhere, *signed)
        if not self.found:
            self.found = f"{sentence}: the key is used elsewhere"
            self._journal.record("key-elsewhere", heights=sorted(signed))

    def _first(self, *, remote: bool) -> int | None:
        observation = self._journal.observation
        try:
            signed = None if remote else read_hrs(self._shape.signer_state())[0]
        except SignerStateError:
            # The guard of each start says so.
            return None
        return not_ours_from(
            signed=signed,
            last=None if observation is None else observation.height,
            decided_while_down=self._decided_while_down,
        )

    @property
    def _down_s(self) -> float:
        """Seconds since the last run ended; for ever where no run or no end is known, or the clock was set back."""
        run = next(iter(self._journal.runs(1)), None)
        if run is None or run.ended_at is None or run.ended_at > self._now():
            return float("inf")
        return self._now() - run.ended_at
