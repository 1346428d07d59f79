"""Whether this console's alert rules are loaded where they are watched: asked of Prometheus itself, over its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console import strict_json
from console.errors import BadAnswer, ChainError
from console.http import Http
from console.metrics.words import DEFAULT_JOB
from console.model import Finding
from console.model.procedure import failed, passed, skipped, warned
from console.monitoring.rules import Alert, alerts
from console.settings import NetworkSettings
from console.text import untrusted

DEADLINE_S = 5.0
MAX_BYTES = 8 << 20
"""A Prometheus may hold thousands of rules of others."""


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """An alert rule as Prometheus holds it."""

    name: str
    for_s: float
    health: str
    """`ok`, `err` or `unknown`, which is before its first evaluation."""
    problem: str
    state: str
    """`inactive`, `pending` or `firing`."""


async def alerts_loaded(url: str, network: NetworkSettings | None = None) -> Finding:
    """Whether every rule of ours is loaded and evaluated, and our controllers are scraped.

    Args:
        url: Base URL of a Prometheus; empty where the settings name none.
        network: Whose controllers it has to scrape; None to leave that out.
    """
    if not url:
        return skipped(
            "the settings name no Prometheus, so nobody can be asked",
            '`[monitoring] prometheus = "http://127.0.0.1:9090"` has it asked',
        )
    http = Http(max_bytes=MAX_BYTES)
    where = str(untrusted(url, 120))
    try:
        rules = loaded_rules(await _asked(http, f"{url}/api/v1/rules?type=alert", where))
        targets = (
            None if network is None else targets_up(await _asked(http, f"{url}/api/v1/targets?state=active", where))
        )
    except ChainError as error:
        return failed(
            f"Prometheus cannot be asked: {error.what}",
            go_on="start it, or name the right one in [monitoring]; without it nobody is alerted",
        )
    finally:
        await http.close()
    expected = [] if network is None else [node.metrics_port for node in network.nodes if node.metrics_port]
    return judged(alerts(), rules, targets, expected, where)


async def _asked(http: Http, url: str, where: str) -> Mapping[str, Any]:
    answer = await http.exchange("GET", url, where, deadline_s=DEADLINE_S, headers={})
    if answer.status != 200:
        raise BadAnswer(f"{where} answered with HTTP {answer.status}")
    try:
        body = strict_json.loads(answer.content)
    except strict_json.NotStrictJson as error:
        raise BadAnswer(f"{where} answered with {error} instead of JSON") from None
    if not isinstance(body, dict) or body.get("status") != "success" or not isinstance(body.get("data"), dict):
        raise BadAnswer(f"{where} does not answer as a Prometheus does")
    data: Mapping[str, Any] = body["data"]
    return data


def loaded_rules(data: Mapping[str, Any]) -> tuple[LoadedRule, ...]:
    """Read the data of `/api/v1/rules`. Raises BadAnswer."""
    found = []
    for group in _objects(data.get("groups")):
        for rule in _objects(group.get("rules")):
            if rule.get("type") == "alerting":
                duration = rule.get("duration", 0)
                found.append(
                    LoadedRule(
                        name=str(untrusted(rule.get("name", ""), 80)),
                        for_s=float(duration) if isinstance(duration, int | float) else 0.0,
                        health=str(untrusted(rule.get("health", ""), 20)),
                        problem=str(untrusted(rule.get("lastError") or "", 160)),
                        state=str(untrusted(rule.get("state", ""), 20)),
                    )
                )
    return tuple(found)


def targets_up(data: Mapping[str, Any]) -> dict[str, str]:
    """Health of each target of our job by its host and port, from the data of `/api/v1/targets`. Raises BadAnswer."""
    found = {}
    for target in _objects(data.get("activeTargets")):
        labels = target.get("labels")
        if isinstance(labels, dict) and labels.get("job") == DEFAULT_JOB:
            found[str(untrusted(labels.get("instance", ""), 80))] = str(untrusted(target.get("health", ""), 20))
    return found


def _objects(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BadAnswer("Prometheus answered with something else than its API says")
    return value


def judged(
    ours: Sequence[Alert],
    rules: Sequence[LoadedRule],
    targets: Mapping[str, str] | None,
    ports: Sequence[int],
    where: str,
) -> Finding:
    """What loaded rules and targets come to. Pure.

    Args:
        ours: The rules that have to be there.
        rules: Those that are.
        targets: Health of our targets by host and port; None where nobody asked.
        ports: Of this machine's controllers.
        where: The Prometheus, for the evidence.
    """
    there = {rule.name: rule for rule in rules}
    missing = [alert.name for alert in ours if alert.name not in there]
    broken = [there[alert.name] for alert in ours if alert.name in there and there[alert.name].health == "err"]
    other = [alert.name for alert in ours if alert.name in there and there[alert.name].for_s != alert.for_s]
    firing = [alert.name for alert in ours if alert.name in there and there[alert.name].state == "firing"]
    evidence = [f"{where}: {len(ours) - len(missing)} of {len(ours)} rules are loaded"]
    evidence += [f"target {name}: {health}" for name, health in (targets or {}).items()]
    if firing:
        evidence.append(f"firing now: {', '.join(firing)}")
    if missing or broken:
        evidence += [f"not evaluated: {rule.name}: {rule.problem}" for rule in broken]
        what = (
            f"{len(missing)} of {len(ours)} rules are not loaded" if missing else f"{broken[0].name} is not evaluated"
        )
        return failed(
            f"{what}: {', '.join(missing[:6])}" if missing else what,
            *evidence,
            go_on="`upgrade-console monitoring write DIR`, add the file to rule_files, and have Prometheus read it",
        )
    silent = _silent(targets, ports)
    if silent:
        return failed(silent, *evidence, go_on="mend the scrape configuration (docs/monitoring.md)")
    if firing:
        return warned(f"alerts fire already: {', '.join(firing)}", *evidence, go_on="look at what they say first")
    if other:
        return warned(
            f"{len(other)} rules hold for another time than ours: {', '.join(other[:4])}",
            *evidence,
            go_on="`upgrade-console monitoring write DIR --force` if nobody meant to change them",
        )
    return passed(f"all {len(ours)} rules are loaded and evaluated", *evidence)


def _silent(targets: Mapping[str, str] | None, ports: Sequence[int]) -> str:
    """Which of our controllers nobody scrapes; empty when all are."""
    if targets is None or not ports:
        return ""
    down = [name for name, health in targets.items() if health == "down"]
    if down:
        return f"Prometheus cannot scrape {', '.join(down[:4])}"
    # Another machine's name may stand for this one; without any target it scrapes none.
    return "" if targets else f"Prometheus scrapes no controller: it knows no target of the job {DEFAULT_JOB}"
