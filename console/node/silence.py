"""What is said on a chain that asks nobody to signal: nothing (x/upgrade arms and decides by itself)."""

from __future__ import annotations

from console.model import Verdict


class SilentSignals:
    """`console.ports.chain.Signals` of a chain that has no registry."""

    async def prepare(self) -> None:
        """Nothing is signed."""

    async def ready(self, proposal_id: int, release_hash: str) -> None:
        """Nobody counts it."""

    async def withdraw(self, proposal_id: int) -> None:
        """Nobody counts it."""

    async def armed(self, proposal_id: int, height: int) -> None:
        """Nobody counts it."""

    async def failure(self, proposal_id: int, code: int) -> None:
        """Nobody reads it."""

    async def freeze(self, proposal_id: int) -> Verdict:
        """There is nothing to freeze."""
        return Verdict.NONE

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None:
        """Nobody counts it."""

    async def schedule(self, proposal_id: int) -> None:
        """The chain gives its plans their heights."""

    async def execute(self, proposal_id: int) -> None:
        """Nothing is linked."""

    async def undo(self, proposal_id: int) -> None:
        """Nothing is linked."""

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        """Nobody reads it."""
