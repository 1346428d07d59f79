"""How large a WebAssembly module is, from its sections' headers, before a compiler sees it.

Compiling is neither under fuel nor under a memory limit of the run, so what makes it long or large is bounded here.
"""

from __future__ import annotations

from console.node.migration.journal import Refused
from console.node.migration.outcome import Failure

MAGIC = b"\0asm\x01\0\0\0"
MAX_FUNCTIONS = 10_000
MAX_LOCALS = 2_000
"""Of one function."""
MAX_BODY_BYTES = 64 * 1024
"""Of one function: compilers need more than linear time for long ones (1 MiB of the worst found: 4 s)."""
_MOST = {
    1: ("types", 2_000),
    2: ("imports", 100),
    3: ("functions", MAX_FUNCTIONS),
    4: ("tables", 4),
    5: ("memories", 1),
    6: ("globals", 1_000),
    7: ("exports", 1_000),
    9: ("element segments", 1_000),
    11: ("data segments", 10_000),
}
"""Members of a section, by its number."""
_CUSTOM, _START, _CODE = 0, 8, 10
_SECTIONS = 32
"""A module has at most a dozen, and some custom ones with names and the like."""


def check_shape(module: bytes) -> None:
    """Refuse a module that is larger than a migration may be, has a start function, or is damaged.

    The compiler still validates all of it; this reads only what it needs.

    Raises:
        Refused: With TOO_LARGE or BAD_MODULE.
    """
    if not module.startswith(MAGIC):
        raise Refused(Failure.BAD_MODULE, "it does not begin as a WebAssembly module of version 1")
    reader = _Reader(module, len(MAGIC), len(module))
    for _ in range(_SECTIONS):
        if reader.at == reader.end:
            return
        number = reader.byte()
        section = reader.part(reader.number())
        if number == _START:
            raise Refused(Failure.BAD_MODULE, "it has a start function, and only the entry point may run")
        if number == _CODE:
            _check_code(section)
        elif number in _MOST:
            name, most = _MOST[number]
            count = section.number()
            if count > most:
                raise Refused(Failure.TOO_LARGE, f"it has {count} {name}, and at most {most} are accepted")
    if reader.at != reader.end:
        raise Refused(Failure.TOO_LARGE, f"it has more than {_SECTIONS} sections")


def _check_code(section: _Reader) -> None:
    count = section.number()
    if count > MAX_FUNCTIONS:
        raise Refused(Failure.TOO_LARGE, f"it has {count} functions, and at most {MAX_FUNCTIONS} are accepted")
    for _ in range(count):
        length = section.number()
        if length > MAX_BODY_BYTES:
            raise Refused(
                Failure.TOO_LARGE, f"it has a function of {length} bytes, and at most {MAX_BODY_BYTES} are accepted"
            )
        body = section.part(length)
        groups = body.number()
        if groups > MAX_LOCALS:
            raise _too_many_locals()
        total = 0
        for _ in range(groups):
            total += body.number()
            # A type is one byte here: those of more belong to features that are switched off.
            body.byte()
            if total > MAX_LOCALS:
                raise _too_many_locals()


def _too_many_locals() -> Refused:
    return Refused(Failure.TOO_LARGE, f"it has a function with more than {MAX_LOCALS} locals")


class _Reader:
    """Numbers and parts of `data` from `at` to `end`; every one that is not all there is a damaged module."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data = data
        self.at = at
        self.end = end

    def byte(self) -> int:
        """The next byte."""
        if self.at >= self.end:
            raise _damaged()
        self.at += 1
        return self._data[self.at - 1]

    def number(self) -> int:
        """The next unsigned 32-bit number in LEB128."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 32:
                    raise _damaged()
                return value
        raise _damaged()

    def part(self, length: int) -> _Reader:
        """A reader of the next `length` bytes, which are passed over here."""
        if length > self.end - self.at:
            raise _damaged()
        self.at += length
        return _Reader(self._data, self.at - length, self.at)


def _damaged() -> Refused:
    return Refused(Failure.BAD_MODULE, "it is damaged: a section does not hold what it says")
