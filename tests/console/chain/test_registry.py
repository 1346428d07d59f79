"""The registry's views: decoded into the model, hostile answers refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chain.contracts import artefact
from console.chain.registry import (
    MAX_VALIDATORS,
    NoRegistry,
    current_proposal,
    decode_proposal,
    decode_proposals,
    decode_readiness,
    registry_interface,
    view_call,
)
from console.chain.rpc import Reply, RpcError
from console.errors import BadAnswer, ChainError, ContractRefused, InputError
from console.model import MigrationKind, Proposal, ProposalStatus, Readiness, ReleaseKind, ScheduleKind, Verdict
from console.text import UntrustedText
from tests.console.chain.network_double import KEYS, REGISTRY, RELEASE_HASH, EthereumDouble, NetworkDouble, proposal_row

WHERE = "http://127.0.0.1:1"


def proposals_of(*rows: dict[str, Any], limit: int = 16) -> tuple[Proposal, ...]:
    double = EthereumDouble(NetworkDouble(proposals=list(rows)))
    call = view_call(REGISTRY, "proposals", 0, 16)
    return decode_proposals(Reply(double.answer(call.method, call.params)), limit=limit, where=WHERE)


def readiness_of(network: NetworkDouble) -> Readiness:
    call = view_call(REGISTRY, "readiness", 0, 0, MAX_VALIDATORS)
    reply = Reply(EthereumDouble(network).answer(call.method, call.params))
    return decode_readiness(reply, proposal_id=5, where=WHERE)


class TestInterface:
    """The layout that the decoders rely on is that of the committed ABI."""

    def test_structs(self) -> None:
        functions = registry_interface().functions
        assert functions["proposals"].output_fields[0] == tuple(proposal_row())
        assert functions["proposal"].output_fields[0] == tuple(proposal_row())
        assert functions["readiness"].output_fields[0] == (
            *("validator", "power", "operator", "readyAt", "readyTime", "armedAt"),
            *("failureCode", "failedAt", "confirmedAt", "exeHash", "appHash"),
            *("version", "protocol", "advertisedHash", "advertisedAt", "advertisedTime"),
        )

    def test_selectors_are_those_of_the_bytecode(self) -> None:
        # Two contracts behind one address.
        code = artefact("UpgradeRegistry").deployed_bytecode + artefact("RegistryExtension").deployed_bytecode
        for signature in registry_interface().functions.values():
            assert signature.selector.lstrip(b"\0") in code, signature.name

    def test_a_value_that_does_not_fit(self) -> None:
        interface = registry_interface()
        for args in ((2**64,), (-1,), ("1",), ()):
            with pytest.raises(InputError):
                interface.encode("freeze", args)
        with pytest.raises(InputError):
            interface.encode("signalReady", (1, b"short" * 10))


class TestProposals:
    def test_every_field(self) -> None:
        row = proposal_row(7, verdict=1, frozenAt=196, goPower=40, confirmedPower=30, breaking=False, releaseKind=1)
        (found,) = proposals_of(row)
        assert found == Proposal(
            id=7,
            name=UntrustedText("v0.2.0"),
            release_kind=ReleaseKind.MANIFEST,
            release_hash=RELEASE_HASH.hex(),
            release_url=UntrustedText("http://127.0.0.1:23456/v0.2.0/subnetd"),
            target_height=200,
            breaking=False,
            proposer=KEYS[0].address,
            proposed_at=90,
            scheduled_at=90,
            status=ProposalStatus.SCHEDULED,
            verdict=Verdict.CROSS,
            frozen_at=196,
            freeze_blocks=5,
            ready_power=20,
            armed_power=10,
            go_power=40,
            confirmed_power=30,
            total_power=40,
            approved_at=90,
            execution_window=20,
        )

    def test_every_field_of_a_vote(self) -> None:
        (found,) = proposals_of(
            proposal_row(
                scheduleKind=2,
                delay=30,
                readinessBps=7500,
                readinessDeadline=400,
                votingEndsAt=95,
                expedited=True,
                approvedAt=94,
                endedAt=96,
                yesPower=30,
                noPower=10,
                votingPower=40,
                executionWindow=60,
                graceBlocks=5,
                migrationKind=3,
                migrationHash=b"\x01" * 32,
                releaseRound=2,
                linkedCalls=1,
                linkedHash=b"\x02" * 32,
                contractsFirst=True,
                initAllowed=True,
                contractsAt=97,
                undoneAt=98,
                haltApprovals=2,
                replacePower=11,
                rollbackPower=12,
            )
        )
        assert found == replace(
            proposals_of(proposal_row())[0],
            schedule_kind=ScheduleKind.READINESS,
            delay=30,
            readiness_bps=7500,
            readiness_deadline=400,
            voting_ends_at=95,
            expedited=True,
            approved_at=94,
            ended_at=96,
            yes_power=30,
            no_power=10,
            voting_power=40,
            execution_window=60,
            grace_blocks=5,
            migration_kind=MigrationKind.WASM,
            migration_hash="01" * 32,
            release_round=2,
            linked_calls=1,
            linked_hash="02" * 32,
            contracts_first=True,
            init_allowed=True,
            contracts_at=97,
            undone_at=98,
            halt_approvals=2,
            replace_power=11,
            rollback_power=12,
        )

    def test_one_proposal(self) -> None:
        function = registry_interface().functions["proposal"]
        kinds = tuple(kind.replace("bytes,", "string,") for kind in function.outputs)
        data = encode(kinds, [tuple(proposal_row(3).values())])
        assert decode_proposal(Reply("0x" + data.hex()), where=WHERE).id == 3

    def test_none(self) -> None:
        assert proposals_of() == ()
        assert current_proposal(()) is None

    def test_the_current_one(self) -> None:
        newest, older = proposal_row(9, status=6), proposal_row(8)
        assert current_proposal(proposals_of(newest, older)) == proposals_of(older)[0]
        assert current_proposal(proposals_of(newest)) == proposals_of(newest)[0]

    @pytest.mark.parametrize("name", ["\x1b]0;x\x07", "v0.2.0\u202e", "x" * 5000, "\u2028", "[bold]"])
    def test_foreign_text(self, name: str) -> None:
        (found,) = proposals_of(proposal_row(name=name, releaseUrl=name))
        assert found.name.isprintable()
        assert found.release_url.isprintable()
        assert len(found.name) < 600

    def test_bytes_that_are_no_text(self) -> None:
        """A string that is not UTF-8 must not hide the others."""
        data = bytes.fromhex(EthereumDouble(NetworkDouble()).answer("eth_call", _params("proposals", 0, 16))[2:])
        broken = data.replace(b"v0.2.0", b"v\xff\xfe2.0")
        (found,) = decode_proposals(Reply("0x" + broken.hex()), limit=16, where=WHERE)
        assert "\ufffd" in found.name

    @pytest.mark.parametrize(
        "change",
        [
            {"status": 10},
            {"status": 255},
            {"verdict": 3},
            {"releaseKind": 3},
            {"releaseKind": 200},
            {"scheduleKind": 3},
            {"migrationKind": 4},
        ],
    )
    def test_numbers_this_version_does_not_know(self, change: dict[str, int]) -> None:
        with pytest.raises(BadAnswer, match="does not know"):
            proposals_of(proposal_row(**change))

    def test_out_of_order(self) -> None:
        for ids in ((1, 2), (2, 2)):
            with pytest.raises(BadAnswer, match="out of order"):
                proposals_of(*(proposal_row(number) for number in ids))

    def test_more_rows_than_asked(self) -> None:
        with pytest.raises(BadAnswer, match="more than 2 rows"):
            proposals_of(*(proposal_row(number) for number in (3, 2, 1)), limit=2)

    def test_extreme_numbers(self) -> None:
        (found,) = proposals_of(proposal_row(targetHeight=2**64 - 1, totalPower=2**256 - 1))
        assert found.target_height == 2**64 - 1
        assert found.total_power == 2**256 - 1


class TestReadiness:
    def test_rows(self) -> None:
        network = NetworkDouble(readiness={1: {"readyAt": 93, "readyTime": 1760000000, "exeHash": b"\xab" * 32}})
        found = readiness_of(network)
        assert found.proposal_id == 5
        assert [entry.address for entry in found.validators] == [key.address for key in KEYS[:4]]
        entry = found.of(KEYS[1].address)
        assert entry is not None
        assert (entry.ready, entry.armed, entry.ready_at, entry.ready_time) == (True, False, 93, 1760000000)
        assert (entry.exe_hash, entry.app_hash, entry.operator) == ("ab" * 32, "", KEYS[101].address)
        assert (entry.version, entry.protocol, entry.advertised_hash, entry.advertised_at) == ("", 0, "", 0)

    def test_what_validators_run(self) -> None:
        said = {"version": b"v0.1.5\x1b".ljust(32, b"\0"), "protocol": 7, "advertisedHash": b"\x05" * 32}
        entry = readiness_of(
            NetworkDouble(readiness={0: {**said, "advertisedAt": 90, "advertisedTime": 91}})
        ).validators[0]
        assert (entry.version, entry.protocol, entry.advertised_hash) == ("v0.1.5<U+001B>", 7, "05" * 32)
        assert (entry.advertised_at, entry.advertised_time) == (90, 91)

    def test_a_full_gateway(self) -> None:
        assert len(readiness_of(NetworkDouble(members=150)).validators) == 150

    def test_a_validator_twice(self) -> None:
        with pytest.raises(BadAnswer, match="twice"):
            readiness_of(NetworkDouble(readiness={1: {"validator": KEYS[0].address}}))


class TestHostile:
    def test_no_contract(self) -> None:
        with pytest.raises(NoRegistry, match="no contract at the registry's address"):
            decode_proposals(Reply("0x"), limit=16, where=WHERE)

    def test_a_revert(self) -> None:
        selector = next(s for s, e in registry_interface().errors.items() if e.name == "UnknownProposal")
        error = RpcError(33, UntrustedText("contract reverted"), selector.hex() + f"{4:064x}")
        with pytest.raises(ContractRefused, match="no proposal 4"):
            decode_proposal(Reply(error=error), where=WHERE)

    def test_many_pointers_to_one_string(self) -> None:
        """A few kilobytes that would decode into gigabytes: refused by the length before decoding."""
        head = (64).to_bytes(32, "big") + (0).to_bytes(32, "big")
        rows = 4000
        data = head + rows.to_bytes(32, "big") + (rows * 32).to_bytes(32, "big") * rows + b"\1" * 4096
        with pytest.raises(BadAnswer, match="more than 16 rows"):
            decode_proposals(Reply("0x" + data.hex()), limit=16, where=WHERE)

    def test_too_long(self) -> None:
        with pytest.raises(BadAnswer):
            decode_proposals(Reply("0x" + "00" * 300_000), limit=16, where=WHERE)

    @pytest.mark.parametrize(
        "result", [None, 1, "", "0x1", "xyz", "0x" + "ff" * 64, "0x" + "00" * 31, [], {}, "<html>"]
    )
    def test_junk(self, result: object) -> None:
        for read in (
            lambda: decode_proposals(Reply(result), limit=16, where=WHERE),
            lambda: decode_readiness(Reply(result), proposal_id=1, where=WHERE),
            lambda: decode_proposal(Reply(result), where=WHERE),
        ):
            with pytest.raises(BadAnswer) as caught:
                read()
            assert str(caught.value).isprintable()

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(st.data())
    def test_damaged_answers(self, data: st.DataObject) -> None:
        """One word of a good answer replaced: decoded or refused, never anything else."""
        function = data.draw(st.sampled_from(["proposals", "readiness"]))
        args = (0, 16) if function == "proposals" else (0, 0, MAX_VALIDATORS)
        raw = bytes.fromhex(EthereumDouble(NetworkDouble()).answer("eth_call", _params(function, *args))[2:])
        place = data.draw(st.integers(0, len(raw) // 32 - 1))
        word = data.draw(
            st.binary(min_size=32, max_size=32) | st.integers(0, 2000).map(lambda n: n.to_bytes(32, "big"))
        )
        damaged = "0x" + (raw[: place * 32] + word + raw[place * 32 + 32 :]).hex()
        cut = damaged[: data.draw(st.sampled_from([len(damaged), len(damaged) - 64, 130, 66, 2]))]
        try:
            if function == "proposals":
                decode_proposals(Reply(cut), limit=16, where=WHERE)
            else:
                decode_readiness(Reply(cut), proposal_id=1, where=WHERE)
        except ChainError as error:
            assert str(error).isprintable()  # noqa: PT017


def _params(function: str, *args: object) -> Any:
    return view_call(REGISTRY, function, *args).params
