"""The console's side of the signer process (DESIGN §1): started, asked once, gone. The key never comes here."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import console
from console.errors import SignerError
from console.ports import KeyReference
from console.text import untrusted

DEADLINE_S = 20.0
"""Seconds that a signature may take, the signer's start included (0.6 s on a free machine)."""

_MAX_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction."""

    raw: str
    """0x hex, ready to be sent."""
    hash: str
    """0x hex: the transaction's hash."""
    sender: str
    """Checksummed address of the key."""


@dataclass(frozen=True, slots=True)
class SignedText:
    """A signed statement."""

    signature: str
    """0x hex of 65 bytes: a personal message (EIP-191)."""
    signer: str
    """Checksummed address of the key."""


class SignerProcess:
    """Starts `python -m console.signer`, one process per answer.

    Args:
        deadline_s: Seconds per answer.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._waiting: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        """Start the next signer now, so that its imports are done when it is needed. It waits without a key."""
        if self._waiting is not None and self._waiting.returncode is not None:
            self._waiting = None
        if self._waiting is None:
            self._waiting = await _start()

    async def sign(self, key: KeyReference, transaction: Mapping[str, object]) -> Signed:
        """Have a transaction signed.

        Args:
            key: Where the signer finds the key.
            transaction: Fields of a legacy or an EIP-1559 transaction, and `from`: the address that must be the key's.

        Raises:
            SignerError: It refused, failed or took too long; nothing was sent.
        """
        await self.prepare()
        process, self._waiting = self._waiting, None
        assert process is not None
        answer = await self._ask(process, {"key": {"path": str(key.path)}, "transaction": dict(transaction)})
        return Signed(_hex(answer, "raw"), _hex(answer, "hash", 32), _hex(answer, "from", 20))

    async def sign_statement(self, key: KeyReference, text: str, sender: str | None = None) -> SignedText:
        """Have the text of an abort statement signed; the signer signs no other text (console.node.abort).

        Args:
            key: Where the signer finds the key.
            text: The canonical text of a statement.
            sender: The address that must be the key's; any when not given.

        Raises:
            SignerError: It refused, failed or took too long.
        """
        await self.prepare()
        process, self._waiting = self._waiting, None
        assert process is not None
        statement = {"text": text} if sender is None else {"text": text, "from": sender}
        answer = await self._ask(process, {"key": {"path": str(key.path)}, "statement": statement})
        return SignedText(_hex(answer, "signature", 65), _hex(answer, "from", 20))

    async def address(self, key: KeyReference) -> str:
        """Checksummed address of a key. Raises SignerError."""
        answer = await self._ask(await _start("address"), {"key": {"path": str(key.path)}})
        return _hex(answer, "from", 20)

    async def close(self) -> None:
        """End a signer that waits."""
        process, self._waiting = self._waiting, None
        if process is not None:
            await _end(process)

    async def _ask(self, process: asyncio.subprocess.Process, request: Mapping[str, object]) -> Mapping[str, object]:
        try:
            async with asyncio.timeout(self._deadline_s):
                line, complaint = await process.communicate(json.dumps(request).encode() + b"\n")
        except TimeoutError:
            raise SignerError(
                f"the signer did not answer within {self._deadline_s:g} s", safe="nothing was sent"
            ) from None
        finally:
            await _end(process)
        return _read_answer(line, complaint)


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    package = Path(console.__file__).resolve().parent.parent
    # -P and an own environment: a module in the current folder or on a foreign path must not run next to a key.
    environment = {"PYTHONPATH": str(package), "PATH": os.defpath}
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-s",
            "-m",
            "console.signer",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            limit=_MAX_ANSWER,
            # A Ctrl-C in the terminal is for the console; the signer ends by itself.
            start_new_session=True,
        )
    except OSError as error:
        raise SignerError(f"cannot start the signer: {error.strerror}", safe="nothing was sent") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            pass
    await process.wait()


def _read_answer(line: bytes, complaint: bytes) -> Mapping[str, object]:
    try:
        answer = json.loads(line) if len(line) <= _MAX_ANSWER else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
        why = f": {untrusted(last[0], 120)}" if last else ""
        raise SignerError(f"the signer ended without an answer{why}", safe="nothing was sent")
    if "error" in answer:
        raise SignerError(str(untrusted(answer["error"], 400)), safe="nothing was sent")
    return answer


def _hex(answer: Mapping[str, object], name: str, size: int | None = None) -> str:
    value = answer.get(name)
    if isinstance(value, str) and value.startswith("0x"):
        try:
            raw = bytes.fromhex(value[2:])
        except ValueError:
            raw = b""
        if raw and (size is None or len(raw) == size):
            return value
    raise SignerError(f"the signer's answer has no usable `{name}`", safe="nothing was sent")
