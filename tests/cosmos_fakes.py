"""Snapshots of a Cosmos chain at every station of an upgrade, with a fixed clock, for tests and pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from console.model import (
    Agreement,
    AgreementState,
    ApplicationVersion,
    Ballot,
    Bond,
    ChainView,
    Coin,
    CosmosFacts,
    ModuleVersion,
    NetworkIdentity,
    NodeHeight,
    NodeStatus,
    Proposal,
    ProposalStatus,
    Snapshot,
    Stake,
    Tally,
    Validator,
    Verdict,
    VoteRules,
    plan_without_votes,
)
from console.text import UntrustedText
from tests import fakes
from tests.fakes import NOW, TARGET

HOUR = 3600
BONDED = 36_000_000_000_000
STAKE = UntrustedText("uve")
INFO = UntrustedText(
    '{"binaries":{"linux/amd64":"https://releases.example/virtengined_2.0.0_linux_amd64.tar.gz?checksum=sha256:'
    + "ab" * 32
    + '","darwin/arm64":"https://releases.example/virtengined_2.0.0_darwin_arm64.tar.gz"}}'
)
RULES = VoteRules(quorum=334 * 10**15, threshold=5 * 10**17, veto=334 * 10**15)
PASSING = Tally(20_000_000_000_000, 1_000_000_000_000, 2_000_000_000_000, 500_000_000_000)
MONIKERS = ("Cosmos Station", "node2", "Figment", "stake with us", "Ölbaum")
POWERS = (12_000_000, 10_000_000, 8_000_000, 4_000_000, 2_000_000)


def validator(place: int, *, missed: int = 3) -> Validator:
    """Validator of the active set."""
    return Validator(
        address=f"{place + 1:040X}",
        moniker=UntrustedText(MONIKERS[place]),
        power=POWERS[place],
        consensus_address=f"{place + 1:040X}",
        stake=Stake(
            operator=UntrustedText(f"virtenginevaloper1{place}qy352eufqy352eufqy352eufqy35qqz3"),
            tokens=POWERS[place] * 10**6,
            bond=Bond.BONDED,
            jailed=False,
            missed_blocks=missed,
            signing_window=10_000,
        ),
    )


def sleeper(*, tombstoned: bool = False) -> Validator:
    """A validator that the chain has jailed."""
    return Validator(
        address=f"{99:040X}",
        moniker=UntrustedText("sleeper"),
        power=0,
        consensus_address=f"{99:040X}",
        stake=Stake(
            operator=UntrustedText("virtenginevaloper1sleeperqy352eufqy352eufqy352euf"),
            tokens=900_000_000_000,
            bond=Bond.UNBONDING,
            jailed=True,
            tombstoned=tombstoned,
            missed_blocks=9_501,
            signing_window=10_000,
            jailed_until=NOW + 600,
        ),
    )


def ballot(tally: Tally | None = None, **changes: object) -> Ballot:
    """What x/gov says of the proposal: by default a vote that would pass now."""
    base = Ballot(
        rules=RULES,
        tally=Tally(20_000_000_000_000, 1_000_000_000_000, 2_000_000_000_000, 500_000_000_000)
        if tally is None
        else tally,
        bonded=BONDED,
        title=UntrustedText("Upgrade to v2.0.0"),
        summary=UntrustedText("Faster blocks, a new model of identity, and two repaired faults of the market."),
        deposit=(Coin(STAKE, 10_000_000_000),),
        min_deposit=(Coin(STAKE, 10_000_000_000),),
        submitted_at=NOW - 50 * HOUR,
        deposit_ends_at=NOW - 2 * HOUR,
        voting_starts_at=NOW - 46 * HOUR,
        voting_ends_at=NOW + 2 * HOUR,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def proposal(status: ProposalStatus = ProposalStatus.SCHEDULED, **changes: object) -> Proposal:
    """Proposal 42, v2.0.0 at `TARGET`."""
    base = plan_without_votes(
        42,
        UntrustedText("v2.0.0"),
        TARGET,
        release_hash="",
        release_url=INFO,
        breaking=True,
        status=status,
        halts_itself=True,
    )
    crosses = status in {ProposalStatus.SCHEDULED, ProposalStatus.EXECUTED}
    made = replace(
        base,
        proposer="virtengine1proposerqy352eufqy352eufqy352eufqy35",
        verdict=Verdict.CROSS if crosses else Verdict.NONE,
        ballot=ballot(voting_ends_at=NOW - HOUR if crosses else NOW + 2 * HOUR),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def nodes(height: int, app_heights: Iterable[int]) -> tuple[NodeHeight, ...]:
    """One height per node of the first validators."""
    made = fakes.node_heights(height, app_heights)
    return tuple(
        replace(each, moniker=UntrustedText(MONIKERS[place]), consensus_address=f"{place + 1:040X}")
        for place, each in enumerate(made)
    )


def chain(
    height: int, proposals: tuple[Proposal, ...], app_heights: Iterable[int] | None = None, **changes: object
) -> ChainView:
    """The chain at a height; one validator is jailed, one misses many blocks."""
    base = ChainView(
        height=height,
        block_time_s=8.0,
        block_time_unix=NOW - 2,
        validators=tuple(validator(place, missed=1_500 if place == 3 else 3) for place in range(5)),
        nodes=nodes(height, (height,) * 4 if app_heights is None else app_heights),
        proposals=proposals,
        readiness=None,
        age_s=0.4,
        problem="",
        agreement=Agreement(AgreementState.AGREED, f"2 endpoints agree, last at height {height}"),
        cosmos=CosmosFacts(
            outside=(sleeper(),),
            bonded_tokens=BONDED,
            application=ApplicationVersion(
                UntrustedText("virtengine"), UntrustedText("v1.4.2"), UntrustedText("c0ffee"), UntrustedText("v0.53.4")
            ),
            modules=(ModuleVersion(UntrustedText("bank"), 4),),
            told_by="http://127.0.0.1:26657 (abci_query)",
        ),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def snapshot(view: ChainView | None, status: NodeStatus | None = None, **changes: object) -> Snapshot:
    """Chain and node put together as the observer does."""
    made = fakes.snapshot(view, status, network=NetworkIdentity("virtengine", "cosmos", "virtengine-1"))
    return replace(made, **changes)  # type: ignore[arg-type]


def deposited() -> Snapshot:
    """A proposal whose deposit is not complete."""
    half = ballot(
        Tally(),
        deposit=(Coin(STAKE, 4_000_000_000),),
        deposit_ends_at=NOW + 30 * HOUR,
        voting_starts_at=None,
        voting_ends_at=None,
    )
    return snapshot(chain(TARGET - 500, (proposal(ProposalStatus.DEPOSIT, ballot=half),)))


def voted() -> Snapshot:
    """A vote that would pass, beside one that would cancel and is vetoed, and one that is over."""
    vetoed = ballot(Tally(9_000_000_000_000, 0, 1_000_000_000_000, 8_000_000_000_000), cancels=True)
    cancelling = proposal(
        ProposalStatus.VOTING,
        id=43,
        name=UntrustedText("Cancel v2.0.0"),
        target_height=0,
        ballot=vetoed,
        expedited=True,
    )
    before = proposal(ProposalStatus.EXECUTED, id=40, name=UntrustedText("v1.4.0"), target_height=5_000)
    upgrade = proposal(ProposalStatus.VOTING, target_height=21_200)
    return snapshot(chain(20_000, (cancelling, upgrade, before)))


def scheduled() -> Snapshot:
    """A plan that the chain has taken up, an hour before H."""
    return snapshot(chain(TARGET - 90, (proposal(),)))


def halted(back: int = 0) -> Snapshot:
    """Every node stands at H, its process alive; the first `back` run the new binary."""
    applied = (TARGET,) * back + (TARGET - 1,) * (4 - back)
    return snapshot(chain(TARGET, (proposal(),), applied))


def crossed() -> Snapshot:
    """Twenty blocks past H."""
    return snapshot(chain(TARGET + 20, (proposal(ProposalStatus.EXECUTED),), (TARGET + 20,) * 4))
