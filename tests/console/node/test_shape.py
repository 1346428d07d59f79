"""Shapes: which services a node is made of, and where its things are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.files import sha256_of
from console.model import GENESIS
from console.node.generation_folders import Binary, Generation
from console.node.shape import HALT_VARIABLE, NodeShape, shape_of
from console.settings import NodeSettings

SHA = "ab" * 32


def settings(home: Path, shape: str, *arguments: str, **changes: object) -> NodeSettings:
    node = NodeSettings(
        name="node1",
        home=home,
        state_dir=home / "state",
        daemon="noded",
        arguments=arguments,
        address="0x" + "00" * 20,
        cometbft_rpc="http://127.0.0.1:9",
        ethereum_rpc="http://127.0.0.1:9",
        operator_key=None,
        shape=shape,  # type: ignore[arg-type]
    )
    return dataclasses.replace(node, **changes)  # type: ignore[arg-type]


def generation(home: Path, *companions: Binary) -> Generation:
    return Generation("v2", home / "bin" / "noded", SHA, companions)


def cometbft_config(folder: Path, text: str) -> None:
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "config" / "config.toml").write_text(text)


def test_one_binary_that_embeds_all(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "embedded", "node", "start", "--home", "{home}"))
    (app,) = shape.services(generation(tmp_path), {"PATH": "/bin", "TMPDIR": "/tmp"})
    assert (app.name, app.binary, app.sha256) == ("app", tmp_path / "bin" / "noded", SHA)
    assert app.arguments == ("node", "start", "--home", str(tmp_path))
    assert app.environment == {"PATH": "/bin", "TMPDIR": str(tmp_path / "state" / "tmp" / "v2")}
    assert shape.data_folders() == (tmp_path / "fendermint" / "data", tmp_path / "cometbft" / "data")
    assert shape.signer_state() == tmp_path / "cometbft" / "data" / "priv_validator_state.json"
    assert shape.halt_environment(7) == {HALT_VARIABLE: "7"}
    assert shape.halt_environment(0) == {}
    assert (shape.halts_itself, shape.has_pre_upgrade) == (False, False)


def test_fendermint_in_parts(tmp_path: Path) -> None:
    (tmp_path / ".fendermint").mkdir()
    (tmp_path / ".cometbft").mkdir()
    shape = shape_of(settings(tmp_path, "fendermint"))
    assert shape.required_companions() == ("cometbft",)
    comet = Binary("cometbft", tmp_path / "bin" / "cometbft", "cd" * 32)
    app, cometbft, eth = shape.services(generation(tmp_path, comet), {})
    home = str(tmp_path / ".fendermint")
    assert app.arguments == ("--home-dir", home, "run")
    assert (cometbft.binary, cometbft.sha256) == (comet.path, comet.sha256)
    assert cometbft.arguments == ("start", "--home", str(tmp_path / ".cometbft"))
    assert (eth.binary, eth.sha256, eth.arguments) == (app.binary, SHA, ("--home-dir", home, "eth", "run"))
    assert shape.config_display() == ("--home-dir", home, "config", "display")
    assert shape.data_folders() == (tmp_path / ".fendermint" / "data", tmp_path / ".cometbft" / "data")


def test_what_the_operator_wrote_moves_fendermints_homes(tmp_path: Path) -> None:
    arguments = ("-d", "/srv/fm", "-m", "validator", "run")
    node = settings(tmp_path, "fendermint", *arguments, ethereum_rpc="", environment={"CMTHOME": "/srv/comet"})
    shape = shape_of(node)
    assert [entry.name for entry in shape.companions] == ["cometbft"]
    assert shape.companions[0].arguments == ("start", "--home", "/srv/comet")
    assert shape.config_display() == ("-d", "/srv/fm", "-m", "validator", "config", "display")
    assert shape.data_folders() == (Path("/srv/fm/data"), Path("/srv/comet/data"))


def test_a_companion_of_the_operator_is_the_bytes_that_lie_there(tmp_path: Path) -> None:
    binary = tmp_path / "cometbft-0.37"
    binary.write_text("#!/bin/sh\n")
    link = tmp_path / "cometbft"
    link.symlink_to(binary)
    shape = shape_of(settings(tmp_path, "fendermint", companions={"cometbft": link}))
    assert shape.required_companions() == ()
    cometbft = shape.services(generation(tmp_path), {})[1]
    assert (cometbft.binary, cometbft.sha256) == (binary, sha256_of(binary))
    binary.unlink()
    with pytest.raises(NodeError, match="cannot read"):
        shape.services(generation(tmp_path), {})


def test_a_companion_that_is_nowhere_is_said(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="has no cometbft"):
        shape_of(settings(tmp_path, "fendermint")).services(generation(tmp_path), {})


def test_a_cosmos_daemon(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "cosmos"))
    (app,) = shape.services(generation(tmp_path), {"A": "b"})
    assert (app.arguments, app.environment) == (("start", "--home", str(tmp_path)), {"A": "b"})
    assert (shape.halts_itself, shape.has_pre_upgrade) == (True, True)
    assert shape.halt_environment(7) == {}
    assert shape.config_display() == ()
    assert shape.data_folders() == (tmp_path / "data",)
    assert shape.signer_state() == tmp_path / "data" / "priv_validator_state.json"
    assert shape.application_height() is None


def test_a_shape_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="no shape"):
        shape_of(settings(tmp_path, "windows"))


def test_ports_are_those_that_the_files_name(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "embedded"))
    assert shape.ports() == {}
    comet = 'proxy_app = "x"\n[rpc]\nladdr = "tcp://127.0.0.1:30001"\n[p2p]\nladdr = "tcp://0.0.0.0:30002"\n'
    cometbft_config(tmp_path / "cometbft", comet)
    config = tmp_path / "fendermint" / "config"
    config.mkdir(parents=True)
    (config / "default.toml").write_text(
        '[eth.listen]\nport = 30003\n[abci.listen]\nhost = "127.0.0.1"\nport = 30004\n'
    )
    assert shape.ports() == {"rpc": 30001, "p2p": 30002, "abci": 30004, "eth": 30003}
    (config / "local.toml").write_text("[eth.listen]\nport = 30005\n")
    assert shape.ports()["eth"] == 30005
    (config / "local.toml").write_text("[eth.listen\n")
    assert shape.ports()["eth"] == 30003


def test_ports_of_a_cosmos_daemon(tmp_path: Path) -> None:
    cometbft_config(tmp_path, '[rpc]\nladdr = "tcp://127.0.0.1:30001"\n')
    (tmp_path / "config" / "app.toml").write_text('[grpc]\naddress = "localhost:30009"\n[api]\naddress = "nonsense"\n')
    assert shape_of(settings(tmp_path, "cosmos")).ports() == {"rpc": 30001, "grpc": 30009}


def test_a_remote_signer_is_found_and_lost_with_the_file(tmp_path: Path) -> None:
    shape = NodeShape(tmp_path, ())
    assert shape.remote_signer() == ""
    cometbft_config(tmp_path / "cometbft", 'priv_validator_laddr = ""\npriv_validator_state_file = "safe/state.json"\n')
    assert shape.remote_signer() == ""
    assert shape.signer_state() == tmp_path / "cometbft" / "safe" / "state.json"
    cometbft_config(tmp_path / "cometbft", 'priv_validator_laddr = "tcp://0.0.0.0:26659"\n')
    assert shape.remote_signer() == "tcp://0.0.0.0:26659"


def test_locks_of_the_databases_that_are_there(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "cosmos"))
    wanted = [
        tmp_path / "data" / name / "LOCK" for name in ("application.db", "blockstore.db", "snapshots/metadata.db")
    ]
    for lock in wanted:
        lock.parent.mkdir(parents=True)
        lock.touch()
    (tmp_path / "data" / "cs.wal").mkdir()
    assert shape.database_locks() == tuple(wanted)


def test_a_generation_never_finds_the_temporary_files_of_another(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "embedded"))
    old, new = generation(tmp_path), dataclasses.replace(generation(tmp_path), name=GENESIS)
    tmp = tmp_path / "state" / "tmp"
    shape.make_tmp(old)
    (tmp / "v2" / "cometbft").write_text("half")
    shape.make_tmp(new)
    assert list((tmp / GENESIS).iterdir()) == []
    assert (tmp / GENESIS).stat().st_mode & 0o777 == 0o700
    shape.drop_old_tmp(new)
    assert [folder.name for folder in tmp.iterdir()] == [GENESIS]
    (tmp / GENESIS / "cometbft").write_text("half")
    shape.make_tmp(new)
    assert list((tmp / GENESIS).iterdir()) == []


def test_a_folder_for_temporary_files_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(NodeError, match="temporary files"):
        shape_of(settings(tmp_path, "embedded")).make_tmp(generation(tmp_path))


@pytest.mark.parametrize(
    ("output", "height"),
    [
        ("halt_height = 42\n", 42),
        ("Settings {\n    home_dir: x,\n    halt_height: 42,\n}", 42),
        ('{"halt_height": 42,\n}', None),
        ('  "halt_height": 42,', 42),
        ("halt_height = -1", None),
        ("", None),
    ],
)
def test_the_halt_height_in_printed_settings(tmp_path: Path, output: str, height: int | None) -> None:
    assert NodeShape(tmp_path, ()).displayed_halt_height(output) == height


@given(st.text())
def test_printed_settings_of_any_kind_are_read(output: str) -> None:
    found = NodeShape(Path("/h"), ()).displayed_halt_height(output)
    assert found is None or found >= 0


def test_containers_keep_their_own_arguments_and_nothing_of_this_machines_paths(tmp_path: Path) -> None:
    services = {"app": "val-fendermint", "cometbft": "val-cometbft", "eth": "val-ethapi"}
    shape = shape_of(settings(tmp_path, "docker", runtime="docker", containers=services))
    comet = Binary("cometbft", tmp_path / "bin" / "cometbft", "cd" * 32)
    app, cometbft, eth = shape.services(generation(tmp_path, comet), {})
    assert (app.name, app.sha256, app.arguments) == ("app", SHA, ())
    assert (cometbft.name, cometbft.sha256, cometbft.arguments) == ("cometbft", "cd" * 32, ())
    # Of the app's image.
    assert (eth.name, eth.sha256, eth.arguments) == ("eth", SHA, ())
    assert shape.required_companions() == ("cometbft",)
    assert shape.config_display() == ("config", "display")
    assert shape.data_folders() == (tmp_path / "fendermint" / "data", tmp_path / "cometbft" / "data")
    shape.make_tmp(generation(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("containers", "words"),
    [({}, "app has no container"), ({"app": "a", "relayer": "b"}, "no service relayer")],
)
def test_containers_of_services_that_nobody_knows_are_refused(
    tmp_path: Path, containers: dict[str, str], words: str
) -> None:
    with pytest.raises(NodeError, match=words):
        shape_of(settings(tmp_path, "docker", runtime="docker", containers=containers))


def test_a_home_that_holds_nothing_but_the_signer_state_never_ran(tmp_path: Path) -> None:
    shape = shape_of(settings(tmp_path, "embedded"))
    for folder in shape.data_folders():
        folder.mkdir(parents=True)
    shape.signer_state().write_text("{}")
    assert shape.never_ran()
    (shape.data_folders()[0] / "blockstore.db").mkdir()
    assert not shape.never_ran()


def test_a_home_without_its_data_folders_is_not_taken_for_a_fresh_one(tmp_path: Path) -> None:
    assert not shape_of(settings(tmp_path, "embedded")).never_ran()


def test_cometbft_is_executed_when_its_application_listens(tmp_path: Path) -> None:
    comet = Binary("cometbft", tmp_path / "bin" / "cometbft", SHA)
    shape = shape_of(settings(tmp_path, "fendermint"))
    ports = [each.after_port for each in shape.services(generation(tmp_path, comet), {})]
    assert ports == [0, 0, 0], "the application's port is not known"
    folder = tmp_path / "fendermint" / "config"
    folder.mkdir(parents=True)
    (folder / "default.toml").write_text('[abci]\nlisten = { host = "127.0.0.1", port = 26658 }\n')
    shape = shape_of(settings(tmp_path, "fendermint"))
    found = {each.name: each.after_port for each in shape.services(generation(tmp_path, comet), {})}
    assert found == {"app": 0, "cometbft": 26658, "eth": 0}
