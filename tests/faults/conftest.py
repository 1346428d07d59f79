"""What the fault tests share: processes that fork controllers, and the long runs left out unless they are asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.plan import FaultRun
from tests.faults.play import DEADLINE_S, Outcome, Play
from tests.faults.rig import Zygote, served

AT_ONCE = 6
"""Runs at the same time, in all processes of the test run: most of a run is waiting."""

Player = Callable[..., list[Outcome]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soak out of every run that does not ask for it, and all of this where there is no Linux."""
    if "soak" not in str(config.option.markexpr):
        soaking = [item for item in items if item.get_closest_marker("soak")]
        if soaking:
            config.hook.pytest_deselected(items=soaking)
            items[:] = [item for item in items if item not in set(soaking)]
    if sys.platform != "linux":
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="the shim needs Linux"))


@pytest.fixture(scope="package")
def zygote() -> Iterator[Zygote]:
    """Forks controllers of this package."""
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture
def play(tmp_path: Path, zygote: Zygote) -> Iterator[Player]:
    """Plays runs at the same time, each in its own folder."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    with served(tmp_path) as url, ThreadPoolExecutor(max(1, AT_ONCE // processes)) as pool:

        def play_all(
            runs: Sequence[FaultRun], forker: Zygote | None = None, *, deadline_s: float = DEADLINE_S
        ) -> list[Outcome]:
            begun = len(list(tmp_path.iterdir()))

            def one(number: int, run: FaultRun) -> Outcome:
                name = f"run-{begun + number}"
                return Play(run, tmp_path / name, f"{url}/{name}", forker or zygote, deadline_s=deadline_s).play()

            return list(pool.map(one, range(len(runs)), runs))

        yield play_all
