"""One node's CometBFT RPC as it was last seen: asked at most once a second, by one request, and kept with its age."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from console.chain.cometbft import (
    AppInfo,
    Header,
    Status,
    ValidatorSet,
    commit_call,
    overview_calls,
    parse_abci_info,
    parse_net_info,
    parse_signed_header,
    parse_status,
    parse_validator_set,
    validator_calls,
)
from console.chain.round_votes import LARGE, SMALL, parse_round_votes
from console.chain.rpc import Call, JsonRpc, Reply, endpoint_name
from console.errors import BadAnswer, ChainError
from console.model import NodeHeight, RoundVotes
from console.text import UntrustedText

INTERVAL_S = 1.0
"""Seconds between two requests to one node, at least."""


class CometNode:
    """What is known of one node of the network.

    Args:
        rpc: The client.
        url: Its CometBFT RPC.
        chain_id: The chain it must belong to.
        clock: Monotonic seconds.
        name: What the settings call it, if anything.
    """

    def __init__(self, rpc: JsonRpc, url: str, chain_id: str, clock: Callable[[], float], name: str = "") -> None:
        self.url = url
        self.status: Status | None = None
        """Newest answer, kept when the node is down."""
        self.failure: ChainError | None = None
        """Why the newest request failed, None when it did not."""
        self.validators: ValidatorSet | None = None
        """Filled by a request that asked for it."""
        self.validators_problem: ChainError | None = None
        self.headers: tuple[Header, ...] = ()
        """From the newest request that asked for some."""
        self.votes: RoundVotes | None = None
        """From the newest request, where it asked for them and they were told."""
        self.answer_s: float | None = None
        """Seconds that the newest answer took."""
        self._name = UntrustedText(name)
        self._rpc = rpc
        self._chain_id = chain_id
        self._clock = clock
        self._app: AppInfo | None = None
        self._peers = 0
        self._votes_method = SMALL
        self._made_at = clock()
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def reachable(self) -> bool:
        """Whether the newest request was answered as it should be."""
        return self.status is not None and self.failure is None

    @property
    def app_height(self) -> int:
        """Last height that its application executed, as it said last; 0 before."""
        return 0 if self._app is None else self._app.height

    @property
    def trusted_to_answer(self) -> bool:
        """Whether it is worth waiting for: never asked, or answered the last time."""
        return self.failure is None

    @property
    def age_s(self) -> float | None:
        """Seconds since its newest answer, None when there was none."""
        return None if self._answered_at is None else max(0.0, self._clock() - self._answered_at)

    def ask(
        self, *, validators: bool = False, votes: bool = False, headers: Sequence[int] = ()
    ) -> asyncio.Task[None] | None:
        """Start one request unless one is under way or the last is younger than `INTERVAL_S`.

        Args:
            validators: Also read the validator set.
            votes: Also read the votes on the height that is being decided.
            headers: Heights whose headers are also read.

        Returns:
            The request under way; its outcome is in this object's fields. None when nothing is asked now.
        """
        if self._task is not None:
            if not self._task.done():
                return self._task
            # A mistake of ours must not vanish with its task.
            self._task.result()
            self._task = None
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at < INTERVAL_S:
            return None
        self._asked_at = now
        self._task = asyncio.create_task(self._ask(validators, votes, tuple(headers)))
        return self._task

    async def close(self) -> None:
        """Give up the request under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def moniker(self) -> UntrustedText:
        """What it calls itself; before its first answer what the settings call it, empty where they name it nothing."""
        return self._name if self.status is None else self.status.moniker

    def view(self) -> NodeHeight:
        """The node as a value for the screen, with the age of what it says."""
        status, app = self.status, self._app
        age = self.age_s
        return NodeHeight(
            url=self.url,
            moniker=self.moniker,
            consensus_address="" if status is None else status.consensus_address,
            version=UntrustedText("") if app is None else app.version,
            height=0 if status is None else status.height,
            app_height=self.app_height,
            peers=self._peers,
            age_s=self._clock() - self._made_at if age is None else age,
            reachable=self.reachable,
        )

    async def look_at_votes(self) -> None:
        """Read the votes on the height that is being decided, now: `votes` is what they are, None where it fails."""
        self.votes = None
        for _ in (SMALL, LARGE):
            try:
                (reply,) = await self._rpc.batch(self.url, [Call(self._votes_method, {})])
            except ChainError:
                return
            self.votes = self._read_votes(reply)
            if reply.error is None:
                return

    async def _ask(self, validators: bool, votes: bool, headers: tuple[int, ...]) -> None:
        calls = [*overview_calls()]
        extra = len(calls)
        if validators:
            calls.extend(validator_calls())
        first_header = len(calls)
        calls.extend(commit_call(height) for height in headers)
        if votes:
            calls.append(Call(self._votes_method, {}))
        try:
            replies = list(await self._rpc.batch(self.url, calls))
            self.answer_s = self._clock() - (self._asked_at or 0.0)
            self._take_overview(replies[:extra])
        except ChainError as error:
            self.failure, self.votes = error, None
            return
        self.failure = None
        self.votes = self._read_votes(replies.pop()) if votes else None
        if validators:
            self._take_validators(replies[extra:first_header])
        self._take_headers(replies[first_header:], headers)

    def _take_overview(self, replies: Sequence[Reply]) -> None:
        where = endpoint_name(self.url)
        status = parse_status(replies[0].value(f"status of {where}"))
        if status.chain_id != self._chain_id:
            raise BadAnswer(
                f"{where} belongs to chain {status.chain_id!a}, not to {self._chain_id}",
                next_step="check the URL and chain_id in the settings",
            )
        app = parse_abci_info(replies[1].value(f"abci_info of {where}"))
        peers = parse_net_info(replies[2].value(f"net_info of {where}"))
        # Only a whole answer replaces the one before.
        self.status, self._app, self._peers = status, app, peers
        self._answered_at = self._clock()

    def _read_votes(self, reply: Reply) -> RoundVotes | None:
        if reply.error is not None:
            # The small answer is not everywhere; some nodes give neither.
            self._votes_method = LARGE if self._votes_method == SMALL else SMALL
            return None
        try:
            return parse_round_votes(reply.result)
        except BadAnswer:
            # What else this node says is no worse for it.
            return None

    def _take_validators(self, replies: Sequence[Reply]) -> None:
        try:
            self.validators = parse_validator_set(replies)
            self.validators_problem = None
        except ChainError as error:
            self.validators_problem = error

    def _take_headers(self, replies: Sequence[Reply], heights: Sequence[int]) -> None:
        found: list[Header] = []
        for reply, height in zip(replies, heights, strict=True):
            # A node may have pruned the height: fewer headers are then known, nothing more.
            if reply.error is not None:
                continue
            try:
                header = parse_signed_header(reply.result).header
            except BadAnswer:
                continue
            if header.height == height and header.chain_id == self._chain_id:
                found.append(header)
        self.headers = tuple(found)
