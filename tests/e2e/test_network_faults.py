"""Faults on real consensus: each row of network_faults.toml is played, and what it promises must come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import judge
from tests.e2e.fault_table import Fault, faults
from tests.e2e.real_network import RealNetwork, real_network
from tests.e2e.test_real_cometbft import nobody_signed_twice
from tests.peers import COMETBFT_037

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.timeout(600)]

_RUNNING = frozenset({"IDLE", "COMMITTED", "RESUMED_OLD"})


def rows(own: bool) -> list[Any]:
    return [
        pytest.param(row, id=row.name, marks=() if row.quick else pytest.mark.soak)
        for row in faults()
        if row.own == own
    ]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNetwork]:
    with real_network(tmp_path_factory.mktemp("network-faults") / "net", COMETBFT_037) as network:
        yield network


@pytest.mark.xdist_group("network-faults")
@pytest.mark.parametrize("fault", rows(own=False))
def test_in_turn(network: RealNetwork, fault: Fault) -> None:
    play(network, fault)


@pytest.mark.parametrize("fault", rows(own=True))
def test_through_an_upgrade(tmp_path: Path, fault: Fault) -> None:
    with real_network(tmp_path / "net", COMETBFT_037) as network:
        play(network, fault)
        for name, state in zip(network.names, fault.end, strict=True):
            if state == "COMMITTED":
                judge.halted_with_code_2(network.devnet, name, network.target)
                judge.crossed(network.devnet, name, network.target)


def play(network: RealNetwork, fault: Fault) -> None:
    network.listen()
    for step in fault.do:
        network.do(step)
    said = ""

    def says() -> bool:
        nonlocal said
        said = network.console(fault.viewer)
        return all(part in said for part in fault.says)

    network.eventually(f"{fault.viewer}'s console says {fault.says}", says, 180)
    height = network.height()
    if fault.chain == "stands":
        assert f"The chain stands at block {height:,} " in said
    else:
        assert fault.chain == "waits" or "The chain stands" not in said
        network.eventually("the chain goes on", network.devnet.past(height + 1))
    for step in fault.heal:
        network.do(step)
    comes_to_its_end(network, fault)


def comes_to_its_end(network: RealNetwork, fault: Fault) -> None:
    devnet, wanted = network.devnet, dict(zip(network.names, fault.end, strict=True))
    network.eventually(f"the nodes are {wanted}", lambda: devnet.states() == wanted, 180)
    height = network.height()
    network.eventually("the chain goes on", devnet.past(height + 1))
    signing = [name for name, state in wanted.items() if state in _RUNNING]
    for name in signing:
        network.eventually(f"{name} signs again", lambda name=name: judge.signs_again(devnet, name, height))  # type: ignore[misc]
    assert "The chain stands" not in network.console(fault.viewer)
    nobody_signed_twice(devnet)
    executed = {name: judge.executed(devnet, name) for name in signing}
    judge.same_app_hash(devnet, signing, min(max(heights) for heights in executed.values()))
