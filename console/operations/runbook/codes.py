"""Why a release could not be prepared: the registry's closed list."""

from __future__ import annotations

from console.model import FailureCode
from console.operations.runbook.entry import Entry, Kind

_RUNS = "the node, which runs on, is armed all the same and stops at H"


def _code(code: FailureCode, means: str, do: str) -> Entry:
    return Entry(Kind.CODE, f"{code.value} {code.words}", means, _RUNS, do)


CODES: tuple[Entry, ...] = (
    _code(
        FailureCode.DOWNLOAD_FAILED,
        "URL, network or server; the note says what each source did",
        "set `mirror`, or give the file with `upgrade-console node add-upgrade NAME FILE`",
    ),
    _code(
        FailureCode.HASH_MISMATCH,
        "the wrong file is at the URL, or it is an attack; nothing of it was run",
        "**do not get around it**: tell the proposer, and get the right bytes elsewhere",
    ),
    _code(FailureCode.DISK_SPACE, "there is not enough room in the node's home", "free space; it is tried again"),
    _code(
        FailureCode.PREFLIGHT_FAILED,
        "the binary's `--version`, its view of the settings or a migration's dry run fails here: wrong platform, "
        "missing library",
        "read the note; ask the proposer for the release of this platform",
    ),
    _code(
        FailureCode.UNSUPPORTED_RELEASE,
        "the plan names a manifest, and the controller was not told whom to trust; or an archive does not hold one "
        "binary of the daemon's name alone",
        "pin the network's keyring ([releases](releases.md)); unpack the archive yourself and use `node add-upgrade`",
    ),
    _code(FailureCode.INTERNAL, "the controller failed at it", "read the controller's log, and report it"),
    _code(
        FailureCode.NOT_TRUSTED,
        "too few signatures, another chain, or an older release",
        "`upgrade-console release verify MANIFEST` shows every check; no force lets a lack of signatures through",
    ),
)
