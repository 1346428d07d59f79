"""What is inside a node, without one: processes, generations, rollback points and journal, with a fixed clock."""

from __future__ import annotations

from dataclasses import replace

from console.model import (
    Crossing,
    DiskUse,
    FleetNode,
    FolderSize,
    GenerationOnDisk,
    JournalEntry,
    NodeProcess,
    NodeStorage,
    OwnConsensus,
    PointOnDisk,
    ProcessTree,
    Snapshot,
)
from console.text import UntrustedText
from tests import fakes
from tests.fakes import HASH, NOW, URL


def a_process(name: str, depth: int, **changes: object) -> NodeProcess:
    """One process of the node, up for two hours."""
    base = NodeProcess(
        pid=41_200 + depth,
        name=UntrustedText(name),
        depth=depth,
        state="sleeping",
        cpu_percent=1.4,
        memory_bytes=(40 + depth) << 20,
        open_files=20 + depth,
        file_limit=65_536,
        threads=4,
        started_at=NOW - 7_260.0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def a_tree(*remarks: str, **of_app: object) -> ProcessTree:
    """Controller, shim, application and consensus."""
    app = a_process("app", 2, pid=41_234, cpu_percent=37.5, memory_bytes=3 << 30, open_files=812, state="running")
    processes = (
        a_process("controller", 0),
        a_process("shim", 1),
        replace(app, **of_app),  # type: ignore[arg-type]
        a_process("cometbft", 2, pid=41_240, threads=19),
    )
    return ProcessTree(NOW, processes, remarks)


def a_storage(**changes: object) -> NodeStorage:
    """Two generations, two rollback points and what a restore set aside."""
    generations = (
        GenerationOnDisk(
            UntrustedText("genesis"),
            current=True,
            complete=True,
            sha256="ab" * 32,
            origin=UntrustedText("attested by op"),
            staged_at=NOW - 9e6,
            bytes=61 << 20,
        ),
        GenerationOnDisk(
            UntrustedText("v0.2.0"),
            current=False,
            complete=True,
            sha256=HASH,
            origin=UntrustedText(URL),
            manifest="cd" * 32,
            signatures=3,
            staged_at=NOW - 700,
            bytes=62 << 20,
        ),
    )
    sentence = (
        "rollback point, not a backup: taken at height 1220, 5m 00s ago; it shares 812 files of 29.0 GiB with the data "
        "and costs at most 310.0 MiB of its own now; lost with the disk or by damage to a shared file"
    )
    points = (
        PointOnDisk(
            UntrustedText("arming-1"),
            complete=True,
            sentence=sentence,
            taken_at=NOW - 300,
            app_height=1220,
            generation="genesis",
            method="reflink",
            apparent_bytes=29 << 30,
            own_bytes=310 << 20,
            exact=False,
        ),
        PointOnDisk(
            UntrustedText("by-hand-20250901"), complete=False, sentence="looks like a rollback point and is none"
        ),
        PointOnDisk(
            UntrustedText("bad-1"),
            complete=False,
            sentence="data that a restore set aside, in data.bad-1: costs 28.1 GiB; never restored",
            set_aside=True,
            own_bytes=28 << 30,
        ),
    )
    folders = tuple(
        FolderSize(name, UntrustedText(f"/var/lib/{name}"), count, whole)
        for name, count, whole in (("home", 31 << 30, False), ("state", 90 << 20, True), ("data", 29 << 30, True))
    )
    disk = DiskUse(412 << 30, 1800 << 30, folders, NOW)
    return replace(NodeStorage(NOW, generations, points, disk), **changes)  # type: ignore[arg-type]


JOURNAL = tuple(
    JournalEntry(90 - index, NOW - 20.0 * index, 1, UntrustedText(kind), UntrustedText(detail))
    for index, (kind, detail) in enumerate(
        (
            ("armed", "environment of process 41234 holds 1300"),
            ("run", "run 4, generation genesis, halt_height 1300"),
            ("arming", "height 1300"),
            ("said-ready", "value 1"),
            ("ready", "preflight passed"),
            ("staged", ""),
            ("verified", f"sha256 {HASH}"),
            ("failed", "the download ended early; failure_code 1"),
            ("operator-stop", ""),
        )
    )
)


def parked() -> Snapshot:
    """Rolled back after a failed start: the operator decides."""
    mine = fakes.attempt(crossing=Crossing.PARKED, note="stopped, on the old binary; it ended with code 1")
    mine = replace(mine, left="genesis", rollback_point="crossing-1", tries_left=0)
    node = fakes.node(fakes.TARGET, mine, pid=None, last_exit_code=1, halt_height=0, alarm=f"PARKED: {mine.note}")
    return fakes.snapshot(fakes.halted().chain, node)


def stopped() -> Snapshot:
    """Stopped by hand."""
    return fakes.snapshot(fakes.chain(1210), fakes.node(1210, pid=None, state="STOPPED_BY_OPERATOR", exe_sha256=""))


def controller_down() -> Snapshot:
    """Only the journal speaks."""
    return replace(fakes.committed(), node_problem="no controller answers in /var/lib/upgrade-console/node1/run.")


def nothing_runs() -> ProcessTree:
    """What is seen while the node is down."""
    tree = a_tree("The node does not run.")
    return replace(tree, processes=tree.processes[:1])


def hidden() -> ProcessTree:
    """A node of another user, and one in a container that only its engine sees."""
    app = a_process("app", 2, open_files=None, hidden="its descriptors are shown to validator and to root only")
    far = a_process("container cometbft", 2, pid=7, state="", cpu_percent=None, memory_bytes=None)
    base = a_tree(
        "app: its descriptors are shown to validator and to root only.",
        "container cometbft: process 7 of container subnet-cometbft is not on this machine's process table: only its"
        " engine sees it.",
    )
    gone = replace(
        far, open_files=None, file_limit=None, threads=None, started_at=None, hidden="only its engine sees it"
    )
    return replace(base, processes=(*base.processes[:2], app, gone))


def a_fleet() -> tuple[FleetNode, ...]:
    """Twelve nodes: one that does not answer, one that calls its operator, one that is down, the rest well."""
    seen = OwnConsensus(1204, 1203, False, 11, 10, 120, True, f"{1:040X}")
    nodes = [FleetNode("node1", "", fakes.node(1204, halt_height=0), seen, NOW - 300, NOW - 1)]
    for number in range(2, 13):
        status = fakes.node(1203, name=f"node{number}", generation="v0.1.6", version=UntrustedText("v0.1.6"))
        nodes.append(FleetNode(f"node{number}", f"val-{number}", status, seen, NOW - 90_000, NOW - 2))
    lost = "SSH to node4 (val-4) is lost: Timeout, server val-4 not responding; its node and its controller go on."
    nodes[3] = replace(nodes[3], problem=lost, read_at=NOW - 130)
    alarm = "PARKED: the new binary did not come up; on with `upgrade-console node swap v0.1.6`"
    parked = fakes.node(1100, name="node7", state="PARKED", pid=None, alarm=alarm)
    nodes[6] = replace(nodes[6], status=parked, consensus=None)
    nodes[9] = replace(nodes[9], consensus=replace(seen, signed=False, catching_up=True, height=900), point_at=None)
    return tuple(nodes)
