"""Snapshots of every station of an upgrade, and what a session may be asked for, with a fixed clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from console.errors import ConsoleError, InputError
from console.model import (
    Arming,
    Attempt,
    AuditEntry,
    AuditKind,
    ChainView,
    Crossing,
    KnownRelease,
    NetworkIdentity,
    NodeHeight,
    NodeStatus,
    Preparation,
    Proof,
    ProofState,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseCheck,
    ReleaseKind,
    RoleCount,
    RoundVotes,
    Signed,
    SigningRecord,
    Snapshot,
    Traffic,
    TrafficSample,
    Validator,
    ValidatorReadiness,
    Verdict,
    shown_state,
    upgrade_of,
)
from console.model.plan import FailureCode
from console.text import UntrustedText

NOW = 1_760_000_000.0
"""2025-10-09 08:53:20 UTC."""
TARGET = 1300
FREEZE = 5
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
APP_HASH = "5e" * 32
PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
URL = "http://127.0.0.1:23456/v0.2.0/subnetd"
ADDRESSES = (
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
    "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65",
)


def validators(powers: Iterable[int] = (10, 10, 10, 10)) -> tuple[Validator, ...]:
    """Validators node1..n."""
    return tuple(
        Validator(
            address=ADDRESSES[index],
            moniker=UntrustedText(f"node{index + 1}"),
            power=power,
            consensus_address=f"{index + 1:040X}",
        )
        for index, power in enumerate(powers)
    )


def said(
    index: int, *, ready: bool = True, armed: bool = True, failure: int = 0, confirmed: bool = False
) -> ValidatorReadiness:
    """What validator `index` said about proposal 1."""
    return ValidatorReadiness(
        address=ADDRESSES[index],
        power=10,
        operator=ADDRESSES[index],
        ready_at=1210 + index if ready else 0,
        ready_time=int(NOW) - 60 + index if ready else 0,
        armed_at=1220 + index if armed else 0,
        failure_code=failure,
        failed_at=1211 if failure else 0,
        confirmed_at=TARGET + 2 if confirmed else 0,
        exe_hash=HASH if confirmed else "",
        app_hash=APP_HASH if confirmed else "",
    )


def node_heights(
    height: int, app_heights: Iterable[int], version: str = "v0.1.5", down: Iterable[int] = ()
) -> tuple[NodeHeight, ...]:
    """One height per node; those in `down` are silent for 40 seconds."""
    silent = set(down)
    return tuple(
        NodeHeight(
            url=f"http://127.0.0.1:{26657 + index}",
            moniker=UntrustedText(f"node{index + 1}"),
            consensus_address=f"{index + 1:040X}",
            version=UntrustedText("v0.2.0" if app >= TARGET else version),
            height=height,
            app_height=app,
            peers=3,
            age_s=40.0 if index in silent else 0.4,
            reachable=index not in silent,
        )
        for index, app in enumerate(app_heights)
    )


def proposal(entries: tuple[ValidatorReadiness, ...] = (), **changes: object) -> Proposal:
    """Proposal 1, v0.2.0 at 1300, with powers counted from `entries`."""
    base = Proposal(
        id=1,
        name=UntrustedText("v0.2.0"),
        release_kind=ReleaseKind.RAW,
        release_hash=HASH,
        release_url=UntrustedText(URL),
        target_height=TARGET,
        breaking=True,
        proposer=PROPOSER,
        proposed_at=1200,
        scheduled_at=1200,
        status=ProposalStatus.SCHEDULED,
        verdict=Verdict.NONE,
        frozen_at=0,
        freeze_blocks=FREEZE,
        ready_power=sum(entry.power for entry in entries if entry.ready),
        armed_power=sum(entry.power for entry in entries if entry.armed),
        go_power=sum(entry.power for entry in entries if entry.ready and entry.armed),
        confirmed_power=sum(entry.power for entry in entries if entry.confirmed_at),
        total_power=40,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def chain(
    height: int,
    proposals: tuple[Proposal, ...] = (),
    entries: tuple[ValidatorReadiness, ...] = (),
    nodes: tuple[NodeHeight, ...] | None = None,
    *,
    age_s: float = 0.4,
) -> ChainView:
    """The chain at a height."""
    return ChainView(
        height=height,
        block_time_s=1.0,
        block_time_unix=NOW - 0.5,
        validators=validators(),
        nodes=node_heights(height, (height,) * 4) if nodes is None else nodes,
        proposals=proposals,
        readiness=Readiness(1, entries) if entries else None,
        age_s=age_s,
        problem="",
    )


def readiness_of(proposal_id: int, entries: tuple[ValidatorReadiness, ...]) -> Readiness:
    """What validators said about a proposal."""
    return Readiness(proposal_id, entries)


def attempt(
    preparation: Preparation = Preparation.READY,
    arming: Arming = Arming.ARMED,
    crossing: Crossing = Crossing.NONE,
    *,
    failure: int = 0,
    note: str = "",
) -> Attempt:
    """This node's attempt at proposal 1."""
    return Attempt(
        id=1,
        proposal_id=1,
        name=UntrustedText("v0.2.0"),
        target_height=TARGET,
        freeze_blocks=FREEZE,
        scheduled_at=1200,
        release_kind=0,
        release_hash=HASH,
        release_url=URL,
        breaking=True,
        preparation=preparation,
        arming=arming,
        crossing=crossing,
        verdict=Verdict.NONE,
        failure_code=failure,
        tries_left=3,
        note=note,
        generation="v0.2.0",
        generation_hash=HASH,
    )


def node(height: int, mine: Attempt | None = None, **changes: object) -> NodeStatus:
    """This machine's node1."""
    base = NodeStatus(
        name="node1",
        state=shown_state(mine, running=True, stopped_by_operator=False, needs_operator=False),
        generation="genesis",
        version=UntrustedText("v0.1.5"),
        pid=41_234,
        height=height,
        app_height=height,
        height_age_s=0.5,
        halt_height=TARGET if mine is not None and mine.arming is Arming.ARMED else 0,
        last_exit_code=None,
        exe_sha256=HASH,
        attempt=mine,
        controller_pid=41_200,
        note="",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def snapshot(view: ChainView | None, status: NodeStatus | None, **changes: object) -> Snapshot:
    """Chain and node put together as the observer does."""
    height = view.height if view is not None else status.height if status is not None else None
    base = Snapshot(
        network=NetworkIdentity(name="devnet", kind="ipc", chain_id="devnet-ab12cd"),
        height=height,
        height_age_s=view.age_s if view is not None else status.height_age_s if status is not None else None,
        chain=view,
        chain_problem="" if view is not None else "none of 4 endpoints answered within 2 s",
        node=status,
        node_problem="" if status is not None else "no controller answers for node1; run `upgrade-console node run`",
        upgrade=upgrade_of(view, status, height),
        age_s=0.5,
        taken_at=NOW,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


ALL_READY = (said(0), said(1), said(2), said(3))


def idle() -> Snapshot:
    """Nothing was ever proposed."""
    return snapshot(chain(1210), node(1210))


def partly_ready() -> Snapshot:
    """Two are ready, one failed its download, one prepares: NO-GO."""
    entries = (
        said(0, armed=False),
        said(1),
        said(2, ready=False, armed=False, failure=FailureCode.HASH_MISMATCH),
        said(3, ready=False, armed=False),
    )
    mine = attempt(arming=Arming.WAITING_TURN)
    return snapshot(chain(1234, (proposal(entries),), entries), node(1234, mine))


def unproven() -> Snapshot:
    """All are ready, and this node waits for another network to have run the release for long enough."""
    entries = (said(0, armed=False), *ALL_READY[1:])
    proof = Proof(
        network="calibration",
        state=ProofState.RUNNING,
        needed_s=48 * 3600,
        elapsed_s=12 * 3600 + 300,
        sentence="not proven yet: calibration executed it at height 88412, 12 h 05 min of block time since, "
        "35 h 55 min left",
    )
    mine = attempt(arming=Arming.WAITING_TURN)
    return snapshot(chain(1234, (proposal(entries),), entries), node(1234, mine, proof=proof, note=proof.sentence))


def go() -> Snapshot:
    """All four are ready and armed."""
    return snapshot(chain(1277, (proposal(ALL_READY),), ALL_READY), node(1277, attempt()))


def frozen(verdict: Verdict = Verdict.CROSS) -> Snapshot:
    """The verdict is stored; three blocks to go."""
    entry = proposal(ALL_READY, verdict=verdict, frozen_at=1295)
    return snapshot(chain(1297, (entry,), ALL_READY), node(1297, attempt()))


def halted() -> Snapshot:
    """Everybody stopped before executing H."""
    entry = proposal(ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    view = chain(TARGET, (entry,), ALL_READY, node_heights(TARGET, (TARGET - 1,) * 4))
    mine = attempt(crossing=Crossing.HALTED)
    return snapshot(view, node(TARGET, mine, app_height=TARGET - 1, pid=None, state="HALTED", last_exit_code=2))


def waiting_for_quorum() -> Snapshot:
    """Two are back with the new binary."""
    entry = proposal(ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    nodes = node_heights(TARGET, (TARGET, TARGET, TARGET - 1, TARGET - 1), down=(3,))
    mine = attempt(crossing=Crossing.WAITING_FOR_QUORUM)
    status = node(
        TARGET, mine, version=UntrustedText("v0.2.0"), generation="v0.2.0", last_exit_code=2, pid=41_301, halt_height=0
    )
    return snapshot(chain(TARGET, (entry,), ALL_READY, nodes), status)


def voting_on_the_next_block() -> Snapshot:
    """The same, while a round of votes on H+1 goes on and nobody of the others can be asked."""
    before = waiting_for_quorum()
    assert before.chain is not None
    named = tuple(
        replace(each, consensus_address=f"{number:012X}{each.consensus_address[12:]}")
        for number, each in enumerate(before.chain.validators)
    )
    own = replace(before.chain.nodes[0], consensus_address=named[0].consensus_address)
    votes = RoundVotes(TARGET + 1, 2, ("000000000000", "000000000002"), ("000000000000",))
    return replace(before, chain=replace(before.chain, validators=named, nodes=(own,), votes=votes))


def aborted_at_the_halt() -> Snapshot:
    """The verdict was ABORT, and everybody stopped all the same."""
    entry = proposal(ALL_READY, verdict=Verdict.ABORT, status=ProposalStatus.ABORTED, frozen_at=1295)
    view = chain(TARGET, (entry,), ALL_READY, node_heights(TARGET, (TARGET - 1,) * 4))
    mine = attempt(crossing=Crossing.HALTED)
    return snapshot(view, node(TARGET, mine, app_height=TARGET - 1, pid=None, last_exit_code=2))


def verifying() -> Snapshot:
    """Three blocks past H: two of four have confirmed, our node is on probation."""
    entries = (*(said(index, confirmed=True) for index in (1, 2)), said(0), said(3))
    entry = proposal(entries, verdict=Verdict.CROSS, frozen_at=1295)
    mine = attempt(crossing=Crossing.PROBATION)
    status = node(
        1303, mine, version=UntrustedText("v0.2.0"), generation="v0.2.0", last_exit_code=2, pid=41_301, halt_height=0
    )
    return snapshot(chain(1303, (entry,), entries, node_heights(1303, (1303,) * 4)), status)


def parked() -> Snapshot:
    """The network went on; our node came back with the old binary and is stopped."""
    entry = proposal(ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    view = chain(1342, (entry,), ALL_READY, node_heights(1342, (TARGET - 1, 1342, 1342, 1342), down=(0,)))
    status = node(
        TARGET - 1,
        attempt(crossing=Crossing.PARKED),
        pid=None,
        halt_height=0,
        last_exit_code=1,
        alarm="v0.2.0 did not start in 3 tries; the old binary is in place and the node is stopped",
    )
    return snapshot(view, status)


def committed() -> Snapshot:
    """More than two thirds confirmed."""
    entries = tuple(said(index, confirmed=True) for index in range(4))
    entry = proposal(entries, verdict=Verdict.CROSS, frozen_at=1295, status=ProposalStatus.EXECUTED)
    view = chain(1312, (entry,), entries, node_heights(1312, (1312,) * 4))
    mine = attempt(crossing=Crossing.COMMITTED)
    status = node(
        1312, mine, version=UntrustedText("v0.2.0"), generation="v0.2.0", last_exit_code=2, pid=41_301, halt_height=0
    )
    return snapshot(view, status)


def stale() -> Snapshot:
    """GO, but nothing was heard for 34 seconds."""
    before = go()
    assert before.chain is not None
    nodes = tuple(replace(each, age_s=34.0) for each in before.chain.nodes)
    return replace(before, chain=replace(before.chain, nodes=nodes, age_s=34.0), height_age_s=34.0, age_s=34.0)


def chain_down() -> Snapshot:
    """No endpoint answers; the controller does."""
    return snapshot(None, node(1277, attempt()))


def node_down() -> Snapshot:
    """No controller answers; the chain does."""
    return snapshot(chain(1277, (proposal(ALL_READY),), ALL_READY), None)


def called() -> Snapshot:
    """The operator is called while automation is paused."""
    entry = proposal(ALL_READY, verdict=Verdict.CROSS, frozen_at=1295)
    view = chain(1342, (entry,), ALL_READY)
    status = node(
        TARGET,
        attempt(crossing=Crossing.WAITING_FOR_QUORUM),
        version=UntrustedText("v0.2.0"),
        generation="v0.2.0",
        last_exit_code=2,
        halt_height=0,
        paused="the disk is being replaced",
        alarm="the network went on without this node: it is at height 1342, past 1300; down for more than 5m 00s, at "
        "WAITING_FOR_QUORUM",
    )
    return snapshot(view, status)


LOG = (
    ("node", "I[2025-10-09|08:53:18] committed state module=state height=1233 app_hash=5E5E"),
    ("controller", "proposal 1 v0.2.0: release verified, staged as upgrades/v0.2.0"),
    ("controller", "proposal 1 v0.2.0: signalled ready at height 1210"),
    ("node", "I[2025-10-09|08:53:19] committed state module=state height=1234 app_hash=5E5E"),
)


def a_release(**changes: object) -> KnownRelease:
    """A release that two developers and a builder signed."""
    base = KnownRelease(
        "v0.2.0",
        path="/var/lib/upgrade-console/manifests/v0.2.0/manifest.json",
        accepted=True,
        sha256=HASH,
        checks=(
            ReleaseCheck("hash", "passed", f"sha256 {HASH}, as the chain says"),
            ReleaseCheck("developers", "passed", "2 of 2 signed (alice, bob)"),
            ReleaseCheck("auditors", "not asked", "0 signed; none is asked for"),
            ReleaseCheck("not after", "warning", "its makers meant it to be used until 2025-10-01 00:00 UTC"),
        ),
        counts=(
            RoleCount("developer", ("alice", "bob"), 2),
            RoleCount("builder", ("bea",), 1),
            RoleCount("auditor", (), 0),
        ),
        facts=(("release", "v0.2.0, version 0.2.0"), ("grace", "100 blocks for late nodes")),
        migration=("1 standard operation, all or none, before the block's own:", "  1. Write one storage slot."),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def a_signing_record(blocks: int = 40, newest: int = 1233) -> SigningRecord:
    """One that missed a block and voted for nothing in another."""
    marks = {newest - 9: Signed.ABSENT, newest - 4: Signed.NOTHING}
    heights = range(newest - blocks + 1, newest + 1)
    return SigningRecord(
        tuple((height, marks.get(height, Signed.BLOCK)) for height in heights), "http://127.0.0.1:26657", ""
    )


def no_node() -> ConsoleError:
    """What a session without a node says."""
    return InputError("no node of network devnet is set up on this machine", safe="nothing was changed")


def a_day_of_traffic() -> Traffic:
    """Busy by day, quiet at four in the morning, a second a block."""
    busy = (6, 9, 14, 18, 22, 24, 25, 24, 22, 20, 18, 15, 12, 10, 8, 6, 4, 3, 2, 1, 2, 3, 4, 5)
    samples = (
        TrafficSample(100_000 + 3600 * hour, NOW - 3600 * (24 - hour), 20, transactions)
        for hour, transactions in enumerate(busy)
    )
    return Traffic(tuple(samples), "http://127.0.0.1:26657")


def audit_entries() -> tuple[AuditEntry, ...]:
    """A ready signal that was first refused, an operator's word, and a vote that was signed here."""
    sent = (
        ("call", "vote(id=1, support=true)"),
        ("effect", "Votes yes on proposal 1."),
        ("signed by", PROPOSER),
        ("hash", "0x" + HASH),
        ("outcome", "in block 1205"),
    )
    rows = (
        (AuditKind.STATE, 1, "planned: proposal 1, height 1300", (("journal row", "1"), ("height", "1300")), True),
        (AuditKind.SENT, None, "vote(id=1, support=true): in block 1205", sent, True),
        (AuditKind.ERROR, 1, "refused ready: reason no gas", (("journal row", "2"), ("reason", "no gas")), False),
        (AuditKind.OPERATOR, None, "asked: method pause, who op", (("journal row", "3"), ("who", "op")), True),
        (AuditKind.OTHER, None, "points pruned: names crossing-1", (("journal row", "4"),), True),
        (AuditKind.VERDICT, 1, "verdict: verdict CROSS", (("journal row", "5"), ("verdict", "CROSS")), True),
    )
    return tuple(
        AuditEntry(
            f"e{number}",
            NOW - 600 + number * 60,
            "console" if kind is AuditKind.SENT else "controller",
            kind,
            attempt,
            words,
            detail,
            good,
        )
        for number, (kind, attempt, words, detail, good) in enumerate(rows)
    )
