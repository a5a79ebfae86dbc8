"""Run the console: `python -m nightshift.console`, as `nightshift console` does."""

import sys

from nightshift.console.service import run

if __name__ == "__main__":
    sys.exit(run("python -m nightshift.console"))
