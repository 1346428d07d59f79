"""Emergency hotfix: a fixed version put in outside governance, with what is left out named and recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from console.model import Crossing, Finding, NodeState, NodeStatus, Outcome, StepKind
from console.model.hotfix import (
    NORMAL_STEPS,
    RESPONSES,
    Severity,
    lateness,
    read_bypasses,
    read_severity,
    why_not_without_governance,
)
from console.model.procedure import failed, passed, warned
from console.operations.fetched_executable import checksum_given
from console.operations.filled_template import one_line
from console.procedures import hotfix_announcement as announcing
from console.procedures import hotfix_bytes as the_bytes
from console.procedures.arguments import again, filled, yes_or_no
from console.procedures.here import heard, network_name, node_of
from console.procedures.moments import accepted_moment, moment_of, shown_moment
from console.procedures.spared_power import spared, take_this_down
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.procedures.taking_down import until_back

_POLL_S = 2.0
_BROKEN = frozenset({NodeState.NEEDS_OPERATOR.value, "PARKED", "MISSED_HALT"})


# --- before anything is downloaded ---


async def _severity(context: StepContext) -> Finding:
    severity = Severity(context.arguments["severity"])
    response = RESPONSES[severity]
    evidence = (
        f"severity {severity.value}: {response.meaning}",
        f"response: {response.words}",
        f"identified {context.arguments['identified']}, now {shown_moment(context.now())}",
    )
    if late := lateness(severity, moment_of(context.arguments["identified"]), context.now()):
        return warned(f"the response is {late}", *evidence, go_on="go on, and say in the announcement why")
    return passed(f"{severity.value}: {response.words}", *evidence)


async def _bypasses(context: StepContext) -> Finding:
    left_out = read_bypasses(context.arguments["bypass"])
    if not left_out:
        return failed(
            "nothing is named that this hotfix leaves out, so it is a normal upgrade",
            go_on="run the normal procedure, or begin again with --bypass STEP=REASON",
        )
    return warned(
        f"left out: {', '.join(left_out)}",
        *(f"{step} ({NORMAL_STEPS[step]}): {why}" for step, why in left_out.items()),
        f"by {context.person}",
        go_on="the record holds them; catch up on them when the fix is in",
    )


async def _allowed(context: StepContext) -> Finding:
    snapshot = await context.snapshot()
    status = await context.client().status()
    stands = snapshot.chain is not None and snapshot.chain.stalled is not None
    planned = status.attempt is not None and not status.attempt.crossing.ended
    breaking = context.arguments["breaking"] == "yes"
    evidence = (
        f"breaking: {context.arguments['breaking']}",
        f"chain: height {snapshot.height}, {'stands' if stands else 'makes blocks'}",
        f"node: {status.state}, generation {status.generation}, app at {status.app_height}",
    )
    if status.state in _BROKEN:
        return failed(f"the node is {status.state}", *evidence, go_on="lead it on first: `upgrade-console node status`")
    if status.app_height is None:
        return failed("how far the application is, is not known", *evidence, go_on="start the node, and go on")
    if why := why_not_without_governance(breaking=breaking, chain_stands=stands, planned=planned):
        return failed(why, *evidence, go_on="propose the fix as an upgrade, or cancel the open one")
    return passed("the fix may go in on this node", *evidence)


async def _way_back(context: StepContext) -> Finding:
    node = node_of(context)
    status = await context.client().status()
    evidence = (f"runs now: {status.generation}, {status.version}, sha256 {status.exe_sha256}",)
    if not node.backup_enabled:
        return warned(
            "backup_enabled is off: the swap takes no rollback point, and the data cannot be put back",
            *evidence,
            go_on="switch it on with `upgrade-console node config set backup_enabled=true`, and look again",
        )
    return passed("the swap takes a rollback point while the node is down, and the old program stays", *evidence)


# --- the node ---


async def _swapped(context: StepContext) -> Finding:
    status = await context.client().status()
    if status.exe_sha256 == context.remembered("sha256") and status.pid is not None:
        return passed(f"the node runs {status.generation}", f"executable sha256 {status.exe_sha256}")
    return failed(f"the node runs {status.generation} ({status.state})", go_on="go on")


async def _swap(context: StepContext) -> Finding:
    # The questions before this one may have waited for hours.
    for look in (_allowed, spared):
        if (now := await look(context)).outcome is Outcome.FAIL:
            return now
    given = context.arguments
    folder = the_bytes.folder_of(context)
    before = await context.client().status()
    context.remember("height-before", json.dumps(before.height))
    context.remember("generation-before", before.generation)
    reason = f"hotfix {given['version']} ({given['severity']}), by {context.person}: {one_line(given['issue'])}"

    async def swap(lease: str) -> Finding:
        status = await context.client().swap(folder, reason, lease=lease)
        return passed(f"the controller swaps to {folder}", f"state {status.state}", f"before: {before.generation}")

    return await take_this_down(context, swap)


def _back(context: StepContext, status: NodeStatus) -> str:
    old = context.remembered("generation-before") or "OLD"
    read = "read why in `upgrade-console node events` and the node's log"
    crossing = None if status.attempt is None else status.attempt.crossing
    if crossing is Crossing.PARKED:
        return f"{read}; {old} is in place again, and `upgrade-console node start` starts it"
    if (crossing is not None and not crossing.ended) or crossing is Crossing.NEEDS_OPERATOR:
        return f"{read}; back with `upgrade-console run rollback`"
    return f"{read}; back with `upgrade-console node swap {old} --reason TEXT`"


async def _verify(context: StepContext) -> Finding:
    async with until_back(context, node_of(context).name):
        return await _runs_the_fix(context)


async def _runs_the_fix(context: StepContext) -> Finding:
    wanted = context.remembered("sha256")
    first: int | None = None
    while True:
        status = await heard(context, context.client().status)
        evidence = (
            f"state {status.state}, height {status.height}, generation {status.generation}",
            f"running executable: sha256 {status.exe_sha256}",
        )
        if status.state in _BROKEN or status.alarm:
            return failed(
                f"the node is {status.state}: {status.note or status.alarm}", *evidence, go_on=_back(context, status)
            )
        runs = status.pid is not None and status.exe_sha256 == wanted
        if runs and status.height is not None:
            first = status.height if first is None else first
            if status.height > first and status.app_height is not None:
                return passed(
                    f"the node runs {status.version or the_bytes.folder_of(context)} and follows the chain", *evidence
                )
        if runs and await _chain_stands(context):
            return warned(
                "the node runs the fix, and the chain stands: it goes on when more than two thirds run it",
                *evidence,
                go_on="watch the power come back in the console, and see blocks before the end is announced",
            )
        context.tell(f"{status.state}, height {status.height}, {status.generation}")
        await context.sleep(_POLL_S)


async def _chain_stands(context: StepContext) -> bool:
    chain = (await context.snapshot()).chain
    return chain is not None and chain.stalled is not None


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "hotfix.severity",
            StepKind.CHECK,
            "Assess the severity",
            "Critical (security): at once, by an emergency call. High (consensus bug): within 4 hours, in the"
            " validators' chat. Medium (functionality): within 24 hours, by the normal process.",
            _severity,
        ),
        Step(
            "hotfix.coordination",
            StepKind.CONFIRMATION,
            "Coordinate",
            "Somebody has to have spoken with the other validators in the way that the severity asks for.",
            _severity,
            ask="Are the other validators reached in the way that this severity asks for, and do they agree?",
        ),
        Step(
            "hotfix.bypasses",
            StepKind.CHECK,
            "Name what is left out",
            "This procedure goes past the normal upgrade. Each normal step that is left out is named with its reason,"
            " and stays in the record. The checks of the bytes, of the signer and of the way back are never left out.",
            _bypasses,
        ),
        Step(
            "hotfix.allowed",
            StepKind.CHECK,
            "See whether the fix may go in without governance",
            "A fix that executes blocks in another way never goes in beside a chain that makes blocks under the old"
            " rules. A node with an open upgrade gets the fix as that upgrade's release.",
            _allowed,
        ),
        Step(
            "hotfix.checksum",
            StepKind.CHECK,
            "Confirm the checksum from two independent places",
            "The official announcement and a second place that somebody else controls have to say the same checksum.",
            the_bytes.said_twice,
        ),
        Step(
            "hotfix.download",
            StepKind.ACTION,
            "Download the hotfix and compare its bytes",
            "Downloads from the URL that was given, compares the bytes with the checksum that both places say, takes"
            " the program out of its archive and lets it say its version. Nothing is stopped.",
            the_bytes.download,
            done=again,
            undo="the run's folder can be removed",
            deadline_s=3600.0,
        ),
        Step(
            "hotfix.stage",
            StepKind.ACTION,
            "Stage it with the controller",
            "Gives the program to the node's controller, as a generation of its own beside the one that runs.",
            the_bytes.stage,
            done=the_bytes.staged,
            undo="a generation that never ran can be removed",
            deadline_s=900.0,
        ),
        Step(
            "hotfix.way-back",
            StepKind.CHECK,
            "Back up the current version",
            "The generation that runs stays on the disk, and the controller takes a rollback point of the data while"
            " the node is down for the swap.",
            _way_back,
        ),
        Step(
            "hotfix.announcement",
            StepKind.ACTION,
            "Fill in the announcement",
            "Fills the emergency template; every placeholder needs its value. The issue is described without details"
            " that would help an attacker.",
            announcing.fill_in,
            done=announcing.filled_in,
            undo="nothing was sent",
        ),
        Step(
            "hotfix.read",
            StepKind.CONFIRMATION,
            "Read the announcement",
            "Shown whole. Nothing is sent yet.",
            announcing.show,
            ask="Is the text right, and may it go out?",
        ),
        Step(
            "hotfix.send",
            StepKind.ACTION,
            "Send the announcement",
            "Exactly the text that was read, to the services of `[notify]` that are for this network.",
            announcing.send,
            done=announcing.sent,
            undo="a message that went out cannot be taken back; send a correction",
            deadline_s=90.0,
        ),
        Step(
            "hotfix.announced",
            StepKind.CONFIRMATION,
            "Reach everybody",
            "No service reaches all of them: the call or the chat that the severity asks for is a person's.",
            ask="Has the announcement reached all validators and node operators, by call or chat as well?",
        ),
        Step(
            "hotfix.power",
            StepKind.CHECK,
            "See that the chain can spare this node",
            "Less than a third of the voting power may be down while this node changes, unless the chain stands"
            " already.",
            spared,
        ),
        Step(
            "hotfix.swap",
            StepKind.ACTION,
            "Stop the node, apply the hotfix, and start it",
            "The controller stops the node, takes the rollback point, switches to the fixed generation in one step and"
            " starts it; it goes back by itself where the fix does not run.",
            _swap,
            done=_swapped,
            undo="`upgrade-console node swap OLD` costs one more restart, and the rollback point where data changed",
            ask="The node stops signing for the time of a restart. Apply the hotfix now?",
            typed=network_name,
            deadline_s=900.0,
        ),
        Step(
            "hotfix.verify",
            StepKind.WAIT,
            "Verify version and sync",
            "The running executable has the hash of the fix, and the node executes new blocks.",
            _verify,
            deadline_s=1800.0,
        ),
    )


def _bypass_parameter(text: str) -> str:
    return "; ".join(f"{step}={why}" for step, why in read_bypasses(text).items())


HOTFIX = Procedure(
    "hotfix",
    "Emergency hotfix",
    "A critical fix that cannot wait for governance. It goes past normal steps, names them in its record, and takes the"
    " bytes only when two independent places and the bytes themselves say the same checksum.",
    _steps,
    (
        Parameter("severity", "critical, high or medium", check=read_severity),
        Parameter("version", "The fixed version, also the generation's name: v1.0.3", check=filled),
        Parameter("url", "Where the fix is: the program, or an archive with it", check=filled),
        Parameter("checksum", "Of those bytes as the official announcement says it, sha256:…", check=checksum_given),
        Parameter("source", "Where that announcement was read: a URL or a place", check=filled),
        Parameter("checksum-2", "The same from a second place, typed again", check=checksum_given),
        Parameter("source-2", "That place, which somebody else controls", check=filled),
        Parameter("bypass", f"STEP=REASON; … of {', '.join(NORMAL_STEPS)}", check=_bypass_parameter),
        Parameter("breaking", "yes where the fix executes blocks in another way", "no", yes_or_no),
        Parameter("identified", "When the issue was identified: 2026-11-29 14:05, or 90m ago", check=accepted_moment),
        Parameter("affected", "Affected versions: v1.0.0 - v1.0.2", check=filled),
        Parameter("issue", "What it is, without what would help an attacker", check=filled),
        Parameter("impact", "What may happen to who does not upgrade", check=filled),
        Parameter("support", "Where validators ask, with ; between: Discord: #x; Email: y", check=filled),
        Parameter("project", "The project's name; empty: the network's", ""),
        Parameter("developed", "When the fix was ready; empty: not said", ""),
        Parameter("stop", "How others stop their node; empty: with this console", ""),
        Parameter("start", "How others start it; empty: with this console", ""),
    ),
)
