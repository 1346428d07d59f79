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
from console.model import Verdict
from console.text import shortened, untrusted

SENTENCES: Mapping[str, str] = {
    "NotAPowerSource": "the power source {given} has no code",
    "FreezeTooShort": "a freeze of {given} blocks is too short: at least {required} are needed",
    "ZeroExecutionWindow": "the execution window is zero",
    "TooManyValidators": "the power source names {given} validators; at most {limit} are read",
    "ZeroValidator": "the power source names the zero address as validator number {index}",
    "DuplicateValidator": "the power source names validator {validator} twice",
    "PowerTooLarge": "the power source gives validator {validator} the power {power}, which is beyond all sense",
    "NotAProposer": "{caller} may not propose: only a current validator or the registry's admin may",
    "NotAValidator": "{caller} is neither a validator nor the operator key of one",
    "InvalidName": "the name {name} is not acceptable: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, "
    "beginning with a letter or digit",
    "InvalidReleaseKind": "there is no release kind {given}",
    "ZeroReleaseHash": "the release hash is zero",
    "InvalidUrlLength": "the release URL has {given} bytes: 1 to {limit} are allowed",
    "InvalidUrlCharacter": "the release URL holds the byte {given} at position {position}: "
    "only printable ASCII without blanks is allowed",
    "LeadTooShort": "{height} is too close: at least {required} blocks ahead are needed, given {given}",
    "AlreadyScheduled": "proposal {id} is scheduled, or aborted and its height not over yet: one at a time",
    "UnknownProposal": "there is no proposal {id}",
    "OperatorIsValidator": "{operator} is a validator itself and cannot be an operator key",
    "OperatorTaken": "{operator} is already the operator key of validator {validator}",
    "OperatorUnchanged": "{operator} is the operator key already",
    "TooEarly": "too early for proposal {id}: possible from block {firstBlock} on, and it is block {blockNumber}",
    "TooLate": "too late for proposal {id}: possible up to block {lastBlock}, and it is block {blockNumber}",
    "WrongReleaseHash": "the release hash {given} is not the proposal's, which is {expected}",
    "WrongHeight": "height {given} is not the proposal's, which is {expected}",
    "AlreadyReady": "validator {validator} has signalled ready for proposal {id} already",
    "NotReady": "validator {validator} is not ready for proposal {id}",
    "AlreadyArmed": "validator {validator} has signalled armed for proposal {id} already",
    "ZeroFailureCode": "failure codes begin at 1",
    "FailureUnchanged": "validator {validator} has reported failure {code} for proposal {id} already",
    "AlreadyFrozen": "proposal {id} was frozen at height {frozenAt} already",
    "NotCrossing": "proposal {id} does not cross: its verdict is {verdict}",
    "ZeroExeHash": "the hash of the running executable is zero",
    "AlreadyConfirmed": "validator {validator} has confirmed the crossing of proposal {id} already",
}
"""Sentence of each custom error, with its arguments by name; `{height}` is the call's own."""

REVERT_CODES = frozenset({3, 33})
"""Error codes of a revert: geth's, and the FVM exit code that Fendermint gives."""

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
        arguments = {key: _shown(name, key, value) for key, value in raw.items()}
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


def _shown(error: str, argument: str, value: object) -> str:
    if isinstance(value, bytes):
        if error == "InvalidName":
            return repr(str(untrusted(value, 64)))
        return "0x" + (value.hex() if len(value) < 8 else shortened(value.hex(), 17))
    if isinstance(value, str):
        return checksummed(value)
    if argument == "verdict":
        return next((verdict.name for verdict in Verdict if verdict == value), str(value))
    return str(value)
