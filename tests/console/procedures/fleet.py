"""A fleet without machines: controllers that swap and restart at once, and a network that sees who signs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from console.errors import ControllerDown
from console.files import sha256_of
from console.model import Crossing, NodeStatus, OwnConsensus, PlanOrigin, PowerNow, Snapshot
from console.model.network import Bond, Stake
from console.model.roll_lease import LeaseAnswer, RollLease
from console.node.client import NodeClient
from console.node.roll_lease import RollLeases
from console.operations import roll as operations
from console.procedures import roll
from console.settings import NetworkSettings, RemoteNode, parse_network
from console.settings_table import SettingChange
from console.text import untrusted
from tests import fakes
from tests.console.node.leases import Kept
from tests.console.procedures.scripted import ScriptedContext

FILE = "config/config.toml"
LOST = ControllerDown("SSH to val is lost", safe="its node goes on", next_step="go on with --resume when it is back")


@dataclass
class FakeNode:
    """One node and its controller."""

    name: str
    power: int
    network: FakeNetwork
    generation: str = "genesis"
    pid: int | None = 100
    crossing: Crossing | None = None
    plan: Any = None
    jailed: bool = False
    breaks: bool = False
    """Whether the new program does not come up here."""
    cut: bool = False
    """Whether the next change is done and its answer lost."""
    staged: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=lambda: {"keep_points": "2", "shutdown_grace_s": "1m"})
    values: dict[str, str] = field(default_factory=lambda: {"moniker": "val", "p2p.max_num_inbound_peers": "40"})
    done: list[str] = field(default_factory=list)
    says_out: str = ""
    """Why its controller says that it does not sign, although the commits do not show it yet."""

    def __post_init__(self) -> None:
        self.leases = RollLeases(Kept(), lambda: self.network.clock)

    @property
    def signs(self) -> bool:
        return self.pid is not None and not self.jailed and bool(self.power)

    def _status(self) -> NodeStatus:
        attempt = self.plan
        if self.crossing is not None:
            attempt = replace(
                fakes.attempt(),
                origin=PlanOrigin.OPERATOR,
                generation=self.generation,
                crossing=self.crossing,
                target_height=self.network.height,
            )
        exe = self.staged.get(self.generation, "00" * 32)
        state = "IDLE" if attempt is None else attempt.crossing.value or "READY"
        return fakes.node(
            self.network.height,
            name=self.name,
            pid=self.pid,
            generation=self.generation,
            attempt=attempt,
            exe_sha256=exe,
            state=state,
        )

    async def status(self) -> NodeStatus:
        return self._status()

    async def consensus(self) -> OwnConsensus | None:
        if self.pid is None:
            return None
        power = 0 if self.jailed else self.power
        total = self.network.now().total
        return OwnConsensus(self.network.height, self.network.height, False, 3, power, total, self.signs, self.name)

    async def generations(self) -> list[dict[str, Any]]:
        return [{"name": name, "sha256": sha256, "complete": True} for name, sha256 in self.staged.items()]

    async def add_upgrade(self, name: str, binary: Path, *, force: bool = False) -> NodeStatus:
        assert force
        self.staged[name] = sha256_of(binary)
        self.done.append("stage")
        return self._status()

    async def lease(self, wish: RollLease) -> LeaseAnswer:
        if self.name in self.network.unheard:
            raise LOST
        return LeaseAnswer(self.leases.ask(wish), self.says_out or ("" if self.pid else "it does not run"), self.name)

    async def end_lease(self, lease: str) -> None:
        self.leases.end(lease)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        yield

    async def swap(self, name: str, reason: str, *, lease: str = "") -> NodeStatus:
        assert reason
        self.leases.require(lease, "a swap")
        self.done.append("swap")
        self.network.took_down(self)
        self.crossing = Crossing.PARKED if self.breaks else Crossing.COMMITTED
        if self.breaks:
            self.pid = None
        else:
            self.generation, self.pid = name, (self.pid or 100) + 1
        return self._answer()

    async def restart(self, *, lease: str = "") -> NodeStatus:
        self.leases.require(lease, "a restart")
        self.done.append("restart")
        self.network.took_down(self)
        self.pid = (self.pid or 100) + 1
        return self._answer()

    def _answer(self) -> NodeStatus:
        if self.cut:
            self.cut = False
            raise LOST
        return self._status()

    async def config(self, key: str | None = None) -> dict[str, Any]:
        return {"settings": [{"key": key, "value": value, "pending": None} for key, value in self.settings.items()]}

    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]:
        done = tuple(SettingChange(key, self.settings[key], value) for key, value in changes.items())
        self.settings.update(changes)
        self.done.append("set")
        return done

    async def node_files(self) -> tuple[str, ...]:
        return (FILE,)

    async def node_values(self, file: str) -> dict[str, str]:
        return dict(self.values)

    async def node_values_set(self, file: str, changes: Mapping[str, str], reason: str) -> tuple[SettingChange, ...]:
        done = tuple(SettingChange(key, self.values[key], value) for key, value in changes.items())
        self.values.update(changes)
        self.done.append("set file")
        return done


@dataclass
class FakeNetwork:
    """Who signs, a block further at each look."""

    height: int = 1000
    nodes: dict[str, FakeNode] = field(default_factory=dict)
    strangers: dict[str, int] = field(default_factory=dict)
    """Power of validators that are not ours."""
    silent: set[str] = field(default_factory=set)
    """Of those, who is down."""
    taken: list[tuple[str, int]] = field(default_factory=list)
    """Who was taken down, and the power that was down then."""
    unheard: set[str] = field(default_factory=set)
    """Nodes whose controllers are not heard when they are asked for a lease."""
    clock: float = 0.0
    """Seconds, as the controllers count them for leases."""
    stands: bool = False
    decided_at: float = field(default_factory=time.time)

    def now(self) -> PowerNow:
        powers = {each.name: each.power for each in self.nodes.values() if each.power and not each.jailed}
        down = {each.name for each in self.nodes.values() if each.power and not each.signs and not each.jailed}
        return PowerNow(
            self.height, {**powers, **self.strangers}, frozenset(down | self.silent), "the network", self.decided_at
        )

    def took_down(self, node: FakeNode) -> None:
        now = self.now()
        down = sum(now.powers[each] for each in {*now.silent, node.name} if each in now.powers)
        # The one rule of a roll, whoever asked for it.
        assert 3 * down < now.total, (node.name, down, now.total)
        self.taken.append((node.name, down))

    async def read(self, _network: NetworkSettings) -> PowerNow:
        self.height += 0 if self.stands else 3
        return self.now()


def fleet_of(**powers: int) -> FakeNetwork:
    """A network of these nodes."""
    network = FakeNetwork()
    network.nodes = {name: FakeNode(name, power, network) for name, power in powers.items()}
    return network


class FleetContext(ScriptedContext):
    """A step's context whose clients are those of a fake fleet."""

    def __init__(self, fleet: FakeNetwork, folder: Path, arguments: Mapping[str, str]) -> None:
        nodes = tuple(RemoteNode(name, name, "x", "") for name in fleet.nodes)
        table = {"kind": "cosmos", "chain_id": "test-1", "cometbft_rpc": ["http://127.0.0.1:1"], "stage": "testnet"}
        super().__init__(replace(parse_network("testnet", table, None), elsewhere=nodes), folder, arguments)
        self.fleet = fleet

    def client(self, node: str = "") -> NodeClient:
        return cast(NodeClient, self.fleet.nodes[node])

    async def snapshot(self) -> Snapshot:
        shown, pattern = fakes.idle(), fakes.validators()[0]
        assert shown.chain is not None
        staked = tuple(
            replace(pattern, consensus_address=each.name, stake=_stake(each)) for each in self.fleet.nodes.values()
        )
        return replace(shown, chain=replace(shown.chain, validators=staked))

    async def sleep(self, seconds: float) -> None:
        return None


def _stake(node: FakeNode) -> Stake:
    bond = Bond.UNBONDING if node.jailed else Bond.BONDED
    return Stake(untrusted(f"op-{node.name}"), 1, bond, node.jailed, missed_blocks=60 * node.jailed, signing_window=100)


@contextmanager
def seen(fleet: FakeNetwork, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have rolls read who takes part from the fake network."""
    with monkeypatch.context() as patched:
        patched.setattr(roll, "taking_part", fleet.read)
        patched.setattr(operations, "taking_part", fleet.read)
        yield
