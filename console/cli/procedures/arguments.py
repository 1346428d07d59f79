"""The arguments of `run`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.groups import Run, Verbs

_WORDS = "run a procedure step by step: what it did is journalled, and it can be left and gone on with"
_EPILOG = (
    "A procedure's own parameters follow its name as --NAME VALUE; `--show PROCEDURE` lists them."
    " Exit codes: 0 done, 1 failed or stopped, 2 usage, 3 waiting for a person."
)


def register(verbs: Verbs, shared: argparse.ArgumentParser, verb: Callable[[str], Run]) -> None:
    """Add the verb."""
    run = verbs.add_parser(
        "run", parents=[shared], help=_WORDS, description=_WORDS, epilog=_EPILOG, allow_abbrev=False, add_help=False
    )
    words = "show this help message, or with PROCEDURE its steps and parameters, and exit"
    run.add_argument("-h", "--help", action=_Help, nargs=0, help=words)
    run.add_argument("procedure", nargs="?", metavar="PROCEDURE", help="its name; `--list` lists them")
    what = run.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="only look, and say what would be done and asked")
    what.add_argument(
        "--resume", nargs="?", const="", metavar="RUN", help="go on with a run that was left (default: the only one)"
    )
    what.add_argument("--list", action="store_true", help="list procedures and runs")
    what.add_argument("--show", metavar="WHAT", help="show a run, or a procedure with its steps")
    what.add_argument("--watch", metavar="RUN", help="follow a run that somebody else drives, without touching it")
    what.add_argument(
        "--timeline", action="store_true", help="what of the upgrade is done, due now or late, T-7d to T+1h"
    )
    what.add_argument("--give-up", metavar="RUN", help="end a run that nobody will go on with; needs --reason")
    run.add_argument("--reason", metavar="TEXT", default="", help="why the run is given up")
    run.add_argument("--by", metavar="NAME", help="who runs it and answers (default: this user)")
    run.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="STEP=yes[:NAME[:REASON]]",
        help="answer a question beforehand: yes, no, or what has to be typed; may be given again",
    )
    run.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="STEP=REASON",
        help="leave an optional step out; may be given again",
    )
    run.add_argument("--replan", action="store_true", help="with --resume: go on by the procedure as it is now")
    run.add_argument("--export", type=Path, metavar="FILE", help="with --show: write the record, FILE.md or FILE.json")
    run.set_defaults(run=verb("console.cli.procedures.run"), given=[], helped=False)


class _Help(argparse.Action):
    """Help for the verb; behind a procedure's name that procedure, as `--show` has it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if namespace.procedure is None:
            parser.print_help()
            parser.exit()
        namespace.show, namespace.procedure, namespace.helped = namespace.procedure, None, True


def problem(arguments: argparse.Namespace) -> str:
    """What is wrong with the arguments together, one sentence; empty for nothing."""
    alone = arguments.list or arguments.timeline or arguments.show or arguments.watch or arguments.give_up
    if alone and arguments.procedure is not None and not arguments.list:
        return "PROCEDURE is for running one: leave it out here"
    if not alone and arguments.resume is None and arguments.procedure is None:
        return "say which PROCEDURE, or --list, --show, --timeline, --watch, --resume or --give-up"
    if arguments.given and not arguments.helped and (alone or arguments.resume is not None):
        return f"unrecognized arguments: {' '.join(arguments.given)} (a run has the parameters that it began with)"
    if arguments.reason and arguments.give_up is None:
        return "--reason goes with --give-up"
    if arguments.replan and arguments.resume is None:
        return "--replan goes with --resume"
    if arguments.export is not None and arguments.show is None:
        return "--export goes with --show RUN"
    if arguments.export is not None and arguments.export.suffix not in {".md", ".json"}:
        return "--export needs a FILE that ends in .md or .json"
    return ""
