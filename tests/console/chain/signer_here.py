"""The signer's own code without its process, for tests that sign much and are not about the signer.

It stands where a process is started, so requests and answers are the lines that go through its pipes.
"""

from __future__ import annotations

import asyncio
import json

from console import signer
from console.ports.keys import Terminal

__all__ = ["start"]


class _Requests:
    """What is written goes to the signer a line at a time."""

    def __init__(self, answers: asyncio.StreamReader, *, signing: bool) -> None:
        self._answers = answers
        self._signing = signing

    def write(self, line: bytes) -> None:
        answer = signer.answered(line.decode(), signing=self._signing)
        self._answers.feed_data(json.dumps(answer).encode() + b"\n")
        self._answers.feed_eof()

    async def drain(self) -> None:
        """Everything was taken."""


class _Here:
    """What is used of `asyncio.subprocess.Process`."""

    def __init__(self, *, signing: bool) -> None:
        self.stdout, self.stderr = asyncio.StreamReader(), asyncio.StreamReader()
        self.stderr.feed_eof()
        self.stdin = _Requests(self.stdout, signing=signing)
        self.returncode: int | None = None

    def kill(self) -> None:
        """There is nothing to end."""

    async def wait(self) -> int:
        self.returncode = 0
        return self.returncode


async def start(_terminal: Terminal | None, *arguments: str) -> _Here:
    """In place of `console.chain.signing._start`."""
    return _Here(signing=arguments != ("address",))
