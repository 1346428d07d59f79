"""Scripted Cosmos daemons: nodes that their chain stops (facts/cosmos.md §4.4), with a line of shell each."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from console.model import Crossing, NodeStatus, Preparation, Proposal, ProposalStatus
from console.node.chain_halt import chain_plan
from console.node.controller import Controller
from console.node.cosmovisor.upgrade_info import PlanFile, encode_plan
from console.node.plan_ahead import check_ahead, write_ahead
from console.text import untrusted
from tests.console.node import nodes
from tests.console.node.bench import Bench, crossing, until

DAEMON = """#!/bin/sh
# A node that waits for a line of shell; VERSION is its own.
VERSION={version}
case "$1" in
  version) [ -n "$HOME" ] && echo {version}; exit;;
  --version) exit 1;;
  pre-upgrade)
    echo "$VERSION $(readlink {home}/cosmovisor/current) $DAEMON_HOME $DAEMON_NAME" >> {home}/pre.log
    if [ -f {home}/pre ]; then . {home}/pre; fi
    exit 1;;
  rollback)
    echo "$VERSION $*" >> {home}/rollbacks.log
    if [ -f {home}/rollback ]; then . {home}/rollback; fi
    exit 0;;
esac
trap 'exit 0' TERM
echo "$$ $VERSION $*" >> {home}/starts.log
{at_start}
while :; do
  if [ -f {home}/say ]; then . {home}/say; fi
  sleep 0.02
done
"""


def make_home(home: Path) -> Path:
    """A Cosmos home with one `data`, in Cosmovisor's layout, with the binary v1."""
    write_daemon(home / "cosmovisor" / "genesis" / "bin" / nodes.DAEMON, home, "v1")
    (home / "cosmovisor" / "current").symlink_to("genesis")
    (home / "data").mkdir(parents=True)
    (home / "data" / "priv_validator_state.json").write_text(json.dumps(nodes.SIGNER_STATE))
    return home


def write_daemon(path: Path, home: Path, version: str, at_start: str = ":") -> str:
    """Write a scripted daemon; returns its sha256.

    Args:
        path: The file.
        home: The home that it works in.
        version: What it says of itself.
        at_start: A line of shell that every start runs first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return nodes.write_binary(
        path, home, DAEMON.replace("{at_start}", at_start.replace("{", "{{").replace("}", "}}")), version
    )


class CosmosBench(Bench):
    """A bench whose node its chain stops at H = 100 for the plan `v2`, unless a test says otherwise."""

    def __init__(self, folder: Path, **settings: object) -> None:
        home = make_home(folder / "home")
        given = {"shape": "cosmos", "arguments": ("start", "--home", "{home}"), "ethereum_rpc": "", "address": ""}
        super().__init__(folder, home, **(given | settings))
        self.given = folder / "v2"
        self.sha256 = write_daemon(self.given, self.home, "v2")

    @property
    def plan_file(self) -> Path:
        return self.home / "data" / "upgrade-info.json"

    # --- the chain ---

    def tells(self, name: str = "v2", height: int = 100, info: str = "", *, cancelled: bool = False) -> None:
        """Let x/upgrade tell this plan, and nothing else."""
        status = ProposalStatus.CANCELLED if cancelled else ProposalStatus.SCHEDULED
        self.chain.proposals = [self.plan_of(name, height, info, status)]

    def plan_of(
        self, name: str, height: int, info: str = "", status: ProposalStatus = ProposalStatus.SCHEDULED
    ) -> Proposal:
        return chain_plan(untrusted(name), height, untrusted(info, 1 << 16), status)

    def stands_at(self, height: int = 100) -> None:
        """Block H is stored, the application is at H - 1: what RPC shows of a node at its halt."""
        self.chain.height, self.chain.app_height = height, height - 1

    def goes_on(self, height: int) -> None:
        """The application follows the blocks again."""
        self.chain.app_height, self.chain.height = None, height

    # --- the node ---

    def halt_words(self, name: str = "v2", height: int = 100, info: str = "") -> str:
        """What a node does at its halt, in shell: the plan file in place, then the line."""
        plan = shlex.quote(encode_plan(PlanFile(name, height, info)).decode())
        line = f'ERR UPGRADE "{name}" NEEDED at height: {height}: {info}'
        return f"printf %s {plan} > {self.plan_file}; echo {shlex.quote(line)} >&2"

    def say(self, line: str, version: str = "v1", *, again: bool = False) -> None:
        """Have the node of that version run a line of shell once, or at each turn."""
        once = "" if again else f"rm -f {self.home}/say; "
        nodes.say(self.home, f'if [ "$VERSION" = {version} ]; then {once}{line}; fi')

    def halts(self, name: str = "v2", height: int = 100, *, then: str = ":", info: str = "") -> None:
        """Let the old node come to its halt; it lives on unless `then` ends it."""
        self.stands_at(height)
        self.say(f"{self.halt_words(name, height, info)}; {then}")

    def starts(self) -> list[str]:
        """Version of each start, in order."""
        return [line.split(" ", 1)[0] for line in nodes.starts(self.home)]

    def arguments(self) -> str:
        """Arguments of the last start."""
        return nodes.starts(self.home)[-1].split(" ", 1)[1]

    def pre_upgrades(self) -> list[str]:
        """`version current DAEMON_HOME DAEMON_NAME` of each `pre-upgrade`."""
        log = self.home / "pre.log"
        return log.read_text().splitlines() if log.exists() else []


@asynccontextmanager
async def cosmos_bench(folder: Path, **settings: object) -> AsyncIterator[CosmosBench]:
    """A bench that leaves no process behind."""
    bench = CosmosBench(folder, **settings)
    with pytest.MonkeyPatch.context() as patch:
        # Readings come faster than in life, so that sixty upgrades fit into a minute.
        patch.setattr("console.node.readings._CONSENSUS_S", 0.1)
        patch.setattr("console.node.readings._OPENING_S", 0.05)
        patch.setattr("console.node.crossing._PROOF_S", 0.05)
        try:
            yield bench
        finally:
            await bench.end()


@contextmanager
def served(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A file server on loopback: its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def prepared(preparation: Preparation) -> Callable[[NodeStatus], bool]:
    return lambda status: status.attempt is not None and status.attempt.preparation is preparation


def running(status: NodeStatus) -> bool:
    return status.pid is not None and status.app_height is not None


async def ready(bench: CosmosBench, controller: Controller, name: str = "v2", height: int = 100) -> None:
    """The chain tells the plan, and its binary is given."""
    bench.tells(name, height)
    await until(controller, lambda status: running(status) and status.attempt is not None)
    await controller.commands.add_upgrade(name, bench.given)
    await until(controller, prepared(Preparation.READY))


async def committed(bench: CosmosBench, controller: Controller, height: int = 100) -> NodeStatus:
    """The new binary executes H, the network goes on, and this node is proven to follow."""
    await until(controller, crossing(Crossing.STARTING))
    await until(controller, running)
    bench.chain.app_height = bench.chain.height = height
    await until(controller, crossing(Crossing.WAITING_FOR_QUORUM))
    bench.chain.proposals = []
    bench.goes_on(height + 3)
    # A batch goes on at once.
    return await until(
        controller,
        lambda status: (
            status.attempt is not None
            and (status.attempt.crossing is Crossing.COMMITTED or status.attempt.target_height > height)
        ),
    )


async def steps(bench: CosmosBench, controller: Controller, count: int = 2) -> None:
    """Wait until the controller has looked at the chain some more times: what it would do, it has done."""
    goal = bench.chain.reads + count
    await until(controller, lambda _: bench.chain.reads >= goal)


def write_own_plan(bench: CosmosBench, name: str = "v2", height: int = 100) -> None:
    """`add-upgrade --height`, as the controller does it."""
    assert bench.journal is not None, "the controller that is asked does not run"
    write_ahead(bench.node, bench.journal, check_ahead(bench.node, name, height, app_height=60, force=True))
