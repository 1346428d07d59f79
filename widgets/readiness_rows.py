"""One row per validator, in words, from a Snapshot. Pure; the table draws it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console import model
from console.text import duration, percent, shortened
from widgets.moments import CLOCK_SIGN, UNKNOWN, age_of, chain_age, count, power_words, time_of_day
from widgets.stake_words import misses_much, stake_tone, stake_words

if TYPE_CHECKING:
    from console.model import ChainView, NodeHeight, Proposal, Snapshot, Stake, Validator, ValidatorReadiness

DOWN_AFTER_S = 10.0
"""Seconds of silence after which a node is called silent; before that it may just be restarting."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the table shows of one validator; foreign text is already safe."""

    address: str
    name: str
    power: str
    power_short: str
    """The same in five columns."""
    share: str
    version: str
    ready: str
    """Ready since, to the minute; `no` or `—`."""
    ready_since: str
    """The same to the second."""
    armed: str
    state: str
    tone: str
    """`good`, `bad`, `warn` or empty."""
    missed: str = ""
    """Blocks that it missed of the chain's window; only where the chain counts them."""

    @property
    def key(self) -> str:
        """By address: names are not unique."""
        return self.address


class ReadinessRows:
    """Every validator's row, made when it is asked for.

    Args:
        snapshot: With a chain that answered.
        validators: Of that chain, `in_order`.
        now: Unix seconds.
    """

    def __init__(self, snapshot: Snapshot, validators: Sequence[Validator], now: float) -> None:
        chain = snapshot.chain
        assert chain is not None
        self._chain, self._validators, self._taken_at, self._now = chain, validators, snapshot.taken_at, now
        self._proposal = proposal = snapshot.upgrade.proposal if snapshot.upgrade is not None else None
        readiness = chain.readiness
        about_it = proposal is not None and readiness is not None and readiness.proposal_id == proposal.id
        self._said = (
            {entry.address: entry for entry in readiness.validators} if about_it and readiness is not None else {}
        )
        self._total = sum(validator.power for validator in chain.validators)
        self._nodes = {node.consensus_address: node for node in chain.nodes}
        self._stale = chain_age(chain, snapshot.taken_at, now).stale

    def __len__(self) -> int:
        return len(self._validators)

    def __getitem__(self, place: int, /) -> Row:
        validator = self._validators[place]
        said = self._said.get(validator.address)
        node = self._nodes.get(validator.consensus_address)
        state, tone = _state(said, node, self._proposal, self._chain, self._taken_at, self._now)
        if self._chain.cosmos is not None:
            state, tone = _with_its_stake(state, tone, validator)
        if self._stale and CLOCK_SIGN not in state:
            state, tone = f"{CLOCK_SIGN} {state}", "bad" if tone == "bad" else "warn"
        return Row(
            address=validator.address,
            name=validator.moniker or shortened(validator.address, 12),
            power=power_words(validator.power, 7),
            power_short=power_words(validator.power, 5),
            share=percent(validator.power, self._total),
            version=node.version if node is not None and node.version else UNKNOWN,
            ready=_ready(said)[:5],
            ready_since=_ready(said),
            armed="yes" if said is not None and said.armed else "no" if said is not None else UNKNOWN,
            state=state,
            tone=tone,
            missed=_missed(validator.stake),
        )

    def key_at(self, place: int) -> str:
        """Address of a validator."""
        return self._validators[place].address

    def place_of(self, key: str) -> int | None:
        """Where a validator stands."""
        return next((place for place, each in enumerate(self._validators) if each.address == key), None)


def in_order(validators: Sequence[Validator]) -> tuple[Validator, ...]:
    """By power and then by name; by address, which is the chain's order within one power, nobody knows them."""
    return tuple(sorted(validators, key=lambda each: (-each.power, natural(each.moniker), each.address)))


def natural(name: str) -> list[tuple[int, str]]:
    """A key that puts `node2` before `node10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,9})", name)]


def _ready(said: ValidatorReadiness | None) -> str:
    if said is None:
        return UNKNOWN
    if not said.ready:
        return "no"
    return time_of_day(said.ready_time) if said.ready_time else "yes"


def failure_words(code: int) -> str:
    """A failure code in words; a number this version does not know is shown as a number; 0 is nothing."""
    if code == 0:
        return ""
    try:
        return model.FailureCode(code).words
    except ValueError:
        return f"failure code {code}"


def _state(
    said: ValidatorReadiness | None,
    node: NodeHeight | None,
    proposal: Proposal | None,
    chain: ChainView,
    taken_at: float,
    now: float,
) -> tuple[str, str]:
    reached = proposal is not None and proposal.has_height and chain.height >= proposal.target_height
    if node is not None and not node.reachable:
        # First of all: what a validator said before it fell silent is no news of it.
        return _silence(node, taken_at, now)
    behind = chain.height - node.height if node is not None else 0
    if said is not None and said.confirmed_at:
        return (f"crossed, {count(behind)} behind", "warn") if behind > 2 else ("crossed", "good")
    if reached and proposal is not None and node is not None:
        if node.app_height >= proposal.target_height:
            if proposal.verdict is model.Verdict.CROSS and model.missed_its_halt(
                chain, proposal, said.address if said else ""
            ):
                return "went on unarmed", "bad"
            return ("back", "good") if proposal.status is model.ProposalStatus.SCHEDULED else ("running", "")
        if node.app_height == proposal.target_height - 1:
            return f"halted at {count(proposal.target_height)}", "warn"
    if reached and node is None and proposal is not None and proposal.status is model.ProposalStatus.SCHEDULED:
        # What it said before H is no news of it, and its node was never heard.
        return "not seen", ""
    if said is not None and said.failure_code and not said.ready:
        return failure_words(said.failure_code), "bad"
    if behind > 2:
        return f"behind by {count(behind)}", "warn"
    return _signals(said, proposal, seen=node is not None)


def _with_its_stake(state: str, tone: str, validator: Validator) -> tuple[str, str]:
    """Whose chain jailed it signs nothing, whatever its node answers."""
    stake = validator.stake
    if stake is not None and (stake.jailed or not validator.power):
        return stake_words(validator), stake_tone(validator)
    if stake is not None and misses_much(stake) and not tone:
        return "misses blocks", "warn"
    return state, tone


def _missed(stake: Stake | None) -> str:
    return UNKNOWN if stake is None or stake.missed_blocks is None else count(stake.missed_blocks)


def _silence(node: NodeHeight, taken_at: float, now: float) -> tuple[str, str]:
    seconds = age_of(node.age_s, taken_at, now).seconds or 0.0
    if seconds < DOWN_AFTER_S:
        return f"no answer {CLOCK_SIGN} {duration(seconds)}", "warn"
    return f"silent {CLOCK_SIGN} {duration(seconds)}", "bad"


def _signals(said: ValidatorReadiness | None, proposal: Proposal | None, *, seen: bool) -> tuple[str, str]:
    if said is None or proposal is None or proposal.status is model.ProposalStatus.VOTING:
        # Nothing is fetched for a proposal that has not won its vote.
        return ("running" if seen else "not seen"), ""
    if said.ready and said.armed:
        return "ready and armed", "good"
    if said.ready:
        return "ready, arms next", ""
    if said.armed:
        return "armed, not ready", "warn"
    return "preparing", ""
