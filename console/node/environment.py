"""The environment of what we run for a node (DESIGN §4.5): ours, without what would arm it or break it by accident."""

from __future__ import annotations

import os
from collections.abc import Mapping

from console.node.faults import VARIABLE as FAULT_VARIABLE
from console.node.shape import HALT_VARIABLE
from console.node.shim import FAULT_VARIABLE as SHIM_FAULT_VARIABLE

_NEVER_PASSED = frozenset({HALT_VARIABLE, FAULT_VARIABLE, SHIM_FAULT_VARIABLE})


def node_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a process of the node that is not armed.

    Args:
        extra: The settings' own variables.
    """
    # Fendermint's settings library reads its variables whatever their case.
    return {name: value for name, value in {**os.environ, **extra}.items() if name.upper() not in _NEVER_PASSED}
