"""The shim killed at each of its points: nothing runs unseen, and the node can be started again."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import NodeError
from console.node import shim as program
from console.node.runtime.shim import ShimRuntime
from tests.console.node.runtime.scripts import WAITS, run_of, until

pytestmark = pytest.mark.anyio

NEVER_RAN = ("shim-before-lock", "shim-before-fork", "shim-before-record")
SCRIPT = f"trap 'exit 0' TERM; echo \"$UPGRADE_CONSOLE_SHIM_FAULT\" > $HOME/touched; {WAITS}"


@pytest.mark.parametrize("prepared", [False, True], ids=["spawned", "prepared"])
@pytest.mark.parametrize("point", program.FAULT_POINTS)
async def test_a_shim_killed_here_leaves_nothing_unseen(
    shims: ShimRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, prepared: bool
) -> None:
    touched = tmp_path / "touched"
    spec = run_of(tmp_path, SCRIPT, f"trap 'exit 0' TERM; {WAITS}")
    with monkeypatch.context() as patch:
        patch.setenv(program.FAULT_VARIABLE, f"{point}:1")
        if prepared:
            shims.prepare(spec)
        if point in NEVER_RAN:
            with pytest.raises(NodeError, match="without a record"):
                await shims.start(spec)
            assert not touched.exists()
        else:
            live = await shims.start(spec)
            assert live == shims.recorded()
            if point != "shim-before-exec":
                await until(lambda: touched.exists() and touched.read_text() == "\n")
            record = await shims.stop(live)
            assert (record is not None) == (point == "shim-after-exit-record")
            assert touched.exists() == (point != "shim-before-exec")
    assert not shims.lock_held()
    again = await shims.start(run_of(tmp_path, "exit 5", run_id=2))
    record = await shims.ended(again)
    assert record is not None
    assert record.code == 5
