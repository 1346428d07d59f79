"""The pre-upgrade checklist of the operators' document: a day, an hour and at once before H, each list a procedure.

What a machine can see it checks; what only a person knows is asked, with name and time. `boxes` names each box of the
document that a step stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from console.chain.traffic import TrafficReader
from console.checks.alerts import alerts_loaded
from console.checks.backups import configuration_backed_up, copy_evidence, state_backed_up
from console.checks.countdown import Phase, is_due, maintenance
from console.checks.live import chain_health, service_health
from console.checks.machine import clock, disk_room
from console.checks.notices import notifications_sent
from console.checks.probing import CONSENSUS, DISK, MEMORY, PEERS, SYNC
from console.checks.proven import proven_elsewhere
from console.checks.release import release_staged, rollback_binary
from console.checks.telling import together
from console.errors import NodeError, SettingsError
from console.maintenance import MaintenanceWindow
from console.model import Finding, Outcome, StepKind, Traffic
from console.model.procedure import failed, passed, skipped
from console.monitoring_settings import load_monitoring
from console.node.chain_halt import back_together
from console.notify.announcing import Occasion
from console.notify.controller import outbox_of
from console.notify.outbox import Outbox
from console.notify_settings import load_notify
from console.operations.config_copy import copy_config, newest_copy
from console.procedures.announcements import CONTACT, NOTE, steps_of
from console.procedures.here import node_of, probe
from console.procedures.step import Procedure, Step, StepContext
from console.settings import load_maintenance

_READS_EVERYTHING_S = 3600.0
"""Seconds for hashing generations and rollback points: as long as a large disk takes."""


_MOST_LOOKS = 4


def _due(phase: Phase) -> Step:
    async def look(context: StepContext) -> Finding:
        snapshot = await context.snapshot()
        for _ in range(_MOST_LOOKS):
            if snapshot.chain is None or snapshot.chain.block_time_s is not None:
                break
            # The block time comes with the second look or the third.
            await asyncio.sleep(1.0)
            snapshot = await context.snapshot()
        return is_due(phase, snapshot)

    return Step(
        f"{phase.value}.time",
        StepKind.CHECK,
        "Hold the time against the countdown",
        "Refuses after H, and the lists of the last hour while H is far away: what they find holds for minutes. Says"
        " when this list is due.",
        look,
    )


# --- a day before ---


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


async def _copy_configuration(context: StepContext) -> Finding:
    copy = await asyncio.to_thread(copy_config, node_of(context), context.now())
    found = await configuration_backed_up(node_of(context), context.now())
    if found.outcome is Outcome.FAIL:
        return found
    return passed(f"{len(copy.files)} files are copied and were read back", *copy_evidence(copy, context.now()))


async def _configuration_copied(context: StepContext) -> Finding:
    """Whether the newest copy is whole and as in force: then one that was begun was done."""
    found = await configuration_backed_up(node_of(context), context.now())
    if found.outcome is Outcome.PASS:
        return found
    copy = await asyncio.to_thread(newest_copy, node_of(context))
    return failed(found.sentence, *([] if copy is None else [str(copy.folder)]), go_on="copy it")


async def _state(context: StepContext) -> Finding:
    return await state_backed_up(context.client(), node_of(context))


async def _disk(context: StepContext) -> Finding:
    return await disk_room(node_of(context))


async def _clock(context: StepContext) -> Finding:
    return await clock(context.now())


async def _window(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    return maintenance(snapshot, await _traffic(context), _windows(context))


def _windows(context: StepContext) -> tuple[MaintenanceWindow, ...]:
    return (*load_maintenance(), *context.network.windows)


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
        _due(Phase.DAY),
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
            deadline_s=_READS_EVERYTHING_S,
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
            deadline_s=_READS_EVERYTHING_S,
        ),
        Step(
            "24h.backup-configuration",
            StepKind.ACTION,
            "Copy the configuration",
            "Copies what a person wrote below the node's home (TOML, YAML, JSON; never a key) into the controller's"
            " folder, reads the copy back, and keeps every hash.",
            _copy_configuration,
            _configuration_copied,
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


# --- an hour before ---


async def _configuration(context: StepContext) -> Finding:
    return await configuration_backed_up(node_of(context), context.now())


async def _chain(context: StepContext) -> Finding:
    return chain_health(await context.snapshot())


async def _service(context: StepContext) -> Finding:
    return service_health(await context.snapshot())


async def _probes(context: StepContext) -> Finding:
    return await probe(context, (*SYNC, *PEERS, *CONSENSUS, *MEMORY, *DISK), "the node is well by every probe")


async def _at_hand(context: StepContext) -> Finding:
    return maintenance(await context.snapshot(), None, _windows(context))


async def _alerts(context: StepContext) -> Finding:
    return await alerts_loaded(load_monitoring().prometheus, context.network)


async def _alerts_by_hand(_context: StepContext) -> Finding:
    if load_monitoring().prometheus:
        return skipped("Prometheus itself was asked")
    return passed("the settings name no Prometheus that could be asked: `[monitoring] prometheus`")


async def _notifications(context: StepContext) -> Finding:
    path = None if context.node is None else outbox_of(context.node)
    outbox = Outbox(path) if path is not None and path.is_file() else None
    return await notifications_sent(load_notify(), context.network.name, context.now(), outbox)


def _hour(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        _due(Phase.HOUR),
        Step(
            "1h.backup-configuration",
            StepKind.CHECK,
            "Verify the copy of the configuration",
            "The newest copy is whole, can be read, and is what is in force now.",
            _configuration,
            boxes=("Verify backup completed",),
        ),
        Step(
            "1h.backup-state",
            StepKind.CHECK,
            "Verify the rollback point",
            "Reads every byte of the newest rollback point and holds it against its manifest; before one was taken it"
            " says whether it will have room.",
            _state,
            boxes=("Verify backup completed",),
            deadline_s=_READS_EVERYTHING_S,
        ),
        *_health("1h", "Check current chain/service health"),
        Step(
            "1h.team",
            StepKind.CONFIRMATION,
            "Confirm who is at hand",
            "Shows which declared windows H falls into. Who is really there only a person knows.",
            _at_hand,
            ask="Is everybody who is needed at hand until an hour after H?",
            boxes=("Confirm team availability",),
        ),
        Step(
            "1h.alerts",
            StepKind.CHECK,
            "Verify the alert rules",
            "Asks Prometheus whether every rule of this console is loaded and evaluated, and whether it scrapes the"
            " controllers of this network.",
            _alerts,
            boxes=("Verify monitoring alerts configured",),
        ),
        Step(
            "1h.alerts-watched",
            StepKind.CONFIRMATION,
            "Confirm the alerts",
            "Where no Prometheus is named in the settings, a person says that alerts are watched elsewhere.",
            _alerts_by_hand,
            ask="Are alerts of this node watched, by what and by whom?",
            boxes=("Verify monitoring alerts configured",),
        ),
        Step(
            "1h.notifications",
            StepKind.ACTION,
            "Send a test message",
            "Sends a message that says of itself that it is a test to every service of this network, and looks at what"
            " was told before.",
            _notifications,
            undo="a message that went out cannot be taken back; it says that nothing happened",
            boxes=("Prepare communication channels",),
            deadline_s=90.0,
        ),
        Step(
            "1h.channels",
            StepKind.CONFIRMATION,
            "Open the channels",
            "The other validators are talked to where this console cannot: chat, call, telephone.",
            ask="Are the channels to the other validators and to users open, and do you know who speaks there?",
            boxes=("Prepare communication channels",),
        ),
    )


def _health(prefix: str, box: str) -> tuple[Step, ...]:
    steps: tuple[tuple[str, str, str, Callable[[StepContext], Awaitable[Finding]]], ...] = (
        (
            "chain",
            "Look at the chain",
            "The chain answers and makes blocks, and its endpoints say the same.",
            _chain,
        ),
        (
            "service",
            "Look at the node",
            "The node runs under its controller, nobody is called for it, and automation is not paused.",
            _service,
        ),
        (
            "probes",
            "Probe the node",
            "Some seconds of the health table: answer, height, peers, signature, round, app hash, memory, disk.",
            _probes,
        ),
    )
    return tuple(
        Step(f"{prefix}.{name}", StepKind.CHECK, title, says, work, boxes=(box,)) for name, title, says, work in steps
    )


# --- immediately before ---


async def _way_back(context: StepContext) -> Finding:
    client, node = context.client(), node_of(context)
    binary = await rollback_binary(client, node)
    state = await state_backed_up(client, node, full=False)
    return together((binary, state), "binary and rollback point to go back to are there")


async def _known_way_back(context: StepContext) -> Finding:
    attempt = (await context.client().status()).attempt
    together = "as `upgrade-console node status` says then" if attempt is None else back_together(attempt)
    rules = (
        f"before a block after H is committed: only with the network, {together}",
        "a start that fails while the application is at H-1 is rolled back by the controller, and the node parked",
        "after that: forward only, by another release or a revert upgrade",
        "the pages: docs/verification.md, `upgrade-console run rollback --dry-run`",
    )
    return passed(f"the way back of {context.network.name}", *rules)


def _now(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        _due(Phase.NOW),
        *_health("now", "Final health check"),
        Step(
            "now.rollback",
            StepKind.CHECK,
            "Look for the way back",
            "The binary to go back to is whole and runs, and a rollback point is there or will have room.",
            _way_back,
            boxes=("Have rollback procedure ready",),
            deadline_s=_READS_EVERYTHING_S,
        ),
        Step(
            "now.rollback-known",
            StepKind.CONFIRMATION,
            "Know the way back",
            "Says which way back there is until when. A person has the page open and knows who decides.",
            _known_way_back,
            ask="Do you have the rollback procedure at hand, and know who decides on an abort?",
            boxes=("Have rollback procedure ready",),
        ),
        *steps_of("now", Occasion.START, "Announce start of maintenance"),
    )


CHECKLIST_24H = Procedure(
    "checklist-24h",
    "Checklist a day before H",
    "The first list of the operators' document: what takes time to mend. It changes nothing at the node, copies its"
    " configuration, and announces the maintenance once you have read the text.",
    _day,
    (NOTE, CONTACT),
)
CHECKLIST_1H = Procedure(
    "checklist-1h",
    "Checklist an hour before H",
    "The second list: backups that restore, health, people, alerts and channels. It sends a test message, and changes"
    " nothing else.",
    _hour,
)
CHECKLIST_NOW = Procedure(
    "checklist-now",
    "Checklist just before H",
    "The last list, within half an hour of H: health once more, the way back, and the announcement of the start.",
    _now,
    (NOTE, CONTACT),
)
