"""`migration show|dry-run|self-test`: look at a release's migration before anything of it runs (docs/migrations.md)."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.cli.printing import complain, print_json

if TYPE_CHECKING:
    from console.node.migration.outcome import Run
    from console.node.wasm_migrations import Trial

DRY_RUN = "dry-run"


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser) -> None:
    """Add `migration` and its actions.

    Args:
        verbs: The command line's verbs.
        shared: Parent of every verb; brings `--network` and `--json`.
    """
    migration = verbs.add_parser(
        "migration", parents=[shared], help="what a release does to the chain's state", allow_abbrev=False
    )
    actions = migration.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", parents=[shared], help="say what it will change", allow_abbrev=False)
    tried = actions.add_parser(
        DRY_RUN, parents=[shared], help="run its module on the network's state, into a journal", allow_abbrev=False
    )
    for each in (show, tried):
        each.add_argument("file", type=Path, metavar="FILE", help="a manifest, or its migration section")
    tried.add_argument("module", type=Path, metavar="MODULE", help="the .wasm file")
    actions.add_parser("self-test", parents=[shared], help="try to break the sandbox here", allow_abbrev=False)
    migration.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one action; a migration that fails and a sandbox that does not hold exit 1.

    Raises:
        ConsoleError: It was refused or failed.
    """
    match arguments.action:
        case "show":
            return _show(arguments.file, as_json=arguments.json)
        case "self-test":
            return _self_test(as_json=arguments.json)
        case _:
            return _dry_run(arguments)


def _show(file: Path, *, as_json: bool) -> int:
    from console.node.migration import as_section, describe, migration_hash
    from console.operations.migrations import read_migration

    migration = read_migration(file)
    lines = describe(migration)
    if as_json:
        print_json({"sha256": migration_hash(migration), "lines": list(lines), "migration": as_section(migration)})
        return 0
    print("\n".join([*lines, f"Hash of the migration: {migration_hash(migration)}"]))
    return 0


def _self_test(*, as_json: bool) -> int:
    from console.node.migration.exploits import sandbox_self_test

    checked = sandbox_self_test()
    broken = [each for each in checked if not each.passed]
    if as_json:
        tried = [{"name": each.name, "passed": each.passed, "what": each.sentence} for each in checked]
        print_json({"holds": not broken, "exploits": tried})
    else:
        width = max(len(each.name) for each in checked)
        for each in checked:
            print(f"{'held' if each.passed else 'BROKEN':<7} {each.name:<{width}}  {each.sentence}")
    if broken:
        complain(f"the sandbox does not hold on this machine: {len(broken)} of {len(checked)} are not stopped.")
    return 1 if broken else 0


def _dry_run(arguments: argparse.Namespace) -> int:
    from console.cli.sources import load_target
    from console.operations.migrations import read_migration, rehearse

    migration = read_migration(arguments.file)
    network = load_target(arguments).network
    trial = asyncio.run(rehearse(migration, arguments.module, network.ethereum_rpc, network.tokens))
    run = trial.run
    if arguments.json:
        print_json(_document(trial))
    elif run.ok:
        print("\n".join(_lines(run, trial.height)))
    if not run.ok:
        complain(f"{run.sentence}; nothing was changed.")
    return 0 if run.ok else 1


def _lines(run: Run, height: int) -> list[str]:
    lines = [f"On the state after block {height}, {run.sentence}:"]
    for write in run.writes:
        lines += [
            f"  0x{write.key.hex()}",
            f"    now  {_shown(write.old)}",
            f"    then {_shown(write.new)}",
        ]
    pages = f"{run.memory_pages} page{'s' if run.memory_pages != 1 else ''}"
    return [
        *lines,
        f"{run.fuel:,} fuel (wasmtime's own unit), {pages} of memory, {run.calls} calls.",
        f"Hash of the journal: {run.journal_sha256}",
    ]


def _document(trial: Trial) -> dict[str, Any]:
    run = trial.run
    return {
        "ok": run.ok,
        "failure": run.failure,
        "sentence": run.sentence,
        "height": trial.height,
        "fuel": run.fuel,
        "memory_pages": run.memory_pages,
        "calls": run.calls,
        "journal_sha256": run.journal_sha256,
        "writes": [{"key": f"0x{each.key.hex()}", "old": _hex(each.old), "new": _hex(each.new)} for each in run.writes],
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else f"0x{value.hex()}"


def _shown(value: bytes | None) -> str:
    return _hex(value) or "nothing"
