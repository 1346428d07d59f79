"""A runtime that leaves nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.node.runtime.shim import ShimRuntime
from tests.console.node import nodes


@pytest.fixture
async def shims(tmp_path: Path) -> AsyncIterator[ShimRuntime]:
    """A runtime whose home and `run` folder are in `tmp_path`."""
    (tmp_path / "run").mkdir()
    runtime = ShimRuntime(tmp_path / "run", tmp_path, app_ends_s=0.3)
    yield runtime
    await runtime.release()
    await nodes.end_all(runtime, tmp_path, tmp_path)
