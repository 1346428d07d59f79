"""A registry of our own: deployed on the real EVM, verified, and used for a cut from its proposal to its undo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from console.addresses import ZERO_ADDRESS, checksummed
from console.chain.artefact_file import shipped
from console.chain.contracts import artefact
from console.chain.cut_plan import ProposedFacet
from console.chain.cut_watch import CutWatcher
from console.chain.governance import GovernanceReader
from console.chain.rpc import JsonRpc
from console.chain.sent import sent_by_hand
from console.chain.writer import RegistryWriter
from console.errors import ContractRefused, InputError
from console.model import LinkedCall, RegistryRules
from console.operations.contract_deploy import deploying
from console.operations.contract_ownership import plan_hand_over, send_hand_over
from console.operations.contract_proposal import contract_proposal
from console.operations.contract_upgrade import CutRequest, linked_calls, review_linked
from console.operations.registry_call import RegistryCalls
from console.operations.registry_deploy import (
    RegistryConfig,
    deploy_registry,
    network_table,
    plan_registry,
    verify_registry,
    write_network,
)
from console.ports.keys import KeyReference
from console.settings import config_file, load_network
from tests.console.chain.evm_facade import key_file
from tests.console.devnet.evm.world import ADMIN, POOR, VALIDATORS, genesis
from tests.console.operations.test_contract_upgrade import Subnet, cuts_in_force, subnet_in

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]
COUNCIL = tuple(checksummed(bytes((number,)) * 20) for number in range(1, 6))
CONFIG = RegistryConfig(
    power_kind="GatewayPowerSource",
    power_at=checksummed(genesis().gateway),
    admin=ADMIN.address,
    min_voting_blocks=20,
    min_expedited_blocks=10,
    execution_window=50,
    council=COUNCIL,
    council_threshold=3,
    targets=(checksummed(genesis().gateway),),
)


async def test_deployed_verified_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with subnet_in(tmp_path) as subnet:
        key, said = key_file(tmp_path, ADMIN), list[str]()
        async with deploying(subnet.network, key, subnet.journal) as deployer:
            plan = await plan_registry(deployer, CONFIG)
            assert [(name, there) for name, there, _ in plan.contracts] == [
                ("GatewayPowerSource", ""),
                ("RegistryExtension", ""),
            ]
            assert all(cost > 0 for _, _, cost in plan.contracts)
            assert subnet.evm.sent == []
            found = await deploy_registry(subnet.network, deployer, CONFIG, said.append)
        assert len(subnet.evm.sent) == 3
        assert any(found.address in line for line in said)
        # After a crash the next run finds all three.
        async with deploying(subnet.network, key, subnet.journal) as deployer:
            again = await plan_registry(deployer, CONFIG)
            assert [there for _, there, _ in again.contracts] == [found.power_source, found.extension]
            assert await deploy_registry(subnet.network, deployer, CONFIG, said.append) == found
        assert len(subnet.evm.sent) == 3
        own = replace(subnet.network, registry=found.address)
        verdict = await verify_registry(own)
        assert verdict.good
        assert [code.name for code in verdict.codes] == ["UpgradeRegistry", "RegistryExtension", "GatewayPowerSource"]
        assert verdict.owners == ((CONFIG.targets[0], subnet.network.registry),)
        write_network("calib", network_table(own, found.address))
        assert load_network("calib").registry == found.address


async def test_another_contract_is_not_verified(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        verdict = await verify_registry(subnet.network)
        assert verdict.good  # the devnet's own
        assert len(verdict.codes) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"freeze_blocks": 4}, "5 to 10000 blocks"),
        ({"execution_window": 0}, "at least one block"),
        ({"min_voting_blocks": 5}, "must not be longer"),
        ({"council_threshold": 2}, "3 to 5 have to agree"),
        ({"council": ()}, "0 to 0 have to agree"),
        ({"council": (COUNCIL[0], COUNCIL[0])}, "each once"),
        ({"council": (ZERO_ADDRESS,), "council_threshold": 1}, "none of them zero"),
        ({"targets": (COUNCIL[0], COUNCIL[0])}, "each named once"),
    ],
)
def test_what_the_constructor_would_refuse_is_refused_first(change: dict[str, object], says: str) -> None:
    CONFIG.check()
    with pytest.raises(InputError, match=says):
        replace(CONFIG, **change).check()  # type: ignore[arg-type]


def test_settings_keep_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text(
        '# mine\n[networks.other]\nkind = "cosmos"\n\n[networks.calib]\nregistry = "0x1"\nstage = "testnet"\n'
    )
    write_network("calib", {"registry": "0x2"})
    text = path.read_text()
    assert "# mine" in text
    assert 'stage = "testnet"' in text
    assert '"0x2"' in text
    assert '"0x1"' not in text


async def vote(subnet: Subnet, number: int, folder: Path) -> None:
    for validator in VALIDATORS[:3]:
        await sent(subnet, key_file(folder, validator), "vote", (number, True))


async def sent(subnet: Subnet, key: KeyReference, function: str, args: tuple[object, ...]) -> None:
    writer = RegistryWriter(subnet.network, subnet.network.ethereum_rpc, sent_by_hand(subnet.network))
    await writer.send(key, function, args)
    await writer.close()


async def proposed(subnet: Subnet, folder: Path, name: str, calls: tuple[LinkedCall, ...]) -> int:
    reader = GovernanceReader(subnet.network, subnet.network.ethereum_rpc)
    rules = await reader.rules()
    await reader.close()
    call = contract_proposal(name, calls, rules)
    registry = RegistryCalls(subnet.network, None, key=key_file(folder, ADMIN))
    outcome = await registry.now(call)
    await registry.close()
    return outcome.proposal_id


async def execute(subnet: Subnet, folder: Path, number: int) -> None:
    await sent(subnet, key_file(folder, ADMIN), "executeContracts", (number,))


@pytest.mark.soak
async def test_a_cut_is_proposed_voted_made_verified_and_the_diamond_handed_back(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        network, key = subnet.network, key_file(tmp_path, ADMIN)
        second = ProposedFacet("GatewayGetterFacet", shipped(artefact("GatewayGetterFacetV2")))
        async with deploying(network, key, subnet.journal) as deployer:
            address = (await deployer.deploy_facets([second]))["GatewayGetterFacet"]
        upgrade = await linked_calls(network, [CutRequest("gateway", (replace(second, address=address),))])
        number = await proposed(subnet, tmp_path, "gateway-v2", upgrade.calls)
        reader = GovernanceReader(network, network.ethereum_rpc)
        stored = await reader.read(number)
        # What we say is recorded is what the registry recorded.
        assert stored.calls == upgrade.calls
        (review,) = await review_linked(network, stored.calls)
        assert review.cut is not None
        assert review.cut.codes_agree is True
        with pytest.raises(ContractRefused):
            await execute(subnet, tmp_path, number)
        await vote(subnet, number, tmp_path)
        votes, readiness = await reader.sayings(number)
        assert sorted(each.choice.name for each in votes) == ["NONE", "YES", "YES", "YES"]
        assert {each.address for each in votes} == {each.address for each in readiness.validators}
        (before,) = await cuts_in_force(network, stored.calls)
        await execute(subnet, tmp_path, number)
        (after,) = await cuts_in_force(network, stored.calls)
        assert (before.in_force, after.in_force, after.problems) == (False, True, ())
        rpc = JsonRpc()
        watcher = CutWatcher(network, rpc, clock=lambda: 0.0)
        made = await reader.proposal(number)
        look = watcher.look(made)
        assert look is not None
        assert watcher.look(made) is look
        await look
        watch = watcher.of(made)
        assert watch is not None
        assert (watch.verified, len(watch.checks)) == (True, 1)
        # The next look is half a minute away, and nothing is said of another proposal.
        assert watcher.look(made) is None
        assert watcher.of(replace(made, id=number + 1)) is None
        await watcher.close()
        await rpc.close()
        (told,) = await review_linked(network, stored.calls)
        assert "in force" in told.problem

        plan = await plan_hand_over(network, "gateway", ADMIN.address)
        async with deploying(network, key, subnet.journal) as deployer:
            with pytest.raises(InputError, match="a proposal of its own"):
                await send_hand_over(network, plan, deployer, confirmed=lambda _: None)
        number = await proposed(subnet, tmp_path, "give-back", (plan.linked,))
        await vote(subnet, number, tmp_path)
        await execute(subnet, tmp_path, number)
        back = await plan_hand_over(network, "gateway", "registry")
        assert (back.owner, back.warnings) == (ADMIN.address, ())
        shown: list[str] = []
        async with deploying(network, key_file(tmp_path, POOR), subnet.journal) as deployer:
            with pytest.raises(InputError, match="this key is that of"):
                await send_hand_over(network, back, deployer, confirmed=shown.append)
        async with deploying(network, key, subnet.journal) as deployer:
            await send_hand_over(network, back, deployer, confirmed=shown.append)
        assert "transferOwnership" in shown[0]
        with pytest.raises(InputError, match="already"):
            await plan_hand_over(network, "gateway", "registry")
        await reader.close()


def test_a_proposal_of_calls_alone_is_checked_first() -> None:
    target = checksummed(genesis().gateway)
    rules = RegistryRules(
        power_source=ZERO_ADDRESS,
        configuration_number=0,
        admin=ADMIN.address,
        min_proposer_power=0,
        voting_required=True,
        min_voting_blocks=20,
        min_expedited_blocks=10,
        freeze_blocks=5,
        execution_window=50,
        minimum_lead=20,
        successor=ZERO_ADDRESS,
        council=(),
        council_threshold=0,
        targets=(target,),
        proposal_count=0,
        scheduled_id=0,
    )
    call = LinkedCall(target, b"\x1f\x93\x1c\x1c", "")
    assert contract_proposal("a", [call], rules).args[0][10] == rules.min_voting_blocks  # type: ignore[index]
    for name, calls, blocks, says in (
        ("A b", [call], None, "the name must be"),
        ("a", [], None, "no call to propose"),
        ("a", [LinkedCall("0x" + "11" * 20, b"", "")], None, "not among its targets"),
        ("a", [call], 1, "at least"),
    ):
        with pytest.raises(InputError, match=says):
            contract_proposal(name, calls, rules, voting_blocks=blocks)
