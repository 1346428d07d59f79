"""A session on a Cosmos chain is recorded and shown again: its votes, stakes and exact amounts."""

from __future__ import annotations

from dataclasses import replace

from console.model import Snapshot, Tally
from console.recording.codec import Codec
from tests import cosmos_fakes as cosmos


def test_every_station_comes_back_as_it_was() -> None:
    codec = Codec(Snapshot)
    before = None
    for shown in (cosmos.deposited(), cosmos.voted(), cosmos.scheduled(), cosmos.halted(2), cosmos.crossed()):
        kept = replace(shown, upgrade=None)
        assert codec.decode(codec.encode(kept)) == kept
        if before is not None:
            assert codec.apply(before, codec.change(before, kept)) == kept
        before = kept


def test_amounts_of_any_size_stay_exact() -> None:
    huge = Tally(10**60 + 1, 2, 3, 4)
    shown = cosmos.snapshot(cosmos.chain(100, (cosmos.proposal(ballot=cosmos.ballot(huge)),)), upgrade=None)
    assert Codec(Snapshot).decode(Codec(Snapshot).encode(shown)) == shown
