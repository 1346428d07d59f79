"""Cuts prepared, deployed and linked against the devnet's gateway in the real EVM process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from console.addresses import ZERO_ADDRESS, checksummed, keccak
from console.chain.artefact_file import shipped
from console.chain.contract_sender import created_address
from console.chain.contracts import artefact
from console.chain.cut_check import check_cut, codes_hash_of
from console.chain.cut_plan import ProposedFacet
from console.chain.cuts import Cut, decode_cut
from console.chain.rpc import JsonRpc
from console.contract_settings import ContractSettings
from console.errors import ChainError, InputError
from console.model import CutAction, CutCheck, FacetCut, LinkedCall, Upgradable
from console.operations.contract_deploy import NewContract, deploying
from console.operations.contract_export import exported_cut, read_export, write_export
from console.operations.contract_places import place_of
from console.operations.contract_upgrade import (
    CutRequest,
    linked,
    linked_calls,
    prepare_cuts,
    review_linked,
    with_deployed,
)
from console.operations.deployment_journal import DeploymentJournal
from console.settings import NetworkSettings
from tests.console.chain.evm_facade import EvmFacade, facade, key_file, network_of
from tests.console.chain.servers import json_rpc
from tests.console.devnet.evm.world import ADMIN, CHAIN_ID, POOR, genesis

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]
SECOND = ProposedFacet("GatewayGetterFacet", shipped(artefact("GatewayGetterFacetV2")))
TRANSFER = bytes.fromhex("f2fde38b")


@dataclass
class Subnet:
    """The EVM, and settings that name its gateway."""

    evm: EvmFacade
    network: NetworkSettings
    folder: Path

    @property
    def journal(self) -> DeploymentJournal:
        return DeploymentJournal(self.folder / "state" / "deployments.json")


@asynccontextmanager
async def subnet_in(folder: Path) -> AsyncIterator[Subnet]:
    async with facade(folder) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        network = network_of(folder, server.url, evm.registry)
        where = ContractSettings(
            gateway=genesis().gateway,
            subnet_actor=genesis().gateway,
            parent_rpc=(server.url,),
            parent_evm_chain_id=CHAIN_ID,
        )
        yield Subnet(evm, replace(network, contracts=where, folder=folder), folder)


async def test_a_facet_is_deployed_once_and_linked(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        (prepared,) = await prepare_cuts(subnet.network, [CutRequest("gateway", (SECOND,))])
        assert prepared.review.upgradable is Upgradable.REGISTRY
        with pytest.raises(InputError, match="must be deployed before"):
            linked([prepared])
        key = key_file(tmp_path, ADMIN)
        async with deploying(subnet.network, key, subnet.journal) as deployer:
            deployed = await deployer.deploy_facets(prepared.plan.to_deploy)
        sent = len(subnet.evm.sent)
        # A run after a crash finds it by the journal.
        async with deploying(subnet.network, key, subnet.journal) as deployer:
            assert await deployer.deploy_facets(prepared.plan.to_deploy) == deployed
        assert len(subnet.evm.sent) == sent == 1
        ready = await with_deployed(subnet.network, prepared, deployed)
        found = linked([ready])
        (call,), (undo,) = found.calls, found.undo
        assert call.target == checksummed(genesis().gateway)
        cut, back = decode_cut(call.data), decode_cut(undo.data)
        assert cut is not None
        assert back is not None
        address = deployed["GatewayGetterFacet"]
        assert cut.facets == (address,)
        assert call.codes_hash == codes_hash_of(cut, {address: SECOND.compiled.deployed})
        assert ready.review.facets[0].source.startswith("matches the artefact GatewayGetterFacetV2")
        # Named by address it needs no key at all.
        again = await linked_calls(subnet.network, [CutRequest("gateway", (replace(SECOND, address=address),))])
        assert (again.calls, again.undo) == (found.calls, found.undo)


async def cuts_in_force(network: NetworkSettings, calls: Sequence[LinkedCall]) -> tuple[CutCheck, ...]:
    """Whether the cuts among these calls are in force, by loupe and by code."""
    async with JsonRpc(tokens=network.tokens) as rpc:
        cuts = [(call, decode_cut(call.data)) for call in calls]
        return tuple(
            [
                await check_cut(await place_of(network, call.target, rpc), cut, rpc, codes_hash=call.codes_hash)
                for call, cut in cuts
                if cut is not None
            ]
        )


async def test_those_who_vote_see_the_same_cut(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        async with deploying(subnet.network, key_file(tmp_path, ADMIN), subnet.journal) as deployer:
            address = (await deployer.deploy_facets([SECOND]))["GatewayGetterFacet"]
        found = await linked_calls(subnet.network, [CutRequest("gateway", (replace(SECOND, address=address),))])
        (call,) = found.calls
        (review,) = await review_linked(subnet.network, [call])
        assert review.cut is not None
        assert review.cut.codes_agree is True
        assert [entry.name for entry in review.cut.facets] == ["GatewayGetterFacetV2"]
        assert review.cut.facets[0].code_diff == found.reviews[0].facets[0].code_diff
        (changed,) = await review_linked(subnet.network, [replace(call, codes_hash="11" * 32)])
        assert changed.cut is not None
        assert "not what it was when the cut was proposed" in changed.cut.risks[0]
        (check,) = await cuts_in_force(subnet.network, [call])
        assert not check.in_force
        assert any("is answered by nobody" in problem for problem in check.problems)
        # The undo of a cut that was not made has nothing to do.
        (told,) = await review_linked(subnet.network, found.undo)
        assert told.cut is None
        assert "is in force" in told.problem


async def test_other_calls_are_told_in_words(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        target = checksummed(genesis().gateway)
        calls = [
            LinkedCall(target, TRANSFER + bytes(12) + b"\x11" * 20, ""),
            LinkedCall(target, b"\xde\xad\xbe\xef" + b"\0" * 32, ""),
            LinkedCall(subnet.network.registry, bytes.fromhex("b3ab15fb") + bytes(12) + b"\x22" * 20, ""),
            LinkedCall(target, bytes.fromhex("1f931c1c") + b"\0" * 5, ""),
        ]
        given_away, unknown, own, broken = await review_linked(subnet.network, calls)
        assert given_away.described.startswith("transferOwnership(newOwner=0x1111")
        assert "not known here 0xdeadbeef" in unknown.described
        assert own.described.startswith("setOperator(operator=0x2222")
        assert "no cut" in broken.problem


async def test_a_target_on_the_parent_chain_is_exported(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        async with deploying(subnet.network, key_file(tmp_path, ADMIN), subnet.journal) as deployer:
            address = (await deployer.deploy_facets([SECOND]))["GatewayGetterFacet"]
        request = CutRequest("subnet-actor", (replace(SECOND, address=address),))
        found = await linked_calls(subnet.network, [request])
        assert (found.calls, found.undo) == ((), ())
        (review,) = found.exported
        assert (review.on_parent, review.upgradable) == (True, Upgradable.OTHER)
        call = exported_cut(review, CHAIN_ID)
        path, beside = write_export([call], tmp_path / "cut.json")
        assert read_export(path) == (call,)
        safe = json.loads(beside.read_text())
        assert (safe["chainId"], safe["transactions"][0]["to"]) == (str(CHAIN_ID), review.target)
        assert safe["transactions"][0]["data"] == review.data


async def test_one_diamond_is_cut_once(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        twice = [CutRequest("gateway", (SECOND,)), CutRequest(genesis().gateway, (SECOND,))]
        with pytest.raises(InputError, match="named twice"):
            await prepare_cuts(subnet.network, twice)


async def test_an_initialiser_has_to_be_asked_for(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        request = CutRequest("gateway", (SECOND,), init=genesis().power_source, init_data=b"\x01")
        with pytest.raises(InputError, match="--allow-init"):
            await prepare_cuts(subnet.network, [request])
        (prepared,) = await prepare_cuts(subnet.network, [request], allow_init=True)
        assert prepared.review.init == checksummed(genesis().power_source)
        assert "runs the code of" in prepared.review.risks[0]


async def test_code_that_is_not_the_facet_is_refused(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        wrong = replace(SECOND, address=checksummed(genesis().power_source))
        with pytest.raises(InputError, match="is not GatewayGetterFacet as it was compiled"):
            await prepare_cuts(subnet.network, [CutRequest("gateway", (wrong,))])


async def test_a_lost_transaction_is_sent_again_with_its_nonce(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        contract = NewContract("GatewayGetterFacetV2", SECOND.compiled)
        key = key_file(tmp_path, ADMIN)
        subnet.evm.mining = False
        # The receipt never comes.
        async with deploying(subnet.network, key, subnet.journal, deadline_s=0.2) as deployer:
            with pytest.raises(ChainError, match="not seen in a block"):
                await deployer.deploy(contract)
        subnet.evm.mining = True
        async with deploying(subnet.network, key, subnet.journal) as deployer:
            assert await deployer.deployed(contract) == ""
            address = await deployer.deploy(contract)
            assert await deployer.deployed(contract) == address
        entry = subnet.journal.find(CHAIN_ID, ADMIN.address, contract.creation)
        assert entry is not None
        assert created_address(ADMIN.address, entry.nonce) == address
        assert len(set(subnet.evm.sent)) == 1  # the very same bytes: whichever came first would have been the only one


async def test_a_deployment_needs_money(tmp_path: Path) -> None:
    async with (
        subnet_in(tmp_path) as subnet,
        deploying(subnet.network, key_file(tmp_path, POOR), subnet.journal) as deployer,
    ):
        assert await deployer.balance() == 0
        with pytest.raises(ChainError):
            await deployer.deploy(NewContract("GatewayGetterFacetV2", SECOND.compiled))


async def test_names_lead_to_contracts(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        rpc = JsonRpc()
        gateway = await place_of(subnet.network, "gateway", rpc)
        assert (gateway.address, gateway.on_parent) == (checksummed(genesis().gateway), False)
        parent = await place_of(subnet.network, f"parent:{genesis().gateway}", rpc)
        assert (parent.on_parent, parent.registry) == (True, ZERO_ADDRESS)
        for name, says in (("gate", "not one of gateway, subnet-actor, registry"), ("0x12", "40 hex digits")):
            with pytest.raises(InputError, match=says):
                await place_of(subnet.network, name, rpc)
        nowhere = Cut((FacetCut(ZERO_ADDRESS, CutAction.REMOVE, ("0xdeadbeef",)),))
        assert (await check_cut(gateway, nowhere, rpc)).in_force
        await rpc.close()


def test_a_damaged_journal_is_not_guessed_from(tmp_path: Path) -> None:
    path = tmp_path / "deployments.json"
    journal = DeploymentJournal(path)
    assert journal.find(1, "0x", b"") is None
    for body in (b"", b"[]", b'{"schema": 2, "deployments": []}', b'{"schema": 1, "deployments": [{"a": 1}]}'):
        path.write_bytes(body)
        with pytest.raises(InputError, match="not a journal of deployments"):
            journal.find(1, "0x", b"")


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "calls.json"
    for body in ("", "[]", '{"schema": 1}', '{"schema": 1, "chainId": "1", "calls": [{"to": "0x12"}]}'):
        path.write_text(body)
        with pytest.raises(InputError):
            read_export(path)


@settings(derandomize=True, deadline=None)
@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**64 - 2))
def test_created_addresses_are_those_of_rlp(sender: bytes, nonce: int) -> None:
    assert created_address(checksummed(sender), nonce) == checksummed(keccak(rlp.encode([sender, nonce]))[12:])
