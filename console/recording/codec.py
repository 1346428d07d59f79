"""Values of the model as JSON and back, by their annotations: exact, strict, and small where little changed.

Whatever is decoded comes from a file: every text passes `untrusted`, every size is bounded, and what does not fit its
annotation is refused. Keys of later versions are dropped; what an older version did not write has its default.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Generic, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from console.errors import RecordingError
from console.text import untrusted

MAX_TEXT = 8192
"""Characters of one text."""
MAX_ITEMS = 100_000
"""Values in one row."""
MAX_NUMBER = 1e12
"""Numbers with decimals, all of them seconds, are smaller than this, either way."""
MAX_WHOLE = 1 << 256
"""Whole numbers are smaller than this, either way."""

CHANGE = "~"
"""Key of an object that holds only what changed; no field is called so."""

Json = Any
"""What `json` reads and writes."""

T = TypeVar("T")


class Misfit(ValueError):
    """A value is not of its kind; the message begins with its place: `chain.nodes.0.height is not a whole number`."""

    def below(self, name: str) -> Misfit:
        """The same, seen from one level further up."""
        first, _, rest = str(self).partition(" ")
        return Misfit(f"{name}.{first} {rest}" if first != "it" else f"{name} {rest}")


class Kind:
    """How values of one annotation are written, read, and told apart."""

    def encode(self, value: Any) -> Json:
        """The value as JSON."""
        raise NotImplementedError

    def decode(self, document: Json) -> Any:
        """The reverse. Raises Misfit."""
        raise NotImplementedError

    def change(self, _before: Any, after: Any) -> Json:
        """What makes `after` of `before`."""
        return self.encode(after)

    def apply(self, _before: Any, document: Json) -> Any:
        """The reverse. Raises Misfit."""
        return self.decode(document)


class _Text(Kind):
    def encode(self, value: str) -> Json:
        return str(value)

    def decode(self, document: Json) -> str:
        if not isinstance(document, str):
            raise Misfit("it is no text")
        return untrusted(document, MAX_TEXT)


class _Whole(Kind):
    def encode(self, value: int) -> Json:
        return int(value)

    def decode(self, document: Json) -> int:
        if type(document) is not int or not -MAX_WHOLE < document < MAX_WHOLE:
            raise Misfit("it is not a whole number")
        return document


class _Number(Kind):
    """A number to three decimals: of seconds, milliseconds are kept."""

    def encode(self, value: float) -> Json:
        if not math.isfinite(value):
            raise Misfit("it is not a finite number")
        return round(float(value), 3)

    def decode(self, document: Json) -> float:
        if type(document) not in {int, float} or not -MAX_NUMBER < document < MAX_NUMBER:
            raise Misfit("it is not a finite number")
        return float(document)


class _Flag(Kind):
    def encode(self, value: bool) -> Json:
        return bool(value)

    def decode(self, document: Json) -> bool:
        if not isinstance(document, bool):
            raise Misfit("it is neither true nor false")
        return document


class _Bytes(Kind):
    def encode(self, value: bytes) -> Json:
        return value.hex()

    def decode(self, document: Json) -> bytes:
        try:
            return bytes.fromhex(document)
        except (TypeError, ValueError):
            raise Misfit("it is not hex digits") from None


class _Choice(Kind):
    """One of an enumeration, or of given words: by its value."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._values = {each.value if isinstance(each, Enum) else each: each for each in values}

    def encode(self, value: Any) -> Json:
        return value.value if isinstance(value, Enum) else value

    def decode(self, document: Json) -> Any:
        if type(document) not in {int, str} or document not in self._values:
            raise Misfit("it is a word or number that this version does not know")
        return self._values[document]


class _Perhaps(Kind):
    """A value or None."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def encode(self, value: Any) -> Json:
        return None if value is None else self._kind.encode(value)

    def decode(self, document: Json) -> Any:
        return None if document is None else self._kind.decode(document)

    def change(self, before: Any, after: Any) -> Json:
        return self.encode(after) if before is None or after is None else self._kind.change(before, after)

    def apply(self, before: Any, document: Json) -> Any:
        return self.decode(document) if before is None or document is None else self._kind.apply(before, document)


class _Row(Kind):
    """Any number of values of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def encode(self, value: tuple[Any, ...]) -> Json:
        return [self._kind.encode(each) for each in value]

    def decode(self, document: Json) -> tuple[Any, ...]:
        if not isinstance(document, list):
            raise Misfit("it is no list")
        if len(document) > MAX_ITEMS:
            raise Misfit(f"it has more than {MAX_ITEMS} values")
        return tuple(_at(str(index), self._kind.decode, each) for index, each in enumerate(document))

    def change(self, before: tuple[Any, ...], after: tuple[Any, ...]) -> Json:
        if len(before) != len(after):
            return self.encode(after)
        changed = {
            str(index): self._kind.change(old, new)
            for index, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not new and old != new
        }
        return {CHANGE: changed}

    def apply(self, before: tuple[Any, ...], document: Json) -> tuple[Any, ...]:
        if not isinstance(document, dict):
            return self.decode(document)
        after = list(before)
        for name, each in _changes(document).items():
            index = int(name) if name.isascii() and name.isdigit() and len(name) < 7 else len(after)
            if index >= len(after):
                raise Misfit(f"{name} is not there")
            after[index] = _at(name, self._kind.apply, after[index], each)
        return tuple(after)


class _Group(Kind):
    """A fixed number of values, each of its own kind."""

    def __init__(self, kinds: tuple[Kind, ...]) -> None:
        self._kinds = kinds

    def encode(self, value: tuple[Any, ...]) -> Json:
        return [kind.encode(each) for kind, each in zip(self._kinds, value, strict=True)]

    def decode(self, document: Json) -> tuple[Any, ...]:
        if not isinstance(document, list) or len(document) != len(self._kinds):
            raise Misfit(f"it is no list of {len(self._kinds)} values")
        pairs = zip(self._kinds, document, strict=True)
        return tuple(_at(str(index), kind.decode, each) for index, (kind, each) in enumerate(pairs))


class _Record(Kind):
    """A frozen dataclass, by the names of its fields."""

    def __init__(self, made: type[Any]) -> None:
        self._made = made
        self._fields: tuple[tuple[str, Kind, bool], ...] = ()

    def complete(self, kinds: Mapping[str, Kind]) -> None:
        """Take the kinds of the fields, once they are known: a class may hold others of its own kind."""
        self._fields = tuple(
            (each.name, kinds[each.name], _is_required(each)) for each in fields(self._made) if each.init
        )

    def encode(self, value: Any) -> Json:
        return {name: _at(name, kind.encode, getattr(value, name)) for name, kind, _ in self._fields}

    def decode(self, document: Json) -> Any:
        if not isinstance(document, dict):
            raise Misfit("it is no object")
        values = {}
        for name, kind, required in self._fields:
            if name in document:
                values[name] = _at(name, kind.decode, document[name])
            elif required:
                raise Misfit(f"{name} is missing")
        return self._made(**values)

    def change(self, before: Any, after: Any) -> Json:
        changed = {}
        for name, kind, _ in self._fields:
            old, new = getattr(before, name), getattr(after, name)
            if old is not new and old != new:
                changed[name] = _at(name, kind.change, old, new)
        return {CHANGE: changed}

    def apply(self, before: Any, document: Json) -> Any:
        if not isinstance(document, dict) or CHANGE not in document:
            return self.decode(document)
        changes = _changes(document)
        values = {
            name: _at(name, kind.apply, getattr(before, name), changes[name])
            for name, kind, _ in self._fields
            if name in changes
        }
        return replace(before, **values)


class Codec(Generic[T]):
    """Writes and reads the values of one dataclass.

    Raises:
        TypeError: An annotation in it has no way to be written: a mistake in the code.
    """

    def __init__(self, made: type[T]) -> None:
        annotation: Any = made
        self._kind = _kind_of(annotation)
        self._name = made.__name__

    def encode(self, value: T) -> Json:
        """The value as JSON. Raises RecordingError for a number that is not finite."""
        return self._checked(self._kind.encode, value)

    def decode(self, document: Json) -> T:
        """The reverse. Raises RecordingError."""
        value: T = self._checked(self._kind.decode, document)
        return value

    def change(self, before: T, after: T) -> Json:
        """What makes `after` of `before`. Raises RecordingError as `encode`."""
        return self._checked(self._kind.change, before, after)

    def apply(self, before: T, document: Json) -> T:
        """The reverse. Raises RecordingError."""
        value: T = self._checked(self._kind.apply, before, document)
        return value

    def _checked(self, run: Callable[..., Any], *values: Any) -> Any:
        try:
            return run(*values)
        except Misfit as misfit:
            raise RecordingError(f"the recording's {self._name} does not fit: {misfit.below(self._name)}") from None


def _at(name: str, run: Callable[..., Any], *values: Any) -> Any:
    try:
        return run(*values)
    except Misfit as misfit:
        raise misfit.below(name) from None


def _changes(document: dict[str, Json]) -> dict[str, Json]:
    changes = document.get(CHANGE)
    if not isinstance(changes, dict):
        raise Misfit("it is no change")
    return changes


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


_PLAIN: Mapping[Any, Kind] = types.MappingProxyType(
    {str: _Text(), bool: _Flag(), int: _Whole(), float: _Number(), bytes: _Bytes()}
)


@cache
def _kind_of(annotation: Any) -> Kind:
    """The kind of an annotation. Raises TypeError when there is none."""
    if isinstance(annotation, NewType):
        return _kind_of(annotation.__supertype__)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        others = [each for each in arguments if each is not types.NoneType]
        if len(others) == 1 and len(others) < len(arguments):
            return _Perhaps(_kind_of(others[0]))
    elif get_origin(annotation) is Literal:
        return _Choice(arguments)
    elif get_origin(annotation) is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _Row(_kind_of(arguments[0]))
        return _Group(tuple(_kind_of(each) for each in arguments))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        return _Choice(annotation)
    elif isinstance(annotation, type) and is_dataclass(annotation):
        record = _Record(annotation)
        hints = get_type_hints(annotation)
        record.complete({each.name: _kind_of(hints[each.name]) for each in fields(annotation)})
        return record
    raise TypeError(f"values of {annotation!r} cannot be recorded")
