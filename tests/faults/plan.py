"""What the fault suite plays: scenarios, faults, and which pair a seed stands for.

Seeds keep their meaning as long as this file and the fault points do: `python -m tests.faults SEED` plays one again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from console import node
from console.node.shim import FAULT_POINTS as SHIM_POINTS
from console.node.table import fault_points
from tests.faults.scripted import NEW_BEHAVIOURS, OLD_BEHAVIOURS

ENDS = frozenset({"COMMITTED", "RESUMED_OLD", "PARKED", "NEEDS_OPERATOR"})
"""Where a run with a plan may end, whatever was done to it (facts/safety.md §3, I5)."""

Command = tuple[str, str, dict[str, Any]]
"""State of the node, what the operator then does, and with what words."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to one node when nothing goes wrong with its controller."""

    name: str
    ends: frozenset[str]
    """The states in which it may end."""
    old: str = "good"
    new: str = "good"
    verdict: str = "CROSS"
    late: float = 0.0
    """Seconds after the halt for which the verdict is not known."""
    chain: str = "ipc"
    plan: str = "registry"
    """`registry`; `file`: x/upgrade's; `missed`: seen after H only; `none`."""
    surprise: bool = True
    """Whether the plan is seen when the node runs already, so that it is started again to be armed."""
    backup: bool = True
    breaking: bool = True
    commands: tuple[Command, ...] = ()
    hold: int = 0
    """How many of the commands are obeyed before the chain goes on to H."""
    startup_timeout_s: float = 20.0
    pre_upgrade: int = 0
    """Exit code of the new binary's `pre-upgrade`."""
    served: bool = True
    """Whether the release can be downloaded from the beginning."""
    approved: bool = False
    """Whether the plan has no height until our node is ready and the first `hold` commands are obeyed."""
    replaced: bool = False
    """Whether the plan names another release until that one is being staged."""
    linked: bool = False
    """Whether linked calls have to be made before the freeze."""

    @property
    def parks(self) -> bool:
        """Whether the new binary never executes H, so that its starts are counted strictly."""
        return self.new not in _EXECUTING and not self.commands


_EXECUTING = frozenset({"good", "dies-once", "dies-later", "orphan", "deaf", "stalls", "executes-then-dies"})
_SLOW = frozenset({"no-block", "no-rpc", "deaf-no-rpc"})
_REASON = {"reason": "the test says so"}


def _end_of(new: str) -> str:
    if new in {"good", "dies-once", "dies-later", "orphan", "deaf"}:
        return "COMMITTED"
    return "NEEDS_OPERATOR" if new == "executes-then-dies" else "PARKED"


def scenario(name: str, *ends: str, **changes: Any) -> Scenario:
    """A scenario; the start-up timeout is short where it is what ends a try."""
    made = Scenario(name, frozenset(ends), **changes)
    if made.new in _SLOW and "startup_timeout_s" not in changes:
        return Scenario(name, frozenset(ends), **{**changes, "startup_timeout_s": 0.4})
    return made


def _scenarios() -> Iterator[Scenario]:
    yield scenario("cross", "COMMITTED")
    yield scenario("planned-before", "COMMITTED", surprise=False)
    yield scenario("cross-late", "COMMITTED", late=0.3)
    yield scenario("abort", "RESUMED_OLD", verdict="ABORT")
    yield scenario("abort-late", "RESUMED_OLD", verdict="ABORT", late=0.3)
    yield scenario("no-backup", "COMMITTED", backup=False)
    yield scenario("no-backup-fails", "NEEDS_OPERATOR", backup=False, new="exit-1")
    yield scenario("not-breaking", "COMMITTED", breaking=False)
    for old in OLD_BEHAVIOURS:
        if old == "always-early-2":
            yield scenario(f"old-{old}", "NEEDS_OPERATOR", old=old)
        elif old != "good":
            yield scenario(f"old-{old}", "COMMITTED", old=old)
    for new in NEW_BEHAVIOURS:
        if new not in {"good", "stalls"}:
            yield scenario(f"new-{new}", _end_of(new), new=new)
    resumed: Command = ("PARKED", "touch", {"name": "resumed"})
    yield scenario("parked-abort", "RESUMED_OLD", new="exit-1", commands=(resumed, ("PARKED", "abort", _REASON)))
    yield scenario(
        "parked-swap",
        "COMMITTED",
        new="exit-101",
        commands=(("PARKED", "swap", {"name": "v0.2.1", **_REASON}),),
    )
    yield scenario(
        "parked-start", "RESUMED_OLD", new="exit-1", breaking=False, commands=(resumed, ("PARKED", "start", {}))
    )
    yield scenario(
        "quorum-abort",
        "RESUMED_OLD",
        new="stalls",
        commands=(
            ("WAITING_FOR_QUORUM", "touch", {"name": "resumed"}),
            ("WAITING_FOR_QUORUM", "abort", _REASON),
        ),
    )
    yield scenario(
        "rollback",
        "PARKED",
        new="no-block",
        startup_timeout_s=30.0,
        commands=(("STARTING", "rollback", _REASON),),
    )
    waiting, stopped = "WAITING_FOR_QUORUM", "STOPPED_BY_OPERATOR"
    yield scenario(
        "quorum-stop-abort",
        "RESUMED_OLD",
        new="stalls",
        commands=(
            (waiting, "stop", {}),
            (stopped, "touch", {"name": "resumed"}),
            (stopped, "start", {}),
            (waiting, "abort", _REASON),
        ),
    )
    failed = "NEEDS_OPERATOR"
    yield scenario(
        "needs-abort",
        "RESUMED_OLD",
        new="executes-then-dies",
        commands=((failed, "touch", {"name": "resumed"}), (failed, "abort", _REASON)),
    )
    yield scenario("needs-start", failed, new="executes-then-dies", commands=((failed, "start", {}),))
    yield scenario("paused", "COMMITTED", late=0.3, commands=(("HALTED", "pause", _REASON), ("HALTED", "resume", {})))
    yield scenario("disarm", "RESUMED_OLD", verdict="ABORT", commands=(("ARMED", "disarm", _REASON),), hold=1)
    yield scenario(
        "disarm-arm", "COMMITTED", commands=(("ARMED", "disarm", _REASON), ("READY", "arm", _REASON)), hold=2
    )
    yield scenario(
        "stopped",
        "COMMITTED",
        commands=(("ARMED", "stop", {}), ("STOPPED_BY_OPERATOR", "start", {})),
        hold=2,
    )
    yield scenario("restart", "COMMITTED", commands=(("ARMED", "restart", {}),), hold=1)
    yield scenario("fetch-fails", "COMMITTED", served=False, commands=(("ARMED", "serve", {}),))
    yield scenario(
        "resync",
        "COMMITTED",
        plan="missed",
        commands=(("MISSED_HALT", "resync", {**_REASON, "from_genesis": True}),),
    )
    yield scenario(
        "resync-from-point",
        "COMMITTED",
        plan="missed",
        commands=(
            ("IDLE", "backup", {"name": "before"}),
            ("IDLE", "touch", {"name": "go"}),
            ("MISSED_HALT", "resync", {**_REASON, "from_genesis": False}),
        ),
    )
    yield scenario("approved", "COMMITTED", approved=True)
    yield scenario("replaced", "COMMITTED", replaced=True)
    yield scenario("approved-replaced", "COMMITTED", approved=True, replaced=True)
    yield scenario("linked", "COMMITTED", linked=True)
    off = {"name": "cancelled"}
    for name, state, more in (
        ("cancel-failed", "FAILED", {"approved": True, "served": False}),
        ("cancel-ready", "READY", {"approved": True}),
        ("cancel-armed", "ARMED", {}),
        ("cancel-halted", "HALTED", {"late": 1000.0, "hold": 0}),
    ):
        yield scenario(name, "RESUMED_OLD", commands=((state, "touch", off),), **{"hold": 1, **more})
    yield scenario("idle", "IDLE", plan="none")
    yield scenario(
        "restore",
        "IDLE",
        plan="none",
        commands=(("IDLE", "backup", {"name": "mine"}), ("IDLE", "restore", {"name": "mine", **_REASON})),
    )
    yield scenario("by-hand", "COMMITTED", plan="none", commands=(("IDLE", "swap", {"name": "v0.2.1", **_REASON}),))
    file = {"chain": "cosmos", "plan": "file"}
    yield scenario("file", "COMMITTED", **file)
    yield scenario("file-panics", "COMMITTED", old="exit-1", **file)
    yield scenario("file-deaf", "COMMITTED", old="deaf", **file)
    yield scenario("file-fails", "PARKED", new="exit-1", **file)
    yield scenario("file-corrupts", "PARKED", new="corrupts", **file)
    yield scenario("file-signs", "PARKED", new="signs-then-dies", **file)
    yield scenario("file-no-block", "PARKED", new="no-block", **file)
    yield scenario("file-pre-upgrade-fails", "PARKED", pre_upgrade=30, **file)
    yield scenario("file-no-backup", "COMMITTED", backup=False, **file)


@cache
def scenarios() -> dict[str, Scenario]:
    """Every scenario by its name."""
    return {entry.name: entry for entry in _scenarios()}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to the controller and the shims."""

    kind: str
    """`none`; `point`: killed there; `both`: and the shim and its node's group then; `shim`: the shim is killed at one
    of its points; `pause`: stopped for a while; `kill`: at any moment; `call`: a system call of the controller fails;
    `shim-call`: one of the shim; `tamper`: killed at a point, and the staged binary is changed then; `damage`: killed
    at a point, and the rollback point loses a file then."""
    point: str = ""
    when: int = 1
    """At the n-th passing of the point or call of a thread; for `shim` the number of the run."""
    times: int = 1
    """Lives of the controller to which it happens."""
    call: str = ""
    """System calls, with commas between."""
    action: str = ""
    target: str = "controller"
    """Of a pause or a kill: `controller`, `shim` or `both`."""
    skips: int = 0
    """Shims that are left alone before those that a `shim-call` hinders; `times` says how many."""
    after_s: float = 0.0
    for_s: float = 0.0

    def __str__(self) -> str:
        parts = {
            "none": "",
            "point": f"{self.point}:{self.when}x{self.times}",
            "both": f"{self.point}:{self.when}",
            "tamper": f"{self.point}:{self.when}",
            "damage": f"{self.point}:{self.when}",
            "shim": f"{self.point}:{self.when}",
            "pause": f"{self.target} at {self.after_s:.2f} s for {self.for_s:.2f} s",
            "kill": f"{self.target} at {self.after_s:.2f} s x{self.times}",
            "call": f"{self.call} {self.action} at {self.when} x{self.times}",
            "shim-call": f"{self.call} {self.action} at {self.when} x{self.times} after {self.skips}",
        }
        return f"{self.kind} {parts[self.kind]}".strip()


@dataclass(frozen=True, slots=True)
class FaultRun:
    """One run."""

    seed: int
    scenario: Scenario
    fault: Fault
    must_happen: bool = field(default=False)
    """Whether the fault is at a point that this scenario passes for sure."""

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.scenario.name}, {self.fault}"

    @property
    def clean(self) -> bool:
        """Whether what was done must not change the end: somebody killed or stopped once, and no more."""
        if self.fault.kind == "shim-call":
            return self.fault.times == 1 and self.fault.action == "signal=KILL"
        return self.fault.kind not in {"call", "tamper", "damage"} and self.fault.times == 1


CALLS = (
    ("rename,renameat,renameat2", 12),
    ("fsync,fdatasync", 60),
    ("link,linkat", 3),
    ("symlink,symlinkat", 2),
    ("unlink,unlinkat", 25),
    ("mkdir,mkdirat", 12),
    ("openat", 400),
    ("pwrite64", 120),
    ("write", 60),
    ("clone,clone3,vfork,fork", 10),
    ("execve", 1),
)
"""Groups of system calls of the controller, with about as many calls as one upgrade makes in a thread."""
SHIM_CALLS = (
    ("rename", 2),
    ("fsync", 4),
    ("openat", 40),
    ("write", 6),
    ("clone,fork,vfork", 1),
    ("execve", 1),
)
ACTIONS = ("signal=KILL", "error=EIO", "error=ENOSPC")


def _reaching(point: str) -> tuple[str, int]:
    """A scenario that passes this point, and at which time it is passed."""
    state = point.partition("-")[2]
    by_state = {
        "failed": "fetch-fails",
        "disarmed": "disarm",
        "resumed_old": "abort",
        "rollback": "new-exit-1",
        "restored": "new-corrupts",
        "flipped_back": "new-no-rpc",
        "parked": "new-signs-then-dies",
        "missed_halt": "resync",
        "needs_operator": "new-executes-then-dies",
        "waiting_turn": "disarm-arm",
        "restore-swap": "new-exit-101",
        "scheduled": "approved",
        "replaced": "replaced",
    }
    if point in {"restore-between-renames", "after-restore"}:
        return "new-corrupts", 1
    return by_state.get(state, "cross"), 1


@cache
def controller_points() -> tuple[str, ...]:
    """Every fault point of the controller: those of the table, and those that its modules name."""
    named = set()
    folder = Path(str(node.__file__)).parent
    for path in folder.glob("*.py"):
        named |= set(re.findall(r'\.reach\("([a-z_-]+)"\)', path.read_text()))
    # The journal's own words for what is no state.
    named |= {f"{side}-{word}" for side in ("before", "after") for word in ("verdict", "scheduled", "replaced")}
    return (*fault_points(), *sorted(named - set(fault_points())))


def _covering() -> Iterator[tuple[str, Fault, bool]]:
    """Scenario and fault of each run that must be among the first: every point, every behaviour, every call."""
    for point in controller_points():
        name, when = _reaching(point)
        yield name, Fault("point", point, when), True
    for point in controller_points():
        name, when = _reaching(point)
        yield name, Fault("point", point, when, times=3), True
    # Starts: the first one, the one that arms, the new binary's.
    for number in (2, 3):
        for side in ("before", "after"):
            yield "cross", Fault("point", f"{side}-start", number), True
    yield "abort", Fault("point", "after-start", 3), True
    for point in ("before-halted", "after-halted"):
        yield "abort", Fault("point", point), True
    yield from (("restore", Fault("point", point), True) for point in ("before-restore-swap", "after-restore"))
    for point in ("restore-between-renames", "before-rollback", "after-restored"):
        yield "quorum-abort", Fault("point", point), True
    yield "resync-from-point", Fault("point", "restore-between-renames"), True
    for point in (
        "after-planned",
        "before-verified",
        "after-verified",
        "before-staged",
        "after-staged",
        "before-ready",
    ):
        yield "approved", Fault("point", point), True
    for point in ("after-fetching", "before-staged", "after-staged", "after-ready"):
        yield "replaced", Fault("point", point), True
        yield "approved-replaced", Fault("point", point), True
    for name in ("cancel-failed", "cancel-ready", "cancel-armed", "cancel-halted"):
        yield from ((name, Fault("point", point), True) for point in ("before-verdict", "after-resumed_old"))
    yield from (("cancel-armed", Fault("point", point), True) for point in ("before-disarmed", "after-disarmed"))
    yield from (("linked", Fault("point", point), True) for point in ("after-armed", "before-verdict"))
    yield "by-hand", Fault("point", "before-switched"), True
    yield "parked-swap", Fault("point", "after-switched", 1, times=2), True
    for name in scenarios():
        yield name, Fault("none"), False
    for point in SHIM_POINTS:
        for run in (2, 3):
            yield "cross", Fault("shim", point, run), False
        yield "new-orphan-dies", Fault("shim", point, 3), False
    for point in ("after-halted", "after-starting", "after-start", "after-rollback", "after-arming"):
        yield ("new-orphan-dies" if point != "after-start" else "old-orphan"), Fault("both", point), True
    yield "new-orphan-dies", Fault("both", "after-start", 3), True
    for point in ("after-ready", "after-quiesced", "after-switched", "before-start"):
        yield "cross", Fault("tamper", point), True
    for point in ("after-switched", "after-rollback"):
        yield "new-corrupts", Fault("damage", point), True
    for target in ("controller", "shim", "both"):
        yield "cross", Fault("pause", target=target, after_s=0.4, for_s=0.4), False
        yield "new-dies-once", Fault("kill", target=target, after_s=0.7), False
    for number, (call, most) in enumerate(CALLS):
        for turn, action in enumerate(ACTIONS):
            name = ("cross", "new-corrupts", "new-exit-1")[(number + turn) % 3]
            yield name, Fault("call", call=call, action=action, when=1 + (7 * number + 11 * turn) % most), False
    for number, (call, most) in enumerate(SHIM_CALLS):
        for turn, action in enumerate(ACTIONS[:2]):
            when, skips = 1 + (3 * number + turn) % most, (number + turn) % 4
            yield "cross", Fault("shim-call", call=call, action=action, when=when, skips=skips), False


@cache
def _cover() -> tuple[tuple[str, Fault, bool], ...]:
    return tuple(_covering())


def fault_run(seed: int) -> FaultRun:
    """The run of a seed: the first ones cover, the others are drawn."""
    cover = _cover()
    if seed < len(cover):
        name, fault, must = cover[seed]
        return FaultRun(seed, scenarios()[name], fault, must)
    chance = random.Random(seed)
    chosen = chance.choice(tuple(scenarios().values()))
    return FaultRun(seed, chosen, _drawn(chance))


def _drawn(chance: random.Random) -> Fault:
    kind = chance.choice(("point", "point", "shim", "both", "pause", "kill", "call", "call", "shim-call"))
    point = chance.choice(controller_points())
    target = chance.choice(("controller", "shim", "both"))
    match kind:
        case "point":
            return Fault(kind, point, chance.randint(1, 3), times=chance.randint(1, 5))
        case "both":
            return Fault(kind, point, chance.randint(1, 2))
        case "shim":
            return Fault(kind, chance.choice(SHIM_POINTS), chance.randint(1, 5))
        case "pause":
            return Fault(kind, target=target, after_s=chance.uniform(0, 1.5), for_s=chance.uniform(0.1, 0.6))
        case "kill":
            return Fault(kind, target=target, after_s=chance.uniform(0, 1.5), times=chance.randint(1, 3))
        case "call":
            call, most = chance.choice(CALLS)
            when, times = chance.randint(1, most), chance.randint(1, 2)
            return Fault(kind, call=call, action=chance.choice(ACTIONS), when=when, times=times)
    call, most = chance.choice(SHIM_CALLS)
    when, skips, times = chance.randint(1, most), chance.randint(0, 4), chance.randint(1, 4)
    return Fault(kind, call=call, action=chance.choice(ACTIONS), when=when, skips=skips, times=times)


def covering_seeds() -> range:
    """Seeds of the runs that cover every point."""
    return range(len(_cover()))


SAMPLE = 40
"""Drawn runs that `make test` plays beside those that cover."""
SOAK = 1000
"""Drawn runs of `make soak`."""
