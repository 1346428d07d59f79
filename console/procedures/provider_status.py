"""A provider told to take no new work, and to take it again, by the chain's own daemon; shown before it is said."""

from __future__ import annotations

from console.model import ChainMessage, Finding, Outcome, StepKind
from console.model.procedure import failed, passed, skipped
from console.operations.chain_messages import provider_status_message
from console.procedures.arguments import again
from console.procedures.provider_steps import healthy_now
from console.procedures.said_on_chain import say, show
from console.procedures.step import Step, StepContext

PAUSED, ACTIVE = "PAUSED", "ACTIVE"


def _message(context: StepContext, status: str) -> ChainMessage:
    return provider_status_message(status, context.arguments["pause-reason"])


async def _say(context: StepContext, status: str) -> Finding:
    height, evidence = await say(context, _message(context, status))
    context.remember("status", status)
    return passed(f"the chain has the provider as {status} since block {height}", *evidence)


async def _show_pause(context: StepContext) -> Finding:
    if context.network.kind != "cosmos":
        return skipped(f"a provider of {context.network.name} says nothing to the chain: pause it in its own way")
    return await show(context, _message(context, PAUSED))


async def _pause(context: StepContext) -> Finding:
    return await _say(context, PAUSED)


async def _resume(context: StepContext) -> Finding:
    # Looked at in this very step: a run that is gone on with after days resumes nothing that has fallen meanwhile.
    health = await healthy_now(context)
    if health.outcome is Outcome.FAIL:
        return failed(f"not resumed: {health.sentence}", *health.evidence, go_on=health.go_on)
    said = await _say(context, ACTIVE)
    return passed(str(said.sentence), str(health.sentence), *health.evidence, *said.evidence)


def pause_steps() -> tuple[Step, ...]:
    """Take no new work; a chain without such a message leaves both out."""
    return (
        Step(
            "provider.pause-shown",
            StepKind.CHECK,
            "Show what pauses the provider",
            "The chain's daemon builds the transaction without signing it: every command, message and fee is shown.",
            _show_pause,
            optional=True,
        ),
        Step(
            "provider.pause",
            StepKind.ACTION,
            "Pause the provider on the chain",
            "Tells the chain that this provider takes no new work, and waits for the block.",
            _pause,
            # What was sent and not seen in a block is settled before anything is signed anew.
            done=again,
            undo="`upgrade-console provider set-status ACTIVE`",
            follows="provider.pause-shown",
            ask="Pause the provider with the transaction that was shown?",
            optional=True,
            deadline_s=900.0,
        ),
    )


def resume_steps() -> tuple[Step, ...]:
    """Take work again, only while the daemon is healthy."""
    return (
        Step(
            "provider.resume",
            StepKind.ACTION,
            "Resume operations on the chain",
            "Looks at the daemon's health once more; only then the chain is told that this provider takes work again.",
            _resume,
            done=again,
            undo="`upgrade-console provider set-status PAUSED --reason …`",
            follows="provider.pause-shown",
            ask="Resume the provider's operations?",
            optional=True,
            deadline_s=900.0,
        ),
    )
