"""What an end of `ssh` means, in one sentence: by its exit code and the last lines that it or the shell there said."""

from __future__ import annotations

from collections.abc import Sequence

from console.errors import ControllerDown

SSH_FAILED = 255
"""Exit code of `ssh` itself; any other is that of the command at the other end."""
_NOT_FOUND, _USAGE = 127, 2

_REFUSED: tuple[tuple[str, str, str], ...] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of {there} is another one than ssh knows",
        "find out why before you trust it: somebody may stand in between",
    ),
    (
        "Host key verification failed",
        "the host key of {there} is not known to ssh",
        "connect once by hand with `ssh` and compare the key",
    ),
    (
        "Permission denied",
        "{there} does not let this user in",
        "put the key into an agent (`ssh-add`), and see that `ssh` gets in without a question",
    ),
    ("Could not resolve hostname", "the name of {there} is not known", "see Host and HostName in ~/.ssh/config"),
    ("Bad configuration option", "ssh does not understand its own configuration", "mend ~/.ssh/config"),
)
"""What `ssh` says, what it means, and what to do."""


def why_ended(there: str, code: int | None, said: Sequence[str], greeted: bool) -> ControllerDown:
    """What to tell when a way ended.

    Args:
        there: The node and its host, as they are shown.
        code: Exit code of `ssh`; None where it goes on without us, negative for a signal.
        said: Lines of its stderr, safe to show.
        greeted: Whether the console at the other end had answered.
    """
    text = "\n".join(said)
    last = next((line for line in reversed(said) if line.strip()), "").removeprefix("upgrade-console: ")
    if greeted:
        why = f": {last}" if last else ""
        return ControllerDown(
            f"SSH to {there} is lost{why}",
            safe="its node and its controller go on",
            next_step="ask again when the way is back; a run goes on with --resume",
        )
    for mark, what, next_step in _REFUSED:
        if mark in text:
            return ControllerDown(what.format(there=there), safe="nothing was asked of it", next_step=next_step)
    if code == _NOT_FOUND:
        return ControllerDown(
            f"upgrade-console is not found on {there}",
            safe="nothing was asked of it",
            next_step="install it there, or name its path in ssh_command",
        )
    if code == _USAGE and "usage:" in text:
        return ControllerDown(
            f"the console on {there} is another version, which knows no `node pipe`",
            safe="nothing was asked of it",
            next_step="install this version there",
        )
    if code is not None and code != SSH_FAILED and code > 0:
        return ControllerDown(f"{there}: {last or f'the command there ended with code {code}'}")
    return ControllerDown(
        f"{there} cannot be reached: {last or 'ssh ended without a word'}",
        safe="its node goes on",
        next_step="see whether `ssh` gets there by hand",
    )
