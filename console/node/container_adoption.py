"""`init --adopt` for containers: take a node over from whoever keeps its containers running, and give them back.

Persist, then act, as adoption.py does for units: what the containers were is durable before the first change, each step
may be repeated, and the record goes only when everything was given back. The restart policies are taken before the
containers are stopped, so that a kill between the two leaves a node that runs once.

While we run the node, each start makes new containers after the operator's own, which are kept aside
(runtime/containers.py). They come back under their names as long as their images are still what runs. After an upgrade
they would run the old rules on the new data: then the containers that run now stay, and the others are kept aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from console.errors import NodeError
from console.files import sync_folder, write_durably
from console.node.adoption import Phase
from console.node.discovery.files import read_bounded
from console.node.image_reference import ImageReference
from console.node.runtime.containers import BEFORE, HOME_LABEL, Service
from console.node.runtime.engine import Engine
from console.node.shape import APP, ETH, HALT_VARIABLE
from console.text import untrusted

RECORD_NAME = "adopted-containers.json"
"""In the node's state folder."""

STOP_S = 120
"""Seconds between a container's stop signal and SIGKILL: databases flush."""


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What a container was before we took it."""

    service: str
    name: str
    id: str
    image: str
    """`sha256:…`"""
    policy: str
    """Of restarts: `always`, `unless-stopped`, `on-failure`, `no`."""
    retries: int
    running: bool


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """What an adoption of containers will do: a value that can be printed and done later."""

    phase: Phase
    containers: tuple[ContainerState, ...]

    @property
    def what(self) -> str:
        """Whose node it was, in a few words."""
        return f"containers {', '.join(untrusted(one.name) for one in self.containers)}"

    @property
    def was_running(self) -> bool:
        """Whether the app ran."""
        return self.containers[0].running

    @property
    def images(self) -> dict[str, ImageReference]:
        """Images of the services, which the genesis generation names."""
        return {one.service: ImageReference(one.image.removeprefix("sha256:")) for one in self.containers}

    @property
    def lines(self) -> tuple[str, ...]:
        """The plan for the operator, one step a line."""
        steps = [
            f"take the restart policy {one.policy} from container {untrusted(one.name)}"
            for one in self.containers
            if one.policy != "no"
        ]
        steps += [f"stop container {untrusted(one.name)}" for one in reversed(self.containers) if one.running]
        notes = [] if self.was_running else [f"note: container {untrusted(self.containers[0].name)} does not run now"]
        images = {one.service: one.image for one in self.containers}
        if images.get(ETH, images[APP]) != images[APP]:
            notes.append("note: the Ethereum API has another image than the app; here it gets the app's")
        return (*(f"{number}. {step}" for number, step in enumerate(steps, 1)), *notes)


class ContainerAdoption:
    """Takes one node's containers over, and gives them back.

    Args:
        state_dir: The controller's folder, where the record is.
        home: The node's home: our containers are labelled with it.
        engine: That runs them.
        services: Services and containers, the app first.
    """

    def __init__(self, state_dir: Path, home: Path, engine: Engine, services: Sequence[Service]) -> None:
        self._path = state_dir / RECORD_NAME
        self._home = str(home.resolve())
        self._engine = engine
        self._services = tuple(services)

    def record(self) -> ContainerPlan | None:
        """The adoption that was begun; None when there is none.

        Raises:
            NodeError: The record cannot be read; nothing is guessed.
        """
        try:
            document = json.loads(read_bounded(self._path))
            containers = tuple(ContainerState(**entry) for entry in document["containers"])
            return ContainerPlan(Phase(document["phase"]), containers)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NodeError(
                f"the record of the adopted containers {self._path} cannot be read: {untrusted(error)}",
                safe="no container was touched",
                next_step=f"look at it; containers that were set aside end with {BEFORE}",
            ) from error

    def plan(self) -> ContainerPlan:
        """Say what taking over will do; changes nothing. An adoption that was begun is planned to its end.

        Raises:
            NodeError: A container is missing, or giving back was begun, or the engine does not answer.
        """
        begun = self.record()
        if begun is not None and begun.phase is Phase.GIVING:
            raise NodeError(f"giving back {begun.what} was begun and not ended", next_step="end it first")
        return begun or ContainerPlan(Phase.TAKING, tuple(self._state(service) for service in self._services))

    def take(self, plan: ContainerPlan) -> tuple[str, ...]:
        """Do a plan; after a kill anywhere, plan and take again.

        Returns:
            A sentence for each thing done.

        Raises:
            NodeError: A step failed; the record remains.
        """
        if plan.phase is Phase.TAKEN:
            return (f"{plan.what} were taken over before",)
        self._keep(plan)
        done = []
        for one in plan.containers:
            if one.policy != "no":
                self._ask(f"/containers/{one.id}/update", {"RestartPolicy": {"Name": "no"}})
                done.append(f"container {untrusted(one.name)} is started by nobody else any more")
        # Consensus first, so that it does not see its application crash.
        for one in reversed(plan.containers):
            self._ask(f"/containers/{one.id}/stop?t={STOP_S}")
        self._keep(replace(plan, phase=Phase.TAKEN))
        return (*done, f"{plan.what} are stopped and kept as they are")

    def give_back(self, *, node_runs: bool) -> tuple[str, ...]:
        """Give the containers back: policies, and running or not, as they were. Again after a kill is the same.

        Args:
            node_runs: Whether our own run of the node lives; then nothing is given back.

        Returns:
            A sentence for each thing done.

        Raises:
            NodeError: There is nothing to give back, the node runs or is armed, or a step failed; the record remains.
        """
        record = self.record()
        if record is None:
            raise NodeError("no containers were adopted for this node", safe="nothing was changed")
        if node_runs:
            raise NodeError(
                f"{record.what} are not given back while this controller runs the node",
                safe="nothing was changed",
                next_step="stop the node first",
            )
        ours = {one.name: self._ours(one) for one in record.containers}
        self._refuse_armed(ours)
        self._keep(replace(record, phase=Phase.GIVING))
        stays = any(_other_image(one, ours[one.name]) for one in record.containers)
        back = self._stay if stays else self._put_back
        done = [back(one, ours[one.name]) for one in record.containers]
        for one in record.containers:
            if one.running:
                self._ask(f"/containers/{one.name}/start")
        try:
            self._path.unlink()
            sync_folder(self._path.parent)
        except OSError as error:
            raise NodeError(f"cannot remove {self._path}: {error}") from error
        was = "run again" if record.was_running else "stay stopped, as they were"
        return (*done, f"{record.what} {was}")

    def _put_back(self, one: ContainerState, ours: Mapping[str, Any] | None) -> str:
        """The operator's own container under its name again; what we made after it goes."""
        original = self._inspect(one.id)
        if original is None:
            if ours is None:
                raise NodeError(f"container {untrusted(one.name)} is gone", next_step="create it again")
            return self._stay(one, ours)
        if ours is not None:
            self._ask(f"/containers/{ours['Id']}", method="DELETE")
        if original["Name"] != f"/{one.name}":
            self._ask(f"/containers/{one.id}/rename?name={one.name}")
        self._restore_policy(one.id, one)
        return f"container {untrusted(one.name)} is the operator's own again"

    def _stay(self, one: ContainerState, ours: Mapping[str, Any] | None) -> str:
        """What runs now stays: after an upgrade the operator's own would run the old rules on the new data."""
        if ours is None:
            return self._put_back(one, None)
        self._restore_policy(ours["Id"], one)
        image = untrusted(ours["Image"])
        return (
            f"container {untrusted(one.name)} stays with {image}, which the data is of; the one from before is "
            f"kept as {untrusted(one.name)}{BEFORE} and must not be started. Put that image into compose files"
        )

    def _restore_policy(self, container: str, one: ContainerState) -> None:
        policy = {"Name": one.policy, "MaximumRetryCount": one.retries}
        self._ask(f"/containers/{container}/update", {"RestartPolicy": policy})

    def _refuse_armed(self, ours: Mapping[str, Mapping[str, Any] | None]) -> None:
        for name, found in ours.items():
            pairs = [] if found is None else found["Config"].get("Env") or []
            if any(pair.startswith(f"{HALT_VARIABLE}=") for pair in pairs):
                raise NodeError(
                    f"container {untrusted(name)} was made with {HALT_VARIABLE}, and would halt again",
                    safe="nothing was changed",
                    next_step="start and stop the node once with this controller",
                )

    def _ours(self, one: ContainerState) -> dict[str, Any] | None:
        """Our container under that name; None when there is none."""
        found = self._inspect(one.name)
        labels = {} if found is None else found["Config"].get("Labels") or {}
        return found if labels.get(HOME_LABEL) == self._home else None

    def _state(self, service: Service) -> ContainerState:
        found = self._inspect(service.container)
        if found is None:
            raise NodeError(
                f"there is no container {service.container} for the service {service.name}",
                safe="no container was touched",
                next_step="correct `containers` in the settings",
            )
        policy = found["HostConfig"].get("RestartPolicy") or {}
        return ContainerState(
            service=service.name,
            name=service.container,
            id=str(found["Id"]),
            image=str(found["Image"]),
            policy=str(policy.get("Name") or "no"),
            retries=int(policy.get("MaximumRetryCount") or 0),
            running=bool(found["State"]["Running"]),
        )

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            return self._engine.container(name)
        except OSError as error:
            raise NodeError(str(error), safe="no container was touched", next_step="start the Docker engine") from error

    def _ask(self, path: str, body: object = None, *, method: str = "POST") -> None:
        try:
            self._engine.ask(method, path, body, timeout_s=STOP_S + 30.0)
        except OSError as error:
            raise NodeError(str(error), next_step="mend that and run the same again: what was done is kept") from error

    def _keep(self, plan: ContainerPlan) -> None:
        document = {"phase": plan.phase.value, "containers": [asdict(one) for one in plan.containers]}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._path, json.dumps(document, indent=1).encode())
        except OSError as error:
            raise NodeError(f"cannot write {self._path}: {error}", safe="no container was touched") from error


def _other_image(one: ContainerState, ours: Mapping[str, Any] | None) -> bool:
    return ours is not None and ours["Image"] != one.image
