"""What the network decided of a model: by its proposals, or as the operator says it."""

from __future__ import annotations

from console.chain.cosmos.model_changes import ModelChange, read_model_changes
from console.chain.rest import Rest
from console.errors import InputError
from console.model import Finding, Outcome
from console.model.procedure import failed, passed, warned
from console.operations.model_file import model_of, sha256_given
from console.procedures.step import StepContext
from console.text import untrusted

_DECIDED = "PASSED"
_GONE = {"REJECTED": "was rejected", "FAILED": "passed its vote and was not carried out"}


async def find_proposal(context: StepContext) -> Finding:
    """The proposal that is meant, kept for every later step."""
    given, settings = context.arguments, model_of(context.network)
    if given["version"]:
        return _by_hand(context)
    if not settings.message_type or not context.network.rest:
        raise InputError(
            "no proposal can be read: message_type of the model, and rest of the network, are needed for it",
            safe="nothing was downloaded",
            next_step="set both, or begin again with --version, --hash and --height as the network decided them",
        )
    rest = Rest()
    try:
        changes = await read_model_changes(rest, context.network.rest, settings.message_type)
    finally:
        await rest.close()
    wanted = given["proposal"]
    found = next((each for each in changes if wanted in {"", str(each.proposal)}), None)
    if found is None:
        return failed(
            f"no proposal {wanted or 'of the newest'} changes the model by {settings.message_type}",
            *(_words(each) for each in changes),
            go_on="name another with --proposal, or give version, hash and height by hand",
        )
    _remember(context, found.version, found.checksum, found.height, found.url)
    if found.status in _GONE:
        return failed(
            _gone(found),
            _words(found),
            go_on="there is no model to change to",
        )
    if found.status != _DECIDED:
        return warned(
            f"proposal {found.proposal} is not decided yet ({found.status.lower().replace('_', ' ')})",
            _words(found),
            go_on="the model can be downloaded and tried meanwhile; look again before it is taken into force",
        )
    return passed(f"proposal {found.proposal} passed: {found.version} from height {found.height:,} on", _words(found))


def _by_hand(context: StepContext) -> Finding:
    given = context.arguments
    if not given["hash"] or not given["height"]:
        raise InputError("--version needs --hash and --height as well", safe="nothing was downloaded")
    checksum = sha256_given(given["hash"])
    _remember(context, given["version"], f"sha256:{checksum.digest}", int(given["height"]), given["url"])
    return warned(
        f"{given['version']} from height {int(given['height']):,} on, as {context.person} says it",
        f"sha256:{checksum.digest}",
        go_on="go on only if the network has decided just that",
    )


def _remember(context: StepContext, version: str, checksum: str, height: int, url: str) -> None:
    for key, value in (("version", version), ("checksum", checksum), ("height", str(height)), ("url", url)):
        if context.remembered(key) != value:
            context.remember(key, value)


def _gone(change: ModelChange) -> str:
    because = f": {change.failed_reason}" if change.failed_reason else ""
    return f"proposal {change.proposal} {_GONE[change.status]}{because}"


def _words(change: ModelChange) -> str:
    return str(
        untrusted(
            f"proposal {change.proposal} ({change.status.lower()}) {change.title}: {change.version}, {change.checksum},"
            f" from height {change.height}, {change.url or 'no URL'}",
            400,
        )
    )


async def still_decided(context: StepContext) -> Finding:
    """Once more before anything changes: it may have been undecided, or another may have come."""
    before = [context.remembered(key) for key in ("version", "checksum", "height")]
    found = await find_proposal(context)
    if [context.remembered(key) for key in ("version", "checksum", "height")] != before:
        return failed(
            "the newest proposal is another one by now",
            *found.evidence,
            go_on="give this run up and begin again: what was verified is another model",
        )
    if found.outcome is Outcome.WARN and not context.arguments["version"]:
        return failed(str(found.sentence), *found.evidence, go_on="wait for the vote, then go on")
    return found
