"""The dashboard against the table of metrics, and the files that are written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from console.cli import main
from console.metrics.metric import series
from console.metrics.table import METRICS
from console.metrics.words import OWN_LABELS
from console.monitoring.dashboard import dashboard
from console.monitoring.rules import alerts_markdown
from console.monitoring.written import dashboard_text, rules_text, scrape_text

PACKAGED = Path(__file__).parents[3] / "console" / "monitoring"


def expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ())]


def named(expression: str) -> set[str]:
    return set(re.findall(r"\bipc_[a-z_]+", expression))


def test_every_metric_is_on_a_panel_and_nothing_else_is() -> None:
    shown = set().union(*map(named, expressions()))
    known = {name for entry in METRICS for name in series(entry)}
    assert shown == known
    assert "ipc_node_up" in json.dumps(dashboard()["templating"])


def test_every_panel_has_its_place_and_its_numbers() -> None:
    panels: list[dict[str, Any]] = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    for panel in panels:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)
        assert all(letter.isalpha() for letter in letters)


def test_every_question_is_of_the_chosen_networks_and_nodes() -> None:
    for expression in expressions():
        for name in named(expression):
            for label in OWN_LABELS:
                assert re.search(rf'{name}{{[^}}]*{label}=~"\${label}"', expression)


@pytest.mark.peer
def test_promtool_understands_every_question(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    # Grafana fills its own words in before it asks.
    asked = [re.sub(r"\$__\w+", "5m", re.sub(r'"\$\w+"', '".+"', expression)) for expression in expressions()]
    rules = [{"record": f"asked_{place}", "expr": expression} for place, expression in enumerate(asked)]
    path = tmp_path / "asked.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), "utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_committed_dashboard_is_made_from_the_table() -> None:
    assert (PACKAGED / "dashboard.json").read_text("utf-8") == dashboard_text()


def test_the_page_holds_the_rules_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text("utf-8")
    assert alerts_markdown() in page


# --- the verb ---

NETWORK = """
[networks.main]
kind = "cosmos"
chain_id = "c-1"
cometbft_rpc = ["http://127.0.0.1:9"]
[networks.main.nodes.val-1]
home = "/srv/val-1"
daemon = "d"
cometbft_rpc = "http://127.0.0.1:9"
metrics_port = 9464
[networks.main.nodes.val-2]
home = "/srv/val-2"
daemon = "d"
cometbft_rpc = "http://127.0.0.1:9"
metrics_port = 9465
[networks.other]
kind = "cosmos"
chain_id = "o-1"
cometbft_rpc = ["http://127.0.0.1:9"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "config" / "upgrade-console" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(NETWORK)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "out"


def test_it_writes_what_prometheus_and_grafana_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitoring", "write", str(folder), "--network", "main", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "written": [str(folder / name) for name in ("alerts.yml", "dashboard.json", "prometheus.yml")],
        "ports": [9464, 9465],
    }
    assert (folder / "alerts.yml").read_text("utf-8") == rules_text()
    assert (folder / "dashboard.json").read_text("utf-8") == dashboard_text()
    written = yaml.safe_load((folder / "prometheus.yml").read_text("utf-8"))
    (job,) = written["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:9464", "127.0.0.1:9465"]}]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [((), "--network NAME"), (("--network", "other"), "no node of the network has a metrics_port")],
)
def test_without_a_controller_to_scrape_it_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str
) -> None:
    assert main(["monitoring", "write", str(folder), *arguments]) == 0
    assert why in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["alerts.yml", "dashboard.json"]


def test_it_does_not_write_over_what_was_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitoring", "write", str(folder)]) == 0
    assert main(["monitoring", "write", str(folder)]) == 0
    (folder / "dashboard.json").write_text("{}")
    assert main(["monitoring", "write", str(folder), "--network", "main"]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not (folder / "prometheus.yml").exists()
    assert main(["monitoring", "write", str(folder), "--force"]) == 0
    assert (folder / "dashboard.json").read_text("utf-8") == dashboard_text()


@pytest.mark.peer
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: it is in Debian's package prometheus")
    (tmp_path / "alerts.yml").write_text(rules_text(), "utf-8")
    (tmp_path / "prometheus.yml").write_text(scrape_text([9464]), "utf-8")
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
