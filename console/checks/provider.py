"""A provider daemon by its own words: health, version, bids, workloads, its way to the chain; and a model's status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from console.errors import NodeError
from console.files import sha256_of
from console.model import Finding
from console.model.procedure import failed, passed, skipped, warned
from console.operations.health_page import ask_health
from console.operations.operator_command import CommandEnd, run_command_of_operator
from console.provider_settings import Command, ModelSettings, ProviderSettings

DEADLINE_S = 30.0
_SHOWN = 8


async def health(settings: ProviderSettings) -> Finding:
    """Whether it tells a good health over HTTP(S); how its certificate was checked is evidence. Raises NodeError."""
    if not settings.health_url:
        return skipped("no health_url is set for the provider")
    answer = await ask_health(settings)
    evidence = (answer.how, f"status {answer.status} in {answer.seconds * 1000:.0f} ms", str(answer.body))
    if not answer.good:
        return failed(f"it answers with status {answer.status}", *evidence, go_on="read its log before it is resumed")
    if settings.health_url.startswith("https:") and not settings.health_verify:
        return warned("it is healthy, and its certificate was not checked", *evidence, go_on="name its CA as health_ca")
    return passed(f"it is healthy: status {answer.status}", *evidence)


async def version(settings: ProviderSettings, expected: str = "") -> Finding:
    """What its executable is and says; in Kubernetes there is none here to hash. Raises NodeError.

    Args:
        settings: The provider's.
        expected: The version that has to be in its words; empty for any.
    """
    if settings.binary is None:
        return skipped("its executable is not on this machine: `kubectl rollout status` tells its image")
    end = await _ran(settings.version_command, {"binary": settings.binary, "config": settings.config or ""})
    digest = await asyncio.to_thread(_hash, settings.binary)
    said = " ".join(str(line) for line in end.lines[:2]) or str(end.last_word)
    evidence = (f"{end.words}: {said}", f"{settings.binary} sha256 {digest}")
    if end.code != 0:
        return failed(f"{end.words} {end.how}", *evidence, go_on="put the executable of before back")
    if expected and expected.removeprefix("v") not in said:
        return failed(f"it says {said}, not {expected}", *evidence, go_on="look whether the new one was put in place")
    return passed(f"it says {said}", *evidence)


async def bids(settings: ProviderSettings) -> Finding:
    """Whether its bid engine is well. Raises NodeError."""
    return await _told(settings, settings.bids_command, "bids_command", "the bid engine", lambda lines: "is well")


async def workloads(settings: ProviderSettings) -> Finding:
    """How many workloads run. Raises NodeError."""
    return await _told(
        settings, settings.workloads_command, "workloads_command", "workloads", lambda lines: f"{len(lines)} run"
    )


async def chain_connectivity(settings: ProviderSettings) -> Finding:
    """Whether it reaches the chain. Raises NodeError."""
    return await _told(settings, settings.chain_command, "chain_command", "the chain", lambda lines: "is reached")


async def model_status(settings: ModelSettings) -> Finding:
    """Which model the chain has in force, by the operator's command. Raises NodeError."""
    if not settings.status_command:
        return skipped("no status_command is set for the model: `[networks.NAME.model]`")
    end = await _ran(settings.status_command, {})
    lines = [str(line) for line in end.lines[:_SHOWN]]
    if end.code != 0:
        return failed(f"{end.words} {end.how}", *lines, go_on="ask the chain by hand which model is in force")
    if not lines:
        return warned(f"{end.words} says nothing", go_on="ask the chain by hand which model is in force")
    return passed(f"the model in force: {lines[0]}", end.words, *lines)


async def _told(
    settings: ProviderSettings,
    command: Command,
    name: str,
    what: str,
    words: Callable[[Sequence[object]], str],
) -> Finding:
    if not command:
        return skipped(f"no {name} is set for the provider")
    end = await _ran(command, {"binary": settings.binary or "", "config": settings.config or ""})
    lines = [f"{end.words} ended with exit code {end.code}", *(str(line) for line in end.lines[:_SHOWN])]
    if end.code != 0:
        return failed(f"{what}: {end.words} {end.how}", *lines, go_on="read its log; do not resume it like this")
    return passed(f"{what}: {words(end.lines)}", *lines)


async def _ran(command: Command, values: Mapping[str, object]) -> CommandEnd:
    return await run_command_of_operator(command, deadline_s=DEADLINE_S, values=values)


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise NodeError(f"{path} cannot be read: {error.strerror}", safe="nothing was changed") from error
