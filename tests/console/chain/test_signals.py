"""What a controller says of a release without a height, and calls in turn: the committed bytecode in an EVM process."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.chain.plans import RegistryPlans
from console.errors import ContractRefused, InputError
from console.model import FailureCode, Proposal, ProposalStatus, ReleaseKind, ScheduleKind, ValidatorReadiness
from tests.console.chain.test_transactions import HASH, Subnet, proposed, subnet_in
from tests.console.devnet.evm.world import ADMIN, VALIDATORS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("signer_here")]

DELAY = 30


async def propose(subnet: Subnet, **changes: object) -> None:
    """A release that gets its height when 3/4 of the power is ready."""
    fields: dict[str, object] = {
        "targetHeight": 0,
        "scheduleKind": int(ScheduleKind.READINESS),
        "delay": DELAY,
        "readinessBps": 7500,
        "readinessDeadline": 100,
    }
    writer = subnet.writer()
    await writer.send(subnet.key(ADMIN), "propose", proposed(**(fields | changes)))
    await writer.close()


async def seen(subnet: Subnet) -> tuple[Proposal, ValidatorReadiness]:
    """The newest proposal, and the first validator's row, as its controller reads them."""
    plans = RegistryPlans(subnet.network, subnet.network.nodes[0])
    reading = await plans.read(own_node_only=True)
    await plans.close()
    assert reading.readiness is not None
    row = reading.readiness.of(VALIDATORS[0].address)
    assert row is not None
    return reading.proposals[0], row


async def test_readiness_gives_an_approved_release_its_height(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        await propose(subnet)
        proposal, _ = await seen(subnet)
        assert (proposal.status, proposal.has_height) == (ProposalStatus.APPROVED, False)
        signals = [subnet.signals(index) for index in range(4)]
        await signals[0].ready(1, HASH.hex())
        await signals[1].ready(1, HASH.hex())
        with pytest.raises(ContractRefused) as refused:
            await signals[3].schedule(1)
        assert refused.value.name == "NotEnoughReady"
        with pytest.raises(ContractRefused) as refused:
            await signals[0].armed(1, 50)
        assert refused.value.name == "WrongStatus"
        await signals[2].ready(1, HASH.hex())
        # By whoever comes first; the others are refused before they sign anything.
        await signals[3].schedule(1)
        sent = len(subnet.evm.sent)
        with pytest.raises(ContractRefused):
            await signals[2].schedule(1)
        assert len(subnet.evm.sent) == sent
        proposal, _ = await seen(subnet)
        assert proposal.status is ProposalStatus.SCHEDULED
        assert proposal.target_height == proposal.scheduled_at + DELAY
        for each in signals:
            await each.close()


async def test_ready_is_taken_back_before_a_failure_is_said(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        await propose(subnet)
        signals = subnet.signals(0)
        await signals.ready(1, HASH.hex())
        with pytest.raises(ContractRefused) as refused:
            await signals.failure(1, FailureCode.HASH_MISMATCH)
        assert refused.value.name == "AlreadyReady"
        await signals.withdraw(1)
        # Said twice is said.
        await signals.withdraw(1)
        await signals.failure(1, FailureCode.HASH_MISMATCH)
        _, row = await seen(subnet)
        assert (row.ready, row.failure_code) == (False, FailureCode.HASH_MISMATCH)
        await signals.ready(1, HASH.hex())
        _, row = await seen(subnet)
        assert (row.ready, row.failure_code) == (True, 0)
        await signals.close()


async def test_what_a_validator_runs_is_told_and_read(tmp_path: Path) -> None:
    async with subnet_in(tmp_path) as subnet:
        signals = subnet.signals(0)
        await signals.advertise("v0.2.0", 3, HASH.hex())
        plans = RegistryPlans(subnet.network, subnet.network.nodes[0])
        reading = await plans.read(own_node_only=True)
        await plans.close()
        assert reading.proposals == ()
        assert reading.readiness is not None
        row = reading.readiness.of(VALIDATORS[0].address)
        assert row is not None
        assert (row.version, row.protocol, row.advertised_hash) == ("v0.2.0", 3, HASH.hex())
        for version in ("", "v" * 33, "vé"):
            with pytest.raises(InputError, match="ASCII"):
                await signals.advertise(version, 1, HASH.hex())
        await signals.close()


@pytest.mark.parametrize("what", ["execute", "undo"])
async def test_a_proposal_without_linked_calls_has_none_to_make(tmp_path: Path, what: str) -> None:
    async with subnet_in(tmp_path) as subnet:
        await propose(subnet)
        signals = subnet.signals(0)
        with pytest.raises(ContractRefused) as refused:
            await getattr(signals, what)(1)
        assert refused.value.name == {"execute": "NoLinkedCalls", "undo": "ContractsNotDone"}[what]
        proposal, _ = await seen(subnet)
        assert proposal.release_kind is ReleaseKind.RAW
        await signals.close()
