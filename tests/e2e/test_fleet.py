"""A roll over four validators of a devnet, two of them reached over a real sshd: cut, refused, resumed."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from console.devnet.build import Build
from tests.e2e.devnet import COMMAND, Devnet, Ran, run
from tests.sshd import HOST, NoSshd, Sshd

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

NEAR, FAR = ("node1", "node2"), ("node3", "node4")


@dataclass
class Fleet:
    """A devnet whose settings name two nodes as others would name them: on another machine."""

    devnet: Devnet
    sshd: Sshd
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def settle(self) -> None:
        """Write the settings of the machine from which the fleet is led."""
        written = tomllib.loads((self.devnet.folder / "network.toml").read_text())
        nodes = written.pop("nodes")
        lines = [
            "[networks.fleet]",
            'stage = "devnet"',
            *_toml(written),
        ]
        program = [sys.executable, "-m", "console.cli", "--network", "devnet", "--dir", str(self.devnet.folder)]
        for name, table in nodes.items():
            lines.append(f"[networks.fleet.nodes.{name}]")
            if name in NEAR:
                lines += _toml(table)
                continue
            there = f"cd {Path.cwd()} && exec {shlex.join([*program, '--node', name, 'node', 'pipe'])}"
            lines += [f'ssh = "{HOST}"', f'address = "{table["address"]}"', f"ssh_command = {json.dumps(there)}"]
        config = self.folder / "config" / "upgrade-console" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text("\n".join(lines) + "\n")
        self.environment = {
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PATH": f"{self.sshd.bin}:{os.environ['PATH']}",
        }

    def call(self, *arguments: str) -> Ran:
        return run(*arguments, "--network", "fleet", environment=self.environment, timeout=400)

    def nodes(self) -> dict[str, Any]:
        ran = self.call("fleet", "--json")
        return {each["name"]: each for each in json.loads(ran.out)["nodes"]}

    def elsewhere(self) -> Fleet:
        """The same fleet, led from another desk: the same settings, and runs of its own."""
        state = {"XDG_STATE_HOME": str(self.folder / "other-state")}
        return replace(self, environment={**self.environment, **state})

    def begun(self, *arguments: str) -> subprocess.Popen[str]:
        """A run whose events are read as they come."""
        command = (*COMMAND, *arguments, "--network", "fleet", "--json")
        environment = {**os.environ, **self.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment)

    def asked_for(self, name: str, kind: str) -> int:
        """How often an operator's command is in a node's journal."""
        path = self.devnet.state_dir(name) / "journal.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as journal:
            (count,) = journal.execute("SELECT count(*) FROM event WHERE kind = ?", (kind,)).fetchone()
            return int(count)

    def leases(self, name: str, detail: str = "id") -> list[tuple[str, str]]:
        """What a node's journal says of leases, with a detail of each."""
        path = self.devnet.state_dir(name) / "journal.db"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as journal:
            rows = journal.execute("SELECT kind, detail FROM event WHERE kind LIKE 'lease-%' ORDER BY seq").fetchall()
        return [(kind, json.loads(text)[detail]) for kind, text in rows]


def _toml(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items()]


@pytest.fixture
def fleet(devnet: Devnet, tmp_path: Path) -> Iterator[Fleet]:
    sshd = Sshd(tmp_path / "sshd")
    try:
        try:
            sshd.start()
        except NoSshd as error:
            pytest.skip(f"no sshd: {error}")
        devnet.up()
        found = Fleet(devnet, sshd, tmp_path)
        found.settle()
        yield found
    finally:
        sshd.end()


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def evidence_of(ran: Ran, step: str) -> list[str]:
    found: list[str] = last_of(events(ran.out), step)["evidence"]
    return found


def signs(node: dict[str, Any]) -> bool:
    return bool(node["consensus"] and node["consensus"]["signed"] and not node["consensus"]["catching_up"])


def last_of(found: list[dict[str, Any]], step: str) -> dict[str, Any]:
    return [each for each in found if each.get("step") == step and each["event"] == "ended"][-1]


def test_a_roll_over_ssh_is_cut_refused_and_gone_on_with(fleet: Fleet) -> None:
    devnet = fleet.devnet
    build: Build = devnet.add_release("v0.1.6", 1)
    binary = devnet.folder / "releases" / "v0.1.6" / "subnetd"
    told = fleet.nodes()
    assert [told[name]["ssh"] for name in (*NEAR, *FAR)] == [None, None, HOST, HOST]
    devnet.eventually("all sign", lambda: all(signs(each) for each in fleet.nodes().values()))

    release = ("--name", "v0.1.6", "--binary", str(binary))
    wrong = fleet.call("run", "rolling", *release, "--checksum", f"sha256:{'0' * 64}", "--json")
    assert wrong.code == 1
    assert "has sha256" in last_of(events(wrong.out), "roll.release")["words"]
    (left,) = {each["run"] for each in events(wrong.out)}
    assert fleet.call("run", "--give-up", left, "--reason", "a wrong checksum").code == 0

    # The way to the third node is cut while its controller swaps: that goes on there.
    right = (*release, "--checksum", f"sha256:{build.sha256}")
    chosen = (*right, "--nodes", "node4,node3,node1", "--answer", "roll.sure=fleet:jane")
    process = fleet.begun("run", "rolling", *chosen)
    assert process.stdout is not None
    before = fleet.asked_for("node3", "operator-swap")
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "begun" and event.get("step") == "node3.swap":
            break
    end = time.monotonic() + 120
    while fleet.asked_for("node3", "operator-swap") == before and time.monotonic() < end:
        time.sleep(0.01)
    fleet.sshd.cut()
    rest, problem = process.communicate(timeout=120)
    assert process.returncode == 1, (rest, problem)
    lost = last_of(events(rest), "node3.swap")
    assert lost["words"].startswith("SSH to node3 (far) is lost"), lost
    assert lost["words"].endswith("; its node and its controller go on"), lost
    assert "--resume" in lost["go_on"]
    run_id = lost["run"]

    # Somebody at another desk reads who has the fleet, and changes nothing.
    other = fleet.elsewhere()
    tuning = ("run", "config", "--set", "cometbft/config/config.toml:moniker=x", "--why", "y", "--nodes", "node2")
    second = other.call(*tuning, "--answer", "roll.sure=fleet:joe", "--json")
    assert second.code == 1, second
    waits = last_of(events(second.out), "roll.fleet")
    assert f"takes node3 down in run {run_id}@" in waits["words"], waits
    assert "its lease ends by itself in" in waits["go_on"]
    assert other.call("run", "--give-up", waits["run"], "--reason", "the roll comes first").code == 0

    # Meanwhile another validator fails: a third and more would be down with the next one.
    devnet.does("node2", "stop")
    devnet.eventually("node3 is back", lambda: devnet.told("node3")["state"] == "COMMITTED")
    refused = fleet.call("run", "--resume", run_id, "--json")
    assert refused.code == 1, refused
    words = last_of(events(refused.out), "node4.swap")["words"]
    assert "20 of 40 power would be down with node4" in words, words
    assert fleet.asked_for("node4", "operator-swap") == 0

    devnet.does("node2", "start")
    devnet.eventually("node2 signs", lambda: signs(fleet.nodes()["node2"]))
    done = fleet.call("run", "--resume", run_id, "--json")
    assert done.code == 0, done
    assert last_of(events(done.out), "roll.all")["words"] == "all 3 nodes run v0.1.6"
    # Nothing was done twice, and who was not named was left alone.
    assert [fleet.asked_for(name, "operator-swap") for name in (*NEAR, *FAR)] == [1, 0, 1, 1]
    nodes = fleet.nodes()
    assert [nodes[name]["node"]["generation"] for name in (*NEAR, *FAR)] == ["v0.1.6", "genesis", "v0.1.6", "v0.1.6"]
    assert all(nodes[name]["rollback_point_age_s"] is not None for name in ("node1", *FAR))
    shown = json.loads(fleet.call("run", "--show", run_id, "--json").out)
    assert shown["items"] == ["node1", "node3", "node4"]

    # A setting of the node itself, on the other machine: shown, set, restarted, back, and put back.
    file = "cometbft/config/config.toml"
    tuned = ("run", "config", "--set", f"{file}:moniker=tuned; keep_points=3", "--why", "a better name")
    ran = fleet.call(*tuned, "--nodes", "node4", "--answer", "roll.sure=fleet:jane", "--json")
    assert ran.code == 0, ran
    assert f"node4: {file}: moniker: node4 → tuned (from the node's next start)" in evidence_of(ran, "roll.difference")
    assert last_of(events(ran.out), "node4.settings-after")["outcome"] == "pass"
    assert nodes["node4"]["node"]["pid"] != fleet.nodes()["node4"]["node"]["pid"]
    undone = fleet.call("node", "config", "file-undo", file, "--node", "node4", "--reason", "worse", "--json")
    assert json.loads(undone.out)["changes"] == [{"key": "moniker", "old": "tuned", "new": "node4"}]


def test_two_desks_never_have_two_nodes_down(fleet: Fleet) -> None:
    devnet = fleet.devnet
    devnet.eventually("all sign", lambda: all(signs(each) for each in fleet.nodes().values()))
    file = "cometbft/config/config.toml"
    # Each desk with another node of its own: on one machine the second of a procedure is refused before it begins.
    desks = {"jane": (fleet, "node1,node3", "node1"), "joe": (fleet.elsewhere(), "node2,node4", "node2")}
    runs = {
        name: desk.begun(
            *("run", "config", "--set", f"{file}:moniker={name}", "--why", "a name", "--nodes", nodes),
            *("--answer", f"roll.sure=fleet:{name}", "--node", own),
        )
        for name, (desk, nodes, own) in desks.items()
    }
    left = {}
    for name, process in runs.items():
        out, problem = process.communicate(timeout=300)
        told = events(out)
        assert told, problem
        if process.returncode:
            (failed,) = [each for each in told if each["event"] == "ended" and each["outcome"] == "fail"]
            assert failed["words"].startswith("another roll is under way: "), failed
            left[name] = failed["run"]
    assert len(left) < 2, "one of two gets through"
    for name, run_id in left.items():
        on = desks[name][0].call("run", "--resume", run_id, "--json")
        assert on.code == 0, on
    for name in (*NEAR, *FAR):
        assert fleet.asked_for(name, "operator-restart") == 1
        # Whoever had it gave it back before the next one got it.
        kinds = [kind for kind, _ in fleet.leases(name)]
        assert kinds == ["lease-granted", "lease-given-back"] * (len(kinds) // 2), fleet.leases(name)
        ids = [lease for _, lease in fleet.leases(name)]
        assert ids[::2] == ids[1::2]
    assert {taken for _, taken in fleet.leases("node1", "node")} == {*NEAR, *FAR}
