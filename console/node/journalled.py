"""What the journal says of a node whose controller does not answer; for reading only."""

from __future__ import annotations

import time
from pathlib import Path

from console.errors import NodeError
from console.model import Crossing, NodeStatus, shown_state
from console.node.evidence import wrong_app_hash
from console.node.journal import Journal
from console.node.runtime.shim import ShimRuntime
from console.text import untrusted


def journalled_status(state_dir: Path, name: str) -> NodeStatus | None:
    """The node's status from its journal and process table; None when there is no journal.

    Raises:
        JournalError: The journal is damaged or from a newer version.
    """
    path = state_dir / "journal.db"
    if not path.is_file():
        return None
    journal = Journal(path, read_only=True)
    try:
        runtime = ShimRuntime(state_dir / "run", state_dir)
        runs = journal.runs(5)
        try:
            live = runtime.recorded()
        except NodeError:
            live = None
        current = runs[0] if runs else None
        running = live is not None and current is not None and live.run_id == current.id and runtime.node_alive(live)
        ended_code = next((run.exit_code for run in runs if run.ended_at is not None), None)
        if current is not None and current.ended_at is None and not running:
            record = runtime.exit_record(current.id)
            ended_code = None if record is None else record.code
        observation = journal.observation
        attempt = journal.latest_attempt()
        state = shown_state(
            attempt,
            running=running,
            stopped_by_operator=bool(journal.meta("stopped_by_operator")),
            needs_operator=bool(journal.meta("needs_operator")),
        )
        note = "the controller does not run: this is its journal's last word"
        if not running and live is not None and wrong_app_hash(runtime.log_since(live.log_offset)):
            # The journal cannot know it: this happened while no controller looked.
            state = Crossing.MISSED_HALT.value
            note = "the controller does not run; the node stopped because the network executed other rules than it did"
        return NodeStatus(
            name=name,
            state=state,
            generation="" if current is None else current.generation,
            version=untrusted(journal.meta("version") or ""),
            pid=live.child_pid if running and live is not None else None,
            height=None if observation is None else observation.height,
            app_height=None if observation is None else observation.app_height,
            height_age_s=None if observation is None else max(0.0, time.time() - observation.read_at),
            halt_height=current.halt_height if running and current is not None else 0,
            last_exit_code=ended_code,
            exe_sha256=live.exe_sha256 if running and live is not None else "",
            attempt=attempt,
            controller_pid=0,
            note=note,
        )
    finally:
        journal.close()
