"""The arguments of `propose`; imported by every command, so it imports little."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.groups import Run, Verbs

_SPAN = "blocks, or a time as 7d or 1h30m at the measured block time"


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: Callable[..., Run]) -> None:
    """Add `propose`.

    Args:
        verbs: Where it is added.
        shared: Options that every verb has.
        verb: Makes what runs of a module's name; nothing is imported before.
    """
    propose = verbs.add_parser(
        "propose",
        parents=[shared],
        help="propose an upgrade: a release, contract calls, or both",
        epilog=f"SPAN is {_SPAN}.",
        allow_abbrev=False,
    )
    propose.set_defaults(run=verb("console.cli.propose"))
    propose.add_argument("--name", metavar="v0.2.0", help="[a-z0-9][a-z0-9._-]{0,63}; a manifest says it itself")
    _what(propose)
    _when(propose)
    _how(propose)
    _on_cosmos(propose)
    _from_a_draft(propose)
    propose.add_argument("--key", type=_path, metavar="FILE", help="the key that signs, instead of the settings' one")
    propose.add_argument("--dry-run", action="store_true", help="show what would be signed and its cost; send nothing")
    propose.add_argument("--export", type=_path, metavar="FILE", help="write the call for another signer; send nothing")
    propose.add_argument(
        "--from",
        dest="sender",
        metavar="ADDRESS",
        help="with --export or --dry-run: whose key, elsewhere, will sign; on a Cosmos chain the key in the daemon's"
        " keyring",
    )


def incomplete(arguments: argparse.Namespace) -> str:
    """What is missing or does not go together, in words; empty when nothing."""
    if arguments.settled and arguments.draft is None:
        return "--settled goes with --draft"
    if arguments.draft is not None:
        # What it lacks is known when it is read.
        others = (arguments.calls, arguments.contracts, arguments.undo)
        if arguments.cancel_upgrade or any(other is not None for other in others):
            return "a draft is of a release: leave contract calls and --cancel-upgrade out"
        return ""
    return incomplete_without_draft(arguments)


def incomplete_without_draft(arguments: argparse.Namespace) -> str:
    """The same once what a draft says stands in the arguments."""
    if is_for_cosmos(arguments):
        return _incomplete_on_cosmos(arguments)
    binary = (arguments.name, arguments.binary_url, arguments.binary_hash)
    manifest = (arguments.manifest, arguments.manifest_url)
    ways = (arguments.height, arguments.after_vote, arguments.when_ready)
    given = sum(way is not None for way in ways)
    calls = arguments.calls if arguments.contracts is None else arguments.contracts
    if arguments.contracts is not None and (arguments.calls is not None or arguments.undo is not None):
        return "--contracts works calls and undo out: leave --calls and --undo out"
    if (arguments.contracts is None) != (not arguments.facets):
        return "--contracts needs --facets, and --facets --contracts"
    if arguments.contracts is None and (arguments.init is not None or arguments.allow_core):
        return "--init and --allow-core go with --contracts"
    if any(manifest):
        if None in manifest or any(binary) or arguments.not_breaking:
            return "a manifest says name, hash and rules itself: give --manifest and --manifest-url, and when"
        if arguments.migration_kind is not None or arguments.migration_hash is not None:
            return "a manifest says its migration itself: leave --migration-kind and --migration-hash out"
    elif calls is not None and not any(binary[1:]):
        if arguments.name is None:
            return "contract calls alone need a --name"
        if given:
            return "contract calls alone have no height: they are made once the vote is won"
        return ""
    elif None in binary:
        return "a binary needs --name, --binary-url and --binary-hash; or give --manifest, --calls or --contracts"
    if given != 1 and not (given == 0 and arguments.window is not None):
        return "say when: --height H, --window on the wall, --after-vote SPAN, or --when-ready SHARE"
    if arguments.when_ready is not None and None in (arguments.deadline, arguments.window):
        return "--when-ready needs --deadline SPAN, and --window SPAN from enough readiness to H"
    if arguments.when_ready is None and (arguments.deadline is not None or (given and arguments.window is not None)):
        return "--deadline goes with --when-ready, and --window with that or alone"
    if calls is None and (arguments.undo is not None or arguments.contracts_first or arguments.allow_init):
        return "--undo, --contracts-first and --allow-init go with --calls or --contracts"
    return ""


def is_for_cosmos(arguments: argparse.Namespace) -> bool:
    """Whether something is said that only a proposal of x/gov has; a deposit always is."""
    words = (arguments.deposit, arguments.title, arguments.summary, arguments.info)
    return arguments.cancel_upgrade or any(word is not None for word in words)


def _incomplete_on_cosmos(arguments: argparse.Namespace) -> str:
    if None in (arguments.deposit, arguments.title, arguments.summary):
        return "a proposal on a Cosmos chain needs --deposit, --title and --summary"
    binaries = (arguments.info, arguments.manifest, arguments.binary_url)
    when = (arguments.height, arguments.window)
    if arguments.cancel_upgrade:
        if arguments.name is not None or any(value is not None for value in (*binaries, *when)):
            return "--cancel-upgrade takes the chain's plan back: leave name, binaries and height out"
        return ""
    if sum(value is not None for value in binaries) > 1:
        return "say where the binaries are once: --info, --manifest, or --binary-url with --binary-hash"
    if (arguments.binary_url is None) != (arguments.binary_hash is None):
        return "--binary-url and --binary-hash belong together"
    if arguments.name is None and arguments.manifest is None:
        return "say the plan's --name; a manifest says it itself"
    if sum(value is not None for value in when) != 1:
        return "say when: --height H, or --window on the wall"
    return ""


def _on_cosmos(propose: argparse.ArgumentParser) -> None:
    group = propose.add_argument_group("on a Cosmos chain")
    group.add_argument("--deposit", metavar="COINS", help="with their denom, as 10000000stake")
    group.add_argument("--title", metavar="TEXT", help="of the proposal")
    group.add_argument("--summary", metavar="TEXT", help="of the proposal; everybody who votes reads it")
    group.add_argument("--info", metavar="JSON|URL", help="of the plan: its binaries with their checksums")
    group.add_argument("--cancel-upgrade", action="store_true", help="propose that the scheduled upgrade is cancelled")


def _from_a_draft(propose: argparse.ArgumentParser) -> None:
    group = propose.add_argument_group("from a draft")
    group.add_argument(
        "--draft",
        type=_path,
        metavar="FILE",
        help="take what is not said here from a draft, as `run verify-network` prepares one of a revert upgrade",
    )
    group.add_argument(
        "--settled",
        action="append",
        default=[],
        metavar="NAME",
        help="a question of the draft that people have settled, as state; once for each",
    )


def _what(propose: argparse.ArgumentParser) -> None:
    group = propose.add_argument_group("what")
    group.add_argument("--binary-url", metavar="URL", help="where the binary is to be had")
    group.add_argument("--binary-hash", metavar="sha256:HEX", help="sha256 of the binary")
    group.add_argument("--manifest", type=_path, metavar="FILE", help="a release manifest, instead of one binary")
    group.add_argument("--manifest-url", metavar="URL", help="where it is to be had, its .sshsig files beside it")
    group.add_argument(
        "--not-breaking", action="store_true", help="nodes that are not ready may go on with the old binary"
    )
    group.add_argument("--migration-kind", choices=("none", "compiled", "standard", "wasm"), help="of a bare binary")
    group.add_argument("--migration-hash", metavar="sha256:HEX", help="of its migration")
    group.add_argument("--contracts", metavar="NAME,…", help="diamonds to cut: gateway, subnet-actor, addresses")
    group.add_argument(
        "--facets", action="append", default=[], metavar="CONTRACT:NAME=FILE[@ADDRESS],…", help="what they are cut to"
    )
    group.add_argument("--init", metavar="ADDRESS", help="whose code runs inside the one diamond after its cut")
    group.add_argument("--init-calldata", default="0x", metavar="HEX", help="what it is called with")
    group.add_argument("--allow-core", action="store_true", help="a cut may touch how a diamond is cut and read")
    group.add_argument("--confirm", metavar="NETWORK", help="the network's name, for deploying facets without asking")
    group.add_argument("--calls", type=_path, metavar="FILE", help="contract calls, as `contracts export` writes them")
    group.add_argument("--undo", type=_path, metavar="FILE", help="calls that take them back, where FILE has none")
    group.add_argument("--contracts-first", action="store_true", help="the calls are made before the freeze")
    group.add_argument("--allow-init", action="store_true", help="a cut may run an initialiser; I have read its code")


def _when(propose: argparse.ArgumentParser) -> None:
    group = propose.add_argument_group("when")
    group.add_argument("--height", type=int, metavar="H", help="the first height that the new binary executes")
    group.add_argument("--after-vote", metavar="SPAN", help="H comes so long after the vote is won")
    group.add_argument("--when-ready", metavar="SHARE", help="H comes when 67%%, 66.67%% or 6667bps of power is ready")
    group.add_argument("--deadline", metavar="SPAN", help="with --when-ready: how long it may wait for readiness")
    group.add_argument(
        "--window",
        metavar="SPAN|WINDOW",
        help="with --when-ready: SPAN from enough readiness to H. Alone: when on the wall H should come, as"
        " '2026-12-01 14:00..16:00 Europe/Berlin', '14:00..16:00' or '5h..7h'; H is chosen by the block time",
    )


def _how(propose: argparse.ArgumentParser) -> None:
    group = propose.add_argument_group("how")
    group.add_argument("--voting-period", metavar="SPAN", help="how long the vote is open (default: 7d)")
    group.add_argument("--expedited", action="store_true", help="a vote shorter than usual; everybody is told")
    group.add_argument("--execution-window", metavar="SPAN", help="from H until it expires (default: the registry's)")
    group.add_argument("--grace", metavar="SPAN", help="how long after H the old release may follow; said only")


def _path(value: str) -> Path:
    return Path(value).expanduser()
