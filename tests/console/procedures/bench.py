"""Procedures whose effects are counted, a person who answers by a list, and runs that die where a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from console.model import Finding, Snapshot, StepKind
from console.procedures.person import Answer, Question, RunEvent
from console.procedures.run_context import Place
from console.procedures.run_journal import RunJournal
from console.procedures.step import Parameter, Procedure, Step, StepContext, failed, passed
from console.settings import NetworkSettings, parse_network
from console.text import UntrustedText

NOW = 1_796_000_000.0


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Hands:
    """A person with answers by step; None where the list is over."""

    answers: dict[str, Answer] = field(default_factory=dict)
    events: list[RunEvent] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    called: str = "jane"

    @property
    def name(self) -> UntrustedText:
        return UntrustedText(self.called)

    async def answer(self, question: Question) -> Answer | None:
        self.asked.append(question)
        return self.answers.get(question.step.id)

    def told(self, event: RunEvent) -> None:
        self.events.append(event)


def yes(typed: str = "") -> Answer:
    return Answer(True, UntrustedText("jane"), typed=typed)


def no(reason: str = "") -> Answer:
    return Answer(False, UntrustedText("joe"), reason=reason)


@dataclass
class World:
    """What the actions of `story` change."""

    done: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Steps that fail while they are in it."""
    at_begin: Callable[[str], None] = lambda _step: None
    at_done: Callable[[str], None] = lambda _step: None


def action(world: World, name: str, *, looks: bool = True, **more: Any) -> Step:
    """An action that is done once: a second time would be seen in `world.done`."""

    async def work(_context: StepContext) -> Finding:
        world.begun.append(name)
        world.at_begin(name)
        if name in world.broken:
            return failed(f"{name} is broken", go_on="mend it")
        world.done.append(name)
        world.at_done(name)
        return passed(f"{name} is done")

    async def done(_context: StepContext) -> Finding:
        world.looked.append(name)
        return passed(f"{name} was done") if name in world.done else failed(f"{name} is not done", go_on="do it")

    return Step(
        name, StepKind.ACTION, f"Do {name}", f"Does {name}.", work, done if looks else None, undo="undo it", **more
    )


def check(world: World, name: str, **more: Any) -> Step:
    async def work(_context: StepContext) -> Finding:
        world.begun.append(name)
        return (
            failed(f"{name} is bad", go_on="mend it") if name in world.broken else passed(f"{name} is good", "1 of 1")
        )

    return Step(name, StepKind.CHECK, f"Check {name}", f"Checks {name}.", work, **more)


def story(world: World, *, asks: bool = True) -> Procedure:
    """A check, two actions, a confirmation, a wait and a last action for each item."""

    async def wait(context: StepContext) -> Finding:
        world.begun.append("wait")
        context.remember("waited", "yes")
        await context.sleep(0)
        return passed("it came")

    def steps(_arguments: Mapping[str, str], items: Sequence[str]) -> tuple[Step, ...]:
        return (
            check(world, "check", optional=True),
            action(world, "copy"),
            Step("sure", StepKind.CONFIRMATION, "Be sure", "A person has to be.", ask="Are you sure?"),
            Step("wait", StepKind.WAIT, "Wait", "Waits.", wait),
            *(
                action(
                    world,
                    f"swap.{item}",
                    ask="Swap?" if asks else "",
                    typed=(lambda context: context.network.name) if asks else None,
                    item=item,
                )
                for item in items
            ),
        )

    async def items(_context: StepContext) -> tuple[str, ...]:
        return ("a", "b")

    return Procedure("story", "A story", "For tests.", steps, (Parameter("colour", "of it", "red"),), items)


ANSWERS = {"sure": yes(), "swap.a": yes("testnet"), "swap.b": yes("testnet")}


def network() -> NetworkSettings:
    return parse_network(
        "testnet",
        {
            "kind": "cosmos",
            "chain_id": "test-1",
            "cometbft_rpc": ["http://127.0.0.1:1"],
            "stage": "testnet",
        },
        None,
    )


def place(folder: Path) -> Place:
    """A network without any node, whose chain is never read."""

    async def read() -> Snapshot:
        raise AssertionError("nothing here reads the chain")

    ticks = iter(range(1_000_000))
    return Place(network(), None, folder, read, lambda: NOW + next(ticks))


@contextmanager
def dies_at(monkeypatch: pytest.MonkeyPatch, point: int, *, after: bool) -> Iterator[list[int]]:
    """Die at the row of that number, before or after it is durable; the list counts the rows."""
    written = [0]
    append = RunJournal.append

    def dying(self: RunJournal, row: str, **fields: object) -> object:
        written[0] += 1
        if written[0] == point and not after:
            raise Killed
        progress = append(self, row, **fields)
        if written[0] == point:
            raise Killed
        return progress

    with monkeypatch.context() as patched:
        patched.setattr(RunJournal, "append", dying)
        yield written
