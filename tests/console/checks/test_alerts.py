"""Alert rules as Prometheus has them: its API's shape, what is missing, broken or silent."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console.checks.alerts import alerts_loaded, judged, loaded_rules, targets_up
from console.errors import BadAnswer
from console.model import Outcome
from console.monitoring.rules import alerts
from console.monitoring.written import RULES_FILE, SCRAPE_FILE, rules_text, scrape_text
from tests.console.chain.servers import http

pytestmark = pytest.mark.anyio


def rule(name: str, for_s: int, **changes: Any) -> dict[str, Any]:
    """An alerting rule as `/api/v1/rules` tells it (Prometheus 2.42)."""
    base = {
        "state": "inactive",
        "name": name,
        "query": "up == 0",
        "duration": for_s,
        "keepFiringFor": 0,
        "labels": {"severity": "critical"},
        "annotations": {},
        "alerts": [],
        "health": "ok",
        "evaluationTime": 0.0002,
        "lastEvaluation": "2026-11-29T14:00:00Z",
        "type": "alerting",
    }
    return base | changes


def all_rules(change: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    rules = [rule(alert.name, alert.for_s) for alert in alerts()]
    for each in rules:
        change(each)
    group = {"name": "upgrade-console", "file": "alerts.yml", "rules": [*rules, {"type": "recording", "name": "x"}]}
    return {"groups": [group]}


TARGETS = {
    "activeTargets": [
        {"labels": {"job": "upgrade-console", "instance": "127.0.0.1:9464"}, "health": "up"},
        {"labels": {"job": "node", "instance": "127.0.0.1:9100"}, "health": "down"},
    ]
}


def found_of(data: dict[str, Any], targets: dict[str, Any] = TARGETS) -> Any:
    return judged(alerts(), loaded_rules(data), targets_up(targets), [9464], "http://127.0.0.1:9090")


def test_all_of_ours_loaded_and_our_target_up_passes_whatever_others_are_down() -> None:
    found = found_of(all_rules())
    assert found.outcome is Outcome.PASS
    assert "target 127.0.0.1:9464: up" in found.evidence


def test_a_missing_a_broken_and_a_changed_rule() -> None:
    missing = all_rules()
    missing["groups"][0]["rules"].pop(0)
    found = found_of(missing)
    assert (found.outcome, "UpgradeProposalCreated" in found.sentence) == (Outcome.FAIL, True)

    def break_one(each: dict[str, Any]) -> None:
        if each["name"] == "NodeDown":
            each |= {"health": "err", "lastError": "many-to-many matching not allowed"}

    broken = found_of(all_rules(break_one))
    assert (broken.outcome, "NodeDown is not evaluated" in broken.sentence) == (Outcome.FAIL, True)
    assert any("many-to-many" in line for line in broken.evidence)
    slower = found_of(all_rules(lambda each: each.update(duration=each["duration"] + 600)))
    assert slower.outcome is Outcome.WARN


def test_what_fires_already_is_said_and_a_controller_that_nobody_scrapes_fails() -> None:
    firing = found_of(all_rules(lambda each: each.update(state="firing" if each["name"] == "NodeDown" else "inactive")))
    assert (firing.outcome, "NodeDown" in firing.sentence) == (Outcome.WARN, True)
    assert found_of(all_rules(), {"activeTargets": []}).outcome is Outcome.FAIL
    down = {"activeTargets": [{"labels": {"job": "upgrade-console", "instance": "val:9464"}, "health": "down"}]}
    assert "cannot scrape val:9464" in found_of(all_rules(), down).sentence


@pytest.mark.parametrize("data", [{"groups": 7}, {"groups": [{"rules": [1]}]}, {}])
def test_another_shape_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        loaded_rules(data)


async def test_it_is_asked_over_http_and_silence_is_a_failure() -> None:
    body = json.dumps({"status": "success", "data": all_rules()})

    async def answer(request: web.Request) -> web.Response:
        assert request.path_qs == "/api/v1/rules?type=alert"
        return web.Response(text=body, content_type="application/json")

    async with http(answer) as url:
        assert (await alerts_loaded(url)).outcome is Outcome.PASS
        body = "<html>"
        assert (await alerts_loaded(url)).outcome is Outcome.FAIL
    gone = await alerts_loaded(url)
    assert (gone.outcome, "does not answer" in gone.sentence) == (Outcome.FAIL, True)
    assert (await alerts_loaded("")).outcome is Outcome.SKIP


@pytest.mark.peer
async def test_a_real_prometheus_tells_our_rules_as_we_read_them(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not here: it is in Debian's package of that name")
    (tmp_path / RULES_FILE).write_text(rules_text(), "utf-8")
    (tmp_path / SCRAPE_FILE).write_text(scrape_text([]), "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={tmp_path / SCRAPE_FILE}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while (found := await alerts_loaded(f"http://127.0.0.1:{port}")).outcome is Outcome.FAIL:
                await asyncio.sleep(0.1)
    finally:
        process.kill()
        await process.wait()
    assert (found.outcome, f"all {len(alerts())} rules are loaded and evaluated" in found.sentence) == (
        Outcome.PASS,
        True,
    )
