"""Bytes and plans that the operator gives: by the controller, or on the disk when none runs (facts/cosmos.md §1.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from console.errors import ControllerDown, InputError, NodeError
from console.given_file import read_given
from console.model import NodeStatus, ReleaseKind
from console.node.cosmovisor.batch import (
    BatchEntry,
    BatchError,
    missing_binaries,
    parse_batch_csv,
    parse_batch_list,
    write_batch,
)
from console.node.cosmovisor.upgrade_info import PlanFile
from console.node.download.checksum import read_checksum
from console.node.given_manifests import given_manifest, keep_bundle
from console.node.images import given_image
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.node.plan_ahead import check_ahead, next_of, plan_path, write_ahead
from console.node.release.bundle import read_bundle
from console.node.release.verification import verify_release
from console.node.runtimes import engine_of
from console.operations.node import check_binary
from console.operations.node_alone import alone, controller_holds, reading
from console.operations.release_verify import AgainstWhat, expected_of
from console.settings import NetworkSettings, NodeSettings
from console.text import untrusted
from console.this_user import this_user

_MAX_BATCH_FILE = 1 << 20


class StageControl(Protocol):
    """What staging needs of a controller's client."""

    async def status(self) -> NodeStatus: ...
    async def add_upgrade(self, name: str, binary: Path, *, force: bool = False) -> NodeStatus: ...
    async def plan_ahead(self, name: str, height: int, *, force: bool = False) -> NodeStatus: ...


@dataclass(frozen=True, slots=True)
class Staged:
    """What was done."""

    status: NodeStatus | None
    """Of the controller afterwards; None when none runs."""
    lines: tuple[str, ...]
    """A sentence for each step."""


async def stage_upgrade(
    control: StageControl,
    node: NodeSettings,
    name: str,
    binary: Path,
    *,
    force: bool = False,
    height: int | None = None,
    checksum: str = "",
) -> Staged:
    """Stage a binary under a plan's name, and with a height write the plan too; everything is checked before.

    Args:
        control: The controller's client.
        node: The node.
        name: The plan's name.
        binary: The file; a copy is kept.
        force: Replace other bytes or another plan.
        height: H of a plan of the operator's own, on a chain whose nodes halt by themselves.
        checksum: What the file must have, as `sha256:…`, from where it was published; empty: not compared.

    Raises:
        InputError: File, height or what is there already; nothing was changed.
        NodeError: The controller refused, or the disk did.
        ControllerDown: A controller runs and does not answer.
    """
    if node.runtime == "docker":
        # An image by its digest, or one that the engine has: what is given is a file that names it.
        binary = await asyncio.to_thread(given_image, node, str(binary), engine_of())
    check_binary(binary)
    if checksum:
        await asyncio.to_thread(compare, binary, checksum)
    try:
        if height is not None:
            before = await control.status()
            check_ahead(node, name, height, app_height=before.app_height, force=force)
        status = await control.add_upgrade(name, binary, force=force)
    except ControllerDown:
        if controller_holds(node):
            raise
        return await asyncio.to_thread(_stage_alone, node, name, binary, force, height)
    lines = [f"{binary} is given for {untrusted(name)}"]
    if height is not None:
        status = await control.plan_ahead(name, height, force=force)
        lines.append(f"{plan_path(node)} plans it for height {height}")
    return Staged(status, tuple(lines))


async def stage_elsewhere(
    control: StageControl, name: str, binary: Path, *, force: bool = False, checksum: str = ""
) -> Staged:
    """Carry a binary to the machine of the controller and stage it there.

    Args:
        control: The controller's client.
        name: The plan's name.
        binary: The file, on this machine.
        force: Replace other bytes of that name that were never run.
        checksum: As in `stage_upgrade`.

    Raises:
        InputError: The file; nothing was carried.
        NodeError: The controller refused.
        ControllerDown: The way there is lost, or no controller answers there.
    """
    check_binary(binary)
    if checksum:
        await asyncio.to_thread(compare, binary, checksum)
    status = await control.add_upgrade(name, binary, force=force)
    return Staged(status, (f"{binary} is given for {untrusted(name)}",))


def give_manifest(network: NetworkSettings, node: NodeSettings, name: str, manifest: Path) -> Staged:
    """Give a plan's manifest and the signatures beside it; the controller verifies them again when it uses them.

    Args:
        network: Whose demands it must meet.
        node: The node.
        name: The plan's name.
        manifest: Its file.

    Raises:
        InputError: It cannot be read.
        ReleaseError: It may not be staged here, by what is known without a plan; nothing was changed.
    """
    bundle = read_bundle(manifest)
    with reading(node) as journal:
        attempt = None if journal is None else journal.latest_attempt()
    generation = Inventory.of(node).generations.folder_of_plan(name)
    planned = attempt is not None and not attempt.crossing.ended and attempt.generation == generation
    against = AgainstWhat(plan_name=name)
    if attempt is not None and planned:
        by_chain = attempt.release_kind == ReleaseKind.MANIFEST
        against = AgainstWhat(
            release_hash=attempt.release_hash if by_chain else "",
            plan_name=name,
            target_height=attempt.target_height,
            breaking=attempt.breaking,
        )
    found = verify_release(bundle.content, bundle.signatures, expected_of(network, node, against))
    found.raise_on_failure()
    keep_bundle(given_manifest(node.state_dir, generation), bundle)
    signers = ", ".join(dict.fromkeys(name for check in found.checks for name in check.who)) or "nobody"
    line = f"{untrusted(manifest)} is kept for {untrusted(name)}, sha256 {found.sha256}, signed by {signers}"
    return Staged(None, (line,))


def compare(binary: Path, checksum: str) -> None:
    """Raises InputError when the file has another checksum than the operator was told."""
    try:
        wanted = read_checksum(checksum)
        found = wanted.of(binary)
    except ValueError as error:
        raise InputError(f"the checksum {error}", safe="nothing was changed") from error
    except OSError as error:
        raise InputError(f"cannot read {binary}: {error.strerror or error}", safe="nothing was changed") from error
    if found != wanted.digest:
        raise InputError(f"{binary} has {wanted.algorithm} {found}, not {wanted.digest}", safe="nothing was changed")


async def stage_batch(control: StageControl, node: NodeSettings, entries: Sequence[BatchEntry]) -> Staged:
    """Stage every binary of a batch, write the batch as Cosmovisor does, and plan the one that comes next.

    Raises:
        BatchError: A binary is missing; nothing was added.
        InputError, NodeError, ControllerDown: As `stage_upgrade`; what was staged before stays and does no harm.
    """
    problems = missing_binaries(entries)
    if problems:
        raise BatchError(problems)
    if node.shape != "cosmos":
        raise NodeError(f"plans of {node.name} come from the registry and not from files", safe="nothing was added")
    try:
        app_height = (await control.status()).app_height
        running = True
    except ControllerDown:
        if controller_holds(node):
            raise
        running = False
        app_height = await asyncio.to_thread(known_height, node)
    first = next_of([entry.plan for entry in entries], app_height)
    if first is None:
        raise InputError(
            f"the node has passed every height of the batch, it is at {app_height}", safe="nothing was added"
        )
    check_ahead(node, first.name, first.height, app_height=app_height, force=True)
    lines: list[str] = []
    status: NodeStatus | None = None
    for entry in entries:
        if running:
            status = await control.add_upgrade(entry.name, entry.binary, force=True)
            lines.append(f"{entry.binary} is given for {entry.plan.shown_name}")
        else:
            lines += (await asyncio.to_thread(_stage_alone, node, entry.name, entry.binary, True, None)).lines
    await asyncio.to_thread(_write_batch, node, entries)
    if running:
        status = await control.plan_ahead(first.name, first.height, force=True)
    else:
        await asyncio.to_thread(_plan_alone, node, first, app_height)
    lines.append(f"{plan_path(node)} plans {first.shown_name} for height {first.height}")
    return Staged(status, tuple(lines))


def read_batch_file(path: Path, *, recase: bool) -> tuple[BatchEntry, ...]:
    """The entries of a CSV file.

    Raises:
        InputError: It cannot be read or is not acceptable.
    """
    try:
        text = read_given(path, _MAX_BATCH_FILE, safe="nothing was added").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text", safe="nothing was added") from error
    return parse_batch_csv(text, recase=recase)


def read_batch_items(items: Sequence[str], *, recase: bool) -> tuple[BatchEntry, ...]:
    """The entries of `name:path:height` items. Raises BatchError."""
    return parse_batch_list(items, recase=recase)


def known_height(node: NodeSettings) -> int | None:
    """Last executed height in the journal; None when there is none. Raises JournalError."""
    with reading(node) as journal:
        return _height(journal)


def _height(journal: Journal | None) -> int | None:
    observation = None if journal is None else journal.observation
    return None if observation is None else observation.app_height


def _stage_alone(node: NodeSettings, name: str, binary: Path, force: bool, height: int | None) -> Staged:
    generations = Inventory.of(node).generations
    with alone(node, "add_upgrade", name=str(untrusted(name)), binary=str(binary), force=force) as journal:
        plan = None
        if height is not None:
            plan = check_ahead(node, name, height, app_height=_height(journal), force=force)
        wanted = _promised(journal, generations.folder_of_plan(name))
        origin = f"given by {this_user()}: {binary.absolute()}"
        try:
            staged = generations.stage_file(generations.folder_of_plan(name), binary, wanted, origin, force=force)
        except OSError as error:
            raise NodeError(
                f"cannot stage {binary}: {error.strerror or error}", safe="nothing was published"
            ) from error
        lines = [f"{binary} is staged as {untrusted(staged.name)}, sha256 {staged.sha256}"]
        if plan is not None:
            write_ahead(node, journal, plan)
            lines.append(f"{plan_path(node)} plans it for height {plan.height}")
    return Staged(None, tuple(lines))


def _promised(journal: Journal, folder: str) -> str:
    """The hash that the app's binary of the open plan of that folder must have; empty when nobody names one.

    Raises:
        NodeError: The plan names a manifest that no controller has verified yet.
    """
    attempt = journal.latest_attempt()
    if attempt is None or attempt.crossing.ended or attempt.generation != folder:
        return ""
    if attempt.release_kind != ReleaseKind.MANIFEST:
        return attempt.release_hash
    if not attempt.generation_hash:
        raise NodeError(
            f"{attempt.name} is a manifest, which no controller has verified yet",
            safe="nothing was staged",
            next_step="start the controller, and give the binary to it",
        )
    return attempt.generation_hash


def _plan_alone(node: NodeSettings, plan: PlanFile, app_height: int | None) -> None:
    with alone(node, "plan_ahead", name=str(plan.shown_name), height=plan.height) as journal:
        write_ahead(node, journal, check_ahead(node, plan.name, plan.height, app_height=app_height, force=True))


def _write_batch(node: NodeSettings, entries: Sequence[BatchEntry]) -> None:
    try:
        write_batch(plan_path(node).parent, entries)
    except OSError as error:
        raise NodeError(f"cannot write the batch: {error}", safe="it has no effect without its last file") from error
