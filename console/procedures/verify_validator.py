"""Verification of this validator after an upgrade, each line with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.chain.peers import CometPeers
from console.chain.signing_record import SigningRecords
from console.checks.errors_seen import recent_errors, recent_errors_of_unit
from console.checks.jailed import missed, unjail_command
from console.checks.probing import CONSENSUS, DISK, MEMORY, PEERS, SYNC
from console.checks.provider import model_status
from console.checks.release import running_alone, running_version
from console.checks.signing import signs
from console.checks.telling import together
from console.errors import ControllerDown
from console.model import Finding, reached
from console.model.procedure import skipped
from console.node.runtime.systemd import of_user
from console.operations.own_heights import heights_or_none
from console.procedures.here import node_of, probe, process_alone, verification
from console.procedures.step import Parameter, Procedure, Step, StepContext

_HASHES_S = 600.0
_UNIT = Parameter("unit", "a systemd unit whose journal is looked through as well, as val.service", "")


async def _version(context: StepContext) -> Finding:
    try:
        return await running_version(context.client())
    except ControllerDown as down:
        node, process = node_of(context), await process_alone(context, down)
        heights = await heights_or_none(node.cometbft_rpc)
        # After an upgrade of this run it is the program that the run verified.
        return await running_alone(
            node, process, "" if heights is None else str(heights.version), context.remembered("sha256")
        )


async def _sync(context: StepContext) -> Finding:
    return await probe(context, SYNC, "the node answers and is at the network's height")


async def _peers(context: StepContext) -> Finding:
    return await probe(context, PEERS, "the node has peers")


async def _consensus(context: StepContext) -> Finding:
    return await probe(context, CONSENSUS, "the node takes part in consensus")


async def _memory(context: StepContext) -> Finding:
    return await probe(context, (*MEMORY, *DISK), "memory and disk are well below their limits")


async def _signing(context: StepContext) -> Finding:
    node = node_of(context)
    peers = CometPeers(context.network, node)
    try:
        own = await peers.own()
    finally:
        await peers.close()
    address = own.own_consensus_address if own.own_power else ""
    snapshot = await context.snapshot()
    crossed = None if snapshot.chain is None else reached(snapshot.chain)
    after = 0 if crossed is None else crossed.target_height
    async with SigningRecords(context.network, (node.cometbft_rpc, *context.network.cometbft_rpc)) as records:
        signed = await signs(records, address, own.height, after=after)
    if snapshot.chain is None:
        counted = skipped("the chain is not read")
    else:
        # By its key: one that was jailed has no power, and is a validator all the same.
        unjail = unjail_command(context.network, node)
        counted = missed(snapshot.chain, own.own_consensus_address, context.now(), unjail)
    return together((signed, counted), signed.sentence)


async def _model(context: StepContext) -> Finding:
    if context.network.model is None:
        return skipped("no model is set for this network: `[networks.NAME.model]`")
    return await model_status(context.network.model)


async def _errors(context: StepContext) -> Finding:
    node = node_of(context)
    unit, user = context.arguments.get("unit", "") or node.unit, of_user(node.systemd_manager)
    by_unit = (await recent_errors_of_unit(unit, context.now(), user=user),) if unit else ()
    try:
        found = (await recent_errors(context.client(), context.now()), *by_unit)
    except ControllerDown:
        if not by_unit:
            return skipped(
                "no controller of ours keeps this node's log: name the unit that runs it, as --unit or in its settings"
            )
        found = by_unit
    return together(found, found[0].sentence)


def _validator(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return verification(
        "validator",
        (
            "validator.version",
            "Version",
            "Check what runs",
            "The hash of the executed bytes is that of the generation that is current: what a program says of itself"
            " proves nothing.",
            _version,
            _HASHES_S,
        ),
        (
            "validator.sync",
            "Sync Status",
            "Check that it is synced",
            "Its RPC answers, and its height is that of the highest peer.",
            _sync,
            60.0,
        ),
        (
            "validator.signing",
            "Validator Signing",
            "Check that it signs",
            "Our signature is under the newest commits; where the chain counts missed blocks, few of them are ours, and"
            " it is not jailed.",
            _signing,
            60.0,
        ),
        (
            "validator.peers",
            "Peer Count",
            "Check its peers",
            "It has peers, as its own RPC counts them.",
            _peers,
            60.0,
        ),
        (
            "validator.consensus",
            "Consensus",
            "Check that it takes part",
            "Its signature is in the commits it sees, the round is low, and its application hash is its peers'.",
            _consensus,
            60.0,
        ),
        (
            "validator.model",
            "VEID Scoring",
            "Check the model",
            "The operator's own command says which model is in force; without one there is nothing to ask.",
            _model,
            60.0,
        ),
        (
            "validator.memory",
            "Memory",
            "Check memory and disk",
            "Resident memory against the limit of its cgroup or the machine, and room where its data is.",
            _memory,
            60.0,
        ),
        (
            "validator.errors",
            "Recent Errors",
            "Look for errors",
            "Errors of the last ten minutes in the node's own log, and in the journal of `--unit` where one is named.",
            _errors,
            60.0,
        ),
    )


VERIFY_VALIDATOR = Procedure(
    "verify-validator",
    "Verify this validator",
    "After an upgrade: eight questions to the node of this machine, each answered with its evidence. It changes"
    " nothing.",
    _validator,
    (_UNIT,),
)
