"""Whether chain and node are well now, read from one Snapshot. Pure."""

from __future__ import annotations

from console.model import AgreementState, ChainView, Crossing, Finding, NodeState, NodeStatus, Snapshot
from console.model.procedure import failed, passed, warned
from console.text import duration

STALE_S = 5.0
"""Seconds after which an answer is too old to go by."""
NODE_STALE_S = 10.0
"""The same of our node's own reading: at rest it is read every few seconds."""
SLOW = 3.0
"""Times the block time without a block from which the chain is said to be slow."""
_LEAST_SLOW_S = 10.0

_DOWN = frozenset({NodeState.STOPPED.value, NodeState.STOPPED_BY_OPERATOR.value, NodeState.NEEDS_OPERATOR.value})


def chain_health(snapshot: Snapshot) -> Finding:
    """Whether the chain answers, makes blocks, and its endpoints say the same."""
    chain = snapshot.chain
    if chain is None or chain.age_s > STALE_S:
        why = snapshot.chain_problem or "its last answer is too old"
        return failed(f"the chain does not answer: {why}", go_on="mend the endpoints of the settings, then try again")
    evidence = _chain_evidence(snapshot, chain)
    if chain.agreement is not None and chain.agreement.state is AgreementState.DISAGREED:
        return failed(
            f"the endpoints contradict each other: {chain.agreement.sentence}",
            *evidence,
            go_on="find out which of them lies or is on another chain, and take it out of the settings",
        )
    if chain.stalled is not None:
        return failed(
            f"the chain {chain.stalled.sentence}", *evidence, go_on="begin nothing before the chain makes blocks again"
        )
    quiet_s = None if chain.block_time_unix is None else snapshot.taken_at - chain.block_time_unix
    slow_s = max(_LEAST_SLOW_S, SLOW * (chain.block_time_s or 0.0))
    if quiet_s is not None and quiet_s > slow_s:
        return warned(
            f"the newest block is {duration(quiet_s)} old",
            *evidence,
            go_on="look again; a chain that slows down is no moment for an upgrade",
        )
    if chain.problem:
        return warned(f"not all of the chain can be read: {chain.problem}", *evidence, go_on="mend what is named")
    return passed(f"the chain makes blocks: {chain.height:,}, {_pace(chain)}", *evidence)


def _pace(chain: ChainView) -> str:
    return "its block time is not known yet" if chain.block_time_s is None else f"{chain.block_time_s:.2f} s a block"


def _chain_evidence(snapshot: Snapshot, chain: ChainView) -> tuple[str, ...]:
    answering = sum(node.reachable for node in chain.nodes)
    lines = [
        f"height {chain.height:,}, read {chain.age_s:.1f} s ago",
        f"{answering} of {len(chain.nodes)} known nodes answer",
    ]
    if chain.block_time_unix is not None:
        lines.append(f"newest block {duration(max(0.0, snapshot.taken_at - chain.block_time_unix))} old")
    lines += [
        f"{node.moniker or node.url}: height {node.height:,}, {node.peers} peers"
        + ("" if node.reachable else f", does not answer for {duration(node.age_s)}")
        for node in chain.nodes[:8]
    ]
    return tuple(lines)


def service_health(snapshot: Snapshot) -> Finding:
    """Whether our node runs under its controller, and nobody is called for it."""
    node = snapshot.node
    if node is None or snapshot.node_problem:
        return failed(
            f"the node's controller does not answer: {snapshot.node_problem or 'there is no node here'}",
            go_on="start it with `upgrade-console node run`; a running node goes on without it meanwhile",
        )
    evidence = _node_evidence(node)
    if node.alarm:
        return failed(f"the operator is called: {node.alarm}", *evidence, go_on="`upgrade-console node status`")
    if node.state in _DOWN or node.pid is None:
        return failed(f"the node does not run: {node.state}", *evidence, go_on=how_to_start(node))
    age = node.height_age_s
    if age is None or age > NODE_STALE_S:
        since = "was never read" if age is None else f"was read {duration(age)} ago"
        return failed(
            f"the node runs, but its height {since}", *evidence, go_on="look at its log: its RPC does not answer"
        )
    if node.paused:
        return warned(
            f"automation is paused: {node.paused}", *evidence, go_on="`upgrade-console node resume` before the halt"
        )
    return passed(f"{node.name} runs {node.generation}: {node.state} at height {node.height:,}", *evidence)


def how_to_start(status: NodeStatus) -> str:
    """What leads on from a node that does not run: in a crossing its controller does, and nobody else."""
    attempt = status.attempt
    if attempt is not None and attempt.crossing is not Crossing.NONE and not attempt.crossing.ended:
        return "`upgrade-console node status` says what it waits for; start nothing past it"
    return "`upgrade-console node start`"


def _node_evidence(node: NodeStatus) -> tuple[str, ...]:
    height = "unknown" if node.height is None else f"{node.height:,}"
    lines = [
        f"{node.name}: {node.state}, pid {node.pid}, height {height}",
        f"generation {node.generation}, version {node.version or 'unknown'}, sha256 {node.exe_sha256 or 'unknown'}",
    ]
    if node.note:
        lines.append(node.note)
    return tuple(lines)
