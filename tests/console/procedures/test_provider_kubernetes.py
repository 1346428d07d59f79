"""The provider daemon in Kubernetes: a scripted kubectl that keeps a deployment, and what it says when it fails."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from console.errors import ConsoleError
from console.model import Outcome
from console.procedures.provider_kubernetes import PROVIDER_KUBERNETES, ROLLBACK_PROVIDER_KUBERNETES
from console.provider_settings import parse_provider
from tests.console.operations.examples import a_network
from tests.console.procedures.scripted import ScriptedContext, accepted, run_step, run_steps

pytestmark = pytest.mark.anyio

OLD, NEW = "provider-daemon:v1.0.0", "provider-daemon@sha256:" + "ab" * 32
NO_CHAIN = ("provider.pause-shown", "provider.pause", "provider.resume")

# A deployment in two files: its images, the newest last, and what fails.
KUBECTL = """#!/bin/sh
cd {folder}
echo "$*" >> calls
case "$*" in
  *--namespace=virtengine-system*) ;;
  *) echo "no namespace" >&2; exit 1;;
esac
case "$1 $2" in
  "get deployment/provider-daemon")
    case "$*" in
      *containers*name==\\"provider-daemon\\"*) tail -n 1 images | tr -d '\\n';;
      *updatedReplicas*) cat replicas;;
      *) echo "NAME READY"; echo "provider-daemon 3/3";;
    esac;;
  "set image") echo "${{4#*=}}" >> images; echo "deployment.apps/provider-daemon image updated";;
  "rollout status") if [ -f stuck ]; then echo "error: timed out waiting for the condition" >&2; exit 1; fi
    echo "deployment successfully rolled out";;
  "rollout undo") sed -i '$d' images; echo "deployment.apps/provider-daemon rolled back";;
  *) echo "error: unknown command $*" >&2; exit 1;;
esac
"""


class Cluster:
    """A deployment that the scripted kubectl keeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").write_text(f"{OLD}\n")
        (folder / "replicas").write_text("3 3 3")
        self.kubectl = folder / "kubectl"
        self.kubectl.write_text(KUBECTL.format(folder=folder))
        self.kubectl.chmod(0o755)

    @property
    def image(self) -> str:
        return (self.folder / "images").read_text().splitlines()[-1]

    def context(self, procedure: Any, given: dict[str, str], **settings: Any) -> ScriptedContext:
        table = {"deployment": "provider-daemon", "namespace": "virtengine-system", "kubectl": [str(self.kubectl)]}
        network = dataclasses.replace(a_network(self.folder), provider=parse_provider(table | settings, "network n"))
        return ScriptedContext(network, self.folder / procedure.name, accepted(procedure, given))

    def upgrade(self, image: str = NEW, **settings: Any) -> ScriptedContext:
        return self.context(PROVIDER_KUBERNETES, {"image": image, "pause-reason": "Upgrade"}, **settings)


async def test_a_new_image_rolls_out_and_is_undone(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    done = await run_steps(PROVIDER_KUBERNETES, cluster.upgrade(), leave_out=NO_CHAIN)
    assert {finding.outcome for finding in done.values()} == {Outcome.PASS, Outcome.SKIP}
    assert cluster.image == NEW
    assert "3 of 3 pods run" in done["pods.verify"].sentence
    back = cluster.context(ROLLBACK_PROVIDER_KUBERNETES, {"why": "it is ill"})
    undone = await run_steps(ROLLBACK_PROVIDER_KUBERNETES, back)
    assert {finding.outcome for finding in undone.values()} == {Outcome.PASS, Outcome.SKIP}
    assert cluster.image == OLD


async def test_what_goes_wrong_is_told_with_the_way_back(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    assert (await run_step(PROVIDER_KUBERNETES, cluster.upgrade("daemon:v2"), "pods.look")).outcome is Outcome.WARN
    (tmp_path / "stuck").touch()
    stuck = await run_step(PROVIDER_KUBERNETES, cluster.upgrade(), "pods.rollout")
    assert stuck.outcome is Outcome.FAIL
    assert "timed out waiting for the condition" in stuck.sentence
    assert stuck.go_on.endswith("rollout undo deployment/provider-daemon --namespace=virtengine-system`")
    context = cluster.upgrade()
    await run_step(PROVIDER_KUBERNETES, context, "pods.image")
    (tmp_path / "replicas").write_text("1 2 3")
    assert (await run_step(PROVIDER_KUBERNETES, context, "pods.verify")).outcome is Outcome.FAIL
    with pytest.raises(ConsoleError, match="has no container sidecar"):
        await run_step(PROVIDER_KUBERNETES, cluster.upgrade(container="sidecar"), "pods.look")
    with pytest.raises(ConsoleError, match=r"ended with exit code 1: no namespace"):
        await run_step(PROVIDER_KUBERNETES, cluster.upgrade(namespace="other"), "pods.look")
    with pytest.raises(ValueError, match="an image"):
        cluster.upgrade("--all")
