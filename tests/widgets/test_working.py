"""Work that is cancelled before its start leaves nothing behind that nobody awaits, and nobody goes another way."""

from __future__ import annotations

import ast
import gc
import warnings
from pathlib import Path

import pytest
from textual.app import App

from widgets.working import begin

ROOT = Path(__file__).parents[2]
SOURCES = sorted((*ROOT.glob("screens/*.py"), *ROOT.glob("widgets/*.py"), *ROOT.glob("console/*app.py")))

pytestmark = pytest.mark.anyio


async def test_what_takes_the_place_of_other_work_leaves_no_coroutine_behind() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("once")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with App[None]().run_test() as pilot:
            begin(pilot.app, work, exclusive=True)
            await begin(pilot.app, work, exclusive=True).wait()
        gc.collect()
    assert done == ["once"]


def test_nobody_starts_a_worker_with_a_coroutine() -> None:
    assert len(SOURCES) > 50
    found = {path.name: _elsewhere(path.read_text()) for path in SOURCES if path.name != "working.py"}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("call", ["self.run_worker(self._ask())", "begin(self, self._ask())"])
def test_what_is_found(call: str) -> None:
    assert _elsewhere(call)


def _elsewhere(source: str) -> list[int]:
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _is_early(node)]


def _is_early(node: ast.Call) -> bool:
    if getattr(node.func, "attr", "") == "run_worker":
        return True
    given = node.args[1] if getattr(node.func, "id", "") == "begin" else None
    return isinstance(given, ast.Call) and getattr(given.func, "id", "") != "partial"
