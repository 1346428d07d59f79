"""plan.info in all its forms, and the artefact for this machine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.errors import NodeError
from console.node.cosmovisor.plan_info import (
    Address,
    Binaries,
    BinariesElsewhere,
    Promised,
    ReleasePage,
    Words,
    choose,
    listed_elsewhere,
    parse_address,
    parse_plan_info,
    this_platform,
)
from console.node.download import Checksum

SHA256 = "ab" * 32
SHA512 = "cd" * 64


def listed(**urls: str) -> str:
    return json.dumps({"binaries": {key.replace("_", "/"): url for key, url in urls.items()}})


def test_the_artefact_for_the_platform_is_chosen() -> None:
    info = parse_plan_info(
        listed(
            linux_amd64=f"https://x.example/d/simd_2_linux.tar.gz?checksum=sha256:{SHA256.upper()}",
            linux_arm64=f"https://x.example/d/simd?checksum=sha512:{SHA512}",
            any=f"https://x.example/d/simd?checksum={SHA256}",
        )
    )
    amd64 = choose(info, "linux/amd64")
    assert amd64 == Promised("https://x.example/d/simd_2_linux.tar.gz", Checksum("sha256", SHA256), "tar.gz")
    assert amd64.binary_sha256 == ""
    arm64 = choose(info, "linux/arm64")
    assert arm64 == Promised("https://x.example/d/simd", Checksum("sha512", SHA512), "")
    assert arm64.binary_sha256 == ""
    other = choose(info, "darwin/arm64")
    assert other == Promised("https://x.example/d/simd", Checksum("sha256", SHA256), "")
    assert other.binary_sha256 == SHA256


def test_a_checksum_is_required_of_the_inline_form_too() -> None:
    info = parse_plan_info(listed(any="https://x.example/simd"))
    with pytest.raises(NodeError, match="has no checksum"):
        choose(info, "linux/amd64")
    info = parse_plan_info(listed(any="https://x.example/simd?checksum="))
    with pytest.raises(NodeError, match="has no checksum"):
        choose(info, "linux/amd64")


def test_a_platform_that_is_missing_is_said_with_those_that_are_there() -> None:
    with pytest.raises(NodeError, match=r"no binary for linux/riscv64, only for linux/amd64"):
        choose(parse_plan_info(listed(linux_amd64="https://x/y")), "linux/riscv64")


@pytest.mark.parametrize(
    ("checksum", "why"),
    [
        ("md5:" + "a" * 32, "md5, which can be forged"),
        ("sha1:" + "a" * 40, "sha1, which can be forged"),
        ("a" * 32, "md5, which can be forged"),
        ("file:https://x/sums", "another file"),
        ("crc32:12", "unknown kind"),
        ("sha256:12", "not 64 hex digits"),
        ("sha256:" + "g" * 64, "not 64 hex digits"),
        (f"sha256:{SHA256}&checksum=sha256:{SHA256}", "more than one"),
    ],
)
def test_a_checksum_that_proves_nothing_is_refused(checksum: str, why: str) -> None:
    with pytest.raises(NodeError, match=why):
        parse_address(f"https://x.example/simd?checksum={checksum}")


def test_a_bare_checksum_is_known_by_its_length() -> None:
    assert parse_address(f"https://x/y?checksum={SHA256}").checksum == Checksum("sha256", SHA256)


def test_only_the_getters_own_parameters_are_taken_away() -> None:
    url = f"https://x.example/get?file=a%20b&checksum=sha256%3A{SHA256}&archive=zip&t=1#part"
    assert parse_address(url) == Address("https://x.example/get?file=a%20b&t=1", Checksum("sha256", SHA256), "zip")


@pytest.mark.parametrize(
    ("url", "packing"),
    [
        ("https://x/simd", ""),
        ("https://x/simd-v2.0.0", ""),
        ("https://x/simd.tgz", "tgz"),
        ("https://x/simd.tar.zst", "tar.zst"),
        ("https://x/simd.gz", "gz"),
        ("https://x/simd.zip?archive=false", ""),
    ],
)
def test_what_has_to_be_unpacked_is_known(url: str, packing: str) -> None:
    assert parse_address(url).packing == packing


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "s3::https://x/y",
        "git::ssh://x/y",
        "ftp://x/y",
        "https:///y",
        "https://x/y?archive=rar",
        "https://[x/y",
        "https://x:99999/y",
        "https://x/\x1b",
        "simd",
    ],
)
def test_a_url_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(NodeError, match="is not used"):
        parse_address(url)


def test_a_list_elsewhere_is_told_from_a_release_page() -> None:
    elsewhere = parse_plan_info(f" https://x.example/v2.json?checksum=sha256:{SHA256}\n")
    assert elsewhere == BinariesElsewhere(Address("https://x.example/v2.json", Checksum("sha256", SHA256), ""))
    promised = choose(elsewhere, "linux/amd64")
    assert promised == Promised("https://x.example/v2.json", Checksum("sha256", SHA256), "", lists=True)
    assert promised.binary_sha256 == ""
    packed = parse_plan_info(f"https://x.example/simd.tar.gz?checksum=sha256:{SHA256}")
    with pytest.raises(NodeError, match="is an archive and no list"):
        choose(packed, "linux/amd64")
    without = parse_plan_info("https://x.example/v2.json")
    with pytest.raises(NodeError, match="has no checksum"):
        choose(without, "linux/amd64")
    page = parse_plan_info("https://github.example/chain/releases/tag/v2")
    assert page == ReleasePage("https://github.example/chain/releases/tag/v2")  # type: ignore[arg-type]
    with pytest.raises(NodeError, match=r"release page.*the binary and its checksum"):
        choose(page, "linux/amd64")


@pytest.mark.parametrize("text", ["", "  ", "v2 is out, read the forum", "commit 1234", "see: https://x/y"])
def test_words_are_words(text: str) -> None:
    info = parse_plan_info(text)
    assert isinstance(info, Words)
    with pytest.raises(NodeError, match="says nothing about binaries"):
        choose(info, "linux/amd64")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"binaries":{}}',
        '{"binaries":[]}',
        '{"binaries":{"linux":"https://x/y"}}',
        '{"binaries":{"linux/amd64":5}}',
        '{"binaries":{"any":"https://x/1","any":"https://x/2"}}',
        '{"a":' * 100_000,
    ],
)
def test_a_list_that_cannot_be_trusted_is_refused(text: str) -> None:
    with pytest.raises(NodeError):
        parse_plan_info(text)


def test_a_fetched_list_is_read_as_the_inline_one_is() -> None:
    text = listed(any=f"https://x.example/simd?checksum=sha256:{SHA256}")
    assert listed_elsewhere(f" {text}\n".encode()) == parse_plan_info(text)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"https://x.example/v3.json?checksum=sha256:" + SHA256.encode(), "no list"),
        (b"<html>", "no list"),
        (b"", "no list"),
        (b"\xff\xfe{", "not UTF-8"),
        (b"{" + b" " * (1 << 20) + b"}", "no list"),
        (b'{"binaries": {"any": "https://a", "any": "https://b"}}', "the same key twice"),
        (b'{"binaries": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b'{"binaries": {}}', "lists no binaries"),
    ],
)
def test_a_fetched_list_that_is_none_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NodeError, match=why):
        listed_elsewhere(body)


def test_this_machine_has_a_name_as_in_go() -> None:
    assert this_platform().split("/")[0] in ("linux", "darwin")
    assert not {"x86_64", "aarch64"} & set(this_platform().split("/"))


@given(st.sampled_from([("sha256", 64), ("sha512", 128)]), st.data(), st.sampled_from(["", "?a=b", "?a=b&c"]))
def test_a_checksum_survives_its_url(kind: tuple[str, int], data: st.DataObject, query: str) -> None:
    digest = data.draw(st.text(alphabet="0123456789abcdef", min_size=kind[1], max_size=kind[1]))
    checksum = Checksum(kind[0], digest)
    url = f"https://x.example/simd{query}"
    with_checksum = f"{url}{'&' if query else '?'}checksum={kind[0]}:{digest}"
    assert parse_address(with_checksum) == Address(url, checksum, "")


@given(st.text(max_size=60) | st.text(alphabet='{}":,/?&=.abinreslux16', max_size=80).map(lambda text: "{" + text))
def test_any_info_is_judged(text: str) -> None:
    try:
        info = parse_plan_info(text)
    except NodeError:
        return
    assert isinstance(info, Binaries | BinariesElsewhere | ReleasePage | Words)


@given(st.text(max_size=40).map(lambda text: f"https://x.example/{text}"))
def test_any_url_is_an_address_or_refused(url: str) -> None:
    try:
        found = parse_address(url)
    except NodeError:
        return
    assert found.url.startswith("https://x.example")
