"""What a controller says to the registry; how anything is sent is in `console.chain.writer`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from console.chain.receipts import Receipt, frozen_verdict
from console.chain.sent import sent_by_node
from console.chain.signing import own_key_warning
from console.chain.writer import RECEIPT_DEADLINE_S, RegistryWriter
from console.errors import ContractRefused, InputError, SettingsError, SignerError
from console.model import Verdict
from console.ports.keys import Terminal
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted

_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){1,64}", re.ASCII)


class RegistrySignals:
    """`console.ports.chain.Signals` on the registry; what was said already counts as said.

    Args:
        network: The network.
        node: Our node: its operator key signs, and its own Ethereum port is asked first.
        deadline_s: Seconds from sending until the receipt.
        terminal: Where a person can type a passphrase; None in a controller.
        by_hand: Whether a person says it: the endpoints are asked first whether they agree. A controller does nothing
            on a contested reading, and must not wait for others at a freeze.
    """

    def __init__(
        self,
        network: NetworkSettings,
        node: NodeSettings,
        *,
        deadline_s: float = RECEIPT_DEADLINE_S,
        terminal: Terminal | None = None,
        by_hand: bool = False,
    ) -> None:
        self._network = network
        self._by_hand = by_hand
        self._node = node
        self._registry = network.registry
        urls = (node.ethereum_rpc, *network.ethereum_rpc)
        book = sent_by_node(node, "hand" if by_hand else "controller")
        self._writer = RegistryWriter(network, urls, book, deadline_s=deadline_s, terminal=terminal)

    async def prepare(self) -> None:
        """Start the next signer now, so that the next signal need not wait for it. Raises SignerError."""
        if self._node.operator_key is not None:
            # Asked for once; the answer is kept.
            await self._writer.address(self._node.operator_key)
        await self._writer.prepare()

    async def key_warning(self) -> str:
        """That the operator key is the validator's own, or cannot be used; empty when neither."""
        if self._node.operator_key is None:
            return ""
        try:
            return own_key_warning(await self._writer.address(self._node.operator_key), self._node.address)
        except SignerError as error:
            return error.what

    async def ready(self, proposal_id: int, release_hash: str) -> None:
        """Say that the release is verified and staged and preflight passed."""
        await self._say("signalReady", (proposal_id, _bytes32(release_hash, "release hash")), said="AlreadyReady")

    async def withdraw(self, proposal_id: int) -> None:
        """Take the word `ready` back."""
        await self._say("withdrawReady", (proposal_id,), said="NotReady")

    async def armed(self, proposal_id: int, height: int) -> None:
        """Say that the running process has loaded the target height."""
        await self._say("signalArmed", (proposal_id, height), said="AlreadyArmed")

    async def failure(self, proposal_id: int, code: int) -> None:
        """Say why the preparation failed."""
        await self._say("reportFailure", (proposal_id, code), said="FailureUnchanged")

    async def freeze(self, proposal_id: int) -> Verdict:
        """Have the verdict stored, by us or by somebody before us; what it is."""
        receipt = await self._say("freeze", (proposal_id,), said="AlreadyFrozen", hurried=True)
        if receipt is not None:
            return frozen_verdict(receipt, self._registry)
        # The endpoint that refused has it now; with the halt, which may be a second away, all of them may be gone.
        return await self._writer.verdict(proposal_id)

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None:
        """Say that H+1 is committed with the new release.

        Args:
            proposal_id: The proposal.
            exe_hash: sha256 of the running executable, 64 hex digits.
            app_hash: The application's hash in hex digits. The registry holds 32 bytes: a hash of any other length
                (Fendermint's is a CID) is given as its sha256.
        """
        if not _HEX.fullmatch(app_hash):
            raise InputError(f"the app hash {untrusted(app_hash, 80)!r} is not 1 to 64 bytes in hex digits")
        raw = bytes.fromhex(app_hash)
        fixed = raw if len(raw) == 32 else hashlib.sha256(raw).digest()
        await self._say(
            "confirmCrossed", (proposal_id, _bytes32(exe_hash, "executable's hash"), fixed), said="AlreadyConfirmed"
        )

    async def schedule(self, proposal_id: int) -> None:
        """Give an approved proposal its height."""
        await self._say("checkAndSchedule", (proposal_id,))

    async def execute(self, proposal_id: int) -> None:
        """Have the registry make a proposal's linked calls."""
        await self._say("executeContracts", (proposal_id,))

    async def undo(self, proposal_id: int) -> None:
        """Have the registry take a proposal's linked calls back."""
        await self._say("undoContracts", (proposal_id,))

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        """Say what this validator runs.

        Args:
            version: The release's name: at most 32 bytes of ASCII.
            protocol: The application's version of its protocol.
            release_hash: 64 hex digits.
        """
        if not version.isascii() or not 0 < len(version) <= 32:
            raise InputError(f"the version {untrusted(version, 80)!r} is not 1 to 32 characters of ASCII")
        padded = version.encode("ascii").ljust(32, b"\0")
        await self._say("advertise", (padded, protocol, _bytes32(release_hash, "release hash")))

    async def close(self) -> None:
        """End a waiting signer and close the connections."""
        await self._writer.close()

    async def _say(
        self, function: str, args: Sequence[object], *, said: str = "", hurried: bool = False
    ) -> Receipt | None:
        key = self._node.operator_key
        if key is None:
            raise SettingsError(
                f"node {self._node.name} has no operator key in the settings", next_step="set operator_key of the node"
            )
        if self._by_hand:
            from console.chain.agreement import require_agreement

            await require_agreement(self._network)
        try:
            return await self._writer.send(key, function, args, hurried=hurried)
        except ContractRefused as refused:
            if refused.name != said:
                raise
            return None


def _bytes32(digits: str, what: str) -> bytes:
    if len(digits) != 64 or not _HEX.fullmatch(digits):
        raise InputError(f"the {what} {untrusted(digits, 80)!r} is not 64 hex digits")
    return bytes.fromhex(digits)
