"""Where the halt height comes from, and which place wins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.node.discovery import HaltSource, Level, NamedEnvironment, discover, halt_origin, inspect_home
from console.node.discovery.halt_origin import process_environment
from tests.console.node.discovery import homes_for_tests as homes

_FILES = {HaltSource.DEFAULT: "default.toml", HaltSource.MODE: "validator.toml", HaltSource.LOCAL: "local.toml"}


@given(st.dictionaries(st.sampled_from(list(HaltSource)), st.integers(0, 10**6)))
def test_the_strongest_place_that_speaks_wins(
    tmp_path_factory: pytest.TempPathFactory, said: dict[HaltSource, int]
) -> None:
    root = tmp_path_factory.getbasetemp() / "origins"
    if not root.exists():
        homes.embedded(root)
    for source, name in _FILES.items():
        path = root / "fendermint" / "config" / name
        path.write_text(f"halt_height = {said[source]}\n" if source in said else "x = 1\n")
    environments = [
        NamedEnvironment(source, source.value, {"FM_HALT_HEIGHT": str(said[source])})
        for source in (HaltSource.PROCESS, HaltSource.UNIT, HaltSource.CONTAINER)
        if source in said
    ]
    origin = halt_origin(inspect_home(root), environments)
    order = [source for source in HaltSource if source in said]
    assert [place.source for place in origin.places] == order
    assert origin.value == (said[order[-1]] if order else None)
    assert origin.environment_rules == bool(order and order[-1] not in _FILES)
    assert origin.words


def test_an_empty_variable_is_ignored_and_text_counts_as_a_number(tmp_path: Path) -> None:
    home = inspect_home(homes.embedded(tmp_path / "e", halt=5))
    homes.write(tmp_path / "e" / "fendermint" / "config" / "local.toml", 'halt_height = "9"\n')
    ignored = NamedEnvironment(HaltSource.UNIT, "unit x", {"FM_HALT_HEIGHT": ""})
    assert halt_origin(home, [ignored]).value == 9


def test_a_variable_is_known_in_any_case(tmp_path: Path) -> None:
    home = inspect_home(homes.embedded(tmp_path / "e"))
    lower = NamedEnvironment(HaltSource.UNIT, "unit x", {"fm_halt_height": "12"})
    assert halt_origin(home, [lower]).value == 12


def test_what_is_overridden_is_said(tmp_path: Path) -> None:
    home = inspect_home(homes.embedded(tmp_path / "e", halt=5))
    unit = NamedEnvironment(HaltSource.UNIT, "unit ipc-node.service", {"FM_HALT_HEIGHT": "15000"})
    words = halt_origin(home, [unit]).words
    assert words.startswith("the node halts at height 15000, as FM_HALT_HEIGHT in unit ipc-node.service says")
    assert "default.toml says 5 and is overridden" in words


@pytest.mark.parametrize("value", ['"soon"', "-1", "true", "1.5", "[1]", "99999999999999999999"])
def test_a_height_that_is_none_is_a_sentence(tmp_path: Path, value: str) -> None:
    home = inspect_home(homes.embedded(tmp_path / "e"))
    homes.write(tmp_path / "e" / "fendermint" / "config" / "local.toml", f"halt_height = {value}\n")
    origin = halt_origin(home)
    assert origin.value is None
    assert "not readable" in origin.words or origin.unread


def test_a_home_that_says_nothing_fails_since_the_node_would_not_start(tmp_path: Path) -> None:
    root = homes.embedded(tmp_path / "e")
    homes.write(root / "fendermint" / "config" / "default.toml", "x = 1\n")
    said = [f for f in discover(inspect_home(root), unit_roots=()).findings if f.topic == "halt height"]
    assert [finding.level for finding in said] == [Level.FAIL]


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of a process is read from /proc")
def test_the_environment_of_the_running_process_beats_the_unit(tmp_path: Path) -> None:
    home = inspect_home(homes.embedded(tmp_path / "home"))
    units = tmp_path / "units"
    homes.write(
        units / "ipc-node.service",
        f'[Service]\nEnvironment="FM_HALT_HEIGHT=5"\nExecStart=/usr/bin/ipc-cli node start --home {home.root}\n',
    )
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={**os.environ, "FM_HALT_HEIGHT": "15000"})
    try:
        found = discover(home, app_pid=child.pid, unit_roots=[units])
        assert [(place.source, place.value) for place in found.halt.places] == [
            (HaltSource.DEFAULT, 0),
            (HaltSource.UNIT, 5),
            (HaltSource.PROCESS, 15000),
        ]
        assert found.halt.value == 15000
    finally:
        child.communicate()
    assert process_environment(child.pid) is None
