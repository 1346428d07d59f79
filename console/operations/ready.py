"""Signal readiness by hand: only what is true on this machine is said on the chain (DESIGN §4, Ready is not armed)."""

from __future__ import annotations

import asyncio

from console.errors import InputError, NodeError
from console.model import Proposal, ProposalStatus, Readiness, ReleaseKind
from console.ports.chain import PlanSource, Signals
from console.settings import NodeSettings

_NOTHING_SENT = "nothing was sent"


async def signal_ready(node: NodeSettings, proposal_id: int, plans: PlanSource, signals: Signals) -> Proposal:
    """Signal that this node has the release of an approved or scheduled proposal verified and staged.

    Args:
        node: The node whose validator speaks; its home is where the release is looked for.
        proposal_id: The proposal.
        plans: Reads the registry.
        signals: Sends from the node's operator key.

    Returns:
        The proposal, when the receipt was seen.

    Raises:
        InputError: No such proposal, not one that readiness is signalled for, or signalled already.
        NodeError: The release is not staged with the chain's hash.
        ChainError: Not read, not sent or refused; EndpointsDisagree where the endpoints contradict each other.
        SignerError: The signer did not sign.
    """
    reading = await plans.read(own_node_only=False)
    proposal = next((entry for entry in reading.proposals if entry.id == proposal_id), None)
    if proposal is None:
        raise InputError(f"there is no proposal {proposal_id}", safe=_NOTHING_SENT)
    _check_proposal(proposal)
    _check_validator(node, proposal, reading.readiness)
    _check_time(proposal, reading.height)
    await check_staged(node, proposal)
    await signals.ready(proposal.id, proposal.release_hash)
    return proposal


def _check_proposal(proposal: Proposal) -> None:
    if proposal.status not in {ProposalStatus.APPROVED, ProposalStatus.SCHEDULED}:
        raise InputError(
            f"proposal {proposal.id} is {proposal.status.words}, and readiness is for an approved or scheduled one",
            safe=_NOTHING_SENT,
        )
    if proposal.release_kind is ReleaseKind.NONE:
        raise InputError(f"proposal {proposal.id} is about contract calls: there is no release", safe=_NOTHING_SENT)


def _check_validator(node: NodeSettings, proposal: Proposal, readiness: Readiness | None) -> None:
    if readiness is None or readiness.proposal_id != proposal.id:
        return  # the registry decides
    wanted = node.address.lower()
    entry = next((each for each in readiness.validators if each.address.lower() == wanted), None)
    if entry is None:
        raise InputError(f"{node.address} of {node.name} is not a validator of this network", safe=_NOTHING_SENT)
    if entry.ready:
        raise InputError(
            f"validator {entry.address} is ready for proposal {proposal.id} since height {entry.ready_at}",
            safe=_NOTHING_SENT,
        )


def _check_time(proposal: Proposal, height: int) -> None:
    # The signal would be in the next block at the earliest.
    if proposal.has_height and height + 1 >= proposal.freeze_height:
        raise InputError(
            f"too late for proposal {proposal.id}: it is frozen from height {proposal.freeze_height} on"
            f" and the chain is at {height}",
            safe=_NOTHING_SENT,
        )


async def check_staged(node: NodeSettings, proposal: Proposal) -> None:
    """Check that a node has a proposal's release: its binary, or what its manifest vouches for. Raises NodeError."""
    try:
        staged = await asyncio.to_thread(_is_staged, node, proposal)
    except OSError as error:
        raise NodeError(f"cannot read the generations in {node.home}: {error}", safe=_NOTHING_SENT) from error
    if staged:
        return
    given = "--manifest FILE" if proposal.release_kind is ReleaseKind.MANIFEST else "FILE"
    raise NodeError(
        f"{node.name} does not have the release of proposal {proposal.id} ({proposal.name}) staged",
        safe=_NOTHING_SENT,
        next_step=f"wait for its controller, or run `upgrade-console node add-upgrade {proposal.name} {given}`",
    )


def _is_staged(node: NodeSettings, proposal: Proposal) -> bool:
    from console.node.generation import Generations
    from console.node.generation_folders import folder_name

    generations, name = Generations(node.home, node.daemon), folder_name(proposal.name)
    if proposal.release_kind is not ReleaseKind.MANIFEST:
        return generations.staged(name, proposal.release_hash) is not None
    try:
        found = generations.generation(name)
        # The controller records a manifest only after every check; that its bytes are still there is seen anew.
        return (
            found.manifest == proposal.release_hash
            and found.verified
            and generations.staged(name, found.sha256) is not None
            and all(generations.hash_of(each.path) == each.sha256 for each in found.companions)
        )
    except NodeError:
        return False
