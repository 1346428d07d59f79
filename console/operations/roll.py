"""What a roll over several nodes looks at before it takes one down, and after: once, for every procedure that rolls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from console.chain.taking_part import TakingPart
from console.errors import InputError, NodeError
from console.files import sha256_of
from console.model import (
    Arming,
    Crossing,
    NodeStatus,
    OwnConsensus,
    PowerNow,
    may_take_down,
    power_down_with,
    roll_order,
)
from console.model.roll_lease import LeaseAnswer
from console.node.migration.kinds import NoMigration
from console.node.release.bundle import read_bundle
from console.node.release.manifest import Manifest
from console.node.release.verification import verify_release
from console.operations.node import check_binary
from console.operations.node_stage import compare
from console.operations.release_verify import AgainstWhat, expected_of
from console.settings import NetworkSettings, NodeSettings


class RolledControl(Protocol):
    """What a roll asks of a controller's client. All raise ControllerDown and NodeError."""

    async def status(self) -> NodeStatus: ...
    async def consensus(self) -> OwnConsensus | None: ...


@dataclass(frozen=True, slots=True)
class RolledNode:
    """A node of a roll, as its controller tells it now."""

    name: str
    status: NodeStatus
    consensus: OwnConsensus | None
    """None while the node does not answer its controller."""

    @property
    def evidence(self) -> str:
        """In one line."""
        seen, status = self.consensus, self.status
        if seen is None:
            return f"{self.name}: {status.state}, generation {status.generation}, its node does not answer"
        signs = "signs" if seen.signed else "does not sign"
        return (
            f"{self.name}: {status.state}, generation {status.generation}, height {seen.height:,}, {seen.peers} peers, "
            f"power {seen.power} of {seen.total_power}, {signs if seen.power else 'no validator'}"
        )


async def look_at(name: str, control: RolledControl) -> RolledNode:
    """Ask one controller. Raises ControllerDown, NodeError."""
    return RolledNode(name, await control.status(), await control.consensus())


async def settle_order(names: Sequence[str], client: Callable[[str], RolledControl]) -> tuple[str, ...]:
    """The nodes of a roll, the smallest voting power first.

    Raises:
        InputError: There is none.
        ControllerDown: One does not answer; NodeError: its node does not, so that its power is not known.
    """
    if not names:
        raise InputError("no node is named, and the settings have none", safe="nothing was begun")
    looked = await asyncio.gather(*(look_at(name, client(name)) for name in names))
    powers: dict[str, int] = {}
    for node in looked:
        if node.consensus is None:
            raise NodeError(
                f"{node.name} does not run ({node.status.state}), so its place in the order is not known",
                safe="nothing was begun",
                next_step="start it, or name the nodes without it",
            )
        powers[node.name] = node.consensus.power
    return roll_order(powers)


async def taking_part(network: NetworkSettings) -> PowerNow:
    """Who takes part in consensus now. Raises ChainError."""
    urls = (*network.cometbft_rpc, *(node.cometbft_rpc for node in network.nodes))
    async with TakingPart(network, urls) as reader:
        return await reader.read()


async def after_blocks(
    blocks: int, read: Callable[[], Awaitable[PowerNow]], sleep: Callable[[float], Awaitable[None]], seconds: float
) -> PowerNow:
    """Who takes part, read when blocks came since: at a chain that stands the newest commits tell of the past.

    Args:
        blocks: How many have to come.
        read: Reads it.
        sleep: Waits between two looks.
        seconds: For each of them.

    Raises:
        ChainError: It cannot be read.
        NodeError: None came in that many seconds.
    """
    first = now = await read()
    for _ in range(max(1, int(blocks * seconds))):
        await sleep(1.0)
        now = await read()
        if now.height >= first.height + blocks:
            return now
    raise NodeError(
        f"no block came after height {now.height:,} in {seconds:g} s: the chain stands, or its endpoints do",
        safe="nothing was taken down",
        next_step="go on when blocks are made again",
    )


def upgrade_in_hand(status: NodeStatus) -> str:
    """Why this node is not to be touched beside an upgrade of the chain; empty where there is none."""
    attempt = status.attempt
    if attempt is None or attempt.crossing.ended:
        return ""
    if attempt.crossing is not Crossing.NONE:
        return f"{attempt.name} is crossing on it ({attempt.crossing.value})"
    if attempt.arming in {Arming.ARMED, Arming.WAITING_TURN}:
        return f"it is armed for {attempt.name} at height {attempt.target_height:,}"
    return f"{attempt.name} is in hand on it ({attempt.preparation.value})"


def with_those_out(now: PowerNow, answers: Mapping[str, LeaseAnswer], taking: str) -> PowerNow:
    """Who takes part, less the nodes of the fleet whose own controllers say that they are out: commits tell it later.

    Args:
        now: By the newest commits.
        answers: What each controller of the fleet says, by its node.
        taking: The node that is to be taken down: what it says of itself is no one else's absence.
    """
    out = {each.consensus_address for name, each in answers.items() if each.out and name != taking}
    return replace(now, silent=now.silent | (out & now.powers.keys()))


def why_not_taken_down(node: RolledNode, now: PowerNow, key: str) -> str:
    """Why this node may not be taken down now; empty where it may. Pure."""
    if why := upgrade_in_hand(node.status):
        return f"{node.name} is left alone: {why}"
    if node.status.alarm:
        return f"{node.name} calls its operator: {node.status.alarm}"
    if may_take_down(now.powers, now.silent, key):
        return ""
    own, with_it = now.powers.get(key, 0), power_down_with(now.powers, now.silent, key)
    others = sorted(now.silent - {key})
    if 3 * own >= now.total:
        return f"{node.name} holds {own} of {now.total} power, a third or more: the chain would pause without it"
    named = ", ".join(each[:8] for each in others[:4])
    return (
        f"{with_it} of {now.total} power would be down with {node.name}, which is not less than a third: "
        f"{with_it - own} is down already ({named})"
    )


def power_evidence(now: PowerNow, key: str = "") -> str:
    """The power rule in one line, for a node of that consensus address; without one, who is down now."""
    down = power_down_with(now.powers, now.silent, key)
    where = f"(commits before height {now.height:,} of {now.source})"
    if not key:
        return f"down now: {down} of {now.total} power {where}"
    own = now.powers.get(key, 0)
    return f"down with it: {down} of {now.total} power, its own is {own}; less than a third is allowed {where}"


# --- the release ---


@dataclass(frozen=True, slots=True)
class RolledRelease:
    """A binary that goes over the fleet."""

    file: Path
    sha256: str
    evidence: tuple[str, ...]


def check_release(
    network: NetworkSettings, node: NodeSettings | None, name: str, file: Path, checksum: str, manifest: Path | None
) -> RolledRelease:
    """Look at the release before anything is carried or staged.

    Args:
        network: Whose demands its manifest must meet, where there is one.
        node: A node of this machine, whose programs it has; None for none.
        name: Of its generation.
        file: The binary, on this machine.
        checksum: As it was published.
        manifest: The release's; None where it has none.

    Raises:
        InputError: The file is not what was published, or the release is declared breaking.
        ReleaseError, ManifestRefused: Nobody whom this network trusts vouches for the manifest.
    """
    check_binary(file)
    compare(file, checksum)
    sha256 = sha256_of(file)
    lines = (f"{file}: {checksum}", f"sha256 {sha256}")
    if manifest is None:
        return RolledRelease(file, sha256, (*lines, "no manifest: that it is not breaking is a person's word"))
    bundle = read_bundle(manifest)
    found = verify_release(bundle.content, bundle.signatures, expected_of(network, node, AgainstWhat(plan_name=name)))
    found.raise_on_failure()
    assert found.manifest is not None  # else something failed
    _refuse_breaking(found.manifest)
    programs = [each for entry in found.manifest.platforms.values() for each in entry.binaries.values()]
    if sha256 not in {each.sha256 for each in programs}:
        raise InputError(f"{file} has sha256 {sha256}, and no program of the manifest has", safe="nothing was changed")
    said = f"manifest sha256 {bundle.sha256}: {found.manifest.version}, not breaking"
    return RolledRelease(file, sha256, (*lines, said))


def _refuse_breaking(manifest: Manifest) -> None:
    if manifest.breaking or not isinstance(manifest.migration, NoMigration):
        why = "breaking" if manifest.breaking else "one with a migration"
        raise InputError(
            f"{manifest.version} is declared {why}: node by node the network would split",
            safe="nothing was changed",
            next_step="propose it as an upgrade, which every node crosses at one height",
        )
