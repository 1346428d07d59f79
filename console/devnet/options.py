"""What `devnet up` can be asked for, parsed and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from console.devnet.migrations import KINDS
from console.errors import InputError

MAX_VALIDATORS = 16
DEFAULT_VALIDATORS = 4
DEFAULT_POWER = 10
DEFAULT_BLOCK_TIME_MS = 1000
MIN_BLOCK_TIME_MS = 100
MAX_BLOCK_TIME_MS = 60_000
MIN_FREEZE_BLOCKS = 5
"""The registry's own lower bound (DESIGN §4)."""
FREEZE_MS = 4000
"""Milliseconds that a freeze needs on a busy machine: a signer starts, and a block takes its transaction before H-2."""
DEFAULT_EXECUTION_WINDOW = 10_000
VOTING_MS = 20_000
"""Milliseconds for which a vote is open at least: time for four votes by hand at a laptop."""
EXPEDITED_MS = 6_000
"""The same for an expedited vote."""
EMBEDDED = "embedded"
"""The consensus in the node program: one process a node."""
COMETBFT = "cometbft"
"""The real CometBFT, which drives the node program over ABCI."""
CONSENSUSES = (EMBEDDED, COMETBFT)
DEFAULT_PROPOSER_POWER = 1
"""Any validator may propose, and the admin besides."""
MAX_POWER = 2**53
"""Large enough for any test, small enough that sums stay far below CometBFT's own bound of 2**60."""

_BLOCK_TIME = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,4})?)(ms|s)")


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Options of `devnet up`. None means not said: the default for a new devnet, the kept value for an old one."""

    folder: Path
    validators: int | None = None
    powers: tuple[int, ...] | None = None
    """Voting power per validator, in order."""
    block_time_ms: int | None = None
    freeze_blocks: int | None = None
    """Blocks between the freeze and H; enough of them for `FREEZE_MS` when not given."""
    execution_window: int | None = None
    """Blocks after H in which a proposal can be executed."""
    voting: bool | None = None
    """Whether a release needs a vote; calls linked to one always do."""
    min_proposer_power: int | None = None
    """The least power of a validator that may propose."""
    migration: str | None = None
    """What the second release does to the state at H: one of `migrations.KINDS`."""
    consensus: str | None = None
    """Who decides the blocks: one of `CONSENSUSES`."""
    cometbft: Path | None = None
    """The program of a real CometBFT; that on PATH when not given."""

    def __post_init__(self) -> None:
        if self.powers is not None:
            if not self.powers or any(not 0 < power <= MAX_POWER for power in self.powers):
                raise InputError(f"every power must be a whole number from 1 to {MAX_POWER}")
            if self.validators is not None and self.validators != len(self.powers):
                raise InputError(f"{len(self.powers)} powers were given for {self.validators} validators")
        count = len(self.powers) if self.powers is not None else self.validators
        if count is not None and not 1 <= count <= MAX_VALIDATORS:
            raise InputError(f"a devnet has 1 to {MAX_VALIDATORS} validators, not {count}")
        if self.block_time_ms is not None and not MIN_BLOCK_TIME_MS <= self.block_time_ms <= MAX_BLOCK_TIME_MS:
            raise InputError(
                f"a block time of {self.block_time_ms} ms is not between {MIN_BLOCK_TIME_MS} ms and"
                f" {MAX_BLOCK_TIME_MS // 1000} s"
            )
        if self.freeze_blocks is not None and self.freeze_blocks < MIN_FREEZE_BLOCKS:
            raise InputError(f"the plan freezes at least {MIN_FREEZE_BLOCKS} blocks before H, not {self.freeze_blocks}")
        if self.execution_window is not None and self.execution_window < 1:
            raise InputError("the execution window is at least 1 block")
        if self.min_proposer_power is not None and not 0 < self.min_proposer_power <= MAX_POWER:
            raise InputError(f"the power to propose is a whole number from 1 to {MAX_POWER}")
        if self.consensus is not None and self.consensus not in CONSENSUSES:
            raise InputError(f"the consensus is one of {', '.join(CONSENSUSES)}, not {self.consensus!r}")
        if self.cometbft is not None and self.consensus != COMETBFT:
            raise InputError(f"a path of CometBFT is of use with the consensus {COMETBFT} only")
        if self.migration is not None and self.migration not in KINDS:
            raise InputError(f"the migration is one of {', '.join(KINDS)}, not {self.migration!r}")

    @property
    def wanted_powers(self) -> tuple[int, ...] | None:
        """The powers that the options amount to, None when they say nothing about them."""
        if self.powers is not None:
            return self.powers
        if self.validators is not None:
            return (DEFAULT_POWER,) * self.validators
        return None


def parse_block_time(text: str) -> int:
    """Milliseconds of `250ms`, `1s` or `1.5s`.

    Raises:
        InputError: Another notation, a part of a millisecond, or out of bounds.
    """
    match = _BLOCK_TIME.fullmatch(text.strip())
    if match is None:
        raise InputError(f"block time {text!r} is not a duration like 250ms, 1s or 1.5s")
    milliseconds = Decimal(match[1]) * (1000 if match[2] == "s" else 1)
    if milliseconds != int(milliseconds):
        raise InputError(f"block time {text!r} is not a whole number of milliseconds")
    if not MIN_BLOCK_TIME_MS <= milliseconds <= MAX_BLOCK_TIME_MS:
        raise InputError(f"block time {text!r} is not between {MIN_BLOCK_TIME_MS} ms and {MAX_BLOCK_TIME_MS // 1000} s")
    return int(milliseconds)


def parse_powers(text: str) -> tuple[int, ...]:
    """Powers from `10,10,20`.

    Raises:
        InputError: A part is not a positive whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,16}", part) and int(part) > 0 for part in parts):
        raise InputError(f"powers {text!r} are not positive whole numbers separated by commas, like 10,10,10,10")
    return tuple(int(part) for part in parts)


def duration_text(milliseconds: int) -> str:
    """Milliseconds as CometBFT's config.toml and this command line write them: `250ms`, `1s`."""
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def freeze_blocks_for(block_time_ms: int) -> int:
    """F in blocks for a devnet whose maker names none."""
    return max(MIN_FREEZE_BLOCKS, -(-FREEZE_MS // block_time_ms))


def voting_blocks_for(block_time_ms: int) -> tuple[int, int]:
    """The least blocks of a usual vote and of an expedited one."""
    return -(-VOTING_MS // block_time_ms), -(-EXPEDITED_MS // block_time_ms)
