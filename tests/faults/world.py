"""One node's folder: made for a scenario, and read from outside while a controller works in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from console.errors import ConsoleError, JournalError
from console.files import sha256_of
from console.model import GENESIS, Attempt, PlanOrigin
from console.node.generation import Generations
from console.node.heads_noted import heads_in_log
from console.node.journal import Journal
from console.node.runtime.runtime import LiveRun
from console.node.runtime.shim import ShimRuntime
from tests.faults.driver import DAEMON, said
from tests.faults.plan import Scenario
from tests.faults.scripted import (
    NEW_VERSION,
    OLD_VERSION,
    OTHER_VERSION,
    START,
    app_folder,
    consensus_folder,
    script,
)

SIGNER_STATE = "priv_validator_state.json"


class Start(NamedTuple):
    """One line of a node's own record of its starts."""

    pid: int
    version: str
    halt: int
    height: str
    sha256: str
    point: bool


class World:
    """The folder of one run.

    Args:
        folder: Where it is made.
        scenario: What is to happen.
        url: Where the folder is served.
    """

    def __init__(self, folder: Path, scenario: Scenario, url: str) -> None:
        self.folder = folder
        self.scenario = scenario
        self.home = folder / "home"
        self.state_dir = folder / "state"
        self.app = app_folder(folder, scenario.chain)
        self.signer_state = consensus_folder(folder, scenario.chain) / SIGNER_STATE
        (self.state_dir / "run").mkdir(parents=True)
        self._make_data()
        genesis = self.home / "cosmovisor" / GENESIS / "bin" / DAEMON
        genesis.parent.mkdir(parents=True)
        self._write(genesis, OLD_VERSION, scenario.old)
        (self.home / "cosmovisor" / "current").symlink_to(GENESIS)
        released = folder / ("bytes" if scenario.served else "bytes.hidden")
        self._write(released, NEW_VERSION, scenario.new)
        self._write(folder / "other", OTHER_VERSION, "good")
        self.runtime = ShimRuntime(self.state_dir / "run", self.home)
        self.generations = Generations(self.home, DAEMON)
        self.sha256 = sha256_of(released)
        self.verified = {self.sha256, sha256_of(genesis), sha256_of(folder / "other")}
        if scenario.plan == "file":
            self.generations.stage_file(NEW_VERSION, released, self.sha256, "the operator")
            (folder / "go").touch()
        if any(method == "swap" for _, method, _ in scenario.commands):
            self.generations.stage_file(OTHER_VERSION, folder / "other", "", "the operator")
        if scenario.plan == "missed":
            (folder / "past").touch()
            if not any(arguments.get("name") == "go" for _, _, arguments in scenario.commands):
                (folder / "go").touch()
        if scenario.plan in {"file", "missed"}:
            (folder / "verdict").write_text("CROSS\n")
        if scenario.plan == "none":
            (folder / "by-hand").touch()
        document = {
            "chain": scenario.chain,
            "plan": scenario.plan,
            "sha256": self.sha256,
            "url": f"{url}/bytes",
            "verdict": scenario.verdict,
            "late": scenario.late,
            "backup": scenario.backup,
            "breaking": scenario.breaking,
            "surprise": scenario.surprise,
            "commands": scenario.commands,
            "hold": scenario.hold,
            "approved": scenario.approved,
            "replaced": {"sha256": sha256_of(folder / "other"), "url": f"{url}/other"} if scenario.replaced else None,
            "linked": scenario.linked,
            "startup_timeout_s": scenario.startup_timeout_s,
            "grace_s": 0.2,
        }
        (folder / "world.json").write_text(json.dumps(document))

    def _write(self, path: Path, version: str, behaviour: str) -> None:
        text = script(self.folder, version, behaviour, self.scenario.chain, pre_upgrade=self.scenario.pre_upgrade)
        path.write_text(text)
        path.chmod(0o755)

    def _make_data(self) -> None:
        self.app.mkdir(parents=True)
        self.signer_state.parent.mkdir(parents=True, exist_ok=True)
        (self.app / "app.json").write_text(f'{{"height": {START}}}\n')
        for place, name in ((self.app, "000001.sst"), (self.signer_state.parent, "000002.ldb")):
            (place / name).write_text(f"a table that is written once: {name}\n")
            os.utime(place / name, (1, 1))
        for place in {self.app, self.signer_state.parent}:
            (place / "MANIFEST-000001").write_text("what there is\n")
        (self.app / "000003.log").write_text("blocks\n")
        self.signer_state.write_text(json.dumps({"height": str(START), "round": 0, "step": 3}) + "\n")

    # --- what the nodes wrote ---

    def lines(self, name: str) -> list[str]:
        """Lines of a file that the nodes write; none when there is no such file."""
        try:
            return (self.folder / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def starts(self) -> list[Start]:
        """Every start of a node, in order."""
        found = []
        for line in self.lines("starts.log"):
            pid, version, halt, height, sha256, point = line.split(" ")
            found.append(Start(int(pid), version, int(halt), height, sha256, point == "yes"))
        return found

    def signed(self) -> list[int]:
        """Height of each signature, in order."""
        return [int(line.split()[0]) for line in self.lines("signed.log")]

    def signer_height(self) -> int | None:
        """Height of the live signer state; None while it is not there."""
        try:
            return int(json.loads(self.signer_state.read_text())["height"])
        except FileNotFoundError:
            return None

    # --- what the controller wrote ---

    def attempt(self) -> Attempt | None:
        """The newest attempt. Raises JournalError: the journal is damaged."""
        return self._journalled()[0]

    def _journalled(self) -> tuple[Attempt | None, bool, bool]:
        path = self.state_dir / "journal.db"
        if not path.exists():
            return None, False, False
        journal = Journal(path, read_only=True)
        try:
            return (
                journal.latest_attempt(),
                bool(journal.meta("needs_operator")),
                bool(journal.meta("stays_down")),
            )
        finally:
            journal.close()

    def journal_wrong(self) -> tuple[str, ...]:
        """What is wrong with the journal's rows, held against the heads in the controller's log."""
        path = self.state_dir / "journal.db"
        if not path.exists():
            return ()
        journal = Journal(path, read_only=True)
        try:
            _, wrong = journal.check_events(heads_in_log(self.state_dir / "run" / "controller.log"))
            return wrong
        finally:
            journal.close()

    def _still_armed(self) -> bool:
        """Whether the last start of a node was armed: it is to be started again without."""
        starts = self.starts()
        return bool(starts) and starts[-1].halt != 0

    def armed_for(self) -> int:
        """H that the next start of the node would get. Raises JournalError."""
        journal = Journal(self.state_dir / "journal.db", read_only=True)
        try:
            return journal.armed_for
        finally:
            journal.close()

    def live(self) -> LiveRun | None:
        """The run that goes on."""
        try:
            found = self.runtime.recorded()
        except ConsoleError:
            return None
        return found if found is not None and self.runtime.node_alive(found) else None

    def end(self) -> str:
        """The state in which this has come to rest; empty while something is to come."""
        try:
            attempt, needs_operator, stays_down = self._journalled()
        except JournalError:
            # Between its making and its tables; one that stays so never comes to rest.
            return ""
        pending = {
            state
            for number, (state, _, _) in enumerate(self.scenario.commands)
            if not (self.folder / f"obeyed-{number}").exists()
        }
        if needs_operator:
            return "NEEDS_OPERATOR"
        if attempt is None:
            idle = self.scenario.plan == "none" and not pending and self.live() is not None
            return "IDLE" if idle and (self.folder / "rpc").exists() else ""
        state = attempt.crossing.value
        if state in pending:
            return ""
        if state in {"COMMITTED", "RESUMED_OLD"}:
            if stays_down:
                return "STOPPED"
            if state == "RESUMED_OLD" and (self.folder / "cancelled").exists() and self._still_armed():
                return ""
            told = attempt.origin is not PlanOrigin.REGISTRY or "confirm" in said(self.folder)
            return state if self.live() is not None and (told or state == "RESUMED_OLD") else ""
        if state == "PARKED":
            return state if self.live() is None and not self.runtime.lock_held() else ""
        return state if attempt.crossing.waits_for_operator else ""

    def story(self) -> str:
        """What happened, for whoever reads a failure."""
        try:
            attempt: object = self.attempt()
        except JournalError as error:
            attempt = error
        parts = [f"attempt: {attempt}"]
        for name in ("starts.log", "signed.log", "beside.log", "wrong.log", "refused.log"):
            parts.append(f"{name}: {self.lines(name)[-12:]}")
        log = "\n".join(self.lines("controller.log")[-60:])
        return "\n".join(parts) + f"\n--- controller.log\n{log}"
