"""What takes its time is done beside the loop of the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode
from textual.worker import Worker


def begin(
    node: DOMNode,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    name: str = "",
    group: str = "default",
    exclusive: bool = False,
) -> Worker[None]:
    """Have this done in a worker of a screen or a widget, which ends it with itself.

    What to call is given, not a coroutine: one whose worker is cancelled before its start would never be awaited.

    Args:
        node: Whose work it is.
        work: What to call. What it raises ends the application.
        name: Of the worker.
        group: Of works that take each other's place.
        exclusive: Whether it takes the place of all others of its group.
    """
    worker: Worker[None] = node.run_worker(work, name=name, group=group, exclusive=exclusive)
    return worker
