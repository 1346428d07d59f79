"""What x/upgrade writes into the node's log, as signs for or against a halt (facts/cosmos.md §4.3).

A sign is no proof: a plan's info is foreign text and is printed in the same line. The file and the height decide with
it (DESIGN §4.4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.text import UntrustedText, untrusted

_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_QUOTE = rb'\\{0,3}"'
# Without quotes in it, so that a hostile log costs no more than its length.
_NAME = rb'([^\r\n"]{1,256}?)'
_NEEDED = re.compile(rb"UPGRADE " + _QUOTE + _NAME + _QUOTE + rb" NEEDED at height: ([0-9]{1,19})(?![0-9])")
_APPLYING = re.compile(rb"applying upgrade " + _QUOTE + _NAME + _QUOTE + rb" at height: ([0-9]{1,19})(?![0-9])")
_SKIPPED = re.compile(rb"UPGRADE " + _QUOTE + _NAME + _QUOTE + rb" SKIPPED at (?:height: )?([0-9]{1,19})(?![0-9])")
_TOO_EARLY = re.compile(rb"BINARY UPDATED BEFORE TRIGGER! UPGRADE " + _QUOTE + _NAME + _QUOTE + rb" - in binary")
_NO_HANDLER = re.compile(rb"wrong app version [0-9]+, upgrade handler is missing for " + _NAME + rb" upgrade plan")


@dataclass(frozen=True, slots=True)
class NamedHeight:
    """A plan's name and a height, as a line says them."""

    name: UntrustedText
    height: int


@dataclass(frozen=True, slots=True)
class LogSigns:
    """What the log of one run says, each in the order of its lines."""

    needed: tuple[NamedHeight, ...]
    """The old binary reached H and stopped; the file was written before."""
    applying: tuple[NamedHeight, ...]
    """The new binary executes H."""
    skipped: tuple[NamedHeight, ...]
    """`--unsafe-skip-upgrades` took effect."""
    too_early: tuple[UntrustedText, ...]
    """Names that the binary handles before the chain planned them: go back to the old binary."""
    no_handler: tuple[UntrustedText, ...]
    """Names that the chain passed and this binary does not handle: go forward to the new one."""
    consensus_failure: bool
    """Follows a normal halt too, and alone means nothing."""

    def halted_at(self, height: int) -> bool:
        """Whether a line says that the upgrade at that height is needed."""
        return any(line.height == height for line in self.needed)


def log_signs(log: bytes) -> LogSigns:
    """Read what a run wrote, in plain or JSON log format, coloured or not.

    Args:
        log: The run's part of node.log, bounded by the caller.
    """
    plain = _COLOUR.sub(b"", log)
    return LogSigns(
        needed=_named(_NEEDED, plain),
        applying=_named(_APPLYING, plain),
        skipped=_named(_SKIPPED, plain),
        too_early=_names(_TOO_EARLY, plain),
        no_handler=_names(_NO_HANDLER, plain),
        consensus_failure=b"CONSENSUS FAILURE!!!" in plain,
    )


def _named(pattern: re.Pattern[bytes], log: bytes) -> tuple[NamedHeight, ...]:
    found = (NamedHeight(untrusted(match.group(1)), int(match.group(2))) for match in pattern.finditer(log))
    return tuple(dict.fromkeys(found))


def _names(pattern: re.Pattern[bytes], log: bytes) -> tuple[UntrustedText, ...]:
    return tuple(dict.fromkeys(untrusted(match.group(1)) for match in pattern.finditer(log)))
