"""Procedures and their runs on one network, as command line and console use them alike."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from console.errors import InputError, JournalError
from console.hand_lock import HandLock
from console.model import Outcome, Progress, RunState, Snapshot, StepLine
from console.procedures.definition import digest_of, lines_of
from console.procedures.engine import Drive, unfinished
from console.procedures.person import Person, RunEvent
from console.procedures.run_context import Place, RunContext
from console.procedures.run_journal import (
    Reading,
    RunJournal,
    begin_journal,
    only_one,
    read_run,
    read_run_until,
    reopen_journal,
    run_folder,
    run_folders,
)
from console.procedures.secrets import refuse_secret
from console.procedures.step import Procedure, Step
from console.setting_words import nearest
from console.text import UntrustedText, untrusted

Read = Callable[[], Awaitable[Snapshot]]
"""Reads chain and node once."""


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A run whose journal tells nothing."""

    id: str
    problem: str


class Desk:
    """Starts runs, goes on with them and shows them.

    Args:
        place: Network, node and where runs are kept.
        procedures: What can be run: what is built in, and the operator's own.
        reading: Opens what reads chain and node for as long as one run is driven, in the loop that drives it; None:
            `place` has it.
        hands: Whether changes are let through; None for freely.
        until: The moment that is shown of the runs, Unix seconds; None for the present.
    """

    def __init__(
        self,
        place: Place,
        procedures: tuple[Procedure, ...],
        *,
        reading: Callable[[], AbstractAsyncContextManager[Read]] | None = None,
        hands: HandLock | None = None,
        until: float | None = None,
    ) -> None:
        self._until = until
        self.place = place
        self._procedures = {each.name: each for each in procedures}
        self._reading = reading
        self._hands = hands or HandLock()
        self._known: dict[str, Reading] = {}

    def as_of(self, until: float, hands: HandLock) -> Desk:
        """The same with the runs as they were at a moment; nothing is done there.

        Args:
            until: Unix seconds.
            hands: Forbidden, with the reason.
        """
        past = Desk(self.place, tuple(self._procedures.values()), hands=hands, until=until)
        past._known = self._known
        return past

    @property
    def procedures(self) -> tuple[Procedure, ...]:
        """Those for this kind of network."""
        return tuple(each for each in self._procedures.values() if self.place.network.kind in each.kinds)

    def procedure(self, name: str) -> Procedure:
        """The procedure of that name. Raises InputError: there is none for this network."""
        found = self._procedures.get(name)
        known = [each.name for each in self.procedures]
        if found is None:
            raise InputError(
                f"there is no procedure {untrusted(name, 80)!r}{nearest(name, known)} (known: {', '.join(known)})",
                safe="nothing was begun",
            )
        if self.place.network.kind not in found.kinds:
            raise InputError(
                f"procedure {name} is for networks of kind {' and '.join(found.kinds)}, and"
                f" {self.place.network.name} is of kind {self.place.network.kind}",
                safe="nothing was begun",
            )
        return found

    def runs(self) -> tuple[tuple[Reading, ...], tuple[UnreadableRun, ...]]:
        """Every run of this network, the newest first, and those that tell nothing; as of the moment that is shown."""
        readings: list[Reading] = []
        unreadable: list[UnreadableRun] = []
        for folder in run_folders(self.place.folder):
            try:
                now = read_run(folder, self._known.get(folder.name))
                self._known[folder.name] = now
                shown = now if self._until is None else read_run_until(folder, self._until, now)
                if shown is not None:
                    readings.append(shown)
            except JournalError as error:
                unreadable.append(UnreadableRun(str(untrusted(folder.name)), str(error)))
        readings.sort(key=lambda reading: reading.progress.run.started_at, reverse=True)
        return tuple(readings), tuple(unreadable)

    def reading(self, run: str) -> Reading:
        """One run. Raises InputError: there is none; JournalError: nothing of it can be read."""
        return read_run(run_folder(self.place.folder, run))

    def unfinished(self, procedure: str = "") -> tuple[Progress, ...]:
        """Runs that can be gone on with, the newest first."""
        found = (reading.progress for reading in self.runs()[0] if not reading.problem)
        return tuple(
            each for each in found if unfinished(each) and procedure in {"", each.run.procedure} and not each.run.dry
        )

    async def start(
        self,
        procedure: str,
        given: Mapping[str, str],
        person: Person,
        *,
        dry: bool = False,
        leave_out: Mapping[str, str] | None = None,
        answered: Collection[str] = (),
    ) -> Progress:
        """Begin a run and go on until it ends or stops.

        Args:
            procedure: Its name.
            given: Parameters by name.
            person: Who runs it.
            dry: Whether nothing is changed.
            leave_out: Reasons by the ids of optional steps that are not done.
            answered: Ids of the steps that the person answers without being asked, to refuse what is none of them.

        Raises:
            InputError: A parameter is not acceptable, there is no such step, or a run of it was left that has to be
                gone on with or given up.
            HeldByOther: Somebody else runs it now.
            ConsoleError: What it goes over cannot be settled.
        """
        self._hands.require_free()
        definition = self.procedure(procedure)
        arguments = checked_arguments(definition, given)
        node = "" if self.place.node is None else self.place.node.name
        with self._alone(procedure, node, person.name, dry) as tell_holder:
            if not dry:
                self._refuse_left(procedure, node)
            async with self._opened(self.place) as place:
                items: tuple[str, ...] = ()
                if definition.items is not None:
                    items = await definition.items(RunContext(place, arguments, person, None, None))
                steps = steps_of(definition, arguments, items)
                _refuse_steps(steps, (), leave_out or {}, answered, safe="nothing was begun")
                now = self.place.clock()
                run = f"{procedure}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
                journal = begin_journal(
                    self.place.folder,
                    run,
                    at=now,
                    procedure=procedure,
                    network=self.place.network.name,
                    node=node,
                    arguments=[list(pair) for pair in arguments.items()],
                    items=list(items),
                    dry=dry,
                    by=person.name,
                    digest=digest_of(steps),
                    steps=lines_of(steps),
                )
                tell_holder(run)
                try:
                    person.told(RunEvent("started", run, now, words=definition.title))
                    self._leave_out(journal, leave_out or {}, person.name)
                    return await Drive(place, steps, journal, person).go()
                finally:
                    journal.close()

    async def go_on(
        self,
        run: str,
        person: Person,
        *,
        replan: bool = False,
        leave_out: Mapping[str, str] | None = None,
        answered: Collection[str] = (),
    ) -> Progress:
        """Go on with a run that was left, stopped or waits; a step that failed is tried again.

        Args:
            run: Its id.
            person: Who goes on.
            replan: Whether to go on by the definition as it is now, where it changed since.
            leave_out: Reasons by the ids of optional steps that are not done.
            answered: Ids of the steps that the person answers without being asked, to refuse what is none of them.

        Raises:
            InputError: There is no such run or step, it ended, or its definition changed and nobody said `replan`.
            HeldByOther: Somebody else runs it now.
            JournalError: Its journal is damaged.
        """
        self._hands.require_free()
        before = self._open_progress(run)
        definition = self.procedure(before.run.procedure)
        with self._alone(before.run.procedure, before.node, person.name, before.run.dry) as tell_holder:
            tell_holder(run)
            journal = reopen_journal(run_folder(self.place.folder, run))
            try:
                progress = journal.progress
                _refuse_ended(progress)
                steps = steps_of(definition, dict(progress.run.arguments), progress.run.items)
                digest = digest_of(steps)
                if digest != progress.digest and not replan:
                    how = changes(progress.steps, steps)
                    raise InputError(
                        f"procedure {definition.name} is not the one that run {run} began with: {how}",
                        safe="nothing was done",
                        next_step="go on with --replan by the new definition, or give the run up",
                    )
                ended = [record.step for record in progress.run.records if record.finding.outcome is not Outcome.FAIL]
                _refuse_steps(steps, ended, leave_out or {}, answered, safe="nothing was done")
                now = self.place.clock()
                journal.append("gone_on", at=now, by=person.name, digest=digest, steps=lines_of(steps))
                person.told(RunEvent("gone on", run, now, words=definition.title))
                self._leave_out(journal, leave_out or {}, person.name)
                async with self._opened(self.place_of(progress)) as place:
                    return await Drive(place, steps, journal, person).go()
            finally:
                journal.close()

    def changed(self, progress: Progress) -> str:
        """How the definition of a run changed since; empty where it did not. Raises InputError, SettingsError."""
        definition = self.procedure(progress.run.procedure)
        steps = steps_of(definition, dict(progress.run.arguments), progress.run.items)
        return "" if digest_of(steps) == progress.digest else changes(progress.steps, steps)

    def place_of(self, progress: Progress) -> Place:
        """Where that run runs: its own node, whichever was chosen now. Raises SettingsError."""
        node = self.place.network.node(progress.node) if progress.node else None
        return replace(self.place, node=node)

    def give_up(self, run: str, reason: str, by: UntrustedText) -> Progress:
        """End a run that nobody will go on with. Raises as `go_on`, and InputError without a reason."""
        self._hands.require_free()
        if not reason.strip():
            raise InputError("a run is given up with a reason", safe="nothing was changed")
        before = self._open_progress(run)
        with self._alone(before.run.procedure, before.node, by, before.run.dry):
            journal = reopen_journal(run_folder(self.place.folder, run))
            try:
                _refuse_ended(journal.progress)
                return journal.append("abandoned", at=self.place.clock(), by=by, reason=reason)
            finally:
                journal.close()

    @asynccontextmanager
    async def _opened(self, place: Place) -> AsyncIterator[Place]:
        if self._reading is None:
            yield place
            return
        async with self._reading() as read:
            yield replace(place, read=read)

    def _open_progress(self, run: str) -> Progress:
        reading = self.reading(run)
        if reading.problem:
            raise JournalError(
                reading.problem.rstrip("."),
                safe="nothing of the run is done, and nothing is guessed",
                next_step="keep the file, look at what is there, and begin a new run",
            )
        _refuse_ended(reading.progress)
        return reading.progress

    def _refuse_left(self, procedure: str, node: str) -> None:
        for progress in self.unfinished(procedure):
            if progress.node == node:
                raise InputError(
                    f"run {progress.run.id} of {procedure} was begun by {progress.run.by} and is not ended",
                    safe="nothing was begun",
                    next_step=f"go on with it (--resume {progress.run.id}), or give it up"
                    f" (--give-up {progress.run.id} --reason TEXT)",
                )

    @contextmanager
    def _alone(self, procedure: str, node: str, by: UntrustedText, dry: bool) -> Iterator[Callable[[str], None]]:
        if dry:
            yield lambda _run: None
            return
        with ExitStack() as locks:
            telling = [
                locks.enter_context(only_one(folder, procedure, node, by, self.place.clock))
                for folder in self._lock_folders(node)
            ]

            def tell(run: str) -> None:
                for each in telling:
                    each(run)

            yield tell

    def _lock_folders(self, node: str) -> tuple[Path, ...]:
        """Where a run's lock is taken: among the runs of this user, and beside the node, for every user who may act."""
        found = next((each for each in self.place.network.nodes if each.name == node), None)
        if found is None or not os.access(found.state_dir, os.W_OK):
            return (self.place.folder,)
        return (self.place.folder, found.state_dir / "procedures")

    def _leave_out(self, journal: RunJournal, reasons: Mapping[str, str], by: UntrustedText) -> None:
        for name, reason in reasons.items():
            now = self.place.clock()
            journal.append(
                "ended",
                at=now,
                step=name,
                outcome="skip",
                sentence=f"{by} left it out: {reason}",
                evidence=[],
                go_on="",
                started_at=now,
                by=by,
            )


def checked_arguments(procedure: Procedure, given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's value as it is used. Raises InputError."""
    known = [parameter.name for parameter in procedure.parameters]
    for name in given:
        if name not in known:
            raise InputError(
                f"procedure {procedure.name} has no parameter {untrusted(name, 80)!r}{nearest(name, known)}",
                safe="nothing was begun",
            )
    missing = [each for each in procedure.parameters if each.default is None and each.name not in given]
    if missing:
        others = ", ".join(each.name for each in missing[1:])
        raise InputError(
            f"procedure {procedure.name} needs {missing[0].name}: {missing[0].meaning}"
            + (f"; and it needs {others}" if others else ""),
            safe="nothing was begun",
            next_step=f"`upgrade-console run --show {procedure.name}` tells what each is",
        )
    arguments: dict[str, str] = {}
    for parameter in procedure.parameters:
        value = given.get(parameter.name, parameter.default or "")
        if parameter.name in given:
            refuse_secret(parameter.name, value)
            try:
                value = parameter.check(value)
            except ValueError as error:
                raise InputError(f"{parameter.name} must be {error}", safe="nothing was begun") from error
        arguments[parameter.name] = value
    return arguments


def steps_of(procedure: Procedure, arguments: Mapping[str, str], items: tuple[str, ...]) -> tuple[Step, ...]:
    """Its steps. Raises InputError: two have the same id."""
    steps = procedure.steps(arguments, items)
    ids = [step.id for step in steps]
    twice = sorted({each for each in ids if ids.count(each) > 1}) if len(set(ids)) != len(ids) else []
    if twice:
        raise InputError(f"procedure {procedure.name} has two steps {twice[0]}", safe="nothing was begun")
    return steps


def changes(before: tuple[StepLine, ...], now: tuple[Step, ...]) -> str:
    """What differs between the steps of a run and those of its definition."""
    old, new = [each.id for each in before], [each.id for each in now]
    gone = [each for each in old if each not in new]
    added = [each for each in new if each not in old]
    told = [f"{', '.join(added[:5])} came in"] if added else []
    told += [f"{', '.join(gone[:5])} went"] if gone else []
    return "; ".join(told) or "what its steps say or ask changed"


def _refuse_steps(
    steps: tuple[Step, ...],
    ended: Collection[str],
    leave_out: Mapping[str, str],
    answered: Collection[str],
    *,
    safe: str,
) -> None:
    """Refuse to leave out, or to have answered, what cannot be. Raises InputError."""
    known = {step.id: step for step in steps}
    for name in (*leave_out, *answered):
        if name not in known:
            raise InputError(f"there is no step {untrusted(name, 80)!r}{nearest(name, list(known))}", safe=safe)
    for name, reason in leave_out.items():
        if name in ended:
            raise InputError(f"step {name} has ended", safe=safe)
        if not known[name].optional:
            raise InputError(f"step {name} cannot be left out: it is not optional", safe=safe)
        if not reason.strip():
            raise InputError(f"step {name} is left out with a reason", safe=safe)


def _refuse_ended(progress: Progress) -> None:
    if not unfinished(progress):
        how = "is done" if progress.run.state is RunState.DONE else "was given up"
        raise InputError(f"run {progress.run.id} {how}", safe="nothing was changed", next_step="begin a new one")
