"""The network's name, typed before something that cannot be taken back."""

from __future__ import annotations

import sys

from console.errors import InputError


def confirm(network: str, given: str | None) -> None:
    """Make sure that the operator means this network.

    Args:
        network: Its name.
        given: What `--confirm` said; without it the terminal is asked.

    Raises:
        InputError: Another name, or nobody to ask.
    """
    typed = given
    if typed is None:
        if not sys.stdin.isatty():
            raise InputError(
                f"this has to be confirmed for network {network}",
                safe="nothing was sent",
                next_step=f"run it in a terminal, or pass --confirm {network}",
            )
        print(f"Type the network's name ({network}) to go on: ", end="", flush=True, file=sys.stderr)
        typed = sys.stdin.readline()
    if typed.strip() != network:
        raise InputError(f"that is not the name of network {network}", safe="nothing was sent")
