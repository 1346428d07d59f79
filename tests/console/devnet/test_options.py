"""What `devnet up` can be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.devnet.options import (
    MAX_VALIDATORS,
    UpOptions,
    duration_text,
    freeze_blocks_for,
    parse_block_time,
    parse_powers,
    voting_blocks_for,
)
from console.errors import InputError

FOLDER = Path("/nowhere")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("250ms", 250), ("1s", 1000), ("1.001s", 1001), ("100ms", 100), ("60s", 60_000)],
)
def test_block_times(text: str, milliseconds: int) -> None:
    assert parse_block_time(text) == milliseconds


@pytest.mark.parametrize("text", ["", "1", "s", "1m", "99ms", "61s", "-1s", "1 s", "1.0005s", "0s", "1e3ms", "٣s"])
def test_block_times_that_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="block time"):
        parse_block_time(text)


@pytest.mark.parametrize("milliseconds", [250, 1000, 1500, 60_000])
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    assert parse_block_time(duration_text(milliseconds)) == milliseconds


def test_powers() -> None:
    assert parse_powers("10, 20,30") == (10, 20, 30)


@pytest.mark.parametrize("text", ["", "10,", "10,0", "-1", "ten", "1.5", "10;10"])
def test_powers_that_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="powers"):
        parse_powers(text)


def test_powers_alone_set_the_count() -> None:
    assert UpOptions(FOLDER, powers=(1, 2, 3)).wanted_powers == (1, 2, 3)
    assert UpOptions(FOLDER, validators=2).wanted_powers == (10, 10)
    assert UpOptions(FOLDER).wanted_powers is None


def test_options_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(InputError, match="2 powers were given for 4 validators"):
        UpOptions(FOLDER, validators=4, powers=(10, 10))
    with pytest.raises(InputError, match="1 to 16 validators, not 17"):
        UpOptions(FOLDER, powers=(1,) * (MAX_VALIDATORS + 1))
    with pytest.raises(InputError, match="not 0"):
        UpOptions(FOLDER, validators=0)
    with pytest.raises(InputError, match="block time of 99 ms"):
        UpOptions(FOLDER, block_time_ms=99)
    with pytest.raises(InputError, match="at least 5 blocks before H, not 4"):
        UpOptions(FOLDER, freeze_blocks=4)
    with pytest.raises(InputError, match="power"):
        UpOptions(FOLDER, powers=(10, 0))
    with pytest.raises(InputError, match="none, standard, wasm, failing, not 'odd'"):
        UpOptions(FOLDER, migration="odd")


def test_a_vote_lasts_seconds_whatever_a_block_takes() -> None:
    assert voting_blocks_for(250) == (80, 24)
    assert voting_blocks_for(1000) == (20, 6)
    assert voting_blocks_for(60_000) == (1, 1)


@pytest.mark.parametrize("power", [0, -1, 2**53 + 1])
def test_a_power_to_propose_that_is_none(power: int) -> None:
    with pytest.raises(InputError, match="power to propose"):
        UpOptions(FOLDER, min_proposer_power=power)


@pytest.mark.parametrize(
    ("block_time_ms", "blocks"), [(60_000, 5), (1000, 5), (800, 5), (500, 8), (300, 14), (100, 40)]
)
def test_a_freeze_has_its_seconds_whatever_a_block_takes(block_time_ms: int, blocks: int) -> None:
    assert freeze_blocks_for(block_time_ms) == blocks
