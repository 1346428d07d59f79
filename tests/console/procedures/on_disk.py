"""A Cosmos node that no controller of ours runs: its unit is a real process, its chain is scripted."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from console.errors import NodeError
from console.model import ProposalStatus
from console.node.chain_halt import chain_plan
from console.node.cosmovisor.upgrade_info import PlanFile, write_plan
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import keep_files
from console.operations.replaced_file import replace_file
from console.procedures import chain_unit
from console.procedures.chain_upgrade import CHAIN_UPGRADE
from console.procedures.step import Procedure
from console.settings import NodeSettings
from console.text import untrusted
from tests import fakes
from tests.console.chain.cosmos.sdk_node import CHAIN_ID, SdkNode
from tests.console.chain.servers import json_rpc
from tests.console.node import nodes
from tests.console.node.cosmos_nodes import write_daemon
from tests.console.operations.examples import a_chain, a_network, a_snapshot
from tests.console.operations.homes import a_cosmos_node
from tests.console.procedures.scripted import ScriptedContext, accepted

H = 100


def planned(context: ScriptedContext, *, height: int = 90, at: int = H, info: str = "", status: Any = None) -> None:
    """Let the chain tell the plan v2."""
    plan = chain_plan(untrusted("v2"), at, untrusted(info, 4096), status or ProposalStatus.SCHEDULED)
    context.shown = a_snapshot(dataclasses.replace(a_chain(height=height), proposals=(plan,)), height=height)


class ScriptedUnit:
    """A unit whose node is a real process, and whose log is what that process wrote."""

    name = "the unit noded"

    def __init__(self, binary: Path, home: Path) -> None:
        self.binary, self.home = binary, home
        self.process: subprocess.Popen[bytes] | None = None
        self.stubborn = False
        self.log = home / "node.log"

    async def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def started_at(self) -> float | None:
        if not await self.running():
            return None
        assert self.process is not None
        return psutil.Process(self.process.pid).create_time()

    async def log_since(self, since: float) -> str:
        return self.log.read_text() if self.log.exists() else ""

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([str(self.binary), "start"], stderr=log, start_new_session=True)

    async def stop(self, deadline_s: float) -> None:
        if self.stubborn:
            raise NodeError(f"{self.name} still runs", safe="it was not killed, and nothing was replaced")
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, 20)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class OnDisk:
    """A node that no controller of ours runs."""

    def __init__(self, folder: Path, url: str, chain: SdkNode) -> None:
        self.chain = chain
        self.node: NodeSettings = dataclasses.replace(
            a_cosmos_node(folder), cometbft_rpc=url, daemon=nodes.DAEMON, local_downloads=True
        )
        self.home = self.node.home
        write_daemon(self.home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, self.home, "v1")
        self.binary = folder / "bin" / nodes.DAEMON
        self.old = write_daemon(self.binary, self.home, "v1")
        self.unit = ScriptedUnit(self.binary, self.home)
        self.new = folder / "v2"
        self.sha256 = write_daemon(self.new, self.home, "v2")
        self.network = dataclasses.replace(
            a_network(folder), kind="cosmos", chain_id=CHAIN_ID, nodes=(self.node,), folder=folder / "own"
        )
        self.folder = folder

    def context(self, /, procedure: Procedure, **given: str) -> ScriptedContext:
        return ScriptedContext(self.network, self.folder / "run", accepted(procedure, given), node=self.node)

    def halts(self) -> None:
        """What x/upgrade does: the plan file, the line, block H stored and not executed; the process lives on."""
        write_plan(self.home / "data" / "upgrade-info.json", PlanFile("v2", H, ""))
        with self.unit.log.open("a") as log:
            log.write(f'ERR UPGRADE "v2" NEEDED at height: {H}: \n')
        self.chain.height, self.chain.app_height = H, H - 1

    def replaced(self, name: str = f"1700000000-before-{H}") -> Path:
        """The new program is in place of the old one, which is kept, as the upgrade leaves it; where it is kept."""
        folder = backups_folder(self.network, "chain") / name
        keep_files(folder, {"binary": self.binary}, "before v2, by alice", fakes.NOW)
        replace_file(self.new, self.binary, self.sha256)
        self.stored(H - 1)
        return folder

    def stored(self, height: int | None) -> None:
        """What the stopped node's database says; None: it cannot be read."""
        path = self.home / "data" / "app.json"
        if height is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f'{{"height": {height}}}')

    def crosses(self) -> None:
        """The network goes on with the new program."""
        self.chain.height, self.chain.app_height = H + 3, H + 3
        self.chain.applied = {"v2": H}


@asynccontextmanager
async def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OnDisk]:
    chain = SdkNode(height=90)
    async with json_rpc(chain.rpc) as server:
        on = OnDisk(tmp_path, server.url, chain)
        monkeypatch.setattr(chain_unit, "unit_service", lambda name, manager: on.unit)
        try:
            yield on
        finally:
            on.unit.end()


@asynccontextmanager
async def beside_the_unit(program: Path, home: Path) -> AsyncIterator[int]:
    """A node that somebody starts on the home by hand; its pid, once its command line can be read."""
    process = subprocess.Popen([program, "start", "--home", home], start_new_session=True)
    try:
        # A moment after it was executed it has none yet.
        async with asyncio.timeout(20):
            while not psutil.Process(process.pid).cmdline():
                await asyncio.sleep(0.01)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def by_hand(on: OnDisk, url: str, **given: str) -> ScriptedContext:
    context = on.context(
        CHAIN_UPGRADE,
        way="systemd",
        unit="noded",
        binary=str(on.binary),
        url=f"{url}/noded",
        checksum=f"sha256:{on.sha256}",
        **given,
    )
    planned(context)
    return context
