"""The provider daemon of this machine: its settings, what it works on, and where its backups are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from console.errors import SettingsError
from console.operations.operator_command import CommandEnd, run_command_of_operator
from console.provider_settings import ProviderSettings
from console.settings import NetworkSettings

_COMMAND_S = 60.0
BINARY, CONFIG = "binary", "config"
"""What a backup keeps, by name."""


@dataclass(frozen=True, slots=True)
class LocalProvider:
    """A provider daemon that runs on this machine."""

    settings: ProviderSettings
    binary: Path


def provider_of(network: NetworkSettings) -> ProviderSettings:
    """The settings of the network's provider daemon. Raises SettingsError: there are none."""
    if network.provider is None:
        raise SettingsError(
            f"network {network.name} has no provider daemon in the settings",
            next_step=f"add [networks.{network.name}.provider]: docs/provider-and-model.md",
        )
    return network.provider


def local_provider_of(network: NetworkSettings) -> LocalProvider:
    """The provider daemon of this machine. Raises SettingsError: there is none, or it runs in Kubernetes."""
    settings = provider_of(network)
    if settings.deployment or settings.binary is None:
        raise SettingsError(
            f"the provider daemon of {network.name} runs in Kubernetes",
            next_step="use `upgrade-console run provider-kubernetes`",
        )
    return LocalProvider(settings, settings.binary)


def version_arguments(settings: ProviderSettings) -> tuple[str, ...]:
    """Arguments with which the daemon's own program prints its version; empty where another program tells it."""
    first, *rest = settings.version_command or ("",)
    return tuple(rest) if first == "{binary}" else ()


async def in_flight(settings: ProviderSettings) -> tuple[bool, CommandEnd]:
    """Whether work is in flight, by the operator's command; and how that ended. Raises NodeError."""
    end = await ask(settings, settings.in_flight_command)
    done = end.code == 0 and (not end.output.strip() or end.output.strip() == "0")
    return not done, end


async def ask(settings: ProviderSettings, command: tuple[str, ...], *, binary: Path | None = None) -> CommandEnd:
    """Run one of the provider's commands. Raises NodeError: it cannot be run or does not end."""
    values = {"binary": binary or settings.binary or "", "config": settings.config or ""}
    return await run_command_of_operator(command, deadline_s=_COMMAND_S, values=values)
