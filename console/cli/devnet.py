"""`devnet up|down|status|join|leave|stop-node|start-node|stop-controller|start-controller`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

if TYPE_CHECKING:
    from console.devnet.network import DevnetStatus, Step
    from console.devnet.options import UpOptions

_T = TypeVar("_T")

_BAR_COLUMNS = 20
_WATCH_S = 0.5

_NODE_VERBS = {
    "stop-node": "stop a validator's node and leave it stopped",
    "start-node": "start a validator's node",
    "stop-controller": "stop a node's controller; the node goes on",
    "start-controller": "start a node's controller",
}


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser], shared: argparse.ArgumentParser) -> None:
    """Add `devnet` and its actions.

    Args:
        verbs: The command line's verbs.
        shared: Parent of every verb; brings `--dir` and `--json`.
    """
    devnet = verbs.add_parser(
        "devnet", parents=[shared], help="a validator network on this machine", allow_abbrev=False
    )
    actions = devnet.add_subparsers(dest="action", metavar="ACTION", required=True)
    up = actions.add_parser("up", parents=[shared], help="bring one up, or a stopped one up again", allow_abbrev=False)
    up.add_argument("--validators", type=int, metavar="N", help="how many (default: 4, at most 16)")
    up.add_argument(
        "--powers", type=_parsed("parse_powers"), metavar="10,10,…", help="voting powers (default: 10 each)"
    )
    up.add_argument("--block-time", type=_parsed("parse_block_time"), metavar="1s", help="100ms to 60s (default: 1s)")
    up.add_argument("--freeze-blocks", type=int, help=argparse.SUPPRESS)
    up.add_argument("--execution-window", type=int, help=argparse.SUPPRESS)
    up.add_argument(
        "--migration",
        choices=("none", "standard", "wasm", "failing"),
        help="what v0.2.0 does to the chain's state at H (default: none)",
    )
    up.add_argument(
        "--voting", action="store_true", default=None, help="a release needs a vote (linked contract calls always do)"
    )
    up.add_argument(
        "--min-proposer-power",
        type=int,
        metavar="N",
        help="the least power of a validator that may propose (default: 1)",
    )
    up.add_argument(
        "--consensus",
        choices=("embedded", "cometbft"),
        help="who decides the blocks: the node program itself, or a real CometBFT beside it (default: embedded)",
    )
    up.add_argument(
        "--cometbft", type=Path, metavar="PATH", help="the CometBFT of `--consensus cometbft` (default: that on PATH)"
    )
    up.add_argument("--background", action="store_true", help="return when it is up and leave it running")
    down = actions.add_parser("down", parents=[shared], help="stop every process of it", allow_abbrev=False)
    down.add_argument("--wipe", action="store_true", help="remove its folder too")
    actions.add_parser("status", parents=[shared], help="what scripts need to know of it", allow_abbrev=False)
    joining = actions.add_parser(
        "join", parents=[shared], help="have one more validator join, with power that counts", allow_abbrev=False
    )
    joining.add_argument("--power", type=int, metavar="N", help="its voting power (default: 10)")
    leaving = actions.add_parser("leave", parents=[shared], help="have a validator leave", allow_abbrev=False)
    leaving.add_argument("name", metavar="NAME")
    for verb, text in _NODE_VERBS.items():
        actions.add_parser(verb, parents=[shared], help=text, allow_abbrev=False).add_argument("name", metavar="NAME")
    devnet.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one action.

    Raises:
        ConsoleError: It was refused or failed.
    """
    from console.cli.printing import complain
    from console.devnet.options import UpOptions
    from console.errors import InputError
    from console.settings import default_devnet_folder

    folder: Path = arguments.dir or default_devnet_folder()
    match arguments.action:
        case "up":
            try:
                options = UpOptions(
                    folder=folder,
                    validators=arguments.validators,
                    powers=arguments.powers,
                    block_time_ms=arguments.block_time,
                    freeze_blocks=arguments.freeze_blocks,
                    execution_window=arguments.execution_window,
                    voting=arguments.voting,
                    min_proposer_power=arguments.min_proposer_power,
                    migration=arguments.migration,
                    consensus=arguments.consensus,
                    cometbft=arguments.cometbft,
                )
            except InputError as error:
                complain(str(error))
                return 2
            return asyncio.run(_up(options, background=arguments.background, as_json=arguments.json))
        case "down":
            return asyncio.run(_down(folder, wipe=arguments.wipe))
        case "join":
            from console.devnet.joining import join

            return asyncio.run(_stepped(folder, join(folder, arguments.power), as_json=arguments.json))
        case "leave":
            from console.devnet.joining import leave

            return asyncio.run(_stepped(folder, leave(folder, arguments.name), as_json=arguments.json))
        case "status":
            return asyncio.run(_status(folder, as_json=arguments.json))
        case action:
            return asyncio.run(_node(folder, action, arguments.name, as_json=arguments.json))


def _parsed(name: str) -> Callable[[str], object]:
    """An argparse type that is imported when it is used."""

    def parse(text: str) -> object:
        from console.devnet import options
        from console.errors import InputError

        try:
            return getattr(options, name)(text)
        except InputError as error:
            raise argparse.ArgumentTypeError(error.what) from error

    return parse


async def _up(options: UpOptions, *, background: bool, as_json: bool) -> int:
    from console.cli.printing import print_json
    from console.devnet.network import status

    screen = _Screen(sys.stderr if as_json else sys.stdout)
    await _bring_up(options, screen)
    described = await status(options.folder)
    if as_json:
        print_json(dict(described))
        sys.stdout.flush()
    else:
        _describe(described, screen)
    return 0 if background else await _stay(options.folder, screen)


async def _bring_up(options: UpOptions, screen: _Screen) -> None:
    from console.devnet.network import up
    from console.errors import DevnetError

    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    # A hang-up keeps the network, also one that is still coming up.
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        async with aclosing(up(options)) as steps:
            async for step in steps:
                screen.progress(step.done, step.total, step.text)
    except asyncio.CancelledError:
        screen.end()
        raise DevnetError(
            "the devnet was interrupted while it came up", safe="what was started was stopped again"
        ) from None
    finally:
        screen.end()


async def _stay(folder: Path, screen: _Screen) -> int:
    """Stay in the foreground: one line per change, until Ctrl-C or SIGTERM stops the network or a hang-up leaves it."""
    from console.devnet.network import down, is_running, status

    loop = asyncio.get_running_loop()
    ending: asyncio.Future[bool] = loop.create_future()

    def end(stop: bool) -> None:
        if not ending.done():
            ending.set_result(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, True)
    loop.add_signal_handler(signal.SIGHUP, end, False)
    screen.line("Ctrl-C stops it.")
    while not ending.done():
        if not is_running(folder):
            screen.line(f"the devnet in {folder} was stopped from elsewhere")
            return 0
        described = await status(folder)
        states = ", ".join(f"{node['name']} {node['state'] or 'unknown'}" for node in described["nodes"])
        screen.change(states, f"height {_known(described['height'])} · {states}")
        await asyncio.wait([ending], timeout=_WATCH_S)
    screen.end()
    if ending.result():
        screen.line(f"stopping the devnet in {folder}")
        await down(folder)
    return 0


async def _stepped(folder: Path, steps: AsyncGenerator[Step, None], *, as_json: bool) -> int:
    screen = _Screen(sys.stderr if as_json else sys.stdout)
    try:
        async with aclosing(steps):
            async for step in steps:
                screen.progress(step.done, step.total, step.text)
    finally:
        screen.end()
    return await _status(folder, as_json=True) if as_json else 0


async def _down(folder: Path, *, wipe: bool) -> int:
    from console.devnet.network import down

    await down(folder, wipe=wipe)
    print(f"the devnet in {folder} is {'wiped' if wipe else 'down'}")
    return 0


async def _status(folder: Path, *, as_json: bool) -> int:
    from console.cli.printing import print_json
    from console.devnet.network import status

    described = await status(folder)
    if as_json:
        print_json(dict(described))
    else:
        _describe(described, _Screen(sys.stdout))
    return 0


async def _node(folder: Path, action: str, name: str, *, as_json: bool) -> int:
    from console.devnet import network

    actions = {
        "stop-node": network.stop_node,
        "start-node": network.start_node,
        "stop-controller": network.stop_controller,
        "start-controller": network.start_controller,
    }
    await actions[action](folder, name)
    if as_json:
        return await _status(folder, as_json=True)
    what = f"the controller of {name}" if action.endswith("controller") else name
    print(f"{what} {'stopped' if action.startswith('stop') else 'runs'}")
    return 0


def _describe(described: DevnetStatus, screen: _Screen) -> None:
    screen.line(f"{described['chain_id']} in {described['dir']}: height {_known(described['height'])}")
    screen.line(f"registry {described['registry']}")
    if described["gateway"]:
        screen.line(f"gateway  {described['gateway']}")
    for node, rpc, ethereum in zip(
        described["nodes"], described["cometbft_rpc"], described["ethereum_rpc"], strict=True
    ):
        words = (_known(node["state"]), _known(node["version"]), f"power {node['power']}", f"pid {_known(node['pid'])}")
        screen.line(f"{node['name']}  {'  '.join(words)}  CometBFT {rpc}  Ethereum {ethereum}")
    for release in described["releases"]:
        screen.line(f"{release['version']}  {release['url']}  sha256:{release['sha256']}")


def _known(value: _T | None) -> _T | str:
    return "—" if value is None else value


class _Screen:
    """Lines for a person: on a terminal the last one is drawn over, elsewhere each stands alone.

    A terminal that is gone is no reason to stop a network: what cannot be written is dropped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._open = False
        self._last = ""

    def progress(self, done: int, total: int, text: str) -> None:
        """Draw the progress bar."""
        if self._terminal:
            filled = _BAR_COLUMNS * done // total
            self._over(f"[{'#' * filled}{'-' * (_BAR_COLUMNS - filled)}] {done}/{total} {text}")
        else:
            self._write(f"{done}/{total} {text}\n")

    def change(self, key: str, text: str) -> None:
        """Show the network's state: each change on a terminal, elsewhere only when `key` changed."""
        if self._terminal:
            if text != self._last:
                self._last = text
                self._over(text)
        elif key != self._last:
            self._last = key
            self._write(f"{text}\n")

    def line(self, text: str) -> None:
        """A line that stays."""
        self.end()
        self._write(f"{text}\n")

    def end(self) -> None:
        """Leave the line that is drawn over."""
        if self._open:
            self._open = False
            self._write("\n")

    def _over(self, text: str) -> None:
        self._open = True
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            columns = 80
        self._write(f"\r\x1b[K{text[: max(1, columns - 1)]}")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            pass
