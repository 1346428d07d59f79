"""The genesis is a pure function, and what it deploys stands where it says."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address

from console.chain.contracts import artefact
from console.chain.registry import registry_interface
from console.devnet.evm.genesis import (
    EXPEDITED_BLOCKS,
    GATEWAY_FACETS,
    MAX_VALIDATORS,
    VOTING_BLOCKS,
    GenesisValidator,
    build_genesis,
    selectors,
)
from console.errors import InputError
from tests.console.devnet.evm.world import (
    ADMIN,
    FREEZE,
    OPERATORS,
    PARENT,
    VALIDATORS,
    WINDOW,
    World,
    account,
    genesis,
)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert json.dumps(genesis().document) == json.dumps(genesis().document)
    assert genesis(time=1).document != genesis(time=2).document


def test_contracts_stand_where_it_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name, address in [
        ("GatewayDiamond", world.genesis.gateway),
        ("GatewayPowerSource", world.genesis.power_source),
        ("UpgradeRegistry", world.genesis.registry),
    ]:
        code = bytes.fromhex(world.result("eth_getCode", address, "latest")[2:])
        # Immutables are filled in at deployment, so only the length is equal.
        assert len(code) == len(artefact(name).deployed_bytecode)
    shown = world.view("settings()", registry_interface().functions["settings"].outputs[0])
    settings = dict(zip(registry_interface().functions["settings"].output_fields[0], shown, strict=True))
    assert settings["admin"] == ADMIN.address.lower()
    assert settings["freezeBlocks"] == FREEZE
    assert settings["executionWindow"] == WINDOW
    assert settings["powerSource"] == world.genesis.power_source.lower()
    assert settings["targets"] == (world.genesis.gateway.lower(),)
    assert settings["votingRequired"] is False
    assert (settings["minVotingBlocks"], settings["minExpeditedBlocks"]) == (VOTING_BLOCKS, EXPEDITED_BLOCKS)
    assert (settings["council"], settings["councilThreshold"]) == ((), 0)


def test_the_council_agrees_by_more_than_half(tmp_path: Path) -> None:
    council = [account(number).address for number in range(201, 206)]
    world = World(tmp_path, genesis(council=council, voting_required=True))
    shown = world.view("settings()", registry_interface().functions["settings"].outputs[0])
    settings = dict(zip(registry_interface().functions["settings"].output_fields[0], shown, strict=True))
    assert settings["council"] == tuple(each.lower() for each in council)
    assert settings["councilThreshold"] == 3
    assert settings["votingRequired"] is True


def test_every_validator_delegated_to_its_operator(tmp_path: Path) -> None:
    world = World(tmp_path)
    for validator, operator in zip(VALIDATORS, OPERATORS, strict=True):
        assert world.view("operatorOf(address)", "address", validator.address) == operator.address.lower()
        assert int(world.result("eth_getBalance", operator.address, "latest"), 16) == 10**24


def test_the_gateway_answers_with_powers_and_keys(tmp_path: Path) -> None:
    world = World(tmp_path, genesis((1, 2, 3, 4)))
    from eth_abi.abi import decode

    answer = world.result("eth_call", {"to": world.genesis.gateway, "data": "0x6ad21bb0"}, "latest")
    (membership,) = decode(["((uint256,address,bytes)[],uint64)"], bytes.fromhex(answer[2:]))
    assert membership[1] == 0
    assert [(power, address) for power, address, _ in membership[0]] == [
        (power, validator.address.lower()) for power, validator in zip((1, 2, 3, 4), VALIDATORS, strict=True)
    ]
    assert all(len(metadata) == 65 and metadata[0] == 4 for _, _, metadata in membership[0])


def test_the_gateway_is_a_diamond_that_the_registry_owns(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.view("owner()", "address", of=world.genesis.gateway) == world.genesis.registry.lower()
    assert world.view("parent()", "address", of=world.genesis.gateway) == PARENT.address.lower()
    facets = world.view("facets()", "(address,bytes4[])[]", of=world.genesis.gateway)
    assert [list(found) for _, found in facets] == [selectors(name) for name in GATEWAY_FACETS]
    for name, (address, _) in zip(GATEWAY_FACETS, facets, strict=True):
        code = world.result("eth_getCode", to_checksum_address(address), "latest")
        assert bytes.fromhex(code[2:]) == artefact(name).deployed_bytecode


def test_the_genesis_succeeds_also_with_the_largest_set(tmp_path: Path) -> None:
    """All contracts are deployed with it, and the last validators name their keys; each costs half a second here."""
    validators = [
        GenesisValidator("0x" + key.key.hex(), 10, b"\x04" + key._key_obj.public_key.to_bytes(), operator.address)
        for key, operator in ((account(1000 + number), account(2000 + number)) for number in range(MAX_VALIDATORS))
    ]
    made = build_genesis(
        validators=validators,
        admin_key="0x" + ADMIN.key.hex(),
        gateway_parent=PARENT.address,
        freeze_blocks=FREEZE,
        execution_window=WINDOW,
        chain_id=1,
        time=0,
    )
    deploying, naming = made.document["txs"][:-MAX_VALIDATORS], made.document["txs"][-MAX_VALIDATORS:]
    made = dataclasses.replace(made, document={**made.document, "txs": [*deploying, *naming[-3:]]})
    world = World(tmp_path, made)
    receipts = world.result("eth_getBlockReceipts", "0x0")
    assert len(receipts) == len(deploying) + 3
    assert {receipt["status"] for receipt in receipts} == {"0x1"}


def test_a_public_key_of_someone_else_is_refused() -> None:
    wrong = GenesisValidator(
        "0x" + VALIDATORS[0].key.hex(),
        10,
        b"\x04" + VALIDATORS[1]._key_obj.public_key.to_bytes(),
        OPERATORS[0].address,
    )
    with pytest.raises(InputError, match="not its own"):
        build_genesis(
            validators=[wrong],
            admin_key="0x" + ADMIN.key.hex(),
            gateway_parent=PARENT.address,
            freeze_blocks=5,
            execution_window=1,
            chain_id=1,
            time=0,
        )
    with pytest.raises(InputError, match="1 to 128"):
        build_genesis(
            validators=[],
            admin_key="0x" + ADMIN.key.hex(),
            gateway_parent=PARENT.address,
            freeze_blocks=5,
            execution_window=1,
            chain_id=1,
            time=0,
        )
