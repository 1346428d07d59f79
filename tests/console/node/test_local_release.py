"""The operator's own folder of releases."""

from __future__ import annotations

from pathlib import Path

from console.files import sha256_of
from console.node.local_release import local_files, take_local


def put(path: Path, content: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return sha256_of(path)


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    assert local_files(tmp_path / "none", "v2", "simd") == ()
    put(tmp_path / "simd", "not looked at")
    put(tmp_path / "v3" / "simd", "of another plan")
    assert local_files(tmp_path, "v2", "simd") == ()
    wanted = (tmp_path / "v2" / "simd", tmp_path / "v2" / "bin" / "simd", tmp_path / "simd-v2")
    for path in wanted:
        put(path, "release")
    assert local_files(tmp_path, "v2", "simd") == wanted
    assert local_files(tmp_path / "simd", "v2", "simd") == (tmp_path / "simd",)


def test_the_first_with_the_right_bytes_is_copied_and_nothing_else_stays(tmp_path: Path) -> None:
    put(tmp_path / "one", "wrong")
    sha256 = put(tmp_path / "two", "right")
    put(tmp_path / "three", "right")
    folder = tmp_path / "downloads"
    candidates = (tmp_path / "one", tmp_path / "gone", tmp_path / "two", tmp_path / "three")
    found = take_local(candidates, sha256, folder)
    assert found is not None
    assert found[1] == tmp_path / "two"
    assert found[0].read_text() == "right"
    assert (tmp_path / "two").exists()
    assert take_local((tmp_path / "one",), sha256, folder) is None
    assert list(folder.iterdir()) == []
