"""What a controller asks of a chain and says to it, whatever kind of chain that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from console.model import ProofReading, Proposal, Readiness, Verdict


@dataclass(frozen=True, slots=True)
class PlanReading:
    """What a plan source said in one read."""

    height: int
    """Height of the state that was read: the last block that the answering node's application executed."""
    proposals: tuple[Proposal, ...]
    """Newest first."""
    readiness: Readiness | None
    """Of the scheduled proposal, else of the newest, else of none (id 0); None where nobody signals."""
    contested: str = ""
    """Which endpoints do not say the same, in one sentence; empty when they do, and always where our own node said it.
    Nothing is done on a contested reading."""


@dataclass(frozen=True, slots=True)
class ConsensusReading:
    """What one CometBFT node said in one read (one HTTP request)."""

    height: int
    """Block store height."""
    app_height: int
    app_hash: str
    """Hex digits of `abci_info.last_block_app_hash`."""
    version: str
    catching_up: bool
    peers: int
    signed_power: int
    """Power in the last commit."""
    total_power: int
    own_signature: bool
    """Whether the asked validator's signature is in the last commit."""
    own_power: int
    """Power of our validator in consensus; 0 for a node that is none."""
    own_address: str = ""
    """Our validator as `PeerView.verified_commit` names it; where the settings name none, by the key of our node."""
    own_consensus_address: str = ""
    """40 upper-case hex digits of the key that the node signs with, as the node says; empty when it does not."""
    protocol: int = 0
    """The application's version of its protocol, as it says itself; 0 when it says none."""


class PlanSource(Protocol):
    """Plans for the controller: a registry today, x/upgrade and a file later."""

    async def read(self, *, own_node_only: bool) -> PlanReading:
        """Read plans and readiness.

        Args:
            own_node_only: Only ask our own node (its state is what it will execute on); else also ask the network's
                other endpoints, in order, and take the reading with the highest height.

        Raises:
            ChainError: No usable answer.
        """
        ...


class StateReader(Protocol):
    """The state that a migration meets, as it is after a block."""

    async def height(self) -> int:
        """Height of the last block. Raises ChainError."""
        ...

    async def value(self, key: bytes, height: int) -> bytes | None:
        """What is under a key after a block; None for nothing. Raises ChainError."""
        ...


MOST_SIGNED_HEIGHTS = 6
"""Heights of one `PeerView.signed_by_us`: with the validators they fit into one request."""


class PeerView(Protocol):
    """What the controller sees of consensus."""

    async def own(self) -> ConsensusReading:
        """Read our own node. Raises ChainError when it does not answer."""
        ...

    async def highest_peer(self) -> int | None:
        """Highest block height that any other endpoint tells, None when none answers."""
        ...

    async def verified_commit(self, height: int) -> frozenset[str]:
        """Validators whose signatures on the commit of `height` were verified.

        Each by its checksummed Ethereum address; by its consensus address, 40 upper-case hex digits, when its key has
        none (ed25519).

        Asks our own node. Raises ChainError when there is no such commit, it does not hold more than 2/3 of the known
        validators' power, or a signature is wrong.
        """
        ...

    async def agreed_app_hash(self, height: int) -> str:
        """Hex digits of the app hash after `height`, from the header of `height + 1`.

        Asks our own node and every other endpoint that answers. Raises ChainError when our own node does not have that
        header yet, or when an endpoint has another hash there.
        """
        ...

    async def app_hashes(self, height: int) -> tuple[str, ...]:
        """Hex digits of the app hash after `height`, one per other endpoint that has a block of `height + 1`.

        For comparing with what our own application computed; endpoints that do not tell are left out.
        """
        ...

    async def consensus_round(self) -> int:
        """Round of the height that is being decided, as our own node sees it. Raises ChainError."""
        ...

    async def signed_by_us(self, heights: Sequence[int], consensus_address: str) -> frozenset[int] | None:
        """Which of these heights hold a signature of our key, verified; None when no other endpoint tells.

        A signature cannot be made up, so one endpoint is enough. Only other endpoints are asked: our node may be down.

        Args:
            heights: At most `MOST_SIGNED_HEIGHTS`.
            consensus_address: Of our key, as `ConsensusReading` has it.
        """
        ...


class Signals(Protocol):
    """What the controller says to the chain on behalf of its validator. Each returns when the receipt is seen.

    Raises:
        ChainError: Not sent, refused (`ContractRefused`) or not seen in time.
        SignerError: The signer did not sign.
    """

    async def prepare(self) -> None:
        """Get the next signature under way; a signer takes half a second to start. Raises SignerError."""
        ...

    async def ready(self, proposal_id: int, release_hash: str) -> None: ...
    async def withdraw(self, proposal_id: int) -> None:
        """Take `ready` back; said already where it is not there."""
        ...

    async def armed(self, proposal_id: int, height: int) -> None: ...
    async def failure(self, proposal_id: int, code: int) -> None: ...
    async def freeze(self, proposal_id: int) -> Verdict:
        """Have the verdict stored, by us or by somebody before us; what it is, NONE when no endpoint tells it yet."""
        ...

    async def confirm(self, proposal_id: int, exe_hash: str, app_hash: str) -> None: ...
    async def schedule(self, proposal_id: int) -> None:
        """Give an approved proposal its height; anyone may."""
        ...

    async def execute(self, proposal_id: int) -> None:
        """Have the registry make a proposal's linked calls; anyone may."""
        ...

    async def undo(self, proposal_id: int) -> None:
        """Have the registry take linked calls back, after an upgrade that did not come; anyone may."""
        ...

    async def advertise(self, version: str, protocol: int, release_hash: str) -> None:
        """Say what this validator runs.

        Args:
            version: The release's name: at most 32 bytes of ASCII.
            protocol: The application's version of its protocol.
            release_hash: 64 hex digits.
        """
        ...


class HeightBound(Protocol):
    """What the network above allows: its own upgrades bound those of its children."""

    async def judge(self, target_height: int, release: str) -> str:
        """Why a height does not go with it; empty when it does, or when nothing is decided there.

        Args:
            target_height: H of this network.
            release: Name of its release.

        Raises:
            ConsoleError: It cannot be told.
        """
        ...


class ProvingNetwork(Protocol):
    """Another network, on which a release has to have been executed before it is armed for here."""

    async def read(self, release_hash: str, binaries: Collection[str]) -> ProofReading:
        """Read what it has executed, and its block times.

        Args:
            release_hash: As in `console.model.crossing_of`.
            binaries: As there.

        Raises:
            ChainError: None of its endpoints gives a usable answer.
        """
        ...
