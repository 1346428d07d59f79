"""The node of this machine that a run is about."""

from __future__ import annotations

from console.errors import SettingsError
from console.procedures.step import StepContext
from console.settings import NodeSettings


def node_of(context: StepContext) -> NodeSettings:
    """Its settings. Raises SettingsError: there is none."""
    if context.node is None:
        raise SettingsError(
            f"network {context.network.name} has no node on this machine", next_step="add it to the settings"
        )
    return context.node


def network_name(context: StepContext) -> str:
    """What is typed to confirm what is dangerous."""
    return context.network.name
