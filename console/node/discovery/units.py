"""systemd units by their files: what each would run and with which environment (facts/ipc.md §1.9).

The files are read by themselves, so that it works where systemd does not answer and costs no process. Drop-ins and
folders take precedence as `systemd.unit(5)` says.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.node.discovery.files import names_in, read_bounded

SYSTEM_ROOTS = (
    Path("/etc/systemd/system"),
    Path("/run/systemd/system"),
    Path("/usr/local/lib/systemd/system"),
    Path("/usr/lib/systemd/system"),
    Path("/lib/systemd/system"),
)
"""The strongest first."""

HOME_FLAGS = frozenset({"--home", "--home-dir", "-d"})
"""Flags that name a node's home: CometBFT's, ipc-cli's and Cosmos daemons', and Fendermint's."""

_HOME_VARIABLES = ("DAEMON_HOME", "FM_HOME_DIR", "CMTHOME", "TMHOME")
_LIMIT = 256 << 10


@dataclass(frozen=True, slots=True)
class Unit:
    """One service unit as its files say."""

    name: str
    path: Path
    drop_ins: tuple[Path, ...]
    masked: bool
    commands: tuple[tuple[str, ...], ...]
    """`ExecStart`, split; without its special first characters."""
    environment: tuple[tuple[str, str], ...]
    """`Environment=` and the files of `EnvironmentFile=`, later ones win."""
    user: str
    working_directory: str
    restart: str
    """`Restart=`: `no` when it is not said."""
    wanted: bool
    """Whether some target wants it: it is started at boot."""

    def runs(self, home: Path) -> bool:
        """Whether a start of it would run a node on this home; our own controller is none, nor is a relayer."""
        variables = dict(self.environment)
        return any(self._command_runs(_with_inner_words(command), home, variables) for command in self.commands)

    def _command_runs(self, command: tuple[str, ...], home: Path, variables: dict[str, str]) -> bool:
        if not command or is_controller(command) or not _starts_a_node(command):
            return False
        wanted = {str(home), os.path.realpath(home)}
        values = [word.partition("=")[2] if word.startswith("-") and "=" in word else word for word in command[1:]]
        if any(_expanded(value, variables).rstrip("/") in wanted for value in values):
            return True
        named = {variables[name].rstrip("/") for name in _HOME_VARIABLES if variables.get(name)}
        if named or any(word.split("=")[0] in HOME_FLAGS for word in command):
            return bool(wanted & named)
        if self.working_directory.rstrip("/") in wanted:
            return True
        # A daemon that is told no home uses the one of its own name: ~/.fendermint, and ~/.gaia for gaiad.
        program = os.path.basename(command[0])
        default = os.path.join(_user_folder(self.user), f".{program}")
        return any(path in wanted for path in (default, default.removesuffix("d")))


def load_unit(name: str, roots: Sequence[Path] = SYSTEM_ROOTS) -> Unit | None:
    """One unit by name; None when no folder has it."""
    path = next((root / name for root in roots if os.path.lexists(root / name)), None)
    if path is None:
        return None
    masked = os.path.realpath(path) == os.devnull
    drop_ins = () if masked else _drop_ins(name, roots)
    settings: dict[str, list[str]] = {}
    for file in () if masked else (path, *drop_ins):
        for key, value in _service_lines(file):
            # An empty value resets what was said before.
            settings[key] = [*settings.get(key, []), value] if value else []

    def last(key: str, default: str = "") -> str:
        values = settings.get(key)
        return _specified(values[-1], name) if values else default

    return Unit(
        name=name,
        path=path,
        drop_ins=drop_ins,
        masked=masked,
        commands=tuple(_command(value, name) for value in settings.get("ExecStart", [])),
        environment=tuple(_environment(settings, name)),
        user=last("User"),
        working_directory=last("WorkingDirectory").lstrip("-"),
        restart=last("Restart", "no"),
        wanted=_is_wanted(name, roots),
    )


def units_for(home: Path, roots: Sequence[Path] = SYSTEM_ROOTS) -> tuple[Unit, ...]:
    """Service units that would run a node on this home, whoever wrote them."""
    hints = tuple({os.fsencode(str(home)), os.fsencode(os.path.realpath(home)), os.fsencode(home.name.lstrip("."))})
    # /lib is a link to /usr/lib almost everywhere.
    folders = {os.path.realpath(root): names_in(root) for root in roots}
    extended = {name.removesuffix(".d") for names in folders.values() for name in names if name.endswith(".service.d")}
    found: dict[str, Unit] = {}
    for folder, names in folders.items():
        for name in names:
            if not name.endswith(".service") or name in found:
                continue
            drop_ins = _drop_ins(name, roots) if name in extended else ()
            if not _mentions((f"{folder}/{name}", *map(str, drop_ins)), hints):
                continue
            unit = load_unit(name, roots)
            if unit is not None and not unit.masked and unit.runs(home):
                found[name] = unit
    return tuple(found.values())


def _mentions(files: Sequence[str], hints: tuple[bytes, ...]) -> bool:
    """A cheap look before a unit is parsed: the home, or its last name (`%h/.node-ipc`), is in one of its files."""
    for file in files:
        try:
            content = read_bounded(file, _LIMIT)
        except OSError:
            continue
        if any(hint in content for hint in hints) or b"EnvironmentFile" in content:
            return True
    return False


def _drop_ins(name: str, roots: Sequence[Path]) -> tuple[Path, ...]:
    found: dict[str, Path] = {}
    for root in reversed(roots):
        folder = root / f"{name}.d"
        found.update({entry: folder / entry for entry in names_in(folder) if entry.endswith(".conf")})
    return tuple(found[entry] for entry in sorted(found))


def _is_wanted(name: str, roots: Sequence[Path]) -> bool:
    for root in roots:
        for folder in names_in(root):
            if folder.endswith((".wants", ".requires")) and os.path.lexists(root / folder / name):
                return True
    return False


def _service_lines(path: Path) -> Iterator[tuple[str, str]]:
    """(key, value) of the `[Service]` section, continued lines joined, comments left out."""
    try:
        text = read_bounded(path, _LIMIT).decode("utf-8", "replace")
    except OSError:
        return
    section, pending = "", ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("#", ";")) or (not bare and not pending):
            continue
        if bare.endswith("\\"):
            pending += bare[:-1] + " "
            continue
        bare, pending = pending + bare, ""
        if bare.startswith("[") and bare.endswith("]"):
            section = bare[1:-1]
            continue
        key, separator, value = bare.partition("=")
        if section == "Service" and separator:
            yield key.strip(), value.strip()


def _command(value: str, name: str) -> tuple[str, ...]:
    return tuple(_specified(word, name) for word in _words(value.lstrip("@-:+!|")))


def _environment(settings: dict[str, list[str]], name: str) -> Iterator[tuple[str, str]]:
    for value in settings.get("Environment", []):
        for word in _words(value):
            key, separator, text = _specified(word, name).partition("=")
            if separator:
                yield key, text
    for value in settings.get("EnvironmentFile", []):
        try:
            content = read_bounded(Path(_specified(value, name).lstrip("-")), _LIMIT)
        except (OSError, ValueError):
            continue
        for line in content.decode("utf-8", "replace").splitlines():
            key, separator, text = line.strip().partition("=")
            if separator and not key.startswith(("#", ";")):
                yield key.strip(), " ".join(_words(text))


def _words(value: str) -> list[str]:
    """Split as a shell does; a text with an open quote is split at blanks."""
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _specified(text: str, name: str) -> str:
    """Replace the specifiers that appear in paths of homes: `%n`, `%i`, `%h`, `%%`."""
    if "%" not in text:
        return text
    stem = name.removesuffix(".service")
    values = {"n": name, "N": stem, "p": stem.partition("@")[0], "i": stem.partition("@")[2], "%": "%"}
    result, position = "", 0
    while position < len(text):
        if text[position] == "%" and position + 1 < len(text):
            letter = text[position + 1]
            result += os.path.expanduser("~root") if letter == "h" else values.get(letter, f"%{letter}")
            position += 2
        else:
            result += text[position]
            position += 1
    return result


def _expanded(word: str, variables: dict[str, str]) -> str:
    """Replace `${NAME}` and `$NAME` by the unit's own variables, as systemd does in `ExecStart`."""
    for name in sorted(variables, key=len, reverse=True):
        word = word.replace(f"${{{name}}}", variables[name])
        if word == f"${name}":
            word = variables[name]
    return word


def is_controller(command: Sequence[str]) -> bool:
    """Whether a command line is of this program, which is no foreign node."""
    words = [os.path.basename(word) for word in command[:6]]
    as_module = any(pair in {("-m", "console"), ("-m", "console.cli")} for pair in itertools.pairwise(words))
    return as_module or "upgrade-console" in words[:4]


def _starts_a_node(command: tuple[str, ...]) -> bool:
    """Whether it may start a node: `start` or `run` is in it, or it is a script of somebody's own."""
    return "start" in command or "run" in command or len(command) == 1 or command[0].endswith(".sh")


def _with_inner_words(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command with what a shell in it is given (`sh -c "..."`) as words of their own."""
    found: list[str] = []
    for word in command:
        found += _words(word) if " " in word.strip() else [word]
    return tuple(found)


def _user_folder(user: str) -> str:
    folder = os.path.expanduser(f"~{user or 'root'}")
    return "" if folder.startswith("~") else folder
