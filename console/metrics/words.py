"""The closed lists: every value that a label can have, and the words of the table of metrics."""

from __future__ import annotations

from enum import StrEnum

from console.model import Arming, Crossing, FailureCode, NodeState, Preparation, Verdict

DEFAULT_JOB = "upgrade-console"
"""What the scrape configuration calls the controllers: `up{job="upgrade-console"}`."""
OWN_LABELS = ("network", "node")
"""On every series: the names of the operator's own settings."""


class MetricKind(StrEnum):
    """Prometheus' own words."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Where the controller has it from; none of them is asked for a scrape."""

    PLANS = "plans as they were read last"
    CONSENSUS = "the node's CometBFT, as it was read last"
    PEERS = "other endpoints, as they were asked last"
    STATUS = "the controller itself"
    JOURNAL = "the journal"
    """Counted from its first row on: it survives a restart of the controller."""


class Group(StrEnum):
    """A row of the dashboard and a section of the documentation."""

    COORDINATION = "Agreeing and getting ready"
    RELEASES = "Releases"
    CROSSING = "The crossing"
    CONSENSUS = "The node in its network"
    CONTROLLER = "The controller"


class RestartReason(StrEnum):
    """Why the node was started once more."""

    ARMING = "arming"
    """To load the halt height, or to drop it."""
    UPGRADE = "upgrade"
    """After a halt: the new binary, or the old one when the network aborted."""
    FAILED_TRY = "failed_try"
    """The new binary ended, and is tried again or rolled back."""
    CRASHED = "crashed"
    ASKED = "asked"
    """Stopped by the operator or by a rule, and started again."""
    OTHER = "other"


class RollbackReason(StrEnum):
    """Why the node went back to the old binary with its data."""

    FAILED_START = "failed_start"
    NETWORK_ABORT = "network_abort"
    OPERATOR = "operator"


class FailedEnd(StrEnum):
    """How an upgrade of this node can end otherwise than on the new release."""

    ABORTED = "aborted"
    """It had halted, and the old binary went on."""
    PARKED = "parked"
    MISSED_HALT = "missed_halt"
    NEEDS_OPERATOR = "needs_operator"


class DowntimeOutcome(StrEnum):
    """What came after the halt."""

    CROSSED = "crossed"
    ABORTED = "aborted"


class Checked(StrEnum):
    """What a check of downloaded or given bytes came to."""

    VERIFIED = "verified"
    HASH_MISMATCH = "hash_mismatch"
    NOT_TRUSTED = "not_trusted"


class ReleaseGroup(StrEnum):
    """Which release a validator says that it runs, seen from this node."""

    PLANNED = "planned"
    """The one of the upgrade in hand."""
    CURRENT = "current"
    """The one that this validator itself advertises."""
    OTHER = "other"
    UNKNOWN = "unknown"


STATES = tuple(
    dict.fromkeys(
        [
            *(state.value for state in NodeState),
            *(state.value for state in Preparation),
            Arming.ARMED.value,
            *(state.value for state in Crossing if state.value),
        ]
    )
)
"""Every word that `console.model.shown_state` gives."""
FAILURES = {code: code.name.lower() for code in FailureCode}
UNKNOWN_FAILURE = "unknown"
VERDICTS = {verdict: verdict.name.lower() for verdict in Verdict}
