"""The garbage collector in a worker."""

import subprocess
import sys

LARGE_CYCLES = """
from nightshift.worker import gc_tuning

alive = most = 0

class Cycle:
    def __init__(self):
        global alive, most
        self.me = self
        alive += 1
        most = max(most, alive)

    def __del__(self):
        global alive
        alive -= 1

gc_tuning.freeze()
for _ in range(300):
    Cycle()
    gc_tuning.collect_young()
print(most)
"""


def test_what_few_jobs_leave_in_cycles_goes_with_the_next_sweep() -> None:
    """However few objects it is made of: each may be large."""
    command = [sys.executable, "-c", LARGE_CYCLES]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    assert int(found.stdout) == 1
