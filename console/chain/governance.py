"""What a proposal's row does not say: rules, votes, approvals and linked calls, one HTTP request for each reading.

Views are the truth and logs are never read: Fendermint answers them block by block and stops silently where results are
pruned (facts/evm.md §5.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.addresses import checksummed
from console.chain.fields import quantity
from console.chain.first_answer import EndpointReader, first_answer
from console.chain.plans import HEIGHT_MAX, check_chain
from console.chain.registry import (
    MAX_VALIDATORS,
    decode_proposal,
    decode_proposals,
    decode_readiness,
    decode_rows,
    named_row,
    registry_interface,
    view_answer,
    view_call,
)
from console.chain.rpc import Call, Reply, endpoint_name
from console.errors import BadAnswer, ContractRefused
from console.model import (
    Approval,
    ApprovalKind,
    Choice,
    Governance,
    LinkedCall,
    Proposal,
    Readiness,
    RegistryRules,
    ValidatorVote,
)
from console.text import untrusted

PAGE = 64
"""Proposals of one request when all are read."""

MAX_PROPOSALS = 4096
"""Proposals that are read in all: a registry that says more is read no further."""

_MAX_LINKED = 20
_MAX_CALL_DATA = 16 * 1024
_MAX_COUNCIL = 16
_MAX_TEXT = 512


@dataclass(frozen=True, slots=True)
class ProposalInFull:
    """Everything that a registry knows of one proposal: one reading."""

    proposal: Proposal
    readiness: Readiness
    rules: RegistryRules
    governance: Governance


class GovernanceReader(EndpointReader):
    """Reads one network's registry by the Ethereum RPC."""

    async def rules(self) -> RegistryRules:
        """What the registry was deployed with. Raises ChainError."""
        replies, where = await self._ask([("settings", ())])
        return decode_rules(replies[-1], where=where)

    async def proposals(self) -> tuple[Proposal, ...]:
        """Every proposal, newest first. Raises ChainError."""
        found: dict[int, Proposal] = {}
        while len(found) < MAX_PROPOSALS:
            replies, where = await self._ask([("proposals", (len(found), PAGE))])
            page = decode_proposals(replies[-1], limit=PAGE, where=where)
            # One that was made meanwhile moves all others by one place.
            found |= {entry.id: entry for entry in page if entry.id not in found}
            if len(page) < PAGE:
                break
        return tuple(sorted(found.values(), key=lambda entry: entry.id, reverse=True))

    async def proposal(self, proposal_id: int) -> Proposal:
        """One proposal.

        Raises:
            ContractRefused: There is no such proposal.
            ChainError: No endpoint gave a usable answer.
        """
        replies, where = await self._ask([("proposal", (proposal_id,))])
        return decode_proposal(replies[-1], where=where)

    async def in_full(self, proposal_id: int) -> ProposalInFull:
        """Everything about one proposal, in one request. Raises as `proposal`."""
        views: list[tuple[str, tuple[object, ...]]] = [
            ("proposal", (proposal_id,)),
            ("readiness", (proposal_id, 0, MAX_VALIDATORS)),
            ("settings", ()),
        ]
        replies, where = await self._ask([*views, *_governance_views(proposal_id)])
        return ProposalInFull(
            proposal=decode_proposal(replies[2], where=where),
            readiness=decode_readiness(replies[3], proposal_id=proposal_id, where=where),
            rules=decode_rules(replies[4], where=where),
            governance=_governance(proposal_id, replies[0], replies[5:], where),
        )

    async def nonce(self, signer: str) -> int:
        """The number that the next signed message of a key must carry. Raises ChainError."""
        replies, where = await self._ask([("nonces", (signer,))])
        (number,) = registry_interface().decode("nonces", view_answer(replies[-1], "nonces", where))
        return int(number)

    async def height(self) -> int:
        """Committed height of the endpoint that answers first. Raises ChainError."""
        replies, where = await self._ask([("scheduledId", ())])
        return _height(replies[0], where)

    async def read(self, proposal_id: int) -> Governance:
        """Votes, approvals and linked calls of a proposal.

        Raises:
            ContractRefused: There is no such proposal.
            ChainError: No endpoint gave a usable answer.
        """
        replies, where = await self._ask(_governance_views(proposal_id))
        return _governance(proposal_id, replies[0], replies[2:], where)

    async def sayings(self, proposal_id: int) -> tuple[tuple[ValidatorVote, ...], Readiness]:
        """What every validator voted and said of a proposal, in one request. Raises as `read`."""
        page = (proposal_id, 0, MAX_VALIDATORS)
        replies, where = await self._ask([("votes", page), ("readiness", page)])
        return decode_votes(replies[2], where=where), decode_readiness(replies[3], proposal_id=proposal_id, where=where)

    async def _ask(self, views: Sequence[tuple[str, tuple[object, ...]]]) -> tuple[list[Reply], str]:
        # Reading the artefact takes milliseconds that must not stop the screen.
        await asyncio.to_thread(registry_interface)
        # The height first: it is never higher than the state that the rest was read from.
        calls = [Call("eth_blockNumber"), Call("eth_chainId")]
        calls += [view_call(self._network.registry, name, *arguments) for name, arguments in views]

        async def ask(url: str) -> tuple[list[Reply], str]:
            where = endpoint_name(url)
            replies = await self._rpc.batch(url, calls)
            check_chain(replies[1], self._network, where)
            view_answer(replies[2], views[0][0], where)
            return list(replies), where

        return await first_answer(self._urls, ask, final=(ContractRefused,))


def _governance_views(proposal_id: int) -> list[tuple[str, tuple[object, ...]]]:
    pages: list[tuple[str, tuple[object, ...]]] = [
        ("approvals", (proposal_id, int(kind), 0, MAX_VALIDATORS)) for kind in ApprovalKind
    ]
    return [("votes", (proposal_id, 0, MAX_VALIDATORS)), *pages, ("linked", (proposal_id,))]


def _governance(proposal_id: int, height: Reply, replies: Sequence[Reply], where: str) -> Governance:
    """What `_governance_views` answered, and `eth_blockNumber` before it."""
    votes, halts, replacements, rollbacks, linked = replies
    calls, undo = decode_linked(linked, where=where)
    return Governance(
        proposal_id=proposal_id,
        height=_height(height, where),
        votes=decode_votes(votes, where=where),
        halts=decode_approvals(halts, where=where),
        replacements=decode_approvals(replacements, where=where),
        rollbacks=decode_approvals(rollbacks, where=where),
        calls=calls,
        undo=undo,
    )


def _height(reply: Reply, where: str) -> int:
    # Fendermint says the committed height minus one (facts/ipc.md §4).
    return quantity(reply.value(f"eth_blockNumber of {where}"), "eth_blockNumber", high=HEIGHT_MAX) + 1


def decode_rules(reply: Reply, *, where: str) -> RegistryRules:
    """Decode the answer to `settings()`. Raises as `console.chain.registry.decode_proposals`."""
    (value,) = registry_interface().decode("settings", view_answer(reply, "settings", where))
    row = named_row("settings", value)
    council = _addresses(row, "council", where)
    return RegistryRules(
        power_source=checksummed(row["powerSource"]),
        configuration_number=row["configurationNumber"],
        admin=checksummed(row["admin"]),
        min_proposer_power=row["minProposerPower"],
        voting_required=row["votingRequired"],
        min_voting_blocks=row["minVotingBlocks"],
        min_expedited_blocks=row["minExpeditedBlocks"],
        freeze_blocks=row["freezeBlocks"],
        execution_window=row["executionWindow"],
        minimum_lead=row["minimumLead"],
        successor=checksummed(row["successor"]),
        council=council,
        council_threshold=row["councilThreshold"],
        targets=_addresses(row, "targets", where),
        proposal_count=row["proposalCount"],
        scheduled_id=row["scheduledId"],
    )


def decode_votes(reply: Reply, *, where: str) -> tuple[ValidatorVote, ...]:
    """Decode the answer to `votes(id, 0, MAX_VALIDATORS)`. Raises as `console.chain.registry.decode_proposals`."""
    rows = tuple(_vote(row, where) for row in decode_rows(reply, "votes", MAX_VALIDATORS, where))
    _refuse_twice([row.address for row in rows], where)
    return rows


def decode_approvals(reply: Reply, *, where: str) -> tuple[Approval, ...]:
    """Decode the answer to `approvals(id, kind, 0, MAX_VALIDATORS)`. Raises as `decode_votes`."""
    rows = tuple(_approval(row) for row in decode_rows(reply, "approvals", MAX_VALIDATORS, where))
    _refuse_twice([row.approver for row in rows], where)
    return rows


def decode_linked(reply: Reply, *, where: str) -> tuple[tuple[LinkedCall, ...], tuple[LinkedCall, ...]]:
    """Decode the answer to `linked(id)`: the calls and what takes them back. Raises as `decode_votes`."""
    calls, undo = registry_interface().decode("linked", view_answer(reply, "linked", where))
    if len(calls) + len(undo) > _MAX_LINKED:
        raise BadAnswer(f"{where} says more linked calls than the registry takes")
    return tuple(_linked(row, where) for row in calls), tuple(_linked(row, where) for row in undo)


def _vote(row: Mapping[str, Any], where: str) -> ValidatorVote:
    try:
        choice = Choice(row["choice"])
    except ValueError:
        raise BadAnswer(f"{where} says a vote that this version does not know: {row['choice']}") from None
    return ValidatorVote(checksummed(row["validator"]), row["power"], choice, row["votedAt"])


def _approval(row: Mapping[str, Any]) -> Approval:
    subject: bytes = row["subject"]
    return Approval(
        approver=checksummed(row["approver"]),
        power=row["power"],
        approved_at=row["approvedAt"],
        code=row["code"],
        text=untrusted(row["text"], _MAX_TEXT),
        subject=subject.hex() if any(subject) else "",
    )


def _linked(value: tuple[Any, ...], where: str) -> LinkedCall:
    target, data, codes = value
    if len(data) > _MAX_CALL_DATA:
        raise BadAnswer(f"{where} says a linked call of {len(data)} bytes")
    return LinkedCall(checksummed(target), bytes(data), codes.hex())


def _addresses(row: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    found = tuple(checksummed(each) for each in row[name])
    if len(found) > _MAX_COUNCIL:
        raise BadAnswer(f"{where} says {len(found)} entries of {name}; a registry has at most {_MAX_COUNCIL}")
    _refuse_twice(found, where)
    return found


def _refuse_twice(addresses: Sequence[str], where: str) -> None:
    if len(set(addresses)) != len(addresses):
        raise BadAnswer(f"{where} names somebody twice in one answer")
