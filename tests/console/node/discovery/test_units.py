"""systemd units are understood from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.discovery import load_unit, units_for
from tests.console.node.discovery.homes_for_tests import write

UNIT = """[Unit]
Description=IPC Validator Node
[Service]
Type=simple
User=ipc
WorkingDirectory={home}
Environment="RUST_LOG=info" "FM_HALT_HEIGHT=100"
# Environment=NOT=1
ExecStart=-/usr/local/bin/ipc-cli node \\
  start --home {home}
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""


def units(folder: Path) -> list[Path]:
    return [folder / "etc", folder / "run", folder / "lib"]


def test_the_unit_in_use_is_found_by_its_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    etc, _, lib = units(tmp_path)
    write(etc / "ipc-node.service", UNIT.format(home=home))
    write(lib / "ssh.service", "[Service]\nExecStart=/usr/sbin/sshd -D\n")
    (etc / "multi-user.target.wants").mkdir()
    (etc / "multi-user.target.wants" / "ipc-node.service").symlink_to("../ipc-node.service")
    [unit] = units_for(home, units(tmp_path))
    assert unit.name == "ipc-node.service"
    assert unit.commands == (("/usr/local/bin/ipc-cli", "node", "start", "--home", str(home)),)
    assert dict(unit.environment) == {"RUST_LOG": "info", "FM_HALT_HEIGHT": "100"}
    assert (unit.user, unit.restart, unit.wanted) == ("ipc", "on-failure", True)


def test_drop_ins_and_environment_files_have_the_last_word(tmp_path: Path) -> None:
    home = tmp_path / "home"
    etc, run, lib = units(tmp_path)
    write(lib / "ipc-node.service", UNIT.format(home=home))
    write(etc / "ipc-node.service.d" / "20-halt.conf", "[Service]\nEnvironment=FM_HALT_HEIGHT=200\n")
    write(run / "ipc-node.service.d" / "20-halt.conf", "[Service]\nEnvironment=FM_HALT_HEIGHT=999\n")
    write(tmp_path / "env", "# c\nFM_HALT_HEIGHT='300'\n")
    unit = load_unit("ipc-node.service", units(tmp_path))
    assert unit is not None
    assert dict(unit.environment)["FM_HALT_HEIGHT"] == "200"
    write(etc / "ipc-node.service.d" / "30-file.conf", f"[Service]\nEnvironmentFile=-{tmp_path}/env\n")
    unit = load_unit("ipc-node.service", units(tmp_path))
    assert unit is not None
    assert dict(unit.environment)["FM_HALT_HEIGHT"] == "300"


def test_an_empty_exec_start_resets_the_ones_before(tmp_path: Path) -> None:
    home = tmp_path / "home"
    etc, _, lib = units(tmp_path)
    write(lib / "n.service", UNIT.format(home=home))
    write(etc / "n.service.d" / "a.conf", "[Service]\nExecStart=\nExecStart=/bin/sleep 9\n")
    assert units_for(home, units(tmp_path)) == ()


def test_a_masked_unit_would_start_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    etc, _, lib = units(tmp_path)
    write(lib / "n.service", UNIT.format(home=home))
    etc.mkdir()
    (etc / "n.service").symlink_to("/dev/null")
    assert units_for(home, units(tmp_path)) == ()
    unit = load_unit("n.service", units(tmp_path))
    assert unit is not None
    assert unit.masked


@pytest.mark.parametrize(
    ("service", "runs"),
    [
        ("ExecStart=/usr/bin/gaiad start --home={home}", True),
        ("ExecStart=/usr/bin/gaiad start --home ${{NODE}}\nEnvironment=NODE={home}", True),
        ("ExecStart=/usr/bin/cosmovisor run start\nEnvironment=DAEMON_HOME={home}", True),
        ("ExecStart=/bin/sh -c 'exec ipc-cli node start --home {home}'", True),
        ("ExecStart=/opt/start-node.sh\nWorkingDirectory={home}", True),
        ("ExecStart=/usr/bin/gaiad start --home /other\nWorkingDirectory={home}", False),
        ("ExecStart=/usr/bin/ipc-cli checkpoint relayer --subnet /r1\nWorkingDirectory={home}", False),
        ("ExecStart=/usr/bin/gaiad query --home {home}", False),
        ("ExecStart=/usr/bin/upgrade-console node run --home {home}", False),
        ("ExecStart=/usr/bin/python3 -m console.cli node run --home {home}", False),
    ],
)
def test_only_units_that_would_run_this_node_count(tmp_path: Path, service: str, runs: bool) -> None:
    home = tmp_path / "home"
    write(tmp_path / "etc" / "n.service", "[Service]\n" + service.format(home=home) + "\n")
    assert bool(units_for(home, units(tmp_path))) == runs


def test_a_daemon_without_a_home_uses_the_one_of_its_name(tmp_path: Path) -> None:
    import os
    import pwd

    user = pwd.getpwuid(os.getuid())
    write(tmp_path / "etc" / "a.service", f"[Service]\nUser={user.pw_name}\nExecStart=/usr/bin/fendermint run\n")
    write(tmp_path / "etc" / "b.service", f"[Service]\nUser={user.pw_name}\nExecStart=/usr/bin/gaiad start\n")
    folder = Path(user.pw_dir)
    assert [unit.name for unit in units_for(folder / ".fendermint", units(tmp_path))] == ["a.service"]
    assert [unit.name for unit in units_for(folder / ".gaia", units(tmp_path))] == ["b.service"]
    assert units_for(folder / ".osmosis", units(tmp_path)) == ()


@settings(max_examples=150)
@given(st.binary(max_size=120) | st.text("[]Service=\\\n %hn\"'EnvironmtExcSa$ ", max_size=120).map(str.encode))
def test_any_bytes_are_a_unit_that_says_something_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "units"
    folder.mkdir(exist_ok=True)
    (folder / "n.service").write_bytes(b"[Service]\n" + content)
    unit = load_unit("n.service", [folder])
    assert unit is not None
    assert isinstance(unit.runs(folder), bool)
