"""The one table of what a controller measures: `/metrics`, the dashboard, the alert rules and docs/metrics.md read it.

Names pass `promtool check metrics`. Every label's values are a closed list, except those of the one `build_info`: what
a chain or a peer says is never a label.
"""

from __future__ import annotations

from console.metrics.metric import Metric
from console.metrics.words import (
    FAILURES,
    STATES,
    UNKNOWN_FAILURE,
    VERDICTS,
    Checked,
    DowntimeOutcome,
    FailedEnd,
    Group,
    MetricKind,
    ReleaseGroup,
    RestartReason,
    RollbackReason,
    Source,
)

DOWN_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds of downtimes in seconds: the strategy document asks for less than 30 and 60."""
_DOWNLOAD_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_READY_S = (5.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0, 259200.0, 604800.0)

_G, _C, _H = MetricKind.GAUGE, MetricKind.COUNTER, MetricKind.HISTOGRAM

METRICS: tuple[Metric, ...] = (
    # --- agreeing and getting ready ---
    Metric(
        "ipc_upgrade_proposals_total",
        _C,
        "Proposals that the registry has taken; on a chain with x/upgrade, plans that this node took up",
        Source.PLANS,
        Group.COORDINATION,
        "Proposals",
        asked_as="ipc_upgrade_proposal_count",
    ),
    Metric(
        "ipc_upgrade_validators",
        _G,
        "Validators whose readiness counts for the current proposal",
        Source.PLANS,
        Group.COORDINATION,
        "Validators",
        asked_as="ipc_total_validators",
    ),
    Metric(
        "ipc_upgrade_ready_validators",
        _G,
        "Validators that are ready for the current proposal",
        Source.PLANS,
        Group.COORDINATION,
        "Validators",
        asked_as="ipc_upgrade_validators_ready",
    ),
    Metric(
        "ipc_upgrade_total_power",
        _G,
        "Voting power that decides on the current proposal, 0 without one",
        Source.PLANS,
        Group.COORDINATION,
        "Power",
    ),
    Metric(
        "ipc_upgrade_needed_power",
        _G,
        "The least ready power that the current proposal needs, 0 without one",
        Source.PLANS,
        Group.COORDINATION,
        "Power",
    ),
    Metric(
        "ipc_upgrade_ready_power",
        _G,
        "Voting power that is ready for the current proposal",
        Source.PLANS,
        Group.COORDINATION,
        "Power",
    ),
    Metric(
        "ipc_upgrade_armed_power",
        _G,
        "Voting power that is armed for the current proposal",
        Source.PLANS,
        Group.COORDINATION,
        "Power",
    ),
    Metric(
        "ipc_upgrade_go_power",
        _G,
        "Voting power that is both ready and armed: more than two thirds cross",
        Source.PLANS,
        Group.COORDINATION,
        "Power",
    ),
    Metric(
        "ipc_upgrade_open",
        _G,
        "Whether this node has an upgrade in hand: taken up and not ended",
        Source.STATUS,
        Group.COORDINATION,
        "This node",
    ),
    Metric(
        "ipc_upgrade_node_ready",
        _G,
        "Whether this node is ready for the upgrade in hand: verified, staged, preflight passed",
        Source.STATUS,
        Group.COORDINATION,
        "This node",
    ),
    Metric(
        "ipc_upgrade_node_armed",
        _G,
        "Whether this node will stop before the target height: armed, or its chain stops it by itself",
        Source.STATUS,
        Group.COORDINATION,
        "This node",
    ),
    Metric(
        "ipc_upgrade_breaking",
        _G,
        "Whether the upgrade in hand changes the rules: a node that goes on past the height without it is lost",
        Source.STATUS,
        Group.COORDINATION,
        "This node",
    ),
    Metric(
        "ipc_upgrade_time_to_ready_seconds",
        _H,
        "From the moment that this node took the plan up until enough power was ready",
        Source.JOURNAL,
        Group.COORDINATION,
        "Time until enough power was ready",
        unit="s",
        bounds=_READY_S,
        asked_as="ipc_upgrade_time_to_ready",
    ),
    # --- releases ---
    Metric(
        "ipc_upgrade_preparation_duration_seconds",
        _H,
        "From the moment that this node took the plan up until it was ready",
        Source.JOURNAL,
        Group.RELEASES,
        "Time until this node was ready",
        unit="s",
        bounds=_READY_S,
    ),
    Metric(
        "ipc_upgrade_download_duration_seconds",
        _H,
        "From the begin of a download until its bytes were verified",
        Source.JOURNAL,
        Group.RELEASES,
        "Time of a download",
        unit="s",
        bounds=_DOWNLOAD_S,
        asked_as="ipc_binary_download_duration",
    ),
    Metric(
        "ipc_upgrade_verifications_total",
        _C,
        "Checks of release bytes against what the chain and the signers promise, by what they came to",
        Source.JOURNAL,
        Group.RELEASES,
        "Verifications",
        label="result",
        values=tuple(Checked),
        asked_as="ipc_binary_verification_success",
    ),
    Metric(
        "ipc_upgrade_preparation_failures_total",
        _C,
        "Preparations that failed, by the reason that the registry knows; each is tried again",
        Source.JOURNAL,
        Group.RELEASES,
        "Failed preparations",
        label="reason",
        values=(*FAILURES.values(), UNKNOWN_FAILURE),
    ),
    Metric(
        "ipc_upgrade_validators_by_release",
        _G,
        "Validators by the release that they say they run, seen from this node",
        Source.PLANS,
        Group.RELEASES,
        "Validators by release",
        label="release",
        values=tuple(ReleaseGroup),
        asked_as="ipc_validator_version_distribution",
    ),
    Metric(
        "ipc_node_build_info",
        _G,
        "Always 1: what the running binary says of itself, and the sha256 of its bytes",
        Source.STATUS,
        Group.RELEASES,
        "Running release",
        facts=("version", "sha256"),
    ),
    # --- the crossing ---
    Metric(
        "ipc_upgrade_target_height",
        _G,
        "Target height of the upgrade in hand, the first that the new binary executes; 0 for none",
        Source.STATUS,
        Group.CROSSING,
        "Heights",
    ),
    Metric(
        "ipc_upgrade_last_target_height",
        _G,
        "Target height of the newest upgrade that this node came to; 0 for none",
        Source.JOURNAL,
        Group.CROSSING,
        "Heights",
    ),
    Metric(
        "ipc_upgrade_state",
        _G,
        "1 for the state that this node is in, 0 for the others",
        Source.STATUS,
        Group.CROSSING,
        "State",
        label="state",
        values=STATES,
    ),
    Metric(
        "ipc_upgrade_verdict",
        _G,
        "1 for the verdict on the upgrade in hand, 0 for the others",
        Source.STATUS,
        Group.CROSSING,
        "Verdict",
        label="verdict",
        values=tuple(VERDICTS.values()),
    ),
    Metric(
        "ipc_upgrade_confirmed_power",
        _G,
        "Voting power that has confirmed the crossing of the current proposal",
        Source.PLANS,
        Group.CROSSING,
        "Power that confirmed",
    ),
    Metric(
        "ipc_upgrade_downtime_seconds",
        _H,
        "From this node's halt until the network went on with it, or until the old binary was resumed",
        Source.JOURNAL,
        Group.CROSSING,
        "Downtime",
        unit="s",
        label="outcome",
        values=tuple(DowntimeOutcome),
        bounds=DOWN_S,
        asked_as="ipc_upgrade_completion_time",
    ),
    Metric(
        "ipc_upgrade_commits_total",
        _C,
        "Upgrades that this node came through on the new release",
        Source.JOURNAL,
        Group.CROSSING,
        "Ends of upgrades",
    ),
    Metric(
        "ipc_upgrade_failures_total",
        _C,
        "Upgrades of this node that came to another end, by that end",
        Source.JOURNAL,
        Group.CROSSING,
        "Ends of upgrades",
        label="end",
        values=tuple(FailedEnd),
        asked_as="ipc_upgrade_failures",
    ),
    Metric(
        "ipc_upgrade_rollbacks_total",
        _C,
        "Rollbacks that this node began, by their reason",
        Source.JOURNAL,
        Group.CROSSING,
        "Rollbacks",
        label="reason",
        values=tuple(RollbackReason),
        asked_as="ipc_upgrade_rollbacks",
    ),
    # --- the node in its network ---
    Metric(
        "ipc_node_up",
        _G,
        "Whether the node's process runs",
        Source.STATUS,
        Group.CONSENSUS,
        "Process",
    ),
    Metric(
        "ipc_node_height",
        _G,
        "Newest block of this node; while it is down, the last that was seen",
        Source.CONSENSUS,
        Group.CONSENSUS,
        "Heights of node and network",
        asked_as="ipc_current_height",
    ),
    Metric(
        "ipc_node_app_height",
        _G,
        "Last height that this node's application executed",
        Source.CONSENSUS,
        Group.CONSENSUS,
        "Heights of node and network",
    ),
    Metric(
        "ipc_network_height",
        _G,
        "Highest block that this node or any other endpoint told lately",
        Source.PEERS,
        Group.CONSENSUS,
        "Heights of node and network",
    ),
    Metric(
        "ipc_node_behind_blocks",
        _G,
        "Blocks that the network is ahead of this node",
        Source.PEERS,
        Group.CONSENSUS,
        "Behind",
        asked_as="ipc_consensus_lag",
    ),
    Metric(
        "ipc_node_height_age_seconds",
        _G,
        "Time since the node told its height",
        Source.CONSENSUS,
        Group.CONSENSUS,
        "Age of the height",
        unit="s",
    ),
    Metric(
        "ipc_consensus_signed_power",
        _G,
        "Voting power in the last commit that this node knows",
        Source.CONSENSUS,
        Group.CONSENSUS,
        "Power in the last commit",
    ),
    Metric(
        "ipc_consensus_total_power",
        _G,
        "Voting power of all validators in consensus",
        Source.CONSENSUS,
        Group.CONSENSUS,
        "Power in the last commit",
    ),
    Metric(
        "ipc_node_restarts_total",
        _C,
        "Starts of the node after its first, by the reason",
        Source.JOURNAL,
        Group.CONSENSUS,
        "Restarts of the node",
        label="reason",
        values=tuple(RestartReason),
    ),
    # --- the controller ---
    Metric(
        "ipc_controller_starts_total",
        _C,
        "Starts of the controller",
        Source.JOURNAL,
        Group.CONTROLLER,
        "Starts of the controller",
        asked_as="ipc_orchestrator_restarts",
    ),
    Metric(
        "ipc_controller_alarm",
        _G,
        "Whether the controller calls its operator; why is on the console",
        Source.STATUS,
        Group.CONTROLLER,
        "Calls",
    ),
    Metric(
        "ipc_controller_paused",
        _G,
        "Whether the operator paused automation, or it is off",
        Source.STATUS,
        Group.CONTROLLER,
        "Calls",
    ),
    Metric(
        "ipc_controller_contested",
        _G,
        "Whether endpoints contradict each other and nothing is done on their word",
        Source.PLANS,
        Group.CONTROLLER,
        "Calls",
    ),
)
"""Everything, in the order of the dashboard."""

_BY_NAME = {metric.name: metric for metric in METRICS}


def metric(name: str) -> Metric:
    """The metric of a name. Raises KeyError."""
    return _BY_NAME[name]


def metrics_markdown() -> str:
    """The table as docs/metrics.md prints it."""
    lines = ["| metric | type | labels | meaning | from | strategy document |", "|---|---|---|---|---|---|"]
    for entry in METRICS:
        closed = f"`{entry.label}`: " + ", ".join(entry.values) if entry.label else ""
        labels = closed or ", ".join(f"`{name}`" for name in entry.facts)
        asked = f"`{entry.asked_as}`" if entry.asked_as else ""
        cells = (f"`{entry.name}`", entry.kind.value, labels, entry.meaning, entry.source.value, asked)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
