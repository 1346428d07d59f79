"""Drives a run: writes down what is begun, does it within its deadline, writes down what came of it.

What comes next is decided by `progress.next_move` alone; this does it. Whenever it ends, by a failure, a question that
nobody answers, a lost terminal or a kill, the journal says how far it was, and `drive` goes on from there.
"""

from __future__ import annotations

import asyncio

from console.errors import ConsoleError, InputError, JournalError
from console.model import Finding, Outcome, Progress, RunState, StepKind
from console.procedures.person import Answer, Person, Question, RunEvent
from console.procedures.progress import Move, next_move, shown
from console.procedures.run_context import LookedOnce, Place, RunContext
from console.procedures.run_journal import RunJournal
from console.procedures.step import Step, StepWork, failed, found, passed, skipped, warned
from console.text import UntrustedText


class Drive:
    """Goes on with one run until it ends or stops.

    Args:
        place: Where.
        steps: Its steps.
        journal: Held by this process.
        person: Who runs it.
    """

    def __init__(self, place: Place, steps: tuple[Step, ...], journal: RunJournal, person: Person) -> None:
        self._place = place
        self._steps = {step.id: step for step in steps}
        self._journal = journal
        self._person = person

    async def go(self) -> Progress:
        """Do what comes next until nothing does, a step failed, or nobody answers.

        Raises:
            JournalError: It cannot be written down; nothing that was not is begun.
            asyncio.CancelledError: It was left; the journal says why.
        """
        try:
            while await self._move():
                pass
        except asyncio.CancelledError as left:
            self._stop(str(left) or "it was left")
            raise
        except JournalError as error:
            self._tell("stopped", words=str(error))
            raise
        return shown(self._journal.progress)

    async def _move(self) -> bool:
        """Do what comes next; whether something may follow."""
        move, name = next_move(self._journal.progress)
        if move is Move.END:
            self._journal.append("done", at=self._now())
            self._tell("done", words=_ending(self._journal.progress))
            return False
        if move is Move.NOTHING:
            return False
        if move is Move.FAILED:
            self._stop(self._journal.progress.run.reason)
            return False
        step = self._steps[name]
        if move in {Move.ASK, Move.BEGIN} and (why := self._needless(step)):
            self._end(step, skipped(why), self._now(), self._person.name)
            return True
        if move is Move.LOOK:
            return await self._look(step)
        if step.follows and self._outcomes().get(step.follows) is Outcome.SKIP:
            why = f"it goes with {step.follows}, which was left out"
            self._end(step, skipped(why), self._now(), self._person.name)
            return True
        if move in {Move.ASK, Move.ASK_WHETHER_DONE}:
            return await self._ask(step, whether_done=move is Move.ASK_WHETHER_DONE)
        await self._do(step, self._person.name)
        return True

    def _needless(self, step: Step) -> str:
        try:
            return "" if step.needless is None else step.needless(self._context(step))
        except ConsoleError:
            # Whatever is wrong with the settings is told by the step itself.
            return ""

    async def _look(self, step: Step) -> bool:
        """Whether an action that was begun before was done."""
        assert step.done is not None
        started = self._now()
        finding = await self._found(step, step.done)
        if finding.outcome in {Outcome.PASS, Outcome.WARN}:
            self._end(step, finding, started, self._person.name)
        else:
            self._tell("told", step, f"It was begun before and is not done: {finding.sentence}")
            self._journal.append("looked", at=self._now(), step=step.id)
        return True

    async def _ask(self, step: Step, *, whether_done: bool) -> bool:
        started = self._now()
        evidence = None
        if step.kind is StepKind.CONFIRMATION and step.work is not None:
            evidence = await self._found(step, step.work)
            if evidence.outcome in {Outcome.FAIL, Outcome.SKIP}:
                self._end(step, evidence, started, self._person.name)
                return True
        question = self._question(step, whether_done, evidence)
        self._tell("asked", step, question.words, evidence)
        answer = await self._person.answer(question)
        if answer is None:
            return False
        if answer.leave_out:
            self._leave_out(step, answer, started)
        elif whether_done and not answer.yes:
            self._journal.append("looked", at=self._now(), step=step.id)
        elif not answer.yes:
            why = f": {answer.reason}" if answer.reason else ""
            self._end(step, failed(f"{answer.by} said no{why}", go_on=_AGAIN), started, answer.by)
        elif question.typed and answer.typed.strip() != question.typed:
            raise InputError(
                f"{step.id} has to be confirmed with {question.typed!r}",
                safe="it was not begun",
                next_step="go on again",
            )
        elif whether_done:
            self._end(step, passed(f"{answer.by} says that it was done"), started, answer.by)
        elif step.kind is StepKind.CONFIRMATION:
            lines = () if evidence is None else (evidence.sentence, *evidence.evidence)
            said = found(
                Outcome.PASS if evidence is None else evidence.outcome,
                f"{answer.by} said yes: {step.ask}",
                *lines,
                go_on="" if evidence is None else evidence.go_on,
            )
            self._end(step, said, started, answer.by)
        else:
            await self._do(step, answer.by)
        return True

    def _question(self, step: Step, whether_done: bool, evidence: Finding | None) -> Question:
        if whether_done:
            words = f"{step.title}: it was begun before and its end is not known. Look: was it done?"
            return Question(step, words, whether_done=True)
        typed = "" if step.typed is None else step.typed(self._context(step))
        return Question(step, step.ask, typed, evidence=evidence)

    def _leave_out(self, step: Step, answer: Answer, started: float) -> None:
        if not step.optional or not answer.reason.strip():
            raise InputError(
                f"step {step.id} cannot be left out"
                + (" without a reason" if step.optional else ": safety rests on it"),
                safe="nothing was changed",
            )
        self._end(step, skipped(f"{answer.by} left it out: {answer.reason}"), started, answer.by)

    async def _do(self, step: Step, by: UntrustedText) -> None:
        started = self._now()
        if self._journal.progress.run.dry and step.kind in {StepKind.ACTION, StepKind.CONFIRMATION}:
            self._end(step, await self._would(step), started, by)
            return
        self._journal.append("begun", at=started, step=step.id, by=by)
        self._tell("begun", step, step.title)
        if step.work is None:
            finding = failed(f"step {step.id} has nothing to do", go_on="mend the procedure's definition")
        else:
            finding = await self._found(step, step.work)
        if self._journal.progress.run.dry and finding.outcome is Outcome.FAIL and self._above_is_undone():
            # It may fail for no other reason than that: neither a failure nor nothing.
            finding = warned(f"{_UNDONE}: {finding.sentence}", *finding.evidence, go_on=_LOOKS_AGAIN)
        self._end(step, finding, started, by)

    def _outcomes(self) -> dict[str, Outcome]:
        return {record.step: record.finding.outcome for record in self._journal.progress.run.records}

    def _above_is_undone(self) -> bool:
        """Whether something that this run did not do, or that failed, stands above what is looked at."""
        return any(
            outcome is Outcome.FAIL or (outcome is Outcome.SKIP and self._steps[name].kind is StepKind.ACTION)
            for name, outcome in self._outcomes().items()
        )

    async def _would(self, step: Step) -> Finding:
        """What would be done or asked, in a dry run; of a question also what it rests on, as far as that is there."""
        context = self._context(step)
        if step.kind is StepKind.CONFIRMATION:
            evidence = None if step.work is None else await self._found(step, step.work)
            known = evidence is not None and evidence.outcome in {Outcome.PASS, Outcome.WARN}
            lines = (str(evidence.sentence), *evidence.evidence) if known and evidence is not None else ()
            return skipped(f"Would ask: {step.ask}", *lines)
        lines = (f"asks first: {step.ask}",) if step.ask else ()
        lines += (f"has to be typed: {step.typed(context)}",) if step.typed is not None else ()
        return skipped(f"Would do: {step.says}", *lines, *((f"way back: {step.undo}",) if step.undo else ()))

    async def _found(self, step: Step, work: StepWork) -> Finding:
        """What the work found; whatever it raises is a failure of the step."""
        try:
            async with asyncio.timeout(step.deadline_s or None):
                return await work(self._context(step))
        except LookedOnce:
            return skipped(f"Would wait: {step.says}")
        except TimeoutError:
            return failed(f"it did not end within {step.deadline_s:g} s", go_on=_AGAIN)
        except JournalError:
            raise
        except ConsoleError as error:
            what = "; ".join(part.rstrip(".") for part in (error.what, error.safe) if part)
            return failed(what, go_on=error.next_step or _AGAIN)
        except Exception as error:
            if self._journal.progress.run.dry and self._above_is_undone():
                return skipped(f"{_UNDONE}: nothing is there yet to look at")
            return failed(f"unexpected {type(error).__name__}: {error}", go_on=_AGAIN)

    def _end(self, step: Step, finding: Finding, started: float, by: UntrustedText) -> None:
        self._journal.append(
            "ended",
            at=self._now(),
            step=step.id,
            outcome=finding.outcome.value,
            sentence=finding.sentence,
            evidence=list(finding.evidence),
            go_on=finding.go_on,
            started_at=started,
            by=by,
        )
        # As it is kept: without what looked like a secret.
        kept = self._journal.progress.run.records[-1].finding
        self._tell("ended", step, kept.sentence, kept)

    def _stop(self, reason: str) -> None:
        """Write down why it stops, where that is possible: what matters is written already."""
        try:
            self._journal.append("stopped", at=self._now(), reason=reason)
        except JournalError:
            pass
        self._tell("stopped", words=reason)

    def _tell(self, kind: str, step: Step | None = None, words: str = "", finding: Finding | None = None) -> None:
        run = self._journal.progress.run.id
        self._person.told(RunEvent(kind, run, self._now(), "" if step is None else step.id, words, finding))

    def _context(self, step: Step) -> RunContext:
        return RunContext(self._place, dict(self._journal.progress.run.arguments), self._person, self._journal, step)

    def _now(self) -> float:
        return self._place.clock()


_AGAIN = "mend what it says, then go on with the run: the step is tried again"
_UNDONE = "as long as the steps above are not done"
_LOOKS_AGAIN = "nothing yet: the run looks when they are done"


def _ending(progress: Progress) -> str:
    outcomes = {record.step: record.finding.outcome for record in progress.run.records}
    counted = [(outcome, sum(each is outcome for each in outcomes.values())) for outcome in Outcome]
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counted if count) or "no steps"


def unfinished(progress: Progress) -> bool:
    """Whether the run can be gone on with."""
    return progress.run.state not in {RunState.DONE, RunState.ABANDONED}
