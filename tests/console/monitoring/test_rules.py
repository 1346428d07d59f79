"""The alert rules against Prometheus' own tool, on the series that a controller really tells."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from console.metrics.metric import series
from console.metrics.table import METRICS
from console.monitoring.rules import Alert, Pace, Severity, alerts
from console.monitoring.written import rules_text
from console.node.journal import Journal
from console.node.metrics.exposition import Exposition
from tests.console.node.metrics.known import known

pytestmark = pytest.mark.anyio

MINUTES = 130
NODES = ("node1", "node2")
NAMES = tuple(alert.name for alert in alerts())


def test_the_strategy_documents_alerts_are_there_by_their_names() -> None:
    asked = {alert.name for alert in alerts() if alert.asked_for}
    assert asked == {
        "UpgradeProposalCreated",
        "ValidatorNotReady",
        "UpgradeHaltImminent",
        "UpgradeRollback",
        "NodeBehindAfterUpgrade",
    }
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_a_rule_uses_only_what_there_is(alert: Alert) -> None:
    known_names = {name for entry in METRICS for name in series(entry)}
    assert set(re.findall(r"\bipc_[a-z_]+", alert.expression)) <= known_names
    assert alert.summary
    assert alert.description.endswith(".")
    labels = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
    by_network = alert.expression.startswith(("max by (network)", "min by (network)"))
    assert labels <= ({"network"} if by_network else {"network", "node", "result", "reason", "end", "instance"})


def test_the_committed_file_is_what_the_rules_say() -> None:
    path = Path(__file__).parents[3] / "console" / "monitoring" / "alerts.yml"
    assert path.read_text("utf-8") == rules_text()


# --- by promtool ---


@dataclass
class Story:
    """What differs from an idle network, as promtool writes values, and which alerts fire at which minute."""

    values: Mapping[str, str] = field(default_factory=dict)
    """By series without `network` and `node`; of node1 alone."""
    fires: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Minute → alert → its summary. At these minutes nothing else fires."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Alert → labels that it has beside network, node and severity."""


PREPARING = {"ipc_upgrade_open": "1x600", "ipc_upgrade_breaking": "1x600"}
SCHEDULED = {**PREPARING, "ipc_upgrade_target_height": "1000x600"}
PREPARED = {"ipc_upgrade_node_ready": "1x600", "ipc_upgrade_node_armed": "1x600"}
POWER = {"ipc_upgrade_total_power": "40x600", "ipc_upgrade_needed_power": "27x600"}
BY_NETWORK = {
    "UpgradeProposalCreated",
    "UpgradeShortOfPower",
    "UpgradeHaltImminent",
    "UpgradeAborted",
    "UpgradeWatchedClosely",
}


def by_height(*heights: str) -> dict[str, str]:
    return {"ipc_network_height": " ".join(heights)}


WATCHED = {"UpgradeWatchedClosely": "devnet: the upgrade is watched closely"}

STORIES = {
    "an idle network is silent": Story(fires={minute: {} for minute in (0, 1, 30, 90)}),
    "an idle node that makes blocks is silent": Story(by_height("60+60x600"), {1: {}, 90: {}}),
    "a proposal is new for ten minutes": Story(
        {"ipc_upgrade_proposals_total": "0x9 1x590"},
        {9: {}, 10: {"UpgradeProposalCreated": "devnet: a new upgrade proposal"}, 30: {}},
    ),
    "a controller that begins to tell of old proposals is silent": Story(
        {"ipc_upgrade_proposals_total": "_x9 5x590"}, {9: {}, 10: {}, 11: {}, 15: {}}
    ),
    "an operator is told after an hour": Story(
        {**PREPARING, "ipc_upgrade_node_ready": "0x90 1x500"},
        {59: {}, 61: {"ValidatorNotReady": "node1 is not ready for the upgrade of devnet"}, 95: {}},
    ),
    "not ready before a halt": Story(
        {
            **SCHEDULED,
            **by_height("300x5 500x5 950x5 1001x580"),
            "ipc_upgrade_node_armed": "1x600",
            "ipc_upgrade_target_height": "1000x19 0x580",
        },
        {
            5: {},
            8: {"ValidatorNotReadyNearHalt": "node1 is not ready, 500 blocks before the halt"},
            15: {
                "ValidatorNotReadyNearHalt": "node1 is not ready, 50 blocks before the halt",
                "UpgradeHaltImminent": "devnet: upgrade halt in 50 blocks",
                **WATCHED,
            },
            20: WATCHED,
        },
    ),
    "a halt comes near, and is over": Story(
        {
            **SCHEDULED,
            **PREPARED,
            **by_height("890+1x108 999x3 1000+1x400"),
            "ipc_upgrade_target_height": "1000x113 0x400",
            "ipc_upgrade_last_target_height": "0x108 1000x400",
        },
        {
            9: {},
            10: WATCHED,
            11: {"UpgradeHaltImminent": "devnet: upgrade halt in 99 blocks", **WATCHED},
            108: {"UpgradeHaltImminent": "devnet: upgrade halt in 2 blocks", **WATCHED},
            120: WATCHED,
        },
    ),
    "not armed before a halt": Story(
        {**SCHEDULED, "ipc_upgrade_node_ready": "1x600", **by_height("950x9 1100x500")},
        {
            0: {"UpgradeHaltImminent": "devnet: upgrade halt in 50 blocks", **WATCHED},
            2: {
                "UpgradeNodeNotArmed": "node1 is not armed, 50 blocks before the halt",
                "UpgradeHaltImminent": "devnet: upgrade halt in 50 blocks",
                **WATCHED,
            },
            12: WATCHED,
        },
    ),
    "too little power": Story(
        {**PREPARING, **PREPARED, **POWER, "ipc_upgrade_ready_power": "10x90 30x500"},
        {
            59: {},
            61: {"UpgradeShortOfPower": "devnet: only 25% of the power is ready for the upgrade"},
            95: {},
        },
    ),
    "a vote that goes on for days is no lack of power": Story({**POWER}, {65: {}, 90: {}}),
    "other bytes than promised": Story(
        {
            'ipc_upgrade_verifications_total{result="hash_mismatch"}': "0x9 1x500",
            'ipc_upgrade_preparation_failures_total{reason="hash_mismatch"}': "0x9 1x500",
        },
        {10: {"ReleaseNotVerified": "node1 got bytes that are not the release (hash_mismatch)"}, 25: {}},
        {"ReleaseNotVerified": {"result": "hash_mismatch"}},
    ),
    "a download that failed": Story(
        {'ipc_upgrade_preparation_failures_total{reason="download_failed"}': "0x9 1x500"},
        {10: {"UpgradePreparationFailed": "node1 could not prepare the upgrade (download_failed)"}, 25: {}},
        {"UpgradePreparationFailed": {"reason": "download_failed"}},
    ),
    "a rollback to parked": Story(
        {
            'ipc_upgrade_rollbacks_total{reason="failed_start"}': "0x9 1x500",
            'ipc_upgrade_failures_total{end="parked"}': "0x9 1x500",
            "ipc_controller_alarm": "0x9 1x500",
            'ipc_upgrade_state{state="IDLE"}': "0x600",
            'ipc_upgrade_state{state="PARKED"}': "0x9 1x500",
            "ipc_node_up": "1x9 0x500",
        },
        {
            9: {},
            10: {
                "UpgradeRollback": "node1 rolled back (failed_start)",
                "UpgradeFailed": "the upgrade of node1 failed (parked)",
                "NodeNeedsOperator": "the controller of node1 calls its operator",
            },
            30: {"NodeNeedsOperator": "the controller of node1 calls its operator"},
        },
        {"UpgradeRollback": {"reason": "failed_start"}, "UpgradeFailed": {"end": "parked"}},
    ),
    "an abort at the halt": Story(
        {'ipc_upgrade_failures_total{end="aborted"}': "0x9 1x500"},
        {10: {"UpgradeAborted": "devnet: the upgrade was aborted at its halt"}, 25: {}},
    ),
    "a crossing of two minutes is silent, one of twenty is not": Story(
        {
            'ipc_upgrade_state{state="HALTED"}': "0x10 1x1 0x20 1x3 0x500",
            'ipc_upgrade_state{state="STARTING"}': "0x34 1x20 0x500",
            "ipc_node_up": "1x10 0x1 1x20 0x23 1x500",
        },
        {
            13: {},
            40: {"UpgradeDowntimeLong": "node1 is at its upgrade halt and does not take part in consensus"},
            60: {},
        },
    ),
    "behind after an upgrade": Story(
        {
            "ipc_upgrade_last_target_height": "1000x600",
            "ipc_network_height": "1200x600",
            "ipc_node_behind_blocks": "40x20 3x500",
        },
        {1: {}, 3: {"NodeBehindAfterUpgrade": "node1 is 40 blocks behind its network after the upgrade"}, 25: {}},
    ),
    "behind before any upgrade, and long after one, is not behind after the upgrade": Story(
        {
            "ipc_upgrade_last_target_height": "0x40 1000x500",
            "ipc_upgrade_target_height": "0x40 90000x500",
            "ipc_network_height": "1200x40 20000x500",
            "ipc_node_behind_blocks": "40x600",
            **PREPARED,
        },
        {30: {}, 60: {}},
    ),
    "around an upgrade a node is told of sooner, and an hour after it no sooner than ever": Story(
        {
            **SCHEDULED,
            **PREPARED,
            "ipc_upgrade_target_height": "1000x9 0x500",
            "ipc_network_height": "950x4 1000x500",
            "ipc_node_height_age_seconds": "1x5 30x2 1x72 30x500",
            "ipc_node_behind_blocks": "0x20 5x9 0x50 5x500",
            'ipc_upgrade_state{state="HALTED"}': "0x4 1x3 0x500",
            "ipc_consensus_signed_power": "40x12 28x3 40x64 28x500",
            "ipc_consensus_total_power": "40x600",
        },
        {
            4: {"UpgradeHaltImminent": "devnet: upgrade halt in 50 blocks", **WATCHED},
            7: {
                "CloseWatchNodeSilent": "node1 runs and does not tell its height, around an upgrade",
                "CloseWatchHalted": "node1 is at its upgrade halt for a minute",
                **WATCHED,
            },
            15: {
                "CloseWatchPowerLow": "node1 sees less than 75% of the power sign, around an upgrade",
                **WATCHED,
            },
            25: {
                "CloseWatchNodeBehind": "node1 is 5 blocks behind its network, around an upgrade",
                **WATCHED,
            },
            85: {},
        },
    ),
    "a node that nobody stopped": Story(
        {"ipc_node_up": "1x9 0x10 1x500"}, {11: {}, 13: {"NodeDown": "node1 does not run"}, 25: {}}
    ),
    "a node that its operator stopped": Story(
        {"ipc_node_up": "0x600", 'ipc_upgrade_state{state="STOPPED_BY_OPERATOR"}': "1x600"}, {5: {}, 60: {}}
    ),
    "a node that does not answer": Story(
        {"ipc_node_height_age_seconds": "1x9 100x9 1x500"},
        {13: {"NodeNotAnswering": "node1 runs and does not tell its height"}, 25: {}},
    ),
    "automation is off": Story(
        {"ipc_controller_paused": "1x600", "ipc_upgrade_open": "0x9 1x60 0x400", **PREPARED},
        {35: {}, 42: {"UpgradeAutomationPaused": "automation of node1 is off while an upgrade is in hand"}, 75: {}},
    ),
    "endpoints contradict each other": Story(
        {"ipc_controller_contested": "1x9 0x500"},
        {5: {"EndpointsContradict": "the endpoints of devnet contradict each other (node1)"}, 12: {}},
    ),
    "a controller is gone": Story(
        {"up": "1x9 0x10 1x500"}, {12: {}, 16: {"ControllerDown": "the controller at 127.0.0.1:9464 does not answer"}}
    ),
}
"""Each alert fires in one of them and clears, and nothing else does at the same minute."""


def test_every_alert_has_a_story() -> None:
    told = {name for story in STORIES.values() for fires in story.fires.values() for name in fires}
    assert told == set(NAMES)


@pytest.mark.peer
async def test_every_story_by_promtool(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    (tmp_path / "alerts.yml").write_text(rules_text(), "utf-8")
    idle = await idle_series(tmp_path)
    document = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [as_test(name, story, idle) for name, story in STORIES.items()],
    }
    (tmp_path / "stories.yml").write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", "stories.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.peer
@pytest.mark.parametrize("pace", [None, Pace(*[1] * len(dataclasses.fields(Pace)))])
def test_promtool_reads_the_file(tmp_path: Path, pace: Pace | None) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    (tmp_path / "alerts.yml").write_text(rules_text(pace), "utf-8")
    command = ["promtool", "check", "rules", "--lint-fatal", "alerts.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NAMES)} rules found" in done.stdout + done.stderr


async def idle_series(folder: Path) -> dict[str, float]:
    """The series of an idle controller that rules look at, as it tells them, without its own labels."""
    looked_at = {name for alert in alerts() for name in re.findall(r"\bipc_[a-z_]+", alert.expression)}
    journal = Journal(folder / "journal.db")
    try:
        body, _ = await Exposition(journal, known, network="", node="").text("")
    finally:
        journal.close()
    found = {"up": 1.0}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            if sample.name not in looked_at:
                continue
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items() if value)
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def as_test(name: str, story: Story, idle: Mapping[str, float]) -> dict[str, object]:
    assert set(story.values) <= set(idle), "a series that no controller tells"
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {
                "series": with_labels(each, node, place),
                "values": story.values.get(each, f"{value}x{MINUTES}") if place == 0 else f"{value}x{MINUTES}",
            }
            for place, node in enumerate(NODES)
            for each, value in idle.items()
        ],
        "alert_rule_test": [
            {"eval_time": f"{minute}m", "alertname": alert.name, "exp_alerts": list(expected(alert, fires, story))}
            for minute, fires in story.fires.items()
            for alert in alerts()
        ],
    }


def with_labels(name: str, node: str, place: int) -> str:
    bare, _, rest = name.partition("{")
    own = [f'job="upgrade-console",instance="127.0.0.1:{9464 + place}"']
    if bare != "up":
        own.append(f'network="devnet",node="{node}"')
    return f"{bare}{{{','.join([*own, rest.rstrip('}')] if rest else own)}}}"


def expected(alert: Alert, fires: Mapping[str, str], story: Story) -> Iterator[dict[str, object]]:
    if alert.name not in fires:
        return
    labels = {"network": "devnet"}
    if alert.name == "ControllerDown":
        labels = {"instance": "127.0.0.1:9464", "job": "upgrade-console"}
    elif alert.name not in BY_NETWORK:
        labels |= {"node": "node1", "instance": "127.0.0.1:9464", "job": "upgrade-console"}
        labels |= story.labels.get(alert.name, {})
    description = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], alert.description)
    yield {
        "exp_labels": {**labels, "severity": Severity(alert.severity).value},
        "exp_annotations": {
            "summary": fires[alert.name],
            "description": description,
            "runbook": f"upgrade-console explain {alert.name}",
        },
    }
