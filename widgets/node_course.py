"""What this machine's node does now, and what its controller does next and when. Pure; the node's view draws it."""

from __future__ import annotations

from dataclasses import dataclass

from console.model import Arming, Attempt, Crossing, NodeState, NodeStatus, Preparation, Verdict
from widgets.moments import count


@dataclass(frozen=True, slots=True)
class NodeCourse:
    """Two sentences, without their full stops, and the block at which the second comes true."""

    now: str
    next: str
    at: int | None = None
    """Height; None where no height says when."""
    calls: bool = False
    """Whether nothing goes on before the operator does something."""


_DOWN = "you start it, or its controller does if it may"


def course_of(node: NodeStatus) -> NodeCourse:
    """Read what goes on from a node's status."""
    attempt = node.attempt
    if node.state == NodeState.STOPPED_BY_OPERATOR:
        return NodeCourse("stopped by hand: it signs nothing", "no automation starts it; you do", calls=True)
    if node.state == NodeState.NEEDS_OPERATOR:
        return NodeCourse("automation does not guess, and everything is kept as it is", "you decide", calls=True)
    found = _outside(node) if attempt is None else _of_attempt(node, attempt)
    if node.paused and not found.calls:
        return NodeCourse(found.now, f"nothing by itself: automation is paused ({node.paused})", found.at, calls=True)
    return found


def _outside(node: NodeStatus) -> NodeCourse:
    if node.pid is None:
        return NodeCourse(
            f"it does not run{_ended(node)}", "you start it, or its controller does if it may", calls=True
        )
    return NodeCourse("runs; no upgrade is planned", "takes up the next plan as soon as it is known")


def _ended(node: NodeStatus) -> str:
    return "" if node.last_exit_code is None else f": it ended with code {node.last_exit_code}"


def _of_attempt(node: NodeStatus, attempt: Attempt) -> NodeCourse:
    if attempt.crossing is not Crossing.NONE:
        return _crossing(node, attempt)
    if node.pid is None:
        return NodeCourse(f"it does not run{_ended(node)}", "its controller starts it again unless it ends too often")
    if attempt.arming is Arming.ARMED:
        target = attempt.target_height
        return NodeCourse(f"the running process has loaded {count(target)}", "stops before executing it", target)
    return _preparing(node, attempt)


def _preparing(node: NodeStatus, attempt: Attempt) -> NodeCourse:
    name = attempt.name
    if attempt.preparation is Preparation.READY:
        return _ready(node, attempt)
    if node.fetching is not None:
        return NodeCourse(node.fetching.sentence, "verifies the bytes against the chain's hash")
    if attempt.preparation is Preparation.FAILED:
        return NodeCourse(f"{name} could not be prepared", "tries again by itself, after at most a minute")
    words = {
        Preparation.PLANNED: (f"{name} is planned", "fetches the release"),
        Preparation.FETCHING: (f"fetches {name}", "verifies the bytes against the chain's hash"),
        Preparation.VERIFIED: (f"{name} has the chain's hash", "puts it beside the running binary"),
        Preparation.STAGED: (f"{name} lies beside the running binary", "tries it: preflight"),
    }
    return NodeCourse(*words[attempt.preparation])


def _ready(node: NodeStatus, attempt: Attempt) -> NodeCourse:
    name = attempt.name
    if not attempt.has_height:
        return NodeCourse(f"{name} is approved and prepared", "arms as soon as it has a height")
    if node.proof is not None and not node.proof.given and not attempt.unproven:
        return NodeCourse(f"{name} is ready and not proven on another network", "arms once it is proven")
    if attempt.halts_itself:
        return NodeCourse(f"{name} is verified, staged and tried", "the chain stops the node at", attempt.target_height)
    if attempt.arming is Arming.DISARMED:
        return NodeCourse(
            f"{name} is ready and disarmed by hand", "goes on under old rules, unless you arm", attempt.target_height
        )
    return NodeCourse(
        f"{name} is verified, staged and tried", "arms in its turn, before the freeze", attempt.freeze_height
    )


def _crossing(node: NodeStatus, attempt: Attempt) -> NodeCourse:
    target, after = count(attempt.target_height), count(attempt.target_height + 1)
    tries = f"{attempt.tries_left} {'try' if attempt.tries_left == 1 else 'tries'} left"
    leads: dict[Crossing, NodeCourse] = {
        Crossing.QUIESCED: NodeCourse("no process of the node lives", "takes the rollback point"),
        Crossing.BACKED_UP: NodeCourse("the rollback point is complete", f"switches to {attempt.generation}"),
        Crossing.SWITCHED: NodeCourse(f"{attempt.generation} is in place", f"starts it ({tries})"),
        Crossing.STARTING: NodeCourse(
            f"{attempt.generation} comes up and executes {target}", f"waits for more than 2/3 at {after} ({tries})"
        ),
        Crossing.WAITING_FOR_QUORUM: NodeCourse(
            f"{target} is executed; the others are missing", f"goes on when more than 2/3 of the power is at {after}"
        ),
        Crossing.PROBATION: NodeCourse(
            f"a verified commit of {after} is seen", "COMMITTED with our own signature and the peers' app hash"
        ),
        Crossing.COMMITTED: NodeCourse(f"crossed at {target} and proven; nothing leads back", "takes up the next plan"),
        Crossing.RESUMED_OLD: NodeCourse(
            f"the old binary went on at {target}: the upgrade was aborted", "takes up the next plan"
        ),
        Crossing.ROLLBACK: NodeCourse("stopped, on its way back", "puts the rollback point's data in place"),
        Crossing.RESTORED: NodeCourse("the data is from before the halt", f"switches back to {attempt.left}"),
        Crossing.PARKED: NodeCourse(
            f"{attempt.left or 'the old binary'} is in place and stopped",
            "you cross again, or abort together",
            calls=True,
        ),
        Crossing.MISSED_HALT: NodeCourse(f"executed {target} under old rules", "you bring it back: resync", calls=True),
        Crossing.NEEDS_OPERATOR: NodeCourse("everything is kept as it is", "you decide", calls=True),
    }
    if attempt.crossing is Crossing.HALTED:
        return _halted(attempt)
    if attempt.crossing is Crossing.FLIPPED_BACK:
        aborted = attempt.verdict is Verdict.ABORT
        return NodeCourse("the old binary is in place", "goes on with it" if aborted else "stays down, and calls you")
    found = leads[attempt.crossing]
    if node.pid is None and attempt.crossing in {Crossing.COMMITTED, Crossing.RESUMED_OLD}:
        return NodeCourse(
            f"it does not run{_ended(node)}", "you start it, or its controller does if it may", calls=True
        )
    return found


def _halted(attempt: Attempt) -> NodeCourse:
    stopped = f"stopped before executing {count(attempt.target_height)}"
    if attempt.verdict is Verdict.ABORT:
        return NodeCourse(stopped, "starts the old binary again: the verdict is ABORT")
    if attempt.verdict is Verdict.NONE and not attempt.halts_itself:
        return NodeCourse(stopped, "asks the chain and the others for the verdict")
    if attempt.preparation is not Preparation.READY:
        return NodeCourse(stopped, "crosses as soon as the release is ready here")
    return NodeCourse(stopped, "makes sure that nothing of it lives, then takes the rollback point")
