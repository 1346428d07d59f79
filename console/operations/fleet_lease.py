"""The lease of a roll over a whole fleet: asked of every controller before one node is taken down, kept until it is
back (docs/fleet.md).

Every controller that answers has to grant it, and those have to be more than half of the fleet. So two rolls never
both have it: any two majorities share a controller, and that one grants it once. The controller whose node is taken
down is asked last and for the shortest time, and does not obey without it: where it still holds, it holds everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

from console.errors import ConsoleError, ControllerDown, HeldByOther, NodeError
from console.model.roll_lease import LEASE_S, LeaseAnswer, RollLease
from console.node.roll_lease import machine_clock

RENEWED_S = 25.0
"""Seconds between two renewals."""
_MARGIN_S = 5.0
"""Seconds by which the node's own lease ends before those of the others."""
_LEAST_S = 20.0
"""Seconds that have to be left of it when all are asked."""
_NOTHING = "nothing was taken down"


class LeasedControl(Protocol):
    """What a lease asks of a controller's client. All raise ControllerDown, and NodeError when refused."""

    async def lease(self, wish: RollLease) -> LeaseAnswer: ...
    async def end_lease(self, lease: str) -> None: ...
    def kept(self) -> AbstractAsyncContextManager[None]: ...


class FleetLease:
    """The right to take one node down, at every controller of a fleet.

    Args:
        fleet: Every node of the network that the settings name.
        node: The one that is taken down.
        lease: The id: the run and the machine that it is led from.
        by: Who leads it.
        clock: Seconds that never go back.
        pause: Waits between two renewals.
    """

    def __init__(
        self,
        fleet: Mapping[str, LeasedControl],
        node: str,
        lease: str,
        by: str,
        clock: Callable[[], float] = machine_clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fleet = dict(sorted(fleet.items()))
        self._node = node
        self.id = lease
        self._by = by
        self._clock = clock
        self._pause = pause
        self.unheard: dict[str, str] = {}
        """Why a controller did not answer when all were asked last."""
        self.answers: dict[str, LeaseAnswer] = {}
        """What the others answered then."""

    async def take(self) -> None:
        """Have every controller grant it, or renew it.

        Raises:
            HeldByOther: Another roll has it; nothing is kept of what was granted here.
            ControllerDown: The node's own controller does not answer.
            NodeError: Too few answer, or one refuses.
        """
        try:
            await self._take()
        except ConsoleError:
            await self.end()
            raise

    async def _take(self) -> None:
        seen = await self.look()
        began = self._clock()
        names = [name for name in self._fleet if name in seen]
        # Of two that ask at once the first that both hear decides; the rest is then asked at once.
        await self._granted_by(names[0], LEASE_S if names[0] != self._node else _LEAST_S)
        await self._by_the_others(began, names[1:])

    async def still_held(self) -> bool:
        """Whether some controller says that we have it."""
        with suppress(ConsoleError):
            return any(each.holder is not None for each in (await self.look()).values())
        return False

    async def renew(self) -> None:
        """Have those renew it that answered last. Raises as `take`, and gives nothing back."""
        await self._by_the_others(self._clock(), list(self.answers or await self.look()))

    async def _by_the_others(self, began: float, names: Sequence[str]) -> None:
        """Have these grant it, and the node's own controller last: what it holds ends before what they hold."""
        await asyncio.gather(*(self._granted_by(name, LEASE_S) for name in names if name != self._node))
        left = LEASE_S - (self._clock() - began) - _MARGIN_S
        if left < _LEAST_S:
            raise NodeError(
                f"the fleet took {LEASE_S - left:.0f} s to grant a lease, which is too long to act on it",
                safe=_NOTHING,
                next_step="see which controller answers so slowly, then go on",
            )
        await self._granted_by(self._node, left)

    async def look(self) -> dict[str, LeaseAnswer]:
        """Ask everybody who has it, without asking for it.

        Raises:
            HeldByOther: Another roll has it.
            ControllerDown: The node's own controller does not answer.
            NodeError: Too few answer to tell, or one knows no leases.
        """
        found = await asyncio.gather(
            *(self._asked(name, 0.0) for name in self._fleet),
            return_exceptions=True,
        )
        self.unheard, self.answers = {}, {}
        for name, answer in zip(self._fleet, found, strict=True):
            if isinstance(answer, ControllerDown) and name != self._node:
                self.unheard[name] = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._refuse_held(name, answer)
                self.answers[name] = answer
        if 2 * len(self.answers) <= len(self._fleet):
            raise NodeError(
                f"{len(self.answers)} of {len(self._fleet)} controllers of the fleet answer, and more than half have"
                f" to, else another roll could go on unseen: nothing is heard of {', '.join(self.unheard)}",
                safe=_NOTHING,
                next_step="bring them back, or take nodes that are gone out of the settings; then go on",
            )
        return self.answers

    async def _granted_by(self, name: str, seconds: float) -> None:
        """Raises HeldByOther, and ControllerDown: it answered a moment ago, and what it granted is not known."""
        self._refuse_held(name, answer := await self._asked(name, seconds))
        self.answers[name] = answer

    async def _asked(self, name: str, seconds: float) -> LeaseAnswer:
        wish = RollLease(self.id, self._by, self._node, name == self._node, seconds)
        try:
            return await self._fleet[name].lease(wish)
        except ControllerDown:
            raise
        except NodeError as error:
            raise NodeError(
                f"{name} grants no lease: {error.what.rstrip('.')}",
                safe=_NOTHING,
                next_step="have the same version of the console run every controller of the fleet, then go on",
            ) from error

    def _refuse_held(self, name: str, answer: LeaseAnswer) -> None:
        other = answer.refused(self.id)
        if other is not None:
            raise HeldByOther(
                f"another roll is under way: {other.words}, by the word of {name}",
                safe=_NOTHING,
                next_step="go on when it is through; if nobody goes on with it, its lease ends by itself in"
                f" {max(1.0, other.left_s):.0f} s",
            )

    async def end(self) -> None:
        """Give it back wherever it was granted; who does not hear it lets it run out."""
        await asyncio.gather(*(self._ended(each) for each in self._fleet.values()))

    async def _ended(self, control: LeasedControl) -> None:
        with suppress(ConsoleError):
            await control.end_lease(self.id)

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[None]:
        """Have it renewed meanwhile, over one connection to each; a renewal that fails is tried again."""
        async with AsyncExitStack() as connections:
            for control in self._fleet.values():
                await connections.enter_async_context(control.kept())
            renewing = asyncio.create_task(self._renew())
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self) -> None:
        while True:
            await self._pause(RENEWED_S)
            with suppress(ConsoleError):
                await self.renew()
