"""The plan of a chain upgrade as a run keeps it, and its program, for every way in which it is crossed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from console.errors import InputError
from console.files import sha256_of
from console.model import Finding, Outcome, Proposal, ProposalStatus, StepKind
from console.model.procedure import failed, passed, warned
from console.node.preflight import PreflightRequest, run_preflight
from console.node.releases import BinaryReleases
from console.node.shape import shape_of
from console.operations.fetched_executable import fetch_executable
from console.operations.own_heights import OwnHeights, heights_or_none
from console.procedures.here import node_of
from console.procedures.step import Step, StepContext
from console.text import duration

POLL_S = 2.0
_OPEN = frozenset({ProposalStatus.SCHEDULED, ProposalStatus.APPROVED})


async def _scheduled(context: StepContext) -> tuple[Proposal | None, str, tuple[str, ...]]:
    """The scheduled plan that is meant, why there is none, and what was seen."""
    snapshot = await context.snapshot()
    if snapshot.chain is None:
        return None, snapshot.chain_problem, ()
    name = context.remembered("plan") or context.arguments["name"]
    plans = [each for each in snapshot.chain.proposals if each.status in _OPEN and each.has_height]
    found = next((each for each in plans if name in {"", str(each.name)}), None)
    known = tuple(f"{each.name} at height {each.target_height:,}, {each.status.words}" for each in plans)
    height = "" if snapshot.height is None else f"the chain is at height {snapshot.height:,}"
    if found is None:
        return None, f"the chain plans no upgrade{f' {name}' if name else ''}", (*known, height)
    left = None if snapshot.height is None else found.target_height - snapshot.height
    pace = snapshot.chain.block_time_s
    eta = "" if left is None or pace is None or left < 0 else f", in about {duration(left * pace)}"
    return found, "", (*known, f"{height}{eta}", f"info: {found.release_url or 'none'}")


async def find_plan(context: StepContext) -> Finding:
    """What the chain plans; kept, so that every later step means this plan and no other."""
    plan, why, lines = await _scheduled(context)
    if plan is None:
        return failed(why, *lines, go_on="wait for the proposal to pass, or name another plan")
    for key, value in (("plan", str(plan.name)), ("height", str(plan.target_height)), ("info", str(plan.release_url))):
        if context.remembered(key) != value:
            context.remember(key, value)
    return passed(f"{plan.name} is planned for height {plan.target_height:,}", *lines)


def plan_of(context: StepContext) -> tuple[str, int]:
    """Name and height of the plan that this run means. Raises InputError: it found none yet, as a dry run may."""
    name, height = context.remembered("plan"), context.remembered("height")
    if not height:
        raise InputError(
            "this run knows of no plan", safe="nothing was changed", next_step="wait until the chain plans one"
        )
    return name, int(height)


def how_far(heights: OwnHeights | None, height: int) -> str:
    """How far a node is from its halt, in words; `height` is H."""
    if heights is None:
        return "its RPC does not answer"
    left = height - heights.height
    return f"at {heights.height:,}, {left:,} block{'s' * (left != 1)} to H {height:,}" if left > 0 else heights.words


async def changed(context: StepContext) -> Finding | None:
    """Whether the plan is not the one of this run any more; None where it is, or nobody tells."""
    snapshot = await context.snapshot()
    _, height = plan_of(context)
    if snapshot.chain is None or snapshot.chain_problem or (snapshot.height or 0) >= height - 1:
        # At the halt the chain may not answer, and what it planned is in every node's own file.
        return None
    plan, why, lines = await _scheduled(context)
    if plan is None:
        return failed(
            f"{why} any more: it was cancelled, or another took its place",
            *lines,
            go_on="give this run up; what is staged does no harm",
        )
    if plan.target_height != height:
        return failed(
            f"{plan.name} is planned for height {plan.target_height:,} now, and was for {height:,}",
            *lines,
            go_on="give this run up and begin again: everything else can stay",
        )
    return None


async def _download(context: StepContext) -> Finding:
    """The program of the plan, verified, taken out of its archive, its version read; nothing is stopped."""
    node = node_of(context)
    given = context.arguments
    shape = shape_of(node)
    names = (f"bin/{node.daemon}", node.daemon)
    if given["url"]:
        if not given["checksum"]:
            raise InputError("--url needs --checksum, as it is published", safe="nothing was downloaded")
        got = await fetch_executable(
            given["url"],
            given["checksum"],
            context.folder,
            names,
            version=shape.version_command(),
            allow_script=node.allow_scripts,
            told=lambda each: context.tell(each.sentence),
        )
        file, sha256, origin = got.file, got.sha256, f"{got.origin}: {got.checksum}"
    else:
        releases = BinaryReleases(lambda: node, shape)
        fetched = await releases.fetch_plan(
            context.remembered("info"), context.folder, lambda each: context.tell(each.sentence)
        )
        file, sha256, origin = fetched.file, fetched.sha256, fetched.origin
        file.chmod(0o700)
    report = await asyncio.to_thread(
        run_preflight,
        PreflightRequest(file, sha256, version=shape.version_command(), allow_script=node.allow_scripts),
    )
    report.raise_on_failure()
    context.remember("program", str(file))
    context.remember("sha256", sha256)
    return passed(
        f"the new program is verified and runs here: {report.version or 'no version said'}",
        origin,
        f"sha256 {sha256}",
        *(check.what for check in report.checks),
    )


async def _downloaded(context: StepContext) -> Finding:
    """Whether the verified program is still in the run's folder."""
    file = context.remembered("program")
    if file and Path(file).is_file() and await asyncio.to_thread(sha256_of, Path(file)) == context.remembered("sha256"):
        return passed(f"{file} is the verified program", f"sha256 {context.remembered('sha256')}")
    return failed("it is not here yet", go_on="go on")


DOWNLOAD = Step(
    "upgrade.download",
    StepKind.ACTION,
    "Download the new binary and verify its checksum",
    "From the plan's own list, or --url with --checksum; taken out of its archive, its version read.",
    _download,
    done=_downloaded,
    undo="the run's folder can be removed",
    deadline_s=3600.0,
)


async def follows(context: StepContext) -> Finding:
    """Wait until the node has executed H and the block after it: then more than two thirds cross with it."""
    node, (_, height) = node_of(context), plan_of(context)
    while True:
        heights = await heights_or_none(node.cometbft_rpc)
        if heights is not None and heights.app_height > height:
            return passed(f"the node executed heights {height:,} and after, with the network", heights.words)
        snapshot = await context.snapshot()
        stands = "" if snapshot.chain is None or snapshot.chain.stalled is None else snapshot.chain.stalled.sentence
        context.tell(
            f"{'no answer yet' if heights is None else heights.words}{f'; the chain {stands}' if stands else ''}"
        )
        await context.sleep(POLL_S)


async def applied(context: StepContext) -> Finding:
    """Whether the chain has the upgrade as applied at H."""
    from console.operations.own_heights import applied_at

    node = node_of(context)
    name, height = plan_of(context)
    at = await applied_at(context.network, node.cometbft_rpc, name)
    if at == height:
        return passed(f"the chain applied {name} at height {at:,}", f"applied_plan of {node.cometbft_rpc}")
    if at:
        return warned(
            f"the chain applied {name} at height {at:,}, and not at {height:,}",
            go_on="find out why before anything else",
        )
    return failed(f"the chain has not applied {name}", go_on="look at the node's log, and go on")


def outcome_passed(finding: Finding) -> bool:
    """Whether a look found what it looked for."""
    return finding.outcome is Outcome.PASS
