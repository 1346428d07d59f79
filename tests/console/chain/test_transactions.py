"""Reading and writing the real contract in the real EVM process, and everything that can come between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from console.chain import delivery as delivery_module
from console.chain.agreement import EndpointsDisagree
from console.chain.ipc import IpcChain
from console.chain.plans import RegistryPlans
from console.chain.proving import RegistryProof
from console.chain.receipts import created_proposal, parse_receipt
from console.chain.registry import NoRegistry, proposal_input, view_call
from console.chain.rpc import Reply
from console.chain.sent import SentBook
from console.chain.signals import RegistrySignals
from console.chain.transaction import describe_call
from console.chain.writer import RegistryWriter
from console.errors import (
    BadAnswer,
    ChainError,
    ContractRefused,
    EndpointDown,
    InputError,
    SettingsError,
    SignerError,
)
from console.model import FailureCode, ProofState, ProposalStatus, Verdict, proof_of
from console.ports.keys import KeyReference
from console.settings import NetworkSettings
from tests.console.chain.evm_facade import EvmFacade, facade, key_file, network_of, node_of
from tests.console.chain.network_double import CometDouble, NetworkDouble
from tests.console.chain.servers import Answer, JsonRpcServer, Refusal, json_rpc
from tests.console.devnet.evm.world import ADMIN, OPERATORS, POOR, VALIDATORS, call_data, sign

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]

HASH = bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
URL = "http://127.0.0.1:23456/v0.2.0/subnetd"
TARGET = 40


def proposed(**changes: object) -> tuple[object, ...]:
    """The arguments of `propose` for a release at TARGET."""
    fields = {"name": "v0.2.0", "releaseHash": HASH, "releaseUrl": URL, "targetHeight": TARGET, "breaking": True}
    return (proposal_input(**(fields | changes)), (), ())


class Mining(Protocol):
    """A chain that makes blocks when it is told to."""

    @property
    def height(self) -> int: ...

    def mine_to(self, height: int) -> None: ...


class Serving(Protocol):
    """Where it answers."""

    @property
    def url(self) -> str: ...


@dataclass
class OnChain:
    """A chain with the contract behind one Ethereum port, and settings that name it."""

    evm: Mining
    server: Serving
    folder: Path
    network: NetworkSettings
    ahead: int = 0
    """Blocks by which the client's height is above the chain's: on a subnet `eth_blockNumber` lags by one."""

    @property
    def book(self) -> SentBook:
        return SentBook(self.folder / "sent")

    def key(self, account: Any) -> KeyReference:
        return key_file(self.folder, account)

    async def propose(self, height: int = TARGET) -> int:
        args = proposed(targetHeight=height)
        writer = self.writer()
        receipt = await writer.send(self.key(ADMIN), "propose", args)
        await writer.close()
        return created_proposal(receipt, self.network.registry)

    def signals(self, index: int, **keywords: Any) -> RegistrySignals:
        return RegistrySignals(self.network, node_of(self.folder, self.server.url, index), **keywords)

    def writer(self, **keywords: Any) -> RegistryWriter:
        return RegistryWriter(self.network, [self.server.url], self.book, **keywords)


@dataclass
class Subnet(OnChain):
    """The devnet's EVM, whose every step the test has in its hands."""

    evm: EvmFacade
    server: JsonRpcServer


@asynccontextmanager
async def subnet_in(folder: Path) -> AsyncIterator[Subnet]:
    async with facade(folder) as evm, json_rpc(evm.answer) as server:
        evm.mine()
        yield Subnet(evm, server, folder, network_of(folder, server.url, evm.registry))


async def test_an_upgrade_is_agreed_and_frozen(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        await agreed_and_frozen(subnet)


async def agreed_and_frozen(subnet: OnChain) -> None:
    """Propose, become ready, arm, fail, freeze and confirm, each seen by the readers."""
    chain = IpcChain(subnet.network)
    plans = RegistryPlans(subnet.network, subnet.network.nodes[0])
    await chain.check()
    view = await chain.view()
    assert (view.proposals, view.readiness, view.height) == ((), None, subnet.evm.height + subnet.ahead)

    assert await subnet.propose() == 1
    (proposal,) = (await chain.view()).proposals
    assert (proposal.name, proposal.target_height, proposal.status) == ("v0.2.0", TARGET, ProposalStatus.SCHEDULED)
    assert (proposal.release_hash, proposal.release_url, proposal.proposer) == (HASH.hex(), URL, ADMIN.address)
    assert proposal.proposed_at == subnet.evm.height

    all_signals = [subnet.signals(index) for index in range(4)]
    for signals in all_signals[:3]:
        await signals.prepare()
        await signals.ready(1, HASH.hex())
        # Said twice is said.
        await signals.ready(1, HASH.hex())
        await signals.armed(1, TARGET)
        await signals.armed(1, TARGET)
    await all_signals[3].failure(1, FailureCode.HASH_MISMATCH)
    await all_signals[3].failure(1, FailureCode.HASH_MISMATCH)
    reading = await plans.read(own_node_only=True)
    assert reading.height == subnet.evm.height + subnet.ahead
    assert reading.readiness is not None
    assert [(entry.ready, entry.armed, entry.failure_code) for entry in reading.readiness.validators] == [
        (True, True, 0),
        (True, True, 0),
        (True, True, 0),
        (False, False, FailureCode.HASH_MISMATCH),
    ]
    assert [entry.operator for entry in reading.readiness.validators] == [each.address for each in OPERATORS]
    assert reading.proposals[0].go

    with pytest.raises(ContractRefused, match="too early for proposal 1: possible from block 35 on") as early:
        await all_signals[0].freeze(1)
    assert early.value.name == "TooEarly"
    subnet.evm.mine_to(TARGET - 5)
    with pytest.raises(ContractRefused, match="too late for proposal 1: possible up to block 34"):
        await all_signals[3].ready(1, HASH.hex())
    assert await all_signals[0].freeze(1) is Verdict.CROSS
    # Somebody else had it stored: it is read at once, as at short block times nobody may look again before H.
    assert await all_signals[1].freeze(1) is Verdict.CROSS
    reading = await plans.read(own_node_only=True)
    assert reading.proposals[0].verdict is Verdict.CROSS

    subnet.evm.mine_to(TARGET + 1)
    for signals in all_signals[:3]:
        await signals.confirm(1, "ab" * 32, "CD" * 32)
        await signals.confirm(1, "ab" * 32, "CD" * 32)
    # A hash that is no 32 bytes, as a CID, goes in as its sha256.
    await all_signals[3].confirm(1, "ab" * 32, "0171a0e40220" + "EE" * 32)
    reading = await plans.read(own_node_only=False)
    assert reading.proposals[0].status is ProposalStatus.EXECUTED
    assert reading.readiness is not None
    assert reading.readiness.validators[0].app_hash == "cd" * 32
    assert reading.readiness.validators[0].exe_hash == "ab" * 32
    await _proves(subnet, "ab" * 32)
    for signals in all_signals:
        await signals.close()
    await plans.close()
    await chain.close()


async def _proves(subnet: OnChain, binary: str) -> None:
    """To another network what was executed here is the release that has this binary, and no other."""
    comet = CometDouble(NetworkDouble(chain_id=subnet.network.chain_id, height=TARGET + 3), 0)
    async with json_rpc(comet.answer) as server:
        proving = RegistryProof(replace(subnet.network, cometbft_rpc=(server.url,)))
        found, other = await proving.read("11" * 32, {binary}), await proving.read("11" * 32, {"ac" * 32})
        await proving.close()
    proof = proof_of("here", 3, "11" * 32, {binary}, found)
    assert (proof.state, proof.elapsed_s) == (ProofState.PROVEN, 3)
    assert proof_of("here", 3, "11" * 32, {"ac" * 32}, other).state is ProofState.NOT_EXECUTED


async def test_refusals_come_before_anything_is_signed(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        height = subnet.evm.height
        writer = subnet.writer()
        args = proposed(targetHeight=height + 10)
        with pytest.raises(ContractRefused) as lead:
            await writer.build(ADMIN.address, "propose", args)
        assert lead.value.what == f"height {height + 10} is too close: at least 20 blocks ahead are needed, given 10"
        for change, name in (
            ({"name": "V0.2.0\x1b[2J"}, "InvalidName"),
            ({"releaseHash": bytes(32)}, "ZeroReleaseHash"),
            ({"releaseUrl": ""}, "InvalidUrlLength"),
            ({"releaseUrl": "http://a/\x1b"}, "InvalidUrlCharacter"),
            ({"releaseKind": 9}, "InvalidReleaseKind"),
        ):
            with pytest.raises(ContractRefused) as refused:
                await writer.send(subnet.key(ADMIN), "propose", proposed(**change))
            assert refused.value.name == name
            assert str(refused.value).isprintable()
        with pytest.raises(ContractRefused, match="may not propose"):
            await writer.send(subnet.key(POOR), "propose", proposed())
        with pytest.raises(ContractRefused, match="there is no proposal 7"):
            await subnet.signals(0).ready(7, HASH.hex())
        await subnet.propose()
        with pytest.raises(ContractRefused, match="is not the proposal's, which is"):
            await subnet.signals(0).ready(1, "ab" * 32)
        with pytest.raises(ContractRefused, match="height 41 is not the proposal's, which is 40"):
            await subnet.signals(0).armed(1, 41)
        with pytest.raises(InputError):
            await subnet.signals(0).ready(1, "0x" + HASH.hex())
        with pytest.raises(InputError):
            await writer.build(ADMIN.address, "signalReady", (2**64, HASH))
        assert len(subnet.evm.sent) == 1
        await writer.close()


async def test_what_the_operator_sees_before_signing(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        writer = subnet.writer()
        transaction = await writer.build(ADMIN.address, "propose", proposed())
        assert await writer.address(subnet.key(ADMIN)) == ADMIN.address
        await writer.close()
    lines = transaction.shown.split("\n")
    assert lines[0] == (
        f"propose(input=(name='v0.2.0', releaseKind=0, releaseHash=0x{HASH.hex()}, releaseUrl='{URL}',"
        " breaking=true, scheduleKind=0, targetHeight=40, delay=0, readinessBps=0, readinessDeadline=0,"
        " votingBlocks=0, expedited=false, executionWindow=0, graceBlocks=0, migrationKind=0,"
        f" migrationHash=0x{'00' * 32}, contractsFirst=false, initAllowed=false), calls=[], undo=[])"
    )
    assert lines[1] == f"to the UpgradeRegistry {subnet.network.registry} on chain 31337"
    assert lines[2].startswith(f"from {ADMIN.address}, nonce ")
    # Fendermint's rule: priority fee plus twice the base fee.
    assert (transaction.cost.priority_wei, transaction.cost.fee_wei) == (100_000, 100_200)
    assert transaction.fields["type"] == 2


async def test_refused_in_the_block(tmp_path: Path) -> None:
    """The freeze begins between the estimate and the block: the receipt's revert tells the same sentence."""
    async with subnet_in(tmp_path) as subnet:
        await subnet.propose()
        signals = subnet.signals(0)
        subnet.evm.before_send = lambda: subnet.evm.mine_to(TARGET - 5)
        with pytest.raises(ContractRefused, match="too late for proposal 1: possible up to block 34") as late:
            await signals.ready(1, HASH.hex())
        assert late.value.name == "TooLate"
        await signals.close()


async def test_a_freeze_that_another_one_overtakes_in_the_block(tmp_path: Path) -> None:
    """Ours is sent, and reverted because the block holds another freeze before it: the verdict stands all the same."""
    async with subnet_in(tmp_path) as subnet:
        registry = subnet.network.registry
        await subnet.propose()
        subnet.evm.mine_to(TARGET - 5)

        def overtake() -> None:
            nonce = int(subnet.evm.answer("eth_getTransactionCount", [ADMIN.address, "latest"]), 16)
            subnet.evm.mine(sign(ADMIN, nonce, to=registry, data=call_data("freeze(uint64)", 1)))

        subnet.evm.before_send = overtake
        signals = subnet.signals(0)
        assert await signals.freeze(1) is Verdict.ABORT
        # The proposal, and our freeze.
        assert len(subnet.evm.sent) == 2
        await signals.close()


async def test_the_verdict_that_one_endpoint_does_not_have_yet(tmp_path: Path) -> None:
    """An endpoint that lags, fails or belongs elsewhere is passed over; when no one tells, that is an error."""
    async with subnet_in(tmp_path) as subnet:
        await subnet.propose()
        subnet.evm.mine_to(TARGET - 5)
        look = view_call(subnet.network.registry, "proposal", 1)
        late = subnet.evm.answer(look.method, look.params)
        signals = subnet.signals(0)
        assert await signals.freeze(1) is Verdict.ABORT
        await signals.close()

        def elsewhere(method: str, params: Any) -> Any:
            return "0x1" if method == "eth_chainId" else subnet.evm.answer(method, params)

        def behind(method: str, params: Any) -> Any:
            return late if method == "eth_call" else subnet.evm.answer(method, params)

        async with json_rpc(behind) as lagging, json_rpc(elsewhere) as foreign:
            urls = [lagging.url, foreign.url, subnet.server.url]
            writer = RegistryWriter(subnet.network, urls, SentBook(tmp_path / "sent"))
            assert await writer.verdict(1) is Verdict.ABORT
            await writer.close()
            writer = RegistryWriter(subnet.network, urls[:1], SentBook(tmp_path / "sent"))
            assert await writer.verdict(1) is Verdict.NONE
            await writer.close()
            writer = RegistryWriter(subnet.network, urls[1:2], SentBook(tmp_path / "sent"))
            with pytest.raises(BadAnswer, match="belongs to chain 1, not to chain 31337"):
                await writer.verdict(1)
            await writer.close()


async def test_a_nonce_that_another_transaction_took(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        registry = subnet.network.registry

        def overtake() -> None:
            nonce = int(subnet.evm.answer("eth_getTransactionCount", [ADMIN.address, "latest"]), 16)
            subnet.evm.mine(sign(ADMIN, nonce, to=registry, data=call_data("freeze(uint64)", 9)))

        subnet.evm.before_send = overtake
        assert await subnet.propose() == 1
        assert len(subnet.evm.sent) == 2


async def test_a_transaction_that_a_node_forgets_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "SEND_AGAIN_S", 0.2)
    async with subnet_in(tmp_path) as subnet:
        subnet.evm.forgets = 1
        assert await subnet.propose() == 1
        assert len(subnet.evm.sent) == 2
        assert subnet.evm.sent[0] == subnet.evm.sent[1]


async def test_one_that_is_never_mined(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        await subnet.propose()
        subnet.evm.mining = False
        signals = subnet.signals(0, deadline_s=0.3)
        with pytest.raises(
            ChainError, match=r"was sent and not seen in a block within 0\.3 s; it may still be executed"
        ):
            await signals.ready(1, HASH.hex())
        # Still there when it is tried again, and then it is said.
        subnet.evm.mining = True
        subnet.evm.mine(subnet.evm.sent[-1])
        await signals.ready(1, HASH.hex())
        await signals.close()


async def test_two_at_once_from_one_key(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        await subnet.propose()
        signals = subnet.signals(0)
        await asyncio.gather(signals.ready(1, HASH.hex()), signals.armed(1, TARGET))
        await signals.close()
        assert len(subnet.evm.sent) == 3


async def test_endpoints_that_are_down(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet, json_rpc(lambda method, params: None) as dead:
        await dead.stop()
        network = replace(subnet.network, ethereum_rpc=(dead.url, subnet.server.url))
        writer = RegistryWriter(network, network.ethereum_rpc, SentBook(tmp_path / "sent"))
        receipt = await writer.send(subnet.key(ADMIN), "propose", proposed())
        assert created_proposal(receipt, network.registry) == 1
        await writer.close()
        writer = RegistryWriter(network, [dead.url], SentBook(tmp_path / "sent"))
        with pytest.raises(EndpointDown):
            await writer.send(subnet.key(ADMIN), "freeze", (1,))
        await writer.close()


async def test_an_address_without_a_contract(tmp_path: Path) -> None:
    """A call to it would succeed and change nothing, so it must not be sent."""
    async with subnet_in(tmp_path) as subnet:
        network = replace(subnet.network, registry=VALIDATORS[0].address)
        writer = RegistryWriter(network, [subnet.server.url], SentBook(tmp_path / "sent"))
        with pytest.raises(NoRegistry, match=f"no contract at the registry address {VALIDATORS[0].address}"):
            await writer.send(subnet.key(ADMIN), "freeze", (1,))
        await writer.close()
        assert subnet.evm.sent == []


async def test_keys_that_are_refused(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        key = subnet.key(ADMIN)
        key.path.chmod(0o644)
        writer = subnet.writer()
        with pytest.raises(SignerError, match="mode 0644"):
            await writer.send(key, "freeze", (1,))
        node = replace(node_of(tmp_path, subnet.server.url, 0), operator_key=None)
        with pytest.raises(SettingsError, match="node1 has no operator key"):
            await RegistrySignals(subnet.network, node).freeze(1)
        await writer.close()


async def test_what_a_person_says_is_said_only_where_the_endpoints_agree(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet, json_rpc(lambda method, _: "0x7a69f") as foreign:
        await subnet.propose()
        urls = (subnet.server.url, foreign.url)
        network = replace(subnet.network, ethereum_rpc=urls)
        node = replace(node_of(tmp_path, subnet.server.url, 0), cometbft_rpc="http://127.0.0.1:1")
        network = replace(network, nodes=(node,))
        by_hand, controller = RegistrySignals(network, node, by_hand=True), RegistrySignals(network, node)
        with pytest.raises(EndpointsDisagree, match=r"belongs to chain 501407.*nothing was signed"):
            await by_hand.ready(1, HASH.hex())
        sent = len(subnet.evm.sent)
        # A controller holds its readings against each other, and waits for nobody when it signs.
        await controller.ready(1, HASH.hex())
        assert len(subnet.evm.sent) == sent + 1
        await by_hand.close()
        await controller.close()


def spoiled(answer: Answer, method: str, junk: Any) -> Answer:
    def spoil(asked: str, params: Any) -> Any:
        if asked != method:
            return answer(asked, params)
        if isinstance(junk, Exception):
            raise junk
        return junk

    return spoil


@pytest.mark.parametrize(
    ("method", "junk", "says"),
    [
        ("eth_chainId", "0x1", "belongs to chain 1"),
        ("eth_gasPrice", hex(10**18), "asks a fee of up to"),
        ("eth_maxPriorityFeePerGas", hex(10**18), "asks a fee of up to"),
        ("eth_estimateGas", "0x" + "f" * 64, "eth_estimateGas"),
        ("eth_estimateGas", None, "eth_estimateGas"),
        ("eth_estimateGas", Refusal(-32000, "insufficient funds"), "insufficient funds"),
        ("eth_getTransactionCount", "-1", "nonce"),
        ("eth_getCode", 5, "code"),
        ("eth_sendRawTransaction", Refusal(-32000, "below base fee"), "below base fee"),
    ],
)
async def test_hostile_endpoints(tmp_path: Path, method: str, junk: Any, says: str) -> None:
    """What an endpoint says before sending is checked; nothing is mined."""
    answers: dict[str, Any] = {
        "eth_chainId": "0x7a69",
        "eth_getCode": "0x60",
        "eth_estimateGas": "0x5208",
        "eth_getTransactionCount": "0x0",
        "eth_gasPrice": "0x64",
        "eth_maxPriorityFeePerGas": "0x1",
    }
    async with json_rpc(spoiled(lambda asked, params: answers[asked], method, junk)) as server:
        network = network_of(tmp_path, server.url, VALIDATORS[0].address)
        writer = RegistryWriter(network, [server.url], SentBook(tmp_path / "sent"))
        with pytest.raises(BadAnswer, match=says):
            await writer.send(key_file(tmp_path, ADMIN), "freeze", (1,))
        await writer.close()


async def test_chains_before_eip_1559(tmp_path: Path) -> None:
    def answer(method: str, params: Any) -> Any:
        known = {
            "eth_chainId": "0x7a69",
            "eth_getCode": "0x60",
            "eth_estimateGas": "0x5208",
            "eth_getTransactionCount": "0x0",
            "eth_gasPrice": "0x64",
        }
        if method not in known:
            raise Refusal(-32601, "Method not found")
        return known[method]

    async with json_rpc(answer) as server:
        writer = RegistryWriter(
            network_of(tmp_path, server.url, VALIDATORS[0].address), [server.url], SentBook(tmp_path / "sent")
        )
        transaction = await writer.build(ADMIN.address, "freeze", (1,))
        await writer.close()
    assert transaction.cost.priority_wei is None
    assert transaction.fields["gasPrice"] == 126
    assert "type" not in transaction.fields


async def test_an_endpoint_that_takes_a_transaction_and_hangs_up(tmp_path: Path) -> None:
    """Sent, mined, and the answer lost: the second sending says `nonce too low`, which is our own transaction."""
    async with subnet_in(tmp_path) as subnet:
        honest = subnet.evm.answer
        lost: list[str] = []

        def lose(method: str, params: Any) -> Any:
            result = honest(method, params)
            if method == "eth_sendRawTransaction":
                lost.append(result)
                raise Refusal(-32000, "nonce too low")
            return result

        subnet.server.answer = lose
        assert await subnet.propose() == 1
        assert len(lost) == 1


async def test_receipts_of_another_transaction_are_refused() -> None:
    good = {"transactionHash": "0xab", "blockNumber": "0x1", "gasUsed": "0x1", "status": "0x1", "logs": []}
    found = parse_receipt(Reply(good), "0xab")
    assert found is not None
    assert found[1]
    assert parse_receipt(Reply(None), "0xab") is None
    for change in ({"transactionHash": "0xac"}, {"status": "0x2"}, {"blockNumber": None}, {"logs": 5}, {"logs": [1]}):
        with pytest.raises(BadAnswer):
            parse_receipt(Reply({**good, **change}), "0xab")
    with pytest.raises(BadAnswer, match="does not say which proposal"):
        created_proposal(found[0], VALIDATORS[0].address)


def test_calls_as_text_are_safe() -> None:
    text = describe_call("propose", proposed(name="v\x1b[2J", releaseUrl="http://\u202e", breaking=False))
    assert text.isprintable()
    assert "<U+001B>" in text
    assert "breaking=false, scheduleKind=0" in text
    assert text.endswith("calls=[], undo=[])")
    call = (VALIDATORS[0].address, b"\x1f\x93")
    shown = describe_call("propose", (proposed()[0], (call,), (call, call)))
    spoken = f"(target={VALIDATORS[0].address}, data=0x1f93)"
    assert shown.endswith(f"calls=[{spoken}], undo=[{spoken}, {spoken}])")
