"""The arguments of every verb. Options shared by all stand before or after the verb."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from console import __version__
from console.cli.groups import Run, Verbs, count
from console.network_table import BUILT_IN, DEVNET
from console.settings_file import default_devnet_folder, network_tables

SLOWEST, FASTEST = 0.1, 1000.0
"""Seconds of a recording in a second of now."""

_EPILOG = "Without a verb the console opens. Exit codes: 0 done, 1 refused or failed (why is on stderr), 2 usage."


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
    return _checked(build_parser(), own, daemon)


class _NotTheConsoleError(Exception):
    """A verb, a question for help, or a mistake that the whole parser explains."""


class _ConsoleParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _NotTheConsoleError(message)


def _console_alone() -> argparse.ArgumentParser:
    parser = _ConsoleParser(parents=[_shared()], add_help=False, allow_abbrev=False)
    _add_console(parser)
    _open_by_default(parser)
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


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="upgrade-console",
        description="The terminal console for the upgrade of a validator network.",
        epilog=_EPILOG,
        parents=[_shared()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_console(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    _open_by_default(parser)
    # Another one than above: setting a default reaches into the parent's actions.
    shared = _shared()
    _add_status(verbs, shared)
    _add_report(verbs, shared)
    _add_audit(verbs, shared)
    _add_fleet(verbs, shared)
    _add_propose(verbs, shared)
    _add_ready(verbs, shared)
    _add_governance(verbs, shared)
    _add_node(verbs, shared)
    _add_release(verbs, shared)
    _add_migration(verbs, shared)
    _add_run(verbs, shared)
    _add_address(verbs, shared)
    _add_networks(verbs, shared)
    _add_doctor(verbs, shared)
    _add_explain(verbs, shared)
    _add_monitoring(verbs, shared)
    _add_notify(verbs, shared)
    _add_contracts(verbs, shared)
    _add_devnet(verbs, shared)
    return parser


def _add_console(parser: argparse.ArgumentParser) -> None:
    """What the console itself takes, which is what runs without a verb."""
    parser.add_argument("--read-only", action="store_true", help="the console shows everything and changes nothing")
    parser.add_argument("--theme", metavar="T", help="the console's theme")
    parser.add_argument("--ascii", action="store_true", help="the console draws with ASCII alone")
    _add_recording(parser)


def _open_by_default(parser: argparse.ArgumentParser) -> None:
    # After the verbs, whose own default is none.
    parser.set_defaults(network=None, node=None, dir=None, json=False, verb="open", run=_verb("console.cli.open"))


def _add_recording(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recordings of the console")
    group.add_argument("--record", type=_folder, metavar="FILE", help="write what the console shows to a new file")
    group.add_argument("--replay", type=_folder, metavar="FILE", help="show a recording again; no network is needed")
    group.add_argument("--speed", type=_speed, metavar="N", help="how fast a recording runs (default: 1, as it was)")


def _shared() -> argparse.ArgumentParser:
    """Options that stand before or after the verb.

    They have no defaults here: a verb's parser would overwrite what stood before the verb with them.
    """
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("where")
    group.add_argument("--network", metavar="NAME", help="the network, as named in the settings; `devnet` is built in")
    group.add_argument("--node", metavar="NAME", help="this machine's node (default: the network's first)")
    group.add_argument("--dir", metavar="D", type=_folder, help="the devnet's folder")
    group.add_argument("--json", action="store_true", help="print one JSON object")
    return shared


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


def _verb(module: str, function: str = "run") -> Run:
    """A verb whose module is imported when it runs: `--version` and a refused argument cost nothing."""

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(importlib.import_module(module), function)(arguments))

    return run


def _speed(value: str) -> float:
    speed = float(value)
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"must be {SLOWEST:g} to {FASTEST:g}")
    return speed


def _folder(value: str) -> Path:
    return Path(value).expanduser()


def _add_status(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    status = verbs.add_parser(
        "status", parents=[shared], help="height, upgrade, readiness and node, once", allow_abbrev=False
    )
    status.set_defaults(run=_verb("console.cli.status"))


def _add_report(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    report = verbs.add_parser(
        "report",
        parents=[shared],
        help="what the upgrades came to, and whether that is success",
        allow_abbrev=False,
    )
    report.set_defaults(run=_verb("console.cli.report"))


def _add_fleet(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "every node of the network, here and over SSH: state, generation, height, peers (docs/fleet.md)"
    fleet = verbs.add_parser("fleet", parents=[shared], help=words, description=words, allow_abbrev=False)
    fleet.set_defaults(run=_verb("console.cli.fleet"))


class _FileAlone(argparse.Action):
    """A file that is looked at by itself, on any machine."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.without_network = True


def _add_audit(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "what was decided and done: the controller's journal and what was signed here"
    audit = verbs.add_parser("audit", parents=[shared], help=words, description=words, allow_abbrev=False)
    audit.add_argument("--since", metavar="TIME", help="only from then on: 2026-11-20, 14:32, or 90m (ago)")
    audit.add_argument(
        "--kind", action="append", metavar="KIND", help="only this kind: state, operator, sent …; may be given again"
    )
    audit.add_argument("--until", metavar="TIME", help="only until then")
    audit.add_argument("--attempt", type=count, metavar="N", help="only what belongs to this attempt")
    audit.add_argument("--text", metavar="TEXT", help="only entries with this text in them")
    audit.add_argument("--lines", type=count, default=0, metavar="N", help="only the newest N (default: all)")
    audit.add_argument("--verify", action="store_true", help="look whether journal and record are whole, row by row")
    audit.add_argument(
        "--head", action="append", metavar="SEQ:HASH", help="verify that this head, noted earlier, is in the journal"
    )
    audit.add_argument("--against", type=Path, metavar="FILE", help="verify that all of an earlier export is in it")
    audit.add_argument(
        "--export", type=Path, metavar="FILE", help="write all of it as JSON lines with hashes (-: print)"
    )
    audit.add_argument(
        "--verify-export",
        type=Path,
        action=_FileAlone,
        metavar="FILE",
        help="only look whether an export is whole; needs no network",
    )
    audit.set_defaults(run=_verb("console.cli.audit"))


def _add_propose(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import propose_arguments

    propose_arguments.register(verbs, shared, _verb)


def _add_ready(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import governance_arguments

    ready = verbs.add_parser(
        "ready", parents=[shared], help="signal by hand that a node has the release staged", allow_abbrev=False
    )
    ready.add_argument("--proposal", required=True, type=int, metavar="ID")
    ready.add_argument(
        "--validator-address",
        metavar="ADDRESS",
        help="the validator whose node is meant , instead of --node",
    )
    governance_arguments.signing_options(ready)
    governance_arguments.signed_options(ready)
    ready.set_defaults(run=_verb("console.cli.ready"))


def _add_governance(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import governance_arguments

    governance_arguments.register(verbs, shared, _verb)
    governance_arguments.register_registry(verbs, shared, _verb)
    governance_arguments.register_provider(verbs, shared, _verb)


def _add_node(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.node import arguments

    arguments.register(verbs, shared, _verb)


def _add_release(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.release import arguments

    arguments.register(verbs, shared, _verb)


def _add_migration(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import migration

    migration.register(verbs, shared)


def _add_run(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.procedures import arguments

    arguments.register(verbs, shared, _verb)


def _add_address(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "print an address in every form: 0x, f410, t410, f0, a subnet id, a validator's public key"
    address = verbs.add_parser("address", parents=[shared], help=words, description=words, allow_abbrev=False)
    address.add_argument("value", metavar="VALUE", help="with --network also a validator's CometBFT address")
    address.set_defaults(run=_verb("console.cli.address"))


def _add_networks(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "list the networks, and where each setting comes from"
    networks = verbs.add_parser("networks", parents=[shared], help=words, description=words, allow_abbrev=False)
    networks.set_defaults(run=_verb("console.cli.networks"), action="list", ipc_config=None)
    actions = networks.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", parents=[shared], help=words, allow_abbrev=False)
    words = "show what ipc-cli's config.toml would add to the settings"
    importing = actions.add_parser("import-ipc", parents=[shared], help=words, description=words, allow_abbrev=False)
    for parser in (networks, listing, importing):
        # Without a default: an action's would overwrite what stood before it.
        parser.add_argument(
            "--ipc-config", type=_folder, metavar="FILE", default=argparse.SUPPRESS, help="ipc-cli's config.toml"
        )
    importing.add_argument("--write", action="store_true", help="write it into the settings file")
    importing.set_defaults(run=_verb("console.cli.networks", "import_ipc"))


def _add_doctor(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "say what is on this machine, what is wrong with it, and which settings would fit; changes nothing"
    doctor = verbs.add_parser("doctor", parents=[shared], help=words, description=words, allow_abbrev=False)
    doctor.add_argument("--ipc-config", type=_folder, metavar="FILE", help="ipc-cli's config.toml")
    doctor.add_argument("--write", metavar="NETWORK", help="write the settings that are proposed for this network")
    doctor.set_defaults(run=_verb("console.cli.doctor"))


def _add_explain(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "what a state, code, alert, finding or error means, what is safe, and what to do (docs/runbook.md)"
    explain = verbs.add_parser("explain", parents=[shared], help=words, description=words, allow_abbrev=False)
    explain.add_argument("word", nargs="*", metavar="WORD", help="as it stands on the screen; none: all of them")
    explain.set_defaults(run=_verb("console.cli.explain"))


def _add_monitoring(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "files for Prometheus and Grafana: alert rules, a dashboard, and which controllers to scrape"
    monitoring = verbs.add_parser("monitoring", parents=[shared], help=words, description=words, allow_abbrev=False)
    actions = monitoring.add_subparsers(dest="action", metavar="ACTION", required=True)
    writing = actions.add_parser("write", parents=[shared], help="write them into a folder", allow_abbrev=False)
    writing.add_argument("folder", type=_folder, metavar="DIR")
    writing.add_argument("--force", action="store_true", help="write over files that say something else")
    writing.set_defaults(run=_verb("console.cli.monitoring", "write"), without_network=True)


def _add_notify(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "messages to people who are not looking: mail, chat, pagers, webhooks (docs/notifications.md)"
    notify = verbs.add_parser("notify", parents=[shared], help=words, description=words, allow_abbrev=False)
    actions = notify.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, function, words in (
        ("list", "show", "who is told of what, and what was told last"),
        ("test", "test", "send a message now, and say what became of it"),
        ("watch", "watch", "tell of the network as long as this runs, without a node of it here"),
    ):
        action = actions.add_parser(name, parents=[shared], help=words, description=words, allow_abbrev=False)
        action.set_defaults(run=_verb("console.cli.notify", function), without_network=name != "watch")
        if name == "test":
            action.add_argument("--service", metavar="NAME", help="this one alone")


def _add_contracts(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.contracts import arguments

    arguments.register(verbs, shared, _verb)


def _add_devnet(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import devnet

    devnet.register(verbs, shared)
