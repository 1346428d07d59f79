"""The alert rules, as data: `alerts.yml` is written from them, and so are those of a test that cannot wait for hours.

No alert has a label with a height, a name or a reason of a chain, so that it stays one alert from its begin to its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from console.metrics.words import DEFAULT_JOB, Checked, FailedEnd
from console.model import Crossing, NodeState
from console.model.around_upgrade import AFTER_S, BEFORE_BLOCKS

GROUP = "upgrade-console"
_DOWN_STATES = (
    Crossing.HALTED,
    Crossing.QUIESCED,
    Crossing.BACKED_UP,
    Crossing.SWITCHED,
    Crossing.STARTING,
    Crossing.WAITING_FOR_QUORUM,
    Crossing.ROLLBACK,
    Crossing.RESTORED,
    Crossing.FLIPPED_BACK,
)
_EXPECTED_DOWN = (*_DOWN_STATES, Crossing.PARKED, NodeState.STOPPED_BY_OPERATOR)
"""Where the node is down on purpose, or another alert says why."""


class Severity(StrEnum):
    """What somebody has to do about it."""

    INFO = "info"
    """Know it."""
    WARNING = "warning"
    """Look at it in working hours."""
    CRITICAL = "critical"
    """Get up."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long something lasts, and how near a height is, before somebody is told. Seconds and blocks."""

    lately_s: int = 600
    """A step of a counter counts as new for that long."""
    unready_s: int = 3600
    near_blocks: int = 100
    urgent_blocks: int = 600
    behind_blocks: int = 10
    behind_s: int = 120
    after_blocks: int = 10_000
    """Blocks past H for which a node that is behind is said to be behind after the upgrade."""
    settle_s: int = 60
    """What passes sooner is nothing."""
    halted_s: int = 300
    gone_s: int = 300
    paused_s: int = 1800
    watch_blocks: int = BEFORE_BLOCKS
    """Blocks before H from which an upgrade is watched closely."""
    watch_s: int = int(AFTER_S)
    """Seconds after H until which it is."""
    watch_settle_s: int = 15
    """What passes sooner is nothing even then."""
    watch_halted_s: int = 60
    watch_behind_blocks: int = 3
    watch_signed_percent: int = 75


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule."""

    name: str
    expression: str
    severity: Severity
    summary: str
    """One line, with Prometheus' templates."""
    means: str
    """What happened, in a sentence or two."""
    safe: str
    """What is not in danger."""
    do: str
    """What to do."""
    when: str
    """When it fires, in words."""
    why: str
    """Why at that threshold, and not earlier or later."""
    for_s: int = 0
    """Seconds for which it has to hold."""
    asked_for: bool = False
    """Whether the strategy document asks for it by this name."""

    @property
    def description(self) -> str:
        """What it means and what to do, as the rule's annotation."""
        return f"{self.means} {self.do}"


def alerts(pace: Pace | None = None) -> tuple[Alert, ...]:
    """Every rule.

    Args:
        pace: None for the one that operators are given.
    """
    now = pace or Pace()
    return (*_of_plans(now), *_of_releases(now), *_of_crossings(now), *_of_nodes(now), *_of_close_watch(now))


def _recent(selector: str, pace: Pace) -> str:
    return f"increase({selector}[{pace.lately_s}s]) > 0"


_BLOCKS_LEFT = "(ipc_upgrade_target_height > 0) - ipc_network_height"
"""Blocks until H, for as long as an upgrade with a height is in hand: without that there is nothing to count to."""


def _in_state(states: tuple[StrEnum, ...]) -> str:
    """1 while the node is in one of these states, 0 while it is not."""
    return f'max without (state) (ipc_upgrade_state{{state=~"{"|".join(state.value for state in states)}"}})'


def _of_plans(pace: Pace) -> tuple[Alert, ...]:
    return (
        Alert(
            "UpgradeProposalCreated",
            f"max by (network) (increase(ipc_upgrade_proposals_total[{pace.lately_s}s])) > 0",
            Severity.INFO,
            "{{ $labels.network }}: a new upgrade proposal",
            means="A proposal is new on the chain.",
            safe="every node: nothing stops before its H",
            do="Look at it, and vote where a vote is open: the console's view of proposals, or "
            "`upgrade-console status --network {{ $labels.network }}`.",
            when=f"a proposal was counted within {pace.lately_s // 60} minutes",
            why="once is enough: it is news, and nothing is wrong",
            asked_for=True,
        ),
        Alert(
            "ValidatorNotReady",
            "ipc_upgrade_node_ready == 0 and ipc_upgrade_open == 1",
            Severity.WARNING,
            "{{ $labels.node }} is not ready for the upgrade of {{ $labels.network }}",
            means="It has an upgrade in hand, and the release is not verified, staged and checked.",
            safe="the node: it runs, and will be armed all the same",
            do="Why is in `upgrade-console node status --node {{ $labels.node }}`.",
            when="an upgrade is in hand, and the node is not ready",
            why="a download and its checks take minutes; an hour means that something is wrong",
            for_s=pace.unready_s,
            asked_for=True,
        ),
        Alert(
            "ValidatorNotReadyNearHalt",
            f"({_BLOCKS_LEFT} < {pace.urgent_blocks} > 0) and ipc_upgrade_node_ready == 0",
            Severity.CRITICAL,
            "{{ $labels.node }} is not ready, {{ $value }} blocks before the halt",
            means="It will stop at the target height and wait there for the release.",
            safe="the network, which crosses without it if more than 2/3 of the power is ready",
            do="Give it the file with `upgrade-console node add-upgrade NAME FILE`, or mend what `node status` says.",
            when=f"fewer than {pace.urgent_blocks} blocks are left, and the node is not ready",
            why="at blocks of a second to six that is ten minutes to an hour, the least in which a person can act",
            for_s=pace.settle_s,
        ),
        Alert(
            "UpgradeShortOfPower",
            "max by (network) (ipc_upgrade_ready_power / (ipc_upgrade_total_power > 0)) "
            "and on (network) max by (network) (ipc_upgrade_ready_power - (ipc_upgrade_needed_power > 0)) < 0 "
            "and on (network) max by (network) (ipc_upgrade_open) == 1",
            Severity.WARNING,
            "{{ $labels.network }}: only {{ $value | humanizePercentage }} of the power is ready for the upgrade",
            means="Without enough power the verdict is ABORT, or nothing is scheduled.",
            safe="every node: an ABORT costs a short pause",
            do="Who is missing is in the console's view of validators.",
            when="less power is ready than the upgrade needs",
            why="nodes get ready one after the other, within minutes; an hour means that somebody does not",
            for_s=pace.unready_s,
        ),
        Alert(
            "UpgradeHaltImminent",
            f"min by (network) ({_BLOCKS_LEFT} > 0) < {pace.near_blocks}",
            Severity.WARNING,
            "{{ $labels.network }}: upgrade halt in {{ $value }} blocks",
            means="Nodes stop before the target height and start with the new release.",
            safe="everything, if the console says GO; if it says NO-GO the old release goes on",
            do="Have the console open.",
            when=f"fewer than {pace.near_blocks} blocks are left",
            why="early enough to sit down, late enough that it is about now",
            asked_for=True,
        ),
        Alert(
            "UpgradeNodeNotArmed",
            f"({_BLOCKS_LEFT} < {pace.near_blocks} > 0) and ipc_upgrade_node_armed == 0 and ipc_upgrade_breaking == 1",
            Severity.CRITICAL,
            "{{ $labels.node }} is not armed, {{ $value }} blocks before the halt",
            means="It would execute the target height under old rules, and be lost to the network until a resync.",
            safe="the network, while more than 2/3 of the power is armed",
            do="Why is in `upgrade-console node status --node {{ $labels.node }}`.",
            when=f"fewer than {pace.near_blocks} blocks are left, and the node is not armed for a breaking upgrade",
            why="arming is four blocks a turn and done long before; a minute leaves out the restart itself",
            for_s=pace.settle_s,
        ),
    )


def _of_releases(pace: Pace) -> tuple[Alert, ...]:
    bad = (Checked.HASH_MISMATCH, Checked.NOT_TRUSTED)
    return (
        Alert(
            "ReleaseNotVerified",
            _recent(f'ipc_upgrade_verifications_total{{result=~"{"|".join(bad)}"}}', pace),
            Severity.CRITICAL,
            "{{ $labels.node }} got bytes that are not the release ({{ $labels.result }})",
            means="They are not run. Somebody serves other bytes than the chain or the signers promise:",
            safe="the node: nothing that is not verified is run",
            do="Compare with others before you try again.",
            when=f"bytes were refused within {pace.lately_s // 60} minutes",
            why="one refusal is an attack or a mistake of the proposer; both concern everybody at once",
        ),
        Alert(
            "UpgradePreparationFailed",
            _recent(f'ipc_upgrade_preparation_failures_total{{reason!~"{"|".join(bad)}"}}', pace),
            Severity.WARNING,
            "{{ $labels.node }} could not prepare the upgrade ({{ $labels.reason }})",
            means="It is tried again by itself.",
            safe="the node, which runs on",
            do="Why is in `upgrade-console node status --node {{ $labels.node }}`.",
            when=f"a preparation failed within {pace.lately_s // 60} minutes",
            why="a single failure may pass by itself, so it is for working hours; that it lasts is `ValidatorNotReady`",
        ),
    )


def _of_crossings(pace: Pace) -> tuple[Alert, ...]:
    reached = (
        "ipc_network_height >= (ipc_upgrade_target_height > 0) or (ipc_network_height >= "
        f"(ipc_upgrade_last_target_height > 0) and ipc_network_height - ipc_upgrade_last_target_height "
        f"< {pace.after_blocks})"
    )
    return (
        Alert(
            "UpgradeRollback",
            _recent("ipc_upgrade_rollbacks_total", pace),
            Severity.CRITICAL,
            "{{ $labels.node }} rolled back ({{ $labels.reason }})",
            means="The old binary is in place. Unless the network aborted, the node is parked and needs you:",
            safe="data and signer state; the rollback point is kept",
            do="Another release for the same height with `upgrade-console node swap NAME`, or back together with "
            "`node abort`.",
            when=f"a rollback was counted within {pace.lately_s // 60} minutes",
            why="the node is down, and only a person leads on",
            asked_for=True,
        ),
        Alert(
            "UpgradeFailed",
            _recent(f'ipc_upgrade_failures_total{{end!="{FailedEnd.ABORTED}"}}', pace),
            Severity.CRITICAL,
            "the upgrade of {{ $labels.node }} failed ({{ $labels.end }})",
            means="Automation has stopped for it.",
            safe="everything is kept as it is",
            do="What leads on is in `upgrade-console node status --node {{ $labels.node }}`.",
            when=f"an upgrade ended badly within {pace.lately_s // 60} minutes",
            why="only a person leads on",
        ),
        Alert(
            "UpgradeAborted",
            f'max by (network) (increase(ipc_upgrade_failures_total{{end="{FailedEnd.ABORTED}"}}'
            f"[{pace.lately_s}s])) > 0",
            Severity.WARNING,
            "{{ $labels.network }}: the upgrade was aborted at its halt",
            means="The old binary goes on.",
            safe="every node: nothing was switched",
            do="Why is in the console's view of proposals.",
            when=f"an abort was counted within {pace.lately_s // 60} minutes",
            why="nothing is down; why it was aborted is for the next morning",
        ),
        Alert(
            "UpgradeDowntimeLong",
            f"{_in_state(_DOWN_STATES)} == 1",
            Severity.CRITICAL,
            "{{ $labels.node }} is at its upgrade halt and does not take part in consensus",
            means="It waits for the release, the verdict or the others.",
            safe="data and signer state; H is decided",
            do="Which of them is in "
            "`upgrade-console node status --node {{ $labels.node }}`; who else is missing in the console's overview.",
            when="the node is between its halt and its first own signature",
            why="a crossing takes seconds to a minute, `max_downtime` is five minutes: the same here",
            for_s=pace.halted_s,
        ),
        Alert(
            "NodeBehindAfterUpgrade",
            f"ipc_node_behind_blocks > {pace.behind_blocks} and ({reached})",
            Severity.CRITICAL,
            "{{ $labels.node }} is {{ $value }} blocks behind its network after the upgrade",
            means="The network went on past the target height.",
            safe="the network, and the node's signer state",
            do="If `upgrade-console node status` says MISSED_HALT, "
            "`node resync` leads back; if it runs the new release, it may only be catching up.",
            when=f"more than {pace.behind_blocks} blocks behind, up to {pace.after_blocks:,} blocks after H",
            why="a node that was restarted catches up ten blocks within seconds; two minutes mean that it does not",
            for_s=pace.behind_s,
            asked_for=True,
        ),
    )


def _of_nodes(pace: Pace) -> tuple[Alert, ...]:
    return (
        Alert(
            "NodeNeedsOperator",
            "ipc_controller_alarm == 1",
            Severity.CRITICAL,
            "the controller of {{ $labels.node }} calls its operator",
            means="The controller does not go on by itself, or sees something that will end badly.",
            safe="everything is kept as it is",
            do="What it says is in `upgrade-console node status --node {{ $labels.node }}`.",
            when="the controller calls its operator",
            why="it has waited already: each probe has a window of its own",
        ),
        Alert(
            "NodeDown",
            f"ipc_node_up == 0 and {_in_state(_EXPECTED_DOWN)} == 0",
            Severity.CRITICAL,
            "{{ $labels.node }} does not run",
            means="It is in no upgrade, and no operator stopped it.",
            safe="data and signer state",
            do="Why it stays down is in `upgrade-console node status --node {{ $labels.node }}`.",
            when="the process does not run, and nobody meant it to stand",
            why="a restart by the controller takes seconds; two minutes mean that it gave up",
            for_s=2 * pace.settle_s,
        ),
        Alert(
            "NodeNotAnswering",
            f"ipc_node_height_age_seconds > {pace.settle_s} and ipc_node_up == 1",
            Severity.WARNING,
            "{{ $labels.node }} runs and does not tell its height",
            means="Its CometBFT RPC does not answer the controller.",
            safe="the node may well sign on",
            do="Look at its log and its load; `upgrade-console node restart` where it hangs.",
            when=f"its height is older than {pace.settle_s} seconds, and its process runs",
            why="an RPC under load is late by seconds",
            for_s=2 * pace.settle_s,
        ),
        Alert(
            "UpgradeAutomationPaused",
            "ipc_controller_paused == 1 and ipc_upgrade_open == 1",
            Severity.WARNING,
            "automation of {{ $labels.node }} is off while an upgrade is in hand",
            means="Nothing is prepared or armed until it is let go on.",
            safe="the node; what is armed already halts all the same",
            do="`upgrade-console node resume`, or `node config set automatic true`.",
            when="automation is off or paused while an upgrade is in hand",
            why="who paused it knows for half an hour why; then it was forgotten",
            for_s=pace.paused_s,
        ),
        Alert(
            "EndpointsContradict",
            "ipc_controller_contested == 1",
            Severity.CRITICAL,
            "the endpoints of {{ $labels.network }} contradict each other ({{ $labels.node }})",
            means="One of them lies, or is on another chain.",
            safe="the key: nothing is signed or done on their word; what is armed stays armed",
            do="Compare both with a third, and take the wrong one out of the settings.",
            when="two endpoints say different things of one and the same height",
            why="an endpoint that is reset says wrong things for seconds",
            for_s=pace.settle_s,
        ),
        Alert(
            "ControllerDown",
            f'up{{job="{DEFAULT_JOB}"}} == 0',
            Severity.CRITICAL,
            "the controller at {{ $labels.instance }} does not answer",
            means="The node goes on without it, and stops at an armed height without anybody to start it again.",
            safe="the node, until H",
            do="Look at `systemctl status` and at its log.",
            when="nobody answers the scrape",
            why="an update of the controller takes less than five minutes",
            for_s=pace.gone_s,
        ),
    )


_STEP_S = 15
"""Seconds between the moments that are looked back at: one scrape."""


def _closely(pace: Pace) -> str:
    """True of each node from some blocks before H until some time after it; ends by itself."""
    near = f"({_BLOCKS_LEFT} <= {pace.watch_blocks} > 0)"
    # While an upgrade is in hand its target is told; for so long after that last moment it was reached.
    after = (
        f"max_over_time((ipc_network_height >= bool (ipc_upgrade_target_height > 0))[{pace.watch_s}s:{_STEP_S}s]) == 1"
    )
    return f"({near} or {after})"


def _of_close_watch(pace: Pace) -> tuple[Alert, ...]:
    closely = _closely(pace)
    sooner = "around an upgrade somebody looks already, and minutes count: at other times the same waits longer"
    return (
        Alert(
            "UpgradeWatchedClosely",
            f"max by (network) {closely}",
            Severity.INFO,
            "{{ $labels.network }}: the upgrade is watched closely",
            means="An upgrade is near, or less than an hour ago: the rules for it are in force.",
            safe="everything: it says that somebody looks",
            do="Have the console open. It ends by itself.",
            when=f"from {pace.watch_blocks} blocks before H until {pace.watch_s // 60} min after the node was past it",
            why="that is when a fault can still be met by more than waiting",
        ),
        Alert(
            "CloseWatchNodeSilent",
            f"(ipc_node_height_age_seconds > {pace.watch_settle_s} and ipc_node_up == 1) and {closely}",
            Severity.CRITICAL,
            "{{ $labels.node }} runs and does not tell its height, around an upgrade",
            means="Its CometBFT RPC does not answer the controller.",
            safe="the node may well go on signing",
            do="Look at its log and at `upgrade-console node status --node {{ $labels.node }}`.",
            when=f"no height for {pace.watch_settle_s} s while the process runs, in the close watch",
            why=sooner,
            for_s=pace.watch_settle_s,
        ),
        Alert(
            "CloseWatchNodeBehind",
            f"ipc_node_behind_blocks > {pace.watch_behind_blocks} and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} is {{ $value }} blocks behind its network, around an upgrade",
            means="It catches up, or it lacks peers.",
            safe="the network, and the node's signer state",
            do="See in the console's view of the node whether it comes nearer.",
            when=f"more than {pace.watch_behind_blocks} blocks behind, in the close watch",
            why=sooner,
            for_s=2 * pace.watch_settle_s,
        ),
        Alert(
            "CloseWatchHalted",
            f"{_in_state(_DOWN_STATES)} == 1 and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} is at its upgrade halt for a minute",
            means="It waits for the release, the verdict or the others.",
            safe="data and signer state; H is decided",
            do="Which of them is in `upgrade-console node status --node {{ $labels.node }}`.",
            when="the node is between its halt and its first own signature, in the close watch",
            why="a crossing takes seconds: after a minute it is worth a look, after five it is worth a call",
            for_s=pace.watch_halted_s,
        ),
        Alert(
            "CloseWatchPowerLow",
            f"100 * ipc_consensus_signed_power < {pace.watch_signed_percent} * ipc_consensus_total_power and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} sees less than 75% of the power sign, around an upgrade",
            means="At two thirds the chain stops.",
            safe="the chain goes on for as long as more than two thirds sign",
            do="Who is missing is in the console's view of validators: call them.",
            when=f"less than {pace.watch_signed_percent} % of the power is under the last commit, in the close watch",
            why="between it and two thirds there is time to call somebody",
            for_s=2 * pace.watch_settle_s,
        ),
    )


def rules_document(pace: Pace | None = None) -> dict[str, object]:
    """The rules as Prometheus' rule file has them."""
    rules = []
    for alert in alerts(pace):
        rule: dict[str, object] = {"alert": alert.name, "expr": alert.expression}
        if alert.for_s:
            rule["for"] = f"{alert.for_s}s"
        rule["labels"] = {"severity": alert.severity.value}
        rule["annotations"] = {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": f"upgrade-console explain {alert.name}",
        }
        rules.append(rule)
    return {"groups": [{"name": GROUP, "rules": rules}]}


def thresholds_markdown() -> str:
    """The table as docs/alerting.md prints it."""
    lines = ["| alert | severity | fires when | for | why so |", "|---|---|---|---|---|"]
    for alert in alerts():
        held = "at once" if not alert.for_s else f"{alert.for_s // 60} min"
        lines.append(f"| `{alert.name}` | {alert.severity} | {alert.when} | {held} | {alert.why} |")
    return "\n".join(lines) + "\n"


def alerts_markdown() -> str:
    """The table as docs/monitoring.md prints it."""
    lines = ["| alert | severity | holds for | says |", "|---|---|---|---|"]
    for alert in alerts():
        held = "at once" if not alert.for_s else f"{alert.for_s // 60} min"
        name = f"`{alert.name}`" + (" *" if alert.asked_for else "")
        lines.append(f"| {name} | {alert.severity} | {held} | {alert.summary} |")
    return "\n".join(lines) + "\n"
