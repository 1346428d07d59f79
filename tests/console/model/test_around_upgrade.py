"""The close watch: from H−100 to an hour after H, and by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import ChainView, ProposalStatus, Verdict, close_watch, close_watch_of
from console.model.around_upgrade import AFTER_S, BEFORE_BLOCKS
from tests import fakes
from tests.fakes import NOW, TARGET


def at(height: int, **changes: object) -> ChainView:
    proposal = fakes.proposal(fakes.ALL_READY, **changes)
    return fakes.chain(height, (proposal,))


def test_it_begins_a_hundred_blocks_before_h() -> None:
    assert close_watch(at(TARGET - BEFORE_BLOCKS - 1), TARGET - BEFORE_BLOCKS - 1, NOW) is None
    found = close_watch(at(TARGET - BEFORE_BLOCKS), TARGET - BEFORE_BLOCKS, NOW)
    assert found is not None
    assert (found.target_height, found.blocks_left, found.ends_in_s) == (TARGET, BEFORE_BLOCKS, None)
    assert "100 blocks before H" in found.sentence


def test_it_ends_an_hour_after_h() -> None:
    # A block a second, the newest half a second old.
    during = close_watch(at(TARGET + 1800, status=ProposalStatus.EXECUTED), TARGET + 1800, NOW)
    assert during is not None
    assert during.ends_in_s == pytest.approx(AFTER_S - 1800.5)
    assert "another 29m 59s" in during.sentence
    assert close_watch(at(TARGET + 3600, status=ProposalStatus.EXECUTED), TARGET + 3600, NOW) is None
    standing = at(TARGET, verdict=Verdict.CROSS)
    assert close_watch(standing, TARGET, NOW + 3599) is not None
    assert close_watch(standing, TARGET, NOW + 3600) is None


def test_an_abort_at_the_halt_is_watched_to_its_end_and_what_was_withdrawn_before_is_not() -> None:
    assert close_watch(at(TARGET + 10, status=ProposalStatus.ABORTED), TARGET + 10, NOW) is not None
    for status in (ProposalStatus.CANCELLED, ProposalStatus.REJECTED):
        assert close_watch(at(TARGET - 10, status=status), TARGET - 10, NOW) is None
        assert close_watch(at(TARGET + 10, status=status), TARGET + 10, NOW) is None


def test_without_a_block_time_it_ends_by_blocks() -> None:
    chain = replace(at(TARGET + 100, status=ProposalStatus.EXECUTED), block_time_s=None)
    assert close_watch(chain, TARGET + 100, NOW) is not None
    later = replace(at(TARGET + 101, status=ProposalStatus.EXECUTED), block_time_s=None)
    assert close_watch(later, TARGET + 101, NOW) is None


def test_of_a_snapshot() -> None:
    assert close_watch_of(fakes.idle()) is None
    assert close_watch_of(fakes.chain_down()) is None
    assert close_watch_of(fakes.go()) is not None
