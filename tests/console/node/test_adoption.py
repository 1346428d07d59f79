"""Adopting a unit: durable before it is touched, repeatable after a kill anywhere, and given back exactly."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from console.errors import HeldByOther, NodeError
from console.node.adoption import DROP_IN_NAME, RECORD_NAME, Adoption, Phase, Way
from console.node.commands import CommandResult
from console.node.foreign import Holder, HolderKind
from console.text import untrusted

UNIT = "ipc-node.service"
FILE = "[Service]\nExecStart=/usr/bin/ipc-cli node start --home {home}\n[Install]\nWantedBy=multi-user.target\n"


class Killed(Exception):
    """The controller's end at a chosen command."""


@dataclass
class FakeSystemd:
    """Does to folders what `systemctl` does, and keeps every command; dies before or after the chosen one."""

    etc: Path
    lib: Path
    active: set[str] = field(default_factory=set)
    required_by: dict[str, str] = field(default_factory=dict)
    changes: list[tuple[str, ...]] = field(default_factory=list)
    die_at: int = -1
    die_after: bool = False

    def run(self, arguments: Sequence[str], deadline_s: float) -> CommandResult:
        assert arguments[0] == "systemctl"
        assert deadline_s > 0
        verb, unit = arguments[1], arguments[-1]
        if verb == "show":
            return CommandResult(0, self._show(unit), "")
        number = len(self.changes)
        self.changes.append(tuple(arguments[1:]))
        if number == self.die_at and not self.die_after:
            raise Killed
        result = self._change(verb, unit)
        if number == self.die_at:
            raise Killed
        return result

    def _path(self, unit: str) -> Path | None:
        return next((root / unit for root in (self.etc, self.lib) if os.path.lexists(root / unit)), None)

    def _link(self, unit: str) -> Path:
        return self.etc / "multi-user.target.wants" / unit

    def file_state(self, unit: str) -> str:
        path = self._path(unit)
        if path is None:
            return ""
        if os.path.realpath(path) == os.devnull:
            return "masked"
        return "enabled" if self._link(unit).is_symlink() else "disabled"

    def _show(self, unit: str) -> str:
        state = self.file_state(unit)
        load = {"": "not-found", "masked": "masked"}.get(state, "loaded")
        words = {
            "LoadState": load,
            "UnitFileState": state,
            "ActiveState": "active" if unit in self.active else "inactive",
            "FragmentPath": str(self._path(unit) or ""),
            "MainPID": "1234" if unit in self.active else "0",
            "RequiredBy": self.required_by.get(unit, ""),
        }
        return "".join(f"{key}={value}\n" for key, value in words.items())

    def _blocked(self, unit: str) -> bool:
        if self.file_state(unit) == "masked":
            return True
        folder = self.etc / f"{unit}.d"
        text = "".join(path.read_text() for path in sorted(folder.glob("*.conf"))) if folder.is_dir() else ""
        return any(
            Path(line.split("=!", 1)[1].replace("%%", "%")).exists()
            for line in text.splitlines()
            if line.startswith("ConditionPathExists=!")
        )

    def start(self, unit: str) -> bool:
        if not self._blocked(unit):
            self.active.add(unit)
        return unit in self.active

    def boot(self) -> None:
        self.active = set()
        for link in sorted((self.etc / "multi-user.target.wants").iterdir()):
            self.start(link.name)

    def _change(self, verb: str, unit: str) -> CommandResult:
        if verb == "mask":
            if (self.etc / unit).is_file() and not (self.etc / unit).is_symlink():
                return CommandResult(1, "", f"Failed to mask unit: File {self.etc / unit} already exists.")
            if not os.path.lexists(self.etc / unit):
                (self.etc / unit).symlink_to(os.devnull)
        elif verb == "unmask":
            if (self.etc / unit).is_symlink():
                (self.etc / unit).unlink()
        elif verb == "disable":
            for link in self.etc.glob(f"*.wants/{unit}"):
                link.unlink()
        elif verb == "enable":
            if not self._link(unit).is_symlink():
                self._link(unit).symlink_to(self._path(unit) or "")
        elif verb == "stop":
            self.active -= {unit, *self.required_by.get(unit, "").split()}
        elif verb == "start":
            self.start(unit)
        else:
            assert verb == "daemon-reload"
        return CommandResult(0, "", "")


@dataclass
class Machine:
    """A machine with the old unit, enabled and running."""

    folder: Path
    where: str
    """`etc` or `lib`: where the unit's file is."""
    systemd: FakeSystemd = field(init=False)

    def __post_init__(self) -> None:
        etc, lib = self.folder / "etc", self.folder / "lib"
        (etc / "multi-user.target.wants").mkdir(parents=True)
        (etc / "by-hand.target.wants").mkdir()
        lib.mkdir()
        self.home = self.folder / "home"
        (self.folder / self.where / UNIT).write_text(FILE.format(home=self.home))
        (etc / "multi-user.target.wants" / UNIT).symlink_to(self.folder / self.where / UNIT)
        (etc / "by-hand.target.wants" / UNIT).symlink_to(self.folder / self.where / UNIT)
        self.systemd = FakeSystemd(etc, lib, active={UNIT})
        self.state_dir = self.folder / "state"

    def adoption(self) -> Adoption:
        return Adoption(self.state_dir, self.systemd, [self.systemd.etc, self.systemd.lib])

    def files(self) -> dict[str, str]:
        """Every file and link of systemd's folders."""
        found = {}
        for root in (self.systemd.etc, self.systemd.lib):
            for path in sorted(root.rglob("*")):
                if path.is_symlink() or path.is_file():
                    found[str(path)] = os.readlink(path) if path.is_symlink() else path.read_text()
        return found


@pytest.fixture(params=["lib", "etc"])
def machine(tmp_path: Path, request: pytest.FixtureRequest) -> Machine:
    return Machine(tmp_path, str(request.param))


def holder(*, unit: str = "", pid: int = 77) -> Holder:
    return Holder(HolderKind.PROCESS, pid, 1, "ipc", untrusted("ipc-cli node start"), unit, "listens on port 26657")


def test_an_adopted_unit_neither_runs_nor_starts_and_is_given_back_exactly(machine: Machine) -> None:
    before, adoption = machine.files(), machine.adoption()
    adoption.take(adoption.plan("ipc-node"))
    record = adoption.record()
    assert record is not None
    assert record.phase is Phase.TAKEN
    assert record.way is (Way.BLOCK if machine.where == "etc" else Way.MASK)
    assert machine.systemd.active == set()
    assert not machine.systemd.start(UNIT), "an operator's start by habit must not make a second node"
    machine.systemd.boot()
    assert machine.systemd.active == set()
    with pytest.raises(NodeError, match="while this controller runs the node"):
        adoption.give_back(node_runs=True)
    adoption.give_back(node_runs=False)
    assert machine.files() == before
    assert machine.systemd.active == {UNIT}
    assert adoption.record() is None
    with pytest.raises(NodeError, match="no unit was adopted"):
        adoption.give_back(node_runs=False)


def test_the_record_is_durable_before_the_first_command(machine: Machine) -> None:
    machine.systemd.die_at = 0
    adoption = machine.adoption()
    plan = adoption.plan(UNIT)
    with pytest.raises(Killed):
        adoption.take(plan)
    document = json.loads((machine.state_dir / RECORD_NAME).read_bytes())
    assert (document["phase"], document["was"]["active"], document["was"]["file_state"]) == ("taking", True, "enabled")


@pytest.mark.parametrize("die_after", [False, True])
@pytest.mark.parametrize("die_at", range(9))
def test_a_kill_at_any_command_is_repaired_by_doing_the_same_again(
    machine: Machine, die_at: int, die_after: bool
) -> None:
    before, systemd = machine.files(), machine.systemd
    systemd.die_at, systemd.die_after = die_at, die_after

    def again(deed: str) -> None:
        adoption = machine.adoption()
        if deed == "take":
            adoption.take(adoption.plan(UNIT))
        else:
            adoption.give_back(node_runs=False)

    for deed in ("take", "give back"):
        try:
            again(deed)
        except Killed:
            again(deed)
        if deed == "take":
            systemd.boot()
            assert systemd.active == set()
    assert machine.files() == before
    assert systemd.active == {UNIT}


def test_the_unit_is_kept_from_starting_before_it_is_stopped(machine: Machine) -> None:
    adoption = machine.adoption()
    adoption.take(adoption.plan(UNIT))
    verbs = [change[0] for change in machine.systemd.changes]
    assert verbs[-1] == "stop"
    assert verbs[0] == ("daemon-reload" if machine.where == "etc" else "mask")


def test_a_plan_changes_nothing_and_can_be_printed(machine: Machine) -> None:
    before = machine.files()
    machine.systemd.required_by[UNIT] = "ipc-relayer.service"
    machine.systemd.active.add("ipc-relayer.service")
    plan = machine.adoption().plan(UNIT)
    assert machine.files() == before
    assert machine.systemd.changes == []
    assert not machine.state_dir.exists()
    text = "\n".join(plan.lines)
    assert "`systemctl stop -- ipc-node.service`" in text
    assert "ipc-relayer.service needs ipc-node.service and stops with it" in text
    if machine.where == "etc":
        assert DROP_IN_NAME in text


def test_what_needed_the_unit_is_started_again_with_it(machine: Machine) -> None:
    machine.systemd.required_by[UNIT] = "ipc-relayer.service"
    machine.systemd.active.add("ipc-relayer.service")
    (machine.systemd.lib / "ipc-relayer.service").write_text("[Service]\n")
    adoption = machine.adoption()
    adoption.take(adoption.plan(UNIT))
    assert machine.systemd.active == set()
    adoption.give_back(node_runs=False)
    assert machine.systemd.active == {UNIT, "ipc-relayer.service"}


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_unit_that_was_off_or_down_comes_back_off_or_down(machine: Machine, active: bool, enabled: bool) -> None:
    if not active:
        machine.systemd.active.clear()
    if not enabled:
        (machine.systemd.etc / "multi-user.target.wants" / UNIT).unlink()
    before, running = machine.files(), set(machine.systemd.active)
    adoption = machine.adoption()
    adoption.take(adoption.plan(UNIT))
    adoption.give_back(node_runs=False)
    assert machine.files() == before
    assert machine.systemd.active == running


def test_a_unit_that_was_masked_stays_masked(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "lib")
    machine.systemd.active.clear()
    (machine.systemd.etc / UNIT).symlink_to(os.devnull)
    before, adoption = machine.files(), machine.adoption()
    adoption.take(adoption.plan(UNIT))
    adoption.give_back(node_runs=False)
    assert machine.files() == before


def test_a_second_unit_and_an_unknown_one_are_refused(machine: Machine) -> None:
    adoption = machine.adoption()
    with pytest.raises(NodeError, match=r"cannot load a unit other\.service"):
        adoption.plan("other")
    adoption.take(adoption.plan(UNIT))
    with pytest.raises(NodeError, match=f"{UNIT} is adopted already"):
        adoption.plan("other")


def test_a_record_that_cannot_be_read_is_not_guessed(machine: Machine) -> None:
    machine.state_dir.mkdir()
    for content in ("", "[]", "{}", '{"unit": "x", "phase": "gone"}'):
        (machine.state_dir / RECORD_NAME).write_text(content)
        with pytest.raises(NodeError, match="cannot be read"):
            machine.adoption().record()


def test_the_unit_is_found_by_what_runs_and_else_by_its_home(machine: Machine) -> None:
    adoption = machine.adoption()
    assert adoption.find_unit(machine.home) == UNIT
    assert adoption.find_unit(machine.home, [holder(unit="gaia.service")]) == "gaia.service"
    with pytest.raises(NodeError, match="cannot tell which unit"):
        adoption.find_unit(machine.home / "other")


def test_a_node_started_by_hand_is_left_alone_and_named(machine: Machine) -> None:
    with pytest.raises(HeldByOther, match=r"started by hand: process 77 .*left alone.*kill 77"):
        machine.adoption().find_unit(machine.home, [holder()])
    with pytest.raises(HeldByOther, match="container"):
        machine.adoption().find_unit(machine.home, [holder(unit="docker 0123456789ab")])
