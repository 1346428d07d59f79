"""Who runs a procedure on a command line: somebody at a terminal, or whoever gave the answers beforehand."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from console.errors import InputError
from console.model import Finding, Outcome
from console.procedures.person import Answer, Question, RunEvent
from console.text import UntrustedText, untrusted

SIGNS = {Outcome.PASS: "ok  ", Outcome.WARN: "WARN", Outcome.FAIL: "FAIL", Outcome.SKIP: "skip"}


@dataclass(frozen=True, slots=True)
class Given:
    """An answer from the arguments."""

    word: str
    by: str
    """Empty: whoever runs it."""
    reason: str


class CommandLine:
    """`console.procedures.person.Person` on stdin and stdout.

    Args:
        name: Who it is.
        given: Answers by the ids of their steps.
        as_json: Whether each event is a line of JSON; nobody is asked then.
        lost: Called once when nobody sees what is printed any more.
    """

    def __init__(
        self, name: str, given: Mapping[str, Given], *, as_json: bool, lost: Callable[[str], None] = lambda _why: None
    ) -> None:
        self._name = untrusted(name, 64)
        self._given = dict(given)
        self._as_json = as_json
        self.lost = lost
        self._is_lost = False
        self._asked: tuple[str, Finding | None] = ("", None)
        self._said = ""

    @property
    def name(self) -> UntrustedText:
        """Who runs it."""
        return self._name

    def told(self, event: RunEvent) -> None:
        """Print what happened."""
        if self._as_json:
            self._print(json.dumps(event_document(event)))
            return
        if event.kind == "ended" and event.finding is not None:
            step, shown = self._asked
            known = () if shown is None or step != event.step else (shown.sentence, *shown.evidence)
            for line in finding_lines(event.step, event.finding, known):
                self._print(line)
            self._said = event.finding.sentence
        elif event.kind == "begun":
            self._print(f"      {event.step}: {event.words}")
        elif event.kind == "told":
            self._print(f"      … {event.words}")
        elif event.kind == "asked":
            self._asked = (event.step, event.finding)
            self._print(f"ask   {event.step}: {event.words}")
            if event.finding is not None:
                for line in (event.finding.sentence, *event.finding.evidence):
                    self._print(f"      {line}")
        else:
            # Why it stopped stands two lines above where a step failed.
            words = "" if event.words == self._said else event.words
            self._print(f"{event.kind} {event.run}" + (f": {words}" if words else ""))

    async def answer(self, question: Question) -> Answer | None:
        """What the arguments say, else what is typed; None where nobody can type."""
        given = self._given.pop(question.step.id, None)
        if given is not None:
            return self._from_arguments(question, given)
        if self._as_json or not sys.stdin.isatty() or self._is_lost:
            return None
        return await self._typed(question)

    def _from_arguments(self, question: Question, given: Given) -> Answer:
        by = untrusted(given.by, 64) if given.by else self._name
        if given.word == "no":
            return Answer(False, by, reason=given.reason)
        if question.typed:
            return Answer(True, by, typed=given.word)
        if given.word != "yes":
            raise InputError(
                f"--answer {question.step.id}= must say yes or no, not {untrusted(given.word, 80)!r}",
                safe="it was not begun",
            )
        return Answer(True, by)

    async def _typed(self, question: Question) -> Answer | None:
        ways = f"type {question.typed} to go on" if question.typed else "yes"
        ways += ", no" + (", skip" if question.step.optional else "") + ", or an empty line to leave it for later"
        while True:
            self._print(f"      {ways}: ", end="")
            line = await read_line()
            word = None if line is None else line.strip()
            if not word:
                return None
            if word == (question.typed or "yes"):
                return Answer(True, self._name, typed=word)
            if word == "no" or (word == "skip" and question.step.optional):
                self._print("      why: ", end="")
                reason = (await read_line() or "").strip()
                if word == "no":
                    return Answer(False, self._name, reason=reason)
                if reason:
                    return Answer(False, self._name, reason=reason, leave_out=True)
                self._print("      it is left out with a reason")
                continue
            self._print(f"      that is neither {question.typed or 'yes'} nor no")

    def _print(self, line: str, end: str = "\n") -> None:
        if self._is_lost:
            return
        try:
            print(line, end=end, flush=True)
        except OSError as error:
            self._is_lost = True
            # Python flushes stdout once more at exit, into nothing then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            self.lost(f"what it says cannot be shown any more: {os.strerror(error.errno or 0)}")


def finding_lines(step: str, finding: Finding, known: Collection[str] = ()) -> list[str]:
    """A finding as text.

    Args:
        step: Whose it is.
        finding: What came of it.
        known: Evidence that was shown with the question just before, and is not shown again.
    """
    lines = [f"{SIGNS[finding.outcome]}  {step}: {finding.sentence}"]
    lines += [f"      {line}" for line in finding.evidence if line not in known]
    if finding.go_on and finding.outcome is not Outcome.PASS:
        lines.append(f"      > {finding.go_on}")
    return lines


def event_document(event: RunEvent) -> dict[str, object]:
    """An event as plain values."""
    document: dict[str, object] = {"event": event.kind, "run": event.run, "at": round(event.at, 3)}
    if event.step:
        document["step"] = event.step
    if event.words:
        document["words"] = event.words
    if event.finding is not None:
        document |= {
            "outcome": event.finding.outcome.value,
            "evidence": list(event.finding.evidence),
            "go_on": event.finding.go_on,
        }
    return document


async def read_line() -> str | None:
    """A line of the terminal; None at its end. Does not hold up what else the loop does."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bytes] = loop.create_future()
    descriptor = sys.stdin.fileno()

    def ready() -> None:
        if not came.done():
            try:
                came.set_result(os.read(descriptor, 4096))
            except OSError:
                came.set_result(b"")

    loop.add_reader(descriptor, ready)
    try:
        content = await came
    finally:
        loop.remove_reader(descriptor)
    return content.decode("utf-8", "replace") if content else None
