"""The UpgradeRegistry's views: calls encoded, answers decoded into `console.model`.

Layout and rules: contracts/UpgradeRegistry.sol; its committed ABI decides. Foreign strings become
`UntrustedText` here (facts/safety.md §7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

from console.addresses import checked_address, checksummed
from console.chain.contracts import artefact
from console.chain.fields import data as read_data
from console.chain.interface import Interface, first_array_length
from console.chain.refusals import refusal
from console.chain.rpc import Call, Reply
from console.errors import BadAnswer, InputError
from console.model import (
    MigrationKind,
    Proposal,
    ProposalStatus,
    Readiness,
    ReleaseKind,
    ScheduleKind,
    ValidatorReadiness,
    Verdict,
)
from console.settings import NetworkSettings
from console.text import untrusted

MAX_VALIDATORS = 256
"""Rows of one readiness page: the gateway's cap on validators (facts/evm.md §4.2)."""

_EMPTY_INPUT: Mapping[str, object] = {
    "name": "",
    "releaseKind": 0,
    "releaseHash": bytes(32),
    "releaseUrl": "",
    "breaking": False,
    "scheduleKind": 0,
    "targetHeight": 0,
    "delay": 0,
    "readinessBps": 0,
    "readinessDeadline": 0,
    "votingBlocks": 0,
    "expedited": False,
    "executionWindow": 0,
    "graceBlocks": 0,
    "migrationKind": 0,
    "migrationHash": bytes(32),
    "contractsFirst": False,
    "initAllowed": False,
}

_MAX_URL = 512
_MAX_NAME = 64
_MAX_VERSION = 32
_MAX_ANSWER = 256 * 1024
"""Bytes of a view's answer: 256 rows of readiness are 129 KiB, 16 proposals 36 KiB."""

_E = TypeVar("_E", bound=IntEnum)


class NoRegistry(BadAnswer):
    """There is no contract at the registry's address: the same on every endpoint, so asking another is no use."""


@cache
def registry_interface() -> Interface:
    """The registry's interface from the committed artefact."""
    return Interface(artefact("UpgradeRegistry").abi)


def view_call(registry: str, function: str, *args: object) -> Call:
    """An `eth_call` of one of the registry's views on the newest committed state.

    Args:
        registry: Its address.
        function: The view's name.
        args: Its arguments.
    """
    data = registry_interface().encode(function, args)
    return Call("eth_call", [{"to": registry, "data": data}, "latest"])


def proposal_input(**given: object) -> tuple[object, ...]:
    """The struct that `propose` takes, `ProposalInput` of contracts/IUpgradeRegistry.sol.

    Args:
        given: Fields by the contract's names; those left out are zero or empty.

    Raises:
        KeyError: The struct has no such field.
    """
    names = registry_interface().functions["propose"].fields[0]
    if unknown := given.keys() - _EMPTY_INPUT.keys():
        raise KeyError(f"a proposal has no {', '.join(sorted(unknown))}")
    return tuple(given.get(name, _EMPTY_INPUT[name]) for name in names)


def decode_proposals(reply: Reply, *, limit: int, where: str) -> tuple[Proposal, ...]:
    """Decode the answer to `proposals(offset, limit)`, newest first.

    Args:
        reply: The answer.
        limit: Rows that were asked for; more are refused.
        where: The endpoint's name, for sentences.

    Raises:
        NoRegistry: There is no contract.
        ContractRefused: The view reverted.
        BadAnswer: The answer is not what the view returns.
    """
    proposals = tuple(_proposal(row) for row in decode_rows(reply, "proposals", limit, where))
    ids = [proposal.id for proposal in proposals]
    if any(newer <= older for newer, older in pairwise(ids)):
        raise BadAnswer(f"{where} lists proposals out of order: {ids}")
    return proposals


def decode_proposal(reply: Reply, *, where: str) -> Proposal:
    """Decode the answer to `proposal(id)`. Raises as `decode_proposals`, `ContractRefused` for an unknown id."""
    (row,) = registry_interface().decode("proposal", view_answer(reply, "proposal", where))
    return _proposal(named_row("proposal", row))


def decode_scheduled_id(reply: Reply, *, where: str) -> int:
    """Decode the answer to `scheduledId()`: 0 when none is. Raises as `decode_proposals`."""
    (number,) = registry_interface().decode("scheduledId", view_answer(reply, "scheduledId", where))
    return int(number)


def decode_readiness(reply: Reply, *, proposal_id: int, where: str) -> Readiness:
    """Decode the answer to `readiness(id, 0, MAX_VALIDATORS)`, in the registry's order. Raises as `decode_proposals`.

    Args:
        reply: The answer.
        proposal_id: The proposal it is about; the answer itself does not say.
        where: The endpoint's name, for sentences.
    """
    rows = tuple(_validator(row) for row in decode_rows(reply, "readiness", MAX_VALIDATORS, where))
    if len({row.address for row in rows}) != len(rows):
        raise BadAnswer(f"{where} names a validator twice in one answer")
    return Readiness(proposal_id, rows)


def current_proposal(proposals: Sequence[Proposal]) -> Proposal | None:
    """The scheduled proposal, else the newest: the one that `readiness(0, …)` is about. None when there is none."""
    scheduled = (entry for entry in proposals if entry.status is ProposalStatus.SCHEDULED)
    return next(scheduled, proposals[0] if proposals else None)


def no_registry(where: str, address: str = "") -> NoRegistry:
    """The error for an address without code.

    Args:
        where: The endpoint's name.
        address: The registry's address, where known.
    """
    at = f"the registry address {address}" if address else "the registry's address"
    return NoRegistry(f"there is no contract at {at} on {where}", next_step="check `registry` in the settings")


def check_registry_address(network: NetworkSettings) -> None:
    """Check the checksum in the settings' spelling of the registry's address. Raises NoRegistry."""
    try:
        checked_address(network.registry)
    except InputError as error:
        raise NoRegistry(error.what, next_step="mend `registry` in the settings") from None


def view_answer(reply: Reply, function: str, where: str) -> bytes:
    """The bytes that a view answered with. Raises as `decode_proposals`."""
    if reply.error is not None:
        raise refusal(reply.error, registry_interface(), what=f"{function} of the registry on {where}")
    data = read_data(reply.result, f"the answer of {where} to {function}", most=_MAX_ANSWER)
    if not data:
        raise no_registry(where)
    return data


def decode_rows(reply: Reply, function: str, limit: int, where: str) -> list[Mapping[str, Any]]:
    """The rows of a view that returns a page and a total, by the names of their fields.

    Args:
        reply: The answer.
        function: The view's name.
        limit: Rows that were asked for; more are refused.
        where: The endpoint's name, for sentences.

    Raises:
        NoRegistry: There is no contract.
        ContractRefused: The view reverted.
        BadAnswer: The answer is not what the view returns.
    """
    data = view_answer(reply, function, where)
    if first_array_length(data) > limit:
        raise BadAnswer(f"{where} answered {function} with more than {limit} rows")
    page, total = registry_interface().decode(function, data)
    if total < len(page):
        raise BadAnswer(f"{where} answered {function} with {len(page)} rows of {total}")
    return [named_row(function, row) for row in page]


def named_row(function: str, row: tuple[Any, ...]) -> Mapping[str, Any]:
    """A row that a view returned, by the names of its fields."""
    return dict(zip(registry_interface().functions[function].output_fields[0], row, strict=True))


def _proposal(row: Mapping[str, Any]) -> Proposal:
    return Proposal(
        id=row["id"],
        name=untrusted(row["name"], _MAX_NAME),
        release_kind=_member(ReleaseKind, row["releaseKind"], "release kind"),
        release_hash=row["releaseHash"].hex(),
        release_url=untrusted(row["releaseUrl"], _MAX_URL),
        target_height=row["targetHeight"],
        breaking=row["breaking"],
        proposer=checksummed(row["proposer"]),
        proposed_at=row["proposedAt"],
        scheduled_at=row["scheduledAt"],
        status=_member(ProposalStatus, row["status"], "status"),
        verdict=_member(Verdict, row["verdict"], "verdict"),
        frozen_at=row["frozenAt"],
        freeze_blocks=row["freezeBlocks"],
        ready_power=row["readyPower"],
        armed_power=row["armedPower"],
        go_power=row["goPower"],
        confirmed_power=row["confirmedPower"],
        total_power=row["totalPower"],
        grace_blocks=row["graceBlocks"],
        schedule_kind=_member(ScheduleKind, row["scheduleKind"], "kind of schedule"),
        delay=row["delay"],
        readiness_bps=row["readinessBps"],
        readiness_deadline=row["readinessDeadline"],
        voting_ends_at=row["votingEndsAt"],
        expedited=row["expedited"],
        approved_at=row["approvedAt"],
        ended_at=row["endedAt"],
        yes_power=row["yesPower"],
        no_power=row["noPower"],
        voting_power=row["votingPower"],
        execution_window=row["executionWindow"],
        migration_kind=_member(MigrationKind, row["migrationKind"], "kind of migration"),
        migration_hash=_hash(row["migrationHash"]),
        release_round=row["releaseRound"],
        linked_calls=row["linkedCalls"],
        linked_hash=_hash(row["linkedHash"]),
        contracts_first=row["contractsFirst"],
        init_allowed=row["initAllowed"],
        contracts_at=row["contractsAt"],
        undone_at=row["undoneAt"],
        halt_approvals=row["haltApprovals"],
        replace_power=row["replacePower"],
        rollback_power=row["rollbackPower"],
    )


def _validator(row: Mapping[str, Any]) -> ValidatorReadiness:
    return ValidatorReadiness(
        address=checksummed(row["validator"]),
        power=row["power"],
        operator=checksummed(row["operator"]),
        ready_at=row["readyAt"],
        ready_time=row["readyTime"],
        armed_at=row["armedAt"],
        failure_code=row["failureCode"],
        failed_at=row["failedAt"],
        confirmed_at=row["confirmedAt"],
        exe_hash=_hash(row["exeHash"]),
        app_hash=_hash(row["appHash"]),
        version=untrusted(row["version"].rstrip(b"\0"), _MAX_VERSION),
        protocol=row["protocol"],
        advertised_hash=_hash(row["advertisedHash"]),
        advertised_at=row["advertisedAt"],
        advertised_time=row["advertisedTime"],
    )


def _hash(value: bytes) -> str:
    return value.hex() if any(value) else ""


def _member(kind: type[_E], number: int, what: str) -> _E:
    try:
        return kind(number)
    except ValueError:
        raise BadAnswer(f"the registry says a {what} that this version does not know: {number}") from None
