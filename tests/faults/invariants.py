"""The rules that no fault may break (facts/safety.md §3), looked at while a run goes on and at its end."""

from __future__ import annotations

import filecmp
from collections import Counter
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of
from console.node.journal import TRIES
from tests.faults.plan import ENDS, FaultRun
from tests.faults.scripted import HALT, NEW_VERSION, OLD_VERSION, OTHER_VERSION
from tests.faults.world import SIGNER_STATE, World

_NEW = {NEW_VERSION, OTHER_VERSION}


class Watch:
    """Looks at one world.

    Args:
        world: The world.
        run: What is played in it.
    """

    def __init__(self, world: World, run: FaultRun) -> None:
        self._world = world
        self._run = run
        self._signer = -1
        self._hashes: dict[tuple[int, int], str] = {}
        self.violations: list[str] = []

    def _violated(self, rule: str, what: str) -> None:
        sentence = f"{rule}: {what}"
        if sentence not in self.violations:
            self.violations.append(sentence)

    def look(self) -> None:
        """What must hold at every moment."""
        self._look_at_switch()
        self._look_at_signer()

    def _look_at_switch(self) -> None:
        """I2: `current` always resolves to a complete generation; I6: to a new one only beside a rollback point."""
        world = self._world
        try:
            current = world.generations.current()
            found = current.binary.stat()
        except (NodeError, OSError) as error:
            self._violated("I2", f"current does not resolve to a complete generation: {error}")
            return
        if self._run.fault.kind != "tamper":
            mark = (found.st_ino, found.st_mtime_ns)
            if mark not in self._hashes:
                self._hashes[mark] = sha256_of(current.binary)
            if self._hashes[mark] not in world.verified:
                self._violated("I2", f"current resolves to bytes that nobody verified: {current.binary}")
        needs_point = world.scenario.backup and world.scenario.plan != "missed"
        if current.name != "genesis" and needs_point and not self._points():
            self._violated("I6", f"{current.name} is in place, and there is no complete rollback point")

    def _points(self) -> list[Path]:
        return [
            path
            for path in (self._world.state_dir / "backups").glob("crossing-*")
            if not path.name.endswith(".partial") and (path / "manifest.json").exists()
        ]

    def _look_at_signer(self) -> None:
        """I3: the signer state never falls."""
        # Between the two renames of a restore the folder is not there, and nothing of the node lives.
        height = self._world.signer_height()
        if height is None:
            return
        if height < self._signer:
            self._violated("I3", f"the signer state fell from {self._signer} to {height}")
        self._signer = max(self._signer, height)

    # --- at the end ---

    def judge(self, end: str) -> None:
        """What must hold when the run has come to rest and its controller is gone; the node may still run.

        Args:
            end: Where it has come to rest; empty when it has not.
        """
        world, run = self._world, self._run
        self._judge_signatures()
        starts = world.starts()
        for start in starts:
            if start.sha256 not in world.verified:
                self._violated("I4", f"{start.version} ran with the sha256 {start.sha256}, which nobody verified")
            by_hand = world.scenario.plan == "none"
            if start.version in _NEW and world.scenario.backup and not start.point and not by_hand:
                self._violated("I6", f"{start.version} was started without a complete rollback point")
        if run.scenario.replaced and any(start.version == OTHER_VERSION for start in starts):
            self._violated("I4", "it ran the release that was replaced")
        if run.scenario.parks and (tries := sum(start.version in _NEW for start in starts)) > TRIES:
            self._violated("I5", f"the new binary was started {tries} times, and {TRIES} were allowed")
        allowed = run.scenario.ends if run.clean else ENDS | run.scenario.ends
        if end not in allowed:
            self._violated("I5", f"it ended as {end or 'nothing'}, not as {' or '.join(sorted(allowed))}")
        self._judge_place(end)
        if end in run.scenario.ends:
            self._judge_starts()
        self._judge_data(end)
        for words in world.journal_wrong():
            self._violated("I8", words)
        if run.clean:
            self._judge_leftovers(end)

    def _judge_starts(self) -> None:
        """A controller that is killed, however often, changes nothing in what is started, and in which order."""
        world, fault = self._world, self._run.fault
        last = {"cross": (NEW_VERSION, 0), "abort": (OLD_VERSION, 0)}.get(world.scenario.name)
        if last is None or fault.kind not in {"none", "point"}:
            return
        found = [(start.version, start.halt) for start in world.starts()]
        if found != (wanted := [(OLD_VERSION, 0), (OLD_VERSION, HALT), last]):
            self._violated("I1", f"started {found}, not {wanted}")

    def _judge_signatures(self) -> None:
        """I1: one node only, and no height signed twice."""
        world = self._world
        for line in world.lines("beside.log"):
            self._violated("I1", f"a node was started while another process of it lived: {line}")
        for line in world.lines("wrong.log"):
            self._violated("I1", line)
        signed = world.signed()
        twice = [height for height, count in Counter(signed).items() if count > 1]
        if twice:
            self._violated("I1", f"signed twice: {twice}")
        height = world.signer_height()
        if height is None:
            self._violated("I3", "the signer state is gone")
        elif signed and height < max(signed):
            self._violated("I3", f"the signer state says {height}, and {max(signed)} was signed")

    def _judge_place(self, end: str) -> None:
        """What is in place, and what runs, is what the end says."""
        world = self._world
        try:
            current = world.generations.current().name
        except NodeError:
            return
        live = world.live()
        if end in {"COMMITTED", "RESUMED_OLD", "PARKED"} and world.armed_for():
            self._violated("I5", f"{end}, and the next start is armed for {world.armed_for()}")
        if end in {"RESUMED_OLD", "PARKED"} and current != "genesis":
            self._violated("I5", f"{end}, and {current} is in place")
        if end == "COMMITTED" and (current == "genesis" or live is None):
            self._violated("I5", f"COMMITTED, {current} is in place, and {'it' if live else 'nothing'} runs")
        if end == "RESUMED_OLD" and (starts := world.starts()) and starts[-1][1:3] != (OLD_VERSION, 0):
            self._violated("I5", f"RESUMED_OLD, and the last start was {starts[-1]}")
        if end == "PARKED" and live is not None:
            self._violated("I5", "PARKED, and the node runs")

    def _judge_data(self, end: str) -> None:
        """I7: a parked node's data is what it was at the halt, but for the signer state; the point is so for ever."""
        world = self._world
        halt = world.folder / "at-halt"
        if not halt.exists() or not self._points():
            return
        for part in ("data",) if world.scenario.chain == "cosmos" else ("fendermint/data", "cometbft/data"):
            if end == "PARKED":
                for difference in differences(halt / part, world.home / part):
                    self._violated("I7", f"parked, and {part}/{difference}")
            for point in self._points() if self._run.fault.kind != "damage" else ():
                for difference in differences(halt / part, point / "tree" / part):
                    self._violated("I7", f"the rollback point's {part}/{difference}")

    def _judge_leftovers(self, end: str) -> None:
        """Nothing half done lies about, unless everything was kept as it is for the operator."""
        world = self._world
        if end == "NEEDS_OPERATOR":
            return
        patterns = ("state/backups/*.partial", "state/backups/swap.json", "home/**/*.restore-new")
        for pattern in patterns:
            for path in world.folder.glob(pattern):
                self._violated("left", str(path.relative_to(world.folder)))


def differences(wanted: Path, found: Path) -> list[str]:
    """Sentences on what differs between two trees, the signer state left out."""

    def files(root: Path) -> set[str]:
        return {
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.name != SIGNER_STATE and not path.name.startswith(".state.") and not path.is_dir()
        }

    before, after = files(wanted), files(found)
    sentences = [f"{name} is missing" for name in sorted(before - after)]
    sentences += [f"{name} is new" for name in sorted(after - before)]
    return sentences + [
        f"{name} was changed"
        for name in sorted(before & after)
        if not filecmp.cmp(wanted / name, found / name, shallow=False)
    ]
