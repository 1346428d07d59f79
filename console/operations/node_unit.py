"""`node unit`: the systemd unit of a node's controller, for the command that is running now."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.node.unit import unit_text
from console.settings import NodeSettings

_KEPT = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "DOCKER_HOST")
"""Where settings, state and the engine are: without them the unit would look elsewhere than this command does."""


def controller_unit(
    node: NodeSettings,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    user: str = "",
    for_user: bool = False,
    program: Sequence[str] | None = None,
) -> str:
    """The text of a unit that runs this node's controller.

    Args:
        node: The node.
        arguments: What names it, as `--network N --node M`.
        environment: Of this command; Cosmovisor's variables are kept when the node is theirs.
        user: Who it runs as; empty for the manager's own.
        for_user: Whether the unit is for the user's manager.
        program: How this program is started; found out when not given.

    Raises:
        InputError: Something of it cannot be said in a unit file.
    """
    kept = {name: environment[name] for name in _KEPT if environment.get(name)}
    if "--network" not in arguments:
        kept |= {
            name: value
            for name, value in environment.items()
            if name.startswith(("DAEMON_", "COSMOVISOR_")) or name == "UNSAFE_SKIP_BACKUP"
        }
    return unit_text(
        node.name,
        [*(this_program() if program is None else program), "node", "run", *arguments],
        user=user,
        environment=kept,
        state_dir=node.state_dir,
        after=("docker.service",) if node.runtime == "docker" else (),
        for_user=for_user,
    )


def this_program() -> tuple[str, ...]:
    """How this program is started, by whole paths."""
    beside = Path(sys.executable).parent / "upgrade-console"
    found = str(beside) if beside.is_file() and os.access(beside, os.X_OK) else shutil.which("upgrade-console")
    return (os.path.abspath(found),) if found else (os.path.abspath(sys.executable), "-m", "console.cli")
