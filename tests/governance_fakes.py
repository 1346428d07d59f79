"""Proposals at every station of a registry of votes, and what was voted and approved, for tests and pictures."""

from __future__ import annotations

from dataclasses import replace

from console.model import (
    Agreement,
    AgreementState,
    Approval,
    CallOutcome,
    CallReview,
    Choice,
    CutReview,
    FacetChange,
    Governance,
    HaltCode,
    LinkedCall,
    LinkedReview,
    MigrationKind,
    Proposal,
    ProposalStatus,
    RegistryCall,
    RegistryRules,
    ReleaseKind,
    ScheduleKind,
    Selector,
    Snapshot,
    Upgradable,
    ValidatorReadiness,
    ValidatorVote,
    Verdict,
)
from console.text import UntrustedText
from tests import fakes
from tests.fakes import ADDRESSES, HASH, NOW, PROPOSER, TARGET

COUNCIL = (
    "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "0x976EA74026E726554dB657fA54763abd0C3a0aa9",
    "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955",
    "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f",
    "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
)
REGISTRY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DIAMOND = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"
LINKED_HASH = "ab" * 32


def voting(**changes: object) -> Proposal:
    """Proposal 2: an expedited vote on v0.3.0 that is scheduled by readiness."""
    base = fakes.proposal(
        id=2,
        name=UntrustedText("v0.3.0"),
        target_height=0,
        proposed_at=1190,
        scheduled_at=0,
        status=ProposalStatus.VOTING,
        release_kind=ReleaseKind.MANIFEST,
        schedule_kind=ScheduleKind.READINESS,
        delay=100,
        readiness_bps=7500,
        readiness_deadline=2400,
        voting_ends_at=1290,
        expedited=True,
        yes_power=20,
        no_power=10,
        voting_power=40,
        execution_window=500,
        migration_kind=MigrationKind.WASM,
        migration_hash="cd" * 32,
        linked_calls=1,
        linked_hash=LINKED_HASH,
        contracts_first=True,
        halt_approvals=2,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def approved(entries: tuple[ValidatorReadiness, ...] = (), **changes: object) -> Proposal:
    """The same, approved, with the readiness of `entries`."""
    ready = sum(entry.power for entry in entries if entry.ready)
    won = {"status": ProposalStatus.APPROVED, "approved_at": 1205, "yes_power": 40, "no_power": 0, "ready_power": ready}
    return voting(**{**won, **changes})


def scheduled(entries: tuple[ValidatorReadiness, ...] = (), **changes: object) -> Proposal:
    """The same, scheduled at 1300."""
    return approved(
        entries, **{"status": ProposalStatus.SCHEDULED, "scheduled_at": 1212, "target_height": TARGET, **changes}
    )


def crossed(**changes: object) -> Proposal:
    """The same after the halt: CROSS, not confirmed by enough yet."""
    return scheduled(
        fakes.ALL_READY, **{"verdict": Verdict.CROSS, "frozen_at": 1295, "armed_power": 40, "go_power": 40, **changes}
    )


def calls_alone(**changes: object) -> Proposal:
    """Proposal 3: contract calls without a release, approved."""
    return voting(
        **{
            "id": 3,
            "name": UntrustedText("gateway-cut"),
            "release_kind": ReleaseKind.NONE,
            "release_hash": "",
            "release_url": UntrustedText(""),
            "schedule_kind": ScheduleKind.FIXED,
            "delay": 0,
            "readiness_bps": 0,
            "readiness_deadline": 0,
            "expedited": False,
            "status": ProposalStatus.APPROVED,
            "approved_at": 1205,
            "yes_power": 30,
            "migration_kind": MigrationKind.NONE,
            "migration_hash": "",
            "contracts_first": False,
            "init_allowed": True,
            "halt_approvals": 0,
            **changes,
        }
    )


def halted_by(index: int, text: str = "the gateway's proofs fail on our archive node") -> Approval:
    """The approval of a member of the council."""
    return Approval(COUNCIL[index], 1, 1221 + index, HaltCode.SECURITY, UntrustedText(text), "")


def governance(proposal_id: int = 2, *, rolled: bool = False, **changes: object) -> Governance:
    """Three have voted, two of the council want to stop it, one call is linked; `rolled`: two want it rolled back."""
    choices = (Choice.YES, Choice.YES, Choice.NO, Choice.NONE)
    base = Governance(
        proposal_id=proposal_id,
        height=1234,
        votes=tuple(
            ValidatorVote(address, 10, choice, 0 if choice is Choice.NONE else 1192 + index)
            for index, (address, choice) in enumerate(zip(ADDRESSES, choices, strict=True))
        ),
        halts=(halted_by(0), halted_by(3, "we cannot follow it in time")),
        replacements=(),
        rollbacks=tuple(
            Approval(address, 10, 1305 + index, 0, UntrustedText("v0.3.0 does not start"), "")
            for index, address in enumerate(ADDRESSES[:2])
        )
        if rolled
        else (),
        calls=(LinkedCall(DIAMOND, bytes.fromhex("1f931c1c") + bytes(96), "ef" * 32),),
        undo=(LinkedCall(DIAMOND, bytes.fromhex("1f931c1c") + bytes(96), "ef" * 32),),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def rules(**changes: object) -> RegistryRules:
    """A registry that votes, with a council of five of which three stop an upgrade."""
    base = RegistryRules(
        power_source="0x9fE46736679d2D9a65F0992F2272dE9f3c7fa6e0",
        configuration_number=1,
        admin=PROPOSER,
        min_proposer_power=1,
        voting_required=True,
        min_voting_blocks=604_800,
        min_expedited_blocks=3_600,
        freeze_blocks=5,
        execution_window=10_000,
        minimum_lead=20,
        successor="0x" + "0" * 40,
        council=COUNCIL,
        council_threshold=3,
        targets=(DIAMOND,),
        proposal_count=2,
        scheduled_id=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def review(call: RegistryCall, *warnings: str) -> CallReview:
    """What would be signed for a call."""
    words = ", ".join(f"{name}={value}" for name, value in zip(("id", "support", "reason"), call.args, strict=False))
    return CallReview(
        call=call,
        described=f"{call.function}({words})",
        target=REGISTRY,
        chain_id=31_337,
        sender=PROPOSER,
        nonce=12,
        gas=180_000,
        cost_wei=360_000_000_000_000,
        data="0x" + "c1" * 68,
        warnings=warnings,
    )


def outcome(call: RegistryCall) -> CallOutcome:
    """It is in a block."""
    return CallOutcome("0x" + "7a" * 32, 1236, 90_000, call.proposal_id or 7)


def shown(*proposals: Proposal, height: int = 1234, entries: tuple[ValidatorReadiness, ...] = ()) -> Snapshot:
    """These proposals on the chain; `entries` are the readiness of the first one."""
    return fakes.snapshot(
        replace(
            fakes.chain(height, proposals, entries),
            readiness=None if not entries else fakes.readiness_of(proposals[0].id, entries),
        ),
        fakes.node(height),
    )


def advertised(index: int, *, ready: bool, version: str = "v0.2.0") -> ValidatorReadiness:
    """A validator that told its release two hours ago."""
    return replace(
        fakes.said(index, ready=ready, armed=False),
        version=UntrustedText(version),
        protocol=3,
        advertised_hash=HASH if version == "v0.3.0" else "12" * 32,
        advertised_at=1100,
        advertised_time=int(NOW) - 7_200,
    )


TWO_READY = (
    advertised(0, ready=True),
    advertised(1, ready=True),
    advertised(2, ready=False),
    advertised(3, ready=False, version="v0.1.5"),
)


def voted_on() -> Snapshot:
    """An expedited vote goes on, after an upgrade that was executed."""
    done = fakes.proposal(fakes.ALL_READY, verdict=Verdict.CROSS, frozen_at=1095, target_height=1100)
    done = replace(
        done, status=ProposalStatus.EXECUTED, proposed_at=1000, scheduled_at=1000, name=UntrustedText("v0.2.0")
    )
    return shown(voting(), done)


def waiting_for_readiness() -> Snapshot:
    """Approved; half of the power is ready, three quarters are needed."""
    return shown(approved(TWO_READY), entries=TWO_READY)


def cut_review(**changes: object) -> CutReview:
    """A cut of the gateway: one facet replaced, one function new, one gone, and an initialiser."""
    base = CutReview(
        target_name="gateway",
        target=DIAMOND,
        owner=REGISTRY,
        upgradable=Upgradable.REGISTRY,
        on_parent=False,
        facets=(
            FacetChange(
                name="GatewayMessengerFacet",
                old_address=ADDRESSES[1],
                new_address=ADDRESSES[2],
                old_code_hash="aa" * 32,
                new_code_hash="bb" * 32,
                added=(Selector("0x1e8c1ef7", "propagateAll()"),),
                replaced=(Selector("0x92a83b0c", "sendContractXnetMessage((uint8,uint64,uint256,bytes))"),),
                removed=(Selector("0x25bf0db6"),),
                code_diff=(
                    "  0000 PUSH1 0x80",
                    "- 0004 PUSH2 0x0fa0",
                    "+ 0004 PUSH2 0x0fb4",
                    "+ 0007 CALLER",
                    "  0008 JUMPI",
                    "…",
                ),
                code_diff_omitted=412,
                source="compiled here from the same source",
            ),
        ),
        init=ADDRESSES[3],
        init_code_hash="cc" * 32,
        init_data="0xe1c7392a",
        risks=("a function of every user changes hands: sendContractXnetMessage",),
        data="0x1f931c1c",
        undo_data="0x1f931c1c",
        height=1233,
        codes_agree=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def linked_reviews(**changes: object) -> tuple[LinkedReview, ...]:
    """One linked cut of the gateway."""
    return (LinkedReview(DIAMOND, "diamondCut(1 facet, init 0x15d3…6A65)", cut_review(**changes)),)


def rolling_back() -> Snapshot:
    """The network went on with the old release; some have said so."""
    return shown(crossed(contracts_at=1230, rollback_power=20), height=1310)


def contested() -> Snapshot:
    """GO, if it were true: two endpoints contradict each other."""
    before = fakes.go()
    assert before.chain is not None
    apart = Agreement(AgreementState.DISAGREED, "http://10.0.0.1:8545 and http://10.0.0.2:8545 contradict at 1,276")
    return fakes.snapshot(replace(before.chain, agreement=apart), before.node)
