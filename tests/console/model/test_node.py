"""The one word for a node (DESIGN §4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from console.model import Arming, Crossing, Preparation, shown_state
from tests.console.node.test_exits import ATTEMPT


def word(**changes: object) -> str:
    process = {"running": True, "stopped_by_operator": False, "needs_operator": False}
    given = {key: changes.pop(key) for key in list(changes) if key in process}
    attempt = None if changes.pop("idle", False) else replace(ATTEMPT, **changes)  # type: ignore[arg-type]
    return shown_state(attempt, **{**process, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"idle": True}, "IDLE"),
        ({"idle": True, "running": False}, "STOPPED"),
        ({"arming": Arming.WAITING_TURN, "preparation": Preparation.FETCHING}, "FETCHING"),
        ({"arming": Arming.WAITING_TURN, "preparation": Preparation.FAILED}, "FAILED"),
        ({"arming": Arming.ARMED, "preparation": Preparation.FAILED}, "ARMED"),
        ({"arming": Arming.ARMED, "crossing": Crossing.HALTED, "running": False}, "HALTED"),
        ({"crossing": Crossing.WAITING_FOR_QUORUM}, "WAITING_FOR_QUORUM"),
        ({"crossing": Crossing.COMMITTED}, "COMMITTED"),
        ({"crossing": Crossing.COMMITTED, "running": False}, "STOPPED"),
        ({"crossing": Crossing.MISSED_HALT, "running": False}, "MISSED_HALT"),
        ({"crossing": Crossing.HALTED, "running": False, "stopped_by_operator": True}, "STOPPED_BY_OPERATOR"),
        ({"crossing": Crossing.COMMITTED, "needs_operator": True}, "NEEDS_OPERATOR"),
    ],
)
def test_the_crossing_outranks_arming_outranks_the_preparation(changes: dict[str, object], expected: str) -> None:
    assert word(**changes) == expected
