"""A devnet of real CometBFT nodes on disk: what each of its three processes reads."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from console.devnet import keys
from console.devnet.cometbft import find_cometbft, keep_cometbft, link_cometbft
from console.devnet.creation import choose, settings_text
from console.devnet.homes import genesis, write_home
from console.devnet.joining import join
from console.devnet.layout import Layout
from console.devnet.options import COMETBFT, EMBEDDED, UpOptions
from console.devnet.ports import PortBook
from console.devnet.program.config import load_app_config
from console.devnet.program.keys import load_node_id
from console.devnet.record import Record, load
from console.errors import DevnetError, InputError
from console.files import sha256_of
from console.node.shape import shape_of
from console.settings import load_network


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "cometbft"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def chosen(place: Path, program: Path) -> tuple[Layout, Record]:
    layout = Layout.of(place / "net")
    layout.folder.mkdir()
    options = UpOptions(layout.folder, powers=(10, 30), block_time_ms=250, consensus=COMETBFT, cometbft=program)
    return layout, choose(layout, options, PortBook(place / "xdg"))


def test_the_program_is_found_and_kept(tmp_path: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevnetError, match="no cometbft on PATH"):
        find_cometbft(None)
    with pytest.raises(DevnetError, match="is not a program"):
        find_cometbft(tmp_path / "nothing")
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_cometbft(None) == find_cometbft(program) == program
    kept = tmp_path / "net" / "cometbft"
    with pytest.raises(DevnetError, match="cannot copy"):
        keep_cometbft(program, kept)
    kept.parent.mkdir()
    for _ in range(2):
        keep_cometbft(program, kept)
        link_cometbft(kept, tmp_path / "linked")
    assert sha256_of(kept) == sha256_of(program) == sha256_of(tmp_path / "linked")
    assert os.access(tmp_path / "linked", os.X_OK)
    with pytest.raises(InputError, match="the consensus cometbft only"):
        UpOptions(tmp_path, cometbft=program)
    with pytest.raises(InputError, match="not 'odd'"):
        UpOptions(tmp_path, consensus="odd")


def test_what_was_chosen_is_kept(place: Path, program: Path) -> None:
    layout, record = chosen(place, program)
    record.save(layout)
    assert load(layout) == record
    assert len(record.ports) == 2 + 2 * 5
    assert record.contradiction(UpOptions(place, consensus=EMBEDDED)) == "its consensus is cometbft, not embedded"
    assert record.contradiction(UpOptions(place, consensus=COMETBFT, cometbft=program)) is None


def test_a_home_holds_what_application_api_and_cometbft_read(place: Path, program: Path) -> None:
    layout, record = chosen(place, program)
    one, two = record.validators
    for validator in record.validators:
        node = layout.node(validator.name)
        write_home(node, record, validator, b"#!/bin/sh\n", genesis(record), layout.cometbft)
    home = layout.node("node1").home
    app = load_app_config(home / "fendermint", {"FM_HALT_HEIGHT": "77"})
    assert (app.abci.port, app.eth.port, app.halt_height) == (one.abci_port, one.ethereum_port, 77)
    assert (app.cometbft_rpc, app.evm_url) == (one.cometbft_rpc, record.evm_url)

    comet = tomllib.loads((home / "cometbft/config/config.toml").read_text())
    assert comet["proxy_app"] == f"tcp://127.0.0.1:{one.abci_port}"
    assert comet["consensus"]["timeout_commit"] == "250ms"
    peer = load_node_id(layout.node("node2").home / "cometbft/config/node_key.json")
    assert peer == keys.node_id(record.chain_id, 2)
    assert comet["p2p"]["persistent_peers"] == f"{peer}@127.0.0.1:{two.p2p_port}"
    assert sha256_of(home / "cosmovisor/current/bin/cometbft") == sha256_of(program)


def test_the_controller_runs_three_processes(place: Path, program: Path) -> None:
    layout, record = chosen(place, program)
    layout.settings.write_text(settings_text(layout, replace(record, registry="0x" + "5a" * 20)))
    shape = shape_of(load_network("devnet", layout.folder).node("node1"))
    home = layout.node("node1").home
    assert shape.arguments == ("--home-dir", str(home / "fendermint"), "run")
    assert [(each.name, each.daemon, each.arguments) for each in shape.companions] == [
        ("cometbft", "cometbft", ("start", "--home", str(home / "cometbft"))),
        ("eth", "", ("--home-dir", str(home / "fendermint"), "eth", "run")),
    ]
    assert shape.required_companions() == ("cometbft",)
    assert shape.config_display() == ("--home-dir", str(home / "fendermint"), "config", "display")


@pytest.mark.anyio
async def test_nobody_joins_such_a_devnet(place: Path, program: Path) -> None:
    layout, record = chosen(place, program)
    replace(record, complete=True, up=True).save(layout)
    with pytest.raises(DevnetError, match="a validator cannot join"):
        await anext(join(layout.folder))
