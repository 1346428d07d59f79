"""Everything is looked through only while nobody waits for a key, and not by Python itself."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from console.tidying import EVERY_S, QUIET_S, Tidying


def test_it_is_looked_when_it_is_time_and_nobody_presses_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: looks.append(1))
    kept = Tidying(now=0.0)
    assert not kept.look_if_quiet(EVERY_S - 1, 1e9)
    assert not kept.look_if_quiet(EVERY_S + 1, QUIET_S - 0.1)
    assert kept.look_if_quiet(EVERY_S + 1, QUIET_S)
    assert not kept.look_if_quiet(EVERY_S + 2, 1e9)
    assert looks == [1]


def test_young_garbage_goes_and_python_looks_through_nothing_else() -> None:
    program = """
import gc
from console import tidying
tidying.begin()
looks = []
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
class Knot: pass
for _ in range(300_000):
    knot = Knot()
    knot.self = knot
print(sorted(set(looks)), gc.get_freeze_count() > 1000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[0, 1] True\n"
