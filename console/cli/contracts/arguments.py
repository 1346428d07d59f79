"""The arguments of `contracts …` and `propose-contract`; imported by every command, so it imports little."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.groups import AddVerb, MakeRun, Verbs, adder

_CONTRACT = "gateway, subnet-actor, registry, an address, or parent:ADDRESS"
_FACETS = "NAME=FILE[@ADDRESS],…"


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: MakeRun) -> None:
    """Add `contracts` and everything under it, and `propose-contract`.

    Args:
        verbs: Where they are added.
        shared: Options that every verb has.
        verb: Makes what runs of a module's and a function's name; nothing is imported before.
    """
    words = "contracts: what they are made of, deployed, verified, handed over, upgraded"
    contracts = verbs.add_parser("contracts", parents=[shared], help=words, description=words, allow_abbrev=False)
    group = contracts.add_subparsers(dest="action", metavar="ACTION", required=True)

    add = adder(group, shared, verb, "console.cli.contracts")
    _looking(add)
    _changing(add)
    _deploying(add)
    words = "propose a cut of one diamond: built from facets, shown, deployed, linked alone"
    propose = verbs.add_parser("propose-contract", parents=[shared], help=words, description=words, allow_abbrev=False)
    propose.set_defaults(run=verb("console.cli.contracts.proposing", "run"))
    propose.add_argument("--contract", required=True, metavar="NAME", help=_CONTRACT)
    propose.add_argument("--give-to", metavar="ADDRESS", help="no cut: give the diamond from the registry to an owner")
    propose.add_argument("--name", metavar="gateway-v2", help="of the proposal (default: made of the contract's)")
    propose.add_argument("--voting-blocks", type=int, metavar="N", help="blocks that the vote is open (default: least)")
    propose.add_argument("--out", type=_path, metavar="FILE", help="where a cut of another owner is exported to")
    _cut(propose, required=False)
    _paying(propose)


def _looking(add: AddVerb) -> None:
    show = add("show", "looking", "show", "facets, functions, code and owner of a diamond")
    show.add_argument("contract", metavar="NAME", help=_CONTRACT)
    diff = add("diff", "looking", "diff", "what facets would change in a diamond; nothing is sent")
    diff.add_argument("contract", metavar="NAME", help=_CONTRACT)
    _cut(diff)
    review = add("review", "looking", "review", "what a proposal's linked calls would change, for those who vote")
    review.add_argument("proposal", type=int, metavar="ID")
    verify = add("verify", "looking", "verify", "code on the chain against what it was compiled from")
    verify.add_argument("contract", nargs="?", metavar="NAME", help=f"{_CONTRACT}; without it the UpgradeRegistry")
    verify.add_argument("--facets", action="append", default=[], metavar=_FACETS, help="what facets should be")
    verify.add_argument("--recompile", type=_path, metavar="DIR", help="compile these sources with their npm solc")
    check = add("check", "looking", "check", "whether exported calls were made, by loupe and by code")
    check.add_argument("file", type=_path, metavar="FILE", help="what was exported")
    check.add_argument("--transaction", metavar="HASH", help="the transaction that made them")


def _changing(add: AddVerb) -> None:
    export = add("export", "changing", "export", "write a cut for its owner: call data, and a batch for Safe")
    export.add_argument("contract", metavar="NAME", help=_CONTRACT)
    export.add_argument("--out", type=_path, required=True, metavar="FILE")
    _cut(export)
    facets = add("deploy-facets", "changing", "deploy_facets", "deploy the facets that a diamond does not have yet")
    facets.add_argument("contract", metavar="NAME", help=_CONTRACT)
    _cut(facets)
    _paying(facets)
    hand = add("hand-over", "changing", "hand_over", "give a diamond to another owner, by its owner's key or exported")
    hand.add_argument("contract", metavar="NAME", help=_CONTRACT)
    hand.add_argument(
        "--to", required=True, metavar="ADDRESS", help="the new owner; `registry` for the UpgradeRegistry"
    )
    hand.add_argument("--out", type=_path, metavar="FILE", help="export the call instead of signing it")
    _paying(hand)


def _deploying(add: AddVerb) -> None:
    deploy = add(
        "deploy", "deploying", "deploy", "put an UpgradeRegistry on a network: tried, deployed, verified, kept"
    )
    deploy.add_argument("--ethereum-rpc", action="append", default=[], metavar="URL", help="for a network that is new")
    deploy.add_argument("--cometbft-rpc", action="append", default=[], metavar="URL", help="the same")
    power = deploy.add_mutually_exclusive_group(required=True)
    power.add_argument("--gateway", metavar="ADDRESS", help="power is the membership of this gateway")
    power.add_argument("--subnet-actor", metavar="ADDRESS", help="power is that of this actor's active validators")
    power.add_argument("--power-source", metavar="ADDRESS", help="a power source that is there already")
    deploy.add_argument("--admin", metavar="ADDRESS", help="may propose without being a validator")
    deploy.add_argument("--min-proposer-power", type=int, default=0, metavar="N", help="of a validator that proposes")
    deploy.add_argument("--no-validator-proposes", action="store_true", help="the admin alone proposes")
    deploy.add_argument(
        "--without-votes", action="store_true", help="a release needs no vote; contract calls always do"
    )
    deploy.add_argument("--voting-blocks", type=int, default=604_800, metavar="N", help="the shortest vote")
    deploy.add_argument("--expedited-blocks", type=int, default=86_400, metavar="N", help="the shortest expedited one")
    deploy.add_argument("--freeze-blocks", type=int, default=5, metavar="F")
    deploy.add_argument("--execution-window", type=int, default=86_400, metavar="N")
    deploy.add_argument("--council", default="", metavar="A,B,…", help="who can stop an upgrade")
    deploy.add_argument("--council-threshold", type=int, metavar="N", help="how many of them (default: more than half)")
    deploy.add_argument("--target", action="append", default=[], metavar="ADDRESS", help="a diamond that may be cut")
    deploy.add_argument("--dry-run", action="store_true", help="estimate and show, send nothing")
    _paying(deploy)


def _cut(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--facets", action="append", default=[], required=required, metavar=_FACETS, help="facets by their artefacts"
    )
    parser.add_argument("--init", metavar="ADDRESS", help="whose code runs inside the diamond after the cut")
    parser.add_argument("--init-calldata", default="0x", metavar="HEX", help="what it is called with")
    parser.add_argument("--allow-init", action="store_true", help="I have read that code")
    parser.add_argument("--allow-core", action="store_true", help="the cut may touch how the diamond is cut and read")


def _paying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", type=_path, metavar="FILE", help="whose key signs (default: the network's proposer)")
    parser.add_argument("--confirm", metavar="NETWORK", help="the network's name, instead of typing it")


def _path(value: str) -> Path:
    return Path(value).expanduser()
