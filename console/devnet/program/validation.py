"""What makes blocks, commits, votes and proposals valid on this chain, here and now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .block import (
    EMPTY_COMMIT,
    FLAG_ABSENT,
    FLAG_COMMIT,
    FLAG_NIL,
    Block,
    Commit,
    CommitSig,
    Header,
    canonical,
    data_hash,
    digest,
)
from .consensus import Consensus, Proposal, Validator, ValidatorSet, Vote
from .votes import Verifier, VoteType, proposal_sign_bytes, vote_sign_bytes

_MIN_STEP_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class ChainState:
    """The chain after its last executed block: height in blocks, time in ns since 1970, hashes in upper hex.

    Attributes:
        last_validators: Who signed the commit of that block.
        validators: Who decides the next block.
        next_validators: Who decides the one after it: what a block changes holds two blocks later, as in CometBFT.
    """

    height: int
    block_hash: str
    time_ns: int
    app_hash: str
    last_validators: ValidatorSet
    validators: ValidatorSet
    next_validators: ValidatorSet


@lru_cache(maxsize=16)
def _members_hash(members: tuple[Validator, ...]) -> str:
    return digest(
        canonical(
            [{"address": each.address, "power": str(each.power), "key": each.public_key.hex()} for each in members]
        )
    )


class Validation:
    """Checks against the validator set that each is for; good signatures are remembered."""

    def __init__(self, chain_id: str) -> None:
        self._chain_id = chain_id
        self._verifier = Verifier()

    def vote(self, validators: ValidatorSet, vote: Vote) -> bool:
        """True when a validator signed this vote."""
        public_key = validators.public_key(vote.validator)
        return public_key is not None and self._verifier.check(
            public_key,
            vote_sign_bytes(self._chain_id, vote.kind, vote.height, vote.round, vote.block_hash, vote.time_ns),
            vote.signature,
        )

    def proposal(self, validators: ValidatorSet, proposal: Proposal) -> bool:
        """True when the round's proposer signed this proposal."""
        public_key = validators.public_key(proposal.proposer)
        height, round_ = proposal.height, proposal.round
        if public_key is None or validators.proposer(height, round_) != proposal.proposer:
            return False
        sign_bytes = proposal_sign_bytes(
            self._chain_id, height, round_, proposal.pol_round, proposal.block_hash, proposal.time_ns
        )
        return self._verifier.check(public_key, sign_bytes, proposal.signature)

    def commit(self, validators: ValidatorSet, commit: Commit, height: int, block_hash: str) -> bool:
        """True when more than 2/3 of the power precommitted `block_hash` at `height`, each at its own index."""
        members = validators.members
        if commit.height != height or commit.block_hash != block_hash or len(commit.signatures) != len(members):
            return False
        power = 0
        for member, each in zip(members, commit.signatures, strict=True):
            if each.flag == FLAG_ABSENT:
                continue
            voted = block_hash if each.flag == FLAG_COMMIT else ""
            vote = Vote(VoteType.PRECOMMIT, height, commit.round, voted, each.address, each.time_ns, each.signature)
            if each.address != member.address or not self.vote(validators, vote):
                return False
            power += member.power if each.flag == FLAG_COMMIT else 0
        return validators.is_quorum(power)

    def block(self, state: ChainState, block: Block) -> str:
        """Why `block` cannot follow `state`, in CometBFT's words; "" when it can."""
        header = block.header
        if header.chain_id != self._chain_id:
            return f"wrong Block.Header.ChainID. Expected {self._chain_id}, got {header.chain_id}"
        if header.height != state.height + 1:
            return f"wrong Block.Header.Height. Expected {state.height + 1}, got {header.height}"
        if header.last_block_hash != state.block_hash:
            return f"wrong Block.Header.LastBlockID. Expected {state.block_hash}, got {header.last_block_hash}"
        if header.app_hash != state.app_hash:
            return f"wrong Block.Header.AppHash. Expected {state.app_hash}, got {header.app_hash}"
        ours, next_ours = _members_hash(state.validators.members), _members_hash(state.next_validators.members)
        if header.validators_hash != ours:
            return f"wrong Block.Header.ValidatorsHash. Expected {ours}, got {header.validators_hash}"
        if header.next_validators_hash != next_ours:
            return f"wrong Block.Header.NextValidatorsHash. Expected {next_ours}, got {header.next_validators_hash}"
        if state.validators.power(header.proposer_address) == 0:
            return f"block.Header.ProposerAddress {header.proposer_address} is not a validator"
        if header.time_ns <= state.time_ns:
            return "block time is not greater than the last block's time"
        first = state.height == 0 and block.last_commit == EMPTY_COMMIT
        if not first and not self.commit(state.last_validators, block.last_commit, state.height, state.block_hash):
            return "wrong Block.LastCommit"
        return ""

    def make_block(
        self, state: ChainState, last_commit: Commit, txs: tuple[bytes, ...], proposer: str, now_ns: int
    ) -> Block:
        """A new block on `state`; its time is `now_ns` (since 1970), or a little after the last block's."""
        header = Header(
            chain_id=self._chain_id,
            height=state.height + 1,
            time_ns=max(now_ns, state.time_ns + _MIN_STEP_NS),
            last_block_hash=state.block_hash,
            last_commit_hash=digest(canonical(last_commit.to_json())),
            data_hash=data_hash(txs),
            validators_hash=_members_hash(state.validators.members),
            next_validators_hash=_members_hash(state.next_validators.members),
            app_hash=state.app_hash,
            proposer_address=proposer,
        )
        return Block(header, txs, last_commit)


def commit_of(machine: Consensus) -> Commit:
    """The commit of a machine that has decided, with every precommit of that round that it has seen."""
    votes = machine.votes(machine.decided_round, VoteType.PRECOMMIT)
    signatures: list[CommitSig] = []
    for member in machine.validators.members:
        vote = votes.get(member.address)
        if vote is None or vote.block_hash not in ("", machine.decided):
            signatures.append(CommitSig(FLAG_ABSENT))
            continue
        flag = FLAG_COMMIT if vote.block_hash else FLAG_NIL
        signatures.append(CommitSig(flag, member.address, vote.time_ns, vote.signature))
    return Commit(machine.height, machine.decided_round, machine.decided, tuple(signatures))
