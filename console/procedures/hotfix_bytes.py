"""The bytes of a hotfix: vouched for twice, fetched, compared, and staged beside what runs."""

from __future__ import annotations

from pathlib import Path

from console.model import Finding, Outcome
from console.model.hotfix import why_not_twice
from console.model.procedure import failed, passed
from console.node.cosmovisor.names import plan_folder
from console.operations.fetched_executable import fetch_executable
from console.operations.node_stage import stage_upgrade
from console.procedures.here import node_of
from console.procedures.step import StepContext


async def said_twice(context: StepContext) -> Finding:
    """Whether two independent places say the same checksum."""
    given = context.arguments
    if why := why_not_twice(given["checksum"], given["source"], given["checksum-2"], given["source-2"]):
        return failed(why, go_on="find out which is right, give this run up, and begin with the right ones")
    return passed(
        "two independent places say the same checksum",
        f"{given['source']}: {given['checksum']}",
        f"{given['source-2']}: {given['checksum-2']}",
        f"as {context.person} read them",
    )


async def download(context: StepContext) -> Finding:
    """Fetch the bytes, compare them, and let the program say its version. Raises as `fetch_executable`."""
    node = node_of(context)
    found = await fetch_executable(
        context.arguments["url"],
        context.arguments["checksum"],
        context.folder,
        (f"bin/{node.daemon}", node.daemon),
        version=("version",) if node.shape == "cosmos" else ("--version",),
        allow_script=node.allow_scripts,
        told=lambda fetching: context.tell(fetching.sentence),
    )
    context.remember("program", str(found.file))
    context.remember("sha256", found.sha256)
    return passed(
        f"the bytes have the checksum that both places say, and run here: {found.version or 'no version said'}",
        f"{found.origin}: {found.checksum}",
        f"program: sha256 {found.sha256}",
    )


def folder_of(context: StepContext) -> str:
    """The generation's folder."""
    return plan_folder(context.arguments["version"], recase=not node_of(context).disable_recase)


async def staged(context: StepContext) -> Finding:
    """Whether the controller has them as a generation."""
    folder = folder_of(context)
    for entry in await context.client().generations():
        if entry.get("name") == folder and entry.get("sha256") == context.remembered("sha256"):
            return passed(f"{folder} is staged", f"sha256 {entry['sha256']}")
    return failed(f"{folder} is not staged", go_on="go on")


async def stage(context: StepContext) -> Finding:
    """Give them to the controller. Raises as `stage_upgrade`."""
    node = node_of(context)
    told = await stage_upgrade(
        context.client(),
        node,
        context.arguments["version"],
        Path(context.remembered("program")),
        # Where plans come from a registry there is none for a hotfix: it is staged on the word of both places.
        force=node.shape != "cosmos",
        checksum=f"sha256:{context.remembered('sha256')}",
    )
    found = await staged(context)
    return passed(str(found.sentence), *found.evidence, *told.lines) if found.outcome is Outcome.PASS else found
