"""A file that a person names: what is no file, too large or not there is told, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console.errors import InputError
from console.given_file import read_given


def test_what_is_given_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(path)
    assert read_given(path, 5) == read_given(tmp_path / "link", 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_given(path, 4)


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "/dev/zero"):
        with pytest.raises(InputError, match="is no file") as caught:
            read_given(tmp_path / name, 5, safe="nothing was sent")
        assert caught.value.safe == "nothing was sent"
    with pytest.raises(InputError, match="there is no file"):
        read_given(tmp_path / "\x1b[2Jgone", 5)
    with pytest.raises(InputError, match="cannot read"):
        read_given(tmp_path / ("x" * 300), 5)
