"""Runs the scheduler of the library with the schedules of this repository: `python -m services.scheduler`."""

import sys

from nightshift.scheduler.__main__ import main

if __name__ == "__main__":
    sys.exit(main(program="python -m services.scheduler"))
