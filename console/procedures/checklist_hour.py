"""The pre-upgrade checklist an hour before H: backups that restore, health, people, alerts and channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.checks.alerts import alerts_loaded
from console.checks.backups import configuration_backed_up, state_backed_up
from console.checks.countdown import Phase, maintenance
from console.checks.notices import notifications_sent
from console.model import Finding, Outcome, StepKind
from console.model.procedure import passed, skipped, warned
from console.monitoring_settings import load_monitoring
from console.notify.controller import outbox_of
from console.notify.outbox import Outbox
from console.notify_settings import load_notify
from console.procedures.checklist import (
    READS_EVERYTHING_S,
    configuration_copied,
    copy_configuration,
    declared_windows,
    due,
    health_steps,
)
from console.procedures.here import node_of
from console.procedures.step import Procedure, Step, StepContext


async def _copy_where_it_lacks(context: StepContext) -> Finding:
    before = await configuration_backed_up(node_of(context), context.now())
    if before.outcome is Outcome.PASS:
        return skipped("the newest copy is whole and as in force", *before.evidence)
    taken = await copy_configuration(context)
    if taken.outcome is Outcome.FAIL:
        return taken
    words = f"{before.sentence}; {taken.sentence}"
    if before.outcome is Outcome.WARN:
        return warned(words, *before.evidence, *taken.evidence, go_on="see that what changed since was meant to change")
    return passed(words, *taken.evidence)


async def _configuration(context: StepContext) -> Finding:
    return await configuration_backed_up(node_of(context), context.now())


async def _state(context: StepContext) -> Finding:
    return await state_backed_up(context.client(), node_of(context))


async def _at_hand(context: StepContext) -> Finding:
    return maintenance(await context.snapshot(), None, declared_windows(context))


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
        due(Phase.HOUR),
        Step(
            "1h.copy-configuration",
            StepKind.ACTION,
            "Copy the configuration where a copy lacks",
            "Where the list a day before was not gone through, or a file has changed since, the configuration is copied"
            " now and the copy read back; what changed is told. A copy that is whole and as in force is left alone.",
            _copy_where_it_lacks,
            configuration_copied,
            undo="remove the folder; the configuration itself is not touched",
            boxes=("Verify backup completed",),
        ),
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
            deadline_s=READS_EVERYTHING_S,
        ),
        *health_steps("1h", "Check current chain/service health"),
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


CHECKLIST_1H = Procedure(
    "checklist-1h",
    "Checklist an hour before H",
    "The second list: backups that restore, health, people, alerts and channels. It copies the configuration where no"
    " good copy is there, sends a test message, and changes nothing else.",
    _hour,
)
