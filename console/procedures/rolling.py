"""Rolling upgrade: a release that every node may run at any time goes over the fleet, one node after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from console.files import sha256_of
from console.model import Finding, Outcome, PlanOrigin, StepKind
from console.model.procedure import failed, passed
from console.node.cosmovisor.names import plan_folder
from console.operations.fetched_executable import checksum_given
from console.operations.roll import check_release
from console.procedures.roll import NODES, back_step, fleet_step, settled, taken_down
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.text import short_hash, untrusted

_SWAP_S = 900.0


def generation_given(text: str) -> str:
    """A generation's name, as it is used. Raises ValueError with the rest of `NAME must be …`."""
    name = text.strip()
    if not name or not name.isprintable() or "/" in name or name.startswith("."):
        raise ValueError("a name for its generation, as v1.0.1")
    return name


def file_given(text: str) -> str:
    """An absolute path, as `path_given` makes it, that is a file now. Raises ValueError."""
    path = path_given(text)
    if not Path(path).is_file():
        raise ValueError(f"a file of this machine; {untrusted(path) or 'an empty text'} is none")
    return path


def path_given(text: str) -> str:
    """A file, as an absolute path; empty stays empty. Raises ValueError."""
    return str(Path(text.strip()).expanduser().absolute()) if text.strip() else ""


RELEASE_PARAMETERS = (
    Parameter("name", "The generation's name: v1.0.1", check=generation_given),
    Parameter("binary", "The new program, on this machine; it is carried to the others", check=file_given),
    Parameter("checksum", "What it must have, as it was published: sha256:…", check=checksum_given),
    Parameter("manifest", "The release's manifest, with its .sshsig files beside it; empty: none", "", path_given),
    NODES,
)
"""What names a release that goes over the fleet."""


def _steps(_arguments: Mapping[str, str], items: Sequence[str]) -> tuple[Step, ...]:
    names = tuple(items)
    return (
        release_step(),
        fleet_step(names),
        sure_step(),
        *(stage_step(item) for item in names),
        *(step for item in names for step in (swap_step(item), back_step(item))),
        run_step(names),
    )


def release_step() -> Step:
    """The look at the release."""
    return Step(
        "roll.release",
        StepKind.CHECK,
        "Verify the release",
        "The file has the checksum that was published; a manifest is vouched for as this network demands, holds this"
        " program, and is not breaking.",
        _release,
    )


async def _release(context: StepContext) -> Finding:
    given = context.arguments
    node = context.network.nodes[0] if context.network.nodes else None
    manifest = Path(given["manifest"]) if given["manifest"] else None
    found = check_release(context.network, node, given["name"], Path(given["binary"]), given["checksum"], manifest)
    context.remember("sha256", found.sha256)
    return passed(f"{found.file.name} is what was published", *found.evidence)


def sure_step() -> Step:
    """The word of a person that old and new may run side by side."""
    return Step(
        "roll.sure",
        StepKind.CONFIRMATION,
        "Be sure that the release is not breaking",
        "Old and new nodes run side by side during a roll: a release that executes blocks differently splits the"
        " network. Its notes say whether it does.",
        ask="Does the release execute every block as the running one does, so that it may go over the"
        " nodes one by one? Type the network's name.",
        typed=lambda context: context.network.name,
    )


def stage_step(item: str) -> Step:
    """The staging of the release on one node; every node has it before the first one is taken down."""
    return Step(
        f"{item}.stage",
        StepKind.ACTION,
        f"Stage the release on {item}",
        "Carries the program to the controller, where it is not there already, and has it staged under its name.",
        _stage,
        done=_staged,
        undo="nothing runs it: it may lie there",
        item=item,
        deadline_s=960.0,
    )


def folder_of(context: StepContext) -> str:
    """The release's generation. Raises NodeError: its name cannot be one."""
    return plan_folder(context.arguments["name"])


async def _staged(context: StepContext) -> Finding:
    folder, sha256 = folder_of(context), context.remembered("sha256")
    for entry in await context.client(context.item).generations():
        # A node may be set to keep capitals.
        if str(entry.get("name")).lower() != folder.lower():
            continue
        if entry.get("sha256") == sha256 and entry.get("complete"):
            context.remember(f"generation.{context.item}", str(entry["name"]))
            return passed(f"{entry['name']} is staged on {context.item}", f"sha256 {sha256}")
        return failed(
            f"{context.item} has other bytes as {entry.get('name')}: sha256 {entry.get('sha256') or 'unknown'}",
            go_on="begin again with another name: a generation stays what it is",
        )
    return failed(f"{folder} is not staged on {context.item}", go_on="go on")


async def _stage(context: StepContext) -> Finding:
    before = await _staged(context)
    if before.outcome is Outcome.PASS or "other bytes" in before.sentence:
        return before
    binary = Path(context.arguments["binary"])
    if sha256_of(binary) != context.remembered("sha256"):
        return failed(f"{binary} is not the file any more that was verified", go_on="begin again with the right one")
    # No plan of the chain names it: it is staged on the word of who runs this, and of the published checksum.
    await context.client(context.item).add_upgrade(context.arguments["name"], binary, force=True)
    return await _staged(context)


def swap_step(item: str) -> Step:
    """The one step that takes a node down."""
    return Step(
        f"{item}.swap",
        StepKind.ACTION,
        f"Take {item} down and start it with the release",
        "Under the lease of the whole fleet, which one roll has at a time, and only while less than a third of the"
        " power is down with it. The controller stops the node, takes a rollback point, switches and starts it; it goes"
        " back by itself where the new program does not come up.",
        _swap,
        done=_swapped,
        undo=f"`upgrade-console node swap OLD --node {item} --reason TEXT` costs one more restart",
        item=item,
        deadline_s=_SWAP_S,
    )


async def _swapped(context: StepContext) -> Finding:
    name, wanted = context.item, context.remembered(f"generation.{context.item}")
    status = await context.client(name).status()
    attempt = status.attempt
    line = f"{name}: {status.state}, generation {status.generation}"
    by_hand = attempt is not None and attempt.origin is PlanOrigin.OPERATOR and attempt.generation == wanted
    if attempt is not None and by_hand and not attempt.crossing.ended:
        return passed(f"{name} is on its way to {wanted}: {status.state}", line)
    if status.generation == wanted and status.pid is not None:
        return passed(f"{name} runs {wanted}", line)
    return failed(f"{name} does not run {wanted}", line, go_on="go on: it is swapped then")


async def _swap(context: StepContext) -> Finding:
    done = await _swapped(context)
    if done.outcome is Outcome.PASS:
        return done
    name, wanted = context.item, context.remembered(f"generation.{context.item}")
    now, ran = (await context.client(name).status()).generation, context.remembered(f"ran.{name}")
    if ran and now != ran:
        return failed(
            f"{name} runs {now}, and ran {ran} when this roll began: somebody else changed it",
            *done.evidence,
            go_on="agree with whoever did (`upgrade-console audit`), give this run up, and begin again where need be",
        )

    async def swap(lease: str) -> Finding:
        reason = f"rolling {wanted} over the fleet, by {context.person}"
        status = await context.client(name).swap(wanted, reason, lease=lease)
        return passed(f"{name} is on its way to {wanted}: {status.state}")

    return await taken_down(context, swap)


def run_step(names: tuple[str, ...]) -> Step:
    """The last look: everybody runs it."""
    return Step(
        "roll.all",
        StepKind.CHECK,
        "See every node run the release",
        "The running executable of each node has the hash that was verified.",
        partial(_all, names=names),
    )


async def _all(context: StepContext, names: tuple[str, ...]) -> Finding:
    wanted = context.remembered("sha256")
    lines, other = [], []
    for name in names:
        status = await context.client(name).status()
        lines.append(f"{name}: {status.version or status.generation}, sha256 {short_hash(status.exe_sha256)}")
        if status.exe_sha256 != wanted:
            other.append(name)
    if other:
        return failed(f"{', '.join(other)} runs something else", *lines, go_on="look at them; begin a roll over them")
    return passed(f"all {len(names)} nodes run {context.arguments['name']}", *lines)


ROLLING = Procedure(
    "rolling",
    "Rolling upgrade",
    "A release that is not breaking goes over several nodes without a proposal and without a halt: one at a time, the"
    " smallest voting power first, each back in consensus before the next. It stops at the first node that does not"
    " come back.",
    _steps,
    RELEASE_PARAMETERS,
    items=settled,
)
