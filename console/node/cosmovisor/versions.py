"""Which Cosmovisor is here, and what is known to be wrong with it (facts/cosmos.md §0, §2.1, §2.3)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from console.text import UntrustedText, untrusted

PINNED = (1, 7, 1)
"""The release that our passage was checked against."""

PINNED_INSTALL = "go install cosmossdk.io/tools/cosmovisor/cmd/cosmovisor@v1.7.1"
"""What `doctor` prints for an operator who goes back."""

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[-+.][0-9A-Za-z.+-]*)?")
_LINE = re.compile(r"cosmovisor version:\s*(\S{1,80})")

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Defect:
    """One known defect."""

    code: str
    """`S1` … as in facts/cosmos.md §2.1, `R1` for what was measured on a real chain here, or an issue's number."""
    sentence: str
    since: Version | None
    """First release that has it; None for "as long as known"."""
    until: Version | None
    """First release without it; None while no release is without it."""

    def is_in(self, version: Version) -> bool:
        """Whether that release has it, as far as known."""
        return (self.since is None or version >= self.since) and (self.until is None or version < self.until)


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """What `cosmovisor version` said."""

    shown: UntrustedText
    """Its own words."""
    version: Version | None
    """None for a development build or an unreadable answer."""


DEFECTS = (
    Defect("S1", "a required checksum is not required of binaries that the plan itself lists", (1, 7, 1), None),
    Defect("S2", "a node that ends by itself at its halt is never upgraded", (1, 7, 0), None),
    Defect("S3", "SIGTERM after an upgrade does not reach the node, which lives on as an orphan", None, None),
    Defect("S4", "at a second upgrade it asks the first binary for the height", (1, 7, 0), None),
    Defect("S5", "SIGTERM during the backup leaves half of one, and nothing says so", None, None),
    Defect("S6", "a signal reaches the node up to a second late", (1, 7, 0), None),
    Defect("S7", "a half-written upgrade-info.json makes it panic and leaves the node an orphan", None, None),
    Defect("S8", "SIGINT and SIGKILL leave the node an orphan", None, None),
    Defect("S9", "a missing or broken `current` starts the genesis binary without a word", None, None),
    Defect("S10", "a new binary that crashes at once is neither tried again nor taken back", None, None),
    Defect("S11", "a missing binary is noticed only after the node was killed and the backup taken", None, None),
    Defect("S12", "an unknown code of pre-upgrade counts as success", None, None),
    Defect("S13", "after a failed pre-upgrade the next start runs the new binary without it", None, None),
    Defect("S14", "a full disk under the backup leaves the node down", None, None),
    Defect("S15", "two upgrades on one day are mixed in one backup", None, None),
    Defect("S16", "a manual upgrade far ahead runs `status` three times a second until then", (1, 7, 0), None),
    Defect(
        "S17", "a config.toml without a poll interval makes it panic; other missing keys become zero", (1, 6, 0), None
    ),
    Defect("S18", "prepare-upgrade puts a plan with capital letters where run does not look", (1, 7, 0), None),
    Defect("S19", "a crash while `current` is replaced makes the next start run the genesis binary", None, None),
    Defect("S20", "a `status` that hangs stops the detection of upgrades for ever", (1, 6, 0), None),
    Defect("R1", "a relative `current`, as we write it, is found only when started in cosmovisor/", None, (1, 7, 0)),
    Defect("#23652", "prepare-upgrade puts the binary into the wrong folder", (1, 7, 0), (1, 7, 1)),
    Defect("#21891", "an absolute `current` breaks when the home is mounted elsewhere", None, (1, 7, 0)),
    Defect("#22167", "it may upgrade too early after a restart of the service", None, (1, 7, 0)),
    Defect("#20464", "it may not see an upgrade at all", (1, 5, 0), (1, 6, 0)),
    Defect("#16963", "it knows only SIGKILL to stop the node", None, (1, 5, 0)),
)
"""Measured on v1.7.1 or told by issues; for older releases, what is not known to have come later is listed too."""


def parse_version(output: str) -> FoundVersion:
    """Read the output of `cosmovisor version`, as text or JSON; the application's own version in it is not taken."""
    said = ""
    try:
        document = json.loads(output)
        said = document.get("cosmovisor_version", "") if isinstance(document, dict) else ""
    except (ValueError, RecursionError):
        match = _LINE.search(output)
        said = match.group(1) if match else ""
    found = _VERSION.fullmatch(said) if isinstance(said, str) else None
    shown = untrusted(said or output.strip(), 80)
    if found is None:
        return FoundVersion(shown, None)
    return FoundVersion(shown, (int(found[1]), int(found[2]), int(found[3])))


def defects_of(version: Version | None) -> tuple[Defect, ...]:
    """What is known to be wrong with a release; of an unknown one, what is wrong with the pinned one."""
    return tuple(defect for defect in DEFECTS if defect.is_in(version or PINNED))


def advice(found: FoundVersion) -> tuple[str, ...]:
    """What `doctor` says about the Cosmovisor that it found."""
    lines = []
    if found.version is None:
        lines.append(f"Cosmovisor's version is not a release ({found.shown}); these are the defects of v1.7.1")
    elif found.version > PINNED:
        lines.append(f"Cosmovisor {found.shown} is newer than v1.7.1; what it mended of these is not known here")
    elif found.version < PINNED:
        lines.append(f"Cosmovisor {found.shown} is older than v1.7.1, which the passage was checked against")
    lines += [f"{defect.code}: {defect.sentence}" for defect in defects_of(found.version)]
    return (*lines, f"the pinned install is: {PINNED_INSTALL}")
