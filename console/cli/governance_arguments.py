"""The arguments of the verbs on proposals and on the registry; imported by every command, so it imports little."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.groups import Run, Verbs

HALT_CODES = ("other", "bad-release", "security", "not-ready", "chain-trouble")
STATUSES = (
    "voting",
    "approved",
    "rejected",
    "scheduled",
    "executed",
    "aborted",
    "expired",
    "cancelled",
    "rolled-back",
)
SORTS = ("id", "height", "status", "name")

_ACTIONS = "console.cli.proposal_actions"
_MESSAGES = "console.cli.chain_messages"


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: Callable[..., Run]) -> None:
    """Add the verbs.

    Args:
        verbs: Where they are added.
        shared: Options that every verb has.
        verb: Makes what runs of a module's and a function's name; nothing is imported before.
    """

    def add(name: str, module: str, function: str, words: str, *, signs: bool = True) -> argparse.ArgumentParser:
        parser = verbs.add_parser(name, parents=[shared], help=words, description=words, allow_abbrev=False)
        parser.set_defaults(run=verb(module, function))
        if signs:
            signing_options(parser)
        return parser

    _reading(add)
    vote = add("vote", _ACTIONS, "vote", "vote on a proposal with all of this validator's power")
    _number(vote)
    choices = ("yes", "no", "abstain", "no-with-veto")
    vote.add_argument("choice", nargs="?", choices=choices, help="a registry takes yes and no; left out with --relay")
    vote.add_argument(
        "--weighted", metavar="SHARES", help="on a Cosmos chain: a split vote, as yes=0.7,no=0.3; they come to 1"
    )
    signed_options(vote)
    for name, words in (
        ("finalize", "store that a vote was lost or ran out; anyone may"),
        ("schedule", "give an approved proposal its height; anyone may"),
        ("execute", "have a proposal's linked calls made; anyone may"),
        ("undo", "have linked calls taken back after an upgrade that did not come; anyone may"),
        ("expire", "store that a proposal ran out of time; anyone may"),
        ("cancel", "take an own proposal back, before any vote"),
    ):
        _number(add(name, _ACTIONS, name, words))
    replace = add("replace", _ACTIONS, "replace", "agree that a release gets other bytes; more than 2/3 have to")
    _number(replace)
    replace.add_argument("--hash", required=True, metavar="sha256:HEX", help="of the new binary or manifest")
    replace.add_argument("--url", required=True, metavar="URL", help="where it is to be had")
    rollback = add(
        "rollback", _ACTIONS, "rollback", "say that the network went back to the old release; more than 2/3 have to"
    )
    _number(rollback)
    rollback.add_argument("--reason", required=True, metavar="TEXT", help="kept on the chain")
    _confirmed(rollback)
    deposit = add("deposit", _MESSAGES, "deposit", "add to the deposit of a Cosmos chain's proposal", signs=False)
    _number(deposit)
    deposit.add_argument("amount", metavar="COINS", help="with their denom, as 10000000stake")
    daemon_options(deposit)
    _halt(add)
    advertise = add("advertise", _ACTIONS, "advertise", "tell the network which release this validator runs")
    advertise.add_argument("version_name", metavar="VERSION", help="the release's name, as v0.2.0")
    advertise.add_argument("--hash", required=True, metavar="sha256:HEX", help="of the release that runs")
    advertise.add_argument("--protocol", type=int, default=0, metavar="N", help="the application's version (default 0)")
    operator = add("set-operator", _ACTIONS, "set_operator", "name the key that signals for this validator")
    operator.add_argument("address", metavar="ADDRESS", help="in any form, or `none`")


def signing_options(parser: argparse.ArgumentParser) -> None:
    """Options of a verb that calls the registry."""
    group = parser.add_argument_group("signing")
    group.add_argument("--key", type=_path, metavar="FILE", help="the key that signs, instead of the settings' one")
    group.add_argument("--dry-run", action="store_true", help="show what would be signed and its cost; send nothing")
    group.add_argument("--export", type=_path, metavar="FILE", help="write the call for another signer; send nothing")
    group.add_argument(
        "--from",
        dest="sender",
        metavar="ADDRESS",
        help="with --export or --dry-run: whose key, elsewhere, will sign; on a Cosmos chain the key in the daemon's"
        " keyring",
    )


def daemon_options(parser: argparse.ArgumentParser) -> None:
    """Options of a verb that says something through a Cosmos chain's daemon."""
    group = parser.add_argument_group("signing")
    group.add_argument("--dry-run", action="store_true", help="show what would be signed and its fee; send nothing")
    group.add_argument("--export", type=_path, metavar="FILE", help="write it for another signer; send nothing")
    group.add_argument(
        "--from", dest="sender", metavar="KEY", help="name or address in the daemon's keyring, instead of the settings'"
    )


def register_provider(verbs: Verbs, shared: argparse.ArgumentParser, verb: Callable[..., Run]) -> None:
    """Add `provider set-status`."""
    words = "what a provider says to its Cosmos chain"
    provider = verbs.add_parser("provider", parents=[shared], help=words, description=words, allow_abbrev=False)
    group = provider.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = group.add_parser("set-status", parents=[shared], help="take no new work, or take it again")
    status.add_argument("status", choices=("ACTIVE", "PAUSED"))
    status.add_argument("--reason", metavar="TEXT", help="kept on the chain; PAUSED needs one")
    daemon_options(status)
    status.set_defaults(run=verb(_MESSAGES, "provider_status"))


def signed_options(parser: argparse.ArgumentParser) -> None:
    """Options for a message that one signs and another sends."""
    group = parser.add_argument_group("without gas")
    group.add_argument("--sign-only", action="store_true", help="print the signed message; whoever has it may send it")
    group.add_argument(
        "--counts-for", type=int, default=20_000, metavar="BLOCKS", help="how long the signature counts (default 20000)"
    )
    group.add_argument("--relay", type=_path, metavar="FILE", help="send another's signed message")


def _reading(add: Callable[..., argparse.ArgumentParser]) -> None:
    listing = add("proposals", "console.cli.proposals", "run_list", "every proposal of the registry", signs=False)
    listing.add_argument("--status", action="append", choices=STATUSES, default=[], help="only these; may be repeated")
    listing.add_argument("--sort", choices=SORTS, default="id", help="the newest first, unless by something else")
    one = add(
        "proposal", "console.cli.proposals", "run_one", "one proposal in full: votes, readiness, calls", signs=False
    )
    _number(one)
    sent = add(
        "sent", "console.cli.sent", "run", "take the hash of an exported call that was sent elsewhere", signs=False
    )
    sent.add_argument("file", type=_path, metavar="FILE", help="what --export wrote")
    sent.add_argument("transaction", metavar="HASH", help="of the transaction that made the call")
    sent.add_argument("--wait", type=float, default=60.0, metavar="SECONDS", help="for its block (default 60)")


def _halt(add: Callable[..., argparse.ArgumentParser]) -> None:
    words = "emergency: approve as the council that an upgrade is cancelled, or with --node stop this machine's node"
    halt = add("halt", _ACTIONS, "halt", words)
    halt.add_argument("proposal", type=int, nargs="?", metavar="ID", help="the proposal to cancel")
    halt.add_argument("--code", choices=HALT_CODES, default="other", help="why (default: other)")
    halt.add_argument("--reason", metavar="TEXT", help="in your own words; kept on the chain")
    halt.add_argument(
        "--stop-node", action="store_true", help="stop this machine's node instead; the proposal is not touched"
    )
    _confirmed(halt)


def register_registry(verbs: Verbs, shared: argparse.ArgumentParser, verb: Callable[..., Run]) -> None:
    """Add `registry show` and `registry follow`."""
    words = "the registry itself: its rules, and the one that follows it"
    registry = verbs.add_parser("registry", parents=[shared], help=words, description=words, allow_abbrev=False)
    group = registry.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = group.add_parser("show", parents=[shared], help="who may propose, how long votes are, the council")
    show.set_defaults(run=verb("console.cli.registry", "show"))
    follow = group.add_parser("follow", parents=[shared], help="go over to the registry that follows this one")
    follow.set_defaults(run=verb("console.cli.registry", "follow"))
    _confirmed(follow)


def _number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", type=int, metavar="ID", help="the proposal's number")


def _confirmed(parser: argparse.ArgumentParser) -> None:
    words = "the network's name, instead of typing it"
    parser.add_argument("--confirm", "--yes-network", dest="confirm", metavar="NETWORK", help=words)


def _path(value: str) -> Path:
    return Path(value).expanduser()
