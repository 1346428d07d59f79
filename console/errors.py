"""Our errors: each says what happened, what is safe and what to do next.

The command line prints `str(error)` as its one sentence on stderr and exits 1; screens show the same words.
"""

from __future__ import annotations


class ConsoleError(Exception):
    """Base of every error that an operator may see.

    Args:
        what: One sentence: what happened, with the value that caused it.
        safe: What was not changed or is still safe; empty when the sentence says it.
        next_step: What to do next; empty when nothing can be done.
    """

    def __init__(self, what: str, *, safe: str = "", next_step: str = "") -> None:
        self.what = what
        self.safe = safe
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        parts = [part.strip().rstrip(".") for part in (self.what, self.safe, self.next_step) if part.strip()]
        return "; ".join(parts) + "."


class SettingsError(ConsoleError):
    """Settings are missing, unreadable or contradict themselves."""


class InputError(ConsoleError):
    """A value given by the operator is not acceptable; nothing was changed."""


class ChainError(ConsoleError):
    """A chain endpoint did not give a usable answer."""


class EndpointDown(ChainError):
    """No endpoint answered before its deadline."""


class BadAnswer(ChainError):
    """An endpoint answered with something that is not what it should be (HTML, bad JSON, wrong types)."""


class ContractRefused(ChainError):
    """A contract reverted.

    Args:
        name: The custom error's name, or an empty string when it could not be decoded.
        arguments: Its decoded arguments by name.
    """

    def __init__(self, what: str, *, name: str = "", arguments: dict[str, object] | None = None) -> None:
        super().__init__(what, safe="nothing was changed on the chain")
        self.name = name
        self.arguments = arguments or {}


class NodeError(ConsoleError):
    """The node or its controller refused or failed."""


class ControllerDown(NodeError):
    """No controller answers on the node's socket."""


class HeldByOther(NodeError):
    """Another process holds what only one may hold (a lock, a home, a port)."""


class ReleaseError(NodeError):
    """Bytes of a release are missing or not what the chain promised; `code` is the registry's failure code."""

    def __init__(self, what: str, *, code: int, safe: str = "", next_step: str = "") -> None:
        super().__init__(what, safe=safe, next_step=next_step)
        self.code = code


class ManifestRefused(NodeError):
    """A release manifest is not acceptable as it is, or nobody vouches for its bytes; nothing of it is used."""

    def __init__(self, what: str, *, next_step: str = "") -> None:
        super().__init__(what, safe="nothing of the release is used", next_step=next_step)


class MigrationError(NodeError):
    """A migration, or what a manifest says of one, is not acceptable; no state was changed."""


class KeyRefused(NodeError):
    """A public key is not one of the kinds that count, not written as it must be, or so weak that it proves nothing."""


class SignatureRefused(NodeError):
    """A signature file is malformed, made for something else, or not a signature of these bytes by its key."""


class KeyringRefused(NodeError):
    """A keyring is not one, contradicts itself, or does not follow the one before it; nothing was trusted."""


class TrustRefused(NodeError):
    """What is offered leads back behind what this machine has trusted already, or cannot be kept; nothing changed."""


class SigningFailed(NodeError):
    """ssh-keygen did not make a signature that we accept; nothing was written."""


class JournalError(NodeError):
    """The journal cannot be read or written; nothing is guessed from it."""


class SignerError(ConsoleError):
    """The signer process refused or failed; nothing was sent."""


class DaemonError(ConsoleError):
    """The chain's own daemon is missing, refused, failed or took too long."""


class DevnetError(ConsoleError):
    """The devnet could not be brought up, found or changed."""


class RecordingError(ConsoleError):
    """A recording cannot be written, or is not one that can be shown; nothing but the recording is touched."""
