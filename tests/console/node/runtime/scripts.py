"""Runs of shell scripts under the shim: what the tests of the runtime stand on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from console.files import sha256_of
from console.node.runtime.runtime import RunSpec, ServiceSpec

WAITS = "while :; do sleep 0.02; done"


def service(folder: Path, name: str, script: str, *, sha256: str = "") -> ServiceSpec:
    """A service that is a shell script."""
    binary = folder / f"{name}.sh"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return ServiceSpec(
        name=name,
        binary=binary,
        sha256=sha256 or sha256_of(binary),
        arguments=("start",),
        environment={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


def run_of(folder: Path, *scripts: str, run_id: int = 1, grace_s: float = 5.0) -> RunSpec:
    """A run of one script per service: the app, then `cometbft`, then `eth`."""
    names = ("app", "cometbft", "eth")
    services = tuple(service(folder, f"{names[i]}{run_id}", script) for i, script in enumerate(scripts))
    named = tuple(
        ServiceSpec(names[i], entry.binary, entry.sha256, entry.arguments, entry.environment)
        for i, entry in enumerate(services)
    )
    return RunSpec(run_id=run_id, services=named, home=folder, grace_s=grace_s)


async def until(condition: Callable[[], object], deadline_s: float = 10.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(deadline_s):
        while not condition():
            await asyncio.sleep(0.01)
