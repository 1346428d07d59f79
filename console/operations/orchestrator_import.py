"""`node config import FILE`: an `orchestrator-config.yaml` in the shape of the strategy document §2.1.

Two sections of plain values, and nothing else that YAML can do: a name given twice, an anchor, a tag or a list is
refused by name and line, because a setting that was silently lost is found at the halt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.errors import InputError
from console.given_file import read_given
from console.node_settings import NodeSettings
from console.setting_kinds import BOOLEAN
from console.setting_words import nearest, quoted
from console.settings_table import SETTINGS, Effect, Setting, SettingChange
from console.text import untrusted

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

MAX_BYTES = 64 * 1024
"""Largest file that is read."""
MAX_PROBLEMS = 20
"""Problems told at once."""

_KNOWN = {alias: setting for setting in SETTINGS for alias in setting.aliases if "." in alias}
_SECTIONS = tuple(dict.fromkeys(name.partition(".")[0] for name in _KNOWN))


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    """As `upgrade.auto_apply`."""
    text: str
    quoted: bool
    line: int


def read_orchestrator_config(path: Path) -> str:
    """The text of the operator's file.

    Raises:
        InputError: It cannot be read, is no regular file, too large or no UTF-8.
    """
    nothing_changed = "nothing was changed"
    try:
        return read_given(path, MAX_BYTES, safe=nothing_changed).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text", safe=nothing_changed) from error


def imported_changes(text: str, node: NodeSettings) -> tuple[SettingChange, ...]:
    """What an orchestrator's file would change in the settings in force; changes nothing.

    Args:
        text: The file's text.
        node: The settings in force.

    Returns:
        Changes for `LiveSettings.set_many`, in the file's order; what says the same as now is left out.

    Raises:
        InputError: The file is not acceptable; every problem is named at once.
    """
    problems: list[str] = []
    changes: dict[str, SettingChange] = {}
    for found in _entries(text):
        change = _change(found, node) if isinstance(found, _Entry) else found
        if isinstance(change, str):
            problems.append(change)
        elif change is not None:
            changes[change.key] = change
    if problems:
        more = len(problems) - MAX_PROBLEMS
        told = "; ".join(problems[:MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
        raise InputError(f"the orchestrator's settings are not acceptable: {told}", safe="nothing was changed")
    return tuple(changes.values())


def _change(entry: _Entry, node: NodeSettings) -> SettingChange | str | None:
    setting = _KNOWN[entry.name]
    where = f"line {entry.line}: {entry.name}"
    try:
        value = _value(setting, entry)
    except ValueError as error:
        return f"{where} must be {error}, not {quoted(entry.text)}"
    if value == setting.of(node):
        return None
    if setting.effect is Effect.FILE:
        return (
            f"{where} is {quoted(setting.kind.show(value))}, but this node's {setting.key} is"
            f" {quoted(setting.shown(node))}: change that in the settings file, or take the line out"
        )
    return SettingChange(setting.key, setting.shown(node), setting.kind.show(value))


def _value(setting: Setting, entry: _Entry) -> Any:
    if not entry.text and not entry.quoted:
        raise ValueError("given a value")
    if entry.text.lower() in {"~", "null"} and not entry.quoted:
        raise ValueError("given a value")
    if setting.kind is BOOLEAN and entry.quoted:
        raise ValueError("true or false without quotes")
    return setting.kind.parse(entry.text)


def _entries(text: str) -> Iterator[_Entry | str]:
    """Every value of the two sections, or a problem in words; stops at the first thing that is not this shape."""
    # 20 ms to import, and used by one verb.
    import yaml

    try:
        yield from _walk(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        yield f"{line}not YAML, {untrusted(error.problem or error.context or 'unreadable', 100)}"
    except yaml.YAMLError as error:
        yield f"not YAML, {untrusted(error, 100)}"


def _walk(events: Iterator[Event]) -> Iterator[_Entry | str]:
    from yaml import events as kinds

    sections: set[str] = set()
    names: set[str] = set()
    section, key = "", None
    depth = 0
    for event in events:
        if isinstance(event, kinds.StreamStartEvent | kinds.StreamEndEvent | kinds.DocumentEndEvent):
            continue
        line = _line(event)
        if isinstance(event, kinds.DocumentStartEvent):
            if sections:
                yield f"line {line}: a second document begins"
                return
        elif isinstance(event, kinds.MappingEndEvent):
            depth -= 1
            key = None
        elif problem := _unwanted(event):
            yield f"line {line}: {problem}"
            return
        elif isinstance(event, kinds.MappingStartEvent):
            if depth == 2 or (depth == 1 and key is None):
                yield f"line {line}: {quoted(key) if key else 'a name'} must be one value, not a table"
                return
            depth += 1
            key = None
        elif not isinstance(event, kinds.ScalarEvent) or depth == 0:
            yield f"line {line}: the file must have the sections {' and '.join(_SECTIONS)}"
            return
        elif depth == 1:
            if key is not None:
                if event.value or event.style:
                    yield f"line {line}: section {quoted(key)} must be a table"
                key = None
                continue
            section = key = event.value
            if section in sections:
                yield f"line {line}: section {quoted(section)} is there twice"
            elif section not in _SECTIONS:
                yield f"line {line}: there is no section {quoted(section)}{nearest(section, list(_SECTIONS))}"
            sections.add(section)
        elif key is None:
            key = event.value
            yield from _name_problems(f"{section}.{key}", names, line, known_section=section in _SECTIONS)
        else:
            name, key = f"{section}.{key}", None
            if name in _KNOWN:
                yield _entry(name, event)
    if not sections:
        yield "it says nothing"


def _name_problems(name: str, names: set[str], line: int, *, known_section: bool) -> Iterator[str]:
    if name in names:
        yield f"line {line}: {quoted(name)} is there twice"
    elif known_section and name not in _KNOWN:
        yield f"line {line}: there is no setting {quoted(name)}{nearest(name, list(_KNOWN))}"
    names.add(name)


def _entry(name: str, event: ScalarEvent) -> _Entry:
    return _Entry(name, event.value, event.style is not None, _line(event))


def _line(event: Event) -> int:
    mark = event.start_mark
    return 0 if mark is None else mark.line + 1


def _unwanted(event: Event) -> str:
    from yaml import events as kinds

    if isinstance(event, kinds.AliasEvent) or getattr(event, "anchor", None) is not None:
        return "anchors and aliases are not used here"
    if getattr(event, "tag", None) is not None:
        return "tags are not used here"
    if isinstance(event, kinds.SequenceStartEvent):
        return "lists are not used here"
    return ""
