"""A worker of the service `chaos` as a process: `python -m tests.chaos.worker`, settings in the environment."""

import os
import sys
from pathlib import Path

from nightshift.service.running import run
from tests.chaos import fault_points, inner_faults, messages
from tests.chaos.handlers import service
from tests.chaos.pace import PACES


def main() -> int:
    """Runs it until it is stopped, or struck."""
    folder, pace = Path(os.environ["CHAOS_FOLDER"]), PACES[os.environ["CHAOS_PACE"]]
    pace.apply()
    messages.offer()
    fault_points.arm(
        folder / "notes.txt", seed=os.environ["CHAOS_SEED"], probability=float(os.environ["CHAOS_PROBABILITY"])
    )
    inner_faults.arm(folder, seed=os.environ["CHAOS_SEED"])
    declared = service(folder, block_seconds=pace.ack_wait_seconds * 1.5)
    return run(declared, "python -m tests.chaos.worker", policies=pace.policies)


if __name__ == "__main__":
    sys.exit(main())
