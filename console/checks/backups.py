"""Whether there is a way back: configuration copied and as in force, state in a rollback point that restores."""

from __future__ import annotations

import asyncio

from console.checks.telling import NodeTeller
from console.errors import NodeError
from console.model import Arming, Finding
from console.model.procedure import failed, passed, warned
from console.node.data_folders import DataFolders
from console.node.point_space import space_for_point
from console.node.shape import shape_of
from console.operations.config_copy import changed_since, newest_copy, verify_copy
from console.operations.kept_files import Kept
from console.settings import NodeSettings
from console.text import duration, size

CONFIG_FRESH_S = 7 * 86400.0
"""Seconds after which a copy is old, whether or not a file has changed."""


async def configuration_backed_up(node: NodeSettings, now: float) -> Finding:
    """Whether the newest copy of the configuration is whole, could be read back, and is what is in force.

    Args:
        node: The node.
        now: Unix seconds.

    Raises:
        NodeError: The copies cannot be looked at.
    """
    copy = await asyncio.to_thread(newest_copy, node)
    if copy is None:
        return failed(
            f"there is no copy of the configuration of {node.name}",
            f"looked in {node.state_dir}/config-copies",
            go_on="`upgrade-console run checklist-1h` or `checklist-24h` takes one",
        )
    wrong, changed = await asyncio.to_thread(verify_copy, copy), await asyncio.to_thread(changed_since, copy, node.home)
    evidence = copy_evidence(copy, now)
    if wrong:
        return failed(f"the copy cannot be counted on: {wrong[0]}", *wrong, *evidence, go_on="copy it again")
    if changed:
        return warned(
            f"{len(changed)} of {len(copy.files)} files are not as they were copied: {changed[0]}",
            *changed,
            *evidence,
            go_on="copy it again if the change is meant to stay",
        )
    if now - copy.at > CONFIG_FRESH_S:
        return warned(f"the copy is {duration(now - copy.at)} old", *evidence, go_on="copy it again")
    return passed(f"{len(copy.files)} files are copied, whole, readable and as in force", *evidence)


def copy_evidence(copy: Kept, now: float) -> tuple[str, ...]:
    """A copy in lines."""
    lines = [f"{copy.folder}: {size(copy.bytes)}, taken {duration(max(0.0, now - copy.at))} ago"]
    lines += [f"{what}: sha256 {file.sha256}" for what, file in list(copy.files.items())[:12]]
    if len(copy.files) > 12:
        lines.append(f"and {len(copy.files) - 12} more files")
    lines += [f"not copied: {each}" for each in copy.left_out[:6]]
    return tuple(lines)


async def state_backed_up(client: NodeTeller, node: NodeSettings, *, full: bool = True) -> Finding:
    """Whether the newest rollback point is whole and would restore, or whether one will be taken and has room.

    The controller takes one at the arming restart and one at the halt, when the data stands still: before the first of
    them there is none to count on, and that is said, not failed.

    Args:
        client: The controller's.
        node: The node, for the room.
        full: Whether every byte of the points is read; else what the manifests and trees say.

    Raises:
        ControllerDown: Nobody answers.
        NodeError: The points cannot be looked at.
    """
    status = await client.status()
    points = [each for each in await client.points() if each.get("complete")]
    room = await asyncio.to_thread(room_for_point, node)
    if not points:
        if not node.backup_enabled:
            return failed(
                "there is no rollback point, and the settings take none (backup_enabled)",
                room.sentence,
                go_on="`upgrade-console node config set backup_enabled true`, or a backup of your own, tried once",
            )
        go_on = "`upgrade-console node backup` takes one now (it stops and starts the node)"
        armed = status.attempt is not None and status.attempt.arming is Arming.ARMED
        sentence = "there is no complete rollback point" + (" although the node is armed" if armed else " yet")
        give = failed if armed or not _is_well(room) else warned
        return give(
            f"{sentence}; {room.sentence}",
            "the controller takes one by itself when the node stands at its halt, before anything is switched",
            go_on=go_on,
        )
    newest = points[0]
    lines = [str(each.get("sentence")) for each in points[:3]]
    if full:
        name = f"rollback point {newest.get('name')}"
        checked = [each for each in await client.verify("points") if each.get("topic") == name]
        if not checked or checked[0].get("level") == "fail":
            what = checked[0].get("what") if checked else "it was not read"
            return failed(
                f"{name} would not restore: {what}",
                *lines,
                go_on="do not count on it; take another with `upgrade-console node backup`",
            )
        lines.append(f"{name}: {checked[0].get('what')}")
    age = newest.get("age_s")
    taken = (
        f"taken {duration(float(age))} ago at height {newest.get('app_height')}"
        if age is not None
        else "of unknown age"
    )
    if not _is_well(room):
        return warned(f"{newest.get('name')} is whole, but {room.sentence}", *lines, go_on="make room before the halt")
    how = "whole" if full else "there, by its manifest"
    return passed(f"rollback point {newest.get('name')} is {how}, {taken}", *lines, room.sentence)


def _is_well(room: Finding) -> bool:
    return not room.go_on


def room_for_point(node: NodeSettings) -> Finding:
    """Whether a rollback point of the data as it is now would fit. Reads the data's tree; blocks."""
    try:
        shape = shape_of(node)
        data = DataFolders(node.home, shape.data_folders(), None if shape.remote_signer() else shape.signer_state())
        folder = node.points_dir if node.points_dir.is_dir() else node.state_dir
        need = space_for_point(data, folder, node.rollback_space_margin_bytes, 0)
    except (NodeError, OSError) as error:
        return warned(f"the room for a rollback point cannot be told: {error}", go_on="`upgrade-console node doctor`")
    if not need.enough:
        return failed(need.sentence, go_on="make room, or name another folder (backup_dir)")
    return passed(need.sentence)
