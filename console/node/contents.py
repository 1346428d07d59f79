"""What the files in a generation's `bin/` stand for: themselves, or something that they name (DESIGN §5)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from console.files import sha256_of


class Contents(Protocol):
    """How a file of a generation is known by 64 hex digits, so that binaries and images are one to the controller."""

    @property
    def carries_over(self) -> bool:
        """Whether every companion that a new generation does not bring is taken from the current one.

        One that it is not complete without is taken in any case.
        """
        ...

    def hash_of(self, file: Path) -> str:
        """The sha256 that the file stands for.

        Raises:
            NodeError: It stands for nothing.
            OSError: It cannot be read.
        """
        ...

    def is_here(self, sha256: str) -> bool:
        """Whether what has that hash can be started on this machine. Raises NodeError: it cannot be told."""
        ...


class Binaries:
    """Files that are executed themselves."""

    carries_over = False

    def hash_of(self, file: Path) -> str:
        """The file's own hash. Raises OSError."""
        return sha256_of(file)

    def is_here(self, sha256: str) -> bool:
        """Always: where the file is, what it stands for is."""
        return True
