"""Planted bugs: each is put into a copy of the package, and the named runs must break a rule there and none here.

The first eight are those of facts/safety.md §3; the others are our own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.faults.plan import Fault, FaultRun, scenarios
from tests.faults.rig import REPOSITORY


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    """File under `console/`, what is there once, what stands there instead."""
    runs: tuple[tuple[str, Fault], ...]
    breaks: str
    """The rule that at least one of the runs must break."""
    quick: bool = False
    """Whether `make test` plants it too."""

    def changed(self) -> dict[str, str]:
        """The files under `console/` that have the bug, each with its text.

        Raises:
            AssertionError: The place where it belongs has changed.
        """
        texts: dict[str, str] = {}
        for file, old, new in self.changes:
            text = texts.get(file) or (REPOSITORY / "console" / file).read_text()
            assert text.count(old) == 1, f"{self.name}: {file} holds {text.count(old)} times: {old}"
            texts[file] = text.replace(old, new)
        return texts

    def plant(self, folder: Path) -> Path:
        """Copy the package with the bug in it; returns the folder that holds `console`.

        Raises:
            AssertionError: The place where it belongs has changed.
        """
        texts = self.changed()
        # With what is compiled of it, but not what is being compiled now: to do that again takes longer than a run.
        shutil.copytree(REPOSITORY / "console", folder / "console", ignore=shutil.ignore_patterns("*.pyc.*"))
        for file, text in texts.items():
            path = folder / "console" / file
            path.write_text(text)
            Path(cache_from_source(str(path))).unlink(missing_ok=True)
        return folder

    def fault_runs(self) -> Iterator[FaultRun]:
        """The runs that show it."""
        for name, fault in self.runs:
            yield FaultRun(-1, scenarios()[name], fault)

    @property
    def traced(self) -> bool:
        """Whether it takes strace to show it."""
        return any(fault.kind in {"call", "shim-call"} for _, fault in self.runs)


_NONE = Fault("none")

MUTANTS = (
    Mutant(
        "the link is removed and made, as Cosmovisor does",
        (
            (
                "files.py",
                "    beside.symlink_to(target)\n    beside.replace(link)\n",
                "    link.unlink(missing_ok=True)\n    link.symlink_to(target)\n",
            ),
        ),
        (("cross", Fault("call", call="symlink,symlinkat", action="signal=KILL", when=1)),),
        "I2",
    ),
    Mutant(
        "the signer state is restored from the point",
        (
            (
                "node/restoring.py",
                "        live = read_hrs(source)\n",
                '        source = next(self._file.parent.glob("crossing-*/DO-NOT-RESTORE.*"))\n'
                "        live = read_hrs(source)\n",
            ),
            (
                "node/restoring.py",
                "            check_not_lower(self._data.signer_state, intent.signer)\n",
                "            pass\n",
            ),
        ),
        (("new-signs-then-dies", _NONE),),
        "I3",
        quick=True,
    ),
    Mutant(
        "the rollback point is built in its place",
        (
            (
                "node/rollback_point.py",
                '            partial = self._folder / f"{name}{PARTIAL}"\n            # Of whatever',
                "            partial = self._folder / name\n            # Of whatever",
            ),
        ),
        (("cross", Fault("point", "before-point-described", 2)),),
        "I5",
    ),
    Mutant(
        "the switch comes before the rollback point",
        (
            (
                "node/crossing.py",
                '        name = f"crossing-{attempt.id}"\n',
                '        name = f"crossing-{attempt.id}"\n'
                "        self._generations.switch(self._generations.generation(attempt.generation))\n",
            ),
        ),
        (("cross", Fault("point", "before-point-complete", 2)),),
        "I6",
    ),
    Mutant(
        "files that are written to are hard-linked",
        (
            (
                "node/tree_scan.py",
                "    return frozenset(paths)\n",
                "    return frozenset(entry.path for entry in entries if entry.kind is Kind.FILE)\n",
            ),
        ),
        (("new-corrupts", _NONE), ("file-corrupts", _NONE)),
        "I7",
    ),
    Mutant(
        "the try is counted after the start",
        (
            (
                "node/crossing.py",
                "        self._book.change(crossing=Crossing.STARTING, tries_left=attempt.tries_left - 1)\n"
                "        await self._start_new(attempt)\n",
                "        await self._start_new(attempt)\n"
                "        self._book.change(crossing=Crossing.STARTING, tries_left=attempt.tries_left - 1)\n",
            ),
        ),
        (("new-exit-1", Fault("point", "after-start", 1, times=10)),),
        "I5",
        quick=True,
    ),
    Mutant(
        "a record is written in its place",
        (
            ("node/shim.py", '    with open(f"{path}.new", "w") as stream:\n', '    with open(path, "w") as stream:\n'),
            ("node/shim.py", '    os.rename(f"{path}.new", path)\n', ""),
        ),
        (("cross", Fault("shim-call", call="write", action="signal=KILL", when=2)),),
        "I5",
    ),
    Mutant(
        "exit code 2 alone is a halt",
        (
            (
                "node/evidence.py",
                "        return self.halt_line + self.height_before + self.armed_and_code >= 2\n",
                "        return self.armed_and_code\n",
            ),
        ),
        (("old-early-2", _NONE),),
        "I1",
        quick=True,
    ),
    Mutant(
        "the lock is not inherited",
        (("node/shim.py", "        os.set_inheritable(lock, True)\n", ""),),
        (("new-orphan-dies", Fault("both", "after-start", 3)),),
        "I1",
    ),
    Mutant(
        "nothing is verified before it runs",
        (("node/shim.py", "    if digest.hexdigest() != wanted:\n", "    if not wanted:\n"),),
        (("cross", Fault("tamper", "after-quiesced")), ("cross", Fault("tamper", "after-switched"))),
        "I4",
    ),
    Mutant(
        "a restore uses up the point",
        (
            (
                "node/point_copy.py",
                "    check_copied(name, tree, copied)\n",
                "    check_copied(name, tree, copied)\n    import shutil\n\n    shutil.rmtree(source)\n",
            ),
        ),
        (("new-corrupts", Fault("point", "restore-between-renames")),),
        "I5",
    ),
    Mutant(
        "the switch is journalled before it is done",
        (
            (
                "node/crossing.py",
                "        self._generations.switch(generation)\n        self._book.change(crossing=Crossing.SWITCHED)\n",
                "        self._book.change(crossing=Crossing.SWITCHED)\n        self._generations.switch(generation)\n",
            ),
        ),
        (("cross", Fault("point", "after-switched")),),
        "I5",
    ),
    Mutant(
        "the flip back is journalled before it is done",
        (
            (
                "node/returning.py",
                "                self._generations.switch(self._generations.generation(attempt.left))\n"
                "                self._book.change(crossing=Crossing.FLIPPED_BACK)\n",
                "                self._book.change(crossing=Crossing.FLIPPED_BACK)\n"
                "                self._generations.switch(self._generations.generation(attempt.left))\n",
            ),
        ),
        (("new-exit-1", Fault("point", "after-flipped_back")),),
        "I5",
    ),
    Mutant(
        "the newest row is written anew",
        (
            (
                "node/journal_events.py",
                "        at, text = time.time(), json.dumps(detail, default=str)\n",
                "        at, text = time.time(), json.dumps(detail, default=str)\n"
                "        self.db.execute('UPDATE event SET kind = kind || 1 WHERE seq = ?', (seq - 1,))\n",
            ),
        ),
        (("cross", _NONE),),
        "I8",
    ),
    Mutant(
        "an unknown verdict is taken for CROSS",
        (
            (
                "node/crossing.py",
                "        elif attempt.verdict is Verdict.NONE:\n",
                "        elif attempt.name == '':\n",
            ),
        ),
        (("cross-late", _NONE), ("abort-late", _NONE)),
        "I1",
    ),
    Mutant(
        "the armed height stays after the switch",
        (
            (
                "node/crossing.py",
                "            await self._runs.start(generation, self._next_halt(attempt), ",
                "            await self._runs.start(generation, attempt.target_height, ",
            ),
        ),
        (("cross", _NONE),),
        "I1",
    ),
    Mutant(
        "what a killed shim left behind is not ended",
        (
            (
                "node/runtime/shim.py",
                "            # Then nobody else is there who would end what the node left behind.\n"
                "            await end_all(lambda: self._left(live), self._grace_s())\n",
                "            pass\n",
            ),
        ),
        (("new-orphan-dies", Fault("both", "after-start", 3)),),
        "I5",
    ),
)
