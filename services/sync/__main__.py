"""Run the sync service: `python -m services.sync`."""

import sys

from services.sync.service import sync

if __name__ == "__main__":
    sys.exit(sync.run("python -m services.sync"))
