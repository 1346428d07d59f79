"""The server side of the controller's socket: who may ask what (DESIGN §1, facts/safety.md §4)."""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.errors import ConsoleError, HeldByOther, InputError, NodeError
from console.model import Crossing, NodeStatus, OwnConsensus
from console.model.roll_lease import LeaseAnswer, RollLease
from console.node import protocol
from console.node.bell import Bell
from console.node.controller import Controller
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.node.key_elsewhere import OWN_ADDRESS
from console.node.known_release import ReleaseTeller
from console.node.live_settings import LiveSettings
from console.node.log_lines import lines_after, tail
from console.node.node_files import NodeFiles
from console.node.plan_ahead import check_ahead, write_ahead
from console.node.questions import COMMANDS, Answer, Question, question
from console.node.roll_lease import why_out
from console.node.wasm_migrations import MIGRATION_TRIED
from console.ports.chain import ConsensusReading
from console.text import untrusted

_LOG = logging.getLogger(__name__)

_MAX_LOG_LINES = 500
_MAX_SENTENCE = 4000


class ControllerService:
    """Answers on `run/control.sock`.

    Args:
        run_dir: The controller's `run` folder, mode 0700.
        controller: Who acts.
        journal: For events, and for who asked what.
        bell: Rings when the status may have changed.
        live: The settings that change while the controller runs; without them `config` is refused.
        inventory: The generations and rollback points that the controller works with.
        releases: Tells what is verified of a plan's release.
    """

    def __init__(
        self,
        run_dir: Path,
        controller: Controller,
        journal: Journal,
        bell: Bell,
        *,
        live: LiveSettings | None = None,
        inventory: Inventory | None = None,
        releases: ReleaseTeller | None = None,
    ) -> None:
        self._run_dir = run_dir
        self._controller = controller
        self._journal = journal
        self._live = live
        self._inventory = inventory
        self._releases = releases
        self._server: asyncio.Server | None = None
        self._bell = bell
        self._connections: set[asyncio.Task[None]] = set()
        self._own: dict[str, Callable[[dict[str, Any], str], Awaitable[dict[str, Any]]]] = {
            "status": self._status,
            "consensus": self._consensus,
            "lease": self._lease,
            "lease_end": self._lease_end,
            "generations": self._generations,
            "points": self._points,
            "verify": self._verify,
            "release": self._release,
            "config": self._config,
            "config_set": self._config_set,
            "config_unset": self._config_unset,
            "node_files": self._node_files,
            "node_values": self._node_values,
            "node_values_set": self._node_values_set,
            "node_values_undo": self._node_values_undo,
            "plan_ahead": self._plan_ahead,
            "logs": self._logs,
            "events": self._events,
        }

    async def open(self) -> None:
        """Begin to answer.

        Raises:
            HeldByOther: Another controller answers there.
            OSError: The socket cannot be made.
        """
        path = self._run_dir / protocol.SOCKET_NAME
        self._run_dir.chmod(0o700)
        folder = os.open(self._run_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Through the descriptor, because a socket path has at most 108 bytes.
            name = f"/proc/self/fd/{folder}/{protocol.SOCKET_NAME}"
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(name)
                    raise HeldByOther(f"another controller answers on {path}")
                except OSError:
                    path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(name)
        finally:
            os.close(folder)
        path.chmod(0o600)
        listener.listen(16)
        listener.setblocking(False)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=protocol.MAX_LINE)

    async def close(self) -> None:
        """Stop answering."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        for task in list(self._connections):
            with suppress(asyncio.CancelledError):
                await task
        (self._run_dir / protocol.SOCKET_NAME).unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            uid = _peer_uid(writer)
            if uid not in {os.getuid(), 0}:
                return
            who = user_name(uid)
            while line := await reader.readline():
                await self._answer(line, who, reader, writer)
        except (OSError, ValueError):
            # A client that went away, or a line over the limit: its own connection ends, nothing else.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: bytes, who: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = protocol.decode(line)
        except NodeError as error:
            await _refuse(writer, None, protocol.NOT_JSON, str(error))
            return
        given = request.get("id")
        number = given if isinstance(given, int | str) else None
        method = request.get("method")
        if method == "subscribe":
            await self._stream(reader, writer)
            return
        asked = question(method)
        if asked is None:
            await _refuse(
                writer, number, protocol.UNKNOWN_METHOD, f"the controller does not know {untrusted(method, 80)}"
            )
            return
        try:
            parameters = asked.checked(request.get("params"))
        except InputError as error:
            await _refuse(writer, number, protocol.BAD_PARAMETERS, str(error))
            return
        try:
            result = await self._done(asked, parameters, who)
        except (ConsoleError, OSError, ValueError) as error:
            await _refuse(writer, number, protocol.REFUSED, str(error))
            return
        except Exception as error:
            # A defect of ours must not leave the operator without an answer.
            _LOG.exception("%s failed", asked.method)
            sentence = f"the controller failed at {asked.method} ({type(error).__name__}); its log says where"
            await _refuse(writer, number, protocol.DEFECT, sentence)
            return
        await _send(writer, {"jsonrpc": "2.0", "id": number, "result": result})

    async def _done(self, asked: Question, parameters: dict[str, Any], who: str) -> dict[str, Any]:
        """Do what was asked; a change is journalled with who asked before it is done."""
        if asked.changes:
            _LOG.info("%s asks: %s", who, asked.method)
            shown = {name: value if isinstance(value, bool | int) else str(value) for name, value in parameters.items()}
            self._journal.record("asked", method=asked.method, who=who, parameters=shown)
        if asked.method not in COMMANDS:
            return await self._own[asked.method](parameters, who)
        result = await getattr(self._controller.commands, asked.method)(**parameters)
        answer = protocol.status_to_json(self._controller.status())
        if asked.answer is Answer.POINT:
            point = await asyncio.to_thread(self._inventory.point_document, result) if self._inventory else None
            answer["point"] = point or {"name": result.name}
        return answer

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell every change until the subscriber goes; when nothing changes, only its silence tells that it went."""
        tasks = [asyncio.create_task(self._tell(writer)), asyncio.create_task(_end_of(reader))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, OSError):
                _LOG.error("a subscriber's stream ended: %s", result)
        raise ConnectionResetError("the stream ended")

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        sent: NodeStatus | None = None
        with self._bell.listen() as changed:
            while not writer.is_closing():
                await changed.wait()
                changed.clear()
                status = self._controller.status()
                # An age alone is no news.
                timeless = replace(status, height_age_s=None)
                if timeless != sent:
                    sent = timeless
                    params = protocol.status_to_json(status)
                    await _send(writer, {"jsonrpc": "2.0", "method": "status", "params": params})

    async def _status(self, _: dict[str, Any], __: str) -> dict[str, Any]:
        return protocol.status_to_json(self._controller.status())

    async def _consensus(self, _: dict[str, Any], __: str) -> dict[str, Any]:
        seen = self._controller.known().consensus
        return protocol.consensus_to_json(None if seen is None else own_consensus(seen))

    async def _lease(self, parameters: dict[str, Any], who: str) -> dict[str, Any]:
        by = parameters["by"]
        wish = RollLease(
            parameters["id"],
            by if by == who else f"{by} (as {who})",
            parameters["node"],
            parameters["own"],
            parameters["seconds"],
        )
        holder = self._controller.leases.ask(wish)
        seen = self._controller.known().consensus
        out = why_out(self._controller.status(), seen, self._controller.commands.in_hand)
        address = "" if seen is None else seen.own_consensus_address
        return protocol.lease_to_json(LeaseAnswer(holder, out, address or self._journal.meta(OWN_ADDRESS) or ""))

    async def _lease_end(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        self._controller.leases.end(parameters["id"])
        return {}

    async def _generations(self, _: dict[str, Any], __: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._known_inventory().generation_documents)
        return {"generations": protocol.newest_that_fit(found)}

    async def _points(self, _: dict[str, Any], __: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._known_inventory().point_documents)
        return {"points": protocol.newest_that_fit(found[::-1])[::-1]}

    async def _verify(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._known_inventory().verified, parameters.get("what", "all"))
        return {"findings": protocol.newest_that_fit([finding.to_json() for finding in found])}

    async def _release(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        if self._releases is None:
            raise NodeError("this controller verifies no manifests: nobody said what its network demands")
        attempts, tried = self._journal.attempts(), self._journal.newest_by_attempt(MIGRATION_TRIED)
        found = await asyncio.to_thread(self._releases.tell, attempts, parameters.get("name", ""), tried)
        return protocol.release_to_json(found)

    async def _config(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        live = self._known_live()
        key = parameters.get("key")
        settings = live.all() if key is None else (live.get(key),)
        return protocol.settings_to_json(settings, live.problem)

    async def _config_set(self, parameters: dict[str, Any], who: str) -> dict[str, Any]:
        live = self._known_live()
        done = live.set_many(parameters["changes"], who=who, reason=parameters.get("reason", ""))
        self._bell.ring()
        return protocol.changes_to_json(done)

    async def _config_unset(self, parameters: dict[str, Any], who: str) -> dict[str, Any]:
        live = self._known_live()
        done = live.unset(parameters["key"], who=who, reason=parameters.get("reason", ""))
        self._bell.ring()
        return protocol.changes_to_json((done,))

    def _files(self) -> NodeFiles:
        node = self._known_live().settings
        return NodeFiles(node.home, node.state_dir, self._journal.record)

    async def _node_files(self, _: dict[str, Any], __: str) -> dict[str, Any]:
        return {"files": list(await asyncio.to_thread(self._files().names))}

    async def _node_values(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        found = await asyncio.to_thread(self._files().values, parameters["file"])
        kept = protocol.newest_that_fit([list(pair) for pair in found.items()][::-1])[::-1]
        return {"values": kept, "more": len(found) - len(kept)}

    async def _node_values_set(self, parameters: dict[str, Any], who: str) -> dict[str, Any]:
        self._refuse_in_a_crossing()
        # The journal belongs to this loop, and a settings file is small.
        done = self._files().change(
            parameters["file"], dict(parameters["changes"]), who=who, reason=parameters["reason"]
        )
        return protocol.changes_to_json(done)

    async def _node_values_undo(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        self._refuse_in_a_crossing()
        return protocol.changes_to_json(self._files().undo(parameters["file"], reason=parameters["reason"]))

    def _refuse_in_a_crossing(self) -> None:
        attempt = self._controller.status().attempt
        if attempt is not None and attempt.crossing is not Crossing.NONE and not attempt.crossing.ended:
            raise NodeError(
                f"{attempt.name} is crossing ({attempt.crossing.value}), and starts the node by itself",
                safe="nothing was changed",
                next_step="change the node's settings when it is through",
            )

    async def _plan_ahead(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        node = self._known_live().settings
        status = self._controller.status()
        plan = check_ahead(
            node,
            parameters["name"],
            parameters["height"],
            app_height=status.app_height,
            force=parameters.get("force", False),
        )
        write_ahead(node, self._journal, plan)
        return protocol.status_to_json(status)

    async def _logs(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        count = min(max(1, parameters.get("lines", 100)), _MAX_LOG_LINES)
        path = self._run_dir / f"{parameters['source']}.log"
        if "after" not in parameters:
            return {"lines": tail(path, count)}
        lines, place = await asyncio.to_thread(lines_after, path, parameters["after"], count)
        return {"lines": lines, "place": place}

    async def _events(self, parameters: dict[str, Any], _: str) -> dict[str, Any]:
        events = self._journal.events(parameters.get("since", 0), 100)
        # The oldest that fit: the next page begins after the last of them.
        return {"events": protocol.newest_that_fit(events[::-1])[::-1]}

    def _known_inventory(self) -> Inventory:
        if self._inventory is None:
            raise NodeError("this controller does not tell what is on its disk", next_step="start it again")
        return self._inventory

    def _known_live(self) -> LiveSettings:
        if self._live is None:
            raise NodeError("this controller has no settings that can be changed", safe="nothing was changed")
        return self._live


def own_consensus(seen: ConsensusReading) -> OwnConsensus:
    """The node's part in consensus, of all that one reading of it says."""
    return OwnConsensus(
        height=seen.height,
        app_height=seen.app_height,
        catching_up=seen.catching_up,
        peers=seen.peers,
        power=seen.own_power,
        total_power=seen.total_power,
        signed=seen.own_signature,
        consensus_address=seen.own_consensus_address,
    )


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    """User id of the process at the other end, by the kernel's word and not by file modes."""
    peer: socket.socket = writer.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


def user_name(uid: int) -> str:
    """The user's name, for the journal; its number when the system has no name for it."""
    try:
        return str(untrusted(pwd.getpwuid(uid).pw_name, 64))
    except KeyError:
        return f"uid {uid}"


async def _end_of(reader: asyncio.StreamReader) -> None:
    while await reader.read(1024):
        pass


async def _refuse(writer: asyncio.StreamWriter, number: int | str | None, code: int, sentence: str) -> None:
    # Whatever it quotes, it fits into a message.
    message = str(untrusted(sentence, _MAX_SENTENCE))
    await _send(writer, {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}})


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(protocol.encode(message))
    await writer.drain()
