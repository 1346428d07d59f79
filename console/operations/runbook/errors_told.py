"""Our errors by their type (console/errors.py). Each one's own sentence says more: what happened, safe, what next."""

from __future__ import annotations

from console import errors
from console.errors import ConsoleError
from console.operations.runbook.entry import Entry, Kind

_NODE = "the running node, which does not depend on what was asked"
_CHAIN = "the chain and the node"
_UNUSED = "what runs: nothing of the release is used"


def _error(kind: type[ConsoleError], means: str, safe: str, do: str) -> Entry:
    return Entry(Kind.ERROR, kind.__name__, means, safe, do)


ERRORS: tuple[Entry, ...] = (
    _error(
        errors.SettingsError,
        "a settings file is missing, unreadable or contradicts itself",
        _NODE,
        "mend the line that it names",
    ),
    _error(
        errors.InputError,
        "what was given is not acceptable",
        "everything: nothing was changed",
        "give it as the sentence says",
    ),
    _error(errors.ChainError, "an endpoint gave no usable answer", _CHAIN, "try another endpoint of the settings"),
    _error(
        errors.EndpointDown,
        "no endpoint answered in time",
        _CHAIN,
        "is the node up, the network, the URL right? `upgrade-console node status` needs no chain",
    ),
    _error(
        errors.BadAnswer,
        "an endpoint answered with something else than it should",
        _CHAIN,
        "it is not what the settings take it for: take it out",
    ),
    _error(
        errors.ContractRefused,
        "a contract refused the call, in its words",
        "the chain: nothing was changed there",
        "[contracts](contracts.md) has the rules",
    ),
    _error(
        errors.NodeError,
        "the node or its controller refused or failed",
        "data and signer state",
        "read the sentence, then the controller's log",
    ),
    _error(
        errors.ControllerDown,
        "no controller answers on the node's socket",
        "the node, which runs on and stops at an armed H",
        "start the controller's unit: without one nobody starts the node again after H",
    ),
    _error(
        errors.HeldByOther,
        "another process holds what only one may hold",
        "the key: no second node was started",
        "stop the process that is named, for good",
    ),
    _error(errors.ReleaseError, "bytes of a release are missing or wrong", _UNUSED, "see the failure codes"),
    _error(
        errors.ManifestRefused,
        "a manifest is not acceptable, or nobody vouches for its bytes",
        _UNUSED,
        "`upgrade-console release verify FILE` shows every check",
    ),
    _error(
        errors.MigrationError,
        "a migration, or what is said of one, is not acceptable",
        "the state: nothing was changed",
        "dry-run it ([migrations](migrations.md))",
    ),
    _error(
        errors.KeyRefused,
        "a public key is of no kind that counts, or too weak",
        _UNUSED,
        "ask its owner for an Ed25519 key",
    ),
    _error(
        errors.SignatureRefused,
        "a signature is not one of these bytes by its key",
        _UNUSED,
        "ask the signer to sign the very file again",
    ),
    _error(
        errors.KeyringRefused,
        "a keyring is none, or does not follow the one before it",
        "the trusted keyring: it is as it was",
        "ask for the keyrings in between",
    ),
    _error(
        errors.TrustRefused,
        "what is offered leads back behind what is trusted already",
        "what is trusted: it is as it was",
        "find out who offers an older one, and why",
    ),
    _error(
        errors.SigningFailed,
        "ssh-keygen made no signature that we accept",
        "the file: nothing was written",
        "read what ssh-keygen said",
    ),
    _error(
        errors.JournalError,
        "the journal cannot be read or written",
        "the running node; what is armed halts",
        "look at the disk; nothing is guessed and nothing starts until it can be read",
    ),
    _error(
        errors.SignerError,
        "the signer process refused or failed",
        "the key and the chain: nothing was sent",
        "is the key file there and yours, the passphrase right?",
    ),
    _error(
        errors.DaemonError,
        "the chain's own daemon is missing, refused or took too long",
        "the keyring",
        "run the command that is shown by hand, and read what it says ([chain-daemon](chain-daemon.md))",
    ),
    _error(
        errors.DevnetError,
        "the devnet could not be brought up, found or changed",
        "everything outside its folder",
        "`upgrade-console devnet down --wipe`, then up again",
    ),
    _error(
        errors.RecordingError,
        "a recording cannot be written, or is none",
        "everything but the recording",
        "another file, another disk",
    ),
)
