"""The session behind the screens: read-only, the devnet's bring-up, and one connection that is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.errors import DevnetError, InputError
from console.hand_lock import READ_ONLY, HandLock
from console.maintenance import parse_maintenance
from console.model import (
    CallOutcome,
    CallReview,
    Choice,
    Governance,
    NodeCommand,
    NodeVerb,
    Readiness,
    RegistryCall,
    RegistryRules,
    Signed,
    SigningKey,
    SigningRecord,
    Snapshot,
    Traffic,
    ValidatorVote,
)
from console.operations.connection import Connection
from console.operations.contract_export import read_export
from console.operations.propose import NOTICE_BLOCKS
from console.operations.session import ConsoleSession
from console.ports.keys import Terminal
from console.ports.session import Session
from tests.console.operations.examples import a_chain, a_network, a_node_settings, a_proposal, a_snapshot
from tests.console.operations.test_node import FakeControl
from tests.console.operations.test_propose import GOOD
from tests.console.operations.test_ready import HASH, FakePlans, FakeSignals, a_reading, stage
from tests.procedure_fakes import FakeDesk

pytestmark = pytest.mark.anyio


ADDRESS = "0x" + "1" * 40
RULES = RegistryRules(ADDRESS, 0, ADDRESS, 1, True, 10, 5, 5, 100, 20, ADDRESS, (ADDRESS,), 1, (), 3, 0)
STOP = NodeCommand(NodeVerb.STOP)
UNPROVEN = NodeCommand(NodeVerb.ARM_UNPROVEN, "x")
CALL = RegistryCall("freeze", (7,), SigningKey.OPERATOR, 7, "Stores the verdict.")


class Source:
    def __init__(self, snapshots: list[Snapshot]) -> None:
        self._snapshots = snapshots

    async def snapshots(self) -> AsyncGenerator[Snapshot, None]:
        for snapshot in self._snapshots:
            yield snapshot
        await asyncio.Event().wait()


class FakeCommits:
    async def read(self, consensus_address: str, height: int | None) -> SigningRecord:
        return SigningRecord(((height or 0, Signed.BLOCK),), f"for {consensus_address[-1]}", "")


class FakeTraffic:
    async def read(self, height: int, block_time_s: float) -> Traffic:
        return Traffic((), f"at {height}, {block_time_s:g}s a block")


@dataclass
class World:
    """A connection made of fakes, and what was done with it."""

    folder: Path
    snapshots: list[Snapshot]
    node: bool = True
    connections: int = 0
    closed: int = 0
    terminals: list[Terminal | None] = field(default_factory=list)
    sent: list[CallReview] = field(default_factory=list)
    sayings_asked: list[int] = field(default_factory=list)
    control: FakeControl = field(default_factory=FakeControl)
    signals: FakeSignals = field(default_factory=FakeSignals)

    def connect(self, terminal: Terminal | None) -> Connection:
        self.connections += 1
        self.terminals.append(terminal)
        return Connection(
            network=a_network(self.folder),
            node=a_node_settings(self.folder) if self.node else None,
            source=Source(self.snapshots),
            control=self.control if self.node else None,
            plans=FakePlans(a_reading()) if self.node else None,
            signals=self.signals if self.node else None,
            governance=self,
            calls=self,
            messages=None,
            commits=FakeCommits(),
            traffic=FakeTraffic(),
            own_windows=(parse_maintenance("Tue 02:00..04:00 UTC"),),
            procedures=lambda _terminal, hands: FakeDesk(hands=hands),
            close=self.close,
        )

    async def rules(self) -> RegistryRules:
        return RULES

    async def read(self, proposal_id: int) -> Governance:
        return Governance(proposal_id, 120, (), (), (), (), (), ())

    async def sayings(self, proposal_id: int) -> tuple[tuple[ValidatorVote, ...], Readiness]:
        self.sayings_asked.append(proposal_id)
        return (ValidatorVote(ADDRESS, 10, Choice.YES, 115),), Readiness(proposal_id, ())

    async def review(self, call: RegistryCall) -> CallReview:
        return CallReview(call, f"{call.function}()", ADDRESS, 31337, ADDRESS, 0, 100_000, 10**9, "0x1234")

    async def send(self, review: CallReview) -> CallOutcome:
        self.sent.append(review)
        return CallOutcome("0x" + "1" * 64, 121, 90_000, review.call.proposal_id)

    async def close(self) -> None:
        self.closed += 1


def a_session(world: World, *, read_only: bool = False, locked: bool = False) -> ConsoleSession:
    hands = HandLock(READ_ONLY if read_only else "", locked=locked)
    return ConsoleSession("testnet", world.connect, hands=hands, clock=lambda: 1_700_000_000.0)


async def test_it_is_a_session(tmp_path: Path) -> None:
    session: Session = a_session(World(tmp_path, []))
    assert (session.network, session.read_only, session.bringing_up_devnet) == ("testnet", False, False)
    assert session.now() == 1_700_000_000.0


async def test_nothing_is_connected_before_it_is_needed_and_one_connection_serves_all(tmp_path: Path) -> None:
    world = World(tmp_path, [a_snapshot(a_chain(120)), a_snapshot(a_chain(121))])
    session = a_session(world)
    assert world.connections == 0
    async with aclosing(session.snapshots()) as snapshots:
        assert [(await anext(snapshots)).height, (await anext(snapshots)).height] == [120, 121]
    await session.node_command(NodeCommand(NodeVerb.RESTART))
    assert (world.connections, world.control.asked) == (1, ["restart"])
    await session.close()
    await session.close()
    assert world.closed == 1


async def test_a_proposal_is_checked_against_the_newest_snapshot(tmp_path: Path) -> None:
    busy = a_snapshot(a_chain(121, proposals=(a_proposal(),)))
    world = World(tmp_path, [a_snapshot(a_chain(120)), busy])
    session = a_session(world)
    with pytest.raises(InputError, match="has not answered yet"):
        await session.proposal_call(GOOD)
    async with aclosing(session.snapshots()) as snapshots:
        first = await anext(snapshots)
        assert session.check_proposal(GOOD, first) == {}
        call = await session.proposal_call(GOOD)
        assert isinstance(call, RegistryCall)
        assert call.function == "propose"
        await anext(snapshots)
        with pytest.raises(InputError, match="proposal 7"):
            await session.proposal_call(GOOD)


async def test_the_first_possible_height_is_the_one_that_the_check_accepts(tmp_path: Path) -> None:
    session = a_session(World(tmp_path, []))
    assert session.earliest_height(GOOD, None) is None
    assert session.earliest_height(GOOD, a_snapshot(None)) is None
    shown = a_snapshot(a_chain(120))
    earliest = session.earliest_height(GOOD, shown)
    assert earliest is not None
    assert session.check_proposal({**GOOD, "height": str(earliest)}, shown) == {}
    assert "too near" in session.check_proposal({**GOOD, "height": str(earliest - 1)}, shown)["height"]


def test_the_first_possible_height_leaves_room_for_the_vote(tmp_path: Path) -> None:
    session = a_session(World(tmp_path, []))
    shown = a_snapshot(a_chain(120))
    unvoted = session.earliest_height(GOOD, shown)
    voted = {**GOOD, "voting": "500"}
    earliest = session.earliest_height(voted, shown)
    assert unvoted is not None
    # Who votes has time to notice.
    assert earliest == unvoted - NOTICE_BLOCKS + 500
    assert session.check_proposal({**voted, "height": str(earliest)}, shown) == {}
    assert session.earliest_height({**GOOD, "voting": "soon"}, shown) == unvoted


async def test_read_only_changes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, [a_snapshot(a_chain(120))])
    session = a_session(world, read_only=True)
    async with aclosing(session.snapshots()) as snapshots:
        await anext(snapshots)
    node = (session.ready(7), session.node_command(STOP), session.node_command(UNPROVEN))
    for change in (session.proposal_call(GOOD), *node):
        with pytest.raises(InputError, match="read-only; nothing was changed"):
            await change
    assert (world.sent, world.control.asked, world.signals.said) == ([], [], [])


async def test_readiness_by_hand_goes_through_the_same_operation(tmp_path: Path) -> None:
    stage(tmp_path)
    world = World(tmp_path, [])
    await a_session(world).ready(7)
    assert world.signals.said == [(7, HASH)]


async def test_an_unproven_release_is_taken_with_a_reason_only(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    session = a_session(world)
    with pytest.raises(InputError, match="needs a reason"):
        await session.node_command(NodeCommand(NodeVerb.ARM_UNPROVEN, " "))
    await session.node_command(NodeCommand(NodeVerb.ARM_UNPROVEN, " the testnet is gone "))
    assert world.control.asked == ["arm --unproven the testnet is gone"]


async def test_without_a_node_its_actions_are_refused_and_its_log_is_empty(tmp_path: Path) -> None:
    session = a_session(World(tmp_path, [], node=False))
    for change in (session.ready(7), session.node_command(STOP), session.node_command(UNPROVEN)):
        with pytest.raises(InputError, match="no node of network testnet"):
            await change
    assert [line async for line in session.log_lines()] == []


async def test_the_log_of_the_node_and_its_controller_is_told(tmp_path: Path) -> None:
    run = a_node_settings(tmp_path).state_dir / "run"
    run.mkdir(parents=True)
    (run / "node.log").write_text("block \x1b[2J1\n")
    (run / "controller.log").write_text("armed\n")
    async with asyncio.timeout(10), aclosing(a_session(World(tmp_path, [])).log_lines()) as lines:
        assert [await anext(lines), await anext(lines)] == [("node", "block <U+001B>[2J1"), ("controller", "armed")]


async def test_a_devnet_is_brought_up_before_anything_is_connected(tmp_path: Path) -> None:
    world = World(tmp_path, [a_snapshot(a_chain(2))])
    attempts = 0

    async def bring_up() -> AsyncGenerator[tuple[int, int, str], None]:
        nonlocal attempts
        attempts += 1
        yield 0, 2, "starting"
        if attempts == 1:
            raise DevnetError("a port is taken")
        yield 2, 2, "up"

    session = ConsoleSession("devnet", world.connect, bring_up=bring_up)
    assert session.bringing_up_devnet
    with pytest.raises(DevnetError):
        async for _ in session.bring_up():
            pass
    assert session.bringing_up_devnet
    assert [step async for step in session.bring_up()] == [(0, 2, "starting"), (2, 2, "up")]
    assert not session.bringing_up_devnet
    assert world.connections == 0


async def test_the_release_is_asked_of_the_controller_and_a_console_that_only_reads_may(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    assert (await a_session(world, read_only=True).release()).generation == "v0.2.0"
    assert world.control.asked == ["release"]
    with pytest.raises(InputError, match="no node of network testnet"):
        await a_session(World(tmp_path, [], node=False)).release()


async def test_a_console_that_only_reads_may_look_inside_the_node(tmp_path: Path) -> None:
    session = a_session(World(tmp_path, []), read_only=True)
    assert "The node does not run." in (await session.node_processes()).remarks
    assert (await session.node_storage()).points == ()
    assert await session.node_timeline() == ()
    with pytest.raises(InputError, match="no node of network testnet"):
        await a_session(World(tmp_path, [], node=False)).node_processes()


async def test_a_call_is_reviewed_then_sent_or_exported(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    session = a_session(world)
    assert (await session.rules(), (await session.governance(7)).proposal_id) == (RULES, 7)
    review = await session.review(CALL)
    (exported,) = read_export(Path(await session.export(review)))
    assert (exported.chain_id, exported.target, exported.data) == (31337, ADDRESS, b"\x12\x34")
    assert world.sent == []
    assert (await session.send(review)).height == 121
    assert world.sent == [review]


async def test_a_read_only_session_reads_and_sends_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    session = a_session(world, read_only=True)
    assert await session.rules() == RULES
    with pytest.raises(InputError, match="read-only"):
        await session.review(CALL)
    with pytest.raises(InputError, match="read-only"):
        await session.send(await world.review(CALL))
    assert world.sent == []


async def test_a_locked_session_shows_what_would_be_signed_and_signs_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    session = a_session(world, locked=True)
    review = await session.review(CALL)
    for change in (session.send(review), session.ready(7), session.node_command(STOP), session.node_command(UNPROVEN)):
        with pytest.raises(InputError, match="locked; nothing was changed; unlock it first"):
            await change
    assert (world.sent, world.control.asked, world.signals.said) == ([], [], [])
    session.hands.unlock()
    await session.send(review)
    assert world.sent == [review]


async def test_its_terminal_is_lent_to_the_signer_and_its_nodes_address_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, [])
    session = a_session(world)
    assert session.own_address == ""
    terminal = Lent()
    session.lend_terminal(terminal)
    await session.node_command(STOP)
    assert world.terminals == [terminal]
    assert session.own_address == a_node_settings(tmp_path).address


class Lent:
    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        yield


async def test_a_cut_file_that_is_none_is_refused(tmp_path: Path) -> None:
    session = a_session(World(tmp_path, []))
    with pytest.raises(InputError):
        await session.cut_file_reviews(str(tmp_path / "missing.json"))


async def test_records_of_validators_are_of_the_newest_snapshot_and_read_once(tmp_path: Path) -> None:
    proposal = a_proposal()
    world = World(tmp_path, [a_snapshot(a_chain(120, proposals=(proposal,))), a_snapshot(a_chain(121))])
    session = a_session(world)
    assert not session.maintenance
    assert "block time" in (await session.traffic()).problem
    assert await session.stances(ADDRESS) == ()
    assert (await session.signing("A1")).blocks == ((0, Signed.BLOCK),)
    async with aclosing(session.snapshots()) as snapshots:
        await anext(snapshots)
        (stance,) = await session.stances(ADDRESS)
        assert (stance.proposal_id, stance.choice, stance.voted_at, stance.said) == (proposal.id, Choice.YES, 115, None)
        (other,) = await session.stances("0x" + "2" * 40)
        assert (other.choice, other.voted_at) == (Choice.NONE, 0)
        assert world.sayings_asked == [proposal.id]
        assert (await session.signing("A1")).blocks == ((120, Signed.BLOCK),)
        assert (await session.traffic()).source == "at 120, 1s a block"
        assert [window.text for window in session.maintenance] == ["Tue 02:00..04:00 UTC"]
