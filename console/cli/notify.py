"""`notify list`, `notify test`, `notify watch`: who is told of what, and whether it gets there."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import time
from contextlib import aclosing
from pathlib import Path
from urllib.parse import quote

from console.cli.printing import complain, print_json
from console.cli.sources import Target, network_if_named, observing
from console.errors import HeldByOther, InputError, JournalError
from console.notify.controller import option_of, outbox_of
from console.notify.outbox import GIVEN_UP, WAITING, Letter, Outbox
from console.notify.sending import NotSent, Sender
from console.notify.telling import tell, trial_message
from console.notify.watch import Addressed, FreshSettings, Watch, again_and_again
from console.notify_settings import NotifySettings, Service, load_notify
from console.settings import NetworkSettings, load_network
from console.settings_file import state_folder
from console.text import utc

_LISTED = 20


def show(arguments: argparse.Namespace) -> int:
    """Print the services, with nothing of their URLs that could be secret, and the newest messages.

    Raises:
        ConsoleError: The settings are not acceptable.
    """
    settings = load_notify()
    network = network_if_named(arguments)
    masked, problem = asyncio.run(_masked(settings))
    letters, problems = _letters(network)
    if arguments.json:
        print_json(
            {
                "services": [_service_document(each, masked) for each in settings.services],
                "messages": [_letter_document(each) for each in letters],
                "problems": [*([problem] if problem else []), *problems],
            }
        )
    else:
        for service in settings.services:
            print(_service_line(service, masked))
        if not settings.services:
            print("Nobody is told: there is no [notify] in the settings (docs/notifications.md).")
        for letter in letters:
            print(_letter_line(letter))
    for each in (problem, *problems):
        if each:
            complain(each)
    return 1 if problem or problems else 0


async def _masked(settings: NotifySettings) -> tuple[dict[str, str], str]:
    """What may be shown of each URL, and why it is not known."""
    if not settings.services:
        return {}, ""
    try:
        found = await Sender().masked(settings)
    except NotSent as error:
        return {}, error.what
    missing = [service.name for service in settings.services if service.name not in found]
    return found, f"the file of URLs has no line {missing[0]}=…" if missing else ""


def _letters(network: NetworkSettings | None) -> tuple[tuple[Letter, ...], tuple[str, ...]]:
    """The newest messages of this network's nodes and of `notify watch`, and what could not be read."""
    if network is None:
        return (), ()
    found: dict[Path, tuple[Letter, ...]] = {}
    problems = []
    for path in (*(outbox_of(node) for node in network.nodes), _outbox_of_watch(network)):
        if not path.is_file():
            continue
        try:
            found[path] = Outbox(path).newest(_LISTED)
        except JournalError as error:
            problems.append(str(error))
    every = sorted((letter for letters in found.values() for letter in letters), key=lambda letter: letter.at)
    return tuple(every[-_LISTED:]), tuple(problems)


def _service_document(service: Service, masked: dict[str, str]) -> dict[str, object]:
    return {
        "name": service.name,
        "url": masked.get(service.name),
        "severity": service.severity.value,
        "events": sorted(service.events),
        "networks": sorted(service.networks),
    }


def _service_line(service: Service, masked: dict[str, str]) -> str:
    events = ", ".join(sorted(service.events)) or "all events"
    networks = ", ".join(sorted(service.networks)) or "all networks but a devnet"
    url = masked.get(service.name, "no URL")
    return f"{service.name:<16} {url:<32} from {service.severity.value}: {events}; {networks}"


def _letter_document(letter: Letter) -> dict[str, object]:
    return {
        "at": letter.at,
        "event": letter.event,
        "service": letter.service,
        "severity": letter.message.severity.value,
        "subject": letter.message.subject,
        "state": letter.state,
        "tries": letter.tries,
        "problem": letter.problem,
    }


def _letter_line(letter: Letter) -> str:
    tried = f" after {letter.tries} tries: {letter.problem}" if letter.problem else ""
    sign = "!" if letter.state == GIVEN_UP or (letter.state == WAITING and letter.problem) else " "
    return f"{utc(letter.at)} {sign} {letter.service:<16} {letter.state}{tried}  {letter.message.subject}"


def test(arguments: argparse.Namespace) -> int:
    """Send a message to each service, or to one, and say what became of it; 1 when one was not taken.

    Raises:
        ConsoleError: The settings are not acceptable, or name no such service.
    """
    settings = load_notify()
    services = settings.services if arguments.service is None else (settings.service(arguments.service),)
    if not services:
        raise InputError(
            "there is no service to tell", next_step="add a [notify.services.NAME] table (docs/notifications.md)"
        )
    network = arguments.network or "no network"
    message = trial_message(network, time.time())
    outcomes = asyncio.run(tell(settings, [service.name for service in services], message))
    if arguments.json:
        print_json({"services": [{"name": name, "problem": problem} for name, problem in outcomes.items()]})
    else:
        for name, problem in outcomes.items():
            print(f"{name}: {problem or 'taken'}")
    return 1 if any(outcomes.values()) else 0


def watch(arguments: argparse.Namespace) -> int:
    """Tell of the network until SIGINT or SIGTERM.

    Raises:
        ConsoleError: The settings are not acceptable, or another one watches this network.
    """
    network = load_network(arguments.network, arguments.dir)
    settings = load_notify()
    if not settings.services:
        raise InputError(
            "there is no service to tell", next_step="add a [notify.services.NAME] table (docs/notifications.md)"
        )
    if not network.registry and network.kind != "cosmos":
        raise InputError(f"{network.name} has no registry to follow", next_step="add registry to its settings")
    path = _outbox_of_watch(network)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HeldByOther(f"another `notify watch` of {network.name} runs already", safe="it goes on") from None
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    # The lock is held until the process ends.
    asyncio.run(_watched(network, Outbox(path)))
    return 0


async def _watched(network: NetworkSettings, outbox: Outbox) -> None:
    # Of its own node a controller tells, which is always there.
    watching = Watch(outbox, Addressed(network.name, network.chain_id, option_of(network)), FreshSettings(), Sender())
    work = asyncio.current_task()
    assert work is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)

    async def look() -> None:
        async with (
            observing(Target(network, None)) as (_, observer),
            aclosing(observer.snapshots()) as snapshots,
        ):
            async for snapshot in snapshots:
                await watching.look(snapshot)

    try:
        await asyncio.gather(again_and_again(look), again_and_again(watching.deliver))
    except asyncio.CancelledError:
        work.uncancel()


def _outbox_of_watch(network: NetworkSettings) -> Path:
    if network.folder is not None:
        return network.folder / "notify-watch.db"
    return state_folder() / "notify" / f"{quote(network.name, safe='')}.db"
