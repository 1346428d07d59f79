"""The arguments of `release …`; imported by every command, so it imports little."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.groups import AddVerb, MakeRun, Verbs, adder

_ROLES = ("developer", "builder", "auditor")
_PLACE = "linux/amd64:fendermint"


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: MakeRun) -> None:
    """Add `release` and everything under it.

    Args:
        verbs: Where it is added.
        shared: Options that every verb has.
        verb: Makes what runs of a module's and a function's name; nothing is imported before.
    """
    words = "make, sign and check releases: manifests, signatures, keyrings"
    release = verbs.add_parser("release", parents=[shared], help=words, description=words, allow_abbrev=False)
    group = release.add_subparsers(dest="action", metavar="ACTION", required=True)

    def under(parent: Verbs) -> AddVerb:
        return adder(parent, shared, verb, "console.cli.release", without_network=False)

    add = under(group)
    _make(add)
    _sign(add)
    _check(add)
    ring = group.add_parser("keyring", parents=[shared], help="whose signatures count", allow_abbrev=False)
    _keyrings(under(ring.add_subparsers(dest="keyring_action", metavar="init|add|rotate|show|pin", required=True)))


def _make(add: AddVerb) -> None:
    make = add("make", "making", "make", "make a manifest from files, and print its hash for the proposal")
    make.set_defaults(without_network=True)
    make.add_argument("--name", required=True, metavar="v0.2.0", help="of the upgrade, as the plan will have it")
    make.add_argument("--version", required=True, metavar="0.2.0", help="of the software")
    make.add_argument("--sequence", required=True, type=int, metavar="N", help="larger than every release's before")
    make.add_argument("--chain", metavar="ID", help="the chain id (default: the network's)")
    make.add_argument("--project", metavar="NAME", help="whose release it is (default: the pinned keyring's)")
    make.add_argument("--keyring", type=int, metavar="N", help="version of the keyring (default: the pinned one's)")
    for option, value, words in (
        ("binary", f"{_PLACE}=FILE", "a binary that must change; its hash and size are taken"),
        ("source", f"{_PLACE}=URL", "where the archive, or without one the binary, will be; several are mirrors"),
        ("archive", f"{_PLACE}=FILE", "what the sources hold, when that is not the binary itself"),
        ("member", f"{_PLACE}=PATH", "where the binary is in the archive"),
        ("image", f"{_PLACE}=NAME@sha256:…", "the same for nodes in containers"),
    ):
        make.add_argument(f"--{option}", action="append", default=[], metavar=value, help=words)
    make.add_argument("--not-breaking", action="store_true", help="old and new rules are the same")
    make.add_argument(
        "--state-compatible", action="store_true", help="the old binary can go on with the data after the new one ran"
    )
    make.add_argument("--min-height", type=int, metavar="H", help="first height at which it may be the upgrade")
    make.add_argument("--max-height", type=int, metavar="H", help="last height at which it may be the upgrade")
    make.add_argument("--grace-blocks", type=int, default=0, metavar="N", help="for late nodes, after the upgrade")
    make.add_argument(
        "--child",
        action="append",
        default=[],
        metavar="CHAIN=AFTER[:BEFORE[:RELEASE]]",
        help="when a child network has to follow, in blocks of this chain around the upgrade; CHAIN may be *",
    )
    make.add_argument("--not-after", default="", metavar="TIME", help="as 2027-01-31T12:00:00Z; warns, never stops")
    make.add_argument("--migration", type=_path, metavar="JSON", help="a file with the section, docs/migrations.md")
    make.add_argument("--notes", type=_path, metavar="FILE", help="release notes, for their hash")
    make.add_argument("--notes-url", default="", metavar="URL", help="where they will be")
    _out(make, "manifest.json")


def _sign(add: AddVerb) -> None:
    sign = add("sign", "signing", "sign", "sign a manifest or the next keyring; ssh-keygen does the asking")
    sign.set_defaults(without_network=True)
    sign.add_argument("file", type=_path, metavar="FILE", help="the manifest, or with --role keyring the next keyring")
    sign.add_argument("--key", required=True, type=_path, metavar="KEY", help="private key, or the .pub of an agent's")
    sign.add_argument("--role", choices=(*_ROLES, "keyring"), default="developer", help="as whom (default: developer)")
    sign.add_argument("--keyring", type=_path, metavar="FILE", help="who may sign (default: the pinned keyring)")
    sign.add_argument(
        "--binary",
        action="append",
        default=[],
        metavar=f"{_PLACE}=FILE",
        help="a builder's own build, to compare",
    )
    attest = add("attest", "signing", "attest", "say that your own build stands for a release on this machine")
    _bundle(attest)
    attest.add_argument("--binary", action="append", default=[], metavar="PROGRAM=FILE", help="your build")
    attest.add_argument("--reason", default="", metavar="TEXT", help="why; it is kept")
    attest.add_argument("--key", type=_path, metavar="KEY", help="sign it with your own key")


def _check(add: AddVerb) -> None:
    verify = add("verify", "verifying", "verify", "check a release; the exit code says what failed (docs/releases.md)")
    _bundle(verify)
    verify.add_argument("--platform", default="", metavar="OS/ARCH", help="another one than this machine's")
    verify.add_argument(
        "--binary", action="append", default=[], metavar="PROGRAM=FILE", help="a file that must be the release's"
    )
    verify.add_argument("--wasm", type=_path, metavar="FILE", help="the migration's module, for its dry run")
    verify.add_argument("--state", type=_path, metavar="JSON", help="the state that it meets (default: an empty one)")
    show = add("show", "verifying", "show", "what a manifest says, signed or not")
    show.set_defaults(without_network=True)
    show.add_argument("manifest", metavar="MANIFEST", help="its file; - for stdin")


def _bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", metavar="MANIFEST", help="its file; - for stdin")
    parser.add_argument(
        "--signatures", action="append", type=_path, default=[], metavar="PATH",
        help="files, or folders of them (default: MANIFEST.*.sshsig beside it)",
    )  # fmt: skip
    parser.add_argument("--hash", default="", metavar="sha256:HEX", help="what the plan on the chain says")
    parser.add_argument("--name", default="", metavar="NAME", help="the plan's name")
    parser.add_argument("--height", type=int, metavar="H", help="the plan's height")


def _keyrings(add: AddVerb) -> None:
    init = add("init", "keyrings", "init", "make a project's first keyring")
    init.set_defaults(without_network=True)
    init.add_argument("--project", required=True, metavar="NAME")
    _keys(init)
    _out(init, "keyring.1.json")
    more = add("add", "keyrings", "add", "make the keyring that follows: with more keys, fewer, or other thresholds")
    more.set_defaults(without_network=True)
    more.add_argument("--from", dest="old", type=_path, metavar="FILE", help="the one before (default: the pinned one)")
    more.add_argument("--remove", action="append", default=[], metavar="NAME", help="out of it")
    more.add_argument("--retire", action="append", default=[], metavar="NAME=SEQUENCE", help="its last release")
    _keys(more)
    _out(more, "")
    rotate = add("rotate", "keyrings", "rotate", "trust the keyring that follows the pinned one, by its signatures")
    rotate.add_argument("file", type=_path, metavar="FILE")
    rotate.add_argument("--signatures", action="append", type=_path, default=[], metavar="PATH", help="as of `verify`")
    show = add("show", "keyrings", "show", "a keyring for people, and what was trusted")
    show.set_defaults(without_network=True)
    show.add_argument("file", type=_path, nargs="?", metavar="FILE", help="default: the pinned one")
    show.add_argument("--allowed-signers", action="store_true", help="as stock OpenSSH reads it")
    pin = add("pin", "keyrings", "pin", "trust a first keyring, whose sha256 you know from elsewhere")
    pin.add_argument("file", type=_path, metavar="FILE")
    pin.add_argument("--hash", required=True, metavar="sha256:HEX", help="from another place than the file")


def _keys(parser: argparse.ArgumentParser) -> None:
    for role in _ROLES:
        parser.add_argument(
            f"--{role}",
            action="append",
            default=[],
            metavar="NAME=FILE",
            help=f"public key of a {role}, or NAME alone",
        )
        parser.add_argument(f"--{role}s-needed", type=int, metavar="N", help=f"distinct {role}s' keys that must sign")
    parser.add_argument("--first-sequence", type=int, default=0, metavar="N", help="first release of the added keys")


def _out(parser: argparse.ArgumentParser, default: str) -> None:
    words = f"default: {default}" if default else "default: keyring.N.json"
    parser.add_argument("--out", type=_path, default=_path(default) if default else None, metavar="FILE", help=words)
    parser.add_argument("--force", action="store_true", help="replace another file there")


def _path(value: str) -> Path:
    return Path(value).expanduser()
