"""Is this end of the node a halt for the upgrade? Did arming load? Pure judgements (DESIGN §4.4, §4.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.model import Attempt
from console.node.redaction import redacted
from console.text import UntrustedText, untrusted

HALT_EXIT_CODE = 2
"""Fendermint's `AppExitCode::Halt`; also clap's usage error and Go's panic, so alone it proves nothing."""

_LAST_BYTES = 32 * 1024
"""Of a log, where the reason of an end is looked for: a trace of Go's takes some kilobytes."""

_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_PANIC = re.compile(rb"^(panic: |fatal error: )")
_HALT_LINE = re.compile(rb"Stopping node due to reaching halt height\s.*?height=(\d+)")


@dataclass(frozen=True, slots=True)
class HaltEvidence:
    """The three signs of a halt at H, of which two are needed."""

    halt_line: bool
    """The run's captured stderr holds the halt line with H."""
    height_before: bool
    """The last committed height of the application is H − 1."""
    armed_and_code: bool
    """The run was started with H and exited with code 2."""

    @property
    def halted(self) -> bool:
        """Whether at least two of the three agree."""
        return self.halt_line + self.height_before + self.armed_and_code >= 2

    def words(self) -> str:
        """The signs in words, for the journal and the operator."""
        signs = {
            "halt line": self.halt_line,
            "application at H-1": self.height_before,
            "armed and code 2": self.armed_and_code,
        }
        return ", ".join(f"{name}: {'yes' if seen else 'no'}" for name, seen in signs.items())


def halt_lines(log: bytes) -> frozenset[int]:
    """Heights of all halt lines in what a run wrote."""
    plain = _COLOUR.sub(b"", log)
    return frozenset(int(match.group(1)) for match in _HALT_LINE.finditer(plain) if len(match.group(1)) < 20)


def halt_evidence(
    attempt: Attempt, *, run_halt_height: int, exit_code: int | None, log: bytes, app_height: int | None
) -> HaltEvidence:
    """Judge the end of a run against the attempt's H.

    Args:
        attempt: The attempt in progress.
        run_halt_height: H that the run was started with, 0 when not armed.
        exit_code: Of the node; None when it was lost.
        log: What the run wrote to stdout and stderr.
        app_height: Last height that the application executed, as journalled or from the state database.
    """
    target = attempt.target_height
    if not attempt.has_height:
        return HaltEvidence(halt_line=False, height_before=False, armed_and_code=False)
    return HaltEvidence(
        halt_line=target in halt_lines(log),
        height_before=app_height == target - 1,
        armed_and_code=run_halt_height == target and exit_code == HALT_EXIT_CODE,
    )


def last_words(log: bytes) -> UntrustedText:
    """The last line that a run wrote, without secrets: mostly it says why it ended. Empty when there is none.

    A Go program that panics says why before its trace, whose last line says nothing.
    """
    lines = [stripped for line in _COLOUR.sub(b"", log[-_LAST_BYTES:]).split(b"\n") if (stripped := line.strip())]
    last = lines[-1] if lines else b""
    trace = next((at for at in reversed(range(len(lines))) if lines[at].startswith(b"goroutine ")), None)
    if trace is not None and trace > 0:
        last = next((line for line in reversed(lines[:trace]) if _PANIC.match(line)), last)
    return untrusted(redacted(last.decode("utf-8", "replace")), 200)


def wrong_app_hash(log: bytes) -> bool:
    """Whether the run ended because the network executed other rules (CometBFT's words)."""
    return b"wrong Block.Header.AppHash" in log
