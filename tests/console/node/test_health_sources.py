"""Memory, disk and the parent's finality, as a node's health reads them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.health_sources import (
    FINALITY_METRIC,
    free_bytes,
    memory_limit,
    memory_of,
    parent_finality,
    parse_parent_finality,
)

pytestmark = pytest.mark.anyio

METRICS = f"""# HELP {FINALITY_METRIC} committed
# TYPE {FINALITY_METRIC} gauge
{FINALITY_METRIC}{{subnet_id="/r31415926/t410f"}} 4211
{FINALITY_METRIC}_other 9999
ipc_consensus_block_committed_height 77
"""


def test_memory_is_that_of_the_process_and_all_below_it() -> None:
    program = "import subprocess, sys; child = subprocess.Popen(['sleep', '9']); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program + "; child.kill()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        both, one = memory_of([parent.pid]), memory_of([child.pid])
        # Named twice, counted once.
        again = memory_of([parent.pid, child.pid])
        parent.communicate()
    assert both is not None
    assert one is not None
    assert both > one > 0
    assert again == both


def test_memory_of_processes_that_are_gone_is_not_known() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert memory_of([gone.pid]) is None
    assert memory_of([]) is None


class TestLimit:
    def groups(self, folder: Path, cgroup: str) -> tuple[Path, Path]:
        (folder / "proc" / "7").mkdir(parents=True)
        (folder / "proc" / "7" / "cgroup").write_text(cgroup)
        (folder / "cgroup").mkdir()
        return folder / "proc", folder / "cgroup"

    def test_the_lowest_of_the_groups_above(self, tmp_path: Path) -> None:
        proc, cgroups = self.groups(tmp_path, "0::/system.slice/node.service\n")
        (cgroups / "system.slice" / "node.service").mkdir(parents=True)
        (cgroups / "system.slice" / "node.service" / "memory.max").write_text("max\n")
        (cgroups / "system.slice" / "memory.max").write_text("1048576\n")
        assert memory_limit(7, proc=proc, cgroups=cgroups) == 1 << 20

    def test_the_first_version_of_cgroups(self, tmp_path: Path) -> None:
        proc, cgroups = self.groups(tmp_path, "3:cpu,cpuacct:/x\n4:memory:/docker/ab\n")
        (cgroups / "memory" / "docker" / "ab").mkdir(parents=True)
        (cgroups / "memory" / "docker" / "ab" / "memory.limit_in_bytes").write_text("2097152")
        (cgroups / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712")
        assert memory_limit(7, proc=proc, cgroups=cgroups) == 2 << 20

    @pytest.mark.parametrize("cgroup", ["0::/none\n", "junk", ""])
    def test_without_one_the_machines_memory(self, tmp_path: Path, cgroup: str) -> None:
        proc, cgroups = self.groups(tmp_path, cgroup)
        assert memory_limit(7, proc=proc, cgroups=cgroups) == psutil.virtual_memory().total
        assert memory_limit(8, proc=proc, cgroups=cgroups) == psutil.virtual_memory().total


def test_free_bytes_are_those_of_the_folders_that_are_there(tmp_path: Path) -> None:
    space = os.statvfs(tmp_path)
    found = free_bytes([tmp_path / "missing", tmp_path])
    assert found is not None
    assert 0 < found <= space.f_blocks * space.f_frsize
    assert free_bytes([tmp_path / "missing"]) is None


class TestFinality:
    def test_the_committed_height_and_no_metric_beside_it(self) -> None:
        assert parse_parent_finality(METRICS) == 4211
        assert parse_parent_finality(f"{FINALITY_METRIC} 1.2e3\n") == 1200

    def test_it_is_zero_until_the_node_has_told_one(self) -> None:
        assert parse_parent_finality("ipc_consensus_block_committed_height 77\n") == 0

    @settings(derandomize=True, deadline=None)
    @given(st.text(max_size=60))
    def test_junk_is_no_crash(self, tail: str) -> None:
        assert parse_parent_finality(f"{FINALITY_METRIC} {tail}") >= 0

    async def test_it_is_read_by_http(self) -> None:
        async with _serving(200, METRICS) as url:
            assert await parent_finality(url) == 4211

    async def test_an_endpoint_that_refuses_is_down_or_floods_tells_nothing(self) -> None:
        async with _serving(500, METRICS) as url:
            assert await parent_finality(url) is None
        assert await parent_finality(url) is None
        async with _serving(200, "x" * (5 << 20)) as url:
            assert await parent_finality(url) is None


@asynccontextmanager
async def _serving(status: int, text: str) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.Response(status=status, text=text)

    application = web.Application()
    application.router.add_get("/metrics", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        await runner.cleanup()
