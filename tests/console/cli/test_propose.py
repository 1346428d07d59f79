"""`propose` and `ready`: bad input ends before the chain is asked, and a chain that is wrong before a key is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.addresses import ethereum_to_f410
from console.cli.ready import chosen_node
from console.errors import InputError, SettingsError
from tests.console.cli.conftest import Run, RunAsync
from tests.console.cli.peers import VALIDATOR, answering, closed_port, endpoint, html, without_code, write_settings
from tests.console.operations.examples import ADDRESSES, a_network

GOOD = {"name": "v0.2.0", "height": "900", "binary-url": "http://h/f", "binary-hash": "sha256:" + "ab" * 32}


def line(**changes: str) -> list[str]:
    fields = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return ["propose", *(part for name, value in fields.items() for part in (f"--{name}", value))]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"height": "-5"}, "height -5 is in the past"),
        ({"binary_hash": "sha256:abcd"}, "the hash must be sha256: and 64 hex digits"),
        ({"binary_hash": "sha256:" + "zz" * 32}, "64 hex digits"),
        ({"binary_url": "ftp://h/f"}, "the URL must start with http:// or https://"),
        ({"binary_url": "h/f"}, "the URL must start with http:// or https://"),
        ({"name": "../v1"}, "the name must be"),
    ],
)
async def test_bad_input_is_refused_before_anything_is_asked(
    cli_beside: RunAsync, tmp_path: Path, changes: dict[str, str], part: str
) -> None:
    seen: list[str] = []
    async with endpoint(answering({}, seen)) as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*line(**changes))).refused_with(part, "nothing was sent")
    assert seen == []


@pytest.mark.anyio
async def test_a_window_is_read_before_anything_is_asked(cli_beside: RunAsync, tmp_path: Path) -> None:
    seen: list[str] = []
    rest = [part for part in line() if part not in {"--height", "900"}]
    async with endpoint(answering({}, seen)) as url:
        write_settings(url, url, node=tmp_path)
        for window, words in (
            ("noon", "the window must be as"),
            ("2020-01-01 14:00..16:00 UTC", "the window is over"),
            ("14:00..16:00 Mars/Base", "none"),
        ):
            (await cli_beside(*rest, "--window", window)).refused_with(words, "nothing was sent")
    assert seen == []


@pytest.mark.anyio
async def test_with_the_rpc_down_nothing_is_sent(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with closed_port() as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*line())).refused_with("does not answer")
        (await cli_beside("ready", "--proposal", "1")).refused_with("does not answer")


@pytest.mark.anyio
async def test_a_registry_without_code_gets_no_transaction(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with endpoint(without_code()) as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*line())).refused_with("no contract at the registry")
        (await cli_beside("ready", "--proposal", "1")).refused_with("no contract at the registry")


@pytest.mark.anyio
async def test_html_gets_no_transaction(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with endpoint(html) as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*line())).refused_with("HTML")
        (await cli_beside("ready", "--proposal", "1")).refused_with("HTML")


@pytest.mark.anyio
async def test_another_chain_behind_the_url_gets_no_transaction(cli_beside: RunAsync, tmp_path: Path) -> None:
    async with endpoint(answering({"eth_chainId": "0x1", "eth_getCode": "0x60"})) as url:
        write_settings(url, url, node=tmp_path)
        (await cli_beside(*line())).refused_with("belongs to chain 1, not to chain 31337")


def test_the_node_of_an_address_is_found_however_it_is_written(tmp_path: Path) -> None:
    network = a_network(tmp_path)
    assert chosen_node(network, None, None).name == "node1"
    assert chosen_node(network, "node2", None).name == "node2"
    assert chosen_node(network, None, ADDRESSES[2].lower()).name == "node3"
    assert chosen_node(network, "node3", ADDRESSES[2].upper().replace("0X", "0x")).name == "node3"
    assert chosen_node(network, None, ethereum_to_f410(ADDRESSES[2], prefix="t")).name == "node3"
    with pytest.raises(InputError, match="not an address"):
        chosen_node(network, None, "0x00")
    with pytest.raises(InputError, match="has the validator address 0x0000"):
        chosen_node(network, None, "0x" + "00" * 20)
    with pytest.raises(InputError, match=r"known: node1"):
        chosen_node(network, "node1", ADDRESSES[2])
    with pytest.raises(SettingsError):
        chosen_node(network, "node9", ADDRESSES[2])


def test_an_address_that_no_node_here_has_is_refused(cli: Run, tmp_path: Path) -> None:
    write_settings("http://127.0.0.1:1", "http://127.0.0.1:1", node=tmp_path)
    cli("ready", "--proposal", "1", "--validator-address", "0x1\x1b[2J").refused_with("0x1<U+001B>[2J")
    nobody = "0x" + "11" * 20
    cli("ready", "--proposal", "1", "--validator-address", nobody).refused_with("validator address 0x1111", VALIDATOR)
