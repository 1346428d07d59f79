"""What may be asked on the controller's socket: one table, from which the service checks and answers.

A new command is one row here and one method of `console.node.operator_commands.Commands`. The other end is a user of
this machine whom the kernel vouches for; what he sends is checked all the same, by type, length and name, before
anything is done with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from console.errors import InputError
from console.model.roll_lease import LEASE_S
from console.node.redaction import HIDDEN, redacted
from console.text import untrusted

MAX_NAME = 200
"""Characters of a plan's, a generation's or a rollback point's name."""
MAX_REASON = 500
"""Characters of a typed reason."""
MAX_PATH = 4096
"""Bytes of a path."""
MAX_VALUE = 4096
"""Characters of a setting's value."""
MAX_CHANGES = 64
"""Settings that are changed at once."""
MAX_HEIGHT = (1 << 63) - 1

_NOTHING = "nothing was changed"


class Answer(Enum):
    """What the answer holds."""

    STATUS = "status"
    """The status afterwards."""
    POINT = "point"
    """The status afterwards, and the rollback point."""
    OWN = "own"
    """Something of its own: the service has a handler."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a question."""

    name: str
    check: Callable[[object], Any]
    """Returns the value that the command gets; raises ValueError with the rest of `NAME must be …`."""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """One method of the socket."""

    method: str
    parameters: tuple[Parameter, ...] = ()
    changes: bool = True
    """Whether it changes something: then who asked is journalled before it is done."""
    answer: Answer = Answer.STATUS

    def checked(self, given: object) -> dict[str, Any]:
        """The parameters as keywords for the command; those that were not given are left to its defaults.

        Raises:
            InputError: A parameter is unknown, missing or not acceptable.
        """
        if given is None:
            given = {}
        if not isinstance(given, dict):
            raise InputError(f"the parameters of {self.method} must be named", safe=_NOTHING)
        known = {parameter.name for parameter in self.parameters}
        unknown = sorted(str(untrusted(name, 40)) for name in given.keys() - known)
        if unknown:
            raise InputError(f"{self.method} has no parameter {unknown[0]}", safe=_NOTHING)
        values = {}
        for parameter in self.parameters:
            if parameter.name not in given:
                if parameter.required:
                    raise InputError(f"{self.method} needs {parameter.name}", safe=_NOTHING)
                continue
            try:
                values[parameter.name] = parameter.check(given[parameter.name])
            except ValueError as error:
                raise InputError(f"{parameter.name} of {self.method} must be {error}", safe=_NOTHING) from error
        return values


def text(limit: int, *, empty: bool = True) -> Callable[[object], str]:
    """A check for words that somebody typed; what a terminal would obey is made visible."""

    def check(value: object) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise ValueError(f"a text of at most {limit} characters")
        if not empty and not value.strip():
            raise ValueError("a text that is not empty")
        return str(untrusted(value.strip(), limit * 2))

    return check


def name(value: object) -> str:
    """Check a plan's, a generation's or a rollback point's name: it may be in a path and on a screen."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise ValueError(f"a name of at most {MAX_NAME} characters")
    if str(untrusted(value)) != value or value != value.strip() or "/" in value or value.startswith("."):
        raise ValueError("a name without slashes, hidden characters or a dot in front")
    return value


def path(value: object) -> Path:
    """Check an absolute path."""
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("an absolute path")
    try:
        encoded = value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("an absolute path") from None
    if len(encoded) > MAX_PATH:
        raise ValueError(f"a path of at most {MAX_PATH} bytes")
    return Path(value)


def flag(value: object) -> bool:
    """Check a true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole(least: int, most: int) -> Callable[[object], int]:
    """A check for a whole number."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def one_of(*words: str) -> Callable[[object], str]:
    """A check for one of some words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(" or ".join(words))
        return value

    return check


def changes(value: object) -> tuple[tuple[str, str], ...]:
    """Check names and new values of settings; whether there are such settings is not known here."""
    if not isinstance(value, dict) or not 0 < len(value) <= MAX_CHANGES:
        raise ValueError(f"one to {MAX_CHANGES} settings by name")
    for key, wanted in value.items():
        if len(key) > MAX_NAME or not isinstance(wanted, str) or len(wanted) > MAX_VALUE:
            raise ValueError(f"settings with values of at most {MAX_VALUE} characters")
    return tuple(value.items())


def public_changes(value: object) -> tuple[tuple[str, str], ...]:
    """Check the same, none of them a secret: what is asked for stands in the journal."""
    found = changes(value)
    if any(HIDDEN in redacted(f'{key} = "x"') for key, _ in found):
        raise ValueError("without secrets: edit the file on its machine")
    return found


_REASON = Parameter("reason", text(MAX_REASON, empty=False))
_SAID = Parameter("reason", text(MAX_REASON), required=False)
_NAME = Parameter("name", name)
_FILE = Parameter("file", text(MAX_NAME, empty=False))
_LEASE = Parameter("lease", text(MAX_NAME, empty=False), required=False)
_FORCE = Parameter("force", flag, required=False)

QUESTIONS: tuple[Question, ...] = (
    # What `Commands` does: the method's name is the command's, its parameters are the command's.
    Question("start"),
    Question("stop"),
    Question("restart", (_LEASE,)),
    Question("pause", (Parameter("reason", text(MAX_REASON)),)),
    Question(
        "resume",
        (
            Parameter("without_rollback_point", text(MAX_REASON, empty=False), required=False),
            Parameter("cross", text(MAX_REASON, empty=False), required=False),
        ),
    ),
    Question("arm", (_REASON,)),
    Question("arm_unproven", (_REASON,)),
    Question("disarm", (_REASON,)),
    Question("add_upgrade", (_NAME, Parameter("binary", path), _FORCE)),
    Question("swap", (_NAME, _REASON, _LEASE)),
    Question("rollback", (_REASON,)),
    Question("abort", (_REASON,)),
    Question(
        "rollback_state",
        (_REASON, Parameter("hard", flag), Parameter("app_height", whole(1, MAX_HEIGHT), required=False)),
    ),
    Question("resync", (_REASON, Parameter("from_genesis", flag))),
    Question("backup", (_NAME,), answer=Answer.POINT),
    Question("restore", (_NAME, _REASON)),
    # What the service answers by itself.
    Question("status", changes=False, answer=Answer.OWN),
    Question("consensus", changes=False, answer=Answer.OWN),
    # A renewal every few seconds is nothing for the journal; that it was granted and to whom is.
    Question(
        "lease",
        (
            Parameter("id", text(MAX_NAME, empty=False)),
            Parameter("by", text(MAX_NAME, empty=False)),
            Parameter("node", text(MAX_NAME, empty=False)),
            Parameter("own", flag),
            Parameter("seconds", whole(0, int(LEASE_S))),
        ),
        changes=False,
        answer=Answer.OWN,
    ),
    Question("lease_end", (Parameter("id", text(MAX_NAME, empty=False)),), changes=False, answer=Answer.OWN),
    Question("generations", changes=False, answer=Answer.OWN),
    Question("points", changes=False, answer=Answer.OWN),
    Question(
        "verify",
        (Parameter("what", one_of("all", "generations", "points"), required=False),),
        changes=False,
        answer=Answer.OWN,
    ),
    Question("release", (Parameter("name", name, required=False),), changes=False, answer=Answer.OWN),
    Question("config", (Parameter("key", text(MAX_NAME), required=False),), changes=False, answer=Answer.OWN),
    Question("config_set", (Parameter("changes", changes), _SAID), answer=Answer.OWN),
    Question("config_unset", (Parameter("key", text(MAX_NAME, empty=False)), _SAID), answer=Answer.OWN),
    Question("node_files", changes=False, answer=Answer.OWN),
    Question("node_values", (_FILE,), changes=False, answer=Answer.OWN),
    Question("node_values_set", (_FILE, Parameter("changes", public_changes), _REASON), answer=Answer.OWN),
    Question("node_values_undo", (_FILE, _REASON), answer=Answer.OWN),
    Question("plan_ahead", (_NAME, Parameter("height", whole(1, MAX_HEIGHT)), _FORCE), answer=Answer.OWN),
    Question(
        "logs",
        (
            Parameter("source", one_of("node", "controller")),
            Parameter("lines", whole(0, 1_000_000), required=False),
            Parameter("after", text(MAX_NAME), required=False),
        ),
        changes=False,
        answer=Answer.OWN,
    ),
    Question("events", (Parameter("since", whole(0, MAX_HEIGHT), required=False),), changes=False, answer=Answer.OWN),
)
"""Everything but `subscribe`, which has no single answer."""

COMMANDS: frozenset[str] = frozenset(entry.method for entry in QUESTIONS if entry.answer is not Answer.OWN)
"""Methods that are commands of the operator."""


def question(method: object) -> Question | None:
    """The row of a method; None when there is none."""
    return next((entry for entry in QUESTIONS if entry.method == method), None)
