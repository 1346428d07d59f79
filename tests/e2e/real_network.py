"""Four real CometBFT nodes whose wires, processes, disks and binaries are in the test's hand: the steps of a fault."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import tomlkit

from console.cli import main
from console.devnet.cometbft import peers_of
from console.devnet.creation import choose, create
from console.devnet.layout import Layout
from console.devnet.options import COMETBFT, UpOptions
from console.devnet.ports import PortBook
from console.devnet.record import Record, ValidatorRecord, controller_of
from console.settings import state_folder
from tests.e2e.devnet import Devnet, running
from tests.e2e.links import Links
from tests.e2e.test_failures import give_wrong_bytes
from tests.peers import Peer, require

BLOCK_TIME_MS = 1000
FREEZE_BLOCKS = 15
"""Blocks between the verdict and H: on a busy machine the transaction that asks for it takes its time."""
LEAD = 35
"""Blocks from the proposal to H: a restart of an armed node takes some five of them."""
_EARLY_BLOCKS = 6
_SERVICES = ("app", "cometbft", "eth")
_SMALL_DISK = "32m"
_BALLAST = "ballast"


@contextmanager
def real_network(folder: Path, peer: Peer) -> Iterator[RealNetwork]:
    """A network that is up; its nodes reach each other over relays only."""
    program = require(peer)
    record = _laid_out(folder, program)
    with Links({each.name: each.p2p_port for each in record.validators}) as links:
        for validator in record.validators:
            _dial_relays(Layout.of(folder), record, validator, links)
        with running(folder, "--block-time", f"{BLOCK_TIME_MS}ms") as devnet:
            network = RealNetwork(devnet, links)
            try:
                yield network
            finally:
                links.join()
                network.go_on()


def _laid_out(folder: Path, program: Path) -> Record:
    """Write a whole network that was not started yet."""
    layout = Layout.of(folder)
    layout.folder.mkdir(parents=True, mode=0o700)
    options = UpOptions(
        folder, block_time_ms=BLOCK_TIME_MS, freeze_blocks=FREEZE_BLOCKS, consensus=COMETBFT, cometbft=program
    )
    chosen = choose(layout, options, PortBook(state_folder()))
    chosen.save(layout)
    *_, (_, record) = create(layout, chosen)
    record.save(layout)
    return record


def _dial_relays(layout: Layout, record: Record, validator: ValidatorRecord, links: Links) -> None:
    """Have a node look for each of its peers at a relay of its own."""
    seen = tuple(
        each if each.name == validator.name else replace(each, p2p_port=links.relays[validator.name, each.name])
        for each in record.validators
    )
    path = layout.node(validator.name).home / "cometbft" / "config" / "config.toml"
    document = tomlkit.parse(path.read_text())
    document["p2p"]["persistent_peers"] = peers_of(replace(record, validators=seen), validator)
    path.write_text(tomlkit.dumps(document))


class RealNetwork:
    """The network, and the steps that the table of faults is written in.

    Args:
        devnet: Up.
        links: Between its nodes.
    """

    def __init__(self, devnet: Devnet, links: Links) -> None:
        self.devnet = devnet
        self.names = [node["name"] for node in devnet.status()["nodes"]]
        self.target = 0
        """H, once there is a proposal."""
        self._homes = {name: devnet.home(name) for name in self.names}
        self._links = links
        self._paused: list[psutil.Process] = []
        self._mounts: list[Path] = []
        self._told: dict[str, int] = {}
        self._marks: dict[str, tuple[int, int, int]] = {}
        self._steps: dict[str, Callable[..., None]] = {
            "kill": self._kill,
            "pause": self._pause,
            "continue": self._continue,
            "cut": self._cut,
            "drop": self._drop,
            "join": self._join,
            "restart": self._restart,
            "stop-controller": self._stop_controller,
            "start-controller": self._start_controller,
            "halt-soon": self._halt_soon,
            "halt-never": self._halt_never,
            "small-disk": self._small_disk,
            "fill": self._fill,
            "free": self._free,
            "large-disk": self._large_disk,
            "wrong-binary": self._wrong_binary,
            "right-binary": self._right_binary,
            "resync": self._resync,
            "wrong-download": self._wrong_download,
            "right-bytes": self._right_bytes,
            "propose": self._propose,
            "until": self._until,
        }

    def do(self, step: str) -> None:
        """One step, as the table writes it."""
        verb, *words = step.split()
        self._steps[verb](*words)

    def eventually(self, what: str, condition: Callable[[], bool], deadline_s: float = 90.0) -> None:
        """Wait for a condition, with an eye on every signer."""

        def looked() -> bool:
            self.signers_never_fall()
            return condition()

        self.devnet.eventually(what, looked, deadline_s)

    def signers_never_fall(self) -> None:
        """No `priv_validator_state.json` says less than it did at the look before."""
        for name in self.names:
            path = self._homes[name] / "cometbft" / "data" / "priv_validator_state.json"
            with contextlib.suppress(FileNotFoundError):
                # While its folder is moved to another disk.
                state = json.loads(path.read_text())
                mark = int(state["height"]), int(state["round"]), int(state["step"])
                assert mark >= self._marks.get(name, mark), f"the signer of {name} fell to {mark}"
                self._marks[name] = mark

    def console(self, viewer: str) -> str:
        """What `status`, `node status` and the controller's log since the fault say to one operator, in one line."""
        said = io.StringIO()
        where = ("--network", "devnet", "--dir", str(self.devnet.folder), "--node", viewer)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main(["status", *where])
            main(["node", "status", *where])
        log = self._log(viewer).read_bytes()[self._told.get(viewer, 0) :].decode(errors="replace")
        return re.sub(r"\s+", " ", said.getvalue() + log)

    def listen(self) -> None:
        """A fault begins: what was logged before is not about it."""
        self._told = {name: self._log(name).stat().st_size for name in self.names}

    def _log(self, name: str) -> Path:
        return self.devnet.state_dir(name) / "run" / "controller.log"

    def height(self) -> int:
        """The highest block that a node tells of."""
        return int(self.devnet.status()["height"] or 0)

    def go_on(self) -> None:
        """Nothing of a fault stays, so that the network can be stopped."""
        for process in self._paused:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
        if self._mounts:
            self.devnet.verb("down")
        for place in self._mounts:
            subprocess.run(["umount", str(place)], check=False)

    # Processes.

    def _services(self, name: str) -> dict[str, psutil.Process]:
        document = json.loads((self.devnet.state_dir(name) / "run" / "node.json").read_text())
        return {each["name"]: psutil.Process(each["pid"]) for each in document["services"]}

    def _kill(self, what: str, *names: str) -> None:
        if what == "controller":
            processes = json.loads((self.devnet.folder / "devnet.json").read_text())["processes"]
            doomed = [psutil.Process(processes[controller_of(name)]["pid"]) for name in names]
        else:
            doomed = [self._services(name)[what] for name in names]
        for process in doomed:
            process.kill()

    def _pause(self, *names: str) -> None:
        for name in names:
            services = self._services(name)
            for service in _SERVICES:
                services[service].send_signal(signal.SIGSTOP)
                self._paused.append(services[service])

    def _continue(self, *names: str) -> None:
        for name in names:
            for process in self._services(name).values():
                process.resume()

    def _restart(self, name: str) -> None:
        self.devnet.does(name, "restart")

    def _stop_controller(self, name: str) -> None:
        self._ran("stop-controller", name)

    def _start_controller(self, name: str) -> None:
        self._ran("start-controller", name)

    def _ran(self, verb: str, name: str) -> None:
        ran = self.devnet.verb(verb, name)
        assert ran.code == 0, ran.err

    # Wires.

    def _cut(self, *words: str) -> None:
        self._links.split(*_sides(words))

    def _drop(self, *words: str) -> None:
        self._links.split(*_sides(words), silently=False)

    def _join(self) -> None:
        self._links.join()

    # Halts.

    def _halt_soon(self, name: str) -> None:
        self._set_halt(name, self.height() + _EARLY_BLOCKS)
        self.devnet.does(name, "restart")

    def _halt_never(self, name: str) -> None:
        self._set_halt(name, 0)
        self.devnet.does(name, "start")

    def _set_halt(self, name: str, height: int) -> None:
        path = self._homes[name] / "fendermint" / "config" / "default.toml"
        document = tomlkit.parse(path.read_text())
        document["halt_height"] = height
        path.write_text(tomlkit.dumps(document))

    # Disks.

    def _small_disk(self, name: str) -> None:
        """Put the data of a node's CometBFT on a disk of its own, with little room."""
        place = self._homes[name] / "cometbft" / "data"
        self._ran("stop-node", name)
        aside = place.rename(place.with_name("data.large"))
        place.mkdir(mode=0o700)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SMALL_DISK},mode=0700", "none", str(place)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            place.rmdir()
            aside.rename(place)
            self._ran("start-node", name)
            pytest.skip("a disk that can be filled has to be mounted, by root")
        self._mounts.append(place)
        shutil.copytree(aside, place, dirs_exist_ok=True)
        shutil.rmtree(aside)
        self._ran("start-node", name)

    def _fill(self, name: str) -> None:
        with (
            contextlib.suppress(OSError),
            (self._homes[name] / "cometbft" / "data" / _BALLAST).open("wb", 0) as ballast,
        ):
            while True:
                ballast.write(bytes(4096))

    def _free(self, name: str) -> None:
        (self._homes[name] / "cometbft" / "data" / _BALLAST).unlink()

    def _large_disk(self, name: str) -> None:
        """Back to the disk that it was on."""
        place = self._homes[name] / "cometbft" / "data"
        self._ran("stop-node", name)
        aside = place.with_name("data.large")
        shutil.copytree(place, aside)
        subprocess.run(["umount", str(place)], check=True)
        self._mounts.remove(place)
        place.rmdir()
        aside.rename(place)
        self._ran("start-node", name)

    # Binaries.

    def _wrong_binary(self, name: str) -> None:
        wrong = self.devnet.add_release("v0.1.6", 2)
        self._replace_binary(name, wrong.content)

    def _right_binary(self, name: str) -> None:
        self._replace_binary(name, (self.devnet.folder / "releases" / "v0.1.5" / "subnetd").read_bytes())

    def _replace_binary(self, name: str, content: bytes) -> None:
        """By hand, behind the controller's back."""
        self._ran("stop-controller", name)
        self._ran("stop-node", name)
        binary = self._homes[name] / "cosmovisor" / "current" / "bin" / "subnetd"
        new = binary.with_name("subnetd.new")
        new.write_bytes(content)
        new.chmod(0o500)
        new.replace(binary)
        self._ran("start-controller", name)

    def _resync(self, name: str) -> None:
        """Have a node execute everything anew from its peers' blocks; its signer state stays."""
        self._ran("stop-node", name)
        # What it executed to before is what this is done about.
        (self._homes[name] / "executed.jsonl").unlink()
        self.devnet.does(name, "resync", "--from-genesis", "--reason", "another binary ran")

    # Upgrades.

    def _wrong_download(self, *names: str) -> None:
        give_wrong_bytes(self.devnet, *names)

    def _right_bytes(self, name: str) -> None:
        right = self.devnet.folder / "releases" / "v0.2.0" / "subnetd"
        given = self.devnet.call("node", "add-upgrade", "v0.2.0", str(right), "--node", name)
        assert given.code == 0, given.err

    def _propose(self) -> None:
        self.target = self.devnet.propose(LEAD)

    def _until(self, state: str, *names: str) -> None:
        self.eventually(f"{' '.join(names) or 'all'} are {state}", self.devnet.all_are(state, *names), 240)


def _sides(words: tuple[str, ...]) -> list[list[str]]:
    return [side.split() for side in " ".join(words).split("/")]
