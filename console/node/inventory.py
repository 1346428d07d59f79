"""What a node has on its disk: generations and rollback points, as documents, and whether they are what was recorded.

Blocking, and read-only. The controller answers with it, and so does the command line when no controller runs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from console.errors import NodeError
from console.node.data_folders import DataFolders
from console.node.discovery.finding import Finding, Level
from console.node.generation import Generations
from console.node.generation_folders import GenerationState
from console.node.kept_aside import Aside
from console.node.rollback_point import CopyMethod, RollbackPoint, RollbackPoints
from console.node.runtimes import generations_of
from console.node.shape import shape_of
from console.settings import NodeSettings
from console.text import untrusted


@dataclass(frozen=True, slots=True)
class Inventory:
    """The generations and rollback points of one node."""

    generations: Generations
    points: RollbackPoints

    @classmethod
    def of(cls, node: NodeSettings) -> Inventory:
        """The inventory that the node's settings name. Raises NodeError: the settings contradict themselves."""
        shape = shape_of(node)
        data = DataFolders(node.home, shape.data_folders(), None if shape.remote_signer() else shape.signer_state())
        return cls(
            generations_of(node, shape),
            RollbackPoints(data, node.points_dir, margin_bytes=node.rollback_space_margin_bytes),
        )

    def generation_documents(self) -> list[dict[str, Any]]:
        """Every generation, genesis first; nothing is hashed."""
        return [generation_document(state) for state in self.generations.all()]

    def point_documents(self) -> list[dict[str, Any]]:
        """Every complete rollback point, newest first, what looks like one and is damaged, and data that was set aside.

        Reads their trees.
        """
        now = time.time()
        found = [self.point_document(point, now) for point in self.points.all()]
        for folder in self.points.damaged():
            sentence = "looks like a rollback point and has no whole manifest; it is never restored or removed"
            found.append({"name": str(untrusted(folder.name)), "complete": False, "sentence": sentence})
        return found + [self._aside_document(aside) for aside in self.points.kept_aside.all()]

    def point_document(self, point: RollbackPoint, now: float | None = None) -> dict[str, Any]:
        """One complete rollback point; `own_bytes` is None when its cost cannot be told."""
        now = time.time() if now is None else now
        document: dict[str, Any] = {
            "name": str(untrusted(point.name)),
            "complete": True,
            "taken_at": point.taken_at,
            "age_s": point.age(now),
            "app_height": point.app_height,
            "generation": str(untrusted(point.generation)),
            "method": point.method.value,
            "files": point.files,
            "apparent_bytes": point.apparent_bytes,
        }
        try:
            cost = self.points.cost(point)
            sentence = self.points.sentence(point, now)
        except NodeError as error:
            return {**document, "own_bytes": None, "exact": False, "sentence": str(error)}
        return {**document, "own_bytes": cost.own_bytes, "exact": cost.exact, "sentence": sentence}

    def _aside_document(self, aside: Aside) -> dict[str, Any]:
        """Data that a restore or a resync set aside; `own_bytes` is None when its cost cannot be told."""
        document: dict[str, Any] = {
            "name": aside.name,
            "complete": False,
            "set_aside": True,
            "folders": [str(untrusted(str(kept))) for _, kept in aside.folders],
        }
        shares_blocks = any(point.method is CopyMethod.REFLINK for point in self.points.all())
        try:
            cost = self.points.kept_aside.cost(aside, shares_blocks=shares_blocks)
        except NodeError as error:
            return {**document, "own_bytes": None, "exact": False, "sentence": str(error)}
        by = "a restore" if aside.name.startswith("bad") else "a resync"
        sentence = (
            f"data that {by} set aside, in {' and '.join(document['folders'])}: costs {cost}; never restored, "
            "removed once an upgrade is far behind (keep_set_aside_blocks)"
        )
        return {**document, "own_bytes": cost.own_bytes, "exact": cost.exact, "sentence": sentence}

    def verified(self, what: str = "all") -> tuple[Finding, ...]:
        """Hash binaries and check rollback points against what was recorded; reads all of their bytes.

        Args:
            what: `all`, `generations` or `points`.
        """
        return (
            *(self._verified_generations() if what != "points" else ()),
            *(self._verified_points() if what != "generations" else ()),
        )

    def _verified_generations(self) -> Iterator[Finding]:
        states = self.generations.all()
        if not any(state.current for state in states):
            try:
                self.generations.current()
            except NodeError as error:
                yield Finding(Level.FAIL, "current", str(error))
        for state in states:
            yield self._verified_generation(state)

    def _verified_generation(self, state: GenerationState) -> Finding:
        topic = f"generation {untrusted(state.name)}"
        if state.problem:
            return Finding(Level.FAIL, topic, state.problem)
        if not state.complete:
            return Finding(Level.FAIL, topic, f"not complete: {', '.join(state.missing)} is missing")
        try:
            generation = self.generations.generation(state.name)
            files = [(generation.binary, generation.sha256)]
            files += [(entry.path, entry.sha256) for entry in generation.companions]
            for path, recorded in files:
                found = self.generations.hash_of(path)
                if found != recorded:
                    return Finding(Level.FAIL, topic, f"{path} has sha256 {found}, recorded is {recorded}")
                if not self.generations.is_here(found):
                    words = f"the image sha256:{found} of {path.name} is not on this machine"
                    return Finding(Level.FAIL, topic, words, "pull it by that digest")
        except (NodeError, OSError) as error:
            return Finding(Level.FAIL, topic, str(error))
        if not generation.verified:
            return Finding(
                Level.WARN,
                topic,
                f"sha256 {generation.sha256} is what lies there now; nobody recorded what it should be",
            )
        return Finding(Level.OK, topic, f"sha256 {generation.sha256}, as recorded")

    def _verified_points(self) -> Iterator[Finding]:
        for point in self.points.all():
            topic = f"rollback point {untrusted(point.name)}"
            try:
                self.points.verify(point, full=True)
            except NodeError as error:
                yield Finding(Level.FAIL, topic, str(error), "do not count on it; take another with `node backup`")
            else:
                yield Finding(Level.OK, topic, f"{point.files} files are what its manifest says")
        for folder in self.points.damaged():
            yield Finding(Level.FAIL, f"rollback point {untrusted(folder.name)}", "has no whole manifest")


def generation_document(state: GenerationState) -> dict[str, Any]:
    """One generation as JSON values."""
    return {
        "name": str(untrusted(state.name)),
        "current": state.current,
        "complete": state.complete,
        "missing": [str(untrusted(daemon)) for daemon in state.missing],
        "verified": bool(state.sha256),
        "sha256": state.sha256,
        "origin": str(untrusted(state.origin)),
        "manifest": state.manifest,
        "signatures": state.signatures,
        "staged_at": state.staged_at,
        "bytes": state.bytes,
        "problem": state.problem,
    }
