"""What can be done to a proposal, as calls of the registry: checked in words, neither reviewed nor signed yet.

The console's keys, the command line's verbs and an export all start here; `console.operations.registry_call` goes on.
"""

from __future__ import annotations

import re

from console.addresses import ZERO_ADDRESS, read_address
from console.errors import InputError
from console.model import HaltCode, Proposal, RegistryCall, ReleaseKind, ScheduleKind, SigningKey
from console.operations.propose_request import ProposeRequest

MAX_REASON_BYTES = 256
"""Of a reason, in UTF-8 (contracts/IUpgradeRegistry.sol)."""
MAX_URL_BYTES = 512
MAX_VERSION_BYTES = 32

_NOTHING_SENT = "nothing was sent"
_FACT = "Nothing to take back: it stores what is so already."
_NO_WAY_BACK = "No way back: what is said stays said."
_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})", re.ASCII)


def propose_call(request: ProposeRequest) -> RegistryCall:
    """Propose what `console.operations.propose.request_of` has checked."""
    terms = request.terms
    content = (
        request.name,
        int(request.kind),
        _bytes32(request.release_hash),
        request.url,
        request.breaking,
        int(terms.schedule_kind),
        request.height,
        terms.delay,
        terms.readiness_bps,
        terms.readiness_deadline,
        terms.voting_blocks,
        terms.expedited,
        terms.execution_window,
        terms.grace_blocks,
        int(terms.migration_kind),
        _bytes32(terms.migration_hash),
        request.contracts_first,
        request.init_allowed,
    )
    undo = "Cancel it while nobody has voted; later only the council, or a lost vote, stops it."
    return RegistryCall(
        "propose", (content, request.calls, request.undo), SigningKey.PROPOSER, 0, _proposes(request), undo
    )


def cancel_call(proposal: Proposal) -> RegistryCall:
    """Take a proposal back: its proposer, before any vote."""
    undo = "No way back: it would have to be proposed anew."
    return _about(proposal, "cancel", (), SigningKey.PROPOSER, "Proposal {} is cancelled for good.", undo)


def vote_call(proposal: Proposal, *, support: bool) -> RegistryCall:
    """Vote with all the power of the validator whose key signs."""
    side = "YES" if support else "NO"
    effect = f"Votes {side} on proposal {{}} with all of this validator's power."
    if proposal.expedited:
        effect += " It is an expedited vote."
    undo = "Vote again while the vote is open; once it is decided there is no way back."
    return _about(proposal, "vote", (support,), SigningKey.VOTER, effect, undo)


def finalize_call(proposal: Proposal) -> RegistryCall:
    """Store that a vote was lost or ran out."""
    return _about(proposal, "finalize", (), SigningKey.OPERATOR, "Stores that the vote on proposal {} is over.", _FACT)


def schedule_call(proposal: Proposal) -> RegistryCall:
    """Give an approved proposal its height."""
    undo = "The height never changes again; the council can cancel the upgrade until it is frozen."
    effect = "Proposal {} gets its target height, once and for all; nodes arm for it from then on."
    return _about(proposal, "checkAndSchedule", (), SigningKey.OPERATOR, effect, undo)


def expire_call(proposal: Proposal) -> RegistryCall:
    """Store that a proposal ran out of time."""
    return _about(proposal, "expire", (), SigningKey.OPERATOR, "Stores that proposal {} ran out of time.", _FACT)


def execute_call(proposal: Proposal) -> RegistryCall:
    """Make the linked calls.

    Raises:
        InputError: It has none, or they were made.
    """
    if not proposal.linked_calls:
        raise InputError(f"proposal {proposal.id} has no linked calls", safe=_NOTHING_SENT)
    if proposal.contracts_at:
        raise InputError(
            f"the linked calls of proposal {proposal.id} were made at height {proposal.contracts_at}",
            safe=_NOTHING_SENT,
        )
    effect = f"Makes the {proposal.linked_calls} linked calls of proposal {{}}, all or none."
    if proposal.init_allowed:
        effect += " An initialiser may run with all the rights of the contract."
    undo = "If the upgrade does not come, its undo calls take them back; after it, only another proposal."
    return _about(proposal, "executeContracts", (), SigningKey.OPERATOR, effect, undo)


def undo_call(proposal: Proposal) -> RegistryCall:
    """Take linked calls back that were made for an upgrade that did not come.

    Raises:
        InputError: They were not made, or are undone.
    """
    if not proposal.contracts_at or proposal.undone_at:
        why = "were not made" if not proposal.contracts_at else f"were undone at height {proposal.undone_at}"
        raise InputError(f"the linked calls of proposal {proposal.id} {why}", safe=_NOTHING_SENT)
    effect = "Takes the contract changes of proposal {} back."
    undo = "They would have to be proposed anew."
    return _about(proposal, "undoContracts", (), SigningKey.OPERATOR, effect, undo)


def replace_call(proposal: Proposal, release_hash: str, release_url: str) -> RegistryCall:
    """Agree to other bytes under the same height; more than 2/3 of the power have to.

    Args:
        proposal: Whose release.
        release_hash: 64 hex digits, `sha256:` before them or not.
        release_url: Where the new release is.

    Raises:
        InputError: A value is not acceptable, or nothing would change.
    """
    digest = _digest(release_hash)
    if proposal.release_kind is ReleaseKind.NONE:
        raise InputError(f"proposal {proposal.id} has no release", safe=_NOTHING_SENT)
    if digest.hex() == proposal.release_hash:
        raise InputError(f"this is the release of proposal {proposal.id} already", safe=_NOTHING_SENT)
    if not 1 <= len(release_url) <= MAX_URL_BYTES or any(not "!" <= each <= "~" for each in release_url):
        raise InputError(f"the URL must be 1 to {MAX_URL_BYTES} printable ASCII characters", safe=_NOTHING_SENT)
    effect = "Agrees that proposal {} gets other bytes; at more than 2/3 every validator has to get ready again."
    undo = "Agree with others on the bytes of before, until it is frozen; everybody gets ready once more."
    return _about(proposal, "replaceRelease", (digest, release_url), SigningKey.VOTER, effect, undo)


def rollback_call(proposal: Proposal, reason: str) -> RegistryCall:
    """Say that the network went on with the old release; more than 2/3 of the frozen power have to.

    Raises:
        InputError: The reason is missing or not acceptable.
    """
    effect = "Says that the network went back to the old release of before proposal {}; at more than 2/3 it is closed."
    return _about(proposal, "rollback", (_reason(reason),), SigningKey.VOTER, effect, _NO_WAY_BACK)


def halt_call(proposal: Proposal, code: int, text: str) -> RegistryCall:
    """Approve, as a member of the council, that an upgrade is stopped.

    Args:
        proposal: Which one.
        code: A `HaltCode`.
        text: The member's own words.

    Raises:
        InputError: There is no such code, or the words are missing or not acceptable.
    """
    if code not in set(HaltCode):
        known = ", ".join(f"{each.value} {each.words}" for each in HaltCode)
        raise InputError(f"there is no halt code {code} (known: {known})", safe=_NOTHING_SENT)
    effect = "Approves that proposal {} is cancelled; with enough of the council it is, for good. No node stops by it."
    return _about(proposal, "approveEmergencyHalt", (code, _reason(text)), SigningKey.COUNCIL, effect, _NO_WAY_BACK)


def advertise_call(version: str, protocol: int, release_hash: str) -> RegistryCall:
    """Tell which release this validator runs.

    Args:
        version: 1 to 32 characters of printable ASCII.
        protocol: The application's version.
        release_hash: 64 hex digits.

    Raises:
        InputError: A value is not acceptable.
    """
    if not 1 <= len(version) <= MAX_VERSION_BYTES or any(not "!" <= each <= "~" for each in version):
        raise InputError(f"the version must be 1 to {MAX_VERSION_BYTES} printable characters", safe=_NOTHING_SENT)
    if not 0 <= protocol < 1 << 64:
        raise InputError("the protocol must be a whole number from 0", safe=_NOTHING_SENT)
    arguments = (version.encode().ljust(MAX_VERSION_BYTES, b"\0"), protocol, _digest(release_hash))
    effect = f"Tells the network that {version} runs here."
    return RegistryCall("advertise", arguments, SigningKey.OPERATOR, 0, effect, "Advertise again.")


def set_operator_call(operator: str) -> RegistryCall:
    """Name the key that signals for the validator whose key signs; the zero address for none any more.

    Args:
        operator: In any form of an address.

    Raises:
        InputError: It is no address.
    """
    operator = read_address(operator.strip())
    effect = (
        "No key signals for this validator any more."
        if operator == ZERO_ADDRESS
        else f"{operator} may signal readiness, arming and confirmations for this validator, and nothing else."
    )
    return RegistryCall("setOperator", (operator,), SigningKey.VOTER, 0, effect, "Name another key, or none.")


def _proposes(request: ProposeRequest) -> str:
    terms = request.terms
    voted = " by an expedited vote" if terms.expedited else " by vote" if terms.voting_blocks else ""
    what = f"Proposes {request.name}{voted}: "
    if request.kind is ReleaseKind.NONE:
        return f"{what}{len(request.calls)} contract calls, and no node stops."
    when = {
        ScheduleKind.FIXED: f"every node stops before it executes block {request.height}",
        ScheduleKind.AFTER_VOTE: f"every node stops {terms.delay} blocks after the vote is won",
        ScheduleKind.READINESS: f"every node stops {terms.delay} blocks after {terms.readiness_bps / 100:g} % of"
        f" the power is ready, at the latest scheduled in block {terms.readiness_deadline}",
    }[terms.schedule_kind]
    linked = f", with {len(request.calls)} contract calls" if request.calls else ""
    return f"{what}{when}{linked}."


def _bytes32(digits: str) -> bytes:
    return bytes.fromhex(digits) if digits else bytes(32)


def _about(
    proposal: Proposal, function: str, further: tuple[object, ...], key: SigningKey, effect: str, undo: str
) -> RegistryCall:
    # The number alone is easily mistaken for another one.
    about = f"{proposal.id} ({proposal.name})"
    return RegistryCall(function, (proposal.id, *further), key, proposal.id, effect.format(about), undo)


def _digest(typed: str) -> bytes:
    match = _HASH.fullmatch(typed.strip())
    if match is None or not int(match[1], 16):
        raise InputError("the hash must be 64 hex digits, and not zero", safe=_NOTHING_SENT)
    return bytes.fromhex(match[1])


def _reason(text: str) -> str:
    said = text.strip()
    if not said:
        raise InputError("say why: it is kept on the chain for everybody to read", safe=_NOTHING_SENT)
    if len(said.encode()) > MAX_REASON_BYTES:
        raise InputError(f"the reason has more than {MAX_REASON_BYTES} bytes", safe=_NOTHING_SENT)
    if any(ord(each) < 0x20 or ord(each) == 0x7F for each in said):
        raise InputError("the reason holds control characters", safe=_NOTHING_SENT)
    return said
