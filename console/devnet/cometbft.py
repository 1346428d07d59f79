"""A real CometBFT under the devnet: where it is found, what its config.toml says."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from console.devnet.keys import node_id
from console.devnet.options import duration_text
from console.devnet.ports import LOOPBACK
from console.devnet.record import Record, ValidatorRecord
from console.errors import DevnetError

PROGRAM = "cometbft"
"""Name of the program, on PATH and in every `bin/` folder."""


def find_cometbft(given: Path | None) -> Path:
    """The program that the operator named, or the one on PATH.

    Raises:
        DevnetError: There is none.
    """
    if given is not None:
        path = given.expanduser().resolve()
        if not path.is_file() or not os.access(path, os.X_OK):
            raise DevnetError(f"{given} is not a program", safe="nothing was started")
        return path
    found = shutil.which(PROGRAM)
    if found is None:
        raise DevnetError(
            f"there is no {PROGRAM} on PATH",
            safe="nothing was started",
            next_step="install CometBFT 0.37 or 0.38, or name it with --cometbft PATH",
        )
    return Path(found).resolve()


def keep_cometbft(program: Path, kept: Path) -> None:
    """Copy the program into the devnet's folder, which outlives what PATH says today. Raises DevnetError."""
    try:
        with tempfile.TemporaryDirectory(dir=kept.parent) as beside:
            copy = Path(beside) / kept.name
            shutil.copyfile(program, copy)
            copy.chmod(0o555)
            copy.replace(kept)
    except OSError as error:
        raise DevnetError(f"cannot copy {program}: {error.strerror or error}", safe="nothing was started") from error


def link_cometbft(kept: Path, binary: Path) -> None:
    """Give a node's `bin/` the program: the same file, where the file system can. Raises OSError."""
    binary.unlink(missing_ok=True)
    try:
        os.link(kept, binary)
    except OSError:
        shutil.copyfile(kept, binary)
        binary.chmod(0o555)


def peers_of(record: Record, validator: ValidatorRecord) -> str:
    """`persistent_peers` of one node: all the others, by the ids of their node keys."""
    return ",".join(
        f"{node_id(record.chain_id, each.number)}@{LOOPBACK}:{each.p2p_port}"
        for each in record.validators
        if each.name != validator.name
    )


def real_tables(record: Record, validator: ValidatorRecord) -> dict[str, Any]:
    """What config.toml says besides for a real CometBFT; the rest has its defaults.

    Several nodes at one address are no strangers here, and what waits for a slow network waits less.
    """
    return {
        "proxy_app": f"tcp://{LOOPBACK}:{validator.abci_port}",
        "p2p": {
            "pex": False,
            "addr_book_strict": False,
            "allow_duplicate_ip": True,
            "flush_throttle_timeout": "10ms",
        },
        "consensus": {
            "timeout_commit": duration_text(record.block_time_ms),
            "timeout_propose": "600ms",
            "timeout_propose_delta": "200ms",
            "timeout_prevote": "300ms",
            "timeout_prevote_delta": "150ms",
            "timeout_precommit": "300ms",
            "timeout_precommit_delta": "150ms",
            "peer_gossip_sleep_duration": "20ms",
        },
        "tx_index": {"indexer": "null"},
    }
