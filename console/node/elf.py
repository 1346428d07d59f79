"""What an executable file says of itself, read from its bytes: ELF headers, or a script's first line.

Every number in it is a stranger's: each read is bounded, and what does not add up is a sentence.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SELF = Path("/proc/self/exe")
"""An executable that certainly runs on this machine."""

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_ET_EXEC, _ET_DYN = 2, 3
_DT_NULL, _DT_FLAGS_1 = 0, 0x6FFFFFFB
_DF_1_PIE = 0x08000000
_MOST_HEADERS = 512
_MOST_DYNAMIC = 1 << 16
_FIRST_LINE = 256
"""Bytes of a script's first line that Linux reads."""

_MACHINES = {3: "x86", 40: "arm", 62: "x86-64", 183: "aarch64", 243: "riscv", 21: "ppc64", 22: "s390", 258: "loongarch"}


class NotExecutable(Exception):
    """The file is no executable that could run here; its text is one sentence's tail."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What code is made for."""

    bits: int
    byteorder: str
    """`little` or `big`."""
    number: int
    """ELF's `e_machine`."""

    @property
    def words(self) -> str:
        """For people."""
        return f"{_MACHINES.get(self.number, f'machine {self.number}')}, {self.bits} bit, {self.byteorder} endian"


@dataclass(frozen=True, slots=True)
class Elf:
    """What an ELF executable says of itself."""

    machine: Machine
    interpreter: str
    """The loader's path; empty for a static executable."""

    @property
    def static(self) -> bool:
        """Whether it needs no loader."""
        return not self.interpreter


def read_elf(stream: BinaryIO, size: int) -> Elf:
    """Read the headers of an ELF executable.

    Args:
        stream: The file, seekable.
        size: Its size in bytes.

    Raises:
        NotExecutable: It is none, it is a library or an object, or it is cut off.
        OSError: It cannot be read.
    """
    head = _at(stream, 0, 64)
    if head[:4] != b"\x7fELF":
        raise NotExecutable("is not an ELF executable")
    if len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        raise NotExecutable("has a broken ELF header")
    bits, order = (32, 64)[head[4] - 1], "<>"[head[5] - 1]
    wide = bits == 64
    if wide and len(head) < 64:
        raise NotExecutable("has a broken ELF header")
    kind, number = struct.unpack_from(f"{order}HH", head, 16)
    entry, table = struct.unpack_from(f"{order}QQ" if wide else f"{order}II", head, 24)
    entry_size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
    machine = Machine(bits, "little" if order == "<" else "big", number)
    if kind not in (_ET_EXEC, _ET_DYN):
        raise NotExecutable("is an ELF file but no executable (an object or a core dump)")
    if not 0 < count <= _MOST_HEADERS or entry_size != (56 if wide else 32):
        raise NotExecutable("has broken ELF program headers")
    headers = _at(stream, table, entry_size * count)
    if len(headers) < entry_size * count:
        raise NotExecutable("is cut off: its ELF program headers lie behind its end")
    interpreter, dynamic = "", b""
    for position in range(0, len(headers), entry_size):
        part, offset, length = _segment(headers, position, order, wide=wide)
        if part in (_PT_LOAD, _PT_DYNAMIC, _PT_INTERP) and offset + length > size:
            raise NotExecutable(f"is cut off: it has {size} bytes and says that it has {offset + length}")
        if part == _PT_INTERP:
            interpreter = _text(_at(stream, offset, min(length, 4096)))
            if not interpreter.startswith("/"):
                raise NotExecutable("names a loader that is no absolute path")
        elif part == _PT_DYNAMIC:
            dynamic = _at(stream, offset, min(length, _MOST_DYNAMIC))
    if kind == _ET_DYN and not interpreter and not entry and not _says_pie(dynamic, order, wide=wide):
        raise NotExecutable("is a shared library, not an executable")
    return Elf(machine, interpreter)


def this_machine() -> Machine | None:
    """What this machine runs, from the running Python itself; None where executables are not ELF."""
    try:
        with SELF.open("rb") as stream:
            return read_elf(stream, os.fstat(stream.fileno()).st_size).machine
    except (OSError, NotExecutable):
        return None


def read_script(head: bytes) -> tuple[str, str] | None:
    """Interpreter and its one argument of a script, from the file's first bytes; None when it is no script.

    Raises:
        NotExecutable: Its first line cannot be used.
    """
    if not head.startswith(b"#!"):
        return None
    line, newline, _ = head[2:_FIRST_LINE].partition(b"\n")
    words = _text(line).split(None, 1)
    if not words or not words[0].startswith("/"):
        raise NotExecutable("is a script whose first line names no interpreter by an absolute path")
    if not newline and len(head) >= _FIRST_LINE:
        raise NotExecutable(f"is a script whose first line is longer than {_FIRST_LINE} bytes")
    return words[0], words[1].strip() if len(words) > 1 else ""


def _at(stream: BinaryIO, offset: int, length: int) -> bytes:
    if offset > 1 << 62:
        return b""
    stream.seek(offset)
    return stream.read(length)


def _segment(headers: bytes, position: int, order: str, *, wide: bool) -> tuple[int, int, int]:
    """Type, offset and size in the file of one program header."""
    if wide:
        part, _, offset, _, _, length = struct.unpack_from(f"{order}IIQQQQ", headers, position)
    else:
        part, offset, _, _, length = struct.unpack_from(f"{order}IIIII", headers, position)
    return part, offset, length


def _says_pie(dynamic: bytes, order: str, *, wide: bool) -> bool:
    """Whether the dynamic section says that it is an executable, as a static one at any address does."""
    layout = struct.Struct(f"{order}qQ" if wide else f"{order}iI")
    for tag, value in layout.iter_unpack(dynamic[: len(dynamic) // layout.size * layout.size]):
        if tag == _DT_NULL:
            return False
        if tag == _DT_FLAGS_1:
            return bool(value & _DF_1_PIE)
    return False


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace").strip()
