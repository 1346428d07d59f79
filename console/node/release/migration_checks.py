"""A release's WASM migration tried before it is trusted: the sandbox against its exploits, then the module in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from console import strict_json
from console.errors import InputError, MigrationError
from console.given_file import read_given
from console.node.migration import WasmMigration
from console.node.release.checks import Check, Subject, failed, passed, warned
from console.text import untrusted

MAX_STATE_BYTES = 64 << 20
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)


def migration_checks(
    migration: WasmMigration, module: bytes | None, state: Mapping[bytes, bytes] | None
) -> tuple[Check, Check]:
    """Try a module without consequences. Blocks for about a second, in a child process.

    Args:
        migration: What the manifest says.
        module: The module's bytes; None when they are not here.
        state: Values by key that it meets; None for an empty state, where a module may rightly refuse to go on.
    """
    # Starting the child is this module's own weight; most releases have no WASM migration.
    from console.node.migration.dry_run import dry_run
    from console.node.migration.exploits import sandbox_self_test
    from console.node.migration.outcome import Failure

    try:
        tried = sandbox_self_test()
    except MigrationError as error:
        return failed(Subject.MIGRATION, "it was not run"), failed(Subject.SANDBOX, error.what)
    broken = [each for each in tried if not each.passed]
    if broken:
        why = f"{len(broken)} of {len(tried)} attacks are not stopped, {broken[0].name} first: {broken[0].sentence}"
        return failed(Subject.MIGRATION, "it was not run"), failed(Subject.SANDBOX, why)
    holds = passed(Subject.SANDBOX, f"stops all of {len(tried)} known attacks on this machine")
    if module is None:
        where = f", it is to be had at {untrusted(migration.url, 120)}" if migration.url else ""
        return failed(
            Subject.MIGRATION, f"its module {migration.sha256} is not here{where}: give it with --wasm"
        ), holds
    try:
        run = dry_run(migration, module, (state or {}).get)
    except MigrationError as error:
        return failed(Subject.MIGRATION, error.what), holds
    sentence = run.sentence.rstrip(".")
    if run.ok:
        return passed(Subject.MIGRATION, f"{sentence}; journal {run.journal_sha256}"), holds
    if state is None and run.failure in {Failure.RETURNED, Failure.TRAP}:
        return warned(Subject.MIGRATION, f"on an empty state {sentence}; give the state it needs with --state"), holds
    return failed(Subject.MIGRATION, sentence), holds


def read_state(file: Path) -> dict[bytes, bytes]:
    """Values by key from a JSON object of `0x…` hex in lower case.

    Raises:
        InputError: It cannot be read, or is not of that form.
    """
    try:
        document = strict_json.loads(read_given(file, MAX_STATE_BYTES), max_depth=2)
    except strict_json.NotStrictJson as error:
        raise InputError(f"{untrusted(file)} is {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{untrusted(file)} is no JSON object of keys and values")
    found = {}
    for key, value in document.items():
        if not isinstance(value, str) or not _HEX.fullmatch(key) or not _HEX.fullmatch(value):
            raise InputError(f"{untrusted(file)} has {untrusted(key, 60)!r}, and keys and values are 0x and hex digits")
        found[bytes.fromhex(key[2:])] = bytes.fromhex(value[2:])
    return found
