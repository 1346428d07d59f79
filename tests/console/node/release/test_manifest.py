"""The release manifest: exact bytes, one kind of error, and the same words as its JSON Schema."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from console.errors import ManifestRefused
from console.node.migration import NoMigration, WasmMigration
from console.node.release.grammar import LARGEST
from console.node.release.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    VerifiedBytes,
    manifest_bytes,
    parse_manifest,
    peek_manifest,
    schema,
)
from tests.console.node.release.manifests import encoded, nearly, whole

SCHEMA = Path(__file__).parents[4] / "docs" / "release-manifest.schema.json"


def test_a_whole_manifest_is_read_with_everything_in_it() -> None:
    found = peek_manifest(encoded(whole()))
    assert (found.name, found.version, found.chain) == ("v0.2.0", "0.2.0-rc.1", "r31337-t4example")
    assert (found.sequence, found.keyring, found.breaking, found.state_compatible) == (7, 1, True, False)
    assert (found.min_height, found.max_height, found.grace_blocks) == (1000, 2000, 100)
    assert found.not_after == datetime(2027, 1, 31, 12, tzinfo=UTC)
    here = found.for_platform("linux/amd64")
    assert here is not None
    archive = here.binaries["cometbft"].archive
    assert archive is not None
    assert (archive.packing, archive.member) == ("tar.gz", "cometbft-v1/cometbft")
    assert here.binaries["fendermint"].size == 150 << 20
    assert here.images["fendermint"].sha256 == "e" * 64
    assert isinstance(found.migration, WasmMigration)
    other = found.for_platform("linux/arm64")
    assert other is not None
    assert not other.binaries


def test_what_may_be_left_out_has_its_default() -> None:
    bare = whole(min_height=None, max_height=None, grace_blocks=None, not_after=None, notes=None, migration=None)
    del bare["platforms"]["any"]
    found = peek_manifest(encoded(bare))
    assert (found.min_height, found.max_height, found.grace_blocks) == (1, LARGEST, 0)
    assert found.not_after is None
    assert found.notes is None
    assert found.migration == NoMigration()
    assert found.for_platform("darwin/arm64") is None


@pytest.mark.parametrize("changes", [{}, {"min_height": None, "max_height": None}, {"not_after": None, "notes": None}])
def test_what_is_written_is_read_back(changes: dict[str, Any]) -> None:
    found = peek_manifest(encoded(whole(**changes)))
    content = manifest_bytes(found)
    assert peek_manifest(content) == found
    assert manifest_bytes(peek_manifest(content)) == content


def test_only_the_right_hash_makes_bytes_verified() -> None:
    content = encoded(whole())
    digest = hashlib.sha256(content).hexdigest()
    assert parse_manifest(VerifiedBytes.by_hash(content, digest)) == peek_manifest(content)
    with pytest.raises(ManifestRefused, match="has sha256"):
        VerifiedBytes.by_hash(content + b" ", digest)
    with pytest.raises(ManifestRefused):
        VerifiedBytes.by_hash(content, "")
    with pytest.raises(TypeError):
        VerifiedBytes(content, digest, mint=object())


TEXT = encoded(whole()).decode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "text that is not JSON"),
        (b"[]", "document must be an object"),
        (b"null", "document must be an object"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"{" * 100, "nested deeper"),
        (TEXT.replace('"sequence": 7', '"sequence": 7, "sequence": 8').encode(), "a key twice"),
        (TEXT.replace('"sequence": 7', '"sequence": 7, "\\u0073equence": 8').encode(), "a key twice"),
        (TEXT.replace('"sequence": 7', '"sequence": NaN').encode(), "NaN"),
        (TEXT.replace('"sequence": 7', '"sequence": 7.0').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": 7e0').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": true').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": 0').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": "7"').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": 9007199254740992').encode(), "sequence must be a whole number"),
        (TEXT.replace('"sequence": 7', '"sequence": ' + "9" * 5000).encode(), "a number that is too long"),
        (encoded(whole(format=2)), "has format 2, and this version knows 1"),
        (encoded(whole(format="1")), "format must be"),
        (encoded({}), "lacks format"),
        (encoded(whole(breaking=None)), "lacks breaking"),
        (encoded(whole(colour="red")), "does not know, colour"),
        (encoded(whole(**{"\x1b[2J": 1})), "<U\\+001B>"),
        (encoded(whole(breaking=1)), "breaking must be true or false"),
        (encoded(whole(name="../v0.2.0")), "name must be"),
        (encoded(whole(name=".v0.2.0")), "name must be"),
        (encoded(whole(name="v0.2.0\n")), "name must be"),
        (encoded(whole(name="v0.2.0\u202e")), "name must be"),
        (encoded(whole(name="v" * 65)), "name must be"),
        (encoded(whole(min_height=2001)), "min_height 2001 is above its max_height 2000"),
        (encoded(whole(not_after="2027-02-30T00:00:00Z")), "not_after must be a time"),
        (encoded(whole(not_after="2027-01-31T12:00:00+01:00")), "not_after must be a time"),
        (encoded(whole(platforms={})), "platforms must be a table of 1 to 16"),
        (encoded(whole(platforms={"linux": {}})), "platforms, its key must be a platform"),
        (encoded(whole(platforms={"any": {}})), "lacks platforms.any.binaries or images"),
        (encoded(whole(platforms={"any": {"images": {"../bin/sh": "x@sha256:" + "e" * 64}}})), "name of a program"),
        (encoded(whole(platforms={"any": {"images": {"d": "ghcr.io/x:latest"}}})), "an image by its digest"),
        (encoded(whole(migration={"kind": "shell", "run": "rm"})), "none of none, compiled, standard and wasm"),
        (encoded(whole(migration=None) | {"migration": []}), "migration must be an object"),
        (encoded(whole(notes={"url": "javascript:alert(1)", "sha256": "f" * 64})), "notes.url must be an https URL"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "larger than"),
    ],
)
def test_bad_input_gets_one_sentence(body: bytes, words: str) -> None:
    with pytest.raises(ManifestRefused, match=words) as caught:
        peek_manifest(body)
    assert "nothing of the release is used" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def with_binary(**changes: Any) -> bytes:
    binary = {"sha256": "a" * 64, "size": 5, "sources": ["https://a.example/x"]} | changes
    return encoded(whole(platforms={"any": {"binaries": {"d": binary}}}))


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd",
        "ftp://a.example/x",
        "data:text/plain,x",
        "http://a.example/x",
        "http://169.254.169.254/x",
        "http://127.0.0.1.evil.example/x",
        "http://localhost@evil.example/x",
        "https://user:word@a.example/x",
        "https://a.example/x#fragment",
        "https:///x",
        "https://a.example:port/x",
        "https://a.example/x y",
        "https://a.example/\u202e",
        "https://ä.example/",
        "git::https://a.example/x",
        "https://a.example\\@evil.example/",
        "ipfs://",
        "ipfs://../../etc/passwd",
        "https://a.example/x\n",
        "",
    ],
)
def test_a_source_is_a_plain_address(source: str) -> None:
    with pytest.raises(ManifestRefused, match="https or ipfs URL"):
        peek_manifest(with_binary(sources=[source]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "A" * 64}, "64 lower-case hex digits"),
        ({"sha256": "a" * 63}, "64 lower-case hex digits"),
        ({"sha256": "0x" + "a" * 62}, "64 lower-case hex digits"),
        ({"size": 0}, "size must be a whole number"),
        ({"size": -5}, "size must be a whole number"),
        ({"size": (1 << 40) + 1}, "size must be a whole number"),
        ({"sources": "https://a.example/x"}, "sources must be a list"),
        ({"sources": ["https://a.example/x"] * 2}, "the same entry twice"),
        ({"sources": [f"https://a.example/{n}" for n in range(17)]}, "a list of at most 16"),
        ({"mode": "04755"}, "does not know, platforms.any.binaries.d.mode"),
        ({"archive": {"sha256": "a" * 64, "size": 5, "packing": "rar", "member": "d"}}, "packing must be"),
        ({"archive": {"sha256": "a" * 64, "size": 5, "packing": "zip", "member": "../d"}}, "member must be"),
        ({"archive": {"sha256": "a" * 64, "size": 5, "packing": "zip", "member": "/d"}}, "member must be"),
        ({"archive": {"sha256": "a" * 64, "size": 5, "packing": "zip", "member": "a/./d"}}, "member must be"),
        (
            {"archive": {"sha256": "a" * 64, "size": 5, "packing": "zip"}},
            "lacks platforms.any.binaries.d.archive.member",
        ),
    ],
)
def test_a_binary_is_described_exactly(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ManifestRefused, match=words):
        peek_manifest(with_binary(**changes))


VALIDATOR = jsonschema.Draft202012Validator(schema())


def accepted(content: bytes) -> Manifest | None:
    try:
        return peek_manifest(content)
    except ManifestRefused:
        return None


@settings(derandomize=True, deadline=None, max_examples=600)
@given(nearly())
@example(whole())
def test_the_schema_accepts_what_the_parser_accepts(document: dict[str, Any]) -> None:
    if document.get("not_after") is not None and document["not_after"] != whole()["not_after"]:
        return  # the calendar and the order of the heights are beyond a schema; both are tested above
    low, high = document.get("min_height", 1), document.get("max_height", LARGEST)
    if type(low) is int and type(high) is int and low > high:
        return
    assert VALIDATOR.is_valid(document) == (accepted(encoded(document)) is not None)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_manifest_or_one_kind_of_error(content: bytes) -> None:
    assert accepted(content) is None


@settings(derandomize=True, deadline=None, max_examples=600)
@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_a_changed_byte_is_another_release_or_an_error(position: int, value: int) -> None:
    content = bytearray(TEXT.encode())
    content[position] = value
    accepted(bytes(content))  # raises nothing but what `accepted` catches
    if bytes(content) != TEXT.encode():
        with pytest.raises(ManifestRefused):
            VerifiedBytes.by_hash(bytes(content), hashlib.sha256(TEXT.encode()).hexdigest())


def test_the_schema_in_the_documentation_is_this_one() -> None:
    assert json.loads(SCHEMA.read_bytes()) == schema(), "run `make tables`"
    jsonschema.Draft202012Validator.check_schema(schema())
