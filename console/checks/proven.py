"""Whether the release ran on another network before: told by its controller, or asked of the network that proves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.chain.proving import RegistryProof
from console.errors import ChainError, SettingsError
from console.model import Finding, Proof, ProofState, Snapshot, proof_of
from console.model.procedure import failed, passed, skipped, warned
from console.settings import NetworkSettings, proving_network


async def proven_elsewhere(
    network: NetworkSettings, snapshot: Snapshot, generations: Sequence[dict[str, Any]]
) -> Finding:
    """Whether another network executed this release; left out where none is named that could tell.

    Args:
        network: Whose settings name the network that proves (`proven_on`).
        snapshot: With the plan, and where the network demands it what its controller knows of the proof.
        generations: As the controller lists them, for the hash of the staged binary.
    """
    if snapshot.node is not None and snapshot.node.proof is not None:
        return judged(snapshot.node.proof)
    demands = network.demands
    if not demands.proven_on:
        return skipped(
            "the settings name no network that proves releases, so no machine can tell",
            "`proven_on` in [networks.NAME.releases] names one",
        )
    if snapshot.upgrade is None:
        return skipped("there is no plan whose release could have run elsewhere")
    proposal = snapshot.upgrade.proposal
    binaries = {str(each.get("sha256")) for each in generations if each.get("name") == str(proposal.name)} - {
        "",
        "None",
    }
    try:
        proving = proving_network(network)
        source = RegistryProof(proving)
        try:
            reading, problem = await source.read(proposal.release_hash, binaries), ""
        finally:
            await source.close()
    except SettingsError as error:
        return failed(error.what, go_on=error.next_step or "mend proven_on")
    except ChainError as error:
        reading, problem = None, error.what
    return judged(proof_of(proving.name, demands.proven_s, proposal.release_hash, binaries, reading, problem))


def judged(proof: Proof) -> Finding:
    """What a proof comes to for a checklist. Pure."""
    evidence = (f"network that proves: {proof.network or 'none'}", f"hours demanded: {proof.needed_s / 3600:g}")
    if proof.state is ProofState.PROVEN:
        return passed(proof.sentence, *evidence)
    if proof.state is ProofState.FORCED:
        return warned(proof.sentence, *evidence, go_on="the record shows who took it without the proof")
    if proof.state is ProofState.RUNNING:
        return warned(proof.sentence, *evidence, go_on="look again when the time is over")
    return failed(proof.sentence, *evidence, go_on="run it there first, or have it tried on a devnet of your own")
