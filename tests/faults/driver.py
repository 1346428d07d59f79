"""A real controller in its own process, on a chain that it reads from files: what the fault suite kills and restarts.

Its folder holds `home/`, `state/` and `world.json`, and what the scripted nodes write there. What the controller says
goes to `said.jsonl`, so that it is on the chain for the next process too. Processes of this are forked by
`tests.faults.zygote`, which has everything imported already.
"""

from __future__ import annotations

import asyncio
import dataclasses
import faulthandler
import json
import logging
import signal
import time
from pathlib import Path
from typing import Any

from console.errors import ConsoleError, EndpointDown
from console.model import Proposal, ProposalStatus, Verdict
from console.node import crossing, preparation, readings, restarts
from console.node.controller import Controller
from console.node.faults import FaultPoints
from console.node.journal import Journal
from console.node.parts import parts_of
from console.node.runtime.shim import ShimRuntime
from console.ports.chain import ConsensusReading, PlanReading
from console.settings import NodeSettings
from console.text import untrusted
from tests.console.node.fakes import OTHERS, OWN, FakeChain, FakeSignals, proposal
from tests.faults.scripted import HALT, NEW_VERSION

DAEMON = "noded"

_PACE: dict[tuple[Any, str], object] = {
    (readings, "_CONSENSUS_S"): 0.04,
    (readings, "_OPENING_S"): 0.03,
    (readings.Readings, "_plan_pause_s"): lambda self: 0.1,
    (crossing, "_RETRY_S"): 0.1,
    (crossing, "_PROOF_S"): 0.03,
    (crossing, "_TRY_PAUSES_S"): (0.0, 0.02, 0.05),
    (restarts, "_BACKOFF_FIRST_S"): 0.05,
    (preparation, "_RETRY_FIRST_S"): 0.1,
}
"""Pauses that no setting shortens: an upgrade shall take a second."""


def quicken() -> None:
    """Shorten the pauses of this process; each must still be there."""
    for (module, name), value in _PACE.items():
        getattr(module, name)
        setattr(module, name, value)


def settings(folder: Path, world: dict[str, Any]) -> NodeSettings:
    """The settings of the one node in FOLDER."""
    cosmos = world["chain"] == "cosmos"
    return NodeSettings(
        name="node1",
        home=folder / "home",
        state_dir=folder / "state",
        daemon=DAEMON,
        arguments=("start", "--home", "{home}") if cosmos else ("node", "start", "--home", "{home}"),
        address=OWN,
        cometbft_rpc="http://127.0.0.1:9",
        ethereum_rpc="" if cosmos else "http://127.0.0.1:9",
        operator_key=None,
        shape="cosmos" if cosmos else "embedded",
        rollback_space_margin_bytes=0,
        allow_scripts=True,
        local_downloads=True,
        backup_enabled=world["backup"],
        startup_timeout_s=world["startup_timeout_s"],
        shutdown_grace_s=world["grace_s"],
        preupgrade_deadline_s=5.0,
    )


def said(folder: Path) -> list[str]:
    """Every word that the chain has, in order."""
    path = folder / "said.jsonl"
    return [json.loads(line)[0] for line in path.read_text().splitlines()] if path.exists() else []


def _ready_for(folder: Path) -> list[str]:
    """Hash of every release that our node said it is ready for, in order."""
    path = folder / "said.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [value for word, value in found if word == "ready"]


class FileChain(FakeChain):
    """The fake chain with its state in files. It goes on to H when our node is ready and armed.

    A file is a fact that stays: `scheduled` when the plan has its height, `replaced` when it has its last release,
    `cancelled` when the council has stopped it.

    Args:
        folder: The world's folder.
        world: `world.json`.
    """

    def __init__(self, folder: Path, world: dict[str, Any]) -> None:
        self._folder = folder
        self._world = world
        self._runtime = ShimRuntime(folder / "state" / "run", folder / "home")
        self._stored = 0
        super().__init__(own_up=lambda: self._own() is not None)

    def _own(self) -> int | None:
        """Height of our node when its RPC answers."""
        try:
            pid, height, *stored = (self._folder / "rpc").read_text().split()
            live = self._runtime.recorded()
            if live is None or live.child_pid != int(pid) or not self._runtime.node_alive(live):
                return None
            self._stored = int(stored[0] if stored else height)
            return int(height)
        except (OSError, ValueError, ConsoleError):
            return None

    def _load(self) -> None:
        folder, world = self._folder, self._world
        own = self._own()
        words = said(folder)
        self.armed_at = dict.fromkeys(OTHERS, 51) | ({OWN: 60} if "armed" in words else {})
        ready = world["sha256"] in _ready_for(folder)
        self.ready = {OWN: 60} if ready else {}
        self._amend(ready)
        disarms = world["commands"][-1:] and world["commands"][-1][1] == "disarm"
        # One that is disarmed may never have come to say that it was armed: the others go on without its word.
        needed = {*([] if disarms else ["armed"]), *(["execute"] if world["linked"] else [])}
        goes_on = world["plan"] == "registry" and ready and needed <= set(words) and self._obeyed(world["hold"])
        if goes_on and not (folder / "cancelled").exists():
            (folder / "go").touch()
        verdict = self._verdict()
        if verdict is not Verdict.NONE:
            self._reveal(verdict)
        self.height = own if own is not None else 97 if (folder / "go").exists() else 60
        self.app_height = own
        if world["plan"] == "missed" and own is not None and own > HALT:
            # Seen too late: the old binary has executed H already.
            (folder / "seen").touch()
        elif world["plan"] == "registry" and (own is not None or not world["surprise"]):
            (folder / "seen").touch()
        if world["plan"] == "none" or world["chain"] == "cosmos" or not (folder / "seen").exists():
            self.proposals = []
            return
        plan: Proposal = proposal(
            name=untrusted(NEW_VERSION),
            target_height=HALT,
            release_hash=world["sha256"],
            release_url=untrusted(world["url"]),
            breaking=world["breaking"],
            verdict=verdict,
            status=ProposalStatus.ABORTED if verdict is Verdict.ABORT else ProposalStatus.SCHEDULED,
            frozen_at=0 if verdict is Verdict.NONE else 96,
            release_round=1 if world["replaced"] else 0,
            go_power=40,
        )
        if world["replaced"] and not (folder / "replaced").exists():
            first = world["replaced"]
            url = untrusted(first["url"])
            plan = dataclasses.replace(plan, release_hash=first["sha256"], release_url=url, release_round=0)
        if world["linked"]:
            made = 60 if "execute" in words else 0
            plan = dataclasses.replace(plan, freeze_blocks=36, linked_calls=1, contracts_first=True, contracts_at=made)
        if world["approved"] and not (folder / "scheduled").exists():
            plan = dataclasses.replace(plan, status=ProposalStatus.APPROVED, target_height=0, scheduled_at=0)
        if (folder / "cancelled").exists():
            self._reveal(Verdict.ABORT)
            plan = dataclasses.replace(plan, status=ProposalStatus.CANCELLED, ended_at=40)
        self.proposals = [plan]

    def _amend(self, ready: bool) -> None:
        """What validators decide on the way: another release while this one is staged, a height when it is ready."""
        folder, upgrades = self._folder, self._folder / "home" / "cosmovisor" / "upgrades"
        if self._world["replaced"] and any((upgrades / name).exists() for name in (NEW_VERSION, f".{NEW_VERSION}.new")):
            (folder / "replaced").touch()
        if self._world["approved"] and ready and self._obeyed(self._world["hold"]):
            (folder / "scheduled").touch()

    def _obeyed(self, commands: int) -> bool:
        return all((self._folder / f"obeyed-{number}").exists() for number in range(commands))

    def _verdict(self) -> Verdict:
        world = self._world
        if not (self._folder / "go").exists():
            return Verdict.NONE
        if world["late"]:
            # Asked for at the halt, and nobody knows it for a while.
            try:
                if time.time() - (self._folder / "halted").stat().st_mtime < world["late"]:
                    return Verdict.NONE
            except OSError:
                return Verdict.NONE
        return Verdict[world["verdict"]]

    def _reveal(self, verdict: Verdict) -> None:
        path = self._folder / "verdict"
        if not path.exists():
            beside = path.with_suffix(".new")
            beside.write_text(f"{verdict.name}\n")
            beside.replace(path)

    async def read(self, *, own_node_only: bool) -> PlanReading:
        self._load()
        return await super().read(own_node_only=own_node_only)

    async def own(self) -> ConsensusReading:
        self._load()
        if self.app_height is None:
            raise EndpointDown("our node is down")
        return dataclasses.replace(await super().own(), height=self._stored, app_height=self.app_height)

    async def verified_commit(self, height: int) -> frozenset[str]:
        self._load()
        return await super().verified_commit(height)

    async def _say(self, what: str, value: object) -> None:
        await asyncio.sleep(0)
        with (self._folder / "said.jsonl").open("a") as stream:
            stream.write(json.dumps([what, value]) + "\n")


async def _obey(folder: Path, world: dict[str, Any], node: Controller) -> None:
    """The operator: gives each of the world's commands when the node is in the state that it is for, until obeyed.

    An operator whose controller is killed in the midst of a command looks at the node again, and so does this.
    """
    for number, (state, method, arguments) in enumerate(world["commands"]):
        marker, begun = folder / f"obeyed-{number}", folder / f"obeying-{number}"
        looks = 0
        while not marker.exists():
            await asyncio.sleep(0.03)
            found = node.status().state
            if found != state:
                # Not while the node is only being started.
                looks += found != "STOPPED" and begun.exists()
                if looks > 10:
                    # Cut, but not without effect.
                    marker.touch()
                continue
            await asyncio.sleep(0.05)
            begun.touch()
            if method == "touch":
                (folder / arguments["name"]).touch()
            elif method == "serve":
                (folder / "bytes.hidden").rename(folder / "bytes")
            else:
                try:
                    await getattr(node.commands, method)(**arguments)
                except (ConsoleError, OSError) as error:
                    with (folder / "refused.log").open("a") as stream:
                        stream.write(f"{method}: {error}\n")
                    if method != "backup" or not (folder / "state" / "backups" / arguments["name"]).exists():
                        continue
                    # Done by the one that was cut.
            marker.touch()


async def drive(folder: Path) -> None:
    """Run the controller until SIGTERM."""
    world = json.loads((folder / "world.json").read_text())
    faults = FaultPoints.from_environment()
    chain = FileChain(folder, world)
    journal = Journal(folder / "state" / "journal.db", faults=faults)
    node = settings(folder, world)
    one = Controller(
        lambda: node,
        journal,
        chain,
        chain,
        FakeSignals(chain),
        parts_of(lambda: node, journal, faults),
        block_time_s=0.1,
        changed=lambda: None,
        faults=faults,
    )
    work = asyncio.current_task()
    assert work is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    operator = asyncio.create_task(_obey(folder, world, one))
    try:
        await one.run()
    except asyncio.CancelledError:
        work.uncancel()
    finally:
        operator.cancel()
        await asyncio.wait({operator})
        journal.close()


def main(folder: Path) -> int:
    """Run the controller of FOLDER; returns the exit status."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(process)d %(message)s")
    quicken()
    try:
        asyncio.run(drive(folder))
    except BaseException:
        logging.exception("the controller ended")
        return 1
    return 0
