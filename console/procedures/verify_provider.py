"""Verification of the provider daemon of this machine after an upgrade, each line with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.checks import provider
from console.checks.errors_seen import recent_errors_of_unit
from console.checks.live import chain_health
from console.errors import SettingsError
from console.model import Finding, Outcome
from console.model.procedure import skipped
from console.node.runtime.systemd import of_user
from console.procedures.here import verification
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.provider_settings import ProviderSettings


def _provider_of(context: StepContext) -> ProviderSettings:
    settings = context.network.provider
    if settings is None:
        raise SettingsError(
            f"network {context.network.name} has no provider in the settings",
            next_step="add [networks.NAME.provider] (docs/provider-and-model.md)",
        )
    return settings


async def _provider_health(context: StepContext) -> Finding:
    return await provider.health(_provider_of(context))


async def _provider_version(context: StepContext) -> Finding:
    return await provider.version(_provider_of(context), context.arguments.get("expected", ""))


async def _bids(context: StepContext) -> Finding:
    return await provider.bids(_provider_of(context))


async def _workloads(context: StepContext) -> Finding:
    return await provider.workloads(_provider_of(context))


async def _provider_chain(context: StepContext) -> Finding:
    by_itself = await provider.chain_connectivity(_provider_of(context))
    if by_itself.outcome is not Outcome.SKIP:
        return by_itself
    # What the console sees of the chain says little of the daemon, and is said as that.
    seen = chain_health(await context.snapshot())
    return skipped(f"{by_itself.sentence}; from here {seen.sentence}", *seen.evidence)


async def _provider_errors(context: StepContext) -> Finding:
    settings = _provider_of(context)
    if not settings.unit:
        return skipped("the provider has no systemd unit in the settings whose journal could be read")
    user = of_user(settings.manager)
    return await recent_errors_of_unit(settings.unit, context.now(), user=user)


def _provider(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return verification(
        "provider",
        (
            "provider.health",
            "Health",
            "Ask its health",
            "It answers on `health_url` with status 200; its certificate is checked unless the settings say otherwise,"
            " and the record says which.",
            _provider_health,
            60.0,
        ),
        (
            "provider.version",
            "Version",
            "Check its version",
            "Its executable says its version, and is hashed.",
            _provider_version,
            60.0,
        ),
        (
            "provider.bids",
            "Bid Engine",
            "Check the bid engine",
            "The operator's `bids_command` ends well.",
            _bids,
            60.0,
        ),
        (
            "provider.workloads",
            "Active Workloads",
            "Count the workloads",
            "The operator's `workloads_command` names those that run; what should run only a person knows.",
            _workloads,
            60.0,
        ),
        (
            "provider.chain",
            "Chain Connectivity",
            "Check its way to the chain",
            "The operator's `chain_command` ends well.",
            _provider_chain,
            60.0,
        ),
        (
            "provider.errors",
            "Recent Errors",
            "Look for errors",
            "Errors of the last ten minutes in the journal of its unit.",
            _provider_errors,
            60.0,
        ),
    )


VERIFY_PROVIDER = Procedure(
    "verify-provider",
    "Verify the provider daemon",
    "After an upgrade: six questions to the provider daemon of this machine, by its health page, its executable and"
    " the operator's own commands. It changes nothing.",
    _provider,
    (Parameter("expected", "the version that it has to say, as v1.1.0; empty for any", ""),),
)
