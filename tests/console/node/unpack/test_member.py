"""One binary out of an archive: the archives that attackers build, and those that releases are."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import resource
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.errors import ReleaseError
from console.model import FailureCode
from console.node.unpack import take_member
from console.node.unpack.names import MAX_MEMBERS

BINARY = random.Random(3).randbytes(200_000)
SHA256 = hashlib.sha256(BINARY).hexdigest()
NAMES = ("bin/simd", "simd")
CAP = 1 << 20
PACK: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}


class Tar:
    """A tar that is put together member by member, by hand where the library would not."""

    def __init__(self, form: int = tarfile.PAX_FORMAT) -> None:
        self._bytes = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._bytes, mode="w", format=form)

    def file(self, name: str, content: bytes = BINARY, **values: object) -> Tar:
        return self.member(name, tarfile.REGTYPE, content, **values)

    def member(self, name: str, kind: bytes, content: bytes = b"", **values: object) -> Tar:
        entry = tarfile.TarInfo(name)
        entry.type = kind
        entry.size = len(content)
        entry.mode = 0o755
        for key, value in values.items():
            setattr(entry, key, value)
        self._tar.addfile(entry, io.BytesIO(content))
        return self

    def raw(self, content: bytes) -> Tar:
        self._tar.fileobj.write(content)
        self._tar.offset += len(content)
        return self

    def done(self) -> bytes:
        self._tar.close()
        return self._bytes.getvalue()


def header(name: bytes, kind: bytes, size: int, link: bytes = b"") -> bytes:
    """One ustar header with a right checksum and any size."""
    number = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    fields = name.ljust(100, b"\0") + b"0000755\0" + b"0000000\0" * 2 + number + b"00000000000\0"
    rest = kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(80) + bytes(155 + 12)
    total = sum(fields) + sum(rest) + 8 * 32
    return fields + b"%06o\0 " % total + rest


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return found.getvalue()


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


class Place:
    """A folder with an archive in it, and something beside it that must stay as it is."""

    def __init__(self, folder: Path) -> None:
        self.outside = folder / "outside"
        self.outside.write_bytes(b"precious")
        self.folder = folder / "work"
        self.folder.mkdir()
        self.target = self.folder / "binary"

    def take(self, content: bytes, packing: str, cap: int = CAP) -> str:
        archive = self.folder / "archive"
        archive.write_bytes(content)
        return take_member(archive, packing, NAMES, self.target, cap)

    def check_untouched(self) -> None:
        assert sorted(path.name for path in self.folder.iterdir()) == ["archive"]
        assert sorted(path.name for path in self.folder.parent.iterdir()) == ["outside", "work"]
        assert self.outside.read_bytes() == b"precious"

    def refuse(self, content: bytes, packing: str, cap: int = CAP) -> str:
        with pytest.raises(ReleaseError) as caught:
            self.take(content, packing, cap)
        self.check_untouched()
        assert caught.value.code in {FailureCode.UNSUPPORTED_RELEASE, FailureCode.DISK_SPACE}
        sentence = str(caught.value)
        assert sentence.isprintable()
        return sentence


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# --- releases as they are ---


@pytest.mark.parametrize("packing", [*PACK, "tgz", "tbz2", "txz"])
@pytest.mark.parametrize("name", ["simd", "bin/simd", "./simd", "./bin/simd"])
def test_the_binary_of_a_tar_is_taken(place: Place, packing: str, name: str) -> None:
    tar = Tar().member("./", tarfile.DIRTYPE).file("README.md", b"read me").member("bin", tarfile.DIRTYPE)
    content = tar.file(name).file("LICENSE", bytes(70_000)).done()
    pack = PACK[{"tgz": "tar.gz", "tbz2": "tar.bz2", "txz": "tar.xz"}.get(packing, packing)]
    assert place.take(pack(content), packing) == SHA256
    assert place.target.read_bytes() == BINARY
    # What is executed is the generation's copy: this one runs nothing, whatever the archive's mode says.
    assert place.target.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar_with_long_names_beside_it_is_read(place: Place, form: int) -> None:
    tar = Tar(form).file("x" * 90 + "/" + "y" * 60, b"1")
    if form != tarfile.USTAR_FORMAT:
        tar.file("ü" * 200, b"2")
    assert place.take(tar.file("simd", uname="a user", mtime=1).done(), "tar") == SHA256


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["simd", "bin/simd", entry("bin/simd", stat.S_IFREG | 0o755)])
def test_the_binary_of_a_zip_is_taken(place: Place, method: int, name: str) -> None:
    content = zipped(("README.md", b"read me"), ("bin/", b""), (name, BINARY), compression=method)
    assert place.take(content, "zip") == SHA256
    assert place.target.read_bytes() == BINARY


@pytest.mark.parametrize(("packing", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_single_compressed_file_is_the_binary(place: Place, packing: str, pack: Callable[[bytes], bytes]) -> None:
    assert place.take(pack(BINARY[:100_000]) + pack(BINARY[100_000:]), packing) == SHA256


# --- the eleven of facts/safety.md §7, and their twins ---


def _dotdot() -> bytes:
    return Tar().file("../outside", b"evil").file("bin/../../outside", b"evil").file("simd").done()


def _absolute(outside: Path) -> bytes:
    return Tar().file(str(outside), b"evil").file("simd").done()


def _linked_folder(outside: Path) -> bytes:
    tar = Tar().member("bin", tarfile.SYMTYPE, linkname=str(outside.parent)).file("bin/outside", b"evil")
    return tar.file("simd").done()


def _cve_2025_4517(outside: Path) -> bytes:
    """A chain of links whose resolved path is longer than PATH_MAX, behind which `..` is no longer checked."""
    tar = Tar()
    part, path = "d" * 247, ""
    for letter in "abcdefghijklmnop":
        tar.member(os.path.join(path, part), tarfile.DIRTYPE)
        tar.member(os.path.join(path, letter), tarfile.SYMTYPE, linkname=part)
        path = os.path.join(path, part)
    link = os.path.join("/".join("abcdefghijklmnop"), "l" * 254)
    tar.member(link, tarfile.SYMTYPE, linkname="../" * 16)
    tar.member("escape", tarfile.SYMTYPE, linkname=f"{link}/../work/../outside")
    tar.member("hard", tarfile.LNKTYPE, linkname="escape").file("hard", b"evil")
    return tar.file("simd").done()


@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
@pytest.mark.parametrize("build", [_absolute, _linked_folder, _cve_2025_4517, lambda _: _dotdot()])
def test_what_would_lead_out_of_a_folder_is_not_even_looked_at(
    place: Place, packing: str, build: Callable[[Path], bytes]
) -> None:
    assert place.take(PACK[packing](build(place.outside)), packing) == SHA256
    place.target.unlink()
    place.check_untouched()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (tarfile.SYMTYPE, {"linkname": "/etc/passwd"}),
        (tarfile.SYMTYPE, {"linkname": "../outside"}),
        (tarfile.LNKTYPE, {"linkname": "../outside"}),
        (tarfile.LNKTYPE, {"linkname": "README"}),
        (tarfile.FIFOTYPE, {}),
        (tarfile.CHRTYPE, {"devmajor": 1, "devminor": 5}),
        (tarfile.BLKTYPE, {"devmajor": 8, "devminor": 0}),
        (tarfile.DIRTYPE, {}),
    ],
)
@pytest.mark.parametrize("name", ["simd", "bin/simd"])
def test_a_binary_that_is_no_plain_file_is_refused(
    place: Place, kind: bytes, values: dict[str, object], name: str
) -> None:
    content = Tar().file("README", BINARY).member(name, kind, b"", **values).done()
    assert "something else than a plain file" in place.refuse(content, "tar")


def test_a_setuid_binary_is_only_bytes(place: Place) -> None:
    place.take(Tar().file("simd", mode=0o6777, uid=0).done(), "tar")
    assert place.target.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("second", ["simd", "bin/simd", "./simd"])
def test_a_binary_that_is_there_twice_is_refused_though_the_first_was_copied(place: Place, second: str) -> None:
    content = Tar().file("simd").file("README", b"x").file(second, b"evil").done()
    assert "more than once" in place.refuse(content, "tar")
    link = Tar().file("simd").member(second, tarfile.SYMTYPE, linkname="/etc/passwd").done()
    assert "more than once" in place.refuse(link, "tar")


@pytest.mark.parametrize("packing", PACK)
def test_a_bomb_is_cut_at_the_cap(place: Place, packing: str) -> None:
    content = PACK[packing](Tar().file("simd", bytes(4 << 20)).done())
    assert f"more than {CAP} bytes" in place.refuse(content, packing)


@pytest.mark.parametrize(("packing", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_bomb_of_one_file_is_cut_at_the_cap(place: Place, packing: str, pack: Callable[[bytes], bytes]) -> None:
    assert f"more than {CAP} bytes" in place.refuse(pack(bytes(64 << 20)), packing)


def test_a_bomb_beside_the_binary_is_cut_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.node.unpack.tar_member.MAX_EXPANDED", 8 << 20)
    content = gzip.compress(Tar().file("simd").file("README", bytes(16 << 20)).done())
    assert "holds more than 8388608 bytes" in place.refuse(content, "tar.gz")


# --- headers that lie ---


def test_sparse_files_are_refused(place: Place) -> None:
    old = header(b"simd", b"S", 512) + bytes(512)
    assert "something else than a plain file" in place.refuse(old + bytes(1024), "tar")
    modern = Tar().file("simd", BINARY, pax_headers={"GNU.sparse.map": "0,512", "GNU.sparse.size": "99999"}).done()
    assert "something else than a plain file" in place.refuse(modern, "tar")


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_header_that_would_fill_the_memory_is_refused(place: Place, kind: bytes) -> None:
    content = header(b"x", kind, 1 << 34) + bytes(1 << 20)
    assert "unheard-of size" in place.refuse(content, "tar")


@pytest.mark.parametrize("kind", [b"x", b"g", b"L"])
def test_headers_without_end_are_refused(place: Place, kind: bytes) -> None:
    body = b"20 comment=aaaaaaaa\n" if kind != b"L" else b"a" * 20
    one = header(b"x", kind, len(body)) + body.ljust(512, b"\0")
    assert "unheard-of size" in place.refuse(one * 5000 + header(b"simd", b"0", 4) + b"evil".ljust(512, b"\0"), "tar")


def test_a_size_that_leads_back_is_refused(place: Place) -> None:
    # CVE-2025-8194: a negative offset, with which the reader went round for ever.
    negative = bytearray(header(b"README", b"0", 0))
    negative[124:136] = (-1024).to_bytes(12, "big", signed=True)
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative)
    content = header(b"x", b"0", 512) + bytes(512) + bytes(negative) + Tar().file("simd").done()
    assert "leads back" in place.refuse(content, "tar")


def test_a_renamed_member_has_the_name_that_its_long_header_says(place: Place) -> None:
    content = Tar().file("harmless", pax_headers={"path": "simd"}).done()
    assert place.take(content, "tar") == SHA256


def test_too_many_members_are_refused(place: Place) -> None:
    many = header(b"x", b"0", 0) * (MAX_MEMBERS + 1)
    assert f"more than {MAX_MEMBERS} members" in place.refuse(gzip.compress(many), "tar.gz")


@pytest.mark.parametrize(
    "name", ["SIMD", "simd/", "bin//simd", "/simd", "sbin/simd", "simd\0x", "v2/simd", ".//simd", "simd.sig"]
)
def test_only_the_exact_name_is_the_binary(place: Place, name: str) -> None:
    content = Tar().file("README", b"x").done() if name.endswith("/") else Tar().file(name.replace("\0", "_")).done()
    assert "does not hold bin/simd or simd" in place.refuse(content, "tar")
    assert "does not hold" in place.refuse(zipped((name.replace("\0", "_"), BINARY)), "zip")


# --- zips ---


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFDIR, stat.S_IFSOCK])
def test_a_zips_binary_that_is_no_plain_file_is_refused(place: Place, mode: int) -> None:
    content = zipped((entry("simd", mode | 0o777), b"/etc/passwd"))
    assert "something else than a plain file" in place.refuse(content, "zip")


def test_what_would_lead_out_of_a_zip_is_not_looked_at(place: Place) -> None:
    link = entry("bin", stat.S_IFLNK | 0o777)
    members = (("../outside", b"evil"), (str(place.outside), b"evil"), (link, b".."), ("simd", BINARY))
    assert place.take(zipped(*members), "zip") == SHA256
    place.target.unlink()
    place.check_untouched()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["simd", "bin/simd", "./simd"])
def test_a_zips_binary_that_is_there_twice_is_refused(place: Place, second: str) -> None:
    assert "more than once" in place.refuse(zipped(("simd", BINARY), (second, b"evil")), "zip")


def test_a_zip_bomb_is_cut_at_the_cap(place: Place) -> None:
    content = zipped(("simd", bytes(64 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert f"more than {CAP} bytes" in place.refuse(content, "zip")


def _patched(content: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    at = content.index(mark) + offset
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: _patched(content, b"PK\x01\x02", 24, struct.pack("<L", 5)),  # a size that lies
        lambda content: _patched(content, b"PK\x01\x02", 16, b"abcd"),  # a CRC that lies
        lambda content: _patched(content, b"PK\x01\x02", 8, b"\x01\x00"),  # encrypted
        lambda content: _patched(content, b"PK\x01\x02", 10, b"\x0e\x00"),  # LZMA
        lambda content: _patched(content, b"PK\x01\x02", 10, b"\x63\x00"),  # a method of nobody
        lambda content: _patched(content, b"PK\x01\x02", 42, struct.pack("<L", 1 << 30)),  # a member elsewhere
        lambda content: _patched(content, b"PK\x03\x04", 30, b"evil"),  # another name in the member
        lambda content: _patched(content, b"PK\x05\x06", 8, b"\xff\xff\xff\xff"),  # 65,535 members
        lambda content: _patched(content, b"PK\x05\x06", 12, struct.pack("<L", 1 << 30)),  # a huge directory
        lambda content: _patched(content, b"PK\x05\x06", 4, b"\x01\x00"),  # the second of two disks
        lambda content: content + b"x",  # something behind the end
        lambda content: content[:-30],
        lambda content: b"",
        lambda content: b"PK\x05\x06",
        lambda content: content.replace(b"PK\x05\x06", b"PK\x06\x07" + bytes(16) + b"PK\x05\x06"),
    ],
)
def test_a_zip_that_lies_is_refused(place: Place, change: Callable[[bytes], bytes]) -> None:
    place.refuse(change(zipped(("simd", BINARY), compression=zipfile.ZIP_DEFLATED)), "zip")


# --- what cannot be read or written ---


@pytest.mark.parametrize("packing", ["tar.zst", "zst", "tzst", "rar", "", "tar.", "exe"])
def test_a_packing_that_is_not_known_is_said(place: Place, packing: str) -> None:
    assert "is not unpacked here" in place.refuse(BINARY, packing)


@pytest.mark.parametrize("packing", [*PACK, "zip", "gz", "bz2", "xz"])
def test_what_is_no_archive_is_refused(place: Place, packing: str) -> None:
    for content in (b"", BINARY, b"<html>", b"\x1f\x8b", b"\xfd7zXZ\0"):
        place.refuse(content, packing)


@pytest.mark.parametrize("packing", PACK)
def test_a_cut_archive_is_refused(place: Place, packing: str) -> None:
    content = PACK[packing](Tar().file("simd").done())
    for length in (10, 600, len(content) // 2):
        place.refuse(content[:length], packing)


def test_an_empty_binary_is_refused(place: Place) -> None:
    assert "empty binary" in place.refuse(Tar().file("simd", b"").done(), "tar")


def test_xz_may_not_take_all_memory(place: Place) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    content = lzma.compress(BINARY, format=lzma.FORMAT_XZ, filters=filters)
    assert "cannot be read" in place.refuse(content, "xz")


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_nothing_that_is_there_is_overwritten(place: Place, kind: str) -> None:
    if kind == "file":
        place.target.write_bytes(b"there")
    elif kind == "link":
        place.target.symlink_to(place.outside)
    else:
        place.target.mkdir()
    with pytest.raises(ReleaseError, match="cannot unpack the release") as caught:
        place.take(Tar().file("simd").done(), "tar")
    assert caught.value.code == FailureCode.DISK_SPACE
    assert place.target.is_symlink() == (kind == "link")
    assert kind != "file" or place.target.read_bytes() == b"there"
    assert place.outside.read_bytes() == b"precious"


def test_a_full_disk_is_not_the_archives_fault(place: Place) -> None:
    content = gzip.compress(Tar().file("simd").done())
    (place.folder / "archive").write_bytes(content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BINARY) // 2, hard))
    try:
        with pytest.raises(ReleaseError, match="free disk space") as caught:
            take_member(place.folder / "archive", "tar.gz", NAMES, place.target, CAP)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.code == FailureCode.DISK_SPACE
    place.check_untouched()


@given(
    packing=st.sampled_from([*PACK, "zip", "gz", "bz2", "xz"]),
    at=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_changed_in_an_archive_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, packing: str, at: list[tuple[int, int]]
) -> None:
    small = BINARY[:3000]
    if packing == "zip":
        content = bytearray(zipped(("README", b"x"), ("simd", small), compression=zipfile.ZIP_DEFLATED))
    elif packing in PACK:
        content = bytearray(PACK[packing](Tar().file("README", b"x").file("simd", small).done()))
    else:
        content = bytearray(PACK[f"tar.{packing}"](small))
    for position, value in at:
        content[position % len(content)] = value
    place = Place(tmp_path_factory.mktemp("unpack"))
    try:
        found = place.take(bytes(content), packing, cap=1 << 16)
    except ReleaseError:
        place.check_untouched()
    else:
        assert hashlib.sha256(place.target.read_bytes()).hexdigest() == found
