"""Images of the Docker engine: looked up and pulled by digest, and tried in a container without network or mounts."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from console.errors import NodeError
from console.node.runtime.engine import Engine, EngineDown, EngineRefused
from console.node.runtime.processes import alive
from console.node.shim import start_ticks
from console.text import untrusted

TRY_LABEL = "upgrade-console.try"
"""Of a container in which an image is tried; its value is the node's home."""
_TRIER_LABEL = "upgrade-console.tried-by"
"""Pid and start time of who tries it."""

_SILENCE_S = 300.0
"""Seconds without a word of the engine after which a pull is given up: unpacking a large layer is silent."""
_LARGEST_OUTPUT = 1 << 20
_LONGEST_LINE = 1 << 20
_KEPT = ("Env", "User", "WorkingDir", "Entrypoint")


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is on this machine."""

    id: str
    """`sha256:…`."""
    platform: str
    """`linux/amd64`."""
    config: Mapping[str, Any]
    """Its `Config`: entry point, command, environment."""


def find_image(engine: Engine, sha256: str) -> Image | None:
    """The image with that id or registry digest (64 hex digits); None when it is not on this machine.

    Raises:
        EngineDown, EngineRefused: The engine does not tell.
    """
    for name in (f"sha256:{sha256}", _id_of_digest(engine, sha256)):
        if name:
            try:
                found = engine.ask("GET", f"/images/{quote(name, safe=':')}/json")
            except EngineRefused as error:
                if error.status != 404:
                    raise
                continue
            platform = f"{found.get('Os', '')}/{found.get('Architecture', '')}"
            return Image(str(found["Id"]), platform, found.get("Config") or {})
    return None


def _id_of_digest(engine: Engine, sha256: str) -> str:
    for image in engine.ask("GET", "/images/json")["items"]:
        if any(digest.endswith(f"@sha256:{sha256}") for digest in image.get("RepoDigests") or ()):
            return str(image["Id"])
    return ""


def engine_platform(engine: Engine) -> str:
    """What the engine runs, as `linux/amd64`. Raises EngineDown, EngineRefused."""
    found = engine.ask("GET", "/version")
    return f"{found.get('Os', '')}/{found.get('Arch', '')}"


def pull(engine: Engine, name: str, sha256: str) -> None:
    """Have the engine fetch an image by its registry digest; it refuses other content. Blocks as long as that takes.

    Raises:
        NodeError: The registry does not give it, or what it gave is not that.
        EngineDown, EngineRefused: The engine failed.
    """
    path = f"/images/create?fromImage={quote(name, safe='')}&tag={quote(f'sha256:{sha256}', safe='')}"
    connection, response = engine.stream(path, "POST", timeout_s=_SILENCE_S)
    try:
        while line := response.readline(_LONGEST_LINE):
            said = json.loads(line) if line.strip() else {}
            if isinstance(said, dict) and (error := said.get("error")):
                image = f"{untrusted(name)}@sha256:{sha256}"
                raise NodeError(f"the image {image} cannot be pulled: {untrusted(error, 300)}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise EngineDown(f"the Docker engine broke off: {error}") from error
    finally:
        connection.close()


def try_image(
    engine: Engine,
    image: Image,
    arguments: Sequence[str],
    *,
    settings: Mapping[str, Any],
    environment: Mapping[str, str],
    home: str,
    deadline_s: float,
) -> subprocess.CompletedProcess[str]:
    """Run one short command of an image to its end, with no network and nothing of this machine mounted.

    Args:
        engine: That runs it.
        image: What is run.
        arguments: For its entry point; where there is none, for its program.
        settings: `Config` of a `create` whose entry point, environment, user and working folder are used too.
        environment: Further variables.
        home: The node's, in a label, so that what a kill left is found.
        deadline_s: Seconds for the command.

    Raises:
        NodeError: It did not end in time, or the image names nothing to execute.
        EngineDown, EngineRefused: The engine failed.
    """
    _remove_left(engine, home)
    words = list(arguments)
    if not (settings.get("Entrypoint") or image.config.get("Entrypoint")):
        program = (settings.get("Cmd") or image.config.get("Cmd") or [""])[0]
        if not program:
            raise NodeError(f"image {image.id} names no program", safe="nothing was run")
        words = words if words[:1] == [program] else [program, *words]
    body = {key: settings[key] for key in _KEPT if settings.get(key)}
    kept = [pair for pair in body.get("Env", ()) if pair.partition("=")[0] not in environment]
    body["Env"] = kept + [f"{name}={value}" for name, value in sorted(environment.items())]
    body |= {
        "Image": image.id,
        "Cmd": words,
        "Labels": {TRY_LABEL: home, _TRIER_LABEL: _this_process()},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": "none",
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "json-file"},
        },
    }
    made = engine.ask("POST", "/containers/create", body)["Id"]
    try:
        engine.ask("POST", f"/containers/{made}/start")
        try:
            code = int(engine.ask("POST", f"/containers/{made}/wait", timeout_s=deadline_s)["StatusCode"])
        except EngineDown as error:
            raise NodeError(f"`{' '.join(words)}` did not end within {deadline_s:.0f} s") from error
        output, complaint = _said(engine, made)
        return subprocess.CompletedProcess(words, code, output, complaint)
    finally:
        engine.ask("DELETE", f"/containers/{made}?force=1&v=1")


def _said(engine: Engine, container: str) -> tuple[str, str]:
    """What it wrote to stdout and stderr, whole frames up to a megabyte each."""
    connection, response = engine.stream(f"/containers/{container}/logs?stdout=1&stderr=1", timeout_s=30.0)
    streams: dict[int, bytearray] = {1: bytearray(), 2: bytearray()}
    try:
        while len(header := response.read(8)) == 8:
            piece = response.read(int.from_bytes(header[4:], "big"))
            kept = streams.setdefault(header[0], bytearray())
            kept += piece[: _LARGEST_OUTPUT - len(kept)]
            if len(kept) >= _LARGEST_OUTPUT:
                break
    except (OSError, http.client.HTTPException) as error:
        raise EngineDown(f"the Docker engine broke off: {error}") from error
    finally:
        connection.close()
    return streams[1].decode("utf-8", "replace"), streams[2].decode("utf-8", "replace")


def _remove_left(engine: Engine, home: str) -> None:
    """Remove what somebody who was killed at a try has left."""
    filters = quote(json.dumps({"label": [f"{TRY_LABEL}={home}"]}), safe="")
    for left in engine.ask("GET", f"/containers/json?all=1&filters={filters}")["items"]:
        pid, _, started = str((left.get("Labels") or {}).get(_TRIER_LABEL, "")).partition(" ")
        if not (pid.isdigit() and started.isdigit() and alive(int(pid), int(started))):
            engine.ask("DELETE", f"/containers/{left['Id']}?force=1&v=1")


def _this_process() -> str:
    return f"{os.getpid()} {start_ticks(os.getpid())}"
