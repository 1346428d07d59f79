"""The parser of every verb; a verb's own module is imported when it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from console import __version__
from console.cli.console_arguments import add_console, folder, open_by_default, run_of, shared_options
from console.cli.groups import Verbs, count

_EPILOG = "Without a verb the console opens. Exit codes: 0 done, 1 refused or failed (why is on stderr), 2 usage."


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="upgrade-console",
        description="The terminal console for the upgrade of a validator network.",
        epilog=_EPILOG,
        parents=[shared_options()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_console(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    open_by_default(parser)
    # Another one than above: setting a default reaches into the parent's actions.
    shared = shared_options()
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


def _add_status(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    status = verbs.add_parser(
        "status", parents=[shared], help="height, upgrade, readiness and node, once", allow_abbrev=False
    )
    status.set_defaults(run=run_of("console.cli.status"))


def _add_report(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    report = verbs.add_parser(
        "report",
        parents=[shared],
        help="what the upgrades came to, and whether that is success",
        allow_abbrev=False,
    )
    report.set_defaults(run=run_of("console.cli.report"))


def _add_fleet(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "every node of the network, here and over SSH: state, generation, height, peers (docs/fleet.md)"
    fleet = verbs.add_parser("fleet", parents=[shared], help=words, description=words, allow_abbrev=False)
    fleet.set_defaults(run=run_of("console.cli.fleet"))


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
    audit.set_defaults(run=run_of("console.cli.audit"))


def _add_propose(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import propose_arguments

    propose_arguments.register(verbs, shared, run_of)


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
    ready.set_defaults(run=run_of("console.cli.ready"))


def _add_governance(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import governance_arguments

    governance_arguments.register(verbs, shared, run_of)
    governance_arguments.register_registry(verbs, shared, run_of)
    governance_arguments.register_provider(verbs, shared, run_of)


def _add_node(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.node import arguments

    arguments.register(verbs, shared, run_of)


def _add_release(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.release import arguments

    arguments.register(verbs, shared, run_of)


def _add_migration(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import migration

    migration.register(verbs, shared)


def _add_run(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.procedures import arguments

    arguments.register(verbs, shared, run_of)


def _add_address(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "print an address in every form: 0x, f410, t410, f0, a subnet id, a validator's public key"
    address = verbs.add_parser("address", parents=[shared], help=words, description=words, allow_abbrev=False)
    address.add_argument("value", metavar="VALUE", help="with --network also a validator's CometBFT address")
    address.set_defaults(run=run_of("console.cli.address"))


def _add_networks(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "list the networks, and where each setting comes from"
    networks = verbs.add_parser("networks", parents=[shared], help=words, description=words, allow_abbrev=False)
    networks.set_defaults(run=run_of("console.cli.networks"), action="list", ipc_config=None)
    actions = networks.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", parents=[shared], help=words, allow_abbrev=False)
    words = "show what ipc-cli's config.toml would add to the settings"
    importing = actions.add_parser("import-ipc", parents=[shared], help=words, description=words, allow_abbrev=False)
    for parser in (networks, listing, importing):
        # Without a default: an action's would overwrite what stood before it.
        parser.add_argument(
            "--ipc-config", type=folder, metavar="FILE", default=argparse.SUPPRESS, help="ipc-cli's config.toml"
        )
    importing.add_argument("--write", action="store_true", help="write it into the settings file")
    importing.set_defaults(run=run_of("console.cli.networks", "import_ipc"))


def _add_doctor(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "say what is on this machine, what is wrong with it, and which settings would fit; changes nothing"
    doctor = verbs.add_parser("doctor", parents=[shared], help=words, description=words, allow_abbrev=False)
    doctor.add_argument("--ipc-config", type=folder, metavar="FILE", help="ipc-cli's config.toml")
    doctor.add_argument("--write", metavar="NETWORK", help="write the settings that are proposed for this network")
    doctor.set_defaults(run=run_of("console.cli.doctor"))


def _add_explain(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "what a state, code, alert, finding or error means, what is safe, and what to do (docs/runbook.md)"
    explain = verbs.add_parser("explain", parents=[shared], help=words, description=words, allow_abbrev=False)
    explain.add_argument("word", nargs="*", metavar="WORD", help="as it stands on the screen; none: all of them")
    explain.set_defaults(run=run_of("console.cli.explain"))


def _add_monitoring(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    words = "files for Prometheus and Grafana: alert rules, a dashboard, and which controllers to scrape"
    monitoring = verbs.add_parser("monitoring", parents=[shared], help=words, description=words, allow_abbrev=False)
    actions = monitoring.add_subparsers(dest="action", metavar="ACTION", required=True)
    writing = actions.add_parser("write", parents=[shared], help="write them into a folder", allow_abbrev=False)
    writing.add_argument("folder", type=folder, metavar="DIR")
    writing.add_argument("--force", action="store_true", help="write over files that say something else")
    writing.set_defaults(run=run_of("console.cli.monitoring", "write"), without_network=True)


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
        action.set_defaults(run=run_of("console.cli.notify", function), without_network=name != "watch")
        if name == "test":
            action.add_argument("--service", metavar="NAME", help="this one alone")


def _add_contracts(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli.contracts import arguments

    arguments.register(verbs, shared, run_of)


def _add_devnet(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    from console.cli import devnet

    devnet.register(verbs, shared)
