"""The release that comes, the one to go back to, and the one that runs: by their hashes, as the controller has them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from console.checks.live import how_to_start
from console.checks.telling import NodeTeller
from console.errors import NodeError
from console.files import sha256_of
from console.model import Attempt, Crossing, Finding, NodeStatus, Outcome, Preparation
from console.model.procedure import failed, found, passed, warned
from console.operations.node_look import Versions, versions
from console.operations.own_process import OwnProcess, executed_sha256
from console.settings import NodeSettings
from console.text import untrusted

_NO_PLAN = "there is no plan in hand that a release could be staged for"


async def release_staged(client: NodeTeller) -> Finding:
    """Whether the plan's release is complete on this disk, has the hash that was vouched for, and passed its checks.

    The bytes are read again. Raises ControllerDown, NodeError.
    """
    status = await client.status()
    attempt = status.attempt
    if attempt is None or attempt.crossing.ended:
        return failed(
            _NO_PLAN,
            go_on="wait for the plan; on a Cosmos chain one is given by hand:"
            " `upgrade-console node add-upgrade NAME FILE --height H`",
        )
    if attempt.preparation is not Preparation.READY:
        note = f": {attempt.note}" if attempt.note else ""
        return failed(
            f"{attempt.name} is not ready but {attempt.preparation.value}{note}",
            *_of_attempt(attempt),
            go_on=f"`upgrade-console node add-upgrade {attempt.name} FILE`, or mend what is said",
        )
    hashed = await _generation(client, attempt.generation)
    evidence = (*_of_attempt(attempt), *await _vouched(client, attempt.generation), *hashed.evidence)
    if hashed.outcome is Outcome.FAIL:
        return failed(hashed.sentence, *evidence, go_on=hashed.go_on)
    if hashed.outcome is Outcome.WARN:
        return warned(hashed.sentence, *evidence, go_on=hashed.go_on)
    return passed(f"{attempt.name} is staged, verified and tried: {hashed.sentence}", *evidence)


def _of_attempt(attempt: Attempt) -> tuple[str, ...]:
    lines = [f"plan {attempt.name}, H {attempt.target_height:,}" if attempt.has_height else f"plan {attempt.name}"]
    if attempt.release_hash:
        lines.append(f"sha256 by the plan: {attempt.release_hash}")
    lines.append(f"sha256 of the staged binary: {attempt.generation_hash or 'unknown'}")
    if attempt.proven or attempt.unproven:
        lines.append(f"proof: {attempt.proven or attempt.unproven}")
    return tuple(lines)


async def _vouched(client: NodeTeller, generation: str) -> tuple[str, ...]:
    try:
        known = await client.release(generation)
    except NodeError as error:
        return (f"who vouched for it cannot be told: {error.what}",)
    checks = (f"{each.outcome}: {each.check}: {each.sentence}" for each in known.checks)
    return tuple(checks) if known.checks else ((known.reason,) if known.reason else ())


async def _generation(client: NodeTeller, name: str) -> Finding:
    """One generation's bytes read and compared. Raises as the client."""
    seen = [each for each in await client.verify("generations") if each.get("topic") == f"generation {untrusted(name)}"]
    if not seen:
        return failed(f"there is no generation {name} on this disk", go_on="stage it again")
    (one,) = seen[:1]
    outcome = {"ok": Outcome.PASS, "warn": Outcome.WARN}.get(str(one.get("level")), Outcome.FAIL)
    go_on = "" if outcome is Outcome.PASS else str(one.get("next_step") or "stage it again from verified bytes")
    return found(outcome, f"generation {name}: {one.get('what')}", go_on=go_on)


async def rollback_binary(
    client: NodeTeller, node: NodeSettings, ask: Callable[[NodeSettings], Versions] = versions
) -> Finding:
    """Whether the binary that one would go back to is whole, as recorded, and runs.

    Before the crossing that is the current one; after it, the one that the attempt came from. Raises ControllerDown,
    NodeError.

    Args:
        client: The controller's.
        node: The node, whose current binary is asked for its version.
        ask: Runs it, by its recorded hash.
    """
    status = await client.status()
    name = status.generation
    if (
        status.attempt is not None
        and status.attempt.generation == name
        and status.attempt.crossing is not Crossing.NONE
    ):
        return await _previous(client, name)
    hashed = await _generation(client, name)
    if hashed.outcome is Outcome.FAIL:
        return hashed
    said = await asyncio.to_thread(ask, node)
    if said.problem:
        return failed(
            f"the binary of {name} does not say its version: {said.problem}",
            hashed.sentence,
            go_on="mend its generation before it is needed: there would be nothing to go back to",
        )
    words = f"{name} ({said.app or 'no version said'}) is there to go back to, and runs"
    if hashed.outcome is Outcome.WARN:
        return warned(f"{words}; {hashed.sentence}", go_on="record what it should be: `upgrade-console release attest`")
    return passed(words, hashed.sentence)


async def _previous(client: NodeTeller, current: str) -> Finding:
    others = [each for each in await client.generations() if each.get("name") != current and each.get("complete")]
    if not others:
        return failed(
            f"beside {current} there is no complete generation", go_on="stage the release before it again, by its hash"
        )
    findings = [await _generation(client, str(each.get("name"))) for each in others[:4]]
    whole = [each for each in findings if each.outcome is not Outcome.FAIL]
    lines = tuple(str(each.sentence) for each in findings)
    if not whole:
        return failed("no other generation is what was recorded", *lines, go_on="stage the release before it again")
    return passed(f"{len(whole)} other generation{'' if len(whole) == 1 else 's'} to go back to", *lines)


async def running_version(client: NodeTeller, expected: str = "") -> Finding:
    """Which executable runs, by the hash of its bytes: what a version says of itself proves nothing.

    Args:
        client: The controller's.
        expected: 64 hex digits; empty for those of the generation that is current.

    Raises:
        ControllerDown: Nobody answers.
        NodeError: The controller cannot tell.
    """
    status = await client.status()
    if status.pid is None:
        return failed(f"no process of the node runs: {status.state}", go_on=how_to_start(status))
    recorded = await _recorded(client, status)
    wanted = expected or recorded
    evidence = [
        f"pid {status.pid}, executed descriptor sha256 {status.exe_sha256 or 'unknown'} (the controller's shim)",
        await asyncio.to_thread(_by_kernel, status.pid),
        f"generation {status.generation}, recorded sha256 {recorded or 'unknown'}",
        f"says of itself: {status.version or 'nothing'}",
    ]
    if not status.exe_sha256:
        return warned(
            "the hash of the running executable is not known", *evidence, go_on="`upgrade-console node status`"
        )
    if not wanted:
        return warned(
            f"sha256 {status.exe_sha256[:16]}… runs, and nobody recorded what {status.generation} should be",
            *evidence,
            go_on="compare it with what the others run, and record it: `upgrade-console release attest`",
        )
    if status.exe_sha256 != wanted:
        return failed(
            f"the running executable is {status.exe_sha256[:16]}…, not {wanted[:16]}…",
            *evidence,
            go_on="find out who started it; `upgrade-console node verify` reads every generation",
        )
    return passed(f"{status.generation} runs: {status.version or 'no version said'}, sha256 {wanted[:16]}…", *evidence)


async def running_alone(node: NodeSettings, process: OwnProcess, said: str, expected: str = "") -> Finding:
    """The same of a node that no controller of ours runs: by the kernel's word and the files that it is started from.

    Args:
        node: The node.
        process: Its process.
        said: The version that it says; empty where it does not.
        expected: 64 hex digits; empty for the program of Cosmovisor's `current`, where there is one.
    """
    try:
        running = await asyncio.to_thread(executed_sha256, process.pid)
    except OSError as error:
        return warned(
            f"what process {process.pid} executes cannot be read: {error.strerror}",
            go_on="look as the user that runs it, or as root",
        )
    current = node.home / "cosmovisor" / "current" / "bin" / node.daemon
    lines = [f"pid {process.pid} executes {process.program}, sha256 {running}", f"says of itself: {said or 'nothing'}"]
    wanted = expected
    if process.supervisor is not None and current.is_file():
        lines.append(f"Cosmovisor's current -> {os.readlink(current.parent.parent)}")
        wanted = expected or await asyncio.to_thread(sha256_of, current)
    lines.append("no controller of ours runs this node: nothing was recorded when it was started")
    if wanted and running != wanted:
        return failed(
            f"the running executable is {running[:16]}…, not {wanted[:16]}…",
            *lines,
            go_on="it was started before its program was replaced, or by something else: look who starts it",
        )
    if process.replaced:
        return warned(
            f"{process.program} was replaced since it was started", *lines, go_on="its next start runs other bytes"
        )
    if not wanted:
        return warned(
            f"sha256 {running[:16]}… runs, and nothing says what it should be",
            *lines,
            go_on="compare it with the checksum that was published, and with what the others run",
        )
    return passed(f"{said or process.program.name} runs, sha256 {wanted[:16]}…", *lines)


async def _recorded(client: NodeTeller, status: NodeStatus) -> str:
    for each in await client.generations():
        if each.get("name") == status.generation:
            return str(each.get("sha256") or "")
    return ""


def _by_kernel(pid: int) -> str:
    """What `/proc/PID/exe` is now; a script's is its interpreter."""
    path = Path(f"/proc/{pid}/exe")
    try:
        return f"{path} sha256 {sha256_of(path)}"
    except OSError as error:
        return f"{path} cannot be read from here: {untrusted(error, 120)}"
