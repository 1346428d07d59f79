"""`add-batch-upgrade`: many manual upgrades at once, and which of them is next (facts/cosmos.md §1.2, §1.9)."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.errors import InputError, NodeError
from console.files import write_durably
from console.json_depth import MAX_DEPTH, deeper_than
from console.node.cosmovisor.upgrade_info import (
    FILE_NAME,
    MAX_BYTES,
    Incomplete,
    Invalid,
    PlanFile,
    encode_plan,
    go_members,
    manual_plan,
    parse_plan_document,
)
from console.text import untrusted

_MAX_ENTRIES = 1000


class BatchError(InputError):
    """Everything that is wrong with a batch; nothing of it was taken."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences), safe="nothing of the batch was added")
        self.sentences = tuple(sentences)


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """One upgrade of a batch."""

    name: str
    """As the operator wrote it; names the file beside upgrade-info.json."""
    binary: Path
    plan: PlanFile
    """With the name in the case that counts."""


def parse_batch_csv(text: str, *, recase: bool = True) -> tuple[BatchEntry, ...]:
    """Read `name,path,height` lines without a header; this form can hold every path. Sorted by height.

    Args:
        text: The file's content.
        recase: Whether plan names are lower-cased.

    Raises:
        BatchError: With a sentence for everything that is wrong.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise BatchError([f"the batch file is not CSV ({untrusted(error)})"]) from error
    return _entries([(f"line {number}", row, "") for number, row in enumerate(rows, 1)], recase)


def parse_batch_list(items: Sequence[str], *, recase: bool = True) -> tuple[BatchEntry, ...]:
    """Read `name:path:height` items, several in one with commas between them. Sorted by height.

    Args:
        items: Values of `--upgrade-list`.
        recase: Whether plan names are lower-cased.

    Raises:
        BatchError: With a sentence for everything that is wrong; a path with `:` or `,` needs the CSV form.
    """
    pieces = [piece for item in items for piece in item.split(",")]
    hint = " (a path with ':' or ',' can only be given in a CSV file)"
    return _entries([(repr(str(untrusted(piece))), piece.split(":"), hint) for piece in pieces], recase)


def missing_binaries(entries: Iterable[BatchEntry]) -> tuple[str, ...]:
    """A sentence for every entry whose binary is no file that can be read; blocking."""
    sentences = []
    for entry in entries:
        if not entry.binary.is_file():
            sentences.append(f"{untrusted(entry.name)}: {entry.binary} is no file")
        elif not os.access(entry.binary, os.R_OK):
            sentences.append(f"{untrusted(entry.name)}: {entry.binary} cannot be read")
    return tuple(sentences)


def encode_batch(plans: Iterable[PlanFile]) -> bytes:
    """upgrade-info.json.batch as `add-batch-upgrade` writes it: an array, indented by two blanks."""
    blocks = []
    for plan in plans:
        lines = [f'    "{key}": {value}' for key, value in go_members(plan)]
        blocks.append("  {\n" + ",\n".join(lines) + "\n  }")
    return ("[\n" + ",\n".join(blocks) + "\n]").encode() if blocks else b"[]"


def write_batch(data: Path, entries: Sequence[BatchEntry]) -> None:
    """Write a plan file for each entry, and then the batch itself, each durably.

    Args:
        data: The home's data folder.
        entries: Of one parsed and staged batch.

    Raises:
        OSError: The batch was not written; plan files without it have no effect.
    """
    for entry in entries:
        write_durably(data / f"{FILE_NAME}.{entry.name}", encode_plan(entry.plan))
    write_plans(data / f"{FILE_NAME}.batch", [entry.plan for entry in entries])


def write_plans(path: Path, plans: Iterable[PlanFile]) -> None:
    """Replace the batch by what is still to come, as an entry is done. Raises OSError."""
    write_durably(path, encode_batch(plans))


def parse_batch(content: bytes) -> tuple[PlanFile, ...] | Incomplete | Invalid:
    """Read the bytes of an upgrade-info.json.batch; sorted by height; never raises."""
    if len(content) > MAX_BYTES:
        return Invalid(f"is larger than {MAX_BYTES} bytes")
    if deeper_than(content, MAX_DEPTH):
        return Invalid("is nested too deeply")
    try:
        document = json.loads(content.decode())
    except ValueError as error:
        if not content.rstrip().endswith(b"]"):
            return Incomplete(len(content))
        return Invalid(f"is not JSON ({untrusted(error)})")
    if document is None:
        return ()
    if not isinstance(document, list) or len(document) > _MAX_ENTRIES:
        return Invalid("holds no list of plans")
    plans = []
    for number, item in enumerate(document, 1):
        plan = parse_plan_document(item) if isinstance(item, dict) else Invalid("is no plan")
        if isinstance(plan, Invalid):
            return Invalid(f"has an entry {number} that {plan.reason}")
        plans.append(plan)
    return tuple(sorted(plans, key=lambda plan: plan.height))


def read_batch(path: Path) -> tuple[PlanFile, ...] | Incomplete | Invalid | None:
    """Read an upgrade-info.json.batch; None when there is none. Never raises."""
    try:
        with path.open("rb") as stream:
            return parse_batch(stream.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Invalid(f"cannot be read: {error.strerror}")


def next_plan(plans: Iterable[PlanFile], app_height: int) -> PlanFile | None:
    """The upgrade that comes next.

    Cosmovisor looks at the first entry only, and waits for ever when its height has passed; here the past is skipped.

    Args:
        plans: Of the batch, in any order.
        app_height: Last height that the application executed.
    """
    return min((plan for plan in plans if plan.height > app_height), key=lambda plan: plan.height, default=None)


def _entries(rows: Sequence[tuple[str, Sequence[str], str]], recase: bool) -> tuple[BatchEntry, ...]:
    sentences: list[str] = []
    entries: list[BatchEntry] = []
    if not rows:
        sentences.append("the batch is empty")
    if len(rows) > _MAX_ENTRIES:
        raise BatchError([f"the batch has {len(rows)} entries; {_MAX_ENTRIES} are allowed"])
    for called, row, hint in rows:
        if len(row) != 3:
            sentences.append(f"{called} has {len(row)} parts, not a name, a path and a height{hint}")
            continue
        try:
            entries.append(_entry(row[0], row[1], row[2], recase))
        except NodeError as error:
            sentences.append(f"{called}: {error.what}{hint if ':' in row[1] else ''}")
    sentences += _collisions(entries, recase)
    if sentences:
        raise BatchError(sentences)
    return tuple(sorted(entries, key=lambda entry: entry.plan.height))


def _entry(name: str, path: str, height: str, recase: bool) -> BatchEntry:
    digits = height[1:] if height.startswith("+") else height
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise NodeError(f"{untrusted(height, 40)!r} is no height")
    if "/" in name:
        raise NodeError(f"the name {untrusted(name, 80)!r} holds a '/', of which Cosmovisor would drop the front")
    if not path or "\0" in path:
        raise NodeError(f"{untrusted(path, 80)!r} is no path")
    return BatchEntry(name, Path(path), manual_plan(name, int(digits), recase=recase))


def _collisions(entries: Iterable[BatchEntry], recase: bool) -> list[str]:
    sentences = []
    by_folder: set[str] = set()
    by_height: set[int] = set()
    for entry in entries:
        folder = entry.plan.folder(recase=recase)
        if folder in by_folder:
            sentences.append(f"{entry.plan.shown_name} is in the batch twice")
        if entry.plan.height in by_height:
            sentences.append(f"two upgrades are at height {entry.plan.height}")
        by_folder.add(folder)
        by_height.add(entry.plan.height)
    return sentences
