"""Executables told by their bytes, and hostile bytes that are only ever a sentence."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.node.elf import SELF, Elf, NotExecutable, read_elf, read_script, this_machine

linux = pytest.mark.skipif(sys.platform != "linux", reason="executables are ELF on Linux only")

_PROGRAM = 64
_HEADER = 56


def small_elf(
    *,
    kind: int = 2,
    machine: int = 62,
    entry: int = 0x400000,
    parts: tuple[tuple[int, int, int], ...] = (),
    tail: bytes = b"",
) -> bytes:
    """A 64 bit ELF of headers: parts are (type, offset, size in the file)."""
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    parts = parts or ((1, 0, 64),)
    head = ident + struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, entry, _PROGRAM, 0, 0, 64, _HEADER, len(parts), 0, 0, 0
    )
    table = b"".join(
        struct.pack("<IIQQQQQQ", part, 5, offset, 0, 0, length, length, 4096) for part, offset, length in parts
    )
    return head + table + tail


def read(content: bytes) -> Elf:
    return read_elf(io.BytesIO(content), len(content))


@linux
def test_the_running_python_is_an_executable_of_this_machine() -> None:
    machine = this_machine()
    assert machine is not None
    assert machine.byteorder == sys.byteorder
    with SELF.open("rb") as stream:
        assert read_elf(stream, SELF.stat().st_size).machine == machine


def test_a_static_executable_and_one_with_a_loader_are_told_apart() -> None:
    assert read(small_elf()).static
    loader = b"/lib64/ld-linux-x86-64.so.2\0"
    found = read(small_elf(parts=((3, _PROGRAM + _HEADER, len(loader)),), tail=loader))
    assert found.interpreter == "/lib64/ld-linux-x86-64.so.2"


def test_a_library_an_object_and_a_cut_file_are_no_executables() -> None:
    with pytest.raises(NotExecutable, match="shared library"):
        read(small_elf(kind=3, entry=0))
    with pytest.raises(NotExecutable, match="no executable"):
        read(small_elf(kind=1))
    with pytest.raises(NotExecutable, match="cut off"):
        read(small_elf(parts=((1, 0, 10_000),)))
    with pytest.raises(NotExecutable, match="cut off"):
        read(small_elf()[:100])


def test_a_static_executable_at_any_address_is_one_even_without_an_entry() -> None:
    dynamic = struct.pack("<qQqQ", 0x6FFFFFFB, 0x08000000, 0, 0)
    assert read(small_elf(kind=3, entry=0, parts=((2, _PROGRAM + _HEADER, len(dynamic)),), tail=dynamic)).static


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"\x7fELF\x02\x01" + tail))
def test_hostile_bytes_are_refused_or_read_and_nothing_else(content: bytes) -> None:
    try:
        found = read(content)
    except NotExecutable as problem:
        refused = str(problem)
    else:
        refused = found.machine.words
    assert refused


@settings(max_examples=300)
@given(st.data())
def test_a_real_header_with_broken_bytes_is_refused_or_read(data: st.DataObject) -> None:
    loader = b"/lib64/ld.so\0"
    content = bytearray(
        small_elf(parts=((1, 0, 64), (2, 0, 64), (3, _PROGRAM + 3 * _HEADER, len(loader))), tail=loader)
    )
    for position in data.draw(st.lists(st.integers(4, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(content))
    except (NotExecutable, OSError):
        return
    assert found.static or found.interpreter.startswith("/")


def test_the_first_line_of_a_script_is_read_as_the_kernel_does() -> None:
    assert read_script(b"#!/bin/sh\necho") == ("/bin/sh", "")
    assert read_script(b"#! /usr/bin/env python3 -I\n") == ("/usr/bin/env", "python3 -I")
    assert read_script(b"\x7fELF") is None
    for broken in (b"#!\n", b"#!sh\n", b"#!/" + b"x" * 300):
        with pytest.raises(NotExecutable):
            read_script(broken)


@given(st.binary(max_size=400))
def test_any_first_line_gives_an_absolute_interpreter_or_a_sentence(tail: bytes) -> None:
    try:
        found = read_script(b"#!" + tail)
    except NotExecutable:
        return
    assert found is not None
    assert found[0].startswith("/")


def test_an_empty_file_is_no_executable(tmp_path: Path) -> None:
    with pytest.raises(NotExecutable, match="not an ELF"):
        read(b"")
