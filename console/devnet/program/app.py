"""The application: executes blocks in the subnet's EVM under this release's rules, and obeys `halt_height`.

It knows nothing of consensus; it is driven through `abci.Abci`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from .abci import BeginHeader, CheckResult, HaltReached, Info
from .consensus import Validator
from .errors import MalformedError, NodeError
from .evm_client import EvmClient, EvmNeedsError, ExecuteBlock
from .files import LineLog, replace_file
from .membership import GET_CURRENT_MEMBERSHIP, read_membership
from .output import log
from .rules import Rules, genesis_app_hash

NAME = "fendermint"


@dataclass(frozen=True, slots=True)
class AppState:
    """The last committed state: `app.json`. Height in blocks; hashes of 32 bytes.

    Attributes:
        migrations: What was done at which heights: an EVM that has lost its state is given it again with the blocks.
    """

    height: int = 0
    app_hash: bytes = b""
    app_version: int = 0
    evm_root: bytes = b""
    migrations: Mapping[int, str] = field(default_factory=dict)

    def dump(self) -> str:
        """The file's text."""
        document: dict[str, object] = {
            "height": self.height,
            "app_hash": self.app_hash.hex().upper(),
            "app_version": self.app_version,
            "evm_root": "0x" + self.evm_root.hex(),
        }
        if self.migrations:
            document["migrations"] = {str(height): text for height, text in self.migrations.items()}
        return json.dumps(document)


def load_app_state(path: Path) -> AppState:
    """Reads app.json; a missing file is the state before genesis.

    Raises:
        NodeError: The file is damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return AppState(
            int(document["height"]),
            bytes.fromhex(document["app_hash"]),
            int(document["app_version"]),
            bytes.fromhex(str(document["evm_root"]).removeprefix("0x")),
            {int(height): str(text) for height, text in document.get("migrations", {}).items()},
        )
    except FileNotFoundError:
        return AppState()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NodeError(f"{path} cannot be read: {error}") from None


class Application:
    """Implements `abci.Abci`.

    Attributes:
        state: The last committed state.
        gateway: The contract that names the validators, lower hex without 0x; empty where the first ones stay.

    Args:
        state_path: Where app.json is.
        log_path: Where executed blocks are listed.
        version: The release.
        rules: Its rules.
        migration: What it does to the state of the release before, ahead of the first block that it executes on it;
            empty for nothing.
        halt_height: In blocks; 0 for never. Read once.
        evm: The EVM process.
        gateway: Of the genesis (`Genesis.gateway`), where it is known already.
        history: A stored block by height, for an EVM that has lost its own.
    """

    def __init__(
        self,
        *,
        state_path: Path,
        log_path: Path,
        version: str,
        rules: Rules,
        migration: str,
        halt_height: int,
        evm: EvmClient,
        gateway: str,
        history: Callable[[int], ExecuteBlock | None],
    ) -> None:
        self._state_path = state_path
        self._log = LineLog(log_path)
        self._version = version
        self._rules = rules
        self._migration = migration
        self._halt_height = halt_height
        self._evm = evm
        self.gateway = gateway
        self._history = history
        self.state = load_app_state(state_path)
        self._header = BeginHeader(0, "", 0)
        self._txs: list[bytes] = []
        self._next: AppState | None = None

    async def info(self) -> Info:
        """Name, version and last committed state; NodeError where this release cannot read it."""
        self._require_readable()
        return Info(NAME, self._version, self._rules.number, self.state.height, self.state.app_hash)

    async def init_chain(self, chain_id: str) -> bytes:
        """Takes the EVM's genesis state; returns the app hash that block 1 must carry."""
        root = await self._evm.genesis()
        self.state = AppState(0, genesis_app_hash(chain_id, root), self._rules.number, root)
        replace_file(self._state_path, self.state.dump())
        return self.state.app_hash

    async def check_tx(self, raw: bytes) -> CheckResult:
        """Whether `raw` is good on the last committed state; EvmUnavailableError when the EVM is down."""
        answer = await self._evm.check(self.state.height, raw)
        nonce = answer.get("nonce")
        return CheckResult(
            ok=answer.get("ok") is True,
            reason=str(answer.get("reason", "")),
            tx_hash=str(answer.get("hash", "")),
            sender=str(answer.get("sender", "")).lower(),
            nonce=nonce if isinstance(nonce, int) else 0,
        )

    async def begin_block(self, header: BeginHeader) -> None:
        """Starts a block, or raises HaltReached (facts/ipc.md §1.5): equality only, before anything is executed."""
        if self._halt_height != 0 and header.height == self._halt_height:
            raise HaltReached(header.height)
        if header.height != self.state.height + 1:
            raise NodeError(f"block {header.height} cannot follow the application's height {self.state.height}")
        self._header, self._txs, self._next = header, [], None

    async def deliver_tx(self, raw: bytes) -> None:
        """Adds a transaction; the EVM runs all of a block at once, in `end_block`."""
        self._txs.append(raw)

    async def end_block(self, height: int) -> tuple[Validator, ...]:
        """Executes the block in the EVM, feeding it earlier blocks when it has lost them.

        Returns what the gateway names for validators since this block; nothing when that is as it was.
        """
        # As the upgrade scheduler does it at H: the first block after other rules is H, also when it is replayed.
        carried = self._migration if self.state.app_version != self._rules.number else ""
        block = ExecuteBlock(
            height, self._header.block_hash, self._header.time_s, tuple(self._txs), carried, self.state.evm_root
        )
        root = await self._execute(block)
        app_hash = self._rules.app_hash(self.state.app_hash, height, self._txs, root)
        migrations = {**self.state.migrations, height: carried} if carried else self.state.migrations
        self._next = AppState(height, app_hash, self._rules.number, root, migrations)
        # A block that ran nothing changed nothing.
        return await self._new_validators(block) if block.txs or carried else ()

    @property
    def next_app_hash(self) -> bytes:
        """The app hash after the executed block that is not committed yet."""
        return b"" if self._next is None else self._next.app_hash

    async def commit(self) -> bytes:
        """Makes the new state durable, then lists the execution; returns the app hash."""
        if self._next is None:
            raise NodeError("commit without an executed block")
        self.state, self._next = self._next, None
        replace_file(self._state_path, self.state.dump())
        line = {"height": self.state.height, "version": self._version, "app_hash": self.state.app_hash.hex().upper()}
        self._log.append(json.dumps(line, separators=(",", ":")))
        self._require_readable()
        return self.state.app_hash

    def _require_readable(self) -> None:
        if self.state.app_version == self._rules.number and not self._rules.reads_own_state:
            raise NodeError(f"the state of height {self.state.height} cannot be read: unknown field at byte 0")

    async def _new_validators(self, block: ExecuteBlock) -> tuple[Validator, ...]:
        if not self.gateway:
            return ()
        while True:
            try:
                before, after = [
                    await self._evm.call(height, self.gateway, GET_CURRENT_MEMBERSHIP)
                    for height in (block.height - 1, block.height)
                ]
                break
            except EvmNeedsError:
                await self._execute(block)
        try:
            return () if before == after else read_membership(after)
        except MalformedError as error:
            # The same everywhere: with what it cannot understand, the chain goes on as it was.
            log(f"E the validators stay as they are: {error}")
            return ()

    async def _execute(self, block: ExecuteBlock) -> bytes:
        while True:
            try:
                return await self._evm.execute(block)
            except EvmNeedsError as needs:
                for height in range(needs.height, block.height):
                    earlier = self._history(height)
                    if earlier is None:
                        raise NodeError(f"the EVM needs block {height}, which this node does not have") from None
                    try:
                        await self._evm.execute(replace(earlier, migration=self.state.migrations.get(height, "")))
                    except EvmNeedsError:
                        break  # It was wiped again meanwhile: ask anew where it stands.
