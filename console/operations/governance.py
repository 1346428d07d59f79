"""What can be done about a proposal, each as the one call of the registry that is reviewed, signed or exported."""

from __future__ import annotations

import re

from console.errors import InputError
from console.model import HaltCode, Proposal, RegistryCall, SigningKey

_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_UNSENT = "nothing was sent"


def vote_call(proposal: Proposal, support: bool) -> RegistryCall:
    """A validator's vote."""
    side = "yes" if support else "no"
    effect = f"Votes {side} on proposal {proposal.id} ({proposal.name})."
    return _call("vote", proposal, (support,), SigningKey.VOTER, effect)


def finalize_call(proposal: Proposal) -> RegistryCall:
    """Stores that a vote was lost or ran out."""
    effect = f"Stores how the vote on proposal {proposal.id} ({proposal.name}) ended."
    return _call("finalize", proposal, (), SigningKey.OPERATOR, effect)


def schedule_call(proposal: Proposal) -> RegistryCall:
    """Gives an approved proposal its height."""
    effect = f"Gives proposal {proposal.id} ({proposal.name}) its height, if enough power is ready."
    return _call("checkAndSchedule", proposal, (), SigningKey.OPERATOR, effect)


def expire_call(proposal: Proposal) -> RegistryCall:
    """Stores that a proposal ran out of time."""
    effect = f"Stores that proposal {proposal.id} ({proposal.name}) ran out of time."
    return _call("expire", proposal, (), SigningKey.OPERATOR, effect)


def execute_call(proposal: Proposal) -> RegistryCall:
    """Has the linked calls made."""
    effect = f"Has the {proposal.linked_calls} linked calls of proposal {proposal.id} ({proposal.name}) made now."
    return _call("executeContracts", proposal, (), SigningKey.OPERATOR, effect)


def undo_call(proposal: Proposal) -> RegistryCall:
    """Takes linked calls back."""
    effect = f"Takes the linked calls of proposal {proposal.id} ({proposal.name}) back."
    return _call("undoContracts", proposal, (), SigningKey.OPERATOR, effect)


def cancel_call(proposal: Proposal) -> RegistryCall:
    """Withdraws a proposal, by its proposer."""
    effect = f"Withdraws proposal {proposal.id} ({proposal.name}) for good."
    return _call("cancel", proposal, (), SigningKey.PROPOSER, effect)


def replace_call(proposal: Proposal, release_hash: str, url: str) -> RegistryCall:
    """A validator's agreement on other bytes. Raises InputError."""
    found = _HASH.fullmatch(release_hash)
    if found is None or not url:
        raise InputError("a new sha256 of 64 hex digits and a URL are needed", safe=_UNSENT)
    effect = f"Agrees that proposal {proposal.id} ({proposal.name}) has the release {found[1].lower()}."
    return _call("replaceRelease", proposal, (bytes.fromhex(found[1]), url), SigningKey.VOTER, effect)


def rollback_call(proposal: Proposal, reason: str) -> RegistryCall:
    """A validator's agreement that the network went on with the old release. Raises InputError."""
    effect = f"Agrees that the network went on without proposal {proposal.id} ({proposal.name})."
    return _call("rollback", proposal, (_worded(reason),), SigningKey.VOTER, effect)


def halt_call(proposal: Proposal, code: int, text: str) -> RegistryCall:
    """A council member's approval that an upgrade is cancelled. Raises InputError."""
    effect = f"Approves that proposal {proposal.id} ({proposal.name}) is cancelled: {HaltCode(code).words}."
    return _call("approveEmergencyHalt", proposal, (code, _worded(text)), SigningKey.COUNCIL, effect)


def advertise_call(version: str, protocol: int, release_hash: str) -> RegistryCall:
    """What this validator runs. Raises InputError."""
    found = _HASH.fullmatch(release_hash or "0" * 64)
    name = version.encode("ascii", "replace")
    if found is None or not 0 < len(name) <= 32:
        raise InputError("a version of at most 32 letters and a sha256 of 64 hex digits are needed", safe=_UNSENT)
    arguments = (name.ljust(32, b"\0"), protocol, bytes.fromhex(found[1]))
    return RegistryCall("advertise", arguments, SigningKey.OPERATOR, 0, f"Says that this validator runs {version}.")


def _call(function: str, proposal: Proposal, rest: tuple[object, ...], key: SigningKey, effect: str) -> RegistryCall:
    return RegistryCall(function, (proposal.id, *rest), key, proposal.id, effect)


def _worded(text: str) -> str:
    if not text.strip():
        raise InputError("a reason in your own words is needed", safe=_UNSENT)
    return text.strip()
