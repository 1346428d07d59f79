"""`release.json` of a generation: which bytes somebody vouched for, and who (DESIGN §5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.errors import NodeError

RELEASE = "release.json"
MANIFEST = "manifest.json"
"""The manifest that vouches for a generation, beside the record."""


def read_release(folder: Path) -> dict[str, Any]:
    """The record of a generation; empty when there is none. Raises NodeError when it cannot be read."""
    path = folder / RELEASE
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NodeError(f"{path} cannot be read: {error}", safe="its binaries count as unknown") from error
    if not isinstance(found, dict):
        raise NodeError(f"{path} holds no record", safe="its binaries count as unknown")
    return found


def recorded_hashes(record: Mapping[str, Any], daemon: str) -> dict[str, str]:
    """Hash by daemon of what a record says."""
    found = record.get("binaries")
    named = found.items() if isinstance(found, dict) else ()
    hashes = {str(name): value for name, value in named if isinstance(value, str)}
    single = record.get("sha256")
    if isinstance(single, str) and single:
        hashes.setdefault(daemon, single)
    return hashes


def recorded_manifest(record: Mapping[str, Any]) -> str:
    """Sha256 of the manifest that vouched for a generation; empty when none did."""
    found = record.get("manifest")
    return found if isinstance(found, str) else ""
