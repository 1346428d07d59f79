"""Which Snapshots an operator would want to find again: something was decided, done or lost since the one before."""

from __future__ import annotations

from console.model import ChainView, NodeStatus, Snapshot


def is_event(before: Snapshot | None, snapshot: Snapshot) -> bool:
    """Whether more than heights, ages and numbers of peers changed."""
    return before is None or _landmarks(before) != _landmarks(snapshot)


def _landmarks(snapshot: Snapshot) -> tuple[object, ...]:
    answers = snapshot.chain is not None and not snapshot.chain_problem
    controlled = snapshot.node is not None and not snapshot.node_problem
    return answers, controlled, _of_chain(snapshot.chain), _of_node(snapshot.node)


def _of_chain(chain: ChainView | None) -> tuple[object, ...]:
    if chain is None:
        return ()
    proposals = tuple(
        (each.id, each.status, each.verdict, each.target_height, each.release_hash, each.contracts_at)
        for each in chain.proposals
    )
    said = () if chain.readiness is None else chain.readiness.validators
    stances = tuple((each.ready, each.armed, each.failure_code, each.confirmed_at > 0) for each in said)
    nodes = tuple((each.reachable, each.version) for each in chain.nodes)
    return proposals, stances, nodes


def _of_node(node: NodeStatus | None) -> tuple[object, ...]:
    if node is None:
        return ()
    attempt = node.attempt
    steps = () if attempt is None else (attempt.id, attempt.preparation, attempt.arming, attempt.crossing)
    return node.state, node.generation, node.pid is None, bool(node.paused), bool(node.alarm), steps
