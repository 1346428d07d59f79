"""What a controller knows, for tests of its metrics."""

from __future__ import annotations

from dataclasses import replace

from console.model import Attempt, NodeStatus, Proposal, Readiness
from console.node.metrics.gauges import Known
from console.ports.chain import ConsensusReading, PlanReading
from console.text import untrusted
from tests.console.node.fakes import OTHERS, OWN

IDLE = NodeStatus(
    name="node1",
    state="IDLE",
    generation="genesis",
    version=untrusted("v0.1.5"),
    pid=41234,
    height=60,
    app_height=60,
    height_age_s=0.5,
    halt_height=0,
    last_exit_code=None,
    exe_sha256="ab" * 32,
    attempt=None,
    controller_pid=41200,
    note="",
    paused="",
    alarm="",
)
CONSENSUS = ConsensusReading(
    height=60,
    app_height=60,
    app_hash="CD" * 32,
    version="v0.1.5",
    catching_up=False,
    peers=3,
    signed_power=30,
    total_power=40,
    own_signature=True,
    own_power=10,
)


def known(
    *proposals: Proposal,
    readiness: Readiness | None = None,
    attempt: Attempt | None = None,
    highest_peer: int | None = 60,
    **status: object,
) -> Known:
    """An idle node on a network without plans, with changes."""
    told = replace(IDLE, attempt=attempt, **status)  # type: ignore[arg-type]
    plans = PlanReading(60, tuple(proposals), readiness or Readiness(0, ()))
    return Known(told, plans, CONSENSUS, highest_peer, OWN, automatic=True, contested=False)


__all__ = ["CONSENSUS", "IDLE", "OTHERS", "OWN", "known"]
