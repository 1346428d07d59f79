"""A Cosmos chain whose upgrade is voted on, and what its daemon would sign, for tests and pictures."""

from __future__ import annotations

from dataclasses import replace

from console.model import (
    Ballot,
    ChainMessage,
    Coin,
    MessageReview,
    NetworkIdentity,
    Proposal,
    ProposalStatus,
    Snapshot,
    Tally,
    VoteRules,
)
from console.operations.chain_messages import document_message
from console.operations.upgrade_proposal import proposal_document, upgrade_of
from console.text import UntrustedText
from tests import fakes
from tests.fakes import NOW

ACCOUNT = "virtengine1qnk2n4nlkpw9xfqntladh74w6ujtulwn7j8za9"
AUTHORITY = "virtengine10d07y265gmmuvt4z0w9aw880jnsr700juej5a8"
SUM = "ab" * 32
INFO = f'{{"binaries":{{"linux/amd64":"https://releases.example/virtengined?checksum=sha256:{SUM}"}}}}'
FIELDS = {
    "name": "v2.0.0",
    "height": "1400",
    "info": INFO,
    "title": "Upgrade to v2.0.0",
    "summary": "Adds the model registry; every operator replaces the binary.",
    "deposit": "10000000uve",
}
_E18 = 10**18


def ballot(**changes: object) -> Ballot:
    """A vote that has its quorum and would pass."""
    base = Ballot(
        rules=VoteRules(quorum=_E18 * 334 // 1000, threshold=_E18 // 2, veto=_E18 * 334 // 1000),
        tally=Tally(yes=4_000_000, abstain=100_000, no=500_000, veto=0),
        bonded=11_000_000,
        title=UntrustedText("Upgrade to v2.0.0"),
        summary=UntrustedText("Adds the model registry."),
        deposit=(Coin(UntrustedText("uve"), 10_000_000),),
        min_deposit=(Coin(UntrustedText("uve"), 10_000_000),),
        submitted_at=NOW - 7200,
        deposit_ends_at=NOW + 86_400,
        voting_starts_at=NOW - 3600,
        voting_ends_at=NOW + 5400,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def voting(**changes: object) -> Proposal:
    """Proposal 42: v2.0.0 at block 1400, under vote."""
    base = fakes.proposal(
        id=42,
        name=UntrustedText("v2.0.0"),
        target_height=1400,
        proposed_at=0,
        scheduled_at=0,
        status=ProposalStatus.VOTING,
        release_hash="",
        release_url=UntrustedText(INFO),
        halts_itself=True,
        ballot=ballot(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def depositing() -> Proposal:
    """The same while its deposit is not complete."""
    short = ballot(deposit=(Coin(UntrustedText("uve"), 4_000_000),), tally=Tally(), voting_ends_at=None)
    return voting(status=ProposalStatus.DEPOSIT, ballot=short)


def shown(*proposals: Proposal) -> Snapshot:
    """These proposals on a Cosmos chain."""
    made = fakes.snapshot(fakes.chain(1234, proposals, ()), fakes.node(1234))
    return replace(made, network=NetworkIdentity(name="devnet", kind="cosmos", chain_id="virtengine-1"))


def proposing(fields: dict[str, str]) -> ChainMessage:
    """The message that proposes what a form says."""
    proposal = upgrade_of(fields)
    document = proposal_document(proposal, AUTHORITY)
    effect = f"Proposes {proposal.name or 'that the upgrade is cancelled'}, with {proposal.deposit} as deposit."
    return document_message(document, effect, "It costs a part of the deposit.", (proposal.name, proposal.height))


def message_review(message: ChainMessage, *warnings: str) -> MessageReview:
    """What the daemon would sign for it."""
    daemon = "/usr/local/bin/virtengined"
    rest = f"--from {ACCOUNT} --chain-id virtengine-1 --node http://127.0.0.1:26657 --keyring-backend file"
    return MessageReview(
        message=message,
        commands=(
            f"{daemon} tx {' '.join(message.command)} {rest} --gas 75002 --generate-only",
            f"{daemon} tx sign /home/op/drafts/unsigned-1.json {rest} --output-document /home/op/drafts/signed-1.json",
        ),
        messages=(
            ("@type", "/cosmos.gov.v1.MsgVote"),
            ("proposal_id", str(message.proposal_id)),
            ("voter", ACCOUNT),
            ("option", "VOTE_OPTION_YES"),
        ),
        chain_id="virtengine-1",
        sender=ACCOUNT,
        key="validator of the file keyring of virtengined",
        fee="1876uve",
        gas=75_002,
        memo="",
        unsigned="{}",
        warnings=warnings,
    )
