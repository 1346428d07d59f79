"""`node abort`: guided, because it is done at a halted chain, by many people at once, and only together."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from console.cli.node.asking import asked
from console.cli.node.choosing import chosen
from console.cli.node.showing import show_status
from console.cli.printing import print_json
from console.errors import InputError
from console.operations.node_abort import ABORT_WORDS, AbortCase, Counted, abort_case, counted, own_statement
from console.operations.node_abort import abort as go_back
from console.operations.node_command import typed_reason
from console.settings import NetworkSettings

_MAX_PASTE = 64 << 20


def abort(arguments: argparse.Namespace) -> int:
    """What is needed; our line by `--statement`; the count, and the deed, by `--with`. Raises ConsoleError."""
    network, node = chosen(arguments)
    case = abort_case(network, node)
    if arguments.statement:
        line = asyncio.run(own_statement(case, node))
        if arguments.json:
            print_json({"statement": line})
        else:
            print(line)
        return 0
    if arguments.lines is None:
        return _guide(case, as_json=arguments.json)
    reason = typed_reason("abort", arguments.reason)
    count = counted(case, _pasted(arguments.lines))
    if not count.found.agreed:
        _show_count(count, as_json=arguments.json)
        raise InputError(
            f"{count.found.power} of {count.found.total} power is not more than 2/3", safe="nothing was changed"
        )
    if not arguments.json:
        _show_count(count, as_json=False)
        print(ABORT_WORDS.sentence("abort", node.name, network.name), flush=True)
    _confirm(network, arguments.yes_network)
    from console.operations.controllers import here

    member = here(node)
    status = asked(network, member, go_back(member.client, count, reason))
    show_status(status, as_json=arguments.json)
    return 0


def _guide(case: AbortCase, *, as_json: bool) -> int:
    if as_json:
        members = {address: member.power for address, member in case.membership.items()}
        print_json(
            {
                "plan": {"id": case.plan.id, "name": case.plan.name, "height": case.plan.target_height},
                "crossing": case.crossing.value or None,
                "membership": members,
                "total_power": sum(members.values()),
            }
        )
    else:
        print("\n".join(case.lines))
    return 0


def _show_count(count: Counted, *, as_json: bool) -> None:
    if as_json:
        found = count.found
        print_json(
            {
                "agreed": found.agreed,
                "power": found.power,
                "total": found.total,
                "agreeing": list(found.agreeing),
                "missing": list(found.missing),
                "rejected": [{"validator": entry.validator, "why": entry.why} for entry in found.rejected],
                "problems": list(count.problems),
            }
        )
    else:
        print("\n".join(count.lines), flush=True)


def _pasted(where: str) -> str:
    try:
        if where == "-":
            content = sys.stdin.read(_MAX_PASTE + 1)
        else:
            path = Path(where)
            if not path.is_file():
                raise InputError(f"{where} is no file", safe="nothing was changed")
            with path.open("r", encoding="utf-8", errors="replace") as stream:
                content = stream.read(_MAX_PASTE + 1)
    except OSError as error:
        raise InputError(f"cannot read {where}: {error.strerror or error}", safe="nothing was changed") from error
    if len(content) > _MAX_PASTE:
        raise InputError(f"{where} is far larger than any network's statements", safe="nothing was changed")
    return content


def _confirm(network: NetworkSettings, given: str | None) -> None:
    """Have the network's name typed. Raises InputError: it was not."""
    if given is None:
        if not sys.stdin.isatty():
            raise InputError(
                "nobody is there to type the network's name",
                safe="nothing was changed",
                next_step=f"--yes-network {network.name}",
            )
        print(f"Type the network's name to go on ({network.name}): ", end="", file=sys.stderr, flush=True)
        given = sys.stdin.readline().strip()
    if given != network.name:
        raise InputError("that is not the network's name", safe="nothing was changed")
