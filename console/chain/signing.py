"""The console's side of the signer process (DESIGN §1): started, asked once, gone. The key never comes here."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from console.bare_process import end_group, own_environment, own_module, start_bare
from console.chain.kept_terminal import has_terminal, kept_terminal
from console.chain.typed_data import TypedMessage, to_request
from console.errors import SignerError
from console.ports.keys import KeyDescription, KeyKind, KeyReference, Terminal
from console.text import untrusted

DEADLINE_S = 20.0
"""Seconds that a signature may take, the signer's start included (0.6 s on a free machine)."""

TYPING_DEADLINE_S = 300.0
"""Seconds that a person has for a passphrase, all tries together."""

_MAX_ANSWER = 1 << 20
_MAX_WARNINGS = 8


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
    """A signed statement, or signed typed data."""

    signature: str
    """0x hex of 65 bytes: a personal message (EIP-191), or typed data (EIP-712)."""
    signer: str
    """Checksummed address of the key."""


class PlainTerminal:
    """`console.ports.keys.Terminal` of a verb on the command line: nothing is drawn, so nothing has to make room."""

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """The terminal as it is."""
        yield


class SignerProcess:
    """Starts `python -m console.signer`, one process per answer.

    Args:
        deadline_s: Seconds per answer; a person who types a passphrase has `TYPING_DEADLINE_S`.
        terminal: Where the signer may ask for a passphrase; None: nowhere, as in a controller.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S, terminal: Terminal | None = None) -> None:
        self._deadline_s = deadline_s
        self._terminal = terminal
        self._waiting: asyncio.subprocess.Process | None = None

    async def prepare(self) -> None:
        """Start the next signer now, so that its imports are done when it is needed. It waits without a key."""
        if self._waiting is not None and self._waiting.returncode is not None:
            self._waiting = None
        if self._waiting is None:
            self._waiting = await _start(self._terminal)

    async def sign(self, key: KeyReference, transaction: Mapping[str, object]) -> Signed:
        """Have a transaction signed.

        Args:
            key: Where the signer finds the key.
            transaction: Fields of a legacy or an EIP-1559 transaction, and `from`: the address that must be the key's.

        Raises:
            SignerError: It refused, failed or took too long; nothing was sent.
        """
        answer = await self._have_signed(key, "transaction", dict(transaction))
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
        statement = {"text": text} if sender is None else {"text": text, "from": sender}
        answer = await self._have_signed(key, "statement", statement)
        return SignedText(_hex(answer, "signature", 65), _hex(answer, "from", 20))

    async def sign_typed(self, key: KeyReference, message: TypedMessage) -> SignedText:
        """Have a vote or a readiness signed as typed data (EIP-712), for somebody else to bring into a block.

        Args:
            key: Where the signer finds the key; it must be that of the message's signer.
            message: The message.

        Raises:
            SignerError: It refused, failed or took too long.
        """
        answer = await self._have_signed(key, "typed", to_request(message))
        return SignedText(_hex(answer, "signature", 65), _hex(answer, "from", 20))

    async def address(self, key: KeyReference) -> str:
        """Checksummed address of a key. Raises SignerError."""
        return (await self.describe(key)).address

    async def describe(self, key: KeyReference) -> KeyDescription:
        """What the file of a key holds; no keystore is opened for it. Raises SignerError."""
        request = {"key": {"path": str(key.path)} | ({"address": key.address} if key.address else {})}
        answer = await self._ask(await _start(None, "address"), request)
        try:
            kind = KeyKind(str(answer.get("kind")))
        except ValueError:
            raise SignerError("the signer's answer has no usable `kind`", safe="nothing was sent") from None
        warnings = answer.get("warnings")
        told = warnings[:_MAX_WARNINGS] if isinstance(warnings, list) else []
        return KeyDescription(_hex(answer, "from", 20), kind, tuple(str(untrusted(str(each), 400)) for each in told))

    async def close(self) -> None:
        """End a signer that waits."""
        process, self._waiting = self._waiting, None
        if process is not None:
            await end_group(process)

    async def _have_signed(self, key: KeyReference, what: str, content: Mapping[str, object]) -> Mapping[str, object]:
        request = {"key": _key_request(key), what: dict(content)}
        await self.prepare()
        process, self._waiting = self._waiting, None
        assert process is not None
        return await self._ask(process, request)

    async def _ask(self, process: asyncio.subprocess.Process, request: Mapping[str, object]) -> Mapping[str, object]:
        assert process.stderr is not None
        complaint = asyncio.create_task(process.stderr.read(_MAX_ANSWER))
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await _exchange(process, request)
            if answer == {"ask": "passphrase"}:
                answer = await self._let_it_ask(process)
            async with asyncio.timeout(self._deadline_s):
                last = (await complaint).decode("utf-8", "replace").strip().splitlines()[-1:]
                await process.wait()
        except TimeoutError:
            raise SignerError(
                f"the signer did not answer within {self._deadline_s:g} s", safe="nothing was sent"
            ) from None
        finally:
            complaint.cancel()
            await end_group(process)
        return _read_answer(answer, last)

    async def _let_it_ask(self, process: asyncio.subprocess.Process) -> object:
        """Leave the terminal to a signer that needs a passphrase; its answer."""
        if self._terminal is None or not has_terminal():
            async with asyncio.timeout(self._deadline_s):
                return await _exchange(process, {"go": False})
        try:
            async with self._terminal.lent():
                with kept_terminal():
                    try:
                        async with asyncio.timeout(TYPING_DEADLINE_S):
                            answer = await _exchange(process, {"go": True})
                    except BaseException:
                        # Before the terminal is put back: it must not be taken again.
                        await end_group(process)
                        raise
        except TimeoutError:
            raise SignerError(
                f"no passphrase was given within {TYPING_DEADLINE_S:g} s", safe="nothing was sent"
            ) from None
        return answer


def _key_request(key: KeyReference) -> dict[str, object]:
    request: dict[str, object] = {"path": str(key.path)}
    if key.address:
        request["address"] = key.address
    if key.passphrase_file is not None:
        request["passphrase"] = {"path": str(key.passphrase_file), "credential": False}
    elif key.credential:
        folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
        if not folder:
            raise SignerError(
                f"the credential {key.credential} is not there: systemd gave this process none",
                safe="nothing was sent",
                next_step=f"add LoadCredential={key.credential}:FILE to the unit",
            )
        request["passphrase"] = {"path": str(Path(folder) / key.credential), "credential": True}
    return request


async def _exchange(process: asyncio.subprocess.Process, request: Mapping[str, object]) -> object:
    """One line to the signer, one back; None for no usable one."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        # It is gone; what it said before may still be there.
        pass
    try:
        return json.loads(await process.stdout.readline())
    except ValueError:
        return None


async def _start(terminal: Terminal | None, *arguments: str) -> asyncio.subprocess.Process:
    try:
        # A Ctrl-C in the terminal is for the console; the signer ends by itself.
        return await start_bare(
            own_module("console.signer", *arguments),
            own_environment(),
            most_bytes=_MAX_ANSWER,
            on_terminal=terminal is not None,
        )
    except OSError as error:
        raise SignerError(f"cannot start the signer: {error.strerror}", safe="nothing was sent") from error


def _read_answer(answer: object, complaint: list[str]) -> Mapping[str, object]:
    if not isinstance(answer, dict):
        why = f": {untrusted(complaint[0], 120)}" if complaint else ""
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


def own_key_warning(address: str, validator: str) -> str:
    """That an operator key is too good for its work; empty when it is another key than the validator's own.

    Args:
        address: Of the operator key.
        validator: Of the validator.
    """
    if address.lower() != validator.lower():
        return ""
    return f"the operator key {address} is the validator's own: use a low-value key"
