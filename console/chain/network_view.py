"""What the screen's readers of either kind of chain have in common: whom they ask, what they keep, what they tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from console.chain.agreement import Witnesses
from console.chain.comet_network import CometNetwork
from console.chain.first_answer import telling
from console.chain.rpc import JsonRpc
from console.errors import ChainError, EndpointDown
from console.model import ChainView, Proposal, Validator
from console.settings import NetworkSettings
from console.text import duration, untrusted


class Told(Protocol):
    """What one endpoint told of plans."""

    @property
    def height(self) -> int:
        """The committed height that it holds for."""
        ...


T = TypeVar("T", bound=Told)


class NetworkView(Generic[T]):
    """The base of what reads a network's plans from one endpoint, and its nodes by CometBFT.

    Args:
        network: Where its endpoints are.
        clock: Monotonic seconds, for ages and the limit of one request per second.
        wall: Unix seconds, for the age of the first block that is seen.
    """

    def __init__(self, network: NetworkSettings, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._network = network
        self._clock = clock
        self._rpc = JsonRpc(clock=clock, tokens=network.tokens)
        self._witnesses = Witnesses(required=network.require_agreement)
        self._comet = CometNetwork(self._rpc, network, self._witnesses, clock=clock, wall=wall)
        self._preferred = 0
        """Of the endpoints, the one that is asked first."""
        self._newest: T | None = None
        self._newest_at = 0.0
        self._failure: ChainError | None = None
        """Why plans could not be read the last time."""

    async def _ask_in_turn(
        self,
        count: int,
        ask: Callable[[Sequence[int]], Awaitable[list[T | ChainError]]],
        final: tuple[type[ChainError], ...] = (),
    ) -> tuple[int, T] | None:
        """What the preferred endpoint tells; where it fails, the newest that any other one does; None where none does.

        Args:
            count: Of the endpoints.
            ask: Asks those at these places, all at once.
            final: Errors that every endpoint would answer with: no other one is asked.
        """
        turns = [(self._preferred + turn) % count for turn in range(count)]
        failures: list[ChainError] = []
        # When the healthy one fails, all others are asked at once: their deadlines must not add up.
        for group in (turns[:1], turns[1:]):
            answers = list(zip(group, await ask(group), strict=True))
            told = [(index, answer) for index, answer in answers if not isinstance(answer, ChainError)]
            if told:
                self._failure = None
                return max(told, key=lambda each: each[1].height)
            failures.extend(answer for _, answer in answers if isinstance(answer, ChainError))
            if any(isinstance(failure, final) for failure in failures):
                break
            # At once, because a caller in a hurry may give this refresh up: the next one begins elsewhere.
            self._preferred = turns[1 % count]
        self._failure = telling(failures)
        return None

    def _keep(self, reading: T) -> None:
        self._newest, self._newest_at = reading, self._clock()

    def _chain_view(
        self,
        height: int,
        validators: tuple[Validator, ...],
        proposals: tuple[Proposal, ...],
        binding: str,
        problems: Iterable[str],
        *,
        crossing: bool,
    ) -> ChainView:
        """What every kind of chain tells; `binding` names our own node where its word is believed alone."""
        comet = self._comet
        ages = comet.ages_s
        if self._newest is not None:
            ages.append(max(0.0, self._clock() - self._newest_at))
        return ChainView(
            height=height,
            block_time_s=comet.seconds_per_block,
            block_time_unix=comet.block_time_unix,
            validators=validators,
            nodes=comet.views(),
            proposals=proposals,
            readiness=None,
            age_s=min(ages),
            problem="; ".join(problems),
            agreement=None if self._newest is None else self._witnesses.agreement(binding),
            votes=comet.votes,
            stalled=comet.stalled(height, validators, crossing=crossing),
            answer_s=comet.answer_s,
        )

    def _problem_of_plans(self) -> Iterable[str]:
        if self._failure is None:
            return
        if self._newest is None:
            yield f"plans cannot be read: {self._failure.what}"
        else:
            yield f"plans are {duration(self._clock() - self._newest_at)} old: {self._failure.what}"

    def _all_down(self, endpoint: str) -> ChainError:
        """Why nothing is known; `endpoint` is what a silent one is called."""
        worst = telling([error for error in (self._failure, *self._comet.failures) if error])
        if not isinstance(worst, EndpointDown):
            return worst
        return EndpointDown(
            f"no {endpoint} of network {self._network.name} answers: {untrusted(worst.what)}",
            next_step="check that its nodes run and that the URLs in the settings are right",
        )
