"""Steps and procedures of the operator's own, as they are written in TOML; what is wrong is told with file and line.

They are in the settings file below `[procedures.NAME]`, or in a file of their own, `procedures/NAME.toml` beside it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.errors import InputError, SettingsError
from console.given_file import read_given
from console.model import StepKind
from console.setting_words import nearest, quoted
from console.settings import KINDS, config_file
from console.text import untrusted

MOST_BYTES = 1 << 20
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_LONGEST_S = 7 * 24 * 3600.0
STEP_KEYS = (
    "id", "kind", "title", "says", "command", "done_command", "contains", "deadline_s", "every_s", "ask", "undo",
    "optional", "after",
)  # fmt: skip
PROCEDURE_KEYS = ("title", "purpose", "kinds", "parameters", "steps")
PARAMETER_KEYS = ("meaning", "default")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written."""

    path: Path
    text: str
    prefix: tuple[str, ...]
    """Keys of the table that holds it: `procedures`, NAME; none in a file of its own."""

    def line(self, step: int | None, key: str) -> int:
        """The line of a key, 1 for the first; of its table where the key has none of its own."""
        header = re.compile(
            r"\s*\[\[" + r"\s*\.\s*".join(_written(each) for each in (*self.prefix, "steps")) + r"\s*\]\]"
        )
        lines = self.text.splitlines()
        starts = [number for number, line in enumerate(lines) if header.match(line)]
        if step is None or step >= len(starts):
            table = re.compile(r"\s*\[" + r"\s*\.\s*".join(map(_written, self.prefix)) + r"\s*\]")
            tables = [number for number, line in enumerate(lines) if self.prefix and table.match(line)]
            first, last = (tables or starts or [0])[0] if self.prefix else 0, len(lines)
        else:
            first, last = starts[step], starts[step + 1] if step + 1 < len(starts) else len(lines)
        wanted = re.compile(rf"\s*{_written(key)}\s*=")
        return next((number for number in range(first, last) if wanted.match(lines[number])), first) + 1

    def wrong(self, what: str, key: str, step: int | None = None) -> SettingsError:
        """The error to raise."""
        return SettingsError(
            f"{untrusted(self.path)}, line {self.line(step, key)}, {key}: {what}",
            safe="no procedure was begun",
            next_step="mend that line",
        )


@dataclass(frozen=True, slots=True)
class OwnStep:
    """One step as it is written, checked."""

    id: str
    """With `own.` before it."""
    kind: StepKind
    title: str
    says: str
    command: tuple[str, ...]
    done_command: tuple[str, ...]
    contains: str
    deadline_s: float
    every_s: float
    ask: str
    undo: str
    optional: bool
    after: str
    """Id of the step that it follows; empty: at the end."""
    where: Place
    number: int
    """Which of the file's steps, 0 for the first."""


@dataclass(frozen=True, slots=True)
class OwnProcedure:
    """A table as it is written, checked."""

    name: str
    title: str
    """Empty where steps are added to a procedure that is built in."""
    purpose: str
    kinds: tuple[str, ...]
    parameters: tuple[tuple[str, str, str | None], ...]
    """Name, meaning and default of each."""
    steps: tuple[OwnStep, ...]
    where: Place


def read_own_procedures() -> tuple[OwnProcedure, ...]:
    """Everything that the operator wrote, by name. Raises SettingsError."""
    path = config_file()
    found: list[OwnProcedure] = []
    if path.is_file():
        text, document = _read(path)
        tables = document.get("procedures", {})
        if not isinstance(tables, dict):
            raise Place(path, text, ()).wrong("must be a table", "procedures")
        found += [_procedure(name, table, Place(path, text, ("procedures", name))) for name, table in tables.items()]
    for own in sorted((path.parent / "procedures").glob("*.toml")):
        text, document = _read(own)
        found.append(_procedure(own.stem, document, Place(own, text, ())))
    names = [each.name for each in found]
    for each in found:
        if names.count(each.name) > 1:
            raise each.where.wrong(f"there is a procedure {each.name} in the settings file as well", "title")
    return tuple(found)


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    safe, mend = "no procedure was begun", "mend the file, or move it away"
    try:
        text = read_given(path, MOST_BYTES).decode("utf-8")
        return text, tomllib.loads(text)
    except InputError as error:
        raise SettingsError(error.what, safe=safe, next_step=mend) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # What TOML's reader says names the line.
        raise SettingsError(f"cannot read {untrusted(path)}: {untrusted(error)}", safe=safe, next_step=mend) from error


def _procedure(name: str, table: object, where: Place) -> OwnProcedure:
    if not isinstance(table, dict):
        raise where.wrong("must be a table", name)
    if _NAME.fullmatch(name) is None:
        raise where.wrong("a procedure's name is small letters, digits and -", name)
    _refuse_unknown(table, PROCEDURE_KEYS, where, None)
    steps = table.get("steps", [])
    if not isinstance(steps, list) or not steps:
        raise where.wrong(f"procedure {name} has no steps", "steps")
    kinds = table.get("kinds", list(KINDS))
    if not isinstance(kinds, list) or not kinds or any(kind not in KINDS for kind in kinds):
        raise where.wrong(f"must be a list of {' and '.join(KINDS)}", "kinds")
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise where.wrong("must be a table", "parameters")
    return OwnProcedure(
        name,
        _text(table, "title", where, None, default=""),
        _text(table, "purpose", where, None, default=""),
        tuple(kinds),
        tuple(_parameter(each, meaning, where) for each, meaning in parameters.items()),
        tuple(_step(step, number, where) for number, step in enumerate(steps)),
        where,
    )


def _parameter(name: str, table: object, where: Place) -> tuple[str, str, str | None]:
    if not isinstance(table, dict) or _NAME.fullmatch(name) is None:
        raise where.wrong("a parameter is a table by a name of small letters, digits and -", name)
    _refuse_unknown(table, PARAMETER_KEYS, where, None)
    default = table.get("default")
    if default is not None and not isinstance(default, str):
        raise where.wrong("must be a text", "default")
    return name, _text(table, "meaning", where, None), default


def _step(table: object, number: int, where: Place) -> OwnStep:
    if not isinstance(table, dict):
        raise where.wrong("each step must be a table", "steps", number)
    _refuse_unknown(table, STEP_KEYS, where, number)
    name = _text(table, "id", where, number)
    if _ID.fullmatch(name) is None:
        raise where.wrong("must be small letters, digits, '.', '_' and '-'", "id", number)
    try:
        kind = StepKind(table.get("kind"))
    except ValueError:
        words = ", ".join(each.value for each in StepKind)
        raise where.wrong(f"must be one of {words}, not {quoted(table.get('kind'))}", "kind", number) from None
    step = OwnStep(
        id=f"own.{name.removeprefix('own.')}",
        kind=kind,
        title=_text(table, "title", where, number),
        says=_text(table, "says", where, number),
        command=_command(table, "command", where, number),
        done_command=_command(table, "done_command", where, number),
        contains=_text(table, "contains", where, number, default=""),
        deadline_s=_seconds(table, "deadline_s", 0.0 if kind is StepKind.WAIT else 60.0, where, number),
        every_s=_seconds(table, "every_s", 10.0, where, number),
        ask=_text(table, "ask", where, number, default=""),
        undo=_text(table, "undo", where, number, default=""),
        optional=_flag(table, "optional", where, number),
        after=_text(table, "after", where, number, default=""),
        where=where,
        number=number,
    )
    _refuse_unfit(step)
    return step


def _refuse_unfit(step: OwnStep) -> None:
    """What does not go together."""

    def refuse(what: str, key: str) -> None:
        raise step.where.wrong(what, key, step.number)

    if step.kind is StepKind.CONFIRMATION and not step.ask:
        refuse("a confirmation asks something", "ask")
    if step.kind is not StepKind.CONFIRMATION and not step.command:
        refuse(f"a step of kind {step.kind.value} needs a command", "command")
    if step.kind in {StepKind.CHECK, StepKind.WAIT} and step.ask:
        refuse(f"nobody is asked by a {step.kind.value}", "ask")
    if step.kind is not StepKind.ACTION and (step.done_command or step.undo):
        refuse("only an action can be done already, or undone", "done_command" if step.done_command else "undo")
    if step.contains and not step.command:
        refuse("there is no command whose output could contain it", "contains")


def _command(table: Mapping[str, Any], key: str, where: Place, number: int) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or any(not isinstance(each, str) or "\0" in each for each in value):
        raise where.wrong('must be a list of texts, as ["/usr/bin/true", "--now"]: there is no shell', key, number)
    if value and not value[0]:
        raise where.wrong("its first text names the program", key, number)
    return tuple(value)


def refuse_placeholders(step: OwnStep, parameters: Collection[str]) -> None:
    """Refuse what stands for nothing in a step's commands. Raises SettingsError.

    Args:
        step: The step.
        parameters: Those of the procedure that it belongs to.
    """
    known = (*parameters, *PLACEHOLDERS)
    for key, command in (("command", step.command), ("done_command", step.done_command)):
        for name in (name for text in command for name in PLACEHOLDER.findall(text)):
            if name not in known:
                raise step.where.wrong(f"there is no {{{name}}}{nearest(name, list(known))}", key, step.number)


PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9-]*)\}")
"""Where a value stands in a command; other braces stay as they are."""
PLACEHOLDERS = ("network", "node", "home", "item", "run-folder")
"""What stands in a command as `{NAME}` beside the procedure's parameters."""


def _text(table: Mapping[str, Any], key: str, where: Place, step: int | None, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise where.wrong("must be a text" + ("" if key in table else ", and is missing"), key, step)
    return str(untrusted(value, 1000))


def _seconds(table: Mapping[str, Any], key: str, default: float, where: Place, step: int) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_S:
        raise where.wrong("must be a number of seconds, at most a week", key, step)
    return float(value)


def _flag(table: Mapping[str, Any], key: str, where: Place, step: int) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise where.wrong("must be true or false", key, step)
    return value


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], where: Place, step: int | None) -> None:
    for key in table:
        if key not in known:
            raise where.wrong(f"there is no such setting{nearest(key, list(known))}", key, step)


def _written(key: str) -> str:
    """A key as TOML has it: bare, or in quotes."""
    return rf"[\"']?{re.escape(key)}[\"']?"
