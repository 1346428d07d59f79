"""From the words of a command line to what runs: parsed, held against each other, and of which network."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from console.cli.console_arguments import add_console, open_by_default, shared_options
from console.network_table import BUILT_IN, DEVNET
from console.settings_file import default_devnet_folder, network_tables


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; `run` of the result is the verb.

    Raises:
        SystemExit: Help, the version or a usage message was printed.
        SettingsError: The settings file cannot be read.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    # What stands behind `--` is the daemon's own: argparse would look into it.
    own, daemon = _split(given)
    if daemon is None:
        try:
            # Most of the way to the console is to make the parsers of all verbs, and it has none.
            return _checked(_console_alone(), own, None)
        except _NotTheConsoleError:
            pass
    from console.cli.verbs import build_parser

    return _checked(build_parser(), own, daemon)


class _NotTheConsoleError(Exception):
    """A verb, a question for help, or a mistake that the whole parser explains."""


class _ConsoleParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _NotTheConsoleError(message)


def _console_alone() -> argparse.ArgumentParser:
    parser = _ConsoleParser(parents=[shared_options()], add_help=False, allow_abbrev=False)
    add_console(parser)
    open_by_default(parser)
    return parser


def _checked(parser: argparse.ArgumentParser, own: list[str], daemon: list[str] | None) -> argparse.Namespace:
    arguments, rest = parser.parse_known_args(own)
    if rest and arguments.verb != "run":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if daemon is not None:
        if arguments.verb != "node" or arguments.action not in {"run", "unit"}:
            parser.error("only `node run` and `node unit` take arguments for the daemon, after `--`")
        arguments.daemon_arguments = daemon
    if arguments.verb == "run":
        # A procedure's parameters are known when it is: nothing here imports one.
        arguments.given = rest
    _refuse_incomplete(parser, arguments)
    if arguments.verb != DEVNET and (arguments.verb != "migration" or arguments.action == "dry-run"):
        _choose_network(parser, arguments)
    return arguments


def _refuse_incomplete(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """What argparse itself cannot say: of two ways to name a release one must be whole."""
    _refuse_misplaced(parser, arguments)
    if arguments.verb == "node" and arguments.action == "add-upgrade":
        if arguments.file is None and arguments.manifest is None:
            parser.error("give the binary's FILE, or --manifest, or both")
    elif arguments.verb == "run":
        from console.cli.procedures.arguments import problem as problem_of_run

        if problem := problem_of_run(arguments):
            parser.error(problem)
    elif arguments.verb == "propose":
        from console.cli.propose_arguments import incomplete

        if problem := incomplete(arguments):
            parser.error(problem)
    elif arguments.verb in {"vote", "ready"}:
        _refuse_mixed(parser, arguments)
    elif arguments.verb == "halt":
        if arguments.stop_node == (arguments.proposal is not None):
            parser.error("say the ID of the proposal to cancel, or --stop-node; each is a choice of its own")
        if arguments.proposal is not None and arguments.reason is None:
            parser.error("cancelling an upgrade needs --reason TEXT, which is kept on the chain")
        if arguments.stop_node and _unsent(arguments):
            parser.error("--stop-node stops the node: nothing is signed that could be shown or exported")


def _refuse_misplaced(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Recordings are the console's own, and one that is shown needs no network."""
    if arguments.verb != "open" and (arguments.record is not None or arguments.replay is not None):
        parser.error("--record and --replay are for the console: leave the verb out")
    if arguments.speed is not None and arguments.replay is None:
        parser.error("--speed goes with --replay")
    if arguments.replay is not None and arguments.record is not None:
        parser.error("--replay shows what was recorded: leave --record out")
    if arguments.replay is not None and (arguments.network is not None or arguments.dir is not None):
        parser.error("a recording says itself which network it is of: leave --network and --dir out")


def _refuse_mixed(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """One way to take part at a time, and none that would send what was only to be shown."""
    if arguments.verb == "vote":
        ways = (arguments.choice, arguments.weighted, arguments.relay)
        if sum(way is not None for way in ways) != 1:
            parser.error("say yes or no, or --weighted SHARES, or --relay FILE")
    if arguments.sign_only and (arguments.relay is not None or _unsent(arguments)):
        parser.error("--sign-only prints a signed message: leave out --relay, --dry-run, --export and --from")
    by_hand = arguments.verb == "ready" and not arguments.sign_only and arguments.relay is None
    if by_hand and (arguments.key is not None or _unsent(arguments)):
        parser.error("--key, --dry-run, --export and --from of `ready` go with --sign-only or --relay")


def _unsent(arguments: argparse.Namespace) -> bool:
    return arguments.dry_run or arguments.export is not None or arguments.sender is not None


def _split(argv: list[str]) -> tuple[list[str], list[str] | None]:
    if "--" not in argv:
        return argv, None
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def configured_networks() -> tuple[str, ...]:
    """Names of the networks in the settings file.

    Raises:
        SettingsError: It cannot be read.
    """
    return tuple(network_tables())


def _choose_network(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.verb in {"address", "networks", "doctor", "explain"}:
        # Only what was named is asked: the conversion itself needs no network, and the list is of all.
        return
    if arguments.replay is not None:
        return
    named = getattr(arguments, "cosmovisor_config", None) is not None
    if named or getattr(arguments, "daemon_arguments", None) is not None:
        if arguments.network is not None or arguments.dir is not None:
            parser.error(
                "a network of the settings has its own arguments: leave --network out, or what is Cosmovisor's"
            )
        return
    if arguments.network is not None:
        if arguments.dir is not None and arguments.network != DEVNET:
            parser.error("--dir is for --network devnet only")
        return
    if arguments.dir is not None:
        arguments.network = DEVNET
        return
    configured = configured_networks()
    if len(configured) == 1:
        arguments.network = configured[0]
    elif not configured and arguments.verb == "node" and _is_cosmovisor_home():
        return
    elif not configured and (default_devnet_folder() / "network.toml").is_file():
        arguments.network = DEVNET
    elif getattr(arguments, "without_network", False) or arguments.verb == "open":
        # The console itself asks which one.
        return
    else:
        parser.error(
            f"say which network: --network NAME (known: {', '.join(dict.fromkeys([DEVNET, *BUILT_IN, *configured]))})"
        )


def _is_cosmovisor_home() -> bool:
    """Whether Cosmovisor's variables name the node (facts/cosmos.md §1.1)."""
    return bool(os.environ.get("DAEMON_HOME")) and bool(os.environ.get("DAEMON_NAME"))
