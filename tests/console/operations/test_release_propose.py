"""A manifest's migration is proposed with it: from its file or its URL, and never left out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from console.errors import InputError, ManifestRefused
from console.model import MigrationKind
from console.operations.propose import request_of
from console.operations.release_propose import settled
from console.settings import NetworkSettings
from tests.console.chain.servers import http
from tests.console.node.release.manifests import whole
from tests.console.operations.examples import a_chain, a_network, a_snapshot

pytestmark = pytest.mark.anyio


def a_manifest(**changes: Any) -> bytes:
    return json.dumps(whole(chain="devnet-ab12cd", min_height=100, max_height=2000, **changes)).encode()


def fields(content: bytes, url: str = "http://127.0.0.1:1/manifest.json", **changes: str) -> dict[str, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    typed = {"name": "v0.2.0", "height": "1500", "url": url, "hash": f"sha256:{sha256}", "kind": "manifest"}
    return typed | changes


def at_home(folder: Path, *, local: bool = True) -> NetworkSettings:
    network = a_network(folder)
    return replace(network, nodes=(replace(network.nodes[0], local_downloads=local), *network.nodes[1:]))


async def test_the_migration_comes_from_the_file_or_else_from_the_url(tmp_path: Path) -> None:
    content = a_manifest()

    async def served(request: web.Request) -> web.Response:
        return web.Response(body=content) if request.path == "/manifest.json" else web.Response(status=404)

    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    async with http(served) as url:
        for typed in (
            fields(content, manifest=str(path)),
            fields(content, f"{url}/manifest.json"),
            fields(content, f"{url}/manifest.json", migration="", migration_hash=""),
        ):
            found = await settled(at_home(tmp_path), typed)
            request = request_of(found, a_snapshot(a_chain(120)))
            assert request.terms.migration_kind is MigrationKind.WASM
            assert request.terms.migration_hash == found["migration_hash"] != ""
            # What is settled is not read again.
            assert await settled(a_network(tmp_path), found) == found
        with pytest.raises(InputError, match=r"cannot be fetched.*give the manifest's file"):
            await settled(at_home(tmp_path), fields(content, f"{url}/nothing.json"))
        # Nobody said that a URL may lead to this machine.
        with pytest.raises(InputError, match=r"cannot be fetched.*give the manifest's file"):
            await settled(at_home(tmp_path, local=False), fields(content, f"{url}/manifest.json"))
        # A server that has another manifest than the one whose hash is given.
        with pytest.raises(InputError, match=r"has sha256 .*, not " + "ab" * 32):
            await settled(at_home(tmp_path), fields(content, f"{url}/manifest.json", hash="ab" * 32))
    with pytest.raises(InputError, match=r"no gateway is set.*give the manifest's file"):
        await settled(a_network(tmp_path), fields(content, "ipfs://" + "b" * 59))


@pytest.mark.parametrize(
    ("changes", "typed", "part"),
    [
        ({}, {"name": "v0.3.0"}, "is of v0.2.0"),
        ({}, {"breaking": "no"}, "says that it is breaking"),
        ({}, {"height": "50"}, "for heights 100 to 2000, not 50"),
        ({"name": "v0.2.0-bis"}, {}, "is of v0.2.0-bis"),
    ],
)
async def test_a_manifest_that_says_something_else_is_not_proposed(
    tmp_path: Path, changes: dict[str, Any], typed: dict[str, str], part: str
) -> None:
    content = a_manifest(**changes)
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=part):
        await settled(a_network(tmp_path), fields(content, manifest=str(path), **typed))


async def test_what_names_no_manifest_is_left_alone_and_rubbish_is_refused(tmp_path: Path) -> None:
    raw = {**fields(b"x"), "kind": "raw"}
    assert await settled(a_network(tmp_path), raw) == raw
    path = tmp_path / "manifest.json"
    path.write_bytes(b"{}")
    with pytest.raises(ManifestRefused):
        await settled(a_network(tmp_path), fields(b"{}", manifest=str(path)))
    with pytest.raises(InputError, match="there is no file"):
        await settled(a_network(tmp_path), fields(b"{}", manifest=str(tmp_path / "nothing")))
