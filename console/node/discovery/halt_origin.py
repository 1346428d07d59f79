"""Where the halt height comes from, each place with its value, and which one wins (facts/ipc.md §1.4).

`default.toml < {mode}.toml < local.toml < FM_HALT_HEIGHT`. Editing a file does nothing while the environment says
something else, so the environments of the unit, of the container and of the running process are places too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from console.node.discovery.fendermint import overrides, settings_files
from console.node.discovery.files import Document, read_bounded, read_toml
from console.node.discovery.homes import Home, ShapeKind
from console.text import untrusted

_KEY = "halt_height"
_COSMOS_KEY = "halt-height"
_MOST = (1 << 63) - 1


class HaltSource(StrEnum):
    """Kinds of places, the weakest first."""

    DEFAULT = "default.toml"
    MODE = "mode file"
    LOCAL = "local.toml"
    UNIT = "unit"
    CONTAINER = "container"
    PROCESS = "process"


ENVIRONMENTS = frozenset({HaltSource.UNIT, HaltSource.CONTAINER, HaltSource.PROCESS})


@dataclass(frozen=True, slots=True)
class NamedEnvironment:
    """An environment that the node starts with, or that it has."""

    source: HaltSource
    where: str
    """For people: `unit ipc-node.service`, `process 4711`."""
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HaltPlace:
    """One place that says something about the halt height."""

    source: HaltSource
    where: str
    value: int | None
    """Block height, 0 for never; None when it is not readable as one."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HaltOrigin:
    """All places that speak, the weakest first, and the one that wins."""

    places: tuple[HaltPlace, ...]
    unread: tuple[str, ...] = ()
    """Sentences on files that could not be read: a place may hide in them."""

    @property
    def winner(self) -> HaltPlace | None:
        """The strongest place; None when no place speaks, which makes Fendermint refuse to start."""
        return self.places[-1] if self.places else None

    @property
    def value(self) -> int | None:
        """The height that wins, 0 for never; None when unknown."""
        return None if self.winner is None else self.winner.value

    @property
    def environment_rules(self) -> bool:
        """Whether an environment says it, so that editing a file would do nothing."""
        return self.winner is not None and self.winner.source in ENVIRONMENTS

    @property
    def words(self) -> str:
        """One sentence for the operator."""
        winner = self.winner
        if winner is None:
            return "nothing says a halt height"
        if winner.value is None:
            return f"{winner.where} says a halt height that is not readable: {winner.problem}"
        said = "never halts" if winner.value == 0 else f"halts at height {winner.value}"
        beaten = [place for place in self.places[:-1] if place.value != winner.value]
        tail = "".join(f"; {place.where} says {_shown(place)} and is overridden" for place in beaten)
        return f"the node {said}, as {winner.where} says{tail}"


def halt_origin(home: Home, environments: Sequence[NamedEnvironment] = ()) -> HaltOrigin:
    """Find every place that speaks.

    Args:
        home: The node's home.
        environments: Of the unit, the container and the running process; the strongest is chosen by its kind, since
            what the process has is what counts until it ends.
    """
    documents = _documents(home)
    places = []
    for source, key, document in documents:
        if key in document.table:
            places.append(_place(source, str(document.path), document.table[key]))
    for environment in sorted(environments, key=lambda entry: list(HaltSource).index(entry.source)):
        for name, keys, value in overrides(environment.values):
            if keys == (_KEY,):
                places.append(_place(environment.source, f"{name} in {environment.where}", value))
    return HaltOrigin(tuple(places), tuple(document.problem for _, _, document in documents if document.problem))


def process_environment(pid: int, proc: Path = Path("/proc")) -> NamedEnvironment | None:
    """The environment that a running process was executed with; None when it cannot be read (another user's)."""
    try:
        raw = read_bounded(proc / str(pid) / "environ")
    except OSError:
        return None
    pairs = (item.split(b"=", 1) for item in raw.split(b"\0") if b"=" in item)
    values = {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in pairs}
    return NamedEnvironment(HaltSource.PROCESS, f"process {pid}", values)


def _documents(home: Home) -> list[tuple[HaltSource, str, Document]]:
    if home.kind is ShapeKind.COSMOS:
        return [(HaltSource.DEFAULT, _COSMOS_KEY, read_toml(home.cometbft / "config" / "app.toml"))]
    sources = {"default.toml": HaltSource.DEFAULT, "local.toml": HaltSource.LOCAL}
    return [(sources.get(document.path.name, HaltSource.MODE), _KEY, document) for document in settings_files(home)]


def _place(source: HaltSource, where: str, value: object) -> HaltPlace:
    height = _height(value)
    if height is None:
        return HaltPlace(source, where, None, f"{untrusted(repr(value), 60)} is not a block height")
    return HaltPlace(source, where, height)


def _height(value: object) -> int | None:
    """A whole number, or text that is one: the node's settings library converts text."""
    if isinstance(value, str):
        text = value.strip()
        if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 20:
            return None
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        return None
    return value


def _shown(place: HaltPlace) -> str:
    return "something unreadable" if place.value is None else str(place.value)
