"""The provider daemon of this machine brought to a new version, so that every step leads on or back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.files import sha256_of
from console.model import Finding, Outcome, StepKind
from console.model.procedure import failed, passed, skipped, warned
from console.operations.config_migration import MigratedConfig, migrate_copy, take_over
from console.operations.fetched_executable import checksum_given, fetch_executable
from console.operations.kept_backups import backups_folder
from console.operations.kept_files import keep_files, read_kept
from console.operations.provider_daemon import (
    BINARY,
    CONFIG,
    ask,
    local_provider_of,
    version_arguments,
)
from console.operations.replaced_file import check_room, replace_file
from console.operations.service import service_of
from console.procedures import provider_steps as shared
from console.procedures.arguments import again, filled
from console.procedures.provider_status import pause_steps, resume_steps
from console.procedures.step import Parameter, Procedure, Step, StepContext, StepWork

# --- before anything is stopped ---


async def _look(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    service = service_of(found.settings)
    runs = await service.running()
    sha256 = await asyncio.to_thread(sha256_of, found.binary)
    lines = [f"{found.binary}: sha256 {sha256}", f"{service.name}: {'runs' if runs else 'is stopped'}"]
    if found.settings.version_command:
        end = await ask(found.settings, found.settings.version_command)
        lines.append(f"{end.words}: {end.last_word}")
    if not runs:
        return warned(
            f"{service.name} does not run before the upgrade", *lines, go_on="go on only if that is meant to be"
        )
    return passed(f"{service.name} runs", *lines)


async def _download(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    name = found.binary.name
    got = await fetch_executable(
        context.arguments["url"],
        context.arguments["checksum"],
        context.folder,
        (f"bin/{name}", name),
        version=version_arguments(found.settings),
        allow_script=found.settings.allow_scripts,
        told=lambda fetching: context.tell(fetching.sentence),
    )
    context.remember("program", str(got.file))
    context.remember("sha256", got.sha256)
    return passed(
        f"the new daemon is here and runs on this machine: {got.version or 'no version said'}",
        f"{got.origin}: {got.checksum}",
        f"program: sha256 {got.sha256}",
    )


async def _room(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    if not context.remembered("program"):
        return skipped("the new daemon is not here: nothing was downloaded in this run")
    size = Path(context.remembered("program")).stat().st_size
    await asyncio.to_thread(check_room, found.binary, size)
    folder = backups_folder(context.network, "provider")
    await asyncio.to_thread(folder.mkdir, 0o700, True, True)
    await asyncio.to_thread(check_room, folder / BINARY, found.binary.stat().st_size)
    return passed("there is room for the new daemon and for the copy of the old one", found.binary.parent, folder)


async def _migrated(context: StepContext) -> MigratedConfig | None:
    found = local_provider_of(context.network)
    settings = found.settings
    if not settings.migrate_command or settings.config is None:
        return None
    return await migrate_copy(
        settings.migrate_command, Path(context.remembered("program")), settings.config, context.folder / "migrated"
    )


async def _preview(context: StepContext) -> Finding:
    if not context.remembered("program"):
        return skipped("the new daemon is not here: nothing was downloaded in this run")
    migrated = await _migrated(context)
    if migrated is None:
        return skipped("no migrate_command is set: the configuration stays as it is")
    context.remember("migration", f"{migrated.before} {migrated.after}")
    if not migrated.difference:
        return passed("the new daemon takes the configuration as it is")
    return passed(f"{len(migrated.difference)} lines of the configuration would change", *migrated.difference)


# --- while it is stopped ---


def _backup_folder(context: StepContext) -> Path:
    # The run's own folder is named once and for all: the same backup after a disconnect.
    name = context.remembered("backup")
    return backups_folder(context.network, "provider") / name


async def _back_up(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    if not context.remembered("backup"):
        context.remember("backup", f"{int(context.now())}-before-{context.remembered('sha256')[:12]}")
    files = {BINARY: found.binary}
    if found.settings.config is not None:
        files[CONFIG] = found.settings.config
    note = f"before sha256 {context.remembered('sha256')}, by {context.person}"
    kept = await asyncio.to_thread(keep_files, _backup_folder(context), files, note, context.now())
    if missing := set(files) - set(kept.files):
        return failed(
            f"there is no {' and no '.join(sorted(str(files[what]) for what in missing))} to keep",
            go_on="mend the paths in the settings, and go on",
        )
    return passed(f"kept as {kept.name}", *(f"{file.path}: sha256 {file.sha256}" for file in kept.files.values()))


async def _backed_up(context: StepContext) -> Finding:
    if not context.remembered("backup"):
        return failed("nothing is kept yet", go_on="go on")
    kept = await asyncio.to_thread(read_kept, _backup_folder(context))
    return passed(f"kept as {kept.name}")


async def _replace(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    still = await shared.stopped(context)
    if still.outcome is not Outcome.PASS:
        return failed(str(still.sentence), go_on="stop it, and go on: its program is not replaced under it")
    kept = await asyncio.to_thread(read_kept, _backup_folder(context))
    sha256 = context.remembered("sha256")
    changed = await asyncio.to_thread(replace_file, Path(context.remembered("program")), found.binary, sha256)
    return passed(
        f"{found.binary} is the new daemon" + ("" if changed else ", as before"),
        f"sha256 {sha256}",
        f"the old one is in {kept.folder}",
    )


async def _replaced(context: StepContext) -> Finding:
    binary = local_provider_of(context.network).binary
    found = await asyncio.to_thread(sha256_of, binary)
    if found == context.remembered("sha256"):
        return passed(f"{binary} is the new daemon", f"sha256 {found}")
    return failed(f"{binary} has sha256 {found}", go_on="go on")


async def _migrate(context: StepContext) -> Finding:
    seen = context.remembered("migration")
    migrated = await _migrated(context)
    if migrated is None:
        return skipped("no migrate_command is set: the configuration stays as it is")
    before, _, after = seen.partition(" ")
    config = local_provider_of(context.network).settings.config
    assert config is not None
    if migrated.before == after and before != after:
        return passed(f"{config} is migrated already", f"sha256 {after}")
    changed = await take_over(migrated, config)
    lines = (f"{config}: sha256 {migrated.before} before, {migrated.after} now", *migrated.difference)
    if seen and migrated.before != before:
        return warned(
            f"{config} was changed since the difference was shown, and was migrated as it is now",
            *lines,
            go_on="read the difference again",
        )
    return passed(f"{config} is migrated" if changed else f"{config} stays as it is", *lines)


async def _version(context: StepContext) -> Finding:
    found = local_provider_of(context.network)
    replaced = await _replaced(context)
    if replaced.outcome is not Outcome.PASS:
        return failed(
            str(replaced.sentence), go_on=f"find out who replaced it; {shared.way_back(context.network.name)}"
        )
    if not found.settings.version_command:
        return passed("the program in place is the one that was verified", *replaced.evidence)
    end = await ask(found.settings, found.settings.version_command)
    lines = (*replaced.evidence, f"{end.words}: {end.last_word}")
    if end.code:
        return failed(f"{end.words} {end.how}", *lines, go_on=shared.way_back(context.network.name))
    wanted = context.arguments["version"]
    if wanted and wanted.removeprefix("v") not in end.output:
        return failed(
            f"the daemon says {end.last_word}, and not {wanted}", *lines, go_on=shared.way_back(context.network.name)
        )
    return passed(f"the daemon says {end.last_word}", *lines)


def _after_stop(
    name: str,
    kind: StepKind,
    title: str,
    says: str,
    work: StepWork,
    *,
    done: StepWork | None = None,
    undo: str = "",
    deadline_s: float = 300.0,
) -> Step:
    return Step(name, kind, title, says, shared.leading_back(work), done=done, undo=undo, deadline_s=deadline_s)


_WAY_BACK = "`upgrade-console run rollback-provider` puts the kept program and configuration back"


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "provider.look",
            StepKind.CHECK,
            "Look at the daemon",
            "Its settings, its program, whether it runs, and the version that it says.",
            _look,
        ),
        Step(
            "provider.download",
            StepKind.ACTION,
            "Download the new daemon and verify it",
            "Downloads it, compares its bytes with the checksum, takes it out of its archive and lets it say its"
            " version. It comes before the pause, so that no operation waits for a download.",
            _download,
            done=again,
            undo="the run's folder can be removed",
            deadline_s=3600.0,
        ),
        Step(
            "provider.room",
            StepKind.CHECK,
            "See that there is room",
            "For the new program beside the old one, and for the copies that lead back.",
            _room,
        ),
        Step(
            "provider.preview",
            StepKind.CHECK,
            "Try the migration of the configuration",
            "The new daemon migrates a copy, and the difference is shown; the configuration itself is not touched.",
            _preview,
            deadline_s=300.0,
        ),
        *pause_steps(),
        Step(
            "provider.drain",
            StepKind.WAIT,
            "Wait for work in flight",
            "Until the operator's in_flight_command says that nothing is in flight.",
            shared.drain,
            deadline_s=0.0,
        ),
        Step(
            "provider.drained",
            StepKind.CONFIRMATION,
            "See that no work is in flight",
            "Where no command tells, a person looks.",
            shared.drained_by_command,
            ask="Is no work in flight any more?",
        ),
        Step(
            "provider.stop",
            StepKind.ACTION,
            "Stop the daemon",
            "By its unit or the operator's command. One that does not stop is not killed, and nothing is replaced.",
            shared.stop,
            done=shared.stopped,
            undo="start it again: nothing was changed yet",
            ask="Stop the provider daemon now?",
            deadline_s=600.0,
        ),
        _after_stop(
            "provider.backup",
            StepKind.ACTION,
            "Back up program and configuration",
            "Copies both with their rights, durably, each compared with its original.",
            _back_up,
            done=_backed_up,
            undo="nothing has to be undone",
        ),
        _after_stop(
            "provider.replace",
            StepKind.ACTION,
            "Replace the program",
            "The verified copy takes its place in one step, with the rights of the old one.",
            _replace,
            done=_replaced,
            undo=_WAY_BACK,
        ),
        _after_stop(
            "provider.migrate",
            StepKind.ACTION,
            "Migrate the configuration",
            "The copy that the new daemon migrated takes the file's place in one step, unless somebody changed the"
            " file since.",
            _migrate,
            done=again,
            undo=_WAY_BACK,
        ),
        _after_stop(
            "provider.start",
            StepKind.ACTION,
            "Start the daemon",
            "By its unit or the operator's command.",
            shared.start,
            done=shared.running,
            undo=_WAY_BACK,
        ),
        _after_stop(
            "provider.health",
            StepKind.WAIT,
            "See it healthy",
            "Three good answers in a row over HTTPS, its certificate checked unless the settings say otherwise.",
            shared.healthy,
            deadline_s=300.0,
        ),
        _after_stop(
            "provider.version",
            StepKind.CHECK,
            "See its version",
            "The program in place has the verified hash, and says the version that was asked for.",
            _version,
        ),
        *resume_steps(),
    )


PROVIDER = Procedure(
    "provider",
    "Provider daemon upgrade",
    "Brings the provider daemon of this machine to a new version, apart from any upgrade of the chain. Until it is"
    " stopped nothing is changed; after that every failure says the way back.",
    _steps,
    (
        Parameter("pause-reason", "Why it pauses, for everybody on the chain to read: Upgrade to v1.1.0", check=filled),
        Parameter("url", "Where the new daemon is: the program, or an archive with it", check=filled),
        Parameter("checksum", "Of those bytes, as published: sha256:…", check=checksum_given),
        Parameter("version", "What the new daemon has to say of itself; empty: not compared", ""),
    ),
)
