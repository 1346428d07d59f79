"""`limited_child.py CPU_S MEMORY_BYTES PROGRAM ARGUMENTS…`: becomes that program, with limits and without a network.

Standard library only, run by its path: it is the last thing of ours before a stranger's program. Its first line on
stderr says whether the network could be taken away.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

ALONE = "limited: no network"
"""First line on stderr where the program has no network."""
NOT_ALONE = "limited: with the network"
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000


def main(arguments: list[str]) -> int:
    """Take limits on and become the program; returns only when that fails."""
    cpu_s, memory = int(arguments[0]), int(arguments[1])
    alone = without_network()
    for limit, value in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"limit {limit}: {error}\n")
            return 126
    sys.stderr.write(f"{ALONE if alone else NOT_ALONE}\n")
    sys.stderr.flush()
    try:
        os.execvp(arguments[2], arguments[2:])
    except OSError as error:
        sys.stderr.write(f"{arguments[2]}: {error.strerror}\n")
    return 127


def without_network() -> bool:
    """Leave the network for ever, where the kernel lets us: root by itself, others in a user namespace of their own."""
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    return bool(unshare(_NEW_NET) == 0 or unshare(_NEW_USER | _NEW_NET) == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
