"""Faults on a network of real CometBFT nodes, as the table `network_faults.toml` says they end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import judge
from tests.e2e.devnet import Devnet
from tests.e2e.test_real_cometbft import LEAD, POWERS, nobody_signed_twice, real_devnet
from tests.peers import COMETBFT_037

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.soak, pytest.mark.timeout(1500)]

TABLE = Path(__file__).with_name("network_faults.toml")
NAMES = ("node1", "node2", "node3", "node4")


@dataclass(frozen=True)
class Fault:
    """A row."""

    name: str
    chain: str
    says: str = ""
    kill: dict[str, str] = field(default_factory=dict)
    freeze: tuple[str, ...] = ()
    halts_early: str = ""
    upgrade: bool = False
    unwatched: str = ""
    end: dict[str, str] = field(default_factory=dict)


def rows() -> list[Fault]:
    return [Fault(**row) for row in tomllib.loads(TABLE.read_text())["fault"]]


def test_every_fault_ends_as_the_table_says(tmp_path: Path) -> None:
    with real_devnet(tmp_path / "net", COMETBFT_037, "--powers", POWERS) as devnet:
        for fault in rows():
            happens(devnet, fault)


def happens(devnet: Devnet, fault: Fault) -> None:
    marks = {name: judge.signer_mark(devnet, name) for name in NAMES}
    with made(devnet, fault) as height:
        at = tip(devnet)
        if fault.chain == "goes on":
            devnet.eventually(f"{fault.name}: the chain goes on", devnet.past(at + 5), 120)
        if fault.says:
            devnet.eventually(f"{fault.name}: it is said", lambda: fault.says in said_by(devnet, "node1"), 60)
        if fault.chain == "stands":
            assert tip(devnet) <= at + 1
    usual = "COMMITTED" if fault.upgrade else "IDLE"
    for name in NAMES:
        wanted = fault.end.get(name, usual)
        devnet.eventually(f"{fault.name}: {name} ends {wanted}", devnet.all_are(wanted, name), 180)
    at = tip(devnet)
    devnet.eventually(f"{fault.name}: the chain goes on at its end", devnet.past(at + 3), 120)
    for name in NAMES:
        assert judge.signer_mark(devnet, name) >= marks[name], f"{fault.name}: {name} may sign twice"
        if name not in fault.end:
            devnet.eventually(f"{name} signs again", lambda name=name: judge.signs_again(devnet, name, at), 90)  # type: ignore[misc]
            if height:
                judge.crossed(devnet, name, height)
    nobody_signed_twice(devnet)


@contextlib.contextmanager
def made(devnet: Devnet, fault: Fault) -> Iterator[int]:
    """The fault, as long as it lasts; yields the upgrade's height, 0 without one."""
    height = 0
    stopped = [pid for name in fault.freeze for pid in services(devnet, name).values()]
    for name, service in fault.kill.items():
        os.kill(services(devnet, name)[service], signal.SIGKILL)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    if fault.halts_early:
        halts_early(devnet, fault.halts_early)
    if fault.unwatched:
        assert devnet.verb("stop-controller", fault.unwatched).code == 0
    if fault.upgrade:
        height = devnet.propose(LEAD)
        devnet.eventually("H is past", devnet.past(height + 2), 300)
    try:
        yield height
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        if fault.unwatched:
            assert devnet.verb("start-controller", fault.unwatched).code == 0


def halts_early(devnet: Devnet, name: str) -> None:
    """A node that its operator's file has halt, with no plan; he takes it back when the node is down."""
    file = devnet.home(name) / "fendermint" / "config" / "local.toml"
    file.write_text(f"halt_height = {tip(devnet) + 15}\n")
    assert devnet.verb("stop-node", name).code == 0
    assert devnet.verb("start-node", name).code == 0
    devnet.eventually("it has halted", lambda: 2 in {run["exit_code"] for run in judge.runs(devnet, name)}, 120)
    file.unlink()
    if not devnet.all_are("IDLE", name)():
        devnet.verb("start-node", name)


def services(devnet: Devnet, name: str) -> dict[str, int]:
    """Pid by service of a node's present run."""
    record = json.loads((devnet.state_dir(name) / "run" / "node.json").read_text())
    return {each["name"]: each["pid"] for each in record["services"]}


def said_by(devnet: Devnet, name: str) -> str:
    """All that `status` says, on one line."""
    ran = devnet.call("status", "--node", name)
    return " ".join((ran.out + ran.err).split())


def tip(devnet: Devnet) -> int:
    return int(devnet.status()["height"])
