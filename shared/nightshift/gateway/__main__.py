"""Run the gateway: `python -m nightshift.gateway`, as `nightshift gateway` does."""

import sys

from nightshift.gateway.area import PLAIN
from nightshift.gateway.service import run

if __name__ == "__main__":
    sys.exit(run(PLAIN, "python -m nightshift.gateway"))
