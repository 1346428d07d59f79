"""The lease of one controller: granted once, renewed, given back, run out, and kept over a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from console.errors import HeldByOther, JournalError, NodeError
from console.model import Crossing, PlanOrigin
from console.model.roll_lease import LEASE_S, RollLease
from console.node.roll_lease import RollLeases, why_out
from console.ports.chain import ConsensusReading
from tests import fakes
from tests.console.node.leases import Kept

JANE = RollLease("rolling-1@desk", "jane", "node3", True, 60.0)
BOB = RollLease("patch-2@lap", "bob", "node4", False, 60.0)


@dataclass
class Time:
    """Seconds of a machine."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def leases(kept: Kept, clock: Time) -> RollLeases:
    return RollLeases(kept, clock)


def test_one_at_a_time_until_it_is_given_back(leases: RollLeases, kept: Kept) -> None:
    assert leases.ask(JANE) == JANE
    assert leases.ask(BOB) == JANE
    leases.end(BOB.id)
    assert leases.holder() == JANE
    leases.end(JANE.id)
    assert leases.holder() is None
    assert leases.ask(BOB) == BOB
    assert kept.told == ["lease-granted", "lease-given-back", "lease-granted"]


def test_it_ends_by_itself_and_a_renewal_may_shorten_it(leases: RollLeases, clock: Time, kept: Kept) -> None:
    leases.ask(JANE)
    clock.now += 50
    assert leases.ask(replace(JANE, left_s=20.0)) == replace(JANE, left_s=20.0)
    clock.now += 19
    assert leases.ask(BOB) == replace(JANE, left_s=1.0)
    clock.now += 1
    assert leases.ask(BOB) == BOB
    assert kept.told == ["lease-granted", "lease-ran-out", "lease-granted"]
    # Nobody has it for longer than everybody reckons with.
    clock.now += 60
    assert leases.ask(replace(JANE, left_s=1e6)) == replace(JANE, left_s=LEASE_S)


def test_who_only_asks_gets_nothing(leases: RollLeases, kept: Kept) -> None:
    assert leases.ask(replace(JANE, left_s=0.0)) is None
    leases.ask(JANE)
    assert leases.ask(replace(JANE, left_s=0.0)) == JANE
    assert leases.ask(replace(BOB, left_s=0.0)) == JANE
    assert kept.told == ["lease-granted"]


def test_after_a_restart_it_holds_for_its_whole_length_again(leases: RollLeases, clock: Time, kept: Kept) -> None:
    leases.ask(JANE)
    clock.now += 55
    again = RollLeases(kept, clock)
    assert again.ask(BOB) == replace(JANE, left_s=LEASE_S)
    assert again.ask(JANE) == JANE
    clock.now += LEASE_S
    assert again.holder() is None
    assert RollLeases(kept, clock).holder() is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '"x"', '{"id": 1, "by": 2}'])
def test_a_lease_that_is_not_understood_is_somebodys_until_it_ends(text: str, clock: Time) -> None:
    leases = RollLeases(Kept({"roll_lease": text}), clock)
    assert leases.ask(JANE) != JANE
    clock.now += LEASE_S
    assert leases.ask(JANE) == JANE


def test_what_cannot_be_written_down_is_not_granted(
    leases: RollLeases, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(key: str, value: str) -> None:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(kept, "set_meta", full)
        with pytest.raises(JournalError):
            leases.ask(JANE)
        assert leases.holder() is None


def test_on_a_full_disk_it_ends_all_the_same(leases: RollLeases, kept: Kept, clock: Time) -> None:
    leases.ask(JANE)

    def full(key: str, value: str) -> None:
        raise JournalError("the disk is full")

    kept.set_meta = full  # type: ignore[method-assign]
    clock.now += LEASE_S
    assert leases.holder() is None
    leases.require("", "a restart")


def test_commands_that_take_the_node_down(leases: RollLeases, clock: Time) -> None:
    leases.require("", "a restart")
    with pytest.raises(NodeError, match="the lease of rolling-1@desk to take this node down has ended; nothing"):
        leases.require(JANE.id, "a swap")
    leases.ask(JANE)
    leases.require(JANE.id, "a swap")
    words = "a restart is refused while jane takes node3 down in run rolling-1@desk"
    with pytest.raises(HeldByOther, match=words) as refused:
        leases.require("", "a restart")
    assert "in 60 s (`node stop` is obeyed at any time)" in str(refused.value)
    with pytest.raises(NodeError, match="has ended: jane takes node3 down"):
        leases.require(BOB.id, "a swap")
    # That another node may be taken down is no leave to take this one.
    leases.end(JANE.id)
    leases.ask(BOB)
    with pytest.raises(NodeError, match="the lease of patch-2@lap to take this node down has ended; nothing"):
        leases.require(BOB.id, "a swap")
    clock.now += 60
    leases.require("", "a restart")


def test_why_a_node_is_out() -> None:
    seen = ConsensusReading(1000, 1000, "AB", "v1", False, 3, 40, 40, True, 10)
    node = fakes.node(1000)
    assert why_out(node, seen, "") == ""
    assert why_out(node, seen, "pause") == ""
    assert why_out(node, seen, "stop") == "stop is under way"
    assert why_out(node, None, "") == "it does not answer its controller"
    assert why_out(node, replace(seen, catching_up=True), "") == f"it catches up, at height {seen.height:,}"
    assert why_out(replace(node, pid=None, state="STOPPED"), seen, "") == "it does not run (STOPPED)"
    swap = replace(fakes.attempt(), origin=PlanOrigin.OPERATOR, crossing=Crossing.HALTED)
    assert "is under way (HALTED)" in why_out(replace(node, attempt=swap, state="HALTED"), seen, "")
    ended = replace(swap, crossing=Crossing.COMMITTED)
    assert why_out(replace(node, attempt=ended, state="COMMITTED"), seen, "") == ""
