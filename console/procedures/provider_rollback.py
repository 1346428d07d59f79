"""The provider daemon back to a program and a configuration that were kept before an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from console.files import sha256_of
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, warned
from console.operations.kept_files import Kept
from console.operations.provider_daemon import BINARY, CONFIG, ask, local_provider_of
from console.procedures import provider_steps as shared
from console.procedures.arguments import again, filled
from console.procedures.provider_status import pause_steps, resume_steps
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.procedures.way_back import AGAIN, BACKUP, chosen, keep_present, put_one_back


async def _chosen(context: StepContext) -> Kept:
    return await chosen(context, "provider", BINARY)


async def _backup(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    kept = await _chosen(context)
    context.remember("from", kept.name)
    now = await asyncio.to_thread(sha256_of, found.binary) if found.binary.exists() else "missing"
    lines = (
        f"{kept.name}: {kept.note}",
        *(f"{file.path}: sha256 {file.sha256}, mode {file.mode:04o}" for file in kept.files.values()),
        f"in place now: {found.binary}: sha256 {now}",
    )
    elsewhere = [
        file.path for what, file in kept.files.items() if what == BINARY and file.path != found.binary.resolve()
    ]
    if elsewhere:
        return failed(
            f"the backup is of {elsewhere[0]}, and the settings say {found.binary}",
            *lines,
            go_on="choose another backup, or mend `binary` in the settings",
        )
    if now == kept.files[BINARY].sha256:
        return warned("the kept program is the one in place", *lines, go_on="go on to put its configuration back too")
    return passed(f"{kept.name} is whole, and leads back", *lines)


async def _keep_present(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    config = {CONFIG: found.settings.config} if found.settings.config is not None else {}
    return await keep_present(context, "provider", {BINARY: found.binary} | config)


async def _put_back(context: StepContext, what: str) -> Finding:
    still = await shared.stopped(context)
    if still.outcome is not Outcome.PASS:
        return failed(str(still.sentence), go_on="stop it, and go on: nothing is replaced under it")
    return await put_one_back(await _chosen(context), what)


async def _program(context: StepContext) -> Finding:
    return await _put_back(context, BINARY)


async def _config(context: StepContext) -> Finding:
    return await _put_back(context, CONFIG)


async def _verify(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    kept = await _chosen(context)
    sha256 = await asyncio.to_thread(sha256_of, found.binary)
    if sha256 != kept.files[BINARY].sha256:
        return failed(f"{found.binary} has sha256 {sha256}", go_on="find out who replaced it, and run this again")
    lines = [f"{found.binary}: sha256 {sha256}"]
    if found.settings.version_command:
        end = await ask(found.settings, found.settings.version_command)
        lines.append(f"{end.words}: {end.last_word}")
    return passed("the program in place is the kept one", *lines)


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "provider-back.backup",
            StepKind.CHECK,
            "Find what leads back",
            "The newest whole backup, or the one that was named; each copy is compared with its record.",
            _backup,
        ),
        *pause_steps(),
        Step(
            "provider-back.stop",
            StepKind.ACTION,
            "Stop the daemon",
            "By its unit or the operator's command. One that does not stop is not killed, and nothing is replaced.",
            shared.stop,
            done=shared.stopped,
            undo="start it again: nothing was changed yet",
            ask="Stop the provider daemon and go back?",
            deadline_s=600.0,
        ),
        Step(
            "provider-back.keep",
            StepKind.ACTION,
            "Keep what is in place",
            "Program and configuration of now are kept as well, to look into what failed.",
            _keep_present,
            done=again,
            undo="nothing has to be undone",
        ),
        Step(
            "provider-back.program",
            StepKind.ACTION,
            "Put the program back",
            "The kept copy takes its place in one step, with its rights.",
            _program,
            done=again,
            undo=f"what was in place is kept; {AGAIN}",
        ),
        Step(
            "provider-back.config",
            StepKind.ACTION,
            "Put the configuration back",
            "The old program gets the configuration that it had.",
            _config,
            done=again,
            undo=f"what was in place is kept; {AGAIN}",
        ),
        Step(
            "provider-back.start",
            StepKind.ACTION,
            "Start the daemon",
            "By its unit or the operator's command.",
            shared.start,
            done=shared.running,
            undo="stop it",
            deadline_s=300.0,
        ),
        Step(
            "provider-back.health",
            StepKind.WAIT,
            "See it healthy",
            "Three good answers in a row over HTTPS.",
            shared.healthy,
            deadline_s=300.0,
        ),
        Step(
            "provider-back.version",
            StepKind.CHECK,
            "See its version",
            "The program in place is the one that was kept.",
            _verify,
        ),
        *resume_steps(),
    )


ROLLBACK_PROVIDER = Procedure(
    "rollback-provider",
    "Provider daemon rollback",
    "Puts program and configuration of the provider daemon back as they were before an upgrade, and keeps what was in"
    " place. The chain and its node are not touched.",
    _steps,
    (
        Parameter("why", "Why it goes back, for the record", check=filled),
        BACKUP,
        Parameter("pause-reason", "What the chain is told when it pauses", "Rollback of the provider daemon"),
    ),
)
