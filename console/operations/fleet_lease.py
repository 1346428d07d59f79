"""The lease of a roll over a whole fleet: asked of every controller before one node is taken down, kept until it is
back (docs/fleet.md).

More than half of the fleet's controllers have to grant it, and none that is heard may have granted it to somebody
else. So two rolls never both have it: any two majorities share a controller, and that one grants it once. The
controller whose node is taken down is asked last and for the shortest time, and does not obey without it: where it
still holds, it holds everywhere.
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
        began = self._clock()
        await self._by_the_others(began, list(self.answers or await self.look()))

    async def _by_the_others(self, began: float, names: Sequence[str]) -> None:
        """Have these grant it, and the node's own controller last: what it holds ends before what they hold."""
        others = (self._granted_by(name, LEASE_S) for name in names if name != self._node)
        # All of them to their ends: none grants it behind our back when it was given back already.
        for problem in await asyncio.gather(*others, return_exceptions=True):
            if problem is not None:
                raise problem
        left = LEASE_S - (self._clock() - began) - _MARGIN_S
        if left < _LEAST_S:
            raise NodeError(
                f"the fleet took {LEASE_S - left:.0f} s to grant a lease, which is too long to act on it",
                safe=_NOTHING,
                next_step="see which controller answers so slowly, then go on",
            )
        await self._granted_by(self._node, left)
        self._need_most()

    async def look(self) -> dict[str, LeaseAnswer]:
        """Ask everybody who has it, without asking for it.

        Raises:
            HeldByOther: Another roll has it.
            NodeError: The node's own controller does not answer or knows no leases, or too few answer to tell.
        """
        self.unheard, self.answers = {}, {}
        for problem in await asyncio.gather(
            *(self._granted_by(name, 0.0) for name in self._fleet), return_exceptions=True
        ):
            if problem is not None:
                raise problem
        self._need_most()
        return self.answers

    def _need_most(self) -> None:
        if 2 * len(self.answers) > len(self._fleet):
            return
        raise NodeError(
            f"{len(self.answers)} of {len(self._fleet)} controllers of the fleet answer, and more than half have"
            f" to, else another roll could go on unseen: nothing is heard of {', '.join(sorted(self.unheard))}",
            safe=_NOTHING,
            next_step="bring them back, or take nodes that are gone out of the settings; then go on",
        )

    async def _granted_by(self, name: str, seconds: float) -> None:
        """Have one grant it. Another one that cannot, or whose word was not heard, is not counted.

        Raises:
            HeldByOther: Another roll has it.
            NodeError: It is the node's own controller, and cannot.
        """
        wish = RollLease(self.id, self._by, self._node, name == self._node, seconds)
        try:
            answer = await self._fleet[name].lease(wish)
        except NodeError as error:
            if name == self._node:
                if isinstance(error, ControllerDown):
                    raise
                raise NodeError(
                    f"{name} grants no lease: {error.what.rstrip('.')}",
                    safe=_NOTHING,
                    next_step="have this version of the console run its controller, then go on",
                ) from error
            self.answers.pop(name, None)
            self.unheard[name] = error.what.rstrip(".")
            return
        self._refuse_held(name, answer)
        self.answers[name] = answer

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
        await asyncio.gather(*(self._ended(self._fleet[name]) for name in self.answers))

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
