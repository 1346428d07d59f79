"""`python -m tests.faults SEED...`: play runs again and tell how they went; `--keep FOLDER` keeps what they wrote."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.plan import FaultRun, covering_seeds, fault_run
from tests.faults.play import Outcome, Play
from tests.faults.rig import Zygote, served


def main() -> int:
    """Play the seeds that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("seed", nargs="*", help="seeds, or ranges as 10-20; none: those that cover every point")
    parser.add_argument("--keep", type=Path, help="keep the folders of the runs here")
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--story", action="store_true", help="tell the story of runs that went well too")
    parser.add_argument("--package", type=Path, help="folder of another `console` to play, as of a planted bug")
    given = parser.parse_args()
    seeds = [seed for word in given.seed for seed in _range(word)] or list(covering_seeds())
    failed = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as made:
        base = given.keep or Path(made)
        base.mkdir(exist_ok=True)
        zygote = Zygote(given.package)
        try:
            with served(base) as url, ThreadPoolExecutor(given.workers) as pool:

                def play(seed: int) -> Outcome:
                    run: FaultRun = fault_run(seed)
                    play = Play(run, base / f"run-{seed}", f"{url}/run-{seed}", zygote)
                    outcome = play.play()
                    if given.story and not outcome.story:
                        outcome.story = play.world.story()
                    return outcome

                for outcome in pool.map(play, seeds):
                    failed += bool(outcome.violations)
                    sys.stdout.write(f"{outcome} ({outcome.seconds:.1f} s)\n")
                    if outcome.story:
                        sys.stdout.write(f"{outcome.story}\n")
                    sys.stdout.flush()
        finally:
            zygote.close()
    sys.stdout.write(f"{len(seeds)} runs, {failed} with violations\n")
    return 1 if failed else 0


def _range(word: str) -> range:
    first, _, last = word.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    raise SystemExit(main())
