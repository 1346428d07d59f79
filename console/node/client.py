"""The client side of the controller's socket: what console, command line and devnet use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from console.errors import NodeError
from console.model import KnownRelease, NodeStatus, OwnConsensus
from console.model.roll_lease import LeaseAnswer, RollLease
from console.node import protocol
from console.node.link.link import Link, Stream
from console.node.link.local import LocalLink
from console.settings_table import SettingChange
from console.text import untrusted

_COMMAND_DEADLINE_S = 90.0
"""Seconds for start, stop and restart: a stop may wait for the node's own grace."""

_LONG_DEADLINE_S = 600.0
"""Seconds for what copies, restores or hashes the node's data, and for what crosses with it."""
_MAX_SENTENCE = 4096


class NodeClient:
    """Talks to one node's controller.

    Args:
        way: The controller's folder on this machine, or a way to one elsewhere.
        deadline_s: Seconds for an answer to a question; commands have their own longer deadline.
    """

    def __init__(self, way: Path | Link, *, deadline_s: float = 2.0) -> None:
        self._link: Link = LocalLink(way) if isinstance(way, Path) else way
        self._deadline_s = deadline_s
        self._keeping = 0
        self._kept: tuple[AsyncExitStack, Stream] | None = None
        self._using = asyncio.Lock()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Ask all that is asked meanwhile over one connection, which may cost more than an answer; one by one."""
        self._keeping += 1
        try:
            yield
        finally:
            self._keeping -= 1
            if not self._keeping:
                await self._let_go()

    async def status(self) -> NodeStatus:
        """The node's status now.

        Raises:
            ControllerDown: Nobody answers.
            NodeError: The answer is not understood.
        """
        return protocol.status_from_json(await self._ask("status", {}, self._deadline_s))

    async def consensus(self) -> OwnConsensus | None:
        """The node's part in consensus; None while it does not answer its controller. Raises as `status`."""
        return protocol.consensus_from_json(await self._ask("consensus", {}, self._deadline_s))

    async def start(self) -> NodeStatus:
        """Start the node; also ends STOPPED_BY_OPERATOR. Raises as `status`, and NodeError when refused."""
        return await self._command("start")

    async def stop(self) -> NodeStatus:
        """Stop the node until the operator starts it again. Raises as `start`."""
        return await self._command("stop")

    async def restart(self, *, lease: str = "") -> NodeStatus:
        """Stop and start the node with the same binary and the same halt height. Raises as `start`.

        Args:
            lease: Under which a roll asks for it; empty for a restart by hand.
        """
        return await self._command("restart", **({"lease": lease} if lease else {}))

    async def pause(self, reason: str) -> NodeStatus:
        """Pause every automatic step; what is armed halts all the same. Raises as `start`."""
        return await self._command("pause", reason=reason)

    async def resume(self, *, without_rollback_point: str = "", cross: str = "") -> NodeStatus:
        """Let automation go on.

        Args:
            without_rollback_point: Why this crossing goes on without one; empty: it does not.
            cross: Why a halted node that cannot learn the verdict crosses; empty: it does not.

        Raises as `start`.
        """
        given = {"without_rollback_point": without_rollback_point, "cross": cross}
        return await self._command("resume", **{name: value for name, value in given.items() if value})

    async def arm(self, reason: str) -> NodeStatus:
        """Arm now, out of turn. Raises as `start`."""
        return await self._command("arm", reason=reason)

    async def arm_unproven(self, reason: str) -> NodeStatus:
        """Take the open plan's release although no other network has proven it. Raises as `start`."""
        return await self._command("arm_unproven", reason=reason)

    async def disarm(self, reason: str) -> NodeStatus:
        """Restart without a halt height, for this plan. Raises as `start`."""
        return await self._command("disarm", reason=reason)

    async def add_upgrade(self, name: str, binary: Path, *, force: bool = False) -> NodeStatus:
        """Give the bytes of a plan's release by hand; where the chain names a hash, they are checked against it.

        Args:
            name: The plan's name.
            binary: The file.
            force: Replace other bytes of that name that were never run.

        Raises as `start`.
        """
        there = await self._link.carried(binary)
        given: dict[str, Any] = {"name": name, "binary": str(there)}
        return await self._long("add_upgrade", **given, **({"force": True} if force else {}))

    async def plan_ahead(self, name: str, height: int, *, force: bool = False) -> NodeStatus:
        """Write a plan of the operator's own for a height that is still to come. Raises as `start`."""
        return await self._command("plan_ahead", name=name, height=height, force=force)

    async def swap(self, name: str, reason: str, *, lease: str = "") -> NodeStatus:
        """Switch to another staged generation. Raises as `start`.

        Args:
            name: The generation's.
            reason: Why, for the journal.
            lease: Under which a roll asks for it; empty for a swap by hand.
        """
        return await self._long("swap", name=name, reason=reason, **({"lease": lease} if lease else {}))

    async def lease(self, wish: RollLease) -> LeaseAnswer:
        """Ask for the lease of a roll, for at most `wish.left_s` seconds; with 0, only who has it. Raises as `status`.

        A controller that knows no leases refuses it, as any question that it does not know.
        """
        given = {"id": wish.id, "by": wish.by, "node": wish.node, "own": wish.own, "seconds": int(wish.left_s)}
        return protocol.lease_from_json(await self._ask("lease", given, self._deadline_s))

    async def end_lease(self, lease: str) -> None:
        """Give the lease of that id back, where this controller has granted it. Raises as `status`."""
        await self._ask("lease_end", {"id": lease}, self._deadline_s)

    async def rollback(self, reason: str) -> NodeStatus:
        """Back to the old binary; the node ends parked. Raises as `start`."""
        return await self._long("rollback", reason=reason)

    async def abort(self, reason: str) -> NodeStatus:
        """Go back with the network; the caller has checked that more than 2/3 agree. Raises as `start`."""
        return await self._long("abort", reason=reason)

    async def resync(self, reason: str, *, from_genesis: bool) -> NodeStatus:
        """Bring a node that missed its halt back to before it. Raises as `start`."""
        return await self._long("resync", reason=reason, from_genesis=from_genesis)

    async def rollback_state(self, reason: str, *, hard: bool, app_height: int | None = None) -> NodeStatus:
        """The application of a stopped node one block back. Raises as `start`.

        Args:
            reason: For the journal.
            hard: Whether the block is deleted too.
            app_height: Only from this height of the application back, so that no block more is undone where it was
                asked for before; None: from wherever it stands.
        """
        given = {} if app_height is None else {"app_height": app_height}
        return await self._long("rollback_state", reason=reason, hard=hard, **given)

    async def backup(self, name: str) -> tuple[NodeStatus, dict[str, Any]]:
        """Take a rollback point; the status afterwards, and the point as `points` shows it. Raises as `start`."""
        answer = await self._ask("backup", {"name": name}, _LONG_DEADLINE_S)
        point = answer.get("point")
        return protocol.status_from_json(answer), point if isinstance(point, dict) else {}

    async def restore(self, name: str, reason: str) -> NodeStatus:
        """Put a rollback point's data in place; the live signer state stays. Raises as `start`."""
        return await self._long("restore", name=name, reason=reason)

    async def generations(self) -> list[dict[str, Any]]:
        """Every generation, genesis first. Raises as `start`."""
        return _objects(await self._ask("generations", {}, _COMMAND_DEADLINE_S), "generations")

    async def points(self) -> list[dict[str, Any]]:
        """Every rollback point, newest first, with its age, true cost, method and sentence. Raises as `start`."""
        return _objects(await self._ask("points", {}, _COMMAND_DEADLINE_S), "points")

    async def verify(self, what: Literal["all", "generations", "points"] = "all") -> list[dict[str, Any]]:
        """Have every generation and rollback point, or those alone, read and compared; one finding each.

        Raises as `start`.
        """
        # Without a word it is all: controllers of before know no other.
        asked = {} if what == "all" else {"what": what}
        return _objects(await self._ask("verify", asked, _LONG_DEADLINE_S), "findings")

    async def release(self, name: str = "") -> KnownRelease:
        """What is verified of a generation's release, of the newest plan's without a name. Raises as `start`."""
        asked = {"name": name} if name else {}
        return protocol.release_from_json(await self._ask("release", asked, _COMMAND_DEADLINE_S))

    async def config(self, key: str | None = None) -> dict[str, Any]:
        """Settings in force, all or one, and why what was set here is not obeyed. Raises as `start`."""
        found: dict[str, Any] = protocol.safe(
            await self._ask("config", {} if key is None else {"key": key}, self._deadline_s)
        )
        return found

    async def config_set(self, changes: Mapping[str, str], reason: str = "") -> tuple[SettingChange, ...]:
        """Set some settings, all or none; what was changed. Raises as `start`."""
        parameters = {"changes": dict(changes), "reason": reason}
        return protocol.changes_from_json(await self._ask("config_set", parameters, _COMMAND_DEADLINE_S))

    async def config_unset(self, key: str, reason: str = "") -> tuple[SettingChange, ...]:
        """Let the settings file say it again; what was changed. Raises as `start`."""
        parameters = {"key": key, "reason": reason}
        return protocol.changes_from_json(await self._ask("config_unset", parameters, _COMMAND_DEADLINE_S))

    async def node_files(self) -> tuple[str, ...]:
        """The node's own settings files, relative to its home. Raises as `start`."""
        found = protocol.safe((await self._ask("node_files", {}, self._deadline_s)).get("files"))
        return tuple(str(each) for each in found) if isinstance(found, list) else ()

    async def node_values(self, file: str) -> dict[str, str]:
        """Every value of one of them by its dotted key; secrets are hidden. Raises as `start`."""
        answer = await self._ask("node_values", {"file": file}, self._deadline_s)
        found = protocol.safe(answer.get("values"))
        if not isinstance(found, list) or not all(isinstance(each, list) and len(each) == 2 for each in found):
            raise NodeError("the controller's answer is not understood")
        if answer.get("more"):
            raise NodeError(f"{file} has more values than fit into an answer")
        return {str(key): str(value) for key, value in found}

    async def node_values_set(self, file: str, changes: Mapping[str, str], reason: str) -> tuple[SettingChange, ...]:
        """Set keys that a file has, all or none; what was changed. Raises as `start`."""
        given = {"file": file, "changes": dict(changes), "reason": reason}
        return protocol.changes_from_json(await self._ask("node_values_set", given, _COMMAND_DEADLINE_S))

    async def node_values_undo(self, file: str, reason: str) -> tuple[SettingChange, ...]:
        """Put back what a file held before its newest change; what was changed. Raises as `start`."""
        given = {"file": file, "reason": reason}
        return protocol.changes_from_json(await self._ask("node_values_undo", given, _COMMAND_DEADLINE_S))

    async def log_tail(self, source: str, lines: int) -> list[str]:
        """Last lines of the `node` or `controller` log. Raises as `start`."""
        answer = await self._ask("logs", {"source": source, "lines": lines}, self._deadline_s)
        found = answer.get("lines")
        return [str(untrusted(line, protocol.MAX_LINE)) for line in found] if isinstance(found, list) else []

    async def log_after(self, source: str, place: str, lines: int) -> tuple[list[str], str]:
        """Lines of a log that came after a place, oldest first, and the place after them. Raises as `start`.

        Args:
            source: `node` or `controller`.
            place: As it was answered before; empty for the last lines.
            lines: How many, without a place.
        """
        asked = {"source": source, "after": place, "lines": lines}
        answer = await self._ask("logs", asked, self._deadline_s)
        found, after = answer.get("lines"), answer.get("place")
        if not isinstance(found, list) or not isinstance(after, str):
            raise NodeError("the controller's answer is not understood")
        return [str(untrusted(line, protocol.MAX_LINE)) for line in found], str(untrusted(after, 100))

    async def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Journal events after sequence number `since`, oldest first. Raises as `start`."""
        answer = await self._ask("events", {"since": since}, self._deadline_s)
        return _objects(answer, "events")

    async def statuses(self) -> AsyncIterator[NodeStatus]:
        """One status at once, then one at each change.

        Raises:
            ControllerDown: Nobody answers, or the controller ended.
        """
        async with self._link.opened() as stream:
            await stream.send(protocol.encode({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {}}))
            while True:
                message = protocol.decode(await stream.line())
                body = message.get("params") if message.get("method") == "status" else message.get("result")
                if isinstance(body, dict):
                    yield protocol.status_from_json(body)

    async def _command(self, method: str, **parameters: Any) -> NodeStatus:
        return protocol.status_from_json(await self._ask(method, parameters, _COMMAND_DEADLINE_S))

    async def _long(self, method: str, **parameters: Any) -> NodeStatus:
        return protocol.status_from_json(await self._ask(method, parameters, _LONG_DEADLINE_S))

    async def _ask(self, method: str, parameters: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        deadline_s += self._link.slack_s
        try:
            async with asyncio.timeout(deadline_s), self._stream() as stream:
                await stream.send(protocol.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}))
                message = protocol.decode(await stream.line())
        except TimeoutError as error:
            raise self._link.silent(method, deadline_s) from error
        problem = message.get("error")
        if isinstance(problem, dict):
            raise NodeError(str(untrusted(problem.get("message", "the controller refused"), _MAX_SENTENCE)))
        result = message.get("result")
        if not isinstance(result, dict):
            raise NodeError("the controller's answer is not understood")
        return result

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[Stream]:
        if not self._keeping:
            async with self._link.opened() as stream:
                yield stream
            return
        async with self._using:
            if self._kept is None:
                opening = AsyncExitStack()
                self._kept = (opening, await opening.enter_async_context(self._link.opened()))
            try:
                yield self._kept[1]
            except BaseException:
                # An answer that still comes would be taken for that to the next question.
                await self._let_go()
                raise

    async def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept[0].aclose()


def _objects(answer: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = answer.get(key)
    return [protocol.safe(entry) for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
