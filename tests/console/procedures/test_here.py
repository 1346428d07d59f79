"""A step that waits asks a silent controller again, and says so; one that is silent for long is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.errors import ControllerDown, NodeError
from console.procedures.here import SILENCE_S, heard
from tests.console.operations.examples import a_network
from tests.console.procedures.scripted import ScriptedContext

pytestmark = pytest.mark.anyio


class Asked:
    """A controller that is silent some times, while time passes."""

    def __init__(self, context: ScriptedContext, silent: int, each_s: float) -> None:
        self.context, self.silent, self.each_s = context, silent, each_s
        self.at = 1000.0
        context.clock = lambda: self.at

    async def __call__(self) -> str:
        self.silent -= 1
        if self.silent < 0:
            return "COMMITTED"
        self.at += self.each_s
        raise ControllerDown("it did not answer within 2 seconds")


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedContext:
    monkeypatch.setattr("console.procedures.here._AGAIN_S", 0.0)
    return ScriptedContext(a_network(tmp_path), tmp_path / "run", {})


async def test_a_short_silence_is_told_and_waited_out(context: ScriptedContext) -> None:
    assert await heard(context, Asked(context, 3, 20.0)) == "COMMITTED"
    assert context.told == ["it did not answer within 2 seconds; it is asked again"] * 3


async def test_a_machine_that_was_suspended_in_the_midst_of_a_question_asks_again(context: ScriptedContext) -> None:
    assert await heard(context, Asked(context, 1, 3600.0)) == "COMMITTED"


async def test_a_long_silence_and_a_refusal_end_the_step(context: ScriptedContext) -> None:
    with pytest.raises(ControllerDown):
        await heard(context, Asked(context, 100, SILENCE_S / 2))
    assert len(context.told) == 3

    async def refuses() -> str:
        raise NodeError("it is parked")

    with pytest.raises(NodeError, match="parked"):
        await heard(context, refuses)
