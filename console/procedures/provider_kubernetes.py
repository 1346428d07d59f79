"""The provider daemon in Kubernetes brought to a new image, by the operator's own kubectl: no moment without a pod."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from console.errors import NodeError, SettingsError
from console.model import Finding, StepKind
from console.model.procedure import failed, passed, warned
from console.operations.operator_command import CommandEnd, run_command_of_operator
from console.operations.provider_daemon import provider_of
from console.procedures import provider_steps as shared
from console.procedures.arguments import filled
from console.procedures.provider_status import pause_steps, resume_steps
from console.procedures.step import Parameter, Procedure, Step, StepContext
from console.provider_settings import ProviderSettings
from console.text import untrusted

_COMMAND_S = 60.0
_ROLLOUT_S = 900.0
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,400}", re.ASCII)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def _settings(context: StepContext) -> ProviderSettings:
    settings = provider_of(context.network)
    if not settings.deployment:
        raise SettingsError(
            f"the provider daemon of {context.network.name} does not run in Kubernetes",
            next_step="use `upgrade-console run provider`, or set `deployment`",
        )
    return settings


async def _kubectl(settings: ProviderSettings, *words: str, deadline_s: float = _COMMAND_S) -> CommandEnd:
    """Run kubectl in the deployment's namespace. Raises NodeError: it failed or did not end."""
    command = (*settings.kubectl, *words, f"--namespace={settings.namespace}")
    end = await run_command_of_operator(command, deadline_s=deadline_s)
    if end.code:
        raise NodeError(f"{end.words} {end.how}", next_step="mend what it says, and go on")
    return end


async def _image_now(settings: ProviderSettings) -> str:
    path = f'{{.spec.template.spec.containers[?(@.name=="{settings.container}")].image}}'
    end = await _kubectl(settings, "get", f"deployment/{settings.deployment}", f"--output=jsonpath={path}")
    image = end.output.strip()
    if not _IMAGE.fullmatch(image):
        raise NodeError(
            f"deployment {settings.deployment} has no container {settings.container}:"
            f" {untrusted(image or 'no image', 80)}",
            safe="nothing was changed",
            next_step="mend `container` in the settings",
        )
    return image


def _back(context: StepContext) -> str:
    settings = provider_of(context.network)
    return (
        f"back: `{' '.join(settings.kubectl)} rollout undo deployment/{settings.deployment}"
        f" --namespace={settings.namespace}`"
    )


async def _look(context: StepContext) -> Finding:
    settings = _settings(context)
    image = await _image_now(settings)
    if not context.remembered("image-before"):
        context.remember("image-before", image)
    pods = await _kubectl(settings, "get", f"deployment/{settings.deployment}", "--output=wide")
    lines = (f"image now: {image}", f"image wanted: {context.arguments['image']}", *pods.lines)
    if not _DIGEST.search(context.arguments["image"]):
        return warned(
            "the image is named by a tag, which can be moved to other bytes",
            *lines,
            go_on="name it by its digest, NAME@sha256:…, so that what was published is what runs",
        )
    return passed(f"deployment {settings.deployment} is there", *lines)


async def _set_image(context: StepContext) -> Finding:
    settings, image = _settings(context), context.arguments["image"]
    end = await _kubectl(settings, "set", "image", f"deployment/{settings.deployment}", f"{settings.container}={image}")
    return passed(f"the deployment wants {image}", f"{context.remembered('image-before')} before", *end.lines)


async def _image_set(context: StepContext) -> Finding:
    image = await _image_now(_settings(context))
    if image == context.arguments["image"]:
        return passed(f"the deployment wants {image}")
    return failed(f"the deployment wants {image}", go_on="go on")


async def _rolled_out(context: StepContext) -> Finding:
    settings = _settings(context)
    try:
        end = await _kubectl(
            settings,
            "rollout",
            "status",
            f"deployment/{settings.deployment}",
            f"--timeout={_ROLLOUT_S:.0f}s",
            deadline_s=_ROLLOUT_S + 30.0,
        )
    except NodeError as error:
        return failed(error.what, go_on=f"look at its pods, mend what they say, and go on; {_back(context)}")
    return passed("every pod runs the new image", *end.lines[-5:])


async def _pods(context: StepContext) -> Finding:
    settings, image = _settings(context), context.arguments["image"]
    found = await _image_now(settings)
    ready = await _kubectl(
        settings,
        "get",
        f"deployment/{settings.deployment}",
        "--output=jsonpath={.status.updatedReplicas} {.status.availableReplicas} {.spec.replicas}",
    )
    numbers = ready.output.split()
    lines = (f"image {found}", f"updated, available, wanted: {', '.join(numbers) or 'not told'}")
    if found != image or len(numbers) != 3 or len(set(numbers)) != 1:
        return failed("not every pod runs the new image and is available", *lines, go_on=f"go on; {_back(context)}")
    return passed(f"{numbers[0]} of {numbers[2]} pods run {image} and are available", *lines)


async def _undo(context: StepContext) -> Finding:
    settings = _settings(context)
    before = await _image_now(settings)
    end = await _kubectl(settings, "rollout", "undo", f"deployment/{settings.deployment}")
    context.remember("undone", before)
    return passed(f"the deployment goes back from {before}", *end.lines)


async def _undone(context: StepContext) -> Finding:
    image = await _image_now(_settings(context))
    if context.remembered("image-before") not in {"", image}:
        return passed(f"the deployment wants {image}", f"{context.remembered('image-before')} before")
    return failed(f"the deployment wants {image}", go_on="go on")


def _steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "pods.look",
            StepKind.CHECK,
            "Look at the deployment",
            "Its image now, its pods, and whether the new image is named by its digest.",
            _look,
        ),
        *pause_steps(),
        Step(
            "pods.drain",
            StepKind.WAIT,
            "Wait for work in flight",
            "Until the operator's in_flight_command says that nothing is in flight; where none is set, pods end by"
            " their own grace.",
            shared.drain,
            deadline_s=0.0,
        ),
        Step(
            "pods.image",
            StepKind.ACTION,
            "Set the image",
            "Kubernetes starts new pods before it ends the old ones.",
            _set_image,
            done=_image_set,
            undo="`kubectl rollout undo`, or `upgrade-console run rollback-provider-kubernetes`",
            ask="Set the new image now?",
            deadline_s=120.0,
        ),
        Step(
            "pods.rollout",
            StepKind.WAIT,
            "Monitor the rollout",
            "Until every pod runs the new image, or the rollout says that it does not get there.",
            _rolled_out,
            deadline_s=_ROLLOUT_S + 60.0,
        ),
        Step(
            "pods.verify",
            StepKind.CHECK,
            "Verify the pods",
            "As many as are wanted run the new image and are available.",
            _pods,
        ),
        Step(
            "pods.health",
            StepKind.WAIT,
            "See it healthy",
            "Three good answers in a row over HTTPS, where a health_url is set.",
            shared.healthy,
            deadline_s=300.0,
        ),
        *resume_steps(),
    )


def _back_steps(_arguments: Mapping[str, str], _items: Sequence[str]) -> tuple[Step, ...]:
    return (
        Step(
            "pods-back.look",
            StepKind.CHECK,
            "Look at the deployment",
            "Its image now, which is remembered.",
            _look_back,
        ),
        Step(
            "pods-back.undo",
            StepKind.ACTION,
            "Undo the rollout",
            "Kubernetes goes back to the deployment's revision of before.",
            _undo,
            done=_undone,
            undo="set the image again",
            ask="Undo the last rollout of the provider daemon?",
            deadline_s=120.0,
        ),
        Step(
            "pods-back.rollout",
            StepKind.WAIT,
            "Monitor the rollout",
            "Until every pod runs the image of before.",
            _rolled_out,
            deadline_s=_ROLLOUT_S + 60.0,
        ),
        Step(
            "pods-back.health",
            StepKind.WAIT,
            "See it healthy",
            "Three good answers in a row over HTTPS, where a health_url is set.",
            shared.healthy,
            deadline_s=300.0,
        ),
    )


async def _look_back(context: StepContext) -> Finding:
    image = await _image_now(_settings(context))
    if not context.remembered("image-before"):
        context.remember("image-before", image)
    return passed(f"the deployment wants {image}", f"why: {context.arguments['why']}")


def _image(text: str) -> str:
    if not _IMAGE.fullmatch(text.strip()):
        raise ValueError("an image, as provider-daemon@sha256:…")
    return text.strip()


PROVIDER_KUBERNETES = Procedure(
    "provider-kubernetes",
    "Provider daemon upgrade in Kubernetes",
    "Brings the provider daemon's deployment to a new image by the operator's own kubectl, without a moment in which no"
    " pod runs.",
    _steps,
    (
        Parameter("pause-reason", "Why it pauses, for everybody on the chain to read", check=filled),
        Parameter("image", "The new image, by its digest: NAME@sha256:…", check=_image),
    ),
)

ROLLBACK_PROVIDER_KUBERNETES = Procedure(
    "rollback-provider-kubernetes",
    "Provider daemon rollback in Kubernetes",
    "Takes the deployment back to its revision of before, by the operator's own kubectl.",
    _back_steps,
    (Parameter("why", "Why it goes back, for the record", check=filled),),
)
