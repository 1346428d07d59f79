"""`/dump_consensus_state` and `/consensus_state`: the live votes as bit arrays and vote strings (facts/cosmos.md §5).

In the keys and words of CometBFT 0.37. Blocks and their parts are never told: there are none on their way here.
"""

from __future__ import annotations

import base64

from .block import NO_TIME, block_id, format_time
from .consensus import Consensus, Validator, Vote
from .keys import PUBLIC_KEY_TYPE
from .node import Node
from .p2p import Peer
from .votes import VoteType

_NAMES = {
    VoteType.PREVOTE: "SIGNED_MSG_TYPE_PREVOTE(Prevote)",
    VoteType.PRECOMMIT: "SIGNED_MSG_TYPE_PRECOMMIT(Precommit)",
}


def dump_consensus_state(node: Node, peers: list[Peer]) -> dict[str, object]:
    """The round state of the node and of its direct peers."""
    machine = node.machine
    proposal = machine.proposals.get(machine.round)
    return {
        "round_state": {
            "height": str(machine.height),
            "round": machine.round,
            "step": int(machine.step),
            "start_time": format_time(int(node.height_start * 1e9)),
            "commit_time": format_time(node.state.time_ns),
            "validators": _validators(machine),
            "proposal": None
            if proposal is None
            else {
                "Type": 32,
                "height": str(proposal.height),
                "round": proposal.round,
                "pol_round": proposal.pol_round,
                "block_id": block_id(proposal.block_hash),
                "timestamp": format_time(proposal.time_ns),
                "signature": base64.b64encode(proposal.signature).decode(),
            },
            "proposal_block": None,
            "proposal_block_parts": None,
            "locked_round": machine.locked_round,
            "locked_block": None,
            "locked_block_parts": None,
            "valid_round": machine.valid_round,
            "valid_block": None,
            "valid_block_parts": None,
            "votes": _rounds(machine),
            "commit_round": machine.decided_round,
            "last_commit": _last_commit(node.previous),
            "last_validators": None if node.previous is None else _validators(node.previous),
            "triggered_timeout_precommit": False,
        },
        "peers": [_peer(node, peer) for peer in peers],
    }


def consensus_state(node: Node) -> dict[str, object]:
    """The round state of the node in few words."""
    machine = node.machine
    proposal = machine.proposals.get(machine.round)
    proposer = machine.validators.proposer(machine.height, machine.round)
    members = [each.address for each in machine.validators.members]
    return {
        "round_state": {
            "height/round/step": f"{machine.height}/{machine.round}/{int(machine.step)}",
            "start_time": format_time(int(node.height_start * 1e9)),
            "proposal_block_hash": proposal.block_hash if proposal else "",
            "locked_block_hash": machine.locked_hash,
            "valid_block_hash": machine.valid_hash,
            "height_vote_set": _rounds(machine),
            "proposer": {"address": proposer, "index": members.index(proposer)},
        }
    }


def _validators(machine: Consensus) -> dict[str, object]:
    members = machine.validators.members
    proposer = machine.validators.proposer(machine.height, machine.round)
    return {
        "validators": [validator_json(each) for each in members],
        "proposer": next(validator_json(each) for each in members if each.address == proposer),
    }


def validator_json(validator: Validator) -> dict[str, object]:
    """One validator in CometBFT's shape."""
    return {
        "address": validator.address,
        "pub_key": {"type": PUBLIC_KEY_TYPE, "value": base64.b64encode(validator.public_key).decode()},
        "voting_power": str(validator.power),
        "proposer_priority": "0",
    }


def _rounds(machine: Consensus) -> list[dict[str, object]]:
    return [_round(machine, round_) for round_ in machine.rounds()]


def _round(machine: Consensus, round_: int) -> dict[str, object]:
    out: dict[str, object] = {"round": round_}
    for kind, name in ((VoteType.PREVOTE, "prevotes"), (VoteType.PRECOMMIT, "precommits")):
        votes = machine.votes(round_, kind)
        out[name] = [
            _vote(index, votes[each.address]) if each.address in votes else "nil-Vote"
            for index, each in enumerate(machine.validators.members)
        ]
        out[f"{name}_bit_array"] = _bit_array(machine, votes)
    return out


def _bit_array(machine: Consensus, votes: dict[str, Vote]) -> str:
    members, total = machine.validators.members, machine.validators.total
    bits = "".join("x" if each.address in votes else "_" for each in members)
    power = sum(each.power for each in members if each.address in votes)
    return f"BA{{{len(members)}:{bits}}} {power}/{total} = {power / total:.2f}"


def _vote(index: int, vote: Vote) -> str:
    block = vote.block_hash[:12] or "000000000000"
    signature = vote.signature[:6].hex().upper()
    return (
        f"Vote{{{index}:{vote.validator[:12]} {vote.height}/{vote.round:02d}/{_NAMES[vote.kind]} "
        f"{block} {signature} @ {format_time(vote.time_ns)}}}"
    )


def _last_commit(previous: Consensus | None) -> dict[str, object] | None:
    if previous is None or not previous.decided:
        return None
    votes = previous.votes(previous.decided_round, VoteType.PRECOMMIT)
    return {
        "votes": [
            _vote(index, votes[each.address]) if each.address in votes else "nil-Vote"
            for index, each in enumerate(previous.validators.members)
        ],
        "votes_bit_array": _bit_array(previous, votes),
        "peer_maj_23s": {},
    }


def _peer(node: Node, peer: Peer) -> dict[str, object]:
    height, round_, step = peer.round_state
    empty = "_" * len(node.machine.validators.members)
    prevotes, precommits = peer.bits.get(round_, (empty, empty))
    return {
        "node_address": f"{peer.hello.node_id}@{peer.address}",
        "peer_state": {
            "round_state": {
                "height": str(max(height, peer.height)),
                "round": round_,
                "step": step,
                # What peers do not tell each other here has Go's zero value.
                "start_time": NO_TIME,
                "proposal": False,
                "proposal_block_part_set_header": {"total": 0, "hash": ""},
                "proposal_block_parts": None,
                "proposal_pol_round": -1,
                "proposal_pol": empty,
                "prevotes": prevotes,
                "precommits": precommits,
                "last_commit_round": -1,
                "last_commit": empty,
                "catchup_commit_round": -1,
                "catchup_commit": empty,
            },
            "stats": {"votes": "0", "block_parts": "0"},
        },
    }
