"""Endpoints held against each other: our own synced node is binding, others have to agree (DESIGN §7).

A state is only compared where two endpoints speak of one height. A lagging, pruned or silent endpoint contradicts
nobody. Signing and execution stop on a contradiction; what a controller has armed for by its own node goes on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from console.chain.cometbft import parse_status
from console.chain.plans import OtherChain, RegistryReader, RegistryReading
from console.chain.registry import NoRegistry
from console.chain.rpc import Call, JsonRpc, endpoint_name
from console.errors import ChainError, EndpointDown
from console.model import Agreement, AgreementState
from console.settings import NetworkSettings

CONTRADICTIONS = 3
"""How often in a row two endpoints have to contradict each other, each asked anew. Fendermint tells a height a moment
before or after it shows that height's state, so a single contradiction may be an honest one."""

KEPT_HEIGHTS = 32
"""Heights that are remembered of each endpoint."""

ROUNDS = 6
"""How often the endpoints are asked before a signature, until two have spoken of one height."""

ROUND_S = 0.5
"""Seconds between two rounds."""

LAG_BLOCKS = 2
"""An own node further behind than this is not synced."""

PROPOSALS = 16

_Kept = TypeVar("_Kept")
Rows = tuple[object, ...]
"""What is compared: proposals, readiness, membership; of x/upgrade the proposals and the plan."""


class EndpointsDisagree(ChainError):
    """Endpoints contradict each other, or nothing was cross-checked where it has to be; nothing was signed."""


@dataclass(slots=True)
class _Pair:
    contradicted: int = 0
    """In a row."""
    agreed_at: int = 0
    sentence: str = ""
    """Of the newest contradiction."""
    counted: tuple[int, int] = (0, 0)
    """Which answers of both were counted last: an answer is held against one other only once."""


class Witnesses:
    """Collects what endpoints say, and decides. No I/O.

    Args:
        required: Whether what is not cross-checked blocks, too.
    """

    def __init__(self, *, required: bool = False) -> None:
        self._required = required
        self._states: dict[str, OrderedDict[int, Rows]] = {}
        self._blocks: dict[str, OrderedDict[int, str]] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._forks: dict[tuple[str, str], str] = {}
        self._foreign: dict[str, str] = {}
        self._answers: dict[str, int] = {}

    def heard_state(self, endpoint: str, height: int, rows: Rows) -> None:
        """An endpoint told the registry's rows of a height, with no block between its answers.

        Args:
            endpoint: Its name as it is shown.
            height: Committed height.
            rows: Proposals, readiness, membership.
        """
        self._foreign.pop(endpoint, None)
        self._answers[endpoint] = self._answers.get(endpoint, 0) + 1
        _keep(self._states.setdefault(endpoint, OrderedDict()), height, rows)
        for other, states in self._states.items():
            if other == endpoint or height not in states:
                continue
            first, second = _key(endpoint, other)
            pair = self._pairs.setdefault((first, second), _Pair())
            answers = self._answers[first], self._answers[second]
            if states[height] == rows:
                pair.contradicted, pair.agreed_at = 0, max(pair.agreed_at, height)
            elif answers[0] > pair.counted[0] and answers[1] > pair.counted[1]:
                pair.contradicted, pair.counted = pair.contradicted + 1, answers
                pair.sentence = (
                    f"{first} and {second} contradict each other about {_difference(rows, states[height])}"
                    f" at height {height}"
                )

    def heard_block(self, endpoint: str, height: int, block_hash: str) -> None:
        """A CometBFT endpoint told the hash of a block. That is final: one contradiction is one too many."""
        mine = self._blocks.setdefault(endpoint, OrderedDict())
        if height in mine or not block_hash:
            return
        _keep(mine, height, block_hash)
        for other, blocks in self._blocks.items():
            if other != endpoint and height in blocks:
                first, second = _key(endpoint, other)
                if blocks[height] == block_hash:
                    self._forks.pop((first, second), None)
                else:
                    self._forks[first, second] = f"{first} and {second} have different blocks at height {height}"

    def heard_foreign(self, endpoint: str, why: str) -> None:
        """An endpoint belongs to another chain, or has no registry: it speaks of something else.

        Args:
            endpoint: Its name.
            why: Words that follow its name.
        """
        self._foreign[endpoint] = why
        self._states.pop(endpoint, None)

    @property
    def doubtful(self) -> bool:
        """Whether a contradiction was heard that has not been cleared up."""
        return any(pair.contradicted for pair in self._pairs.values())

    def agreement(self, own: str = "", *, patient: bool = True) -> Agreement:
        """What is decided from all that was heard.

        Args:
            own: Name of our own node when it is synced and answers; empty when it is not.
            patient: Whether a contradiction may still turn out to be a matter of a moment.
        """
        if own:
            return self._told(AgreementState.OWN, f"our own node {own} is synced, and its word is binding")
        for sentence in self._forks.values():
            return self._told(AgreementState.DISAGREED, sentence)
        for pair in self._pairs.values():
            if pair.contradicted >= (CONTRADICTIONS if patient else 1):
                return self._told(AgreementState.DISAGREED, pair.sentence)
        speaking = [name for name, states in self._states.items() if states]
        if self._foreign and speaking:
            name, why = next(iter(self._foreign.items()))
            return self._told(AgreementState.DISAGREED, f"{name} {why}, and {speaking[0]} says otherwise")
        agreed = [(names, pair.agreed_at) for names, pair in self._pairs.items() if pair.agreed_at]
        newest = max((max(states) for states in self._states.values() if states), default=0)
        recent = [(names, at) for names, at in agreed if at + KEPT_HEIGHTS > newest]
        if recent:
            count = len({name for names, _ in recent for name in names})
            return self._told(AgreementState.AGREED, f"{count} endpoints agree, last at height {max(recent)[1]}")
        if len(speaking) < 2:
            who = f"only {speaking[0]} has told its state" if speaking else "no endpoint has told its whole state yet"
            return self._told(AgreementState.UNCHECKED, f"not cross-checked: {who}")
        return self._told(
            AgreementState.UNCHECKED,
            f"not cross-checked: {speaking[0]} and {speaking[1]} have not spoken of one height yet",
        )

    def _told(self, state: AgreementState, sentence: str) -> Agreement:
        return Agreement(state, sentence, self._required)


def rows_of(reading: RegistryReading) -> Rows:
    """What of a reading is compared."""
    return (reading.proposals, reading.readiness, reading.members)


def hear(witnesses: Witnesses, url: str, answer: RegistryReading | ChainError) -> None:
    """Tell the witnesses what one endpoint answered; silence and nonsense are no witness."""
    where = endpoint_name(url)
    if isinstance(answer, RegistryReading):
        if answer.steady:
            witnesses.heard_state(where, answer.height, rows_of(answer))
    elif isinstance(answer, OtherChain):
        witnesses.heard_foreign(where, f"belongs to chain {answer.chain_id}")
    elif isinstance(answer, NoRegistry):
        witnesses.heard_foreign(where, "has no contract at the registry's address")


async def agreement_of(network: NetworkSettings, *, rounds: int = ROUNDS, round_s: float = ROUND_S) -> Agreement:
    """Ask the network's endpoints now: before a signature or an execution.

    Args:
        network: The network; the nodes of its settings are our own.
        rounds: How often the endpoints are asked until two have spoken of one height.
        round_s: Seconds between two rounds.

    Raises:
        EndpointDown: No Ethereum endpoint answers.
    """
    async with JsonRpc(tokens=network.tokens) as rpc:
        own_urls = tuple(dict.fromkeys(node.ethereum_rpc for node in network.nodes if node.ethereum_rpc))
        urls = tuple(dict.fromkeys((*own_urls, *network.ethereum_rpc)))
        readers = {url: RegistryReader(rpc, network, page=PROPOSALS) for url in urls}
        witnesses = Witnesses(required=network.require_agreement)
        for turn in range(rounds):
            if turn:
                await asyncio.sleep(round_s)
            answers = await asyncio.gather(*(_read(readers[url], url) for url in urls))
            heights = {
                url: answer.height
                for url, answer in zip(urls, answers, strict=True)
                if isinstance(answer, RegistryReading)
            }
            own = await _synced(rpc, network, heights)
            for url, answer in zip(urls, answers, strict=True):
                hear(witnesses, url, answer)
            found = witnesses.agreement(own)
            if not heights and all(isinstance(answer, EndpointDown) for answer in answers):
                assert isinstance(answers[0], ChainError)
                raise answers[0]
            settled = found.state is not AgreementState.UNCHECKED and not witnesses.doubtful
            if len(heights) < 2 or settled or found.state in {AgreementState.OWN, AgreementState.DISAGREED}:
                return found
        return witnesses.agreement(patient=False)


async def require_agreement(network: NetworkSettings) -> Agreement:
    """The agreement, where it does not block.

    Raises:
        EndpointsDisagree: It blocks; nothing was signed.
        EndpointDown: No Ethereum endpoint answers.
    """
    found = await agreement_of(network)
    if found.blocks:
        raise refusal_of(found)
    return found


def refusal_of(found: Agreement) -> EndpointsDisagree:
    """The error for an agreement that blocks."""
    return EndpointsDisagree(
        found.sentence,
        safe="nothing was signed",
        next_step="find out which endpoint is right, and take the other out of the settings",
    )


async def _read(reader: RegistryReader, url: str) -> RegistryReading | ChainError:
    try:
        return await reader.read(url)
    except ChainError as error:
        return error


async def _synced(rpc: JsonRpc, network: NetworkSettings, heights: dict[str, int]) -> str:
    """Name of an own node that answers, is not behind, and says that it is not catching up; empty for none."""
    best = max(heights.values(), default=0)
    for node in network.nodes:
        height = heights.get(node.ethereum_rpc)
        if height is None or height + LAG_BLOCKS < best:
            continue
        try:
            (reply,) = await rpc.batch(node.cometbft_rpc, [Call("status", {})])
            status = parse_status(reply.value("status"))
        except ChainError:
            continue
        if not status.catching_up and status.chain_id == network.chain_id:
            return node.name
    return ""


def _key(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _keep(kept: OrderedDict[int, _Kept], height: int, value: _Kept) -> None:
    kept[height] = value
    while len(kept) > KEPT_HEIGHTS:
        kept.popitem(last=False)


def _difference(one: Rows, other: Rows) -> str:
    """What is told differently, in words."""
    names = ("the proposals", "the readiness of validators", "the membership", "the upgrade plan")
    for name, mine, theirs in zip(names, one, other, strict=False):
        if mine == theirs:
            continue
        if name == names[0] and isinstance(mine, Sequence) and isinstance(theirs, Sequence):
            theirs_by_id = {getattr(entry, "id", None): entry for entry in theirs}
            for entry in mine:
                number = getattr(entry, "id", None)
                if number is not None and theirs_by_id.get(number, entry) != entry:
                    return f"proposal {number}"
        return name
    return "the registry"
