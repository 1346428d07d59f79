"""What several procedures have in common: parameters, and actions that can be done twice."""

from __future__ import annotations

from console.model import Finding
from console.model.procedure import failed
from console.procedures.step import StepContext
from console.text import untrusted

_MOST = 500


async def again(_context: StepContext) -> Finding:
    """Looks for nothing: of an action that sees by itself what is done, and may simply be done once more."""
    return failed("it is done once more, which changes nothing that is done already", go_on="go on")


def filled(text: str) -> str:
    """A line that is not empty. Raises ValueError with the rest of `NAME must be …`."""
    line = " ".join(text.split())
    if not line:
        raise ValueError("a text that is not empty")
    return str(untrusted(line, _MOST))


def yes_or_no(text: str) -> str:
    """`yes` or `no`. Raises ValueError."""
    word = text.strip().lower()
    if word not in {"yes", "no"}:
        raise ValueError("yes or no")
    return word
