"""A provider daemon by its own words: a real health page, and real commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from console.checks import provider
from console.checks.provider import model_status
from console.errors import NodeError
from console.files import sha256_of
from console.model import Outcome
from console.provider_settings import ModelSettings, ProviderSettings
from tests.console.chain.servers import http

pytestmark = pytest.mark.anyio


def program(folder: Path, script: str) -> Path:
    path = folder / "provider-daemon"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


async def test_its_health_page_and_what_was_checked_of_it() -> None:
    status = 200

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text='{"status": "serving"}', status=status)

    async with http(answer) as url:
        settings = ProviderSettings(health_url=f"{url}/health")
        well = await provider.health(settings)
        assert (well.outcome, '{"status": "serving"}' in well.evidence) == (Outcome.PASS, True)
        assert any("without TLS" in line for line in well.evidence)
        status = 503
        assert (await provider.health(settings)).outcome is Outcome.FAIL
    with pytest.raises(NodeError, match="does not answer"):
        await provider.health(settings)
    assert (await provider.health(ProviderSettings())).outcome is Outcome.SKIP


async def test_its_version_is_what_its_executable_says_with_its_hash(tmp_path: Path) -> None:
    binary = program(tmp_path, "echo provider-daemon 1.1.0")
    settings = ProviderSettings(binary=binary)
    found = await provider.version(settings, "v1.1.0")
    assert (found.outcome, f"{binary} sha256 {sha256_of(binary)}" in found.evidence) == (Outcome.PASS, True)
    assert (await provider.version(settings, "v1.2.0")).outcome is Outcome.FAIL
    assert (await provider.version(ProviderSettings(binary=program(tmp_path, "exit 3")))).outcome is Outcome.FAIL
    assert (await provider.version(ProviderSettings())).outcome is Outcome.SKIP


async def test_its_own_commands_say_how_bids_workloads_and_chain_are(tmp_path: Path) -> None:
    binary = program(tmp_path, 'case "$1" in list) echo a; echo b;; bids) echo stuck >&2; exit 1;; esac')
    settings = ProviderSettings(
        binary=binary,
        bids_command=("{binary}", "bids"),
        workloads_command=("{binary}", "list"),
        chain_command=("{binary}", "chain"),
    )
    two = await provider.workloads(settings)
    assert (two.outcome, two.sentence) == (Outcome.PASS, "workloads: 2 run")
    stuck = await provider.bids(settings)
    assert (stuck.outcome, "stuck" in stuck.sentence) == (Outcome.FAIL, True)
    assert (await provider.chain_connectivity(settings)).outcome is Outcome.PASS
    nothing = ProviderSettings(binary=binary)
    for ask in (provider.bids, provider.workloads, provider.chain_connectivity):
        assert (await ask(nothing)).outcome is Outcome.SKIP


async def test_the_model_in_force(tmp_path: Path) -> None:
    binary = program(tmp_path, "echo v1.1.0")
    settings = ModelSettings(tmp_path, tmp_path / "identity.toml", status_command=(str(binary),))
    assert (await model_status(settings)).sentence == "the model in force: v1.1.0"
    program(tmp_path, "exit 1")
    assert (await model_status(settings)).outcome is Outcome.FAIL
    program(tmp_path, "true")
    assert (await model_status(settings)).outcome is Outcome.WARN
    assert (await model_status(ModelSettings(tmp_path, tmp_path / "x"))).outcome is Outcome.SKIP
