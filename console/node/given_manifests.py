"""Where a machine keeps the manifest of a plan that is not staged yet, given by the operator or fetched."""

from __future__ import annotations

from pathlib import Path

from console.errors import ReleaseError
from console.files import sync_folder, write_durably
from console.model import FailureCode
from console.node.release.bundle import Bundle
from console.node.release.signature_files import SUFFIX
from console.node.release_record import MANIFEST


def given_manifest(state_dir: Path, generation: str) -> Path:
    """Where the manifest of a plan is kept on this machine, given or fetched; signatures are beside it."""
    return state_dir / "manifests" / generation / MANIFEST


def keep_bundle(path: Path, bundle: Bundle) -> None:
    """Keep a manifest and its signatures; the manifest last, so that it is never there without them.

    Args:
        path: Of the manifest, as `given_manifest` says.
        bundle: Its files.

    Raises:
        ReleaseError: The disk refused.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        for old in path.parent.glob(f"{path.name}.*"):
            old.unlink()
        for number, content in enumerate(bundle.signatures.values(), 1):
            write_durably(path.with_name(f"{path.name}.{number}{SUFFIX}"), content)
        write_durably(path, bundle.content)
        sync_folder(path.parent.parent)
    except OSError as error:
        raise ReleaseError(
            f"cannot keep the manifest in {path.parent}: {error.strerror or error}", code=FailureCode.DISK_SPACE
        ) from error
