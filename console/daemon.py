"""`node run`: puts controller, chain and socket together (DESIGN §1)."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import gc
import logging
import logging.handlers
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from console import __version__
from console.chain.peers import CometPeers
from console.errors import ConsoleError, HeldByOther, JournalError, NodeError
from console.model import Arming, Attempt, PlanOrigin
from console.node.ballast import Ballast
from console.node.bell import Bell
from console.node.controller import Controller
from console.node.faults import FaultPoints
from console.node.heads_noted import HeadsNoted
from console.node.inventory import Inventory
from console.node.journal import Journal
from console.node.known_release import ReleaseTeller
from console.node.live_settings import LiveSettings
from console.node.manifests import NetworkDemands
from console.node.metrics.counts import CONTROLLER_STARTED
from console.node.metrics.exposition import Exposition
from console.node.metrics.server import MetricsServer
from console.node.notify import Notifier
from console.node.parts import parts_of
from console.node.rollout import NOTHING_DEMANDED, ProofDemand
from console.node.service import ControllerService
from console.node.unit import NEEDS_OPERATOR_EXIT
from console.notify.controller import ControllerNotices
from console.ports.chain import HeightBound, PeerView, PlanSource, Signals, StateReader
from console.settings import NetworkSettings, NodeSettings, proving_network
from console.text import untrusted

_LOG = logging.getLogger(__name__)

CONTROLLER_LOCK = "upgrade-console.controller.lock"
"""In the node's home: one controller, whatever state folder it has."""
_LAST_COMMAND_S = 90.0
_HOUSE_S = 10.0
"""Seconds between two looks at what nobody waits for."""
_LOG_BYTES = 8 << 20
_LOG_FILES = 3


async def run_controller(network: NetworkSettings, node: NodeSettings) -> int:
    """Run the controller of one node until SIGTERM or SIGINT; the node goes on without it.

    Returns:
        0 when it was asked to end; `NEEDS_OPERATOR_EXIT` when another start would change nothing: the journal cannot
        be opened, or the settings contradict themselves.

    Raises:
        HeldByOther: Another controller of this node runs, or a foreign process holds the node.
        ConsoleError: The journal, the socket or the layout is not usable.
    """
    # Before anything is started that would inherit it.
    notifier = Notifier.take(os.environ)
    if sys.platform != "linux":
        raise NodeError("the controller needs Linux", next_step="run the console here and the controller there")
    run_dir = _folder_of_state(node.state_dir)
    # Two settings may give one home two state folders.
    locks = (_controller_lock(node.state_dir / "controller.lock"), _controller_lock(node.home / CONTROLLER_LOCK))
    _log_to(run_dir / "controller.log")
    faults = FaultPoints.from_environment()
    ballast = Ballast(node.state_dir)
    try:
        journal = Journal(node.state_dir / "journal.db", faults=faults, make_room=ballast.drop)
    except JournalError as error:
        return _needs_operator(error)
    live = LiveSettings(node, journal.record)
    if live.problem:
        _LOG.warning("%s", live.problem)
    await asyncio.to_thread(ballast.ensure)
    bell = Bell()
    chain = await _chain_of(network, live.settings, journal)
    above, closing_above = above_of(network)
    chain = replace(chain, closing=(*chain.closing, *closing_above))
    in_force = partial(_settings_in_force, live)
    try:
        parts = parts_of(in_force, journal, faults, NetworkDemands(network.chain_id, network.demands), chain.state)
    except NodeError as error:
        for closing in chain.closing:
            await closing()
        journal.close()
        return _needs_operator(error)
    controller = Controller(
        in_force,
        journal,
        chain.plans,
        chain.peers,
        chain.signals,
        parts,
        block_time_s=network.block_time_s,
        changed=bell.ring,
        faults=faults,
        proof=chain.proof,
        above=above,
    )
    inventory = Inventory(parts.generations, parts.points)
    teller = None if parts.manifests is None else ReleaseTeller(parts.manifests, parts.generations)
    service = ControllerService(run_dir, controller, journal, bell, live=live, inventory=inventory, releases=teller)
    await service.open()
    _LOG.info("controller of %s starts: %s", node.name, _open_attempt_words(journal.latest_attempt()))
    # With a full disk the node is looked after all the same.
    with suppress(JournalError):
        journal.record(CONTROLLER_STARTED, version=__version__)
    heads = HeadsNoted(journal)
    heads.note()
    work = asyncio.current_task()
    assert work is not None
    asked: list[int] = []

    def end(number: int) -> None:
        asked.append(number)
        if len(asked) == 1:
            work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    looking = asyncio.create_task(_keep_house(live, ballast, heads))
    telling = asyncio.create_task(_tell_manager(notifier, controller))
    warning = asyncio.create_task(warn_of_key(chain.key_warning))
    notices = ControllerNotices(network, node, controller.known, bell)
    side_tasks = [looking, telling, warning, asyncio.create_task(notices.run())]
    if live.settings.metrics_port:
        exposition = Exposition(journal, controller.known, network=network.name, node=node.name)
        server = MetricsServer(live.settings.metrics_port, exposition.text)
        side_tasks.append(asyncio.create_task(server.run()))
    # What lives for ever need not be looked at again: a hand-over must not wait for the collector.
    gc.freeze()
    try:
        await controller.run()
    except asyncio.CancelledError:
        if not asked:
            raise
        work.uncancel()
    except BaseExceptionGroup as group:
        known, unknown = group.split(ConsoleError)
        if unknown is not None or known is None:
            raise
        raise _first(known) from group
    finally:
        for task in side_tasks:
            task.cancel()
        notifier.stopping()
        await _close_between_commands(controller, service)
        for closing in chain.closing:
            await closing()
        journal.close()
        for held in locks:
            os.close(held)
    _LOG.info("controller of %s ends; the node goes on", node.name)
    return 0


async def _close_between_commands(controller: Controller, service: ControllerService) -> None:
    """Stop answering, but not in the middle of a command: a restart must not end with its stop."""
    try:
        async with asyncio.timeout(_LAST_COMMAND_S), controller.commands.acting:
            await service.close()
    except TimeoutError:
        await service.close()


def _needs_operator(error: ConsoleError) -> int:
    _LOG.error("%s", error)
    sys.stderr.write(f"upgrade-console: {untrusted(str(error))}\n")
    return NEEDS_OPERATOR_EXIT


async def _tell_manager(notifier: Notifier, controller: Controller) -> None:
    """Tell the service manager that we are ready when what runs is found, and that we are alive from then on."""
    await controller.commands.adopted.wait()
    notifier.ready("the controller answers on its socket")
    await notifier.keep_alive()


async def warn_of_key(key_warning: Callable[[], Awaitable[str]] | None) -> None:
    """Say once what is wrong with the operator key: nothing waits for it."""
    if key_warning is not None and (problem := await key_warning()):
        _LOG.warning("%s", problem)


def _settings_in_force(live: LiveSettings) -> NodeSettings:
    """The settings; while what was set here cannot be read automation does nothing, since it may have been off."""
    return dataclasses.replace(live.settings, automatic=False) if live.problem else live.settings


async def _keep_house(live: LiveSettings, ballast: Ballast, heads: HeadsNoted) -> None:
    """Take over settings that were written by hand, note the journal's head, make the ballast anew."""
    while True:
        await asyncio.sleep(_HOUSE_S)
        try:
            for change in live.refresh():
                _LOG.info("setting %s is %s now", change.key, change.new)
        except ConsoleError as error:
            _LOG.warning("%s", error)
        heads.note()
        await asyncio.to_thread(ballast.ensure)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The controller's seams to one chain."""

    plans: PlanSource
    peers: PeerView
    signals: Signals
    closing: tuple[Callable[[], Awaitable[None]], ...]
    proof: ProofDemand = NOTHING_DEMANDED
    state: StateReader | None = None
    """Of our own node; None where it has no state that is read key by key."""
    key_warning: Callable[[], Awaitable[str]] | None = None
    """What is wrong with the operator key, in words; None where nothing is signed."""


async def _chain_of(network: NetworkSettings, node: NodeSettings, journal: Journal) -> _Chain:
    """The seams for the network's kind; what only one kind needs is imported for that kind."""
    peers = CometPeers(network, node)
    if network.kind == "cosmos":
        from console.chain.xupgrade import UpgradeModulePlans, UpgradePlan
        from console.node.plan_file import written_ahead
        from console.node.silence import SilentSignals

        latest = journal.latest_attempt()
        known: tuple[UpgradePlan, ...] = ()
        # A plan that the operator wrote ahead may be unknown to the chain, which is not to say that it was withdrawn.
        if (
            latest is not None
            and latest.origin is PlanOrigin.CHAIN
            and not written_ahead(journal, str(latest.name), latest.target_height)
        ):
            known = (UpgradePlan(str(latest.name), latest.target_height, str(latest.release_url)),)
        upgrades = UpgradeModulePlans(network, node, known=known)
        return _Chain(upgrades, peers, SilentSignals(), (upgrades.close, peers.close))
    from console.chain.evm_state import EvmState
    from console.chain.plans import RegistryPlans
    from console.chain.signals import RegistrySignals

    plans, signals = RegistryPlans(network, node), RegistrySignals(network, node)
    state = EvmState((node.ethereum_rpc,), network.tokens)
    demand, closing = proof_demand(network)
    closing = (plans.close, peers.close, signals.close, state.close, *closing)
    return _Chain(plans, peers, signals, closing, demand, state, signals.key_warning)


def above_of(network: NetworkSettings) -> tuple[HeightBound | None, tuple[Callable[[], Awaitable[None]], ...]]:
    """What the network above allows, and what is closed at the end; one that cannot be asked bounds nothing."""
    if not network.parent:
        return None, ()
    from console.operations.chains import chain_of
    from console.operations.parent_watch import ParentBound, watch_of

    try:
        watched = watch_of(network)
    except ConsoleError as error:
        _LOG.warning("what the network above intends is not known: %s", error)
        return None, ()
    assert watched is not None  # it has a parent
    watch, close = watched
    own = chain_of(network)
    return ParentBound(own.view, watch), (close, own.close)


def proof_demand(network: NetworkSettings) -> tuple[ProofDemand, tuple[Callable[[], Awaitable[None]], ...]]:
    """What another network has to have done with a release, and what is closed at the end.

    A network that cannot be asked is said to be so: that proves nothing, and keeps the node from nothing else.
    """
    demands = network.demands
    if not demands.proven_s:
        return NOTHING_DEMANDED, ()
    if not demands.proven_on:
        _LOG.warning("this network demands proven releases, and its settings name no network that proves them")
        return ProofDemand("", demands.proven_s), ()
    from console.chain.proving import RegistryProof

    try:
        proving = proving_network(network)
    except ConsoleError as error:
        _LOG.warning("releases cannot be proven: %s", error)
        return ProofDemand(demands.proven_on, demands.proven_s, problem=error.what), ()
    source = RegistryProof(proving)
    return ProofDemand(demands.proven_on, demands.proven_s, source), (source.close,)


def _folder_of_state(state_dir: Path) -> Path:
    """The folder `run` in the state folder, which is for its owner alone. Raises NodeError."""
    run_dir = state_dir / "run"
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        state_dir.chmod(0o700)
    except OSError as error:
        raise NodeError(
            f"the state folder {state_dir} cannot be written: {error.strerror}",
            safe="nothing was started; a node that runs goes on",
            next_step="mend that disk, or its rights",
        ) from error
    return run_dir


def _controller_lock(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NodeError(f"cannot make {path}: {error.strerror}", safe="nothing was started") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise HeldByOther(
            f"another controller of this node runs already, pid {holder}", safe="nothing was started"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _first(group: BaseExceptionGroup[ConsoleError]) -> ConsoleError:
    for error in group.exceptions:
        return error if isinstance(error, ConsoleError) else _first(error)
    raise AssertionError("an exception group is never empty")


def _open_attempt_words(attempt: Attempt | None) -> str:
    """One line on the open attempt, for the controller's log at its start."""
    if attempt is None:
        return "no upgrade is open"
    arming = " armed" if attempt.arming is Arming.ARMED else ""
    at = f"{attempt.preparation.value}{arming} {attempt.crossing.value}".strip()
    return f"upgrade {attempt.name} #{attempt.proposal_id} at {at}"
