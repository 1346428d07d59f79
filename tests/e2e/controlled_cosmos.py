"""Real Cosmos SDK nodes, each under a controller of ours, driven by the command line as their operators would."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from console.node.journalled import journalled_status
from tests.cosmos_network import CHAIN_ID, DAEMON, CosmosNetwork, Periods, laid_out
from tests.e2e.devnet import COMMAND, Ran

NETWORK = "testchain"


class Begun:
    """A verb that runs beside the test, with `--json`: a procedure's events can be read while it goes on.

    Args:
        process: The verb.
        folder: Where its two streams are files.
    """

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those that came so far."""
        whole = (self._folder / "out").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def run(self) -> str:
        """The run's id, once it has begun."""
        return str(self.events[0]["run"])

    def came_to(self, step: str) -> bool:
        """Whether a step has begun."""
        return any(each["event"] == "begun" and each.get("step") == step for each in self.events)

    def ended(self, deadline_s: float = 300.0) -> Ran:
        """Wait for its end."""
        code = self.process.wait(deadline_s)
        return Ran(code, (self._folder / "out").read_text(), (self._folder / "err").read_text())


def found_by(ran: Ran) -> dict[str, dict[str, Any]]:
    """How each step of a procedure ended last, by the events of `--json`."""
    events = [json.loads(line) for line in ran.out.splitlines()]
    return {each["step"]: each for each in events if each["event"] == "ended"}


class Controlled:
    """The controllers of a network's nodes.

    Args:
        network: Laid out and not started: the controllers start it.
        more_settings: Further lines of every node's table.
        of_network: Further lines and tables of the network's own.

    Attributes:
        settings: The file that everybody reads.
    """

    def __init__(self, network: CosmosNetwork, more_settings: str = "", of_network: str = "") -> None:
        self.network = network
        self.names = tuple(network.validators)
        self._controllers: dict[str, subprocess.Popen[bytes]] = {}
        self._begun: list[subprocess.Popen[bytes]] = []
        self._config = network.folder / "config"
        self._more_settings = more_settings
        self.write_settings(of_network)

    def write_settings(self, of_network: str) -> None:
        """Write the settings file, anew where it is there: a controller that runs keeps what it read of it."""
        path = self._config / "upgrade-console" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(settings_of(self.network, self._more_settings, of_network))
        path.chmod(0o600)
        self.settings = path

    # --- the command line ---

    def call(self, *arguments: str, node: str = "", network: str = NETWORK, deadline_s: float = 120.0) -> Ran:
        """Any verb, for one node."""
        done = subprocess.run(
            self.command(*arguments, node=node, network=network),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=deadline_s,
            check=False,
            env=self.environment,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, node: str) -> Begun:
        """Any verb with `--json` for one node, not waited for."""
        folder = self.network.folder / "begun" / f"{len(self._begun)}-{node}"
        folder.mkdir(parents=True)
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            process = subprocess.Popen(
                [*COMMAND, *arguments, "--json", "--network", NETWORK, "--node", node],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self.environment,
            )
        self._begun.append(process)
        return Begun(process, folder)

    def does(self, node: str, *arguments: str) -> Any:
        """`node … --json`, which must not be refused; its document."""
        ran = self.call("node", *arguments, "--json", node=node)
        assert ran.code == 0, ran.err
        return ran.json

    def command(self, *arguments: str, node: str = "", network: str = NETWORK) -> list[str]:
        """A verb's command line, for one node."""
        return [*COMMAND, *arguments, "--network", network, *(["--node", node] if node else [])]

    @property
    def environment(self) -> dict[str, str]:
        state = str(self.network.folder / "xdg-state")
        return {**os.environ, "XDG_CONFIG_HOME": str(self._config), "XDG_STATE_HOME": state}

    # --- controllers ---

    def start(self, *names: str) -> None:
        """Start controllers, all without a name, which start their nodes."""
        for name in names or self.names:
            with (self.network.folder / f"{name}.controller.log").open("ab") as log:
                self._controllers[name] = subprocess.Popen(
                    [*COMMAND, "node", "run", "--network", NETWORK, "--node", name],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.environment,
                )

    def stop(self, *names: str) -> None:
        """Stop controllers, all without a name; their nodes run on."""
        ending = [self._controllers.pop(name) for name in names or tuple(self._controllers)]
        for process in ending:
            process.terminate()
        for process in ending:
            process.wait(30)

    def end(self) -> None:
        """Stop everything."""
        for begun in self._begun:
            begun.kill()
            begun.wait(30)
        self.stop()
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if f"{self.network.folder}/" in " ".join(process.cmdline()):
                    process.kill()

    # --- what they say ---

    def status(self, name: str) -> dict[str, Any]:
        """`node status --json`."""
        found: dict[str, Any] = self.does(name, "status")
        return found

    def all_are(self, state: str, *names: str) -> Callable[[], bool]:
        """Whether nodes, all without a name, are in a state, as their journals have it."""

        def asked() -> bool:
            return all(self.state(name) == state for name in names or self.names)

        return asked

    def state(self, name: str) -> str:
        """A node's one word, from its journal: it is asked several times a second."""
        found = journalled_status(self.state_dir(name), name)
        return "" if found is None else found.state

    def events(self, name: str) -> list[str]:
        """What its journal says happened, oldest first."""
        database = sqlite3.connect(f"file:{self.state_dir(name) / 'journal.db'}?mode=ro", uri=True)
        try:
            return [kind for (kind,) in database.execute("SELECT kind FROM event ORDER BY seq")]
        finally:
            database.close()

    def state_dir(self, name: str) -> Path:
        return self.network.folder / "state" / name


def settings_of(network: CosmosNetwork, more: str = "", of_network: str = "") -> str:
    """The settings file of somebody who runs all of a network's nodes.

    Args:
        network: The chain.
        more: Further lines of every node's table.
        of_network: Further lines and tables of the network's own.
    """
    endpoints = json.dumps([node.rpc for node in network.validators.values()])
    lines = [
        f"[networks.{NETWORK}]",
        'kind = "cosmos"',
        'stage = "testnet"',
        f'chain_id = "{CHAIN_ID}"',
        f"cometbft_rpc = {endpoints}",
        of_network,
    ]
    for name, node in network.validators.items():
        lines += [
            f"[networks.{NETWORK}.nodes.{name}]",
            f"home = {json.dumps(str(node.home))}",
            f"state_dir = {json.dumps(str(network.folder / 'state' / name))}",
            f'daemon = "{DAEMON}"',
            f"arguments = {json.dumps(['start', '--home', '{home}', *network.start_flags])}",
            f'cometbft_rpc = "{node.rpc}"',
            more,
        ]
    return "\n".join(lines) + "\n"


@contextmanager
def controlled(
    folder: Path,
    periods: Periods,
    more_settings: str = "",
    *,
    of_network: str = "",
    lay_out: Callable[..., CosmosNetwork] = laid_out,
) -> Iterator[Controlled]:
    """Four nodes that came under our controllers and make blocks; nothing of them survives.

    Args:
        folder: Of the whole network.
        periods: How long things take on it.
        more_settings: Further lines of every node's table.
        of_network: Further lines and tables of the network's own.
        lay_out: Writes the network, as `laid_out` does.
    """
    network = lay_out(folder, periods=periods)
    nodes = Controlled(network, more_settings, of_network)
    try:
        for name in nodes.names:
            nodes.does(name, "init")
        nodes.start()
        network.reaches(2)
        yield nodes
    finally:
        nodes.end()
