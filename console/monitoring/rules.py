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
    description: str
    """What it means, and what to do."""
    for_s: int = 0
    """Seconds for which it has to hold."""
    asked_for: bool = False
    """Whether the strategy document asks for it by this name."""


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
            "Look at it, and vote where a vote is open: the console's view of proposals, or "
            "`upgrade-console status --network {{ $labels.network }}`.",
            asked_for=True,
        ),
        Alert(
            "ValidatorNotReady",
            "ipc_upgrade_node_ready == 0 and ipc_upgrade_open == 1",
            Severity.WARNING,
            "{{ $labels.node }} is not ready for the upgrade of {{ $labels.network }}",
            "It has an upgrade in hand, and the release is not verified, staged and checked. Why is in "
            "`upgrade-console node status --node {{ $labels.node }}`.",
            pace.unready_s,
            asked_for=True,
        ),
        Alert(
            "ValidatorNotReadyNearHalt",
            f"({_BLOCKS_LEFT} < {pace.urgent_blocks} > 0) and ipc_upgrade_node_ready == 0",
            Severity.CRITICAL,
            "{{ $labels.node }} is not ready, {{ $value }} blocks before the halt",
            "It will stop at the target height and wait there for the release. Give it the file with "
            "`upgrade-console node add-upgrade`, or mend what `node status` says.",
            pace.settle_s,
        ),
        Alert(
            "UpgradeShortOfPower",
            "max by (network) (ipc_upgrade_ready_power / (ipc_upgrade_total_power > 0)) "
            "and on (network) max by (network) (ipc_upgrade_ready_power - (ipc_upgrade_needed_power > 0)) < 0 "
            "and on (network) max by (network) (ipc_upgrade_open) == 1",
            Severity.WARNING,
            "{{ $labels.network }}: only {{ $value | humanizePercentage }} of the power is ready for the upgrade",
            "Without enough power the verdict is ABORT, or nothing is scheduled. Who is missing is in the console's "
            "view of validators.",
            pace.unready_s,
        ),
        Alert(
            "UpgradeHaltImminent",
            f"min by (network) ({_BLOCKS_LEFT} > 0) < {pace.near_blocks}",
            Severity.WARNING,
            "{{ $labels.network }}: upgrade halt in {{ $value }} blocks",
            "Nodes stop before the target height and start with the new release. Have the console open.",
            asked_for=True,
        ),
        Alert(
            "UpgradeNodeNotArmed",
            f"({_BLOCKS_LEFT} < {pace.near_blocks} > 0) and ipc_upgrade_node_armed == 0 and ipc_upgrade_breaking == 1",
            Severity.CRITICAL,
            "{{ $labels.node }} is not armed, {{ $value }} blocks before the halt",
            "It would execute the target height under old rules, and be lost to the network until a resync. Why is in "
            "`upgrade-console node status --node {{ $labels.node }}`.",
            pace.settle_s,
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
            "They are not run. Somebody serves other bytes than the chain or the signers promise: compare with others "
            "before you try again.",
        ),
        Alert(
            "UpgradePreparationFailed",
            _recent(f'ipc_upgrade_preparation_failures_total{{reason!~"{"|".join(bad)}"}}', pace),
            Severity.WARNING,
            "{{ $labels.node }} could not prepare the upgrade ({{ $labels.reason }})",
            "It is tried again by itself. Why is in `upgrade-console node status --node {{ $labels.node }}`.",
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
            "The old binary is in place. Unless the network aborted, the node is parked and needs you: another release "
            "for the same height with `upgrade-console node swap`, or back together with `node abort`.",
            asked_for=True,
        ),
        Alert(
            "UpgradeFailed",
            _recent(f'ipc_upgrade_failures_total{{end!="{FailedEnd.ABORTED}"}}', pace),
            Severity.CRITICAL,
            "the upgrade of {{ $labels.node }} failed ({{ $labels.end }})",
            "Automation has stopped for it. What leads on is in "
            "`upgrade-console node status --node {{ $labels.node }}`.",
        ),
        Alert(
            "UpgradeAborted",
            f'max by (network) (increase(ipc_upgrade_failures_total{{end="{FailedEnd.ABORTED}"}}'
            f"[{pace.lately_s}s])) > 0",
            Severity.WARNING,
            "{{ $labels.network }}: the upgrade was aborted at its halt",
            "The old binary goes on. Why is in the console's view of proposals.",
        ),
        Alert(
            "UpgradeDowntimeLong",
            f"{_in_state(_DOWN_STATES)} == 1",
            Severity.CRITICAL,
            "{{ $labels.node }} is at its upgrade halt and does not take part in consensus",
            "It waits for the release, the verdict or the others. Which of them is in "
            "`upgrade-console node status --node {{ $labels.node }}`; who else is missing in the console's overview.",
            pace.halted_s,
        ),
        Alert(
            "NodeBehindAfterUpgrade",
            f"ipc_node_behind_blocks > {pace.behind_blocks} and ({reached})",
            Severity.CRITICAL,
            "{{ $labels.node }} is {{ $value }} blocks behind its network after the upgrade",
            "The network went on past the target height. If `upgrade-console node status` says MISSED_HALT, "
            "`node resync` leads back; if it runs the new release, it may only be catching up.",
            pace.behind_s,
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
            "What it says is in `upgrade-console node status --node {{ $labels.node }}`.",
        ),
        Alert(
            "NodeDown",
            f"ipc_node_up == 0 and {_in_state(_EXPECTED_DOWN)} == 0",
            Severity.CRITICAL,
            "{{ $labels.node }} does not run",
            "It is in no upgrade, and no operator stopped it. Why it stays down is in "
            "`upgrade-console node status --node {{ $labels.node }}`.",
            2 * pace.settle_s,
        ),
        Alert(
            "NodeNotAnswering",
            f"ipc_node_height_age_seconds > {pace.settle_s} and ipc_node_up == 1",
            Severity.WARNING,
            "{{ $labels.node }} runs and does not tell its height",
            "Its CometBFT RPC does not answer the controller.",
            2 * pace.settle_s,
        ),
        Alert(
            "UpgradeAutomationPaused",
            "ipc_controller_paused == 1 and ipc_upgrade_open == 1",
            Severity.WARNING,
            "automation of {{ $labels.node }} is off while an upgrade is in hand",
            "Nothing is prepared or armed until `upgrade-console node resume`, or `node config set automatic true`.",
            pace.paused_s,
        ),
        Alert(
            "EndpointsContradict",
            "ipc_controller_contested == 1",
            Severity.CRITICAL,
            "the endpoints of {{ $labels.network }} contradict each other ({{ $labels.node }})",
            "Nothing is signed or done on their word. One of them lies, or is on another chain.",
            pace.settle_s,
        ),
        Alert(
            "ControllerDown",
            f'up{{job="{DEFAULT_JOB}"}} == 0',
            Severity.CRITICAL,
            "the controller at {{ $labels.instance }} does not answer",
            "The node goes on without it, and stops at an armed height without anybody to start it again. Look at "
            "`systemctl status` and at its log.",
            pace.gone_s,
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
    return (
        Alert(
            "UpgradeWatchedClosely",
            f"max by (network) {closely}",
            Severity.INFO,
            "{{ $labels.network }}: the upgrade is watched closely",
            "From 100 blocks before the halt until an hour after it the rules below are in force as well. It ends by "
            "itself.",
        ),
        Alert(
            "CloseWatchNodeSilent",
            f"(ipc_node_height_age_seconds > {pace.watch_settle_s} and ipc_node_up == 1) and {closely}",
            Severity.CRITICAL,
            "{{ $labels.node }} runs and does not tell its height, around an upgrade",
            "Its CometBFT RPC does not answer the controller.",
            pace.watch_settle_s,
        ),
        Alert(
            "CloseWatchNodeBehind",
            f"ipc_node_behind_blocks > {pace.watch_behind_blocks} and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} is {{ $value }} blocks behind its network, around an upgrade",
            "It may be catching up, or lack peers. The console's view of the node shows which.",
            2 * pace.watch_settle_s,
        ),
        Alert(
            "CloseWatchHalted",
            f"{_in_state(_DOWN_STATES)} == 1 and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} is at its upgrade halt for a minute",
            "It waits for the release, the verdict or the others. Which of them is in "
            "`upgrade-console node status --node {{ $labels.node }}`.",
            pace.watch_halted_s,
        ),
        Alert(
            "CloseWatchPowerLow",
            f"100 * ipc_consensus_signed_power < {pace.watch_signed_percent} * ipc_consensus_total_power and {closely}",
            Severity.WARNING,
            "{{ $labels.node }} sees less than 75% of the power sign, around an upgrade",
            "At two thirds the chain stops. Who is missing is in the console's view of validators.",
            2 * pace.watch_settle_s,
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
        rule["annotations"] = {"summary": alert.summary, "description": alert.description}
        rules.append(rule)
    return {"groups": [{"name": GROUP, "rules": rules}]}


def alerts_markdown() -> str:
    """The table as docs/monitoring.md prints it."""
    lines = ["| alert | severity | holds for | says |", "|---|---|---|---|"]
    for alert in alerts():
        held = "at once" if not alert.for_s else f"{alert.for_s // 60} min"
        name = f"`{alert.name}`" + (" *" if alert.asked_for else "")
        lines.append(f"| {name} | {alert.severity} | {held} | {alert.summary} |")
    return "\n".join(lines) + "\n"
