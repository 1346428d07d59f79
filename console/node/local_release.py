"""Where the operator keeps releases on this machine: the setting `binary_path` (strategy document §2.1)."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from console.files import sha256_of

_LOG = logging.getLogger(__name__)


def local_files(binary_path: Path, plan_folder: str, daemon: str) -> tuple[Path, ...]:
    """Files that may be a release's binary, in the order in which they are tried; only their bytes decide.

    A file is that file. A folder is looked through in three ways: `<plan>/<daemon>` (a folder per release),
    `<plan>/bin/<daemon>` (a copy of Cosmovisor's `upgrades/`), and `<daemon>-<plan>` (a folder of files).

    Args:
        binary_path: The setting; what does not exist holds nothing.
        plan_folder: Folder name of the plan, which cannot lead out of the folder.
        daemon: Name of the app's binary.
    """
    if binary_path.is_dir():
        candidates: tuple[Path, ...] = (
            binary_path / plan_folder / daemon,
            binary_path / plan_folder / "bin" / daemon,
            binary_path / f"{daemon}-{plan_folder}",
        )
    else:
        candidates = (binary_path,)
    return tuple(path for path in candidates if path.is_file())


def take_local(candidates: tuple[Path, ...], sha256: str, folder: Path) -> tuple[Path, Path] | None:
    """Copy the first file that has just these bytes; the others are left, and said. Blocking.

    Args:
        candidates: In the order in which they are tried.
        sha256: 64 hex digits.
        folder: For the copy.

    Returns:
        The copy and where it is from; None when none has these bytes.
    """
    copy = folder / f"{sha256}.local"
    for source in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # What is hashed is the copy: whoever may write to that folder may change the file meanwhile.
            shutil.copyfile(source, copy)
            found = sha256_of(copy)
        except OSError as error:
            _LOG.warning("%s is not taken: %s", source, error)
        else:
            if found == sha256:
                return copy, source
            _LOG.warning("%s is not taken: it has sha256 %s, the plan says %s", source, found, sha256)
        copy.unlink(missing_ok=True)
    return None
