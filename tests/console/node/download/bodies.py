"""A file to download, and a download of it."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from console.errors import ReleaseError
from console.model import FailureCode, Fetching
from console.node.download import Checksum, DownloadRules, download
from console.node.download.partial import FOLDER

BODY = random.Random(7).randbytes(3 << 20)
CHECKSUM = Checksum("sha256", hashlib.sha256(BODY).hexdigest())
OWN = DownloadRules(own=True)


def left(folder: Path) -> list[str]:
    """Every file in the folder of downloads and in that of partial files, by name."""
    return sorted(path.name for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def kept(folder: Path) -> list[Path]:
    """The partial files with bytes, without their notes."""
    return sorted(path for path in (folder / FOLDER).glob("*") if path.suffix != ".from")


async def fetched(
    url: str, folder: Path, *, rules: DownloadRules = OWN, size: int | None = None, checksum: Checksum = CHECKSUM
) -> list[Fetching]:
    """Download BODY, and see that nothing but it is left; what was told on the way."""
    told: list[Fetching] = []
    found = await download([url], checksum, folder, size=size, rules=rules, progress=told.append)
    assert found.file.read_bytes() == BODY
    assert found.file.stat().st_mode & 0o777 == 0o600
    assert left(folder) == [checksum.digest]
    return told


async def refused(
    url: str, folder: Path, *, rules: DownloadRules = OWN, size: int | None = None, keeps: int = 0
) -> tuple[FailureCode, str]:
    """Fail to download BODY, and see that just `keeps` of its bytes are left; the code and the sentence."""
    with pytest.raises(ReleaseError) as caught:
        await download([url], CHECKSUM, folder, size=size, rules=rules)
    found = kept(folder)
    assert [path.read_bytes() for path in found] == ([BODY[:keeps]] if keeps else [])
    assert keeps or left(folder) == []
    sentence = str(caught.value)
    assert sentence.isprintable()
    return FailureCode(caught.value.code), sentence
