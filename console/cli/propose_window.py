"""`propose --window`: the height that is likely to come in a window on the wall, and what is said of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from console.cli.sources import Target, explained, observing
from console.errors import ChainError, EndpointDown, InputError
from console.model import Traffic
from console.operations.propose_window import (
    BLOCKS_DECIDE,
    Estimate,
    WallWindow,
    fit,
    height_in,
    parse_window,
    traffic_words,
)
from console.settings import NetworkSettings, load_maintenance


@dataclass(frozen=True, slots=True)
class ChosenHeight:
    """H for a window."""

    window: WallWindow
    guess: Estimate
    inside: bool
    lines: tuple[str, ...]
    """What an operator has to know of it."""

    @property
    def document(self) -> dict[str, object]:
        """For `--json`; moments in Unix seconds."""
        return {
            "from": self.window.start,
            "to": self.window.end,
            "expected": round(self.guess.moment, 3),
            "drift_s": None if self.guess.drift_s is None else round(self.guess.drift_s, 3),
            "block_time_s": round(self.guess.block_time_s, 6),
            "inside": self.inside,
        }


async def height_of(typed: str, network: NetworkSettings) -> ChosenHeight:
    """Ask the chain for its block time and choose H.

    Raises:
        InputError: What is typed is no window that is still to come.
        ChainError: The chain does not answer, or does not tell its block time.
        SettingsError: The operator's own maintenance windows are none.
    """
    from console.chain.traffic import TrafficReader

    try:
        window = parse_window(typed, time.time())
    except ValueError as error:
        raise InputError(f"the window {error}", safe="nothing was sent") from None
    own = load_maintenance()
    async with observing(Target(network, None)) as (_chain, observer):
        snapshot = await observer.snapshot()
    if snapshot.chain is None:
        raise explained(EndpointDown(snapshot.chain_problem), network, None)
    traffic = Traffic((), "", "the chain does not tell its block time")
    if snapshot.height is not None and snapshot.chain.block_time_s is not None:
        async with TrafficReader(network, network.cometbft_rpc) as reader:
            traffic = await reader.read(snapshot.height, snapshot.chain.block_time_s)
    height = height_in(window, snapshot, traffic)
    found = None if height is None else fit(height, window, snapshot, traffic, (*own, *network.windows))
    if found is None:
        raise ChainError(
            "the chain does not tell its block time, so no height can be chosen",
            safe="nothing was sent",
            next_step="wait for some blocks, or give --height",
        )
    lines = (
        f"{found.when}, {found.pace}",
        f"{'' if found.inside else '! '}{found.place}; {BLOCKS_DECIDE}",
        *(f"{'' if at_hand else '! '}{words}" for at_hand, words in found.declared),
        traffic_words(traffic, window.zone),
    )
    return ChosenHeight(window, found.guess, found.inside, lines)
