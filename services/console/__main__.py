"""Run the console of the library: `python -m services.console`."""

import sys

from nightshift.console.service import run

if __name__ == "__main__":
    sys.exit(run("python -m services.console"))
