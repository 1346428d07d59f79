"""Verification of a whole network after an upgrade, and the 95 % rule, each line with its evidence."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from console.chain.governance import GovernanceReader
from console.chain.network_look import NetworkLook
from console.checks.jailed import jailed
from console.checks.network_wide import (
    active_set,
    block_production,
    ethereum_moves,
    fleet_versions,
    over,
    parent_finality_moves,
    same_app_hash,
    versions,
)
from console.checks.success import judged as success_finding
from console.checks.telling import together
from console.errors import ChainError, InputError, NodeError
from console.model import (
    ChainView,
    Crossing,
    Finding,
    Proposal,
    RegistryRules,
    Snapshot,
    SuccessMeasure,
    reached,
    seconds_past,
    upgrade_success,
)
from console.model.procedure import failed, skipped, warned
from console.operations.fleet import FleetReader
from console.operations.node_abort import abort_case
from console.operations.proposal_draft import option_of
from console.operations.revert_proposal import generation_before, release_before, revert_draft
from console.procedures.here import verification
from console.procedures.prepared import keep
from console.procedures.step import Parameter, Procedure, Step, StepContext


@asynccontextmanager
async def _look(context: StepContext) -> AsyncIterator[NetworkLook]:
    own = () if context.node is None else (context.node.cometbft_rpc,)
    async with NetworkLook(context.network, (*own, *context.network.cometbft_rpc)) as look:
        yield look


def _upgrade(context: StepContext, snapshot: Snapshot) -> tuple[ChainView, Proposal | None, int]:
    """The chain, the upgrade that is verified, and its H (0 for none).

    Raises:
        InputError: The chain is not read.
    """
    chain = snapshot.chain
    if chain is None:
        raise InputError(
            f"the chain does not answer: {snapshot.chain_problem}",
            safe="nothing was changed",
            next_step="mend the endpoints, then go on",
        )
    typed = context.arguments.get("height", "")
    if typed:
        height = int(typed)
        return chain, next((each for each in chain.proposals if each.target_height == height), None), height
    proposal = reached(chain)
    return chain, proposal, 0 if proposal is None else proposal.target_height


async def _versions(context: StepContext) -> Finding:
    chain, proposal, _ = _upgrade(context, await context.snapshot())
    told = versions(chain, proposal)
    if not context.network.nodes:
        return told
    return together((told, fleet_versions(await FleetReader(context.network).read())), told.sentence)


async def _production(context: StepContext) -> Finding:
    chain = (await context.snapshot()).chain
    async with _look(context) as look:
        # A dry run looks as well, so it waits here and not by the context.
        return await block_production(look, over_s=over(None if chain is None else chain.block_time_s))


async def _active(context: StepContext) -> Finding:
    chain, _, height = _upgrade(context, await context.snapshot())
    if height < 2:
        return skipped(f"{len(chain.validators)} validators are active; no upgrade is known to compare with")
    async with _look(context) as look:
        return await active_set(look, chain, height)


async def _jailed(context: StepContext) -> Finding:
    chain, _, _ = _upgrade(context, await context.snapshot())
    return jailed(chain)


async def _app_hash(context: StepContext) -> Finding:
    _, _, height = _upgrade(context, await context.snapshot())
    if not height:
        return skipped("no upgrade is known after which the application hash could be compared; give --height H")
    async with _look(context) as look:
        return await same_app_hash(look, height)


async def _ethereum(context: StepContext) -> Finding:
    chain = (await context.snapshot()).chain
    async with _look(context) as look:
        return await ethereum_moves(look, over_s=over(None if chain is None else chain.block_time_s))


async def _parent(context: StepContext) -> Finding:
    if context.network.kind != "ipc":
        return skipped("this network has no parent chain")
    return await parent_finality_moves(context.node, context.sleep)


async def _success(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    if snapshot.chain is None:
        return await _silent(context, snapshot)
    chain, proposal, height = _upgrade(context, snapshot)
    if proposal is None:
        return success_finding(None)
    signers = await _signers(context, chain, height)
    success = upgrade_success(chain, proposal, seconds_past(chain, height, snapshot.taken_at), signers)
    if success is not None and success.measure is SuccessMeasure.PREPARE_REVERT:
        return success_finding(success, await _revert_prepared(context, snapshot, chain, proposal))
    if success is not None and success.measure is SuccessMeasure.PREPARE_ABORT:
        return success_finding(success, await _abort_prepared(context))
    return success_finding(success)


async def _silent(context: StepContext, snapshot: Snapshot) -> Finding:
    """Nobody answers: at the halt that is as it should be, for some minutes."""
    attempt = None if snapshot.node is None else snapshot.node.attempt
    if attempt is None or attempt.crossing is Crossing.NONE or attempt.crossing in {Crossing.COMMITTED, *_BACK}:
        return failed(f"nobody can be counted: {snapshot.chain_problem}", go_on="mend the endpoints, then look again")
    return warned(
        f"no node of the network answers, and this one is {attempt.crossing.value} before H {attempt.target_height:,}:"
        " nobody can be counted",
        snapshot.chain_problem,
        *await _abort_prepared(context),
        go_on="call the other operators: if the network does not come back, it can still go back together",
    )


_BACK = frozenset({Crossing.RESUMED_OLD, Crossing.MISSED_HALT})


async def _abort_prepared(context: StepContext) -> tuple[str, ...]:
    """What an abort of the network needs, by this node's journal; the network need not answer for it."""
    if context.node is None:
        return ("no node of this machine could take part in an abort",)
    try:
        case = await asyncio.to_thread(abort_case, context.network, context.node)
    except NodeError as error:
        return (f"an abort cannot be prepared here: {error.what}", *([error.next_step] if error.next_step else []))
    return (*case.lines, "in the console B goes through it: it signs, counts the lines, and takes this node back")


async def _signers(context: StepContext, chain: ChainView, height: int) -> frozenset[str] | None:
    try:
        async with _look(context) as look:
            return await look.signers(chain.height, height)
    except ChainError:
        # Confirmations and nodes still prove what they prove.
        return None


async def _revert_prepared(
    context: StepContext, snapshot: Snapshot, chain: ChainView, proposal: Proposal
) -> tuple[str, ...]:
    """The revert draft, kept in the run's folder."""
    generations = [] if context.node is None else await context.client().generations()
    current = "" if snapshot.node is None else snapshot.node.generation
    older = generation_before(generations, current)
    draft = revert_draft(snapshot, proposal, release_before(chain, proposal, older), await _rules(context))
    try:
        path = await asyncio.to_thread(keep, context, draft)
    except InputError as error:
        return (f"a revert upgrade could not be prepared: {error.what}",)
    verb = f"upgrade-console propose --network {shlex.quote(context.network.name)} --draft {shlex.quote(str(path))}"
    return (
        f"a revert upgrade is prepared, and not sent: {path}",
        "in the console P opens the propose form with it; nothing is sent before it is complete and reviewed",
        f"on the command line: {verb}",
        *(f"still missing: {words} ({option_of(draft, name)})" for name, words in draft.missing.items()),
    )


async def _rules(context: StepContext) -> RegistryRules | None:
    """What the registry wants of a height; None where there is none, or it does not tell."""
    network = context.network
    if network.kind != "ipc":
        return None
    try:
        async with GovernanceReader(network, network.ethereum_rpc) as reader:
            return await reader.rules()
    except ChainError:
        # The form and the registry check the height again.
        return None


def _height(typed: str) -> str:
    text = typed.strip().replace(",", "")
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) < 1 << 63):
        raise ValueError("a height: a whole number of blocks")
    return text


def _network(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return verification(
        "network",
        (
            "network.versions",
            "Validator Versions",
            "Check what everybody runs",
            "What each validator confirmed on chain; where there is no registry, what the nodes that answer"
            " say of their application. Of our own nodes, what their controllers execute, by hash. CometBFT's own"
            " version is not the release's.",
            _versions,
            60.0,
        ),
        (
            "network.production",
            "Block Production",
            "Count blocks",
            "Blocks that each endpoint gained over ten seconds, on a slow chain over three blocks' time.",
            _production,
            150.0,
        ),
        (
            "network.active",
            "Active Validators",
            "Check the active set",
            "The validators of before H are still the active set, by power.",
            _active,
            60.0,
        ),
        (
            "network.jailed",
            "Jailed Validators",
            "Look for jailed validators",
            "Who was down for too long is jailed, where the chain has staking.",
            _jailed,
            60.0,
        ),
        (
            "network.app-hash",
            "",
            "Compare the application hash",
            "Every endpoint has the same application hash after H and after H+1: one state, one set of rules.",
            _app_hash,
            60.0,
        ),
        (
            "network.ethereum",
            "",
            "Check the Ethereum side",
            "The Ethereum height of a subnet grows with its blocks.",
            _ethereum,
            150.0,
        ),
        (
            "network.parent-finality",
            "",
            "See the parent's finality move",
            "Waits until the subnet commits another block of its parent: what bridges both chains rests on it.",
            _parent,
            300.0,
        ),
        (
            "network.95-percent",
            "",
            "Hold the 95 % rule against it",
            "Who is proven on the new rules, by power. Below 95 % a quarter of an hour after H it prepares what the"
            " zone allows, and starts nothing: the network's abort, or a revert upgrade (docs/verification.md).",
            _success,
            90.0,
        ),
        waits=frozenset({"network.parent-finality"}),
    )


VERIFY_NETWORK = Procedure(
    "verify-network",
    "Verify the whole network",
    "After an upgrade: whether everybody came through: versions, blocks, the active set, one application hash, and the"
    " 95 % rule. It changes nothing; below 95 % it prepares what people may start.",
    _network,
    (Parameter("height", "H of the upgrade; empty for the last one that was reached", "", _height),),
)
