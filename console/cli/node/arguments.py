"""The arguments of `node …`; imported by every command, so it imports little."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.groups import AddVerb, MakeRun, Verbs, adder, count


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: MakeRun) -> None:
    """Add `node` and everything under it.

    Args:
        verbs: Where it is added.
        shared: Options that every verb has.
        verb: Makes what runs of a module's and a function's name; nothing is imported before.
    """
    node = verbs.add_parser("node", parents=[shared], help="this machine's node and its controller", allow_abbrev=False)
    group = node.add_subparsers(dest="action", metavar="ACTION", required=True)

    add = adder(group, shared, verb, "console.cli.node")
    _set_up(add)
    _look(add)
    _act(add)
    _cross(add)
    _configure(add, shared)


def _set_up(add: AddVerb) -> None:
    init = add(
        "init", "setting_up", "init", "put the node under this controller: layout, record, and with --adopt its unit"
    )
    init.add_argument("--adopt", action="store_true", help="stop the unit that runs it today and keep it from starting")
    init.add_argument("--unit", metavar="UNIT", help="that unit, where it cannot be told")
    init.add_argument("--binary", type=Path, metavar="FILE", help="the binary that runs now, where it cannot be told")
    init.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    init.add_argument("--give-back", action="store_true", help="the way back: `node leave`")
    _cosmovisor_config(init)
    add("leave", "setting_up", "leave", "give the node back to the unit that it was taken from")
    run = add("run", "choosing", "run", "run the node's controller in the foreground (a systemd unit in production)")
    run.epilog = (
        "With Cosmovisor's variables or its config file, what stands behind `--` is the daemon's own arguments."
    )
    _cosmovisor_config(run)
    add("pipe", "piping", "pipe", "what another machine's console starts here by SSH (docs/fleet.md)")
    unit = add("unit", "setting_up", "unit", "print a systemd unit that runs this node's controller")
    unit.add_argument("--as-user", default="", metavar="USER", help="who it runs as (default: the manager's own)")
    unit.add_argument("--for-user", action="store_true", help="a unit for `systemctl --user`")
    _cosmovisor_config(unit)
    full = add(
        "full-node", "setting_up", "full_node", "set up a full node beside this one, in a new home with fresh keys"
    )
    full.add_argument("--home", required=True, type=_folder, metavar="NEW", help="the new home; it must not exist")
    full.add_argument("--moniker", default="", metavar="NAME", help="its name for peers (default: this node's, -full)")
    full.add_argument(
        "--port-offset", type=int, default=1000, metavar="N", help="added to every port of this node (default: 1000)"
    )


def _look(add: AddVerb) -> None:
    add("status", "asking", "status", "what the controller says of the node")
    add("list", "looking", "listed", "the generations and rollback points that are on this disk")
    add("processes", "looking", "processes", "the node's processes: CPU, memory, descriptors, threads")
    add("doctor", "looking", "doctor", "look for what is wrong, and say what to do; changes nothing")
    add("verify", "looking", "verify", "hash every generation and check every rollback point against what was recorded")
    release = add("show-release", "asking", "release", "what the controller verified of the planned release")
    release.add_argument("name", nargs="?", metavar="NAME", help="a generation's (default: that of the newest plan)")
    version = add("version", "looking", "version", "our version, and that of the binary that is current")
    version.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    version.add_argument("--cosmovisor-only", action="store_true", help="only ours; the binary is not run")
    logs = add("logs", "looking", "logs", "the node's or the controller's log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    logs.add_argument("--source", choices=("node", "controller"), help="only this log (default: both)")
    logs.add_argument("--lines", type=count, default=100, metavar="N", help="lines of each log (default: 100)")
    events = add("events", "looking", "events", "the controller's journal as a timeline")
    events.add_argument("--since", type=count, default=0, metavar="SEQ", help="only after this number")
    events.add_argument("--lines", type=count, default=100, metavar="N", help="the newest N (default: 100)")


def _act(add: AddVerb) -> None:
    for name, words in (
        ("start", "start the node; also ends STOPPED_BY_OPERATOR"),
        ("stop", "stop the node until it is started again by hand"),
        ("restart", "stop and start the node with the same binary and halt height"),
    ):
        add(name, "asking", "command", words)
    _reason(add("pause", "asking", "command", "pause every automatic step; what is armed halts all the same"))
    resume = add("resume", "asking", "command", "let automation go on")
    resume.add_argument(
        "--without-rollback-point", metavar="REASON", help="cross without one; switches automatic rollback off"
    )
    resume.add_argument(
        "--cross", metavar="REASON", help="cross although the verdict cannot be read; counts only if 2/3 do the same"
    )
    arm = _reason(add("arm", "asking", "command", "arm now, out of turn: restarts the node"))
    arm.add_argument(
        "--unproven",
        metavar="REASON",
        help="take the plan's release although the network in `proven_on` has not proven it; armed in its turn, or now"
        " with --reason",
    )
    _reason(
        add("disarm", "asking", "command", "restart without the halt height: the node goes on under old rules at H")
    )


def _cross(add: AddVerb) -> None:
    upgrade = add("add-upgrade", "staging", "add_upgrade", "give the bytes of a release by hand")
    upgrade.add_argument("name", metavar="NAME", help="the plan's name")
    upgrade.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="the binary; with containers an image (sha256:…, NAME@sha256:…, NAME:TAG); where the chain names a hash it"
        " must match",
    )
    upgrade.add_argument(
        "--manifest", type=Path, metavar="MANIFEST", help="the release's manifest, with its .sshsig files beside it"
    )
    upgrade.add_argument("--force", action="store_true", help="replace other bytes of that name, or another plan")
    upgrade.add_argument(
        "--height", type=_height, metavar="H", help="also plan it for H, the first height of the new binary (Cosmos)"
    )
    upgrade.add_argument(
        "--checksum", default="", metavar="SHA256", help="what the file must have, as published: sha256:… or sha512:…"
    )
    batch = add(
        "add-batch-upgrade", "staging", "add_batch", "stage many releases, and plan the one that comes next (Cosmos)"
    )
    batch.add_argument("--upgrade-file", type=Path, metavar="CSV", help="name,path,height lines")
    batch.add_argument("--upgrade-list", action="append", default=[], metavar="NAME:PATH:HEIGHT", help="one or more")
    add("show-upgrade-info", "staging", "show_upgrade_info", "the plan that the node or the operator wrote (Cosmos)")
    prepare = add(
        "prepare-upgrade", "asking", "prepare", "follow the open plan until it is staged, or say why it is not"
    )
    prepare.add_argument("--wait", type=count, default=600, metavar="S", help="seconds to wait (default: 600)")
    swap = _reason(add("swap", "asking", "command", "switch to another staged generation"))
    swap.add_argument("name", metavar="NAME", help="its folder's name, as `node list` shows it")
    _reason(add("rollback", "asking", "command", "back to the old binary where that is still possible; ends PARKED"))
    abort = add(
        "abort", "aborting", "abort", "go back together with the network; without options it says what is needed"
    )
    abort.add_argument("--statement", action="store_true", help="print this validator's signed line, for the others")
    abort.add_argument("--with", dest="lines", metavar="FILE", help="the lines of the others and ours; - for stdin")
    abort.add_argument("--yes-network", metavar="NAME", help="the network's name, instead of typing it")
    _reason(abort)
    resync = _reason(add("resync", "asking", "command", "bring a node that missed its halt back to before it"))
    resync.add_argument("--from-genesis", action="store_true", help="set the data aside and replay everything")
    state = _reason(add("rollback-state", "asking", "rollback_state", "undo the last block of a stopped node (Cosmos)"))
    state.add_argument("--hard", action="store_true", help="delete that block too; refused at a halt")
    backup = add("backup", "asking", "backup", "take a rollback point now; the node stops for it")
    backup.add_argument("name", nargs="?", metavar="NAME", help="its name (default: the time)")
    restore = _reason(
        add("restore", "asking", "command", "put a rollback point's data in place; the signer state stays")
    )
    restore.add_argument("name", metavar="NAME", help="as `node list` shows it")


def _configure(add: AddVerb, shared: argparse.ArgumentParser) -> None:
    config = add("config", "configuring", "config", "settings in force; Cosmovisor's tables where DAEMON_HOME is set")
    _cosmovisor_config(config)
    config.set_defaults(config_action=None)
    group = config.add_subparsers(dest="config_action", metavar="get|set|unset|import|file|file-set|file-undo")
    get = group.add_parser("get", parents=[shared], help="all settings, or one value", allow_abbrev=False)
    get.add_argument("key", nargs="?", metavar="KEY")
    change = group.add_parser("set", parents=[shared], help="change settings, all or none", allow_abbrev=False)
    change.add_argument("changes", nargs="+", metavar="KEY=VALUE")
    unset = group.add_parser("unset", parents=[shared], help="let the settings file say it again", allow_abbrev=False)
    unset.add_argument("key", metavar="KEY")
    take = group.add_parser(
        "import", parents=[shared], help="take over an orchestrator-config.yaml", allow_abbrev=False
    )
    take.add_argument("file", type=Path, metavar="FILE")
    look = group.add_parser("file", parents=[shared], help="the node's own settings files, or one", allow_abbrev=False)
    look.add_argument("file", nargs="?", metavar="FILE", help="relative to the node's home: config/config.toml")
    write = group.add_parser(
        "file-set", parents=[shared], help="change keys that a file has; from the next start", allow_abbrev=False
    )
    write.add_argument("file", metavar="FILE")
    write.add_argument("changes", nargs="+", metavar="KEY=VALUE", help="keys with dots: p2p.max_num_inbound_peers=80")
    back = group.add_parser(
        "file-undo", parents=[shared], help="put back what a file held before its newest change", allow_abbrev=False
    )
    back.add_argument("file", metavar="FILE")
    for parser in (change, unset, take, write, back):
        _reason(parser)


def _reason(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--reason", metavar="TEXT", help="why, for the journal")
    return parser


def _cosmovisor_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cosmovisor-config",
        type=Path,
        metavar="PATH",
        help="Cosmovisor's config.toml, instead of a network's settings",
    )


def _folder(value: str) -> Path:
    return Path(value).expanduser()


def _height(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
