"""Shapes of JSON that a file from outside may have: each reads a value strictly and says the same as a JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.errors import ConsoleError
from console.text import untrusted

LARGEST = (1 << 53) - 1
"""Largest whole number that every JSON reader holds exactly."""


class WrongShape(ValueError):
    """A value has another shape; the message is what follows `the manifest`, as in ` lacks x` or `'s x must be …`."""


class Shape(Protocol):
    """One shape of a JSON value."""

    def read(self, value: object, where: str) -> Any:
        """The value, when it has this shape.

        Args:
            value: As strict JSON gives it.
            where: Its place, for messages, such as `platforms.linux/amd64`.

        Raises:
            WrongShape: It has another one.
        """
        ...

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema, draft 2020-12."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a pattern matches as a whole.

    Args:
        pattern: Understood alike by Python and ECMA 262; without anchors.
        words: What it is, to follow "must be".
        longest: Characters at most.
        also: A check that no pattern can do; False refuses.
    """

    pattern: str
    words: str
    longest: int = 128
    also: Callable[[str], bool] | None = None

    def read(self, value: object, where: str) -> str:
        if (
            not isinstance(value, str)
            or len(value) > self.longest
            or not re.fullmatch(self.pattern, value)
            or (self.also is not None and not self.also(value))
        ):
            raise wrong(where, self.words, value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest, "pattern": f"^(?:{self.pattern})$"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number between two bounds, both included."""

    minimum: int
    maximum: int = LARGEST

    def read(self, value: object, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.minimum <= value <= self.maximum:
            raise wrong(where, f"a whole number from {self.minimum} to {self.maximum}", value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, value: object, where: str) -> bool:
        if not isinstance(value, bool):
            raise wrong(where, "true or false", value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of one shape, nothing in it twice."""

    of: Shape
    most: int

    def read(self, value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > self.most:
            raise wrong(where, f"a list of at most {self.most}", value)
        found = tuple(self.of.read(item, f"{where}[{index}]") for index, item in enumerate(value))
        # Entries may be tables.
        if any(entry in found[:index] for index, entry in enumerate(found)):
            raise WrongShape(f"'s {where} holds the same entry twice")
        return found

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.of.schema(), "maxItems": self.most, "uniqueItems": True}


@dataclass(frozen=True, slots=True)
class Table:
    """A table from names to one shape, with at least one entry."""

    names: Text
    of: Shape
    most: int

    def read(self, value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or not 1 <= len(value) <= self.most:
            raise wrong(where, f"a table of 1 to {self.most} entries", value)
        found = {}
        for name, item in value.items():
            self.names.read(name, f"{where}, its key")
            found[name] = self.of.read(item, f"{where}.{name}")
        return found

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": self.names.schema(),
            "additionalProperties": self.of.schema(),
            "minProperties": 1,
            "maxProperties": self.most,
        }


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record."""

    name: str
    shape: Shape
    meaning: str
    """One sentence, for the schema and the documentation."""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """An object of known fields; another one is refused.

    Args:
        fields: In the order in which they are written.
        some_of: Names of which at least one must be there.
    """

    fields: Sequence[Field]
    some_of: tuple[str, ...] = ()

    def read(self, value: object, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise wrong(where or "document", "an object", value)
        prefix = f"{where}." if where else ""
        known = {field.name: field for field in self.fields}
        for name in value:
            if name not in known:
                raise WrongShape(f" has a field that this version does not know, {untrusted(prefix + name, 80)}")
        missing = [field.name for field in self.fields if field.required and field.name not in value]
        if missing:
            raise WrongShape(f" lacks {prefix}{missing[0]}")
        if self.some_of and not any(name in value for name in self.some_of):
            raise WrongShape(f" lacks {prefix}{' or '.join(self.some_of)}")
        return {name: known[name].shape.read(item, prefix + name) for name, item in value.items()}

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {field.name: {"description": field.meaning, **field.shape.schema()} for field in self.fields},
            "required": [field.name for field in self.fields if field.required],
            "additionalProperties": False,
        }
        if self.some_of:
            schema["anyOf"] = [{"required": [name]} for name in self.some_of]
        return schema


@dataclass(frozen=True, slots=True)
class Foreign:
    """An object that another module reads.

    Args:
        reader: Raises ConsoleError.
        described: Its JSON Schema, as far as one is written.
    """

    reader: Callable[[Mapping[str, object]], Any]
    described: dict[str, Any]

    def read(self, value: object, where: str) -> Any:
        if not isinstance(value, dict):
            raise wrong(where, "an object", value)
        try:
            return self.reader(value)
        except ConsoleError as error:
            raise WrongShape(f"'s {where} is refused: {error.what}") from error

    def schema(self) -> dict[str, Any]:
        return dict(self.described)


def wrong(where: str, words: str, value: object) -> WrongShape:
    """The one sentence for a value of the wrong shape."""
    return WrongShape(f"'s {untrusted(where, 120)} must be {words}, not {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return f"an object of {len(value)} fields"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return untrusted(repr(value), 60)
