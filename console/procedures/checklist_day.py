"""The pre-upgrade checklist a day before H: what takes time to mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.chain.traffic import TrafficReader
from console.checks.countdown import Phase, maintenance
from console.checks.machine import clock, disk_room
from console.checks.proven import proven_elsewhere
from console.checks.release import release_staged, rollback_binary
from console.errors import NodeError, SettingsError
from console.model import Finding, Outcome, StepKind, Traffic
from console.model.procedure import passed, skipped
from console.notify.announcing import Occasion
from console.procedures.announcements import CONTACT, NOTE, steps_of
from console.procedures.checklist import (
    READS_EVERYTHING_S,
    configuration_copied,
    copy_configuration,
    declared_windows,
    due,
)
from console.procedures.here import node_of
from console.procedures.step import Procedure, Step, StepContext


async def _changelog(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    lines = []
    if snapshot.upgrade is not None:
        proposal = snapshot.upgrade.proposal
        lines += [f"plan: {proposal.name}", f"where the release is: {proposal.release_url or 'the plan does not say'}"]
    try:
        known = await context.client().release()
        lines += [f"{name}: {value}" for name, value in known.facts] + list(known.migration)
        lines += [known.reason] if known.reason else []
    except (NodeError, SettingsError) as error:
        lines.append(f"what the release's manifest says cannot be told: {error.what}")
    return passed("where the changelog is, and what the manifest says", *lines)


async def _binary(context: StepContext) -> Finding:
    return await release_staged(context.client())


async def _proven(context: StepContext) -> Finding:
    generations = await context.client().generations()
    return await proven_elsewhere(context.network, await context.snapshot(), generations)


async def _tested(context: StepContext) -> Finding:
    found = await _proven(context)
    if found.outcome is Outcome.PASS:
        return skipped(f"a machine has seen it: {found.sentence}", *found.evidence)
    # Not seen by a machine is no reason against a person's word.
    return passed("no machine has seen the upgrade run elsewhere", found.sentence, *found.evidence)


async def _rollback_binary(context: StepContext) -> Finding:
    return await rollback_binary(context.client(), node_of(context))


async def _disk(context: StepContext) -> Finding:
    return await disk_room(node_of(context))


async def _clock(context: StepContext) -> Finding:
    return await clock(context.now())


async def _window(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    return maintenance(snapshot, await _traffic(context), declared_windows(context))


async def _traffic(context: StepContext) -> Traffic | None:
    snapshot = await context.snapshot()
    chain = snapshot.chain
    if snapshot.height is None or chain is None or not chain.block_time_s:
        return None
    own = () if context.node is None else (context.node.cometbft_rpc,)
    async with TrafficReader(context.network, (*own, *context.network.cometbft_rpc)) as reader:
        return await reader.read(snapshot.height, chain.block_time_s)


def _day(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        due(Phase.DAY),
        Step(
            "24h.changelog",
            StepKind.CONFIRMATION,
            "Review the changelog",
            "Shows where the release is and what its manifest says: version, whether it breaks rules, heights, notes"
            " and migration. A person reads the documentation itself.",
            _changelog,
            ask="Have you read the changelog and the documentation of this upgrade?",
            boxes=("Review upgrade documentation and changelog",),
        ),
        Step(
            "24h.binary",
            StepKind.CHECK,
            "Verify the staged release",
            "The controller has downloaded, verified and staged the release; its bytes are hashed once more and held"
            " against what was vouched for.",
            _binary,
            boxes=("Download new binary and verify checksum",),
            deadline_s=READS_EVERYTHING_S,
        ),
        Step(
            "24h.staging-proven",
            StepKind.CHECK,
            "Look for a run on the test network",
            "Asks the network that proves releases (`proven_on`) whether it executed this one, and for how long.",
            _proven,
            boxes=("Test upgrade on staging/testnet",),
            optional=True,
        ),
        Step(
            "24h.staging-run",
            StepKind.CONFIRMATION,
            "Confirm the test on staging",
            "Where no machine has seen the release run elsewhere, a person says that it did, and where.",
            _tested,
            ask="Was this upgrade tried on a staging or test network, whole, with a rollback?",
            boxes=("Test upgrade on staging/testnet",),
        ),
        Step(
            "24h.rollback-binary",
            StepKind.CHECK,
            "Try the binary to go back to",
            "The binary that runs now is whole, has its recorded hash, and says its version when it is executed.",
            _rollback_binary,
            boxes=("Prepare rollback binary",),
            deadline_s=READS_EVERYTHING_S,
        ),
        Step(
            "24h.backup-configuration",
            StepKind.ACTION,
            "Copy the configuration",
            "Copies what a person wrote below the node's home (TOML, YAML, JSON; never a key) into the controller's"
            " folder, reads the copy back, and keeps every hash.",
            copy_configuration,
            configuration_copied,
            undo="remove the folder; the configuration itself is not touched",
            boxes=("Backup current configuration",),
        ),
        Step(
            "24h.disk",
            StepKind.CHECK,
            "Look at the disks",
            "Every folder of the node can be written and has room, for a rollback point too.",
            _disk,
        ),
        Step(
            "24h.clock",
            StepKind.CHECK,
            "Look at the clock",
            "The kernel takes its clock for synchronised: a wrong one makes votes that others refuse.",
            _clock,
        ),
        *steps_of("24h", Occasion.PLANNED, "Notify team and stakeholders"),
        Step(
            "24h.told",
            StepKind.CONFIRMATION,
            "Confirm that everybody knows",
            "Services take messages; whether people know of the maintenance only a person can say.",
            ask="Do the team, the other validators and the users who matter know of the maintenance?",
            boxes=("Notify team and stakeholders",),
        ),
        Step(
            "24h.maintenance-window",
            StepKind.CONFIRMATION,
            "Settle the maintenance window",
            "Shows when H is likely to come, by the block time of the last hours, in your zone and in UTC; which"
            " declared windows it falls into; and when the chain is least busy.",
            _window,
            ask="Is the maintenance window settled, or is none needed?",
            boxes=("Schedule maintenance window (if needed)",),
            optional=True,
        ),
    )


CHECKLIST_24H = Procedure(
    "checklist-24h",
    "Checklist a day before H",
    "The first list of the operators' document: what takes time to mend. It changes nothing at the node, copies its"
    " configuration, and announces the maintenance once you have read the text.",
    _day,
    (NOTE, CONTACT),
)
