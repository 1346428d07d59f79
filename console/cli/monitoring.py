"""`monitoring write`: alert rules, dashboard and scrape configuration as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from console.cli.printing import complain, print_json
from console.errors import InputError
from console.files import write_durably
from console.monitoring.written import (
    DASHBOARD_FILE,
    RULES_FILE,
    SCRAPE_FILE,
    dashboard_text,
    rules_text,
    scrape_text,
)
from console.settings import load_network


def write(arguments: argparse.Namespace) -> int:
    """Write the files into a folder.

    Raises:
        ConsoleError: The settings cannot be read, or a file is there that says something else.
    """
    folder: Path = arguments.folder
    files = {RULES_FILE: rules_text(), DASHBOARD_FILE: dashboard_text()}
    ports = _ports(arguments)
    if ports:
        files[SCRAPE_FILE] = scrape_text(ports)
    if not arguments.force:
        _refuse_other(folder, files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            # Prometheus and Grafana run as users of their own.
            write_durably(folder / name, text.encode(), 0o644)
    except OSError as error:
        raise InputError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error
    written = [str(folder / name) for name in files]
    if arguments.json:
        print_json({"written": written, "ports": ports})
    else:
        print("\n".join(written))
    if not ports:
        complain(
            f"no {SCRAPE_FILE}: no node of the network has a metrics_port (docs/monitoring.md)"
            if arguments.network
            else f"no {SCRAPE_FILE}: --network NAME says whose controllers are scraped"
        )
    return 0


def _ports(arguments: argparse.Namespace) -> list[int]:
    if arguments.network is None:
        return []
    network = load_network(arguments.network, arguments.dir)
    return [node.metrics_port for node in network.nodes if node.metrics_port]


def _refuse_other(folder: Path, files: dict[str, str]) -> None:
    """Refuse to write over what somebody else wrote or changed. Raises InputError."""
    for name, text in files.items():
        try:
            found = (folder / name).read_text("utf-8")
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {folder / name}: {error}", safe="nothing was written") from error
        if found != text:
            raise InputError(
                f"{folder / name} is there already and says something else",
                safe="nothing was written",
                next_step="move it away, or write over it with --force",
            )
