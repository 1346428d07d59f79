"""The controller's own systemd unit, as text (`node unit`; facts/safety.md §4, facts/ipc.md §1.9)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.errors import InputError
from console.text import untrusted

NEEDS_OPERATOR_EXIT = 78
"""Exit code of a controller that cannot go on without a human (EX_CONFIG): systemd must not start it again."""

WATCHDOG_S = 60
"""Seconds without a sign of life after which the controller is killed and started again."""

_STATE_ROOT = Path("/var/lib")

_SYSTEM_ONLY = """
# Under memory pressure the kernel takes others first. The node inherits it: it is what this machine is for.
OOMScoreAdjust=-500
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectHostname=yes
"""


def quoted(word: str) -> str:
    """A word for a list of words in a unit file: one word again, whatever is in it (systemd.syntax(7)).

    Raises:
        InputError: It holds a NUL or is not Unicode, which no unit file can say.
    """
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{untrusted(word)} is not UTF-8, and a unit file must be") from error
    if "\0" in word:
        raise InputError(f"{untrusted(word)} holds a NUL character")
    kept = []
    for character in word:
        if character in '\\"':
            kept.append(f"\\{character}")
        elif ord(character) < 0x20 or ord(character) == 0x7F:
            kept.append(f"\\x{ord(character):02x}")
        else:
            kept.append(character)
    # Specifiers are replaced after the quotes are taken off, so an escape would not help against them.
    return '"' + "".join(kept).replace("%", "%%") + '"'


def command_line(command: Sequence[str]) -> str:
    """The value of `ExecStart=`: exactly these words, no variable of the environment put into them.

    Raises:
        InputError: The program is no absolute path, or has characters that systemd does not take there.
    """
    if not command or not os.path.isabs(command[0]) or os.path.normpath(command[0]) != command[0]:
        raise InputError(f"systemd wants the program as a whole path, not {untrusted(command[0] if command else '')}")
    if re.search(r"[\"'\\\x00-\x1f\x7f]", command[0]):
        raise InputError(
            f"systemd does not start a program whose path has quotes, backslashes or control characters: "
            f"{untrusted(command[0])}",
            next_step="install upgrade-console elsewhere",
        )
    # The colon switches `$` off (systemd 244 and later).
    return " ".join([":" + quoted(command[0]), *(quoted(word) for word in command[1:])])


def unit_text(
    node: str,
    command: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    state_dir: Path | None = None,
    after: Sequence[str] = (),
    for_user: bool = False,
    watchdog_s: int = WATCHDOG_S,
) -> str:
    """A unit that runs the controller of one node for good.

    Args:
        node: Name of the node, for the description.
        command: The program by its whole path, and its arguments: `… node run --network N`.
        user: Who the controller and its node run as; empty for the manager's own.
        environment: Variables of the controller, which the node gets too.
        state_dir: The node's state folder; below `/var/lib` the manager makes it and keeps it to that user.
        after: Units to wait for, such as `docker.service` where the node lives in containers.
        for_user: Whether the unit is for the user's manager.
        watchdog_s: Seconds, see `WATCHDOG_S`; 0 for no watchdog.

    Raises:
        InputError: Something of it cannot be said in a unit file.
    """
    for name in (*after, *([user] if user else [])):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*", name):
            raise InputError(f"{untrusted(name)} is no name of a unit or a user")
    waited = " ".join(["network-online.target", *after])
    service = [f"ExecStart={command_line(command)}"]
    if user and not for_user:
        service.append(f"User={user}")
    for name, value in sorted((environment or {}).items()):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InputError(f"{untrusted(name)} is no name of a variable")
        service.append(f"Environment={quoted(f'{name}={value}')}")
    if state_dir is not None and not for_user and state_dir != _STATE_ROOT and state_dir.is_relative_to(_STATE_ROOT):
        relative = str(state_dir.relative_to(_STATE_ROOT))
        service += [f"StateDirectory={quoted(_no_colon(relative))}", "StateDirectoryMode=0700"]
    watchdog = f"WatchdogSec={watchdog_s}\n" if watchdog_s else ""
    return f"""\
# Made by `upgrade-console node unit`. Make it again rather than edit it; put your own settings into a drop-in.
[Unit]
Description=upgrade-console: controller of the node {re.sub(r"[^A-Za-z0-9_. -]", "_", node)}
Wants={waited}
After={waited}
# Five starts in ten minutes, then a human looks.
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
{chr(10).join(service)}
Restart=on-failure
RestartSec=2
# {NEEDS_OPERATOR_EXIT}: the controller needs its operator, and another start would change nothing.
RestartPreventExitStatus={NEEDS_OPERATOR_EXIT}
{watchdog}# A start adopts a running node, or waits for a start that was cut off.
TimeoutStartSec=180
TimeoutStopSec=90
# Only the controller itself: its shim and the node live on while the controller is restarted or upgraded, and the next
# one adopts them. `upgrade-console node stop` stops the node.
KillMode=process
LimitNOFILE=65536
# A core file would hold keys.
LimitCORE=0
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# All of this is inherited by the node. Left out on purpose: MemoryDenyWriteExecute (WASM is compiled at run time),
# PrivateTmp (the folder would be deleted under a node that lives on), ProtectHome and ProtectSystem (homes are
# anywhere), ProtectProc (foreign holders of the home are looked for in /proc).
{"" if for_user else _SYSTEM_ONLY.lstrip()}
[Install]
WantedBy={"default.target" if for_user else "multi-user.target"}
"""


def _no_colon(folder: str) -> str:
    """In `StateDirectory=` a colon begins the name of a link."""
    if ":" in folder:
        raise InputError(f"systemd makes no state folder with a colon in its name: {untrusted(folder)}")
    return folder
