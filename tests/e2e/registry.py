"""The registry of a devnet, written to by any of its well-known keys, and read raw."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

# Loaded before a story is in a hurry: the first transaction would wait for it while blocks go by.
import eth_account  # noqa: F401

from console.chain.cometbft import commit_call, parse_signed_header, parse_validator_set, validator_calls
from console.chain.contracts import artefact
from console.chain.interface import Interface
from console.chain.past import decided_at
from console.chain.registry import registry_interface
from console.chain.rpc import JsonRpc
from console.devnet.ethereum_port import EthereumPort
from console.devnet.folder import require_devnet
from console.devnet.keys import Key
from console.devnet.layout import Layout
from console.errors import BadAnswer, EndpointDown
from console.files import sha256_of
from tests.e2e.devnet import Devnet

_SILENCE_S = 60.0
"""Seconds for which no node may answer: every one of them is between two binaries."""


class Registry:
    """The registry and the gateway of one devnet."""

    def __init__(self, devnet: Devnet) -> None:
        self._layout = Layout.of(devnet.folder)
        record = require_devnet(self._layout)
        self.registry, self.gateway = record.registry, record.gateway

    def _with_port(self, work: Any) -> Any:
        async def run() -> Any:
            port = EthereumPort(require_devnet(self._layout))
            try:
                return await work(port)
            finally:
                await port.close()

        return asyncio.run(run())

    def view(self, function: str, *args: object) -> Any:
        """What a view answers: a struct by its fields' names, else the values."""
        signature = registry_interface().functions[function]
        answer = self._call(self.registry, registry_interface().encode(function, args))
        values = registry_interface().decode(function, answer)
        named = [
            _named(fields, value) if fields else value
            for fields, value in zip(signature.output_fields, values, strict=True)
        ]
        return named[0] if len(named) == 1 else named

    def proposal(self, number: int = 1) -> dict[str, Any]:
        """A proposal as the chain shows it; waits while no node answers, as when all of them stand at a halt."""
        end = time.monotonic() + _SILENCE_S
        while True:
            try:
                found: dict[str, Any] = self.view("proposal", number)
            except EndpointDown:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
            else:
                return found

    def send(self, key: Key, function: str, *args: object) -> dict[str, Any]:
        """Have a key call the registry; the receipt."""
        data = registry_interface().encode(function, args)
        found: dict[str, Any] = self._with_port(lambda port: port.send(key, self.registry, data, function))
        return found

    def newest(self) -> int:
        """The number of the newest proposal."""
        return int(self.view("settings")["proposalCount"])

    def height(self) -> int:
        """The chain's height."""
        return int(self._with_port(lambda port: port.ask("eth_blockNumber")), 16) + 1

    def decided_at(self, height: int) -> float:
        """When more than 2/3 of the power had signed a block, by the signers' clocks; Unix seconds."""
        record = require_devnet(self._layout)

        async def read() -> float | None:
            rpc = JsonRpc()
            try:
                url = record.validators[0].cometbft_rpc
                commit, *pages = await rpc.batch(url, [commit_call(height), *validator_calls(height)])
                signed = parse_signed_header(commit.value("commit"))
                return decided_at(signed.commit, parse_validator_set(pages))
            finally:
                await rpc.close()

        found = asyncio.run(read())
        assert found is not None, f"block {height} is not decided"
        return found

    def _call(self, to: str, data: str) -> bytes:
        answer = self._with_port(lambda port: port.ask("eth_call", {"to": to, "data": data}, "latest"))
        return bytes.fromhex(str(answer)[2:])

    # --- the gateway ---

    def network_version(self) -> int:
        """What the second getter facet answers through the diamond; 0 while the gateway does not know it."""
        interface = Interface(artefact("GatewayGetterFacetV2").abi)
        try:
            answer = self._call(self.gateway, interface.encode("getNetworkVersion", ()))
        except BadAnswer:
            return 0
        (version,) = interface.decode("getNetworkVersion", answer)
        return int(version)

    def facet_of(self, selector: bytes) -> str:
        """By the loupe: which facet answers a selector, lower case; zeros for none."""
        interface = Interface(artefact("DiamondLoupeFacet").abi)
        (facet,) = interface.decode(
            "facetAddress", self._call(self.gateway, interface.encode("facetAddress", (selector,)))
        )
        return str(facet).lower()


def _named(fields: Sequence[str], value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return [_named(fields, each) for each in value]
    if isinstance(value, tuple) and len(value) == len(fields):
        return dict(zip(fields, value, strict=True))
    return value


def release_options(devnet: Devnet, version: str = "v0.2.0") -> tuple[str, ...]:
    """The options of `propose` that name one of the release server's builds."""
    server = devnet.status()["releases"][0]["url"].rsplit("/", 2)[0]
    build = devnet.folder / "releases" / version / "subnetd"
    return (
        *("--name", version, "--binary-url", f"{server}/{version}/subnetd"),
        *("--binary-hash", f"sha256:{sha256_of(build)}"),
    )
