"""Preflight: a staged binary that would not start is found before anything is stopped."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest

from console.errors import ReleaseError
from console.files import sha256_of
from console.model import FailureCode
from console.node.discovery import inspect_home
from console.node.elf import this_machine
from console.node.preflight import PreflightReport, PreflightRequest, run_preflight
from tests.console.node.test_elf import small_elf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="executables are ELF on Linux only")

SETTINGS_SCRIPT = """#!/bin/sh
case "$1" in
  --version) echo noded v0.2.0;;
  config) echo 'parent_http_auth_token = "s3cr3t"'; echo 'Error: missing field `new_key`' >&2; exit {code};;
esac
"""


def request(binary: Path, **changes: object) -> PreflightRequest:
    base = PreflightRequest(binary=binary, sha256=sha256_of(binary) if binary.is_file() else "", allow_script=True)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def staged(folder: Path, content: bytes, mode: int = 0o755) -> Path:
    path = folder / "noded"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def failure(report: PreflightReport) -> str:
    assert report.failure is not None
    assert report.checks[-1] is report.failure
    json.dumps([check.to_json() for check in report.checks])
    return f"{report.failure.name}: {report.failure.what}"


def test_a_real_executable_passes_and_its_libraries_are_found(tmp_path: Path) -> None:
    binary = tmp_path / "noded"
    shutil.copy(shutil.which("true") or "/bin/true", binary)
    report = run_preflight(request(binary, allow_script=False, version=()))
    assert report.failure is None, report.checks
    assert {check.name for check in report.checks} >= {"file", "format"}
    report.raise_on_failure()


def test_the_version_of_a_working_script_is_what_it_says_last(tmp_path: Path) -> None:
    binary = staged(tmp_path, SETTINGS_SCRIPT.format(code=0).encode())
    report = run_preflight(request(binary, config_display=("config", "display")))
    assert report.failure is None, report.checks
    assert report.version == "v0.2.0"


def test_a_release_that_needs_a_new_key_fails_and_no_secret_is_shown(tmp_path: Path) -> None:
    script = SETTINGS_SCRIPT.replace("; exit", "; echo 'auth_token: s3cr3t' >&2; exit").format(code=1)
    report = run_preflight(request(staged(tmp_path, script.encode()), config_display=("config", "display")))
    said = failure(report)
    assert "missing field `new_key`" in said
    assert "s3cr3t" not in repr(report)
    with pytest.raises(ReleaseError) as caught:
        report.raise_on_failure()
    assert caught.value.code == FailureCode.PREFLIGHT_FAILED
    assert "nothing was stopped" in str(caught.value)


def test_a_script_is_refused_where_the_network_wants_executables(tmp_path: Path) -> None:
    binary = staged(tmp_path, b"#!/bin/sh\ntouch ran\n")
    assert "is a script" in failure(run_preflight(request(binary, allow_script=False)))


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"", 0o755, "is empty"),
        (b"\x7fELF", 0o755, "broken ELF header"),
        (b"hello", 0o755, "not an ELF"),
        (b"#!/no/such/interpreter\n", 0o755, "which is not on this machine"),
        (b"#!/usr/bin/env no-such-python\n", 0o755, "not in its PATH"),
        (b"#!/bin/sh\nexit 0\n", 0o444, "cannot execute"),
        (b"#!/bin/sh\nexit 3\n", 0o755, "ended with code 3"),
        (b"#!/bin/sh\necho '\x1b[2J\xe2\x80\xaeevil' >&2; exit 3\n", 0o755, "[2J<U+202E>evil"),
    ],
)
def test_a_binary_that_cannot_start_fails_in_a_sentence(tmp_path: Path, content: bytes, mode: int, words: str) -> None:
    assert words in failure(run_preflight(request(staged(tmp_path, content, mode))))


def test_an_executable_of_another_machine_fails(tmp_path: Path) -> None:
    machine = this_machine()
    assert machine is not None
    other = 183 if machine.number != 183 else 62
    binary = staged(tmp_path, small_elf(machine=other))
    assert "this machine is" in failure(run_preflight(request(binary)))


def test_a_missing_loader_fails(tmp_path: Path) -> None:
    machine = this_machine()
    assert machine is not None
    loader = b"/lib/no-such-loader.so\0"
    content = small_elf(machine=machine.number, parts=((3, 64 + 56, len(loader)),), tail=loader)
    if machine.bits == 64 and machine.byteorder == "little":
        assert "needs the loader /lib/no-such-loader.so" in failure(run_preflight(request(staged(tmp_path, content))))


def test_bytes_that_are_not_the_verified_ones_are_never_run(tmp_path: Path) -> None:
    binary = staged(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/ran\n".encode())
    assert "is not run" in failure(run_preflight(request(binary, sha256="00" * 32)))
    assert not (tmp_path / "ran").exists()


def test_a_program_that_does_not_answer_fails_at_its_deadline(tmp_path: Path) -> None:
    binary = staged(tmp_path, b"#!/bin/sh\nexec sleep 60\n")
    assert "timed out" in failure(run_preflight(request(binary, deadline_s=0.3)))


def test_a_missing_library_is_named_without_running_the_binary(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here to build an executable with a missing library")
    import subprocess

    (tmp_path / "lib.c").write_text("int there(void) { return 0; }")
    (tmp_path / "main.c").write_text("int there(void); int main(void) { return there(); }")
    library, binary = tmp_path / "libthere.so", tmp_path / "noded"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(tmp_path / "lib.c")], check=True)
    subprocess.run([compiler, "-o", str(binary), str(tmp_path / "main.c"), f"-L{tmp_path}", "-lthere"], check=True)
    library.unlink()
    said = failure(run_preflight(request(binary)))
    assert said.startswith("libraries:")
    assert "libthere.so" in said


def test_a_home_without_its_keys_fails_before_the_binary_is_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for folder in ("fendermint/config", "fendermint/data", "cometbft/config", "cometbft/data"):
        (home / folder).mkdir(parents=True)
    for name in ("fendermint/config/default.toml", "cometbft/config/config.toml", "cometbft/config/genesis.json"):
        (home / name).write_text("")
    (home / "fendermint" / "validator.sk").write_text("x")
    binary = staged(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/ran\n".encode())
    assert "priv_validator_key.json" in failure(run_preflight(request(binary, home=inspect_home(home))))
    assert not (tmp_path / "ran").exists()
    (home / "cometbft/config/config.toml").write_text('priv_validator_laddr = "tcp://127.0.0.1:26659"')
    assert run_preflight(request(binary, home=inspect_home(home))).failure is None
