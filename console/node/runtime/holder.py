"""The holder: the small parent of one run of the node in containers. Nothing but our stdlib-only modules is imported.

What the shim is to processes this is to containers: it holds the one-signer lock, starts the containers that the
controller created, copies what they write to node.log, ends all of them when one ends, and leaves the exit record, so
that the node survives controller and console and its exit code is never lost (DESIGN §1, facts/safety.md §4).
Containers are children of the engine and cannot inherit the lock. If the holder is killed they are found again by
their labels, and a new holder is attached to them (`adopt`): the engine keeps the exit code of a container that it is
not told to remove.

Usage: `python -I -S -c LAUNCH FOLDER SPEC [adopt]` where FOLDER holds our package and SPEC is a JSON file:
    run_id       number of the run
    lock         path of the one-signer lock in the node's home
    run_dir      where node.json, exit.<run>.json and node.log go
    socket       of the engine
    grace_s      seconds between the stop signal and SIGKILL
    app_ends_s   seconds for the app to end by itself after a companion did
    log_kept     bytes of node.log that are kept
    log_offset   size of node.log in bytes before this run; the holder writes it before it starts anything
    labels       that each container must have
    services     the app first: name, container (id), image (id), sha256 (64 hex digits that the image was asked by)
"""

from __future__ import annotations

import errno
import json
import os
import queue
import signal
import sys
import time
from types import FrameType
from typing import Any

from console.node.runtime.engine import Engine
from console.node.runtime.watched import Events, Watched
from console.node.shim import LOG_LOOK_S, fault, open_log, start_ticks, take_lock, trim_log, write_durably

LAUNCH = "import sys; sys.path.append(sys.argv.pop(1)); from console.node.runtime.holder import main; sys.exit(main())"
"""For `python -I -S -c`: no other site package can be imported by the process that holds the lock."""

FAULT_POINTS = (
    "holder-before-lock",
    "holder-before-start",
    "holder-between-starts",
    "holder-before-record",
    "holder-after-record",
    "holder-before-exit-record",
    "holder-after-exit-record",
)
"""Where the first holder of a run can be killed for a test, as the shim can (`UPGRADE_CONSOLE_SHIM_FAULT`)."""


def program_of(pid: int, has_init: bool) -> int:
    """Pid of the program itself in a container whose first process is `pid`: below `docker-init` where there is one.

    The engine's init forks the program at once; the loop is for that moment.
    """
    children = f"/proc/{pid}/task/{pid}/children"
    for _ in range(200 if has_init and os.path.exists(children) else 0):
        with open(children) as stream:
            found = stream.read().split()
        if found:
            return int(found[0])
        time.sleep(0.005)
    return pid


class NotStarted(OSError):
    """The run did not come to be; nothing of it lives, or it is being stopped."""


def check(engine: Engine, spec: dict[str, Any], service: dict[str, str]) -> None:
    """Raises NotStarted unless the container is the verified one and may be started; OSError without an engine."""
    name, found = service["name"], engine.container(service["container"])
    if found is None:
        raise NotStarted(f"the container of {name} is gone")
    labels = found["Config"].get("Labels") or {}
    if found["Image"] != service["image"]:
        raise NotStarted(f"the container of {name} has image {found['Image']}, not {service['image']}")
    if any(labels.get(key) != value for key, value in spec["labels"].items()):
        raise NotStarted(f"the container of {name} is not of run {spec['run_id']}")
    if (found["HostConfig"].get("RestartPolicy") or {}).get("Name") not in ("", "no", None):
        raise NotStarted(f"the container of {name} has a restart policy")
    if found["State"]["Running"]:
        raise NotStarted(f"the container of {name} runs already")


def seen(found: dict[str, Any] | None) -> tuple[int, int]:
    """Pid and start time of a container's program; pid 0 when it has ended already.

    Raises:
        NotStarted: The engine's processes are not those that we see.
    """
    pid, ticks = 0, int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    first = found["State"]["Pid"] if found is not None and found["State"]["Running"] else 0
    if found is None or not first:
        return pid, ticks
    try:
        with open(f"/proc/{first}/cgroup") as stream:
            ours = found["Id"] in stream.read()
        program = program_of(first, bool(found["HostConfig"].get("Init")))
        pid, ticks = program, start_ticks(program)
    except OSError:
        # It ended meanwhile, which its exit code tells.
        return 0, ticks
    if not ours:
        raise NotStarted("the engine's processes cannot be seen from here: it runs in a machine of its own")
    return pid, ticks


def record_run(engine: Engine, spec: dict[str, Any]) -> None:
    """Write node.json: who runs, by pid and start time. Raises OSError."""
    living = []
    for service in spec["services"]:
        pid, ticks = seen(engine.container(service["container"]))
        living.append({"name": service["name"], "pid": pid, "started": ticks, "exe_sha256": service["sha256"]})
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(living[0]["started"]) / os.sysconf("SC_CLK_TCK")
    document: dict[str, object] = {
        "run_id": spec["run_id"],
        "shim_pid": os.getpid(),
        "shim_started": start_ticks(os.getpid()),
        "child_pid": living[0]["pid"],
        "child_started": living[0]["started"],
        "exe_sha256": living[0]["exe_sha256"],
        "log_offset": spec["log_offset"],
        "started_at": time.time() - age_s,
        "services": living,
    }
    write_durably(os.path.join(spec["run_dir"], "node.json"), document)


def start(engine: Engine, spec: dict[str, Any], adopt: bool, events: Events) -> None:
    """Start the containers and record the run; with `adopt`, finish a start or take up a run. Raises OSError."""

    def reach(point: str) -> None:
        if not adopt:
            fault(point, spec["run_id"])

    services = spec["services"]
    waiting = []
    for service in services:
        found = engine.container(service["container"]) if adopt else None
        if not adopt or (found is not None and found["State"]["Status"] == "created"):
            waiting.append(service)
    if adopt and (services[0] in waiting or "log_offset" not in spec):
        raise NotStarted("it was never started")
    for service in waiting:
        check(engine, spec, service)
    reach("holder-before-start")
    for service in waiting:
        if not events.empty():
            raise NotStarted("asked to stop before it was started")
        engine.ask("POST", f"/containers/{service['container']}/start")
        reach("holder-between-starts")
    reach("holder-before-record")
    record_run(engine, spec)
    reach("holder-after-record")


def keep_record(path: str, document: dict[str, object], events: Events) -> None:
    """Write the exit record. On a full disk wait for space, holding the lock; a SIGTERM gives the record up."""
    while True:
        try:
            write_durably(path, document)
            return
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return
        try:
            if events.get(timeout=1.0)[0] == "stop":
                return
        except queue.Empty:
            pass


class Oversight:
    """What is known of a run that goes on and of its end.

    Args:
        watched: The containers, the app first.
        events: What happens to them.
    """

    def __init__(self, watched: list[Watched], events: Events) -> None:
        self._watched = watched
        self._events = events
        self._app_ends_by: float | None = None
        self._ending = False
        self.first = ""
        self.asked = False

    def wait(self, grace_s: float, app_ends_s: float, log: int, kept: int) -> None:
        """Wait until nothing of the run lives. When one service ends, the others are ended too."""
        while not all(one.gone.is_set() for one in self._watched):
            wait_s = LOG_LOOK_S
            if self._app_ends_by is not None and not self._ending:
                wait_s = min(wait_s, max(0.0, self._app_ends_by - time.monotonic()))
            try:
                what, name = self._events.get(timeout=wait_s)
            except queue.Empty:
                trim_log(log, kept)
                what, name = "", ""
            if self._ending:
                continue
            self.asked = what == "stop"
            app_ended = what == "ended" and name == self._watched[0].name
            if what == "ended" and not app_ended:
                self.first = self.first or name
                # CometBFT ends with the app's halt, and the two race.
                self._app_ends_by = self._app_ends_by or time.monotonic() + app_ends_s
            late = self._app_ends_by is not None and time.monotonic() >= self._app_ends_by
            if self.asked or app_ended or late:
                self._ending = True
                for one in self._watched:
                    if not one.gone.is_set():
                        one.stop(grace_s)


def main() -> int:
    """Run the node once; exits 0 when it ran and its exit record was written."""
    with open(sys.argv[1]) as stream:
        spec = json.load(stream)
    adopt = sys.argv[2:] == ["adopt"]
    events: Events = queue.SimpleQueue()

    def asked_to_stop(number: int, frame: FrameType | None) -> None:
        events.put(("stop", ""))

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked_to_stop)
    record = os.path.join(spec["run_dir"], f"exit.{spec['run_id']}.json")
    ending = {"run_id": spec["run_id"], "code": None, "asked": False, "unclean": False, "problem": "", "first": ""}
    since = 0.0
    if not adopt:
        fault("holder-before-lock", spec["run_id"])
    try:
        # Held until we end, and closed in what we might execute.
        take_lock(spec["lock"])
        if adopt:
            log = os.open(os.path.join(spec["run_dir"], "node.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if os.fstat(log).st_size > spec.get("log_offset", 0):
                # What a killed holder copied last is copied again rather than lost.
                since = os.fstat(log).st_mtime - 1.0
        else:
            log = open_log(spec["run_dir"], spec["log_kept"])
            spec["log_offset"] = os.fstat(log).st_size
            write_durably(sys.argv[1], spec)
    except OSError as error:
        if not adopt:
            write_durably(record, {**ending, "problem": str(error), "ended_at": time.time()})
        return 1
    engine = Engine(spec["socket"])
    watched = [Watched(engine, service["name"], service["container"], log, events) for service in spec["services"]]
    problem = ""
    try:
        start(engine, spec, adopt, events)
    except OSError as error:
        if adopt and not isinstance(error, NotStarted):
            # A node that lives is not stopped because its engine is away or the disk is full.
            return 1
        problem = str(error)
        events.put(("stop", ""))
    for one in watched:
        one.begin(since)
    oversight = Oversight(watched, events)
    oversight.wait(float(spec["grace_s"]), float(spec["app_ends_s"]), log, spec["log_kept"])
    for one in watched:
        one.last_words()
    ending["ended_at"] = time.time()
    if problem:
        write_durably(record, {**ending, "problem": problem})
        return 1
    ending |= {
        "code": watched[0].code,
        "asked": oversight.asked,
        "unclean": any(one.killed for one in watched),
        "first": oversight.first,
        "codes": {one.name: one.code for one in watched},
    }
    if not adopt:
        fault("holder-before-exit-record", spec["run_id"])
    keep_record(record, ending, events)
    if not adopt:
        fault("holder-after-exit-record", spec["run_id"])
    return 0
