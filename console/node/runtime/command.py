"""Short commands of a node's binary, run to their end (DESIGN §4.2)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from console.errors import NodeError
from console.node import shim as shim_program


class RunCommand(Protocol):
    """How a short command of what a generation holds is run; raises NodeError."""

    def __call__(
        self, binary: Path, sha256: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float, /
    ) -> subprocess.CompletedProcess[str]: ...


def run_command(
    binary: Path, sha256: str, arguments: Sequence[str], environment: Mapping[str, str], deadline_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a short command of a binary (`--version`, `config display`) with a deadline, its bytes verified before.

    Raises:
        NodeError: Its bytes are not the verified ones, or it could not be run or did not end in time.
    """
    try:
        descriptor = shim_program.verified_descriptor(str(binary), sha256)
    except OSError as error:
        raise NodeError(f"{binary} is not run: {error}", safe="nothing unverified was executed") from error
    try:
        return subprocess.run(
            [str(binary), *arguments],
            executable=f"/proc/self/fd/{descriptor}",
            pass_fds=(descriptor,),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeError(f"cannot run {binary}: {error}") from error
    finally:
        os.close(descriptor)
