"""The console in each state, on sessions without a network; all views of a state are drawn in one of them."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from console.errors import ChainError, ConsoleError
from console.log_store import LogStore
from console.model import AuditReading, DiskUse, FleetNode, KnownRelease, NodeStorage, Snapshot
from console.procedures.desk import UnreadableRun
from tests import fakes, node_fakes, procedure_fakes
from tests import governance_fakes as votes
from tests.pilot import settled, until
from tests.procedure_fakes import FakeDesk
from tests.screens.pictures.scene import Stage, State, nothing_yet, stage
from tests.screens.test_hostile_tour import HostileSession, poisoned
from tests.screens.test_validators import stances
from tests.session_fakes import FakeAudit, FakeSession

HOSTILE = "[@click=app.quit]\x1b[2Jquit[/] [/nope \u202e " + "an-endless-word" * 12
"""Long, and everything that a terminal or a parser of markup would act on."""

REFUSAL = "http://10.0.0.1:8545 answers with HTTP 502 instead of a block"


def session(shown: Snapshot, *, node: str = "running") -> FakeSession:
    """A session with an answer to everything."""
    made = FakeSession(shown)
    made.said_before = stances()
    if node == "down":
        made.tree = node_fakes.nothing_runs()
    return made


def empty() -> FakeSession:
    """Nothing was ever proposed, decided or logged; the node runs its first release."""
    made = FakeSession(fakes.idle(), log=())
    made.store = LogStore({"node": Path("/var/lib/upgrade-console/node1/run/node.log")}, made.now)
    made.audited.reading = AuditReading((), ())
    made.desk = FakeDesk()
    made.journal = ()
    made.fleet_nodes = ()
    made.storage = NodeStorage(fakes.NOW, (), (), DiskUse(412 << 30, 1800 << 30, (), fakes.NOW))
    made.known_release = KnownRelease("", "no plan was taken up here yet, so there is no release to verify")
    return made


class SilentAudit(FakeAudit):
    """Is still being read, for ever."""

    def __init__(self, let_go: threading.Event) -> None:
        super().__init__()
        self._let_go = let_go

    def read(self) -> AuditReading:
        self._let_go.wait()
        return self.reading


class SilentSession(FakeSession):
    """Is asked, and nobody has answered yet."""

    QUESTIONS = frozenset(
        {
            "rules",
            "governance",
            "signing",
            "stances",
            "linked_reviews",
            "cut_file_reviews",
            "review",
            "send",
            "traffic",
            "release",
            "node_command",
            "node_processes",
            "node_storage",
            "node_timeline",
            "procedures",
        }
    )

    def __init__(self, *shown: Snapshot) -> None:
        super().__init__(*shown, log=() if not shown else fakes.LOG)
        self.let_go = threading.Event()
        self.audited = SilentAudit(self.let_go)

    async def fleet(self) -> AsyncGenerator[tuple[FleetNode, ...], None]:
        await asyncio.Event().wait()
        yield ()

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in SilentSession.QUESTIONS or not inspect.iscoroutinefunction(value):
            return value

        async def asked(*_args: Any, **_kwargs: Any) -> Any:
            await asyncio.Event().wait()

        return asked


async def let_go(pilot: Pilot[Any]) -> None:
    """End what waits in a thread: the application cannot end before."""
    session = pilot.app.session  # type: ignore[attr-defined]
    assert isinstance(session, SilentSession)
    session.let_go.set()


def disconnected() -> FakeSession:
    """Neither the chain nor the controller answers, and nothing was ever known of either."""
    made = FakeSession(fakes.snapshot(None, None), log=())
    made.error = ChainError("none of 4 endpoints answered within 2 s", safe="the node goes on as it is")
    made.node_error = ConsoleError("no controller answers for node1", next_step="run `upgrade-console node run`")
    made.store = None
    return made


class FailingSession(FakeSession):
    """Chain and node were heard once; since then every question is refused, and the source of Snapshots ended."""

    def __init__(self, shown: Snapshot) -> None:
        super().__init__(shown)
        self.audited.reading = AuditReading(
            fakes.audit_entries(), ("journal.db of node1 cannot be read: database disk image is malformed.",)
        )
        refused(self)
        self.desk = FakeDesk(runs=procedure_fakes.readings())
        self.desk.unreadable = (UnreadableRun("rolling-20251009T073000-5c1e", "its journal holds no whole line."),)

    def logs(self) -> LogStore:
        """The node's log is another user's."""
        return UnreadableLogs({"node": Path("/var/lib/upgrade-console/node1/run/node.log")}, self.now)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        for each in self._snapshots:
            yield each
        raise ChainError(REFUSAL, safe="the node goes on as it is", next_step="open the console again")


class UnreadableLogs(LogStore):
    """The files are another user's."""

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{path} cannot be read: Permission denied" for path in self.paths)


def refused(made: FakeSession) -> FakeSession:
    """Every question to it is refused."""
    made.error = ChainError(REFUSAL, safe="nothing was changed", next_step="look at that endpoint's log")
    made.review_error = made.error
    made.node_error = ConsoleError(
        "the controller of node1 refused the question", safe="the node goes on", next_step="see its log"
    )
    return made


def hostile_session() -> FakeSession:
    """Whatever a stranger may say is hostile and long."""
    made = HostileSession(HOSTILE, fakes.partly_ready())
    made.audited.reading = poisoned(made.audited.reading, HOSTILE)
    made.desk = FakeDesk(runs=procedure_fakes.hostile_readings(HOSTILE))
    return made


async def heard_the_end(pilot: Pilot[Any]) -> None:
    """The Snapshot is there and grows old: it was said that no more will come."""
    app = await settled(pilot)
    await until(pilot, lambda: app._notifications, "that no more news come")
    assert isinstance(app.session, FailingSession)
    app.session.clock += 40
    await until(pilot, lambda: app.now == app.session.now(), "the next tick")


USUAL = stage(partial(session, fakes.go()))
VOTED = stage(partial(session, votes.voted_on()))
"""An expedited vote goes on."""
STAGES: dict[State, Stage] = {
    State.USUAL: USUAL,
    State.EMPTY: stage(empty),
    State.LOADING: stage(SilentSession, nothing_yet, let_go),
    State.STALE: stage(partial(session, fakes.stale())),
    State.DISCONNECTED: stage(disconnected),
    State.ERROR: stage(partial(FailingSession, fakes.go()), heard_the_end),
    State.HALTED: stage(partial(session, fakes.halted(), node="down")),
    State.WAITING_FOR_QUORUM: stage(partial(session, fakes.waiting_for_quorum())),
    State.NEEDS_OPERATOR: stage(partial(session, fakes.called())),
    State.HOSTILE: stage(hostile_session),
}
"""Of every state the console as it is then."""
