"""Why the registry refused, in one operator's sentence per custom error (contracts/UpgradeRegistry.sol).

Fendermint gives revert data as hex without 0x under code 33, others with 0x under code 3, some inside an object
(facts/evm.md §5.1).
"""

from __future__ import annotations

from collections.abc import Mapping

from console.addresses import checksummed
from console.chain.fields import data as read_data
from console.chain.interface import Interface
from console.chain.rpc import RpcError
from console.errors import BadAnswer, ChainError, ContractRefused
from console.model import ProposalStatus, Verdict
from console.text import shortened, untrusted

SENTENCES: Mapping[str, str] = {
    # deployment and settings
    "NotAnExtension": "the second half of the registry at {given} has no code",
    "NotAPowerSource": "the power source {given} has no code",
    "InvalidFreeze": "a freeze of {given} blocks is not possible: {least} to {most} are",
    "ZeroExecutionWindow": "the execution window is zero",
    "InvalidVotingBlocks": "votes of at least {usual} blocks and {expedited} expedited are not possible: an expedited "
    "one has at least 1 block and no more than a usual one",
    "InvalidCouncil": "a council of {members} with the threshold {threshold} is not possible: there are at most 16 "
    "members, and more than half of them have to agree",
    "InvalidCouncilMember": "{member} cannot be a member of the council: it is no address, or named twice",
    "InvalidTarget": "{target} cannot be a target: one has code, is not the registry and is allowed once, "
    "and at most 16 are",
    "InvalidSuccessor": "{given} cannot follow the registry: a successor is another contract",
    "NotSelf": "{caller} may not do this: only the registry itself does, by a proposal that was voted for",
    # power
    "TooManyValidators": "the power source names {given} validators; at most {limit} are read",
    "ZeroValidator": "the power source names the zero address as validator number {index}",
    "DuplicateValidator": "the power source names validator {validator} twice",
    "PowerTooLarge": "the power source gives validator {validator} the power {power}, which is beyond all sense",
    "NoPower": "the validators of the power source have no power at all",
    # proposing
    "NotAProposer": "{caller} may not propose: only a current validator of enough power or the registry's admin may",
    "InvalidName": "the name {name} is not acceptable: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, "
    "beginning with a letter or digit",
    "InvalidReleaseKind": "there is no release kind {given}",
    "InvalidScheduleKind": "there is no kind of schedule {given}",
    "InvalidMigrationKind": "there is no kind of migration {given}",
    "ZeroReleaseHash": "the release hash is zero",
    "InvalidUrlLength": "the release URL has {given} bytes: 1 to {limit} are allowed",
    "InvalidUrlCharacter": "the release URL holds the byte {given} at position {position}: "
    "only printable ASCII without blanks is allowed",
    "FieldNotAllowed": "{field} has to be left out of a proposal of this kind",
    "InvalidField": "{field} is not acceptable in a proposal of this kind: {given}",
    "LeadTooShort": "{height} is too close: at least {required} blocks ahead are needed, given {given}",
    "VoteTooShort": "a vote of {given} blocks is too short: at least {required} are needed",
    "AlreadyScheduled": "proposal {id} is scheduled, or stopped and its height not over yet: one at a time",
    "OpenProposal": "the proposer has an open proposal already, {id}: one at a time",
    "TooManyOpen": "{limit} proposals are open, and no more can be",
    "UnknownProposal": "there is no proposal {id}",
    "NotTheProposer": "{caller} may not cancel this: only its proposer {proposer} may",
    "VoteBegun": "proposal {id} cannot be cancelled any more: validators have voted",
    # life
    "WrongStatus": "this is not possible with proposal {id}, which is {status}",
    "TooEarly": "too early for proposal {id}: possible from block {firstBlock} on, and it is block {blockNumber}",
    "TooLate": "too late for proposal {id}: possible up to block {lastBlock}, and it is block {blockNumber}",
    "VoteUnchanged": "validator {validator} has voted so on proposal {id} already",
    "NoRelease": "proposal {id} is about contract calls alone: it has no release and no height",
    "NotEnoughReady": "not enough power is ready for proposal {id}: {readyPower} of {totalPower}, and {readinessBps} "
    "in 10000 and more than 2/3 are needed",
    # signals
    "OperatorIsValidator": "{operator} is a validator itself and cannot be an operator key",
    "OperatorTaken": "{operator} is already the operator key of validator {validator}",
    "OperatorUnchanged": "{operator} is the operator key already",
    "NotAValidator": "{caller} is neither a validator nor the operator key of one",
    "WrongReleaseHash": "the release hash {given} is not the proposal's, which is {expected}",
    "WrongHeight": "height {given} is not the proposal's, which is {expected}",
    "AlreadyReady": "validator {validator} has signalled ready for proposal {id} already",
    "NotReady": "validator {validator} is not ready for proposal {id}",
    "AlreadyArmed": "validator {validator} has signalled armed for proposal {id} already",
    "ZeroFailureCode": "failure codes begin at 1",
    "FailureUnchanged": "validator {validator} has reported failure {code} for proposal {id} already",
    "InvalidVersion": "the version {version} is not acceptable: 1 to 32 printable ASCII characters without blanks",
    "InvalidSignature": "the message was not signed by {signer}, or was used already",
    "SignatureExpired": "the signed message counted up to block {lastBlock}, and it is block {blockNumber}",
    # crossing
    "AlreadyFrozen": "proposal {id} was frozen at height {frozenAt} already",
    "NotCrossing": "proposal {id} does not cross: its verdict is {verdict}",
    "ZeroExeHash": "the hash of the running executable is zero",
    "AlreadyConfirmed": "validator {validator} has confirmed the crossing of proposal {id} already",
    # linked calls
    "TooManyCalls": "there are {given} calls in one list: at most {limit} are allowed",
    "CallsTooLarge": "the calls and their undo have {given} bytes: at most {limit} are allowed",
    "UndoMissing": "calls that come before the upgrade need an undo",
    "TargetNotAllowed": "{target} is none of the contracts that linked calls may go to",
    "SelectorNotAllowed": "a proposal of this kind may not call the function {selector} of {target}, "
    "or not together with others",
    "InvalidCut": "the call of {target} is not one that a diamond takes",
    "InitNotAllowed": "the cut of {target} runs the initialiser {init}, and the proposal does not ask for that",
    "FacetWithoutCode": "there is no code at the facet or initialiser {facet}",
    "NoLinkedCalls": "proposal {id} has no such calls",
    "ContractsDone": "the calls of proposal {id} were made at height {doneAt} already",
    "ContractsNotDone": "the calls of proposal {id} were not made, so there is nothing to undo",
    "CodeChanged": "the code that the cut of {target} puts in is not what was proposed: {given}, not {expected}",
    "CallFailed": "{target} refused the call ({reason})",
    "OwnershipLost": "the registry would no longer own {target}",
    "CutLost": "{target} could not be cut again afterwards",
    "CutNotApplied": "{target} does not answer the function {selector} as the cut says",
    # approvals
    "NotInCouncil": "{caller} is no member of the council",
    "ZeroHaltCode": "halt codes begin at 1",
    "NotHaltable": "the council cannot stop proposal {id}: it is about the registry itself",
    "AlreadyApproved": "{approver} has approved this for proposal {id} already",
    "ReleaseUnchanged": "this is the release of proposal {id} already",
    "TextTooLong": "the text has {given} bytes: at most {limit} are allowed",
    "InvalidTextCharacter": "the text holds the control character {given} at position {position}",
    "InvalidApprovalKind": "there is no kind of approval {given}",
    # of the libraries that the contract is built of
    "AddressEmptyCode": "there is no code at {target}",
    "FailedCall": "the registry has no such function, or refused it without a reason",
    "InvalidShortString": "the registry's own name is damaged",
    "StringTooLong": "the text {str} is too long",
    "ReentrancyGuardReentrantCall": "calls are being made, and no others may be made meanwhile",
}
"""Sentence of each custom error, with its arguments by name; `{height}` is the call's own."""

REVERT_CODES = frozenset({3, 33})
"""Error codes of a revert: geth's, and the FVM exit code that Fendermint gives."""

_WORDS = frozenset({"name", "field", "version", "str"})
"""Arguments of errors that are text, some of them in a fixed number of bytes."""

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
_MOST_DATA = 64 * 1024


def refusal(error: RpcError, interface: Interface, *, what: str, height: int | None = None) -> ChainError:
    """The error to raise for a call, an estimate or a sending that was answered with an error.

    Args:
        error: As the endpoint gave it.
        interface: The contract's.
        what: What was asked of whom, for an error that is not a refusal.
        height: The call's own height argument, if it has one.

    Returns:
        `ContractRefused` with a sentence for a revert, else `BadAnswer` with the endpoint's words.
    """
    data = _revert_data(error.data)
    if not data and error.code not in REVERT_CODES and "revert" not in error.message.lower():
        return BadAnswer(f"{what} was answered with {error}")
    return refused(data, interface, height=height) if data else ContractRefused("the contract refused without a reason")


def refused(data: bytes, interface: Interface, *, height: int | None = None) -> ContractRefused:
    """Decode revert data into a sentence; what cannot be decoded is named by its selector."""
    try:
        found = interface.decode_error(data)
    except BadAnswer:
        found = None
    if found is not None:
        name, raw = found
        arguments = {key: _shown(key, value) for key, value in raw.items()}
        spoken = dict(arguments, height="the target height" if height is None else f"height {height}")
        template = SENTENCES.get(name, f"the contract refused: {name}")
        return ContractRefused(template.format(**spoken), name=name, arguments=dict(raw))
    if data[:4] == _ERROR_STRING and len(data) >= 68:
        size = int.from_bytes(data[36:68], "big")
        reason = untrusted(data[68 : 68 + min(size, _MOST_DATA)])
        return ContractRefused(f"the contract refused: {reason}" if reason else "the contract refused without a reason")
    if data[:4] == _PANIC and len(data) >= 36:
        return ContractRefused(f"the contract stopped on an internal error (panic 0x{data[35]:02x})")
    return ContractRefused(f"the contract refused with an error that is not known here (0x{data[:4].hex()})")


def _revert_data(value: object) -> bytes:
    for _ in range(3):
        if not isinstance(value, dict):
            break
        value = value.get("data", value.get("originalError"))
    if not isinstance(value, str):
        return b""
    try:
        return read_data(value, "revert data", most=_MOST_DATA)
    except BadAnswer:
        return b""


def _shown(argument: str, value: object) -> str:
    if isinstance(value, bytes):
        if argument in _WORDS:
            return repr(str(untrusted(value.rstrip(b"\0"), 64)))
        return "0x" + (value.hex() if len(value) < 8 else shortened(value.hex(), 17))
    if isinstance(value, str):
        return checksummed(value)
    if argument == "verdict":
        return next((verdict.name for verdict in Verdict if verdict == value), str(value))
    if argument == "status":
        return next((status.name for status in ProposalStatus if status == value), str(value))
    return str(value)
