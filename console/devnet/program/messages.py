"""Votes and proposals as JSON objects, for the wire and for the consensus log."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from .block import Block, address_field, base64_field, hash_field, int_field
from .consensus import Event, Proposal, ProposalSeen, Start, TimeoutFired, TimeoutKind, Vote, VoteSeen
from .errors import MalformedError
from .votes import VoteType


@dataclass(frozen=True, slots=True)
class ProposedBlock:
    """A proposal together with its block."""

    proposal: Proposal
    block: Block


def vote_message(vote: Vote) -> dict[str, object]:
    """A vote as an object."""
    return {
        "t": "vote",
        "kind": int(vote.kind),
        "height": vote.height,
        "round": vote.round,
        "hash": vote.block_hash,
        "address": vote.validator,
        "time": vote.time_ns,
        "sig": base64.b64encode(vote.signature).decode(),
    }


def read_vote(message: dict[str, object]) -> Vote:
    """The vote in an object; MalformedError when there is none."""
    kind = int_field(message, "kind")
    if kind not in (1, 2):
        raise MalformedError("bad kind")
    return Vote(
        VoteType(kind),
        int_field(message, "height", 1),
        _round(message, "round", 0),
        hash_field(message, "hash"),
        address_field(message, "address"),
        int_field(message, "time"),
        base64_field(message, "sig"),
    )


def proposal_message(proposed: ProposedBlock) -> dict[str, object]:
    """A proposal and its block as an object."""
    proposal = proposed.proposal
    return {
        "t": "proposal",
        "height": proposal.height,
        "round": proposal.round,
        "hash": proposal.block_hash,
        "pol": proposal.pol_round,
        "address": proposal.proposer,
        "time": proposal.time_ns,
        "sig": base64.b64encode(proposal.signature).decode(),
        "block": proposed.block.to_json(),
    }


def read_proposal(message: dict[str, object]) -> ProposedBlock:
    """The proposal in an object; MalformedError when there is none or its block is another one."""
    proposal = Proposal(
        int_field(message, "height", 1),
        _round(message, "round", 0),
        hash_field(message, "hash"),
        _round(message, "pol", -1),
        address_field(message, "address"),
        int_field(message, "time"),
        base64_field(message, "sig"),
    )
    block = Block.from_json(message.get("block"))
    if block.hash != proposal.block_hash or block.header.height != proposal.height:
        raise MalformedError("the proposal is for another block")
    return ProposedBlock(proposal, block)


def log_entry(event: Event, blocks: Mapping[str, Block]) -> dict[str, object]:
    """An event as an object for the consensus log; `blocks` holds the proposals' blocks by hash."""
    match event:
        case Start():
            return {"t": "start"}
        case TimeoutFired(kind, round_):
            return {"t": "timeout", "kind": str(kind), "round": round_}
        case VoteSeen(vote):
            return vote_message(vote)
        case ProposalSeen(proposal, _):
            return proposal_message(ProposedBlock(proposal, blocks[proposal.block_hash]))


def read_log_entry(entry: dict[str, object]) -> Start | TimeoutFired | VoteSeen | ProposedBlock:
    """The event in a log entry; a proposal's block is to be validated anew. MalformedError when there is none."""
    match entry.get("t"):
        case "start":
            return Start()
        case "vote":
            return VoteSeen(read_vote(entry))
        case "proposal":
            return read_proposal(entry)
        case "timeout" if entry.get("kind") in tuple(TimeoutKind):
            return TimeoutFired(TimeoutKind(str(entry["kind"])), _round(entry, "round", 0))
    raise MalformedError("no event")


def _round(message: dict[str, object], key: str, low: int) -> int:
    value = int_field(message, key, low)
    if value >= 2**31:
        raise MalformedError(f"bad {key}")
    return value
