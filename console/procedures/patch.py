"""Software patch: the rolling upgrade with the settings of each node shown before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.procedures.node_settings import after_step, before_step
from console.procedures.roll import back_step, fleet_step, settled
from console.procedures.rolling import RELEASE_PARAMETERS, release_step, run_step, stage_step, sure_step, swap_step
from console.procedures.step import Procedure, Step


def _steps(_arguments: Mapping[str, str], items: Sequence[str]) -> tuple[Step, ...]:
    names = tuple(items)
    return (
        release_step(),
        fleet_step(names),
        sure_step(),
        *(stage_step(item) for item in names),
        *(step for item in names for step in (before_step(item), swap_step(item), back_step(item), after_step(item))),
        run_step(names),
    )


PATCH = Procedure(
    "patch",
    "Software patch",
    "A patch that needs no governance goes over the nodes as a rolling upgrade does, and what it made of each node's"
    " settings is shown: those of the controller and every key of the node's own TOML files, before and after.",
    _steps,
    RELEASE_PARAMETERS,
    items=settled,
)
