"""What the procedures of the provider daemon have in common: it is stopped, started, seen healthy, and resumed."""

from __future__ import annotations

from console.errors import ConsoleError
from console.model import Finding
from console.model.procedure import failed, passed, skipped
from console.operations.health_page import ask_health
from console.operations.provider_daemon import in_flight, local_provider_of, provider_of
from console.operations.service import service_of
from console.procedures.step import StepContext, StepWork

POLL_S = 2.0
HEALTHY_ANSWERS = 3
"""Good answers in a row that are wanted: a daemon that has just started may still fall."""


def way_back(network: str) -> str:
    """How one gets back from a provider upgrade that was begun."""
    return f"or go back: `upgrade-console run rollback-provider --network {network}`"


def leading_back(work: StepWork) -> StepWork:
    """A step after the stop: whatever goes wrong in it, it also says the way back."""

    async def guarded(context: StepContext) -> Finding:
        try:
            return await work(context)
        except ConsoleError as error:
            onward = error.next_step or "mend it and go on with this run"
            told = "; ".join(part for part in (error.what, error.safe) if part)
            return failed(told, go_on=f"{onward}; {way_back(context.network.name)}")

    return guarded


# --- work in flight ---


async def drain(context: StepContext) -> Finding:
    """Wait until the operator's command says that no work is in flight."""
    settings = provider_of(context.network)
    if not settings.in_flight_command:
        return skipped("no in_flight_command is set: a person says so in the next step")
    while True:
        busy, end = await in_flight(settings)
        if not busy:
            return passed("no work is in flight", f"{end.words}: {end.how}")
        context.tell(f"work is in flight: {end.last_word or end.how}")
        await context.sleep(POLL_S)


async def drained_by_command(context: StepContext) -> Finding:
    """Nothing to ask where a command has said it."""
    if provider_of(context.network).in_flight_command:
        return skipped("the in_flight_command has said so")
    return passed("no command tells: a person has to look")


# --- stopping and starting ---


async def stopped(context: StepContext) -> Finding:
    """Whether nothing of it runs."""
    service = service_of(local_provider_of(context.network).settings)
    if await service.running():
        return failed(f"{service.name} runs", go_on="go on")
    return passed(f"{service.name} is stopped")


async def stop(context: StepContext) -> Finding:
    """Stop it; nobody kills it."""
    settings = local_provider_of(context.network).settings
    service = service_of(settings)
    started = context.now()
    await service.stop(settings.stop_deadline_s)
    return passed(f"{service.name} is stopped", f"after {context.now() - started:.1f} s")


async def running(context: StepContext) -> Finding:
    """Whether it runs."""
    service = service_of(local_provider_of(context.network).settings)
    if await service.running():
        return passed(f"{service.name} runs")
    return failed(f"{service.name} does not run", go_on="go on")


async def start(context: StepContext) -> Finding:
    """Start it."""
    service = service_of(local_provider_of(context.network).settings)
    await service.start()
    return passed(f"{service.name} runs")


# --- health ---


async def healthy(context: StepContext) -> Finding:
    """Wait for good answers in a row."""
    settings = provider_of(context.network)
    if not settings.health_url:
        return skipped("no health_url is set for the provider")
    good = 0
    while True:
        try:
            answer = await ask_health(settings)
        except ConsoleError as error:
            good, said = 0, error.what
        else:
            good = good + 1 if answer.good else 0
            said = f"status {answer.status}: {answer.body}"
            if good >= HEALTHY_ANSWERS:
                return passed(f"healthy in {good} answers in a row", answer.how, said)
        context.tell(said)
        await context.sleep(POLL_S)


async def healthy_now(context: StepContext) -> Finding:
    """One look, before operations are resumed."""
    settings = provider_of(context.network)
    if not settings.health_url:
        return skipped("no health_url is set for the provider")
    try:
        answer = await ask_health(settings)
    except ConsoleError as error:
        return failed(error.what, go_on=f"look at its log; {way_back(context.network.name)}")
    if answer.good:
        return passed(f"healthy: status {answer.status}", answer.how, answer.body)
    return failed(
        f"not healthy: status {answer.status}",
        answer.how,
        answer.body,
        go_on=f"look at its log; {way_back(context.network.name)}",
    )
