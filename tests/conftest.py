"""What every test stands on: no settings of the machine's user leak in."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# The first text that hypothesis draws in a clean checkout builds its table of Unicode, which is slow and no fault.
settings.register_profile("ours", derandomize=True, deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("ours")

# Textual reads these at import, before any fixture runs (facts/tui.md C10).
for _name in ("TEXTUAL_THEME", "TEXTUAL_ANIMATIONS", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL"):
    os.environ.pop(_name, None)


def pytest_sessionstart() -> None:
    """Collect without looking for garbage: nothing that is imported or collected is any."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage in what tests make, never again through ten thousand collected tests and their modules.

    Half a second a time, in each worker.
    """
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No NO_COLOR, no theme of the user, UTC."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TEXTUAL_THEME", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"
