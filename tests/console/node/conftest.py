"""What the controller tests share: a bench that leaves no process behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.node.bench import Bench
from tests.console.node.cosmos_nodes import CosmosBench, cosmos_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.end()


@pytest.fixture
async def cosmos(tmp_path: Path) -> AsyncIterator[CosmosBench]:
    async with cosmos_bench(tmp_path) as bench:
        yield bench
